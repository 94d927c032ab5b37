"""What one checked operation costs, in instructions, by the number of live blocks: where all is compared after each, and where
what the core stored decides what is. Both are runs of one program. valgrind counts, so that other work counts for nothing."""

import concurrent.futures
import os
import pathlib
import re
import subprocess
import sys

from kmemfuzz.command_line import EXIT_ENVIRONMENT, EXIT_SOUND, Parser, add_caller
from kmemfuzz.entry import enter
from kmemfuzz.outside_text import dump_json, visible

BUILD = pathlib.Path("build/stores")
LIVE = (10, 100, 1000, 10000)
STEPS = 128  # a multiple of those after which everything is judged (fuzz/execute/stores.h)


def count(live, steps, *words):
    """Instructions of a run of so many steps."""
    command = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", BUILD / "kmem_bench", str(live), str(steps), *words]
    log = subprocess.run(command, capture_output=True, text=True, errors="replace", check=True).stderr
    return int(re.search(r"Collected *: *([0-9]+)", log).group(1))


def cost(live, *words):
    """Instructions of one step."""
    return round((count(live, STEPS, *words) - count(live, 0, *words)) / STEPS)


def parse_arguments(arguments):
    """The command line; argparse ends the process with code 2 when it is wrong."""
    parser = Parser(prog="ci/bench step", description="Counts the instructions of a checked operation. It needs valgrind.")
    parser.add_argument("--json", action="store_true", help="print JSON")
    add_caller(parser)
    return parser.parse_args(arguments)


def presets(_options):
    """The builds that are needed."""
    return [BUILD.name]


def main(arguments):
    """Prints the figures; returns the exit code."""
    options = parse_arguments(arguments)
    try:
        with concurrent.futures.ThreadPoolExecutor(os.cpu_count() or 1) as pool:
            compared = pool.map(cost, LIVE)
            stored = pool.map(cost, LIVE, ["trusted"] * len(LIVE))
            rows = list(zip(LIVE, compared, stored))
    except (OSError, subprocess.CalledProcessError) as error:
        print(f"ci/bench: {visible(error)}", file=sys.stderr)
        return EXIT_ENVIRONMENT
    if options.json:
        print(dump_json([{"live": live, "compared": all_of_it, "stores": stores} for live, all_of_it, stores in rows]))
        return EXIT_SOUND
    print(f"{'live blocks':>12} {'all compared':>14} {'stores judged':>14}   instructions a step")
    for row in rows:
        print("{:>12,} {:>14,} {:>14,}".format(*row))
    return EXIT_SOUND


if __name__ == "__main__":
    enter("ci/bench", main, sys.argv[1:])
