"""Lines that look like calls of an allocator, as ltrace, valgrind, debuggers and printf write them:

    [PREFIX] [RESULT =] NAME[@LIBRARY](ARGUMENTS) [= RESULT]

A call that another thread's lines interrupt counts where memory changes hands: a free where it begins, any other where it ends.
What an allocator calls while one of its own calls is open is a part of that call."""

import re

from kmemfuzz.import_event import ALIGNED, ALLOC, FREE, REALLOC, ZALLOC, LineError, number, pointer

# What the arguments of a function are, by its name without what libraries put in front: s a size, c a count, a an alignment, p a
# pointer; - is of no interest. More may follow: flags, or what ltrace guesses.
SHAPES = {
    "malloc": (ALLOC, "s"), "alloc": (ALLOC, "s"), "valloc": (ALLOC, "s"), "pvalloc": (ALLOC, "s"), "zalloc": (ZALLOC, "s"),
    "calloc": (ZALLOC, "cs"), "realloc": (REALLOC, "ps"), "reallocf": (REALLOC, "ps"), "reallocarray": (REALLOC, "pcs"),
    "memalign": (ALIGNED, "as"), "aligned_alloc": (ALIGNED, "as"), "posix_memalign": (ALIGNED, "-as"),
    "free": (FREE, "p"), "cfree": (FREE, "p"), "operator new": (ALLOC, "s"), "operator new[]": (ALLOC, "s"),
    "operator delete": (FREE, "p"), "operator delete[]": (FREE, "p"), "_Znwm": (ALLOC, "s"), "_Znam": (ALLOC, "s"), "_Znwj": (ALLOC, "s"),
    "_Znaj": (ALLOC, "s"), "_ZdlPv": (FREE, "p"), "_ZdaPv": (FREE, "p"), "_ZdlPvm": (FREE, "p"), "_ZdaPvm": (FREE, "p"),
    "PortMalloc": (ALLOC, "s"), "PortFree": (FREE, "p"), "PortCalloc": (ZALLOC, "cs"), "PortRealloc": (REALLOC, "ps"),
}
FRONTS = ("__libc_", "__GI___libc_", "__interceptor_", "__wrap_", "__real_", "_", "__", "je_", "mi_", "tc_", "g_", "rt_", "k_", "os_", "my_",
          "mem_", "heap_", "heap_caps_", "umm_", "lv_", "sys_", "kmem_", "dl", "x", "k", "kv", "v", "p", "pv")
_NAMES = "|".join(sorted(map(re.escape, SHAPES), key=len, reverse=True))
_START = re.compile(rf"(?<![\w.])(?:{'|'.join(sorted(FRONTS, key=len, reverse=True))})?({_NAMES})(?:@@?[\w.+-]+)?\s*\(")
_END = re.compile(r"([^()]*)\)(?:\s*(?:->|=>|[=:@]|returned|returns)\s*(<void>|void|\(?nil\)?|NULL|\(null\)|0x[0-9A-Fa-f]+|[0-9A-Fa-f]+)(?![\w(]))?")
_OPEN = re.compile(r"([^()]*?)\s*<unfinished \.\.\.>\s*$")
_FRONT = re.compile(r"(0x[0-9A-Fa-f]+|\(?nil\)?|NULL)\s*(?:=|<-|:)\s*(?:[\w.]+(?:->|::))?$")
_RESUMED = re.compile(rf"<\.\.\. (?:{'|'.join(sorted(FRONTS, key=len, reverse=True))})?({_NAMES})(?:@@?[\w.+-]+)? resumed>(.*)$")
_RESULT = re.compile(r"[\s)]*=\s*(\S+)(?:\s+<[0-9.]+>)?\s*$")
_THREAD = re.compile(r"\s*(?:\[pid\s+(\d+)\]|(\d+)(?=\s))")
_ARGUMENT = re.compile(r"\s*(?:[A-Za-z_][\w ]*?\s*[=: ]\s*)?(\(?nil\)?|NULL|\(null\)|[0-9][0-9A-Za-z]*|[0-9a-f]+)\s*(?:bytes|B)?\s*")
_MARK = re.compile(r"(?:\+\+\+ .* \+\+\+|--- .* ---)\s*$")  # of ltrace: exits and signals
# The plainest lines, which most logs are full of.
_PLAIN = re.compile(r"\s*(?:\[pid +\d+\] |\d+ |--\d+-- )?(?:[\d:.]+ )?(?:[\w./+-]+->)?"
                    r"(?:malloc\((\d{1,20})\)|free\((0x[0-9A-Fa-f]+)\)|realloc\((0x[0-9A-Fa-f]+), ?(\d{1,20})\)|calloc\((\d{1,20}), ?(\d{1,20})\))"
                    r" *(?:= (?:(0x[0-9A-Fa-f]+)|<void>))?\s*$")
_VOIDS = ("<void>", "void")


def event_of(name, arguments, result, line):
    """The event of a call whose arguments and result are text; result None: the log has none. Raises LineError."""
    kind, shape = SHAPES[name]
    values = arguments.split(",")
    if len(values) < len(shape) or (len(values) > len(shape) and shape in ("p", "ps", "cs") and "=" not in arguments and
                                    name in ("free", "realloc", "calloc", "malloc") and values[len(shape)].strip() == ""):
        raise LineError("arguments", f"this is less than a call of {name}: '{arguments.strip()}'")
    given = {"c": 1, "a": 0, "s": 0, "p": None}
    for what, text in zip(shape, values):
        match = _ARGUMENT.fullmatch(text)
        if what == "-":
            continue
        if not match:
            raise LineError(f"argument {what}", f"'{text.strip()}' is no {'pointer' if what == 'p' else 'size'}")
        given[what] = pointer(match[1]) if what == "p" else number(match[1])
    if kind == FREE:
        if result is not None and result not in _VOIDS and pointer(result) not in (None, given["p"]):
            raise LineError("void", f"a free returns nothing, and this one {result}")
        return (FREE, given["p"], None, 0, 0, line)
    if shape[0] == "-":
        raise LineError("elsewhere", f"{name} stores its pointer elsewhere, which the log does not show")
    if result is None or result in _VOIDS:
        raise LineError("result", f"what {name} returned is missing")
    return (kind, given["p"], pointer(result), given["c"] * given["s"], given["a"], line)


class CallReader:
    """Reads such lines one by one."""

    def __init__(self):
        self._open = {}  # by thread: [name, arguments, line, whether it counts] of the calls that have not returned
        self._is_open = 0  # how many there are
        self.nested = 0  # calls inside others

    def _thread(self, text):
        match = _THREAD.match(text)
        return match and (match[1] or match[2])

    def _resume(self, text, line):
        match = _RESUMED.search(text)
        if not match:
            if _START.search(text):
                raise LineError("resumed", "another call stands in a resumed one")
            return None
        calls = self._open.get(self._thread(text))
        if not calls or calls[-1][0] != match[1]:
            raise LineError("resumed nothing", f"this thread has begun no {match[1]} that could be resumed")
        name, arguments, _, counts = calls.pop()
        self._is_open -= 1
        result = _RESULT.match(match[2])
        if _START.search(match[2]) or not result:
            raise LineError("resumed", "more, or less, than a result follows a resumed call")
        if not counts or SHAPES[name][0] == FREE:
            return ()
        return (event_of(name, arguments, result[1], line),)

    def parse(self, line, text):
        """The events of a line; None: it is not about memory. Raises LineError."""
        if not self._is_open:
            match = _PLAIN.match(text)
            if match:
                size, freed, old, new_size, count, unit, result = match.groups()
                if freed:
                    if result is None:
                        return ((FREE, int(freed, 16) or None, None, 0, 0, line),)
                elif result:
                    result = int(result, 16) or None
                    if size:
                        return ((ALLOC, None, result, int(size), 0, line),)
                    if old:
                        return ((REALLOC, int(old, 16) or None, result, int(new_size), 0, line),)
                    return ((ZALLOC, None, result, int(count) * int(unit), 0, line),)
        if "<..." in text:
            return self._resume(text, line)
        events, found, end, waiting = [], False, 0, None
        for start in _START.finditer(text):
            found = True
            if start.start() < end:
                continue
            name = start[1]
            call = _END.match(text, start.end())
            if call is None:
                opened = _OPEN.match(text, start.end())
                if opened is None:
                    raise LineError("call", f"this is more, or less, than a call of {name}")
                calls = self._open.setdefault(self._thread(text), [])
                counts = not calls
                calls.append((name, opened[1], line, counts))
                self._is_open += 1
                if counts and SHAPES[name][0] == FREE:
                    events.append(event_of(name, opened[1], None, line))
                return events
            end = call.end()
            result = call[2]
            if result is None and SHAPES[name][0] != FREE:
                before = _FRONT.search(text, 0, start.start())
                if before is None:
                    if SHAPES[name][0] == REALLOC:  # valgrind: realloc(0x0,24)malloc(24) = 0x10
                        waiting = name
                        continue
                    raise LineError("result", f"what {name} returned is missing")
                result = before[1]
            events.append(event_of(name, call[1], result, line))
            waiting = None
        if waiting:
            raise LineError("result", f"what {waiting} returned is missing")
        if not found:
            return () if not text.strip() or _MARK.search(text) else None
        if self._is_open and self._open.get(self._thread(text)):
            self.nested += len(events)
            return ()
        return events

    def finish(self):
        """The events of the calls that never returned, in which the program ended: what they returned has no name in the log."""
        begun = [calls[0] for calls in self._open.values() if calls and SHAPES[calls[0][0]][0] != FREE]
        events = [event_of(name, arguments, "0", line) for name, arguments, line, _ in begun]
        return [(kind, old, f"line {line}", size, alignment, line) for kind, old, _, size, alignment, line in events]
