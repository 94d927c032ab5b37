"""The formats of logs: a table, and the readers of all that are not calls. A reader takes a log line by line: parse(line, text) gives
the events of a line, () for a blank or a mark, None for one that is not about memory, or raises LineError; finish() gives the events
that are left at the end, and LineErrors."""

import collections
import heapq
import pathlib
import re
from typing import NamedTuple

from kmemfuzz import heap
from kmemfuzz.import_calls import CallReader
from kmemfuzz.import_gdb import GdbReader
from kmemfuzz.import_words import WordsReader
from kmemfuzz.import_event import ALIGNED, ALLOC, FREE, LINE_MOST, REALLOC, ZALLOC, LineError, number, pointer

REORDERED = 4096  # events of a kernel's trace that wait for earlier ones of other processors
PAGE_SIZE = 4096  # of the machine that a kernel's trace is of
WORDS = {"alloc": ALLOC, "zalloc": ZALLOC, "realloc": REALLOC, "free": FREE}  # of patterns
FREE_LAST = "free-last"  # of a file of patterns: frees what was allocated last
FREED = 64  # of the latest frees, that a realloc may be said to have made: other threads' are among them
SKIP = "skip"  # and this: says again what other lines say
GROUPS = {"pointer", "size", "old", "count", "alignment"}


class Reader:
    """What readers share: calls inside others, of which only some know."""
    nested = 0
    line_most = LINE_MOST
    is_certain = False  # is what it refuses a call in this format for sure, in any log

    def left_out(self, _text):
        return None

    def finish(self):
        return []


def _named(text):
    """An ID: a word, which a number in hexadecimal names as a pointer."""
    if text[:2] == "0x":
        try:
            return int(text, 16)
        except ValueError:
            pass
    return text


class PlainReader(Reader):
    """a ID SIZE, z ID SIZE, r ID SIZE, f ID."""
    KINDS = {"a": ALLOC, "z": ZALLOC, "r": REALLOC, "f": FREE}

    def parse(self, line, text):
        words = text.partition("#")[0].split()
        if not words:
            return ()
        kind = self.KINDS.get(words[0])
        if kind is None:
            raise LineError("word", f"'{words[0]}' is none of a, z, r and f")
        if len(words) == 1:
            raise LineError("id", f"'{words[0]}' needs an id after it")
        count = 2 if kind == FREE else 3
        if len(words) > count:
            raise LineError("words", f"'{words[count]}' is one word too many")
        size = 0 if kind == FREE else number(words[2] if len(words) > 2 else "")
        name = _named(words[1])
        if kind == FREE:
            return ((FREE, name, None, 0, 0, line),)
        old = name if kind == REALLOC else None
        return ((kind, old, None if kind == REALLOC and size == 0 else name, size, 0, line),)


class RepReader(PlainReader):
    """The traces of CMU's malloc lab: four numbers, then lines as in plain."""

    def __init__(self):
        self._numbers = 0

    def parse(self, line, text):
        if self._numbers < 4 and text.strip():
            if not text.strip().isdecimal():
                raise LineError("header", "a .rep file begins with four numbers, a line each")
            self._numbers += 1
            return ()
        return super().parse(line, text)


class MtraceReader(Reader):
    """What mtrace(3) of glibc writes; a line holds more when several processes wrote it."""
    CALL = re.compile(r"\s*(?:@ (?:(?! @ | [-+<>!] 0x).)*?(?:\[[^\][]*\]|:\d+) )?([-+<>!]) (0x[0-9a-f]+|\(nil\))(?: (0x[0-9a-f]+|0))?(?=\s|$)")
    MARK = re.compile(r"\s*= (?:Start|End)\s*$")

    def __init__(self):
        self._moving = []  # (what realloc was given, line), of those that have not ended

    def parse(self, line, text):
        events, at = [], 0
        end = len(text.rstrip())
        while at < end:
            match = self.CALL.match(text, at)
            if match is None:
                if at == 0 and self.MARK.match(text):
                    return ()
                raise LineError("mtrace", f"this is no call as mtrace writes it: '{text[at:end].strip()}'")
            at = match.end()
            sign, first, size = match.groups()
            if (size is None) != (sign in "-<"):
                raise LineError(f"size of {sign}", f"'{sign}' has {'a size' if size else 'no size'} after its pointer")
            where = pointer(first)
            if sign == "+":
                events.append((ALLOC, None, where, int(size, 16), 0, line))
            elif sign == "-":
                events.append((FREE, where, None, 0, 0, line))
            elif sign == "!":
                events.append((REALLOC, where, None, int(size, 16), 0, line))
            elif sign == "<":
                self._moving.append((where, line))
            elif not self._moving:
                raise LineError("no realloc", "no realloc was begun (<) before this")
            else:
                old, begun = self._moving.pop(0)
                events.append((REALLOC, old, where, int(size, 16), begun, line))
        return events

    def finish(self):
        return [LineError("moving", f"the log ends in the realloc that line {line} began") for _, line in self._moving]


class KernelReader(Reader):
    """Events of Linux: ftrace, trace-cmd and perf script."""
    EVENT = re.compile(r"(?:^|[\s:])(?:kmem:)?(kmalloc(?:_node)?|kmem_cache_alloc(?:_node)?|kfree|kmem_cache_free|mm_page_alloc|mm_page_free): (.*)")
    TIME = re.compile(r"\s(\d{1,18})\.(\d{1,9}):\s")
    FIELD = re.compile(r"\b(\w+)=(\S+)")

    def __init__(self):
        self._waiting = []  # a heap of (time, order, event)
        self._count = 0

    def parse(self, line, text):
        match = self.EVENT.search(text)
        if not match:
            return () if not text.strip() or text.lstrip().startswith("#") else None
        fields = dict(self.FIELD.findall(match[2]))
        name = match[1]
        try:
            event = self._event(name, fields, line)
        except KeyError as error:
            raise LineError("field", f"{name} lacks {error.args[0]}=") from error
        time = self.TIME.search(text)
        if time is None:
            return (event,)
        self._count += 1
        item = ((int(time[1]), int(time[2].ljust(9, "0"))), self._count, event)
        if len(self._waiting) < REORDERED:
            heapq.heappush(self._waiting, item)
            return ()
        return (heapq.heappushpop(self._waiting, item)[2],)

    @staticmethod
    def _event(name, fields, line):
        if name.startswith("mm_page"):
            failed = fields["pfn"] in ("(null)", "0x0", "0", "-1") or fields.get("page") == "(null)"
            page = None if failed else f"page {fields['pfn']}"
            if name == "mm_page_free":
                return (FREE, page, None, 0, 0, line)
            return (ALLOC, None, page, PAGE_SIZE << min(number(fields["order"]), 30), 0, line)
        where = fields["ptr"]
        # Hashed pointers have no 0x, and may be digits only.
        where = int(where, 16) or None if re.fullmatch("[0-9a-f]{8,16}", where) else pointer(where)
        if "free" in name:
            return (FREE, where, None, 0, 0, line)
        kind = ZALLOC if "__GFP_ZERO" in fields.get("gfp_flags", "") else ALLOC
        return (kind, None, where, number(fields["bytes_req"]), 0, line)

    def finish(self):
        return [item[2] for item in sorted(self._waiting)]


class ListReader(Reader):
    """Alloc(SIZE), Realloc(INDEX, SIZE) and Free(INDEX), as a program prints a list: an index counts the allocations from 0."""
    line_most = 1 << 26  # a list is often one line
    CALL = re.compile(r"\b(Alloc|Allocate|Malloc|AllocZeroed|Free|Dealloc|Deallocate|Realloc)\s*[({]\s*(?:Layout\s*[({])?([^(){}]*)[)}]")
    POWER = re.compile(r"\(1 << \d{1,2}\)")  # which Rust puts after an alignment
    NUMBER = re.compile(r"(?<!\w)(?:(\w{1,40})\s*:\s*)?(\d{1,20})(?!\w)")

    def __init__(self):
        self._count = 0

    def parse(self, line, text):
        events = []
        for match in self.CALL.finditer(self.POWER.sub("", text)):
            numbers = self.NUMBER.findall(match[2])
            names = {name: number(value) for name, value in numbers if name}
            values = [number(value) for _, value in numbers]
            kind, count = match[1], 2 if match[1] == "Realloc" else 1
            if len(values) < count:
                raise LineError("numbers", f"{kind} needs {count} number{'s' * (count > 1)}: '{match[2]}'")
            if kind in ("Free", "Dealloc", "Deallocate"):
                events.append((FREE, f"#{values[0]}", None, 0, 0, line))
            elif kind == "Realloc":
                size = names.get("new_size", names.get("size", values[1]))
                events.append((REALLOC, f"#{values[0]}", f"#{values[0]}" if size else None, size, 0, line))
            else:
                alignment = names.get("align", names.get("alignment", 0))
                kind = ALIGNED if alignment else ZALLOC if kind == "AllocZeroed" else ALLOC
                events.append((kind, None, f"#{self._count}", names.get("size", values[0]), alignment, line))
                self._count += 1
        return events or (() if not re.search(r"\w", text) else None)


class PatternReader(Reader):
    """Lines of one's own, by regular expressions with named groups: (word, compiled) pairs."""

    def __init__(self, patterns):
        self._patterns = patterns
        self._last = None  # pointer that was allocated
        self._sizes = {}  # of live blocks, by pointer
        self._freed = collections.deque(maxlen=FREED)  # pointers

    def parse(self, line, text):
        found = sorted(((match.start(), -match.end(), order, word, match) for order, (word, pattern) in enumerate(self._patterns)
                        for match in pattern.finditer(text)), key=lambda item: item[:3])
        kept = []
        for item in found:  # of matches that overlap, the longest
            if not kept or item[0] >= -kept[-1][1]:
                kept.append(item)
            elif item[0] + item[1] < kept[-1][0] + kept[-1][1]:
                kept[-1] = item
        events = []
        for *_, word, match in kept:
            if word == SKIP:
                continue
            event = (FREE, self._last, None, 0, 0, line) if word == FREE_LAST else self._event(word, match.groupdict(), line)
            if self._is_new(event):
                events.append(event)
            if event[0] != FREE:
                self._last = event[2]
        return events or (None if text.strip() and not kept else ())

    def _is_new(self, event):
        """Whether an event is one, and no realloc that moved a block by calls that are lines as well."""
        kind, old, new, size, *_ = event
        if kind == REALLOC and new is not None and self._sizes.get(new) == size and old not in self._sizes and old in self._freed:
            return False
        if old is not None and (kind == FREE or new is not None):
            self._sizes.pop(old, None)
            self._freed.append(old)
        if new is not None:
            self._sizes[new] = size
        return True

    @staticmethod
    def _event(word, groups, line):
        def where(name):
            text = (groups.get(name) or "").strip()
            try:
                return pointer(text)
            except LineError:
                return text or None
        if word != "free" and not groups["size"]:
            raise LineError("no size", f"the expression for {word} finds no size in this line")
        if word == "free" and not groups["pointer"]:
            raise LineError("no pointer", "the expression for free finds no pointer in this line")
        size = number((groups.get("size") or "0").strip()) * number((groups.get("count") or "1").strip())
        alignment = number((groups.get("alignment") or "0").strip())
        if word == "free":
            return (FREE, where("pointer"), None, 0, 0, line)
        if word == "realloc":
            return (REALLOC, where("old"), where("pointer"), size, 0, line)
        return (ALIGNED if alignment else WORDS[word], None, where("pointer"), size, alignment, line)


class PatternError(Exception):
    """What is wrong with a pattern, in words for a person."""


def compile_pattern(word, text):
    """(word, compiled) of a pattern. Raises PatternError."""
    try:
        pattern = re.compile(text)
    except re.error as error:
        raise PatternError(f"'{text}' is no regular expression: {error}") from error
    groups = set(pattern.groupindex)
    if groups - GROUPS:
        raise PatternError(f"'{text}' names a group {min(groups - GROUPS)}; there are {', '.join(sorted(GROUPS))}")
    missing = {"free": {"pointer"}, FREE_LAST: set(), SKIP: set(), "realloc": {"old", "pointer", "size"}}.get(word, {"pointer", "size"}) - groups
    if missing:
        raise PatternError(f"'{text}' needs a group (?P<{min(missing)}>...)")
    return word, pattern


class Format(NamedTuple):
    """A row of the table."""
    name: str
    what: str
    examples: tuple
    reader: object  # makes one
    names: tuple = ()  # others that --format takes


def read_patterns(path):
    """The format that a file of patterns describes. Raises OSError, PatternError."""
    what, examples, patterns = "", [], []
    if pathlib.Path(path).is_dir():
        raise PatternError(f"{path} is a folder")
    with open(path, encoding="utf-8", errors="surrogateescape") as stream:
        for count, line in enumerate(map(str.strip, stream), 1):
            word, _, rest = line.partition(" ")
            if word == "#":
                what = what or rest
            elif word == "example" and rest:
                examples.append(rest)
            elif word in (*WORDS, FREE_LAST, SKIP) and rest:
                try:
                    patterns.append(compile_pattern(word, rest))
                except PatternError as error:
                    raise PatternError(f"{path}:{count}: {error}") from error
            elif line:
                raise PatternError(f"{path}:{count}: a line is one of: # TEXT, example LINE, {', '.join(f'{word} REGEX' for word in (*WORDS, FREE_LAST, SKIP))}")
    if not patterns:
        raise PatternError(f"{path} has no pattern")
    return Format(pathlib.Path(path).stem, what, tuple(examples), lambda: PatternReader(patterns))


TABLE = (
    Format("plain", "lines for a program to write of itself", ("a packet 60", "z table 256", "r packet 1500", "f table"), PlainReader),
    Format("rep", "the traces of CMU's malloc lab, by their four numbers", ("20000", "1", "2", "1", "a 0 512", "f 0"), RepReader),
    Format("mtrace", "glibc's mtrace(3)", ("@ ./my program:(main+0x1b)[0x5575ff1b] + 0x55760a2a0 0x18",), MtraceReader),
    Format("calls", "calls: of ltrace with any options, valgrind --trace-malloc=yes, printf",
           ("[pid 7] 10:21:07.5 app->malloc(24) = 0x5564f2a0", "--31-- calloc(3,16) = 0x4A430A0", "free 0x20: my_free(0x5564f2a0) -> done"),
           CallReader, ("ltrace", "valgrind")),
    Format("kernel", "Linux: ftrace, trace-cmd, perf script",
           ("cat-7 [000] 12.345678: kmalloc: call_site=f+0x1 ptr=0xffff8880034c bytes_req=24 bytes_alloc=32 gfp_flags=GFP_KERNEL",
            "cat 7 [001] 12.345679: kmem:kfree: call_site=f+0x9 ptr=0xffff8880034c",
            "cat-7 [000] 12.345680: mm_page_alloc: page=0xffffea00 pfn=0x1044 order=0 migratetype=0"),
           KernelReader, ("ftrace", "trace-cmd", "perf")),
    Format("list", "lists that programs print: an index counts the allocations from 0", ("[Alloc(24), Alloc { size: 8, align: 16 }, Free(0)]",),
           ListReader),
    Format("gdb", "transcripts of gdb: break and finish, print and call",
           ("Breakpoint 1, kmalloc (size=24) at heap.c:10", "Value returned is $1 = (void *) 0x80400008", "(gdb) call kfree($1)"), GdbReader),
)
# In which any other line may be one by accident: other formats come before it.
WORDS_FORMAT = Format("words", "lines in words, of any order that leaves no doubt",
                      ('[0.002] HEAP: Allocated 8 bytes @ 0x3ffaff6c from task "main"', "[0.003] HEAP: Freed bytes @ 0x3ffaff6c from task \"main\"",
                       "alloc size=64 -> 0x20001000", "realloc ptr=0x20001000 size=96 -> 0x20002000", "free ptr=0x20002000"), WordsReader)


def formats():
    """The table, with the formats of the pattern files that kmemfuzz comes with."""
    folder = heap.SOURCES and heap.SOURCES / "fuzz" / "data" / "patterns"
    return (*TABLE, *(read_patterns(path) for path in (sorted(folder.glob("*.patterns")) if folder else ())), WORDS_FORMAT)
