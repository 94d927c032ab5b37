"""Lines that look like calls of an allocator, as ltrace, valgrind, debuggers and printf write them:

    [PREFIX] [RESULT =] NAME[@LIBRARY](ARGUMENTS) [= RESULT]

A call that another thread's lines interrupt counts where memory changes hands: a free where it begins, any other where it ends.
What an allocator calls while one of its own calls is open is a part of that call."""

import re

from kmemfuzz.import_event import ALIGNED, ALLOC, FREE, LINE_MOST, REALLOC, SIZE_MOST, ZALLOC, LineError, Unshown, number, pointer

# What the arguments of a function are, by its name without what libraries put in front: s a size, c a count, a an alignment, p a
# pointer; - is of no interest. More may follow: flags, or what ltrace guesses.
SHAPES = {
    "malloc": (ALLOC, "s"), "alloc": (ALLOC, "s"), "valloc": (ALLOC, "s"), "pvalloc": (ALLOC, "s"), "zalloc": (ZALLOC, "s"),
    "calloc": (ZALLOC, "cs"), "realloc": (REALLOC, "ps"), "reallocf": (REALLOC, "ps"), "reallocarray": (REALLOC, "pcs"),
    "memalign": (ALIGNED, "as"), "aligned_alloc": (ALIGNED, "as"), "posix_memalign": (ALIGNED, "-as"),
    "free": (FREE, "p"), "cfree": (FREE, "p"), "operator new": (ALLOC, "s"), "operator new[]": (ALLOC, "s"),
    "operator delete": (FREE, "p"), "operator delete[]": (FREE, "p"), "_Znwm": (ALLOC, "s"), "_Znam": (ALLOC, "s"), "_Znwj": (ALLOC, "s"),
    "_Znaj": (ALLOC, "s"), "_ZdlPv": (FREE, "p"), "_ZdaPv": (FREE, "p"), "_ZdlPvm": (FREE, "p"), "_ZdaPvm": (FREE, "p"),
    "_ZnwmSt11align_val_t": (ALIGNED, "sa"), "_ZnamSt11align_val_t": (ALIGNED, "sa"), "_ZdlPvSt11align_val_t": (FREE, "p"),
    "_ZdaPvSt11align_val_t": (FREE, "p"), "_ZdlPvmSt11align_val_t": (FREE, "p"), "_ZdaPvmSt11align_val_t": (FREE, "p"),
    "PortMalloc": (ALLOC, "s"), "PortFree": (FREE, "p"), "PortCalloc": (ZALLOC, "cs"), "PortRealloc": (REALLOC, "ps"),
}
FRONTS = ("__libc_", "__GI___libc_", "__interceptor_", "__wrap_", "__real_", "_", "__", "je_", "mi_", "tc_", "g_", "rt_", "k_", "os_", "my_",
          "mem_", "heap_", "heap_caps_", "umm_", "lv_", "sys_", "kmem_", "dl", "x", "k", "kv", "v", "p", "pv")
_NAMES = "|".join(sorted(map(re.escape, SHAPES), key=len, reverse=True))
# A name, with what C++ says its arguments are, and the library it is of.
NAME = (rf"(?:{'|'.join(sorted(FRONTS, key=len, reverse=True))})?({_NAMES})(\((?:unsigned|void|std::)[^()]{{0,80}}\))?"
         r"(?:@@?[\w.+-]{1,200})?")
_START = re.compile(rf"(?<![\w.]){NAME}\s{{0,40}}\(")
_ARGUMENTS = r"([^()]*(?:\((?:nil|null|void ?\*|char ?\*)\)[^()]*)*)"
_END = re.compile(_ARGUMENTS + r"\)(?:\s*(?:=> return|->|=>|[=:@]|returned|returns)\s*"
                  r"(<void>|void|\(?nil\)?|NULL|\(null\)|0x[0-9A-Fa-f]+|[0-9A-Fa-f]+)(?![\w(]))?")
_OPEN = re.compile(_ARGUMENTS + r"<(?:unfinished|no return) \.\.\.>\s*$")
_REPORT = re.compile(r"\s*==[\d:. ]{1,40}== ")  # what valgrind's tools say, as of "free (vg_replace_malloc.c:872)"
# What valgrind says in the middle of a line, and the result after it, in a line of its own; such a call waits as if of a thread.
_INTERRUPTED = "realloc() with size 0"
_LATE = re.compile(r"\s*--\d{1,20}--\s+=\s*(0x[0-9A-Fa-f]{1,16})\s*$")
_FRONT = re.compile(r"(0x[0-9A-Fa-f]+|\(?nil\)?|NULL)\s*(?:=|<-|:)\s*(?:[\w.]+(?:->|::))?$")
_FRONT_MOST = 200  # characters of it
_RESUMED = re.compile(rf"<\.\.\. {NAME} resumed>(.*)$")
_RESULT = re.compile(r"[\s)]*=\s*(\S+)(?:\s+<[0-9.]+>)?\s*$")
_RETURNED = re.compile(r"\)\s{0,99}=\s(0x[0-9A-Fa-f]{1,16})(?: <[0-9.]{1,20}>)?\s*$")
# What stores the pointer to a block where its first argument points.
_STORES = re.compile(r"\b(?:__)?(?:getline|getdelim|v?asprintf)(?:_chk)?(?:@[\w.+-]{1,200})?\((0x[0-9A-Fa-f]{1,16}),[^()]*(\)\s{0,99}=|<unfinished)")
_THREAD = re.compile(r"\s*(?:\[pid\s+(\d+)\]|(\d+)(?=\s))")
_ARGUMENT = re.compile(r"(?:[A-Za-z_][\w ]*?\s*[=: ]\s*)?(?:\((?:void|char) ?\*\)\s*)?"
                       r"(\(?nil\)?|NULL|\(null\)|-?[0-9][0-9A-Za-z]*|[0-9a-f]+)\s*(?:bytes|B)?")
_ARGUMENT_MOST = 100  # characters of one
# The plainest lines, which most logs are full of.
_PLAIN = re.compile(r"\s*(?:\[pid +(\d+)\] |(\d+) |--\d+-- )?(?:[\d:.]+ )?(?:[\w./+-]+->)?"
                    r"(?:malloc\((\d{1,20})\)|free\((0x[0-9A-Fa-f]+)\)|realloc\((0x[0-9A-Fa-f]+), ?(\d{1,20})\)|calloc\((\d{1,20}), ?(\d{1,20})\))"
                    r" {0,99}(?:= (?:(0x[0-9A-Fa-f]+)|<void>)(?: <[0-9.]+>)?)?\s*$")
_VOIDS = ("<void>", "void")


def _is_mark(text, sign):
    """Whether ltrace says of a program that it has ended (+++), or of a signal (---)."""
    text = text.rstrip()
    return text.endswith(f" {sign}") and f"{sign} " in text[:-len(sign)]


def _called(match):
    """The name in SHAPES of a matched NAME."""
    return "_ZnwmSt11align_val_t" if match[2] and "align_val_t" in match[2] and "new" in match[1] else match[1]


def _value(what, text):
    """The value of an argument. Raises LineError."""
    text = text.strip()
    match = _ARGUMENT.fullmatch(text) if len(text) <= _ARGUMENT_MOST else None
    if not match:
        raise LineError(f"argument {what}", f"'{text}' is no {'pointer' if what == 'p' else 'size'}")
    if what == "p":
        return pointer(match[1])
    return number(match[1]) if match[1][0] != "-" else -number(match[1][1:]) % (1 << 64)


def event_of(name, arguments, result, line):
    """The event of a call whose arguments and result are text; result None: the log has none. Raises LineError."""
    kind, shape = SHAPES[name]
    values = arguments.split(",")
    if len(values) < len(shape) or (len(values) > len(shape) and shape in ("p", "ps", "cs") and "=" not in arguments and
                                    name in ("free", "realloc", "calloc", "malloc") and values[len(shape)].strip() == ""):
        raise LineError("arguments", f"this is less than a call of {name}: '{arguments.strip()}'")
    given = {"c": 1, "a": 0, "s": 0, "p": None}
    for what, text in zip(shape, values):
        if what != "-":
            given[what] = _value(what, text)
    if kind == FREE:
        if result is not None and result not in _VOIDS and name[:2] not in ("_Z", "op") and pointer(result) not in (None, given["p"]):
            raise LineError("void", f"a free returns nothing, and this one {result}")
        return (FREE, given["p"], None, 0, 0, line)
    if result is None and given["c"] * given["s"] > SIZE_MOST:
        result = "NULL"  # of which valgrind says no result
    if result is None or result in _VOIDS:
        raise LineError("result", f"what {name} returned is missing")
    if shape[0] == "-":  # the pointer is stored elsewhere, and 0 is success
        return (kind, None, None if number(result) else Unshown(line), given["s"], given["a"], line)
    return (kind, given["p"], pointer(result), given["c"] * given["s"], given["a"], line)


def got_elsewhere(text):
    """What a line that is left out returned, as left_out() has it: a call of a function that is no allocator's."""
    match = _RETURNED.search(text)
    return (None, pointer(match[1])) if match and match[1] not in text[:match.start()] else None


class Open:
    """A call that has not returned."""
    __slots__ = ("name", "arguments", "line", "inner")

    def __init__(self, name, arguments, line):
        self.name, self.arguments, self.line = name, arguments, line
        self.inner = 0  # calls inside it

    def died(self):
        """The events of a call in which its thread ended: what it returned has no name in the log. Raises LineError."""
        if self.inner:
            raise LineError("never", f"this {self.name} never returns, and {self.inner:,} call{'s' * (self.inner > 1)} of its thread "
                            f"follow{'s' * (self.inner == 1)}", self.line)
        if SHAPES[self.name][0] == FREE:
            return ()
        kind, old, _, size, alignment, line = event_of(self.name, self.arguments, "0", self.line)
        return ((kind, old, f"line {line}", size, alignment, line),)


class CallReader:
    """Reads such lines one by one."""
    line_most = LINE_MOST
    is_certain = False

    def __init__(self):
        self._open = {}  # by thread: the calls that have not returned, if there are any; the first one counts
        self.nested = 0  # calls inside others
        self._seen_inside = set()  # where those store that others interrupt: it may be a pointer that the log shows

    def _thread(self, text):
        match = _THREAD.match(text)
        return match and (match[1] or match[2])

    def _resume(self, text, line):
        match = _RESUMED.search(text)
        if not match:
            if _START.search(text):
                raise LineError("resumed", "another call stands in a resumed one")
            return None
        thread = self._thread(text)
        calls = self._open.get(thread)
        if not calls or calls[-1].name != _called(match):
            self._open.pop(thread, None)
            raise LineError("resumed nothing", f"this thread has begun no {match[1]} that could be resumed")
        call = calls.pop()
        if not calls:
            del self._open[thread]
        result = _RESULT.match(match[3])
        if _START.search(match[3]) or not result:
            raise LineError("resumed", "more, or less, than a result follows a resumed call")
        kind = SHAPES[call.name][0]
        if calls or kind == FREE:
            return ()
        event = event_of(call.name, call.arguments, result[1], line)
        return ((*event[:4], call.line, line) if kind == REALLOC else event,)

    def _begin(self, thread, call):
        """The events of a call that others interrupt."""
        calls = self._open.get(thread)
        if calls:
            calls[0].inner += 1
            self.nested += 1
            calls.append(call)
            return ()
        self._open[thread] = [call]
        return (event_of(call.name, call.arguments, None, call.line),) if SHAPES[call.name][0] == FREE else ()

    def parse(self, line, text):
        """The events of a line; None: it is not about memory. Raises LineError."""
        match = _PLAIN.match(text)
        if match:
            process, thread, size, freed, old, new_size, count, unit, result = match.groups()
            if not self._open or (process or thread) not in self._open:
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
        for start in () if _REPORT.match(text) else _START.finditer(text):
            call = _END.match(text, start.end())
            if call is not None and not call[1].strip():  # a C library's complaint: "free(): invalid pointer"
                continue
            found = True
            if start.start() < end:
                continue
            name = _called(start)
            if call is None:
                opened = _OPEN.match(text, start.end())
                if opened is None:
                    raise LineError("call", f"this is more, or less, than a call of {name}")
                return [*events, *self._begin(self._thread(text), Open(name, opened[1], line))]
            end = call.end()
            result = call[2]
            if result is None and SHAPES[name][0] != FREE:
                before = _FRONT.search(text, max(start.start() - _FRONT_MOST, 0), start.start())
                if before is None:
                    if text.rstrip().endswith(_INTERRUPTED):
                        return [*events, *self._begin(_INTERRUPTED, Open(name, call[1], line))]
                    if SHAPES[name][0] == REALLOC:  # valgrind: realloc(0x0,24)malloc(24) = 0x10
                        waiting = name
                        continue
                else:
                    result = before[1]
            events.append(event_of(name, call[1], result, line))
            waiting = None
        if waiting:
            raise LineError("result", f"what {waiting} returned is missing")
        if not found:
            late = _INTERRUPTED in self._open and _LATE.match(text)
            if late:
                call, = self._open.pop(_INTERRUPTED)
                return ((*event_of(call.name, call.arguments, late[1], line)[:4], call.line, line),)
            if _is_mark(text, "+++"):
                calls = self._open.pop(self._thread(text), None)
                return calls[0].died() if calls else ()
            return () if not text.strip() or _is_mark(text, "---") else None
        calls = self._open and self._open.get(self._thread(text))
        if calls:
            calls[0].inner += len(events)
            self.nested += len(events)
            return ()
        return events

    def left_out(self, text):
        """What a line that is left out got from elsewhere: (where it is stored, the pointer), one of them None; None: nothing."""
        match = _STORES.search(text)
        if match:
            if match[2] == "<unfinished":
                self._seen_inside.add(match[1])
            return None if match[1] in self._seen_inside else (match[1], None)
        return got_elsewhere(text)

    def finish(self):
        """The events of the calls that never returned, or LineErrors."""
        for calls in self._open.values():
            try:
                yield from calls[0].died()
            except LineError as error:
                error.line = calls[0].line
                yield error
