"""The benchmark: executions and checked operations per second, next to an empty libFuzzer target, and the cost of a checked
operation by the number of live blocks. It measures processor time, so that other work on the machine counts less."""

import os
import pathlib
import resource
import statistics
import subprocess
import sys
import tempfile

from kmemfuzz import corpus, fuzzer
from kmemfuzz.command_line import EXIT_ENVIRONMENT, EXIT_SOUND, Parser, add_caller, parse_positive
from kmemfuzz.entry import enter
from kmemfuzz.outside_text import dump_json, visible

BUILD = pathlib.Path("build/fuzz")


def processor_seconds(command, environment):
    """Processor time a command takes; raises when it fails."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def run_target(name, runs, seeds, folder):
    """Runs a target from the committed corpus. Returns (seconds, executions, operations, operations in inputs)."""
    corpus = pathlib.Path(tempfile.mkdtemp(dir=folder))
    counters = corpus.with_suffix(".statistics")
    command = [BUILD / name, *fuzzer.FLAGS, "-seed=1", f"-runs={runs}", corpus, seeds]
    seconds = processor_seconds(command, dict(os.environ, KMEM_STATISTICS=str(counters), **fuzzer.ENVIRONMENT))
    return (seconds, *fuzzer.read_statistics(counters))


def measure(rounds, runs):
    """All figures, each the median over the rounds; the two targets take turns."""
    rates = []
    with tempfile.TemporaryDirectory() as folder:
        seeds = pathlib.Path(folder) / "seeds"
        corpus.prepare_seeds("heap", seeds)
        for _ in range(rounds):
            empty_seconds, *_ = run_target("empty_fuzzer", runs * 4, seeds, folder)
            seconds, executions, operations, in_inputs = run_target("heap_fuzzer", runs, seeds, folder)
            rates.append((runs * 4 / empty_seconds, executions / seconds, operations / seconds,
                          operations / seconds * empty_seconds / (runs * 4), in_inputs / executions))
    medians = [statistics.median(column) for column in zip(*rates)]
    return {
        "empty_executions_per_second": round(medians[0]),
        "executions_per_second": round(medians[1]),
        "checked_operations_per_second": round(medians[2]),
        "checked_operations_per_empty_execution": round(medians[3], 2),
        "operations_per_input": round(medians[4], 1),
        "nanoseconds_per_checked_operation": measure_costs(),
    }


def measure_costs():
    """Nanoseconds a checked operation takes, by live blocks."""
    output = subprocess.run([BUILD / "kmem_bench"], capture_output=True, text=True, check=True).stdout
    return {int(line.split()[0]): int(line.split()[2]) for line in output.splitlines()}


def parse_arguments(arguments):
    """The command line; argparse ends the process with code 2 when it is wrong."""
    parser = Parser(
        prog="ci/bench heap",
        description="Measures the harness on one core, under AddressSanitizer and UBSan, with every oracle on.")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--rounds", type=parse_positive, default=5, metavar="N",
                        help="how often each target is run; figures are medians (default: 5)")
    parser.add_argument("--runs", type=parse_positive, default=200000, metavar="N",
                        help="executions of the heap target a round (default: 200000)")
    add_caller(parser)
    return parser.parse_args(arguments)


def presets(_options):
    """The builds that are needed."""
    return [BUILD.name]


def main(arguments):
    """Prints the figures; returns the exit code."""
    options = parse_arguments(arguments)
    try:
        figures = measure(options.rounds, options.runs)
    except (OSError, subprocess.CalledProcessError) as error:
        print(f"ci/bench: {visible(error)}", file=sys.stderr)
        return EXIT_ENVIRONMENT
    if options.json:
        print(dump_json(figures))
        return EXIT_SOUND
    costs = figures.pop("nanoseconds_per_checked_operation")
    for name, value in figures.items():
        print(f"{name:40} {value:>12,}")
    for live, nanoseconds in costs.items():
        print(f"{f'nanoseconds_per_checked_operation at {live:,}':48} {nanoseconds:>4,}")
    return EXIT_SOUND


if __name__ == "__main__":
    enter("ci/bench", main, sys.argv[1:])
