"""The benchmark of the reducer: kmemfuzz reduce and libFuzzer's -minimize_crash on the same long crashes.

There is a crash for each planted bug: libFuzzer finds a short one, and operations drawn from a seed are inserted before the one
that fails, as long as it still fails in the same way, until there are as many as wanted.
"""

import json
import os
import pathlib
import random
import re
import statistics
import subprocess
import sys
import tempfile
import time
from typing import NamedTuple

from kmemfuzz import fuzzer
import patched
import planted
from kmemfuzz.command_line import EXIT_ENVIRONMENT, EXIT_SOUND, Parser, add_caller, parse_count, parse_positive
from kmemfuzz.entry import enter
from kmemfuzz.outside_text import dump_json, visible_lines

WORK = pathlib.Path("build/reduction")
TOOL = "kmemfuzz"
HEADER_SIZE, OPERATION_SIZE = 16, 8  # bytes, as docs/programs.md has them
DISABLED_KINDS = slice(9, 13)  # of the header
DEFAULT_OPERATIONS = 150
DEFAULT_RUNS = 20_000
SEARCH_RUNS = 500_000  # executions to find a crash in
DRAWS_PER_OPERATION = 20  # tries at most for each operation that is put in
HANG_SECONDS = 2  # a program that takes longer hangs
QUIET = "detect_leaks=0:symbolize=0:handle_abort=1:abort_on_error=0"

# A choice of bugs that fail in different ways: a wrong address, a heap that is not as it must be, contents, sanitizers'
# reports. No hang: each replay of one takes seconds.
DEFAULT_BUGS = ("best-fit", "calloc-wraps", "coalesce-advances-past-merged", "double-free-accepted",
                "exact-fit-refused", "free-counts-on-one-path", "free-steps-back-one-byte",
                "merge-right-forgotten", "realloc-loses-last-word", "split-threshold-eight",
                "zalloc-clears-one-word-more", "zalloc-leaves-slack")

_OPERATION = re.compile(r"^  operation  (\d+): ", re.MULTILINE)


class Figures(NamedTuple):
    """What came of one crash. A minimal size of None: -minimize_crash was not run."""
    bug: str
    failure: str
    operations: int
    reduced: int
    bytes: int
    replays: int
    milliseconds: float
    minimized: int | None
    minimize_seconds: float | None


class NoCrash(Exception):
    """A bug for which no crash could be made."""


def run(command, environment=None, seconds=None):
    """Runs a command; returns its code and everything it printed. After that many seconds it is killed."""
    try:
        done = subprocess.run(command, env=dict(os.environ, **(environment or {})), stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=seconds, check=False)
    except subprocess.TimeoutExpired:
        return 1, ""
    return done.returncode, done.stdout.decode(errors="replace")


# Crashes.


def failure_of(tool, program, folder):
    """(what a program fails by, the number of the operation) as kmemfuzz run says; None when it is sound."""
    path = pathlib.Path(folder) / "candidate"
    path.write_bytes(program)
    code, output = run([tool, "run", path], {"ASAN_OPTIONS": QUIET}, HANG_SECONDS)
    if code == 0:
        return None
    match = _OPERATION.search(output)
    return fuzzer.parse_finding(output) or "hang", int(match.group(1)) if match else 0


def find_crash(target, folder):
    """The bytes libFuzzer saves for a bug. Raises NoCrash."""
    _, output = run([target, *fuzzer.FLAGS, f"-timeout={HANG_SECONDS}", "-seed=1", f"-runs={SEARCH_RUNS}",
                     f"-artifact_prefix={folder}/"], dict(fuzzer.ENVIRONMENT, ASAN_OPTIONS=QUIET))
    artifact = fuzzer.parse_artifact(output)
    if artifact is None:
        raise NoCrash("the fuzzer finds nothing")
    return pathlib.Path(artifact).read_bytes()


def canonical(tool, program, folder):
    """A program's canonical bytes, with no kind disabled, so that any operation can be put in."""
    path = pathlib.Path(folder) / "canonical"
    path.write_bytes(program)
    code, output = run([tool, "asm", path, "-o", path, "--force"])
    if code != 0:
        raise NoCrash(output)
    program = path.read_bytes()
    return program[:DISABLED_KINDS.start] + bytes(4) + program[DISABLED_KINDS.stop:]


def pad(tool, program, count, draw, folder):
    """A program with operations put in until there are `count`, all before the one that fails, which fails as before.
    Raises NoCrash."""
    wanted, index = failure_of(tool, program, folder)
    for _ in range(DRAWS_PER_OPERATION * count):
        missing = count - (len(program) - HEADER_SIZE) // OPERATION_SIZE
        if missing <= 0:
            return program
        added = draw.randbytes(OPERATION_SIZE * draw.randint(1, min(missing, 8)))
        place = HEADER_SIZE + OPERATION_SIZE * draw.randint(0, index)
        longer = program[:place] + added + program[place:]
        found = failure_of(tool, longer, folder)
        if found is not None and found[0] == wanted and found[1] >= index + len(added) // OPERATION_SIZE:
            program, index = longer, found[1]
    raise NoCrash(f"it takes no {count} operations to fail")


# Reducing.


def reduce_crash(tool, crash, folder, rounds):
    """What kmemfuzz reduce prints as JSON, its time the median of some rounds."""
    figures = []
    for _ in range(rounds):
        code, output = run([tool, "reduce", crash, "-o", pathlib.Path(folder) / "reduced", "--force", "--json"])
        if code != 0:
            raise NoCrash(f"kmemfuzz reduce ends with code {code}: {output}")
        figures.append(json.loads(output))
    median = statistics.median(figure["milliseconds"] for figure in figures)
    return {**figures[0], "milliseconds": median}


def minimize_crash(target, crash, runs, folder):
    """(operations, seconds) of libFuzzer's own: what is left after -minimize_crash with that many runs, and how long it
    takes."""
    exact = pathlib.Path(folder) / "minimized"
    started = time.monotonic()
    run([target, "-minimize_crash=1", "-mutate_depth=1", f"-runs={runs}", "-seed=1", "-timeout=2", f"-exact_artifact_path={exact}", crash],
        dict(fuzzer.ENVIRONMENT, ASAN_OPTIONS=QUIET))
    seconds = time.monotonic() - started
    size = exact.stat().st_size if exact.exists() else crash.stat().st_size
    return -(-max(size - HEADER_SIZE, 0) // OPERATION_SIZE), seconds


def measure(patch, build, options):
    """The figures of one bug. Raises NoCrash."""
    folder = (WORK / patch.name).resolve()
    target, tool = build.link(patched.make_copy(folder, patch.path))
    with tempfile.TemporaryDirectory() as scratch:
        short = canonical(tool, find_crash(target, scratch), scratch)
        crash = folder / "crash"
        crash.write_bytes(pad(tool, short, options.operations, random.Random(options.seed), scratch))
        figures = reduce_crash(tool, crash, scratch, options.rounds)
        minimized, seconds = minimize_crash(target, crash, options.runs, scratch) if options.runs else (None, None)
    return Figures(patch.name, figures["failure"], figures["operations_before"], figures["operations_after"],
                   figures["size_after"], figures["replays"], figures["milliseconds"], minimized, seconds)


# Reports.


def table(results):
    """The figures as text in aligned columns."""
    rows = [("bug", "failure", "operations", "reduced to", "replays", "ms", "-minimize_crash", "ms")]
    for result in results:
        rows.append((result.bug, result.failure[:40], str(result.operations), str(result.reduced),
                     f"{result.replays:,}", f"{result.milliseconds:,.0f}",
                     "-" if result.minimized is None else str(result.minimized),
                     "-" if result.minimize_seconds is None else f"{result.minimize_seconds * 1000:,.0f}"))
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    left = [[cell.ljust(width) for cell, width in zip(row[:2], widths)] for row in rows]
    right = [[cell.rjust(width) for cell, width in zip(row[2:], widths[2:])] for row in rows]
    return "\n".join("  ".join(row) for row in map(list.__add__, left, right))


# The command.


def parse_arguments(arguments):
    """The command line; argparse ends the process with code 2 when it is wrong."""
    parser = Parser(
        prog="ci/bench reduce",
        description="Makes a long crash for planted bugs, and measures kmemfuzz reduce and libFuzzer's -minimize_crash "
                    "on it: operations before and after, programs run, time. Both have the core under AddressSanitizer "
                    "and UBSan.")
    parser.add_argument("--operations", type=parse_positive, default=DEFAULT_OPERATIONS, metavar="N",
                        help=f"operations of a crash (default: {DEFAULT_OPERATIONS})")
    parser.add_argument("--runs", type=parse_count, default=DEFAULT_RUNS, metavar="N",
                        help=f"executions for each step of -minimize_crash; 0 leaves it out (default: {DEFAULT_RUNS:,})")
    parser.add_argument("--rounds", type=parse_positive, default=5, metavar="N",
                        help="how often kmemfuzz reduce is timed; the time is the median (default: 5)")
    parser.add_argument("--seed", type=parse_positive, default=1, metavar="N",
                        help="where the random operations start (default: 1)")
    parser.add_argument("--only", nargs="+", metavar="NAME", help="these planted bugs (default: a dozen); 'all' is all")
    parser.add_argument("--json", action="store_true", help="print JSON")
    add_caller(parser)
    options = parser.parse_args(arguments)
    if options.only != ["all"]:
        planted.require_names(parser, options.only, planted.PATCHES, planted.HEAP.name)
    return options


def presets(_options):
    """The builds that are needed."""
    return [planted.PRESET]


def select(names):
    """The patches to plant."""
    patches = planted.read_heap_patches()
    if names == ["all"]:
        return patches
    return planted.select(patches, names or DEFAULT_BUGS)


def main(arguments):
    """Prints the figures; returns the exit code."""
    options = parse_arguments(arguments)
    results, missing = [], []
    try:
        patches = select(options.only)
        build = patched.Build(planted.PRESET, planted.HEAP.program, TOOL)
        for patch in patches:
            print(f"[{len(results) + len(missing) + 1:>2}/{len(patches)}] {patch.name}", file=sys.stderr, flush=True)
            try:
                results.append(measure(patch, build, options))
            except NoCrash as error:
                missing.append(f"{patch.name}: no crash to reduce: {error}")
    except (patched.Broken, patched.NotPatched, OSError, ValueError) as error:
        print(f"ci/bench reduce: {visible_lines(error)}", file=sys.stderr)
        return EXIT_ENVIRONMENT
    if options.json:
        print(dump_json({"crashes": [result._asdict() for result in results], "missing": missing}))
    else:
        print(table(results))
        print("\n".join(map(visible_lines, missing)), end="\n" if missing else "")
    return EXIT_SOUND


if __name__ == "__main__":
    enter("ci/bench reduce", main, sys.argv[1:])
