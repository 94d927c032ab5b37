"""Counts the tests in the log of a step of ci/test: passed, failed and skipped, each skip with its reason.

Usage: step_log.py STEP CODE SECONDS LOG, with the code that the step ended with. The first line printed has the three counts and
the code that ci/test takes for the step; the other lines are for you to read.
"""

import pathlib
import re
import sys

from kmemfuzz.command_line import EXIT_ENVIRONMENT, EXIT_INTERNAL, EXIT_SOUND, EXIT_VIOLATION
from kmemfuzz.entry import enter
from kmemfuzz.outside_text import visible, visible_lines

# The fewest tests that each step has to run, so that none can vanish unseen: a little under what it runs today. What is
# skipped with a reason counts. Raise it when you add many; lower it only for what you remove.
LEAST = {"setup": 5, "freestanding": 20, "lint": 11, "analysis": 11, "long": 60, "unit": 3300, "replay": 470, "fuzzers": 5, "tool": 1800, "rust": 15,
         "browser": 42, "target": 900, "instructions": 270, "planted": 220, "detection": 80, "canaries": 10, "coverage": 22,
         "harness": 10, "sample": 60, "docs": 3700, "subjects": 13, "allocators": 17, "engines": 38, "package": 13, "walks": 50, "workflows": 50,
         "breakages": 60, "smoke": 100000, "search": 22, "boards": 165, "seeds": 460, "mutants": 1500,
         "proofs": 115}
SKIPPABLE = ("instructions", "coverage")  # steps that another clang than the measured one may skip as a whole, with the reason
SHOWN_LINES = 80  # of the log of a step that failed

# (what a line of a log looks like, what its numbers count): the closing lines of cmocka and of our own commands.
CLOSING = (
    (r"\[  PASSED  \] (\d+) test", "passed"),
    (r"\[  FAILED  \] (?:tests: )?(\d+) test", "failed"),
    (r"\[  SKIPPED \] (?:tests: )?(\d+) test", "skipped"),
    (r"(\d+) passed, (\d+) failed", "passed failed"),
    (r"(\d+) patch(?:es)?: .*(?:all as it must be|\d+ wrong)$", "passed"),
    (r"(\d+) planted bugs and (\d+) kinds of misuse: ", "passed passed"),
    (r"all \d+ configurations +([\d,]+) inputs?, ", "passed"),
    (r"(\d+) counts of instructions, all as in ", "passed"),
    (r"()total +\d+/\d+ ", "passed"),  # a table of coverage
)
PYTEST_CLOSING = re.compile(r"(?:no tests ran|\d+ \w+(?:, \d+ \w+)*) in \d[\d.]*s\b")
PYTEST_KINDS = {"passed": "passed", "failed": "failed", "error": "failed", "errors": "failed", "skipped": "skipped"}


def count_log(lines):
    """{"passed": …, "failed": …, "skipped": …} by the lines of a log."""
    counts = {"passed": 0, "failed": 0, "skipped": 0}
    for line in lines:
        if PYTEST_CLOSING.match(line):
            for number, word in re.findall(r"(\d+) ([a-z]+)", line):
                if word in PYTEST_KINDS:
                    counts[PYTEST_KINDS[word]] += int(number)
            continue
        for pattern, kinds in CLOSING:
            match = re.match(pattern, line)
            for kind, number in zip(kinds.split(), match.groups() if match else ()):
                counts[kind] += int(number.replace(",", "") or 1)
    return counts


def skips_of(lines):
    """A line for each test that was skipped, with the reason that it gave: cmocka's print it as "skipped: REASON", pytest as
    "SKIPPED [COUNT] PLACE: REASON"."""
    skips, reported, reason = {}, set(), None
    for line in lines:
        if re.match(r"\[ RUN ", line):
            reason = None
        elif line.startswith("skipped: "):
            reason = line.removeprefix("skipped: ")
        match = re.match(r"\[  SKIPPED \] ([a-z]\w+)$", line)
        if match and (reason or match[1] not in reported):
            reported.add(match[1])
            skips[f"{match[1]}: {reason or 'it does not say why'}"] = None
        if line.startswith("step skipped: "):
            skips[line.removeprefix("step skipped: ")] = None
        match = re.match(r"SKIPPED \[\d+\] (?:\S+?:(?:\d+:)? )?(.*)", line)
        if match:
            skips[match[1]] = None
    return sorted(skips)


def main(arguments):
    """Prints what came of a step."""
    step, code, seconds, log = arguments[0], int(arguments[1]), int(arguments[2]), pathlib.Path(arguments[3])
    text = log.read_text(encoding="utf-8", errors="surrogateescape")
    # ctest puts a test's number in front of its lines, which come among those of others.
    numbered = [re.match(r"(?:(\d+): )?(.*)", line) for line in text.splitlines()]
    lines = [line[2] for line in sorted(numbered, key=lambda line: int(line[1] or 0))]
    counts = count_log(lines)
    problem = None
    is_skipped = step in SKIPPABLE and bool(lines) and lines[-1].startswith("step skipped: ")
    counts["skipped"] += is_skipped
    if code == EXIT_SOUND and counts["failed"]:
        problem = "tests failed, and it ended with 0"
    elif code == EXIT_SOUND and not is_skipped and sum(counts.values()) < LEAST[step]:
        problem = f"it ran {sum(counts.values())} tests, and {LEAST[step]} are the least (ci/lib/step_log.py)"
    if problem or code not in (EXIT_SOUND, EXIT_ENVIRONMENT, EXIT_INTERNAL):
        code = EXIT_VIOLATION
        counts["failed"] = counts["failed"] or 1
    print(counts["passed"], counts["failed"], counts["skipped"], code)
    if code == EXIT_SOUND:
        print(f"ok      {step:<14} {counts['passed']:5} passed, {counts['skipped']} skipped, {seconds} s")
    else:
        word = {EXIT_ENVIRONMENT: "LACKING", EXIT_INTERNAL: "BROKEN "}.get(code, "FAILED ")
        what = problem or f"it ended with code {arguments[1]}"
        print(f"{word} {step:<14} {counts['passed']:5} passed, {counts['failed']} failed, {seconds} s: {what}; the whole output "
              f"is {log}, its end:")
        print("".join(f"    {visible_lines(line)}\n" for line in text.splitlines()[-SHOWN_LINES:]), end="")
    for skip in skips_of(lines):
        print(f"        skipped: {visible(skip)}")
    return EXIT_SOUND


if __name__ == "__main__":
    enter("ci/test", main, sys.argv[1:])
