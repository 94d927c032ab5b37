"""What operations cost on the boards: in instructions, which must equal the baseline, and in time, which is only printed."""

import pathlib
import random
import statistics
import subprocess
import sys
import tempfile
import time

from kmemfuzz import board, corpus
import instructions
from kmemfuzz import packed_corpus
from kmemfuzz.command_line import (EXIT_ENVIRONMENT, EXIT_SOUND, EXIT_VIOLATION, Parser, add_caller, end_missing, exit_codes,
                          parse_positive, place_paths)
from kmemfuzz.entry import enter
from kmemfuzz.outside_text import dump_json, visible, visible_lines

INPUT_COUNT = 2000
OPERATION_COUNT = 65  # of an input, on average
HEADER_SIZE, OPERATION_SIZE = 11, 6  # bytes; fuzz/program/program_1.c
SAMPLE_COUNT = 20  # inputs that are booted one by one
SOURCES = ("corpus/seeds", "corpus/minimised")  # not the large ones: a campaign has none either


def parse_arguments(arguments):
    """The command line; argparse ends the process with code 2 when it is wrong."""
    parser = Parser(
        prog="ci/bench target",
        description="Counts the instructions of operations on both boards and compares them with the baseline, exactly; then "
                    "times the replay of a corpus in every configuration, which decides nothing.",
        epilog=exit_codes("the counts are the baseline's", "they are not"))
    parser.add_argument("--instructions", action="store_true", help="only count instructions")
    parser.add_argument("--accept", action="store_true", help="make the counts the baseline")
    parser.add_argument("--baseline", type=pathlib.Path, default=instructions.BASELINE, metavar="FILE",
                        help=f"the baseline (default: {instructions.BASELINE})")
    parser.add_argument("--rounds", type=parse_positive, default=3, metavar="N",
                        help="how often to measure each time; the least counts (default: 3)")
    parser.add_argument("--json", action="store_true", help="print JSON")
    add_caller(parser)
    options = parser.parse_args(arguments)
    place_paths(parser, options, "baseline")
    if not options.accept and not options.baseline.is_file():
        end_missing(parser, f"there is no baseline {options.baseline}; {instructions.ACCEPT} writes one")
    return options


def presets(options):
    """The builds that are needed."""
    return list(instructions.BOARDS) if options.instructions else ["release", *dict.fromkeys(
        configuration.preset for configuration in board.CONFIGURATIONS.values())]


# Instructions.

def compare_counts(options):
    """Counts, and compares or accepts. Returns (exit code, counts, lines for a person)."""
    new = instructions.count()
    if options.accept:
        old = instructions.read(options.baseline) if options.baseline.is_file() else instructions.Counts(None, {}, {})
        instructions.write(options.baseline, new)
        return EXIT_SOUND, new, [*instructions.differences(old, new), f"{options.baseline} now has these counts."]
    old = instructions.read(options.baseline)
    instructions.require_same_compiler(old, new, options.baseline)
    different = instructions.differences(old, new)
    if different:
        different += ["", f"These are not the counts of {options.baseline}. If they are meant to be new: {instructions.ACCEPT}"]
        return EXIT_VIOLATION, new, different
    return EXIT_SOUND, new, [f"{len(new.numbers)} counts of instructions, all as in {options.baseline}"]


# A corpus as a campaign has one: 2,000 inputs of about 65 operations, the same in every run.

def make_header(generator):
    """A header as mutation makes them, of the larger ones: up to 4 KiB, 32 or 64 slots (fuzz/program/program_1.c)."""
    return bytes((1, 0, generator.choice((2, 3)), generator.randrange(8, 16), 0, generator.randrange(8), generator.choice((1, 2)),
                  0, 0, 0, 0))


def make_inputs(sources):
    """Inputs made of these: stretches of the operations of many, a few bytes of them changed, after a header."""
    generator = random.Random(1)
    operations = [[source[at:at + OPERATION_SIZE] for at in range(HEADER_SIZE, len(source) - OPERATION_SIZE + 1, OPERATION_SIZE)]
                  for source in sources]
    operations = [stretch for stretch in operations if stretch]
    inputs = []
    for _ in range(INPUT_COUNT):
        body = []
        wanted = generator.randint(1, 2 * OPERATION_COUNT - 11)  # the frees at an input's end are operations too
        while len(body) < wanted:
            stretch = generator.choice(operations)
            first = generator.randrange(len(stretch))
            body += stretch[first:first + generator.randint(1, 32)]
        content = bytearray(make_header(generator) + b"".join(body[:wanted]))
        for _ in range(len(body) // 8):
            content[generator.randrange(HEADER_SIZE, len(content))] = generator.randrange(256)
        inputs.append(bytes(content))
    return inputs


def make_corpus(folder):
    """Packs the corpus; returns its blob."""
    seeds = folder / "seeds.blob"
    packed_corpus.run_tool("pack", *SOURCES, "-o", seeds)
    inputs = folder / "inputs"
    inputs.mkdir()
    for index, content in enumerate(make_inputs(corpus.blob_inputs(seeds))):
        (inputs / f"{index:04}").write_bytes(content)
    blob = folder / "corpus.blob"
    packed_corpus.run_tool("pack", inputs, "-o", blob)
    return blob


# Time.

def timed(call):
    """The seconds a call takes."""
    started = time.monotonic()
    call()
    return time.monotonic() - started


def boot_alone(image, blob, index):
    """Boots for one input."""
    boot = board.Boot(board.boot_command(image, blob, start=index, count=1), board.START_SECONDS)
    if [line for line in boot.lines() if line.startswith("END ")] != ["END 1 1 0 0 0 0"] or boot.code != 0:  # one sound input
        raise board.EnvironmentFailure(f"input {index} is not sound on {image.configuration.name}: kmemfuzz board says why")


def time_configuration(configuration, blob, host_seconds, rounds):
    """A configuration's figures."""
    image = board.Image(configuration)
    replays = []
    for _ in range(rounds):
        replay = board.Replay(image, blob)
        if not all(outcome.sound for outcome in replay.run()):
            raise board.EnvironmentFailure(f"the corpus is not sound on {configuration.name}: kmemfuzz board says why")
        replays.append(replay)
    best = min(replays, key=lambda replay: replay.seconds)
    operations = sum(outcome.values["operations"] for outcome in best.outcomes)
    step = len(best.outcomes) // SAMPLE_COUNT
    alone = statistics.mean(timed(lambda index=index: boot_alone(image, blob, index))
                            for index in range(0, SAMPLE_COUNT * step, step))
    return {
        "configuration": configuration.name, "inputs": len(best.outcomes), "checked_operations": operations,
        "seconds": round(best.seconds, 3),
        "seconds_to_first_verdict": round(min(replay.first_verdict_seconds for replay in replays), 3),
        "inputs_per_second": round(len(best.outcomes) / best.seconds),
        "checked_operations_per_second": round(operations / best.seconds),
        "times_one_boot_per_input": round(alone * len(best.outcomes) / best.seconds, 1),
        "times_host": round(best.seconds / host_seconds, 1),
    }


def measure_times(rounds):
    """The figures of all configurations, one after another, and of the host."""
    with tempfile.TemporaryDirectory() as name:
        blob = make_corpus(pathlib.Path(name))
        host = min(timed(lambda: packed_corpus.run_tool("replay", blob)) for _ in range(rounds))
        configurations = [time_configuration(configuration, blob, host, rounds)
                          for configuration in board.CONFIGURATIONS.values()]
    return {"host_seconds": round(host, 3), "configurations": configurations,
            "seconds": round(sum(figures["seconds"] for figures in configurations), 3)}


def print_times(times):
    """The figures as a table."""
    some = times["configurations"][0]
    print(f"\n{some['inputs']:,} inputs of {some['checked_operations'] / some['inputs']:.1f} checked operations; the host's replay takes "
          f"{times['host_seconds']:.2f} s")
    print(f"{'configuration':16} {'seconds':>8} {'to first':>9} {'inputs/s':>9} {'operations/s':>13} {'faster than':>12} {'slower than':>12}")
    print(f"{'':16} {'':>8} {'verdict':>9} {'':>9} {'':>13} {'boot each':>12} {'the host':>12}")
    for figures in times["configurations"]:
        print(f"{figures['configuration']:16} {figures['seconds']:>8.2f} {figures['seconds_to_first_verdict']:>9.2f} "
              f"{figures['inputs_per_second']:>9,} {figures['checked_operations_per_second']:>13,} "
              f"{figures['times_one_boot_per_input']:>11,.0f}x {figures['times_host']:>11.1f}x")
    print(f"{'all':16} {times['seconds']:>8.2f}")


def main(arguments):
    """Runs the command; returns the exit code."""
    options = parse_arguments(arguments)
    try:
        code, counts, lines = compare_counts(options)
        result = {"same": code == EXIT_SOUND, "compiler": counts.compiler, "instructions": {
            name: {operation: count for (owner, operation), count in sorted(counts.numbers.items()) if owner == name}
            for name in instructions.BOARDS}}
        if not options.json:
            print("\n".join(lines), flush=True)
        if not options.instructions:
            result["times"] = measure_times(options.rounds)
            if not options.json:
                print_times(result["times"])
        if options.json:
            print(dump_json(result))
        return code
    except instructions.BrokenCount as error:
        print(f"ci/bench target: an operation went wrong while it was counted: {visible(error)}", file=sys.stderr)
        return EXIT_VIOLATION
    except (OSError, subprocess.CalledProcessError, packed_corpus.PackFailure, board.EnvironmentFailure) as error:
        print(f"ci/bench target: {visible_lines(error)}", file=sys.stderr)
        return EXIT_ENVIRONMENT


if __name__ == "__main__":
    enter("ci/bench target", main, sys.argv[1:])
