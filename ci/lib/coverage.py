"""Line and branch coverage of the core and the checkers from the unit tests and the corpus, held against a floor; every
branch that is not covered both ways must be explained in tests/uncovered.txt."""

import argparse
import json
import os
import pathlib
import shutil
import subprocess
import sys

BUILD = pathlib.Path("build/coverage")
RAW = BUILD / "raw"
PROFILE = BUILD / "all.profdata"
EXPLANATIONS = pathlib.Path("tests/uncovered.txt")
MEASURED = ("src/*.[ch]", "invariants/*.[ch]", "src/riscv/sv39.[ch]")
LEAST_LINES = 99.0
LEAST_BRANCHES = 97.0
EXIT_SOUND, EXIT_VIOLATION, EXIT_USAGE, EXIT_ENVIRONMENT = range(4)


def run_everything(binaries):
    """Runs the unit tests and the corpus, each process leaving a raw profile."""
    shutil.rmtree(RAW, ignore_errors=True)
    environment = dict(os.environ, LLVM_PROFILE_FILE=str(RAW.resolve() / "%p.profraw"))
    for binary in binaries:
        arguments = ["run", "corpus"] if binary.name == "kmemfuzz" else []
        finished = subprocess.run([binary, *arguments], env=environment, capture_output=True, text=True, check=False)
        if finished.returncode != 0:
            raise RuntimeError(f"{binary} ended with code {finished.returncode}:\n{finished.stdout[-2000:]}"
                               f"{finished.stderr[-2000:]}")


def export(binaries):
    """llvm-cov's report on the measured files, as it exports it."""
    subprocess.run(["llvm-profdata-19", "merge", "-sparse", *sorted(RAW.iterdir()), "-o", PROFILE], check=True)
    objects = [argument for binary in binaries[1:] for argument in ("-object", binary)]
    sources = [path for pattern in MEASURED for path in sorted(pathlib.Path().glob(pattern))]
    output = subprocess.run(["llvm-cov-19", "export", "-format=text", f"-instr-profile={PROFILE}", binaries[0],
                             *objects, *sources], capture_output=True, text=True, check=True).stdout
    return json.loads(output)["data"][0]["files"]


def branches_of(entry):
    """{(line, column): [times true, times false]} of a file; a place compiled several times counts once."""
    branches = {}
    for line, column, _, _, times_true, times_false, *_ in entry["branches"]:
        counts = branches.setdefault((line, column), [0, 0])
        counts[0] += times_true
        counts[1] += times_false
    return branches


def read_explanations():
    """{(file, source line): reason} from lines `FILE | SOURCE LINE | REASON`; # begins a comment line."""
    explanations = {}
    for number, line in enumerate(EXPLANATIONS.read_text(encoding="utf-8").splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        parts = [part.strip() for part in line.split(" | ")]
        if len(parts) != 3:
            raise RuntimeError(f"{EXPLANATIONS}:{number}: a line is FILE | SOURCE LINE | REASON")
        explanations[parts[0], parts[1]] = parts[2]
    return explanations


def measure(files):
    """Figures per file, and the branch sides nothing took."""
    figures = []
    uncovered = []
    for entry in files:
        name = os.path.relpath(entry["filename"])
        source = pathlib.Path(name).read_text(encoding="utf-8").splitlines()
        branches = branches_of(entry)
        for (line, column), counts in sorted(branches.items()):
            for side, count in zip(("true", "false"), counts):
                if count == 0:
                    uncovered.append({"file": name, "line": line, "column": column, "never": side,
                                      "source": source[line - 1].strip()})
        lines = entry["summary"]["lines"]
        figures.append({
            "file": name,
            "lines": lines["count"],
            "lines_covered": lines["covered"],
            "branches": 2 * len(branches),
            "branches_covered": sum(count > 0 for counts in branches.values() for count in counts),
        })
    return figures, uncovered


def percent(part, whole):
    """How much of the whole a part is, in percent; an empty whole is covered."""
    return 100.0 if whole == 0 else 100.0 * part / whole


def print_table(figures, total):
    """The figures as a table, the total last."""
    print(f"{'file':34} {'lines':>18} {'branches':>18}")
    for row in [*figures, total]:
        lines = f"{row['lines_covered']}/{row['lines']} {percent(row['lines_covered'], row['lines']):6.2f} %"
        branches = (f"{row['branches_covered']}/{row['branches']} "
                    f"{percent(row['branches_covered'], row['branches']):6.2f} %")
        print(f"{row['file']:34} {lines:>18} {branches:>18}")


def judge(total, uncovered, explanations):
    """What is wrong with the coverage, as sentences."""
    problems = []
    for what, least in (("lines", LEAST_LINES), ("branches", LEAST_BRANCHES)):
        reached = percent(total[f"{what}_covered"], total[what])
        if reached < least:
            problems.append(f"{reached:.2f} % of all {what} are covered, and {least} % must be")
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


def main():
    """Prints the coverage; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="ci/coverage", description="Coverage of src/ and invariants/ by the unit tests and the corpus. Fails below "
        f"{LEAST_LINES} % of lines or {LEAST_BRANCHES} % of branches, and when an uncovered branch is not explained.")
    parser.add_argument("--json", action="store_true", help="print JSON")
    options = parser.parse_args()
    binaries = sorted(path for path in (BUILD / "tests").glob("test_*") if path.is_file()) + [BUILD / "kmemfuzz"]
    try:
        run_everything(binaries)
        figures, uncovered = measure(export(binaries))
        explanations = read_explanations()
    except (OSError, RuntimeError, subprocess.CalledProcessError) as error:
        print(f"ci/coverage: {error}", file=sys.stderr)
        return EXIT_ENVIRONMENT
    total = {"file": "total", **{key: sum(row[key] for row in figures) for key in figures[0] if key != "file"}}
    problems = judge(total, uncovered, explanations)
    for place in uncovered:
        place["reason"] = explanations.get((place["file"], place["source"]))
    if options.json:
        print(json.dumps({"files": figures, "total": total, "uncovered": uncovered, "problems": problems}, indent=2))
    else:
        print_table(figures, total)
        for place in uncovered:
            print(f"\n{place['file']}:{place['line']}: never {place['never']}: {place['source']}\n  {place['reason']}")
    for problem in problems:
        print(f"ci/coverage: {problem}", file=sys.stderr)
    return EXIT_VIOLATION if problems else EXIT_SOUND


if __name__ == "__main__":
    sys.exit(main())
