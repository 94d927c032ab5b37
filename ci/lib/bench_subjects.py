"""The benchmark of subjects: how many operations are checked in a second on kmem, which has the exact model, and on each heap of
tests/subjects, the same programs on all. It measures processor time, and heaps take turns, so that other work on the machine
counts less."""

import os
import pathlib
import re
import resource
import statistics
import subprocess
import sys

from kmemfuzz.command_line import EXIT_ENVIRONMENT, EXIT_SOUND, Parser, add_caller, parse_positive
from kmemfuzz.entry import enter
from kmemfuzz.outside_text import dump_json, visible

BUILD = pathlib.Path("build/fuzz")
PROGRAM = BUILD / "tests" / "subjects" / "foreign_random_run"
HEAPS = ("kmem", *sorted(path.stem for path in pathlib.Path("tests/subjects").glob("*_heap.c*")))


class Unsound(Exception):
    """A run that was to be measured did not end well."""


def rate(heap, operations):
    """Checked operations a second of processor time."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run([PROGRAM, str(operations)], env=dict(os.environ, SUBJECT=heap), stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, check=False)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    checked = re.search(r": sound, (\d+) checked operations ", done.stdout)
    if done.returncode != EXIT_SOUND or checked is None:
        raise Unsound(f"{heap}: {done.stdout.strip() or f'it ended with code {done.returncode}'}")
    return int(checked[1]) / (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)


def measure(rounds, operations):
    """{heap: checked operations a second, and that beside kmem's in the same round}, medians over the rounds."""
    rates = [{heap: rate(heap, operations) for heap in HEAPS} for _ in range(rounds)]
    return {heap: {"checked_operations_per_second": round(statistics.median(row[heap] for row in rates)),
                   "beside_kmem": round(statistics.median(row[heap] / row["kmem"] for row in rates), 2)} for heap in HEAPS}


def parse_arguments(arguments):
    """The command line; argparse ends the process with code 2 when it is wrong."""
    parser = Parser(
        prog="ci/bench subjects",
        description="Measures how many operations are checked in a second on kmem and on each heap of tests/subjects, under "
                    "AddressSanitizer and UBSan, with every oracle on.")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--rounds", type=parse_positive, default=5, metavar="N",
                        help="how often each heap is run; figures are medians (default: 5)")
    parser.add_argument("--operations", type=parse_positive, default=100000, metavar="N",
                        help="checked operations a round (default: 100000)")
    add_caller(parser)
    return parser.parse_args(arguments)


def presets(_options):
    """The builds that are needed."""
    return [BUILD.name]


def main(arguments):
    """Prints the figures; returns the exit code."""
    options = parse_arguments(arguments)
    try:
        figures = measure(options.rounds, options.operations)
    except (OSError, Unsound) as error:
        print(f"ci/bench subjects: {visible(error)}", file=sys.stderr)
        return EXIT_ENVIRONMENT
    if options.json:
        print(dump_json(figures))
        return EXIT_SOUND
    print(f"{'heap':14} {'checked operations/s':>20}  beside kmem")
    for heap, row in figures.items():
        print(f"{heap:14} {row['checked_operations_per_second']:>20,}  {row['beside_kmem']:>11.2f}")
    return EXIT_SOUND


if __name__ == "__main__":
    enter("ci/bench subjects", main, sys.argv[1:])
