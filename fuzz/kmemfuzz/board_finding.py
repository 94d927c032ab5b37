"""Explains an input that is not sound on a board, or differs from the host, in words and as JSON."""

import json
import pathlib

from kmemfuzz import board, child, heap, sanitizer
from kmemfuzz.board_lines import NOT_RUN
from kmemfuzz.outside_text import excerpt, visible
from kmemfuzz.packed_corpus import KMEMFUZZ, TOOL_SECONDS, run_tool, trace_on_host

SANITIZED_TOOLS = {"replay": (KMEMFUZZ if heap.CURRENT else pathlib.Path("build/dev/kmemfuzz"), "run"),  # what the host's sanitizers say, by image
                   "misuse": (pathlib.Path("build/dev/kmem_misuse"),)}


FAILURES = ("violations", "faults", "hangs", "reports", "dead", "differences")  # in the figures of a configuration
SOUND_AND_EQUAL = "all sound, digests equal the host's"
HOST_XLEN = 64
EXPLAINED = 10  # findings explained in full in each configuration; the others are counted


def lies_otherwise(outcome, host, xlen):
    """Whether a sound run may differ from the host's: a heap of one's own may keep pointers in its memory, and the board's, of
    xlen bits (None: it has not said), are of another size."""
    return bool(heap.CURRENT and xlen != HOST_XLEN and outcome.line != host.line and outcome.sound and host.sound)


def is_finding(outcome, host, xlen):
    """Whether an outcome is worth a word: it is not sound, or not the host's."""
    return not outcome.sound or (outcome.line != host.line and outcome.not_run != "no-memory" and
                                 not lies_otherwise(outcome, host, xlen))


def figures_of(outcomes, findings, hosts, xlen):
    """What outcomes come to, as counts."""
    return {"inputs": len(outcomes), "checked_operations": sum(outcome.values.get("operations", 0) for outcome in outcomes),
            "sound": sum(outcome.sound for outcome in outcomes),
            **{name: sum(finding.kind == name.removesuffix("s") for finding in findings) for name in FAILURES},
            **{reason: sum(outcome.not_run == reason for outcome in outcomes) for reason in NOT_RUN},
            "other_layouts": sum(lies_otherwise(outcome, host, xlen) for outcome, host in zip(outcomes, hosts))}


def counts(figures, of=""):
    """The same in words."""
    parts = [f"{figures[name]} {name if figures[name] != 1 else name.removesuffix('s')}" for name in FAILURES if figures[name]]
    sound = SOUND_AND_EQUAL
    if figures["other_layouts"]:
        sound = f"all sound, {figures['other_layouts']:,} laid out otherwise than on the host, whose pointers have {HOST_XLEN} bits"
    more = [f"{figures[reason]} {words}" for reason, words in NOT_RUN.items() if figures[reason]]
    return (f"{figures['inputs']:,}{of} input{'s' if of or figures['inputs'] != 1 else ''}, {figures['checked_operations']:,} checked "
            f"operations: {', '.join(parts) or sound}{'; ' if more else ''}{', '.join(more)}")


def print_findings(findings, name):
    """Explains findings in a configuration, or in what a board has printed."""
    for finding in findings[:EXPLAINED]:
        print("\n".join(finding.explain()) + "\n")
    if len(findings) > EXPLAINED:
        print(f"... and {len(findings) - EXPLAINED} more on {visible(name)}; --json lists all\n")


class Finding:
    def __init__(self, corpus, replay, outcome, host):
        self.corpus = corpus
        self.image = replay.image
        self.outcome = outcome
        self.host = host
        self.same = outcome.line != "" and outcome.line == host.line
        self.difference = None  # (operation, target, host), where both are sound and differ

    @property
    def kind(self):
        """What went wrong, in a word."""
        return "difference" if self.outcome.sound else self.outcome.category

    def operation(self):
        """Number of the operation it happened in; None when that is not known."""
        if self.difference is not None:
            return self.difference[0]
        if self.outcome.kind == "verdict":
            return max(self.outcome.values["operations"] - 1, 0)
        return self.outcome.values.get("operation")

    def find_difference(self, watchdog_seconds):
        """Runs the input once more on both machines, with a line for every operation: the first that differs."""
        index = self.outcome.index
        target = board.trace(self.image, self.corpus.blob, index, watchdog_seconds)
        host = trace_on_host(self.corpus.blob, index)
        for ours, theirs in zip(target, host):
            if ours != theirs:
                self.difference = (int(theirs[0]), ours[1:], theirs[1:])
                return
        if len(target) != len(host):
            self.difference = (min(len(target), len(host)), None, None)

    def as_json(self):
        return {"kind": self.kind, "configuration": self.image.configuration.name, "index": self.outcome.index,
                "file": self.corpus.name(self.outcome.index), "operation": self.operation(),
                "finding": sanitizer.finding_of_board(self.outcome),
                "target": self._numbers(self.outcome), "host": self._numbers(self.host),
                "host_agrees": self.same,
                **({"memory": self.outcome.memory._asdict()} if self.outcome.memory is not None else {})}

    @staticmethod
    def _numbers(outcome):
        return {"kind": outcome.category, **{name: value if isinstance(value, str) or name in ("operations", "operation")
                                             else f"{value:#x}" for name, value in outcome.values.items()
                                             if name != "index"}}

    # In words.

    def explain(self):
        values = self.outcome.values
        name = self.corpus.name(self.outcome.index)
        title = {"violation": lambda: f"VIOLATION {values['oracle']}: {oracle_sentences()[values['oracle']]}",
                 "fault": lambda: f"FAULT {board.cause_name(values['cause'])}",
                 "report": lambda: sanitizer.title(self.outcome),
                 "hang": lambda: "HANG: stopped by the watchdog",
                 "dead": lambda: "DEAD: the image did not survive this input",
                 "difference": lambda: "DIFFERENCE: sound on " + ("both machines, but not the same" if self.host.sound else
                                                                 "the board alone")}[self.kind]()
        lines = [f"{name} on {self.image.configuration.name}: {title}", *self._operation_lines(), *getattr(self, f"_{self.kind}")()]
        lines.append(f"  host       {self._host_verdict()}")
        lines.append(f"  replay     {self._replay_command()}")
        if self.same and self.kind == "violation":
            lines += ["", "  The host's report of the same violation:", ""]
            report = run_tool("run", self.corpus.file(self.outcome.index)).stdout
            lines += ["  " + line for line in report.rstrip("\n").split("\n")]
        return [visible(line) for line in lines]

    def _operation_lines(self):
        number = self.operation()
        if number is None:
            return []
        operations = self.corpus.operations(self.outcome.index)
        text = operations[number] if number < len(operations) else "freeing everything at the end"
        return [f"  operation  {number}: {text}"]

    def _violation(self):
        values = self.outcome.values
        return [f"  where      {values['offset']:#x}", f"  expected   {values['expected']:#x}",
                f"  observed   {values['observed']:#x}"]

    def _place(self):
        values = self.outcome.values
        return [f"  at         {values['program_counter']:#x} {self.image.place(values['program_counter'])}",
                f"  called by  {values['ra']:#x} {self.image.place(values['ra'] - 1)}",
                f"  stack      {values['sp']:#x}, in {self.image.region(values['sp'])}"]

    def _fault(self):
        value = self.outcome.values["value"]
        memory = self.outcome.memory
        place = memory and memory.place(value) or f"in {self.image.region(value)}"
        lines = [f"  address    {value:#x}, {place}"]
        shadowed = sanitizer.shadowed(value, self.image)
        if shadowed is not None:
            lines.append(f"  shadow of  {shadowed:#x} to {shadowed + 7:#x}, in {self.image.region(shadowed)}")
        return lines + self._place()

    def _report(self):
        values = self.outcome.values
        place = self._place()
        place[0] = f"  at         {values['program_counter']:#x} {self.image.place(values['program_counter'] - 1)}"
        return [*sanitizer.details(self.outcome, self.image), *place]

    def _hang(self):
        return self._place()

    def _dead(self):
        return [f"  because    {self.outcome.values['reason']}"]

    def _difference(self):
        if self.difference is None:
            return ["  (it did not happen again, operation by operation)"]
        number, target, host = self.difference
        if target is None:
            return [f"  after      operation {number} only one of the two goes on"]
        return [f"  target     offset {target[0]}, digest {target[1]}", f"  host       offset {host[0]}, digest {host[1]}"]

    def _host_verdict(self):
        if self.kind in ("report", "fault") and self.image.has_sanitizers:
            finding = self._host_finding()
            if finding is not None:
                return finding
        if self.same:
            return "the same"
        if self.host.sound:
            digest = f", digest {self.host.values['digest']:016x}"
            return "sound" + digest + ("" if self.kind == "difference" else ": only the target fails")
        if self.host.kind == "verdict":
            return (f"violation {self.host.values['oracle']} in operation {self.host.values['operations'] - 1}: "
                    "not the target's")
        return f"died as well: {self.host.values['reason']}"

    def _host_finding(self):
        """What the host's own sanitizers say; None where they cannot be asked."""
        tool = SANITIZED_TOOLS.get(self.image.configuration.image)
        if tool is None or not tool[0].is_file():
            return None
        result = child.run([*tool, self.corpus.file(self.outcome.index)], TOOL_SECONDS)
        host = sanitizer.finding_of_host(result.stdout + result.stderr)
        if host == sanitizer.finding_of_board(self.outcome):
            return f"its sanitizers say the same: {host}"
        return f"its sanitizers say: {host}"

    def _replay_command(self):
        name, image = self.image.configuration.name, self.image.configuration.image
        own = board.CONFIGURATIONS[name].image
        return (f"{self.corpus.word('board')} --configuration {name} {'' if image == own else f'--image {image} '}"
                f"{self.corpus.file_word(self.outcome.index)}")


def oracle_sentences():
    return {oracle["id"]: oracle["sentence"] for oracle in json.loads(run_tool("oracles", "--json").stdout)["oracles"]}


def require_known_oracles(outcomes, configuration):
    """Raises EnvironmentFailure when a board names an oracle that the host does not have."""
    named = {outcome.values["oracle"] for outcome in outcomes if outcome.category == "violation"}
    unknown = named - oracle_sentences().keys() if named else ()
    if unknown:
        raise board.EnvironmentFailure(f"{configuration.name}: the image's output cannot be trusted: there is no oracle "
                                       f"{excerpt(min(unknown))}")
