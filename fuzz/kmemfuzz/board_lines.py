"""Parses what a board prints, as fuzz/execute/line.h and fuzz/board/replay.c write it. A line matches its pattern in full or is
refused."""

import contextlib
import re
from typing import NamedTuple

from kmemfuzz.outside_text import excerpt

ARENA_SIZE = (2 << 20) + 4096  # ARENA_CAPACITY in fuzz/execute/arena.h: what a heap can reserve at most
LINE_SIZE = 4096  # bytes a line may have; several times LINE_SIZE in fuzz/execute/line.h
FORMAT = 1  # IMAGE_FORMAT in fuzz/board/image.h


class EnvironmentFailure(Exception):
    """Something the replay needs is not there or not as it must be: exit code 3."""


class BadLine(EnvironmentFailure):
    """A line that no image writes, or that may not stand where it does."""


# How each kind of word is written. That is not left to int, which takes underscores, signs, blanks and digits of any script.
_DECIMAL = r"(?:0|[1-9][0-9]{0,9})"
_HEXADECIMAL = r"(?:0|[1-9a-f][0-9a-f]{0,15})"
_WORDS = {"decimal": _DECIMAL, "hexadecimal": _HEXADECIMAL, "signed": f"-?{_HEXADECIMAL}", "id": r"(?:-|[a-z][a-z0-9-]*)",
          "text": r"[!-~\t]+", "offset": f"(?:-|{_HEXADECIMAL})", "digest": _HEXADECIMAL,
          "shadow": r"(?:-|(?:[0-9a-f]{2}){48})", "message": r"[ -~]+"}
_VALUES = {"decimal": int, "hexadecimal": lambda word: int(word, 16), "signed": lambda word: int(word, 16),
           "text": lambda word: word.replace("\t", " ")}  # their blanks come as tabs
_PLACE = "program_counter:hexadecimal ra:hexadecimal sp:hexadecimal"
_STOPPED = "index:decimal operation:decimal"

# Every line by its first word: the names of its other words, and how each is written.
_LINES = {
    "BOOT": "format:decimal xlen:decimal inputs:decimal start:decimal end:decimal",
    "END": "inputs:decimal sound:decimal violation:decimal fault:decimal hang:decimal report:decimal",
    "ERROR": "code:decimal text:message",
    "TRAP": f"cause:hexadecimal value:hexadecimal {_PLACE}",
    "T": "index:decimal operation:decimal offset:offset digest:digest",
    "M": "index:decimal start:hexadecimal reserved:decimal granted:decimal mapped:decimal page_faults:decimal",
    "V": "index:decimal operations:decimal oracle:id offset:hexadecimal expected:hexadecimal observed:hexadecimal "
         "digest:hexadecimal",
    "F": f"{_STOPPED} cause:hexadecimal value:hexadecimal {_PLACE}",
    "H": f"{_STOPPED} {_PLACE}",
    "S": f"{_STOPPED} error:id access:id address:hexadecimal size:hexadecimal bad:hexadecimal {_PLACE} shadow:shadow",
    "U": f"{_STOPPED} error:id access:id file:text file_line:decimal column:decimal type:text left:signed right:signed "
         f"{_PLACE}",
}
_FIELDS = {word: [field.split(":") for field in fields.split()] for word, fields in _LINES.items()}
_PATTERNS = {word: re.compile(" ".join([word, *(f"({_WORDS[kind]})" for _, kind in fields)]), re.ASCII)
             for word, fields in _FIELDS.items()}
_START = re.compile(rf"(?<![0-9A-Za-z_])(?:{'|'.join(_LINES)}) ", re.ASCII)


def parse_line(line):
    """(its first word, the values of the others by name). Raises BadLine."""
    word = line.partition(" ")[0]
    if word not in _PATTERNS:
        raise BadLine(f"a line of no known kind: {excerpt(line)}")
    match = _PATTERNS[word].fullmatch(line)
    if match is None:
        raise BadLine(f"a line that begins with {word} and is none of its kind: {excerpt(line)}")
    return word, {name: _VALUES.get(kind, str)(text) for (name, kind), text in zip(_FIELDS[word], match.groups())}


def find_line(text):
    """(first word, values, the line itself) of the line that a text ends with, whatever stands in front of it; (None, None, "")
    when there is none."""
    for match in _START.finditer(text):
        line = text[match.start():].rstrip(" \t")
        with contextlib.suppress(BadLine):
            return *parse_line(line), line
    return None, None, ""


class Memory(NamedTuple):
    """The virtual memory of an input's heap: where it starts, and pages of 4 KiB."""
    start: int
    reserved: int
    granted: int
    mapped: int
    page_faults: int

    def place(self, address):
        """Where an address lies, as seen from the heap; None when it is far away."""
        if self.reserved == 0:  # there is no heap yet
            return None
        end = self.start + 4096 * self.granted
        if self.start <= address < end:
            return "in the heap's pages"
        if self.start - 4096 <= address < self.start:
            return "in front of the heap's pages"
        if end <= address < self.start + ARENA_SIZE:
            reserved = address < self.start + 4096 * self.reserved
            return f"past the mapped end of the heap, {end:#x}" + ("" if reserved else ", and past what is reserved")
        return None


# What stands in the place of an oracle when a program was not run, and why that is.
NOT_RUN = {"not-judged": "not judged, as their heap did not start", "no-memory": "not run, as the board lacks the memory"}


class Outcome:
    KINDS = {"V": "verdict", "F": "fault", "H": "hang", "S": "address", "U": "undefined"}  # by the first word of its line

    def __init__(self, kind, index, line="", **values):
        self.kind = kind  # one of KINDS, or "dead"
        self.index = index
        self.line = line
        self.values = values
        self.memory = None  # a Memory, from an image whose heap lies in virtual memory

    @staticmethod
    def dead(index, reason):
        """Of an input that the image did not survive."""
        return Outcome("dead", index, reason=reason)

    @property
    def sound(self):
        """Was nothing found wrong?"""
        return self.kind == "verdict" and self.values["oracle"] in ("-", *NOT_RUN)

    @property
    def not_run(self):
        """Why a sound one has not run to its end, one of NOT_RUN; None when it has."""
        return self.values["oracle"] if self.kind == "verdict" and self.values["oracle"] in NOT_RUN else None

    @property
    def is_report(self):
        """Is it what a sanitizer found?"""
        return self.kind in ("address", "undefined")

    @property
    def category(self):
        """Which of the END line's counts it is part of."""
        if self.kind == "verdict":
            return "sound" if self.sound else "violation"
        return "report" if self.is_report else self.kind


CATEGORIES = ("sound", "violation", "fault", "hang", "report")


class Reader:
    """Takes the lines of one boot in their order. What came of it are its members; any line that may not be there raises
    BadLine."""

    def __init__(self, first, total=None, xlen=None, virtual=False, sanitized=False, on_host=False):
        """first is the index of the first input due; total how many there are, where that is known; xlen the width of the
        machine, where it is known; virtual, whether every input has a line about its memory; sanitized, whether sanitizers may
        report; on_host, whether it is the host's replay, which writes no BOOT line, and counts only the inputs in its END."""
        self.outcomes = []  # one for each input that has a line, in order
        self.steps = []  # of a trace: the words of each line after its index: operation, offset, digest
        self.booted = on_host
        self.trap = None  # values of a TRAP line
        self.error = None  # of an ERROR line
        self.end = None  # of an END line
        self._first = first
        self._total = total
        self._xlen = xlen
        self._memory = None  # (index, Memory), until its input's line comes
        self._virtual = virtual
        self._sanitized = sanitized
        self._on_host = on_host

    @property
    def due(self):
        return self._first + len(self.outcomes)

    def take(self, line):
        if self._on_host and line == f"END {len(self.outcomes)}":
            line = f"END {' '.join(map(str, self._counts().values()))}"
        word, values = parse_line(line)
        if self.end is not None or self.error is not None:
            raise BadLine(f"a line after its last: {excerpt(line)}")
        if self.trap is not None and word != "ERROR":
            raise BadLine(f"a line after a trap of its own: {excerpt(line)}")
        if not self.booted and word not in ("BOOT", "ERROR", "TRAP"):
            raise BadLine(f"a line before the one that begins with BOOT: {excerpt(line)}")
        if word in Outcome.KINDS:
            self._take_outcome(word, values, line)
        else:
            getattr(self, f"_take_{word.lower()}")(values, line)

    def _take_boot(self, values, line):
        if self.booted:
            raise BadLine(f"a second start: {excerpt(line)}")
        if values["format"] != FORMAT:
            raise BadLine(f"a start of another version than this command's: {excerpt(line)}")
        expected = {"xlen": self._xlen, "inputs": self._total, "start": self._first}
        for name, value in expected.items():
            if value is not None and values[name] != value:
                raise BadLine(f"a start with {name} {values[name]} where it is {value}: {excerpt(line)}")
        self.booted = True

    def _take_outcome(self, word, values, line):
        outcome = Outcome(Outcome.KINDS[word], line=line, **values)
        if outcome.index != self.due or (self._total is not None and self.due >= self._total):
            raise BadLine(f"input {outcome.index} came where input {self.due} was due"
                          + (f" of {self._total}" if self._total is not None else ""))
        if outcome.is_report and not self._sanitized:
            raise BadLine(f"a sanitizer's report, and has none: {excerpt(line)}")
        if self._virtual:
            if self._memory is None or self._memory[0] != outcome.index:
                raise BadLine(f"input {outcome.index} has no M line")
            outcome.memory = self._memory[1]
            self._memory = None
        self.outcomes.append(outcome)

    def _take_m(self, values, line):
        index = values.pop("index")
        if not self._virtual or self._memory is not None or index != self.due:
            raise BadLine(f"an M line where none was due: {excerpt(line)}")
        self._memory = (index, Memory(**values))

    def _take_t(self, values, line):
        if values["index"] != self.due or values["operation"] != len(self.steps):
            raise BadLine(f"a T line where operation {len(self.steps)} of input {self.due} was due: {excerpt(line)}")
        self.steps.append(line.split(" ")[2:])

    def _take_trap(self, values, _line):
        self.trap = values

    def _take_error(self, values, _line):
        self.error = values

    def _counts(self):
        return {"inputs": len(self.outcomes), **{name: sum(outcome.category == name for outcome in self.outcomes)
                                                 for name in CATEGORIES}}

    def _take_end(self, values, line):
        if self._memory is not None:
            raise BadLine(f"its last line where input {self.due} was due: {excerpt(line)}")
        counts = self._counts()
        if values != counts:
            raise BadLine(f"its last line is {excerpt(line)}, but what came before adds up to "
                          f"{' '.join(map(str, counts.values()))}")
        self.end = values

    @property
    def end_code(self):
        """The exit code that its END line implies, as main of fuzz/board/replay.c has it."""
        return 0 if self.end["sound"] == self.end["inputs"] else 1
