"""./ci/coverage: line, branch and MC/DC coverage of the core and the checkers by the unit tests and the corpus. It must not fall
below a floor, and tests/uncovered.txt must explain every branch and condition that is not covered."""

import concurrent.futures
import os
import pathlib
import shutil
import subprocess
import sys

from kmemfuzz import board
import coverage_target
import measurement
from kmemfuzz.command_line import EXIT_ENVIRONMENT, EXIT_SOUND, EXIT_VIOLATION, Parser, add_caller, exit_codes, place_paths
from kmemfuzz.entry import enter
from kmemfuzz.outside_text import dump_json, visible, visible_lines

BUILD = pathlib.Path("build/coverage")
RAW = BUILD / "raw"
EXPLANATIONS = pathlib.Path("tests/uncovered.txt")
LEAST = {"lines": 99.0, "branches": 97.0, "conditions": 97.0}  # percent


def host_binaries():
    """The unit tests, and the tool that runs the corpus."""
    return sorted(path for path in (BUILD / "tests").glob("test_*") if path.is_file()) + [BUILD / "kmemfuzz"]


def run_everything(binaries):
    """Runs the unit tests and the corpus, each process leaving a raw profile; returns these. What was left before is taken when
    nothing that it is of has changed since."""
    complete = RAW / "complete"  # is made last, and says of what
    inputs = sorted([*binaries, *pathlib.Path("corpus").rglob("*")])
    state = "".join(f"{path} {path.stat().st_size} {path.stat().st_ctime_ns}\n" for path in inputs)
    if complete.is_file() and complete.read_text(encoding="utf-8") == state:
        return sorted(RAW.glob("*.profraw"))
    shutil.rmtree(RAW, ignore_errors=True)
    environment = dict(os.environ, LLVM_PROFILE_FILE=str(RAW.resolve() / "%p.profraw"))

    def run(binary):
        arguments = ["run", "corpus"] if binary.name == "kmemfuzz" else []
        finished = subprocess.run([binary, *arguments], env=environment, stdin=subprocess.DEVNULL, capture_output=True,
                                  text=True, errors="replace", check=False)
        if finished.returncode != 0:
            raise measurement.MeasurementFailure(f"{binary} ended with code {finished.returncode}:\n"
                                                 f"{finished.stdout[-2000:]}{finished.stderr[-2000:]}")

    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:  # the work is the processes'
        list(pool.map(run, binaries))
    complete.write_text(state, encoding="utf-8")
    return sorted(RAW.glob("*.profraw"))


def find_uncovered(files):
    """The branch sides nothing took, and the conditions nothing has shown to decide."""
    return [{"file": name, "line": line, "column": column, "never": measurement.describe(place),
             "source": measurement.source_line(name, line)}
            for name, file in files.items() for place, covered in file.places().items()
            for kind, line, column, _ in [place] if kind != "lines" and not covered]


def print_table(figures, total):
    """The figures as a table, the total last."""
    print(f"{'file':30} {'lines':>18} {'branches':>16} {'MC/DC':>16}")
    for row in [*figures, total]:
        cells = [f"{row[f'{kind}_covered']}/{row[kind]} {measurement.percent(row[f'{kind}_covered'], row[kind]):6.2f} %"
                 if row[kind] else "-" for kind in measurement.KINDS]
        print(f"{row['file']:30} {cells[0]:>18} {cells[1]:>16} {cells[2]:>16}")


def judge(total, uncovered, explanations):
    """What is wrong with the coverage, as sentences."""
    problems = [] if total["lines"] else ["nothing was measured"]
    for kind, least in LEAST.items():
        reached = measurement.percent(total[f"{kind}_covered"], total[kind])
        if reached < least:
            problems.append(f"{reached:.2f} % of all {kind} are covered, and {least} % must be")
    used = set()
    for place in uncovered:
        key = (place["file"], place["source"])
        used.add(key)
        if key not in explanations:
            problems.append(f"{place['file']}:{place['line']}:{place['column']}: never {place['never']}, and not "
                            f"explained in {EXPLANATIONS}: {place['source']}")
    problems += [f"{EXPLANATIONS}: explains what is covered or gone: {' | '.join(key)}"
                 for key in sorted(set(explanations) - used)]
    return problems


def parse_arguments(arguments):
    """The command line; argparse ends the process with code 2 when it is wrong."""
    parser = Parser(
        prog="ci/coverage", description="Measures coverage of src/ and invariants/ by the unit tests and the corpus. Fails below "
        f"{LEAST['lines']} % of lines or {LEAST['branches']} % of branches or of MC/DC conditions, and when an uncovered "
        f"branch or condition is not explained in {EXPLANATIONS}.",
        epilog=exit_codes("all covered that must be", "not"))
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--target", action="store_true",
                        help="measure the corpus on the emulated RISC-V boards too, and fail where it covers less there "
                             "than on the host")
    parser.add_argument("--html", type=pathlib.Path, metavar="FOLDER",
                        help="also write the sources with all counts beside them as pages into this new folder")
    add_caller(parser)
    options = parser.parse_args(arguments)
    place_paths(parser, options, "html")
    if options.html is not None and options.html.exists():
        parser.error(f"{options.html} is there already; name a folder that is not")
    return options


def presets(options):
    """The builds that are needed."""
    return [BUILD.name, *(configuration.preset for configuration in coverage_target.BOARDS.values() if options.target)]


def main(arguments):
    """Prints the coverage; returns the exit code."""
    options = parse_arguments(arguments)
    binaries = host_binaries()
    try:
        if options.target:
            return coverage_target.compare_machines(binaries, run_everything(binaries), options.json, options.html)
        profile = BUILD / "all.profdata"
        measurement.merge(run_everything(binaries), profile)
        files = measurement.measure(binaries, profile)
        explanations = measurement.read_explanations(EXPLANATIONS, 2)
        if options.html is not None:
            measurement.write_html(binaries, profile, options.html)
    except (OSError, board.EnvironmentFailure, measurement.MeasurementFailure) as error:
        print(f"ci/coverage: {visible_lines(error)}", file=sys.stderr)
        return EXIT_ENVIRONMENT
    except KeyboardInterrupt:
        print("ci/coverage: interrupted", file=sys.stderr)
        return EXIT_ENVIRONMENT
    figures = [{"file": name, **file.figures()} for name, file in files.items()]
    total = {"file": "total", **measurement.total(figures)}
    uncovered = find_uncovered(files)
    problems = judge(total, uncovered, explanations)
    for place in uncovered:
        place["reason"] = explanations.get((place["file"], place["source"]))
    if options.json:
        print(dump_json({"files": figures, "total": total, "uncovered": uncovered, "problems": problems}))
    else:
        print_table(figures, total)
        for place in uncovered:
            print(f"\n{place['file']}:{place['line']}: never {place['never']}: {place['source']}\n  {place['reason']}")
    for problem in problems:
        print(f"ci/coverage: {visible(problem)}", file=sys.stderr)
    return EXIT_VIOLATION if problems else EXIT_SOUND


if __name__ == "__main__":
    enter("ci/coverage", main, sys.argv[1:])
