"""The corpus's coverage on the emulated boards: it must reach all that it reaches on the host, except for what
tests/uncovered_target.txt explains. Also merges the profiles of all machines."""

import concurrent.futures
import os
import pathlib
import subprocess
import sys
import tempfile

from kmemfuzz import board, child
import measurement
from kmemfuzz.command_line import EXIT_SOUND, EXIT_VIOLATION
from kmemfuzz.outside_text import dump_json, visible

KMEMFUZZ = pathlib.Path("build/coverage/kmemfuzz")
EXPLANATIONS = pathlib.Path("tests/uncovered_target.txt")
BOARDS = {name: board.Configuration(name, f"{name}-coverage", "replay") for name in board.EMULATORS}
HOST, MERGED = "host", "merged"


# One machine: the raw profile of a replay.

def run_tool(raw, *arguments):
    """What kmemfuzz prints, its profile left in a file."""
    result = subprocess.run([KMEMFUZZ, *arguments], env=dict(os.environ, LLVM_PROFILE_FILE=str(raw)), capture_output=True,
                            text=True, errors="surrogateescape", check=False)
    if result.returncode != 0:
        raise measurement.MeasurementFailure(f"{KMEMFUZZ} {arguments[0]} ended with code {result.returncode}:\n"
                                             f"{result.stdout[-2000:]}{result.stderr[-2000:]}")
    return result.stdout


def replay_on_board(configuration, blob, raw, host_lines):
    """Replays on a board. Coverage is compared only of replays that are the same, input by input."""
    outcomes = board.Replay(board.Image(configuration), blob, profile=raw).run()
    if [outcome.line for outcome in outcomes] != host_lines:
        raise measurement.MeasurementFailure(f"the corpus is not sound on {configuration.name}, or not the same as on "
                                             f"the host: kmemfuzz board --configuration {configuration.name} says more")
    if not raw.is_file():
        raise measurement.MeasurementFailure(f"the image of {configuration.name} has left no profile")


def measure_machine(binaries, raws, folder, name):
    """{file: File} by these raw profiles."""
    merged = folder / f"{name}.profdata"
    measurement.merge(raws, merged)
    return measurement.measure(binaries, merged)


def measure_machines(binaries, unit_raws, folder, html):
    """{machine: {file: File}} for the corpus on the host and on each board, and for everything merged. What is merged is
    also written as pages into the folder html, unless that is None."""
    blob = folder / "corpus.blob"
    raws = {name: folder / f"{name}.profraw" for name in (HOST, *BOARDS)}
    run_tool(os.devnull, "pack", "corpus", "-o", blob)
    host_lines = run_tool(raws[HOST], "replay", blob).splitlines()[:-1]
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:  # the work is the emulators'
        try:
            list(pool.map(lambda name: replay_on_board(BOARDS[name], blob, raws[name], host_lines), BOARDS))
        except BaseException:
            child.stop_all()
            raise
    images = {name: board.Image(configuration).path for name, configuration in BOARDS.items()}
    files = {HOST: measure_machine([KMEMFUZZ], [raws[HOST]], folder, HOST)}
    for name, image in images.items():
        files[name] = measure_machine([image], [raws[name]], folder, name)
    everything = [*binaries, *images.values()]
    files[MERGED] = measure_machine(everything, [*unit_raws, *raws.values()], folder, MERGED)
    if html is not None:
        measurement.write_html(everything, folder / f"{MERGED}.profdata", html)
    return files


# What differs.

def find_differences(name, host, target):
    """Every place that is covered on the host but not on a board."""
    differences = []
    for file, measured in host.items():
        there = target[file].places() if file in target else {}
        for place, covered in measured.places().items():
            if covered and not there.get(place, False):
                _, line, column, _ = place
                differences.append({"board": name, "file": file, "line": line, "column": column,
                                    "never": measurement.describe(place), "source": measurement.source_line(file, line)})
    return differences


def count_lines(host, target):
    """(lines executed on the host or on a board, those of them executed as often on both)."""
    counts = [(count, target[file].lines.get(line, 0) if file in target else 0)
              for file, measured in host.items() for line, count in measured.lines.items()]
    counts = [(here, there) for here, there in counts if here > 0 or there > 0]
    return len(counts), sum(here == there for here, there in counts)


def judge(differences, explanations):
    """What is wrong, as sentences; each difference is given its reason."""
    problems = []
    used = set()
    for place in differences:
        key = (place["board"], place["file"], place["source"])
        used.add(key)
        place["reason"] = explanations.get(key)
        if place["reason"] is None:
            where = f"{place['file']}:{place['line']}" + (f":{place['column']}" if place["column"] else "")
            problems.append(f"{where}: never {place['never']} on {place['board']}, where the corpus has it so on the host, "
                            f"and not explained in {EXPLANATIONS}: {place['source']}")
    problems += [f"{EXPLANATIONS}: explains what is covered or gone: {' | '.join(key)}"
                 for key in sorted(set(explanations) - used)]
    return problems


# What is printed.

def tabulate(files):
    """A row for each file: its figures on each machine whose binaries have it; the total last."""
    rows = [{"file": name, **{machine: measured[name].figures() for machine, measured in files.items() if name in measured}}
            for name in files[MERGED]]
    return [*rows, {"file": "total", **{machine: measurement.total([row[machine] for row in rows if machine in row])
                                        for machine in files}}]


def print_table(rows, machines):
    """Covered of all, for each kind on each machine."""
    titles = {name: "all tests, merged" if name == MERGED else f"corpus on {name}" for name in machines}
    widths = {"lines": 11, "branches": 9, "conditions": 7}
    print(f"{'':28}" + "".join(f"{titles[name]:>27}" for name in machines))
    print(f"{'file':28}" + f"{'lines':>11}{'branches':>9}{'MC/DC':>7}" * len(machines))
    for row in rows:
        cells = [(f"{figures[f'{kind}_covered']}/{figures[kind]}" if figures.get(kind) else "-").rjust(width)
                 for figures in (row.get(name, {}) for name in machines) for kind, width in widths.items()]
        print(f"{row['file']:28}" + "".join(cells))


def print_boards(boards, differences):
    """A line for each board, and what is explained."""
    for name, counts in boards.items():
        missing = sum(place["board"] == name for place in differences)
        what = f"all but {missing} of what it covers" if missing else "all it covers"
        print(f"\n{name}  the corpus covers {what} on the host; {counts['lines_counted_equal']} of {counts['lines']} lines "
              "were executed as often as there")
        for place in differences:
            if place["board"] == name and place["reason"] is not None:
                print(f"  {place['file']}:{place['line']}: never {place['never']}: {place['source']}\n    {place['reason']}")


def compare_machines(binaries, unit_raws, as_json, html):
    """Measures and compares all machines, prints what was found; returns the exit code."""
    with tempfile.TemporaryDirectory(dir=KMEMFUZZ.parent) as folder:
        files = measure_machines(binaries, unit_raws, pathlib.Path(folder), html)
    explanations = measurement.read_explanations(EXPLANATIONS, 3)
    differences = [place for name in BOARDS for place in find_differences(name, files[HOST], files[name])]
    problems = judge(differences, explanations)
    boards = {name: dict(zip(("lines", "lines_counted_equal"), count_lines(files[HOST], files[name]))) for name in BOARDS}
    rows = tabulate(files)
    if as_json:
        print(dump_json({"files": rows[:-1], "total": rows[-1], "boards": boards, "differences": differences,
                         "problems": problems}))
    else:
        print_table(rows, list(files))
        print_boards(boards, differences)
    for problem in problems:
        print(f"ci/coverage: {visible(problem)}", file=sys.stderr)
    return EXIT_VIOLATION if problems else EXIT_SOUND
