"""What came of mutants, in words and as JSON, and what docs/survivors.md has to say about those that no stage kills."""

import collections
import pathlib
import re
import statistics

from kmemfuzz.outside_text import dump_json
from patched import Broken

SURVIVORS = pathlib.Path("docs/survivors.md")
SECTIONS = {"## Equivalent": True, "## Not killed": False}  # is a mutant listed there equivalent?
HEADING = re.compile(r"### `(\w+)` in (\S+)$")
ENTRY = re.compile(r"- (\w+) `([^`]+)`(?: \((\d+)\))? → (`[^`]+`(?:, `[^`]+`)*): (\S.*)$")


def read_survivors(path=SURVIVORS):
    """{identity of a mutant: (is it equivalent, the reason)} as the document lists them."""
    listed = {}
    equivalent = place = line = None
    for number, text in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if text in SECTIONS:
            equivalent = SECTIONS[text]
        elif text.startswith("### "):
            match = HEADING.match(text)
            if match is None or equivalent is None:
                raise Broken(f"{path}:{number}: not a function of a file, below one of {', '.join(SECTIONS)}: {text}")
            place, line = match.groups(), None
        elif place and text.startswith("`") and text.endswith("`"):
            line = text[1:-1]
        elif place and text.startswith("- "):
            match = ENTRY.match(text)
            if match is None or line is None:
                raise Broken(f"{path}:{number}: not a mutant of a line, such as "
                             f"- relation `a < b` → `a <= b`: reason; but {text}")
            operator, original, count, replacements, reason = match.groups()
            for replacement in re.findall(r"`([^`]+)`", replacements):
                identity = (place[1], place[0], line, operator, original, replacement, int(count or 1))
                if identity in listed:
                    raise Broken(f"{path}:{number}: lists {replacement} twice")
                listed[identity] = (equivalent, reason)
    return listed


def describe(mutant):
    """A mutant in a line."""
    number = f" ({mutant.number})" if mutant.number > 1 else ""
    return (f"{mutant.name} {mutant.file}:{mutant.line_number} {mutant.function}: "
            f"{mutant.operator} `{mutant.original}`{number} → `{mutant.replacement}`")


class Score:
    """Results of mutants that were run: [(mutant, {stage: kills})]; equivalent: the names of those that can be told by nothing."""

    def __init__(self, results, stages, equivalent, apart=True):
        """apart: each went through every stage, whatever those before had done to it."""
        self.stages = stages
        self.apart = apart
        self.equivalent = equivalent
        self.results = results
        self.judged = [(mutant, by_stage) for mutant, by_stage in results if mutant.name not in equivalent]

    def killed(self, stage):
        """The names of those that a stage killed."""
        return {mutant.name for mutant, by_stage in self.judged if any(by_stage.get(stage, ()))}

    def ran(self, stage):
        """How many went through a stage."""
        return sum(stage in by_stage for _, by_stage in self.judged)

    def survivors(self):
        """Those that no stage killed, equivalent ones included."""
        return [mutant for mutant, by_stage in self.results if not any(any(kills) for kills in by_stage.values())]

    def without(self, stage):
        """The names of those that some other stage killed."""
        return set().union(*(self.killed(other) for other in self.stages if other != stage))

    def summary(self):
        """The figures, as a dictionary."""
        figures = {}
        for stage in self.stages:
            kills = [kill for _, by_stage in self.judged for kill in by_stage.get(stage, ()) if kill]
            first = [next(kill for kill in by_stage[stage] if kill) for _, by_stage in self.judged if any(by_stage.get(stage, ()))]
            after = sorted(kill.after for kill in kills if kill.after is not None)
            figures[stage] = {
                "ran": self.ran(stage), "killed": len(self.killed(stage)),
                "only_here": len(self.killed(stage) - self.without(stage)),
                "in_every_seed": sum(bool(by_stage.get(stage)) and all(by_stage[stage]) for _, by_stage in self.judged),
                "by": dict(collections.Counter("a test" if stage == "unit" else kill.by for kill in first).most_common()),
                "executions": {"median": statistics.median(after), "most": after[-1]} if after else None,
            }
        return figures


def percent(part, whole):
    """A share of a whole, such as 98.1 %; never rounded up to 100."""
    if part == whole:
        return "100 %"
    return f"{min(99.9, 100 * part / whole):.1f} %"


def text_report(score, dropped, problems, seconds):
    """What is printed."""
    lines = []
    total = len(score.judged)
    for stage, figures in score.summary().items():
        line = (f"{stage:<8} killed {figures['killed']:,} of {figures['ran']:,}"
                + (f" ({percent(figures['killed'], figures['ran'])})" if figures["ran"] else "")
                + (f", {figures['only_here']} only here" if score.apart else ""))
        if figures["executions"]:
            line += (f"; {figures['in_every_seed']:,} with every seed; executions to kill: median "
                     f"{figures['executions']['median']:g}, most {figures['executions']['most']:,}")
        lines.append(line)
        if figures["by"]:
            lines.append("         by " + ", ".join(f"{by} {count}" for by, count in figures["by"].items()))
    if "unit" in score.stages and len(score.stages) > 1 and total:
        count = len(score.without("unit"))
        lines.append(f"without the unit tests: {count:,} of {total:,} ({percent(count, total)})")
    lines.append(f"made {dropped['made']:,}: {dropped['broken']} do not compile, {dropped['equal']} are the original's code, "
                 f"{dropped['alike']} another's; run {len(score.results):,}, of which {len(score.equivalent)} are equivalent")
    lines += [f"WRONG  {problem}" for problem in problems]
    alive = len({mutant.name for mutant in score.survivors()} - score.equivalent)
    lines.append(f"{max(len(score.results) - len(problems), 0)} passed, {len(problems)} failed: "
                 f"{total - alive:,} mutants killed of {total:,}, in {seconds:.0f} s; {'all as it must be' if not problems else f'{len(problems)} wrong'}")
    return "\n".join(lines)


def json_report(score, dropped, problems, seconds, settings):
    """The document that --json prints."""
    return dump_json({
        **settings, "seconds": round(seconds, 1), "sound": not problems, "problems": problems, "dropped": dropped,
        "stages": score.summary(), "judged": len(score.judged), "equivalent": len(score.equivalent),
        "without_unit": len(score.without("unit")),
        "mutants": [{"name": mutant.name, "file": mutant.file, "line": mutant.line_number, "function": mutant.function,
                     "operator": mutant.operator, "original": mutant.original, "replacement": mutant.replacement,
                     "number": mutant.number, "equivalent": mutant.name in score.equivalent,
                     "kills": {stage: [kill and kill._asdict() for kill in kills] for stage, kills in by_stage.items()}}
                    for mutant, by_stage in score.results]})
