"""./ci/determinism: does what an input does depend on the input alone? Runs every file of a corpus twice in a row, the whole
corpus in several shuffled orders in one process, and every file in its own process. A program must have the same digest each
time, and an input the same coverage in the fuzz build: every edge with its counter."""

import concurrent.futures
import os
import pathlib
import random
import re
import subprocess
import sys
import tempfile

from kmemfuzz import corpus, fuzzer
from kmemfuzz.campaign import TARGETS
from kmemfuzz.command_line import (EXIT_ENVIRONMENT, EXIT_INTERNAL, EXIT_SOUND, EXIT_VIOLATION, Parser, add_caller, end_missing, exit_codes,
                          parse_positive, place_paths)
from kmemfuzz.entry import enter
from kmemfuzz.outside_text import visible, visible_lines

BUILD = pathlib.Path("build/fuzz")
SECONDS = 300  # that one process may take for a corpus
SHOWN = 5  # differences that are printed for each check

_SOUND = re.compile(r"^sound +([0-9a-f]{16}) +(\d+ operations?) +(.*)$", re.MULTILINE)


def parse_arguments(arguments):
    """The command line; argparse ends the process with code 2 when it is wrong."""
    parser = Parser(
        prog="ci/determinism", description="Requires that what an input does depends on the input alone: run twice, in "
        "any order, in one process or many, it has the same digest and the same coverage.",
        epilog=exit_codes("so it is", "it is not"))
    parser.add_argument("paths", nargs="*", type=pathlib.Path, metavar="PATH",
                        help="files and folders of inputs (default: the committed corpus)")
    parser.add_argument("--target", choices=TARGETS, default="heap",
                        help="whose inputs they are (default: heap); only programs have a digest")
    parser.add_argument("--orders", type=parse_positive, default=3, metavar="N",
                        help="shuffled orders, of seeds 1 to N (default: 3)")
    parser.add_argument("--build", type=pathlib.Path, metavar="DIR", help="the folder of the programs, which are then not "
                        "built (default: build/fuzz)")
    add_caller(parser)
    options = parser.parse_args(arguments)
    place_paths(parser, options, "paths", "build")
    options.paths = options.paths or [pathlib.Path("corpus")]
    missing = corpus.missing_of(options.paths)
    if missing:
        end_missing(parser, missing)
    problem = corpus.problem_with(options.paths)
    if problem:
        parser.error(problem)
    if options.build and not (options.build / f"{options.target}_fuzzer").is_file():
        end_missing(parser, f"--build {options.build} holds no {options.target}_fuzzer; cmake --build --preset fuzz builds one")
    return options


def presets(options):
    """The builds that are needed."""
    return [] if options.build else [BUILD.name]


def run(command):
    """Runs a program. Returns (exit code, output); raises CorpusError when it does not end."""
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              errors="replace", env=dict(os.environ, **fuzzer.ENVIRONMENT), timeout=SECONDS, check=False)
    except subprocess.TimeoutExpired:
        raise corpus.CorpusError(f"{command[0]} took more than {SECONDS} s for the corpus") from None
    return done.returncode, done.stdout


def digests(build, target, paths):
    """What kmemfuzz run says of each path, in order: digest and count of operations."""
    code, output = run([build / corpus.tool_of(target).name, "run", *paths])
    if code in (EXIT_ENVIRONMENT, EXIT_INTERNAL):
        print(visible_lines(output[-1500:]), end="", file=sys.stderr)
        sys.exit(code)
    lines = _SOUND.findall(output)
    if code != 0 or len(lines) != len(paths):
        raise corpus.CorpusError(f"kmemfuzz run ended with code {code} on the corpus:\n{output[-1500:]}")
    return [f"digest {digest}, {operations}" for digest, operations, _ in lines]


def coverage(build, target, paths):
    """The features (edges with their counters) of each path, in order, all run in one process. A control file, by which
    libFuzzer's merge talks to its own processes, lets us choose the order and holds the answer."""
    with tempfile.TemporaryDirectory() as folder:
        control = pathlib.Path(folder) / "control"
        control.write_bytes(b"".join(os.fsencode(line) + b"\n" for line in (str(len(paths)), "0", *paths)))
        code, output = run([build / f"{target}_fuzzer", "-merge_inner=2", f"-merge_control_file={control}",
                            f"-max_len={corpus.WHOLE_INPUT_SIZE}", f"-artifact_prefix={folder}/"])
        found = [line.split()[2:] for line in control.read_text(encoding="utf-8", errors="replace").splitlines()
                 if line.startswith("FT ")]
    if code != 0 or len(found) != len(paths):
        raise corpus.CorpusError(f"{target}_fuzzer ended with code {code} on the corpus:\n{output[-1500:]}")
    return [frozenset(features) for features in found]


def describe(answer, other):
    """How two answers to the same input differ."""
    if isinstance(answer, str):
        return f"{answer}, then {other}"
    return (f"coverage of {len(answer)} features, then of {len(other)}: {len(answer - other)} are gone, "
            f"{len(other - answer)} are new")


class Judge:
    """Asks for the answers to a corpus in different ways, and compares."""

    def __init__(self, what, ask, paths):
        self.what = what  # "digest" or "coverage"
        self.ask = ask  # answers to a list of paths, in order, from one process
        self.paths = paths
        self.first = {}
        self.passed = self.failed = 0

    def compare(self, name, order, answers):
        """Holds answers against the first ones, and prints what came of it."""
        differences = []
        for path, answer in zip(order, answers):
            first = self.first.setdefault(path, answer)
            if answer != first:
                differences.append(f"        {path}: {describe(first, answer)}")
        if differences:
            self.failed += 1
            print(f"FAILED  {visible(self.what)}, {name}: {len(differences)} of {len(order)} answers differ")
            print("\n".join(map(visible, differences[:SHOWN])))
        else:
            self.passed += 1
            print(f"ok      {visible(self.what)}, {name}: {len(order)} answers")

    def judge(self, orders):
        """All comparisons."""
        with concurrent.futures.ThreadPoolExecutor(os.cpu_count() or 1) as pool:
            alone = list(pool.map(lambda path: self.ask([path])[0], self.paths))
        self.compare("each file in a process of its own", self.paths, alone)
        twice = [path for path in self.paths for _ in range(2)]
        self.compare("each file twice, in one process", twice, self.ask(twice))
        for seed in range(1, orders + 1):
            order = random.Random(seed).sample(self.paths, len(self.paths))
            self.compare(f"in one process, order {seed}", order, self.ask(order))


def main(arguments):
    """Runs the command; returns the exit code."""
    options = parse_arguments(arguments)
    build = options.build or BUILD
    paths = [path for given in options.paths for path in corpus.inputs(given)]
    judges = [Judge("coverage", lambda order: coverage(build, options.target, order), paths)]
    if options.target in corpus.PROGRAMS:
        judges.append(Judge("digests", lambda order: digests(build, options.target, order), paths))
    try:
        for judge in judges:
            judge.judge(options.orders)
    except corpus.CorpusError as error:
        print(f"ci/determinism: {visible_lines(error)}", file=sys.stderr)
        return EXIT_VIOLATION
    except OSError as error:
        print(f"ci/determinism: {visible(error)}; build it: cmake --build --preset fuzz", file=sys.stderr)
        return EXIT_ENVIRONMENT
    passed, failed = (sum(getattr(judge, name) for judge in judges) for name in ("passed", "failed"))
    print(f"{passed} passed, {failed} failed")
    return EXIT_VIOLATION if failed else EXIT_SOUND


if __name__ == "__main__":
    enter("ci/determinism", main, sys.argv[1:])
