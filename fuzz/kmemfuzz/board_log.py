"""kmemfuzz board --log: judges what a board of the user's own has printed. All there is of it is a text, which may begin late, end
early and hold other lines, and in which the board may have started again."""

import re
import sys
import types

from kmemfuzz.board_finding import Finding, counts, figures_of, is_finding, lies_otherwise, print_findings, require_known_oracles
from kmemfuzz.board_lines import CATEGORIES, FORMAT, Outcome, find_line
from kmemfuzz.command_line import EXIT_ENVIRONMENT, EXIT_SOUND, EXIT_USAGE, EXIT_VIOLATION, plural
from kmemfuzz.outside_text import dump_json, excerpt, visible
from kmemfuzz.packed_corpus import PackFailure, run_tool

ASSERTION_CODE = 28  # of the ERROR line that kmemfuzz.c ends with when the heap's own assertion fails
LISTED = 5  # of many of a kind, how many are named
_NOISE = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\a]*\a|\0")  # colours, titles, and what a line at rest is read as
_LIKE_OURS = re.compile(r"(?<![0-9A-Za-z_])(?:BOOT|END|[VFHSU]) [0-9]+(?: |$)", re.ASCII)


class Start:
    """What the board has printed from one start on."""

    def __init__(self, number, boot=None):
        self.number = number  # of its first line
        self.boot = boot  # values of its BOOT line; None: it has none
        self.outcomes = {}  # by index
        self.numbers = {}  # of their lines, by index
        self.end = None  # values of its END line
        self.failed = None  # the assertion that ended it, in the board's words

    @property
    def due(self):
        """The input after the last that has a line."""
        return max(self.outcomes, default=(self.boot or {"start": 0})["start"] - 1) + 1

    @property
    def counts(self):
        """What its END line must say."""
        return {"inputs": len(self.outcomes), **{name: sum(outcome.category == name for outcome in self.outcomes.values())
                                                 for name in CATEGORIES}}


class Capture:
    """The lines of ours in what a board has printed. Stands for the image in a Finding."""

    has_sanitizers = False  # that we know the symbols of

    def __init__(self, name, content):
        self.name = name
        self.image = self  # what is replayed and what on are one here
        self.configuration = types.SimpleNamespace(name=name, image="log")
        self.starts = []
        self.other_count = 0  # lines that are not ours
        self.damaged = []  # (number, text) of those that seem to have been
        self.errors = []  # (number, text) of the ERROR and TRAP lines
        text = _NOISE.sub("", content.decode("ascii", errors="surrogateescape")).replace("\r\n", "\n").replace("\r", "\n")
        *lines, self.rest = text.split("\n")  # rest: what has no newline
        if find_line(self.rest)[0] == "END":  # its counts say whether it is whole
            lines, self.rest = [*lines, self.rest], ""
        for number, line in enumerate(lines, 1):
            self._take(number, line)

    def _take(self, number, text):
        word, values, line = find_line(text)
        if word == "BOOT":
            self.starts.append(Start(number, values))
        elif word in ("ERROR", "TRAP"):
            self.errors.append((number, line))
            if values.get("code") == ASSERTION_CODE and self.starts and self.starts[-1].end is None:
                self.starts[-1].failed = values["text"]
        elif word == "END":
            self._start(number, self.starts and self.starts[-1].end is None).end = values
        elif word in Outcome.KINDS:
            outcome = Outcome(Outcome.KINDS[word], line=line, **values)
            same = self.starts and self.starts[-1].end is None and outcome.index >= self.starts[-1].due
            start = self._start(number, same)
            start.outcomes[outcome.index], start.numbers[outcome.index] = outcome, number
        elif word is None:
            self.other_count += text.strip() != ""
            if _LIKE_OURS.search(text):
                self.damaged.append((number, text))

    def drop_cut(self, host):
        """Disbelieves lines that are the beginning of what was due: what is lost at the end of a digest shows nowhere else."""
        for start in self.starts:
            for index in [index for index, outcome in start.outcomes.items() if host[index].line.startswith(outcome.line)
                          and host[index].line != outcome.line]:
                self.damaged.append((start.numbers[index], start.outcomes.pop(index).line))

    def _start(self, number, same):
        """The start that a line is of: the one before, or one whose first lines were lost."""
        if not same:
            self.starts.append(Start(number))
        return self.starts[-1]

    def place(self, _address):
        return ""

    def region(self, _address):
        return "the board's memory"


class LogFinding(Finding):
    """A finding on a board that is not here to ask again."""

    def operation(self):
        return None if self.kind == "difference" else super().operation()

    def _difference(self):
        return [f"  board      {plural(self.outcome.values['operations'], 'operation')}, digest {self.outcome.values['digest']:016x}"]

    def _replay_command(self):
        return f"{self.corpus.word('pack')} {self.corpus.file_word(self.outcome.index)} -o alone.blob --c alone.c"


def require_same_blob(capture, blob, host):
    """Raises PackFailure when the board has run another blob, as far as that can be known."""
    def require(holds, why):
        if not holds:
            raise PackFailure(f"kmemfuzz board: {capture.name}: {why}", EXIT_USAGE)
    total = f"{blob} has {plural(len(host), 'input')}: the board has run another blob"
    for start in capture.starts:
        if start.boot is not None:
            require(start.boot["format"] == FORMAT, f"its lines are of format {start.boot['format']}, and this command reads {FORMAT}")
            require(start.boot["inputs"] == len(host),
                    f"line {start.number} speaks of {plural(start.boot['inputs'], 'input')}, and {total}")
        require(start.due <= len(host), f"it has a line for input {start.due - 1}, counted from 0, and {total}")
    both = [outcome.values["operations"] == host[index].values["operations"] for start in capture.starts
            for index, outcome in start.outcomes.items() if all(each.sound and not each.not_run for each in (outcome, host[index]))]
    require(both.count(False) * 2 <= len(both), f"{both.count(False)} of {plural(len(both), 'sound input')} have another number of "
                                                f"operations than in {blob}: the board has run another blob, or another heap")


class Judgement:
    """A capture, judged by what the host says of the same blob."""

    def __init__(self, capture, packed, host):
        self.capture = capture
        self.packed = packed
        self.total = len(host)
        self.restarts = {}  # by the input that was due: the starts that came instead of its line
        for start, following in zip(capture.starts, capture.starts[1:]):
            if start.end is None and start.due < self.total:
                self.restarts.setdefault(start.due, []).append(following)
        self.host = host
        self.xlen = next((start.boot["xlen"] for start in capture.starts if start.boot is not None), None)
        self.outcomes = {index: outcome for index in range(self.total) if (outcome := self._outcome(index, host[index]))}
        require_known_oracles(self.outcomes.values(), capture.configuration)
        self.findings = [LogFinding(packed, capture, outcome, host[index]) for index, outcome in self.outcomes.items()
                         if is_finding(outcome, host[index], self.xlen)]
        self.missing = [index for index in range(self.total) if index not in self.outcomes]
        self.incomplete = self._incomplete()

    def _outcome(self, index, host):
        """What to judge of an input: the worst that came of it; None when it has no line."""
        outcomes = sorted((start.outcomes[index] for start in self.capture.starts if index in start.outcomes),
                          key=lambda outcome: (outcome.sound, outcome.line == host.line))
        times = len(self.restarts.get(index, ()))
        failed = next((start.failed for start in self.capture.starts if start.failed and start.due == index), None)
        if not outcomes and failed:
            return Outcome.dead(index, failed)
        if not outcomes and times > 1:
            return Outcome.dead(index, f"the board started again {times} times when this input was due")
        return outcomes[0] if outcomes else None

    def _incomplete(self):
        """What the capture lacks, in words; None when it is whole."""
        starts, first, inputs = self.capture.starts, min(self.missing, default=0), plural(self.total, "input")
        if self.outcomes and all(outcome.not_run for outcome in self.outcomes.values()):
            return "the board ran none of the programs"
        if self.xlen is None and any(lies_otherwise(outcome, self.host[index], None) for index, outcome in self.outcomes.items()):
            return "its BOOT line, which says how wide pointers are there, is missing, and digests differ from the host's"
        if not self.missing:
            if any(start.end == start.counts for start in starts):
                return None
            ends = [start for start in starts if start.end is not None]
            return "its END line is missing" if not ends else (f"its END line counts {_numbers(ends[-1].end)}, and the lines before "
                                                               f"it {_numbers(ends[-1].counts)}")
        if first + len(self.missing) == self.total:
            return f"it ends after {first} of {inputs}; the next is {self.packed.name(first)}"
        return (f"{len(self.missing)} of {inputs} {'has' if len(self.missing) == 1 else 'have'} no line: {_ranges(self.missing)}, "
                f"counted from 0; the first is {self.packed.name(first)}")

    def notes(self):
        """What else is to be known, line by line."""
        lines = [(start.number, f"the board started again when input {index} was due, {self.packed.name(index)}")
                 for index, starts in self.restarts.items() for start in starts]
        if self.incomplete:
            lines += [(number, f"cut or damaged: {excerpt(text)}") for number, text in self.capture.damaged[:LISTED]]
            lines += [(number, f"the board says: {excerpt(text)}") for number, text in self.capture.errors[:LISTED]]
        notes = [f"line {number}: {text}" for number, text in sorted(lines)]
        if self.incomplete and self.capture.rest.strip():
            notes.append(f"the last line has no end, and is not believed: {excerpt(self.capture.rest)}")
        lacks = [outcome.values for outcome in self.outcomes.values() if outcome.not_run == "no-memory"]
        if lacks:
            most = max(lacks, key=lambda values: values["expected"])
            notes.append(f"the largest program not run needs {most['expected']:,} bytes, and {most['observed']:,} are there")
        if self.total > 1 and sum(finding.kind == "difference" for finding in self.findings) == self.total:
            notes.append("no digest is the host's: is the heap on the board the one that this command was given?")
        return notes

    def figures(self):
        """Its figures for JSON, and for the line that ends its report."""
        return {"capture": self.capture.name, "complete": self.incomplete is None, "of": self.total,
                **figures_of(self.outcomes.values(), self.findings, [self.host[index] for index in self.outcomes], self.xlen),
                "missing": self.missing, "starts": len(self.capture.starts),
                "xlen": self.xlen, "other_lines": self.capture.other_count,
                "remarks": ([self.incomplete] if self.incomplete else []) + self.notes()}

    @property
    def code(self):
        """The exit code it implies."""
        if self.findings:
            return EXIT_VIOLATION
        return EXIT_ENVIRONMENT if self.incomplete else EXIT_SOUND

    def print(self):
        """Prints it for a person."""
        print_findings(self.findings, self.capture.name)
        figures = self.figures()
        width = f"{figures['xlen']} bits, " if figures["xlen"] else ""
        state = "incomplete: " if self.incomplete else ""
        print(f"{visible(self.capture.name)}  {state}{counts(figures, f' of {self.total:,}' if self.missing else '')}  "
              f"({width}{plural(figures['starts'], 'start')}, {plural(figures['other_lines'], 'other line')})", flush=True)
        if self.incomplete:
            print(f"kmemfuzz board: {visible(self.capture.name)} is incomplete: {visible(self.incomplete)}", file=sys.stderr)
        for note in self.notes():
            print(f"    {visible(note)}", file=sys.stderr)


def _numbers(values):
    return " ".join(map(str, values.values()))


def _ranges(numbers):
    """Rising numbers in words, such as '3, 5 to 9'."""
    runs = []
    for number in numbers:
        if runs and runs[-1][1] == number - 1:
            runs[-1][1] = number
        else:
            runs.append([number, number])
    words = [str(first) if first == last else f"{first} to {last}" for first, last in runs]
    return ", ".join(words[:LISTED] + ([f"and {len(words) - LISTED} more such runs"] if len(words) > LISTED else []))


def judge(name, content, packed, host, as_json):
    """Judges what a board has printed, where host has what the host says of each input; prints that, and returns the exit code."""
    if host is None:
        run_tool("replay", packed.blob)  # raises what is wrong with it
    capture = Capture(name, content)
    if not capture.starts and not capture.errors:
        raise PackFailure(f"kmemfuzz board: {name} has no line of a replay in it; capture what the board prints from its start on",
                          EXIT_USAGE)
    require_same_blob(capture, packed.blob, host)
    capture.drop_cut(host)
    judgement = Judgement(capture, packed, host)
    if as_json:
        print(dump_json({"log": judgement.figures(), "findings": [finding.as_json() for finding in judgement.findings]}))
    else:
        judgement.print()
    return judgement.code
