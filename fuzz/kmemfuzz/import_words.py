"""Lines in words: a verb, and after it the numbers and the pointers that it takes, in any order that leaves no doubt.

    [0.002] HEAP: Allocated 8 bytes @ 0x3ffaff6c from task "main"        realloc ptr=0x2000 size=48 -> 0x3000

A line that leaves a doubt is none of a call."""

import functools
import re

from kmemfuzz.import_calls import got_elsewhere
from kmemfuzz.import_event import ALIGNED, ALLOC, FREE, LINE_MOST, REALLOC, ZALLOC, LineError, pointer

_NULLS = r"\((?:nil|null)\)|\b(?:nil|null|NULL)\b"
# What a line is made of. Before values: places in sources, times and versions, and the power that Rust puts after an alignment.
_TOKEN = re.compile(r"(?<![\w./+-])[\w./+-]{1,200}\.(?:c|h|cc|cpp|cxx|hpp|rs|S):\d+|\(1 << \d{1,2}\)|\d{1,20}(?:[:.]\d{1,20})+"
                    rf"|(?P<pointer>0[xX][0-9A-Fa-f]{{1,16}}(?!\w)(?:-0x[0-9A-Fa-f]{{1,16}})?|{_NULLS}"
                    r"|(?<!\w)(?=[A-Fa-f]*\d)(?=\d*[A-Fa-f])[0-9A-Fa-f]{8,16}(?!\w))(?P<hex_unit> ?(?:bytes?|B)\b)?"
                    r"|(?<![\w#-])[\d,]{1,20} ?(?P<scale>(?:[KMGkm]i?B|[KMGk]|pages?|d?words?|units?|bits|blocks?|chunks?|objects?|items?|elements?)\b)"
                    r"|(?<![\w#-])(?P<number>\d{1,3}(?:,\d{3}){1,6}(?![\w,])|\d{1,20})(?P<unit> ?(?:bytes?|B)\b)?(?!\w)"
                    r"(?P<rest> (?:free|left|remaining|used|total|available|in use)\b)?"
                    r"|(?P<word>[A-Za-z_]\w{0,99}(?:'[dt]\b)?)(?P<assigned>\"?[=:](?=[^\s:])|\" ?:)?")
_VERB = re.compile(r"(?:\w*_|[kvx]|kv|pvport|vport|p|je)?(?:(?P<re>re-?m?alloc(?:at(?:e[sd]?|ing|ion))?|resiz(?:e[sd]?|ing))"
                   r"|(?P<free>(?:free[sd]?|freeing|d(?:e)?alloc(?:at(?:e[sd]?|ing|ion))?|released?|releasing)(?:_sized)?)"
                   r"|(?P<zero>[cz]m?alloc)|(?P<aligned>memalign|aligned_alloc|alloc_aligned|malloc_aligned)"
                   r"|(?P<plain>m?alloc(?:ed|'d|at(?:e[sd]?|ing|ion))?))", re.IGNORECASE)
_KINDS = {"re": REALLOC, "free": FREE, "zero": ZALLOC, "aligned": ALIGNED, "plain": ALLOC}
_SIZES = frozenset((*"size sz bytes nbytes len length req requested".split(), "new size", "old size"))
_COUNTS = frozenset("count nmemb n num".split())
_BARE = frozenset(("", "of", "x", "for", "to", "from", "failed"))
_POINTERS = frozenset("ptr p pointer pnt addr address block mem memory".split())
_BY_NAME = frozenset("ptr p pointer pnt addr address new old".split())  # after which an address needs no 0x
# What stands before a verb that says of a call, or of a block, what is no call.
_REPORTS = frozenset("double invalid bad illegal wrong missing unexpected error no to without ignoring skip skipping already still will would after before "
                     "merging splitting coalescing found first next last largest smallest total".split())
_NEGATIONS = frozenset("not never cannot".split())
_DENIALS = frozenset("twice leaked ignored rejected refused skipped".split())  # which stand anywhere
_EARLIER = frozenset(("old size", *"old was previously formerly".split()))  # of a size, not the one that is asked for
_FAILED = frozenset("failed fails failure".split())
_UNABLE = frozenset((("could", "not"), ("can", "not"), ("unable", "to")))
# What is free where a line says how much: "heap free: 0x12340", "Free memory: 0x3d090"; and what such a line says before that.
_ROOM = frozenset("memory mem heap space size ram stack list blocks pages".split())
_SUMMARY = frozenset("used total available largest".split())
# What a pointer may be besides that of the block.
_OTHERS = frozenset("by from caller ra pc lr site callsite heap pool zone arena fp handle task ctx context thread tid pid cpu in end next prev head list "
                    "header flags stack parent owner user module file line cache slab self this base ccount was".split())
# And that right before a verb.
_THINGS = frozenset("by caller ra pc lr site mutex lock rwlock spinlock semaphore sem task thread timer queue socket connection reference "
                    "ref".split())
_OTHERS |= _THINGS


@functools.lru_cache(4096)
def _kind(word):
    match = _VERB.fullmatch(word)
    return match and _KINDS[match.lastgroup]


@functools.lru_cache(4096)
def _label(word):
    """The last part of a name, in small letters: block_size and blockSize are a size; of a size that is old or new, both."""
    parts = [part.lower() for part in re.split("_|(?<=[a-z])(?=[A-Z])", word)]
    return f"{parts[0]} {parts[-1]}" if parts[0] in ("old", "new") and parts[-1] in _SIZES else parts[-1]


class Values:
    """What stands after a verb, up to the next one."""

    def __init__(self, kind, before=None):
        self.kind = kind
        self.pointers, self.sizes, self.bare, self.counts, self.alignment = [], [], [], [], 0
        self.new_sizes = []  # which count before the others
        self.failed = self.new_first = False
        self.is_free_word = False  # is the verb "free", which a word for room may go with
        self.is_room = False  # so it does: it frees what is live only
        self.is_reported = False  # is it what is said of a call, unless that failed
        self.is_doubtful = False
        if before:  # what is said by name before the verb counts too
            self.pointers, self.sizes, self.is_doubtful = before.pointers, before.sizes, before.is_doubtful

    def add_number(self, value, label, unit):
        self.is_doubtful |= label == "x" and self.kind != ZALLOC
        if label in ("align", "alignment"):
            self.alignment = value
        elif label == "new size":
            self.new_sizes.append(value)
        elif (label in _SIZES or unit) and label != "old size":
            self.sizes.append(value)
        elif label in _COUNTS:
            self.counts.append(value)
        elif label in _BARE:
            self.bare.append(value)

    def add_thousands(self, text, label, unit):
        """A number with commas, which are between two numbers where two belong."""
        values = [int(part) for part in text.split(",")]
        if unit and self.kind not in (ZALLOC, ALIGNED):
            self.add_number(int(text.replace(",", "")), label, unit)
        elif unit or label in _SIZES:
            self.is_doubtful = True
        else:
            for value in values:
                self.add_number(value, label, unit)

    def is_empty_of(self, kind):
        """Whether this is a verb of that kind and nothing after it."""
        return self.kind == kind and not (self.pointers or self.sizes or self.bare or self.counts)

    def event(self, line):
        """The event; None: these are no values of one. Raises LineError."""
        kind, sizes = self.kind, self.new_sizes or self.sizes or self.bare
        if self.is_doubtful or (kind == FREE if self.failed else self.is_reported):
            return None
        if kind == FREE:
            return (FREE, self.pointers[0], None, 0, 0, line) if len(self.pointers) == 1 else None
        if kind == REALLOC:
            if not self.pointers or len(sizes) != 1:
                return None
            if self.failed and len(self.pointers) == 1:
                self.pointers.append(None)
            if len(self.pointers) == 1:
                raise LineError("one pointer", "this realloc shows one pointer: whether the block moved is unknown")
            old, new, *others = reversed(self.pointers) if self.new_first else self.pointers
            return None if others or (self.failed and new) else (REALLOC, old, new, sizes[0], 0, line)
        if self.failed:
            self.pointers = [] if any(self.pointers) else [None]
        if kind == ZALLOC and len(self.sizes + self.bare + self.counts) == 2:
            first, second = self.sizes + self.bare + self.counts
            sizes = [first * second]
        if kind == ALIGNED and not self.alignment and len(sizes) == 2:
            self.alignment, *sizes = sizes
        if len(self.pointers) != 1 or len(sizes) != 1 or (kind == ALIGNED and not self.alignment):
            return None
        return (ALIGNED if self.alignment else kind, None, self.pointers[0], sizes[0], self.alignment, line)


class WordsReader:
    """Reads such lines one by one."""
    line_most = LINE_MOST
    is_certain = False
    nested = 0

    def __init__(self):
        self._live = set()  # pointers
        self._doubted = None  # the pointer of an allocation that is left out, in the line that is read

    def left_out(self, text):
        return (None, self._doubted) if self._doubted else got_elsewhere(text)

    def finish(self):
        return []

    @staticmethod
    def _begin(name, kind, before, said, is_named):
        """What a verb begins, after two words. is_named: it is the value of a name, as in op=free, and no state of a block."""
        values = Values(kind, before)
        is_unable = said in _UNABLE or said[1] == "cannot" or said[1].endswith("n't")
        values.failed = not _FAILED.isdisjoint(said) or (is_unable and name[-1] not in "dD")
        values.is_reported = said[1] in _REPORTS
        values.is_free_word = name.lower() == "free"
        if values.pointers and not is_named:
            if kind == FREE:
                values.is_reported |= name.lower() == "free"
            elif name[-1] == "d":
                values.is_reported |= bool(values.sizes) or said[1] == "is"
        return values

    def parse(self, line, text):
        found = []
        values = Values(None)
        label = word = ""
        adjacent, end = None, 0  # the pointer right before a verb, and where it ends
        is_named = is_denied = is_negated = is_summary = False
        for match in _TOKEN.finditer(text):
            name = match["word"]
            if name:
                kind = None if match["assigned"] and match["assigned"] != ":" else _kind(name)
                if kind is None:
                    word, label = label, _label(name)
                    is_named = bool(match["assigned"])
                    values.failed |= label in _FAILED and match["assigned"] in (None, ":")
                    is_negated |= label in _NEGATIONS or label.endswith("n't")
                    is_denied |= label in _DENIALS
                    is_summary |= label in _SUMMARY
                else:
                    if kind == ALLOC and values.is_empty_of(ZALLOC):  # k_calloc: alloc ...
                        kind = ZALLOC
                    if adjacent is not None and text[end:match.start()] == " " and not values.pointers:
                        values.pointers.append(adjacent)
                    values = self._begin(name, kind, values if values.kind is None else None, (word, label), is_named)
                    values.is_room = values.is_free_word and (bool(found) or is_summary or (label in _ROOM and text[:match.start()].lower().endswith(f"{label} ")))
                    found.append(values)
                    is_denied |= is_negated
                    label = word = ""
                    is_named = is_negated = False
                adjacent = None
                continue
            end = match.end()
            adjacent = None
            is_named = False
            values.is_doubtful |= "leak" in (word, label)
            number = match["number"]
            bare = number and not match["unit"] and not match["rest"] and len(number) >= 6 and label in _BY_NAME and number.isdigit() and number
            if match["pointer"] or bare:
                where = f"0x{bare}" if bare else match["pointer"].partition("-")[0].strip("()")
                where = pointer(where) if where[:2] in ("0x", "0X") else None if where[:1] in "nN" else int(where, 16)
                if match["hex_unit"] or (label in _SIZES and label != "bytes"):
                    values.add_number(where or 0, label, True)
                elif values.kind is None:
                    adjacent = None if label in _THINGS else where
                    if label in _POINTERS:
                        values.pointers.append(where)
                else:
                    is_other = label in _OTHERS and (label != "from" or values.kind != REALLOC)
                    values.is_room |= values.is_free_word and label in _ROOM and not (is_other and text[match.start() - 1] == "=")
                    if not is_other:
                        values.new_first |= not values.pointers and "new" in (word, label)
                        values.pointers.append(where)
            elif match["scale"]:
                values.is_doubtful |= values.kind is not None and not values.sizes
            elif number and not match["rest"] and _EARLIER.isdisjoint((word, label)) and (label, values.kind) != ("from", REALLOC):
                if values.kind is not None or match["unit"] or label in _SIZES:
                    add = values.add_number if number.isdigit() else values.add_thousands
                    values.is_doubtful |= text[:match.start()].endswith(("*", "* "))
                    add(int(number) if number.isdigit() else number, label, match["unit"])
            label = word = ""
        events = []
        self._doubted = None
        for values in found:
            event = values.event(line) if values.failed or not is_denied else None
            if event and not (values.is_room and event[1] not in self._live):
                events.append(event)
                self._live.discard(event[1])
                if event[2]:
                    self._live.add(event[2])
            elif values.is_doubtful and values.kind in (ALLOC, ZALLOC, ALIGNED) and len(values.pointers) == 1:
                self._doubted = values.pointers[0]
        return events or (None if text.strip() else ())
