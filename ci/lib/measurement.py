"""Merges coverage profiles and reads them with llvm-cov: lines, branch sides and MC/DC conditions of the core and the checkers,
covered and not."""

import json
import os
import pathlib
import shutil
import subprocess

from kmemfuzz import llvm

MEASURED = ("src/*.[ch]", "invariants/*.[ch]", "src/riscv/sv39.[ch]", "src/riscv/virtual_heap.[ch]")
KINDS = ("lines", "branches", "conditions")


class MeasurementFailure(Exception):
    """A profile cannot be read, or does not belong to what was built: exit code 3."""


def _run(*command):
    """What one of llvm's tools prints. A warning of theirs is about counts that are left out, so it is an error."""
    words = [llvm.place(command[0]), *map(str, command[1:])]
    result = subprocess.run(words, capture_output=True, text=True, errors="surrogateescape", check=False)
    if result.returncode != 0 or result.stderr:
        raise MeasurementFailure(f"{' '.join(words[:2])} failed: {result.stderr.strip()}")
    return result.stdout


def merge(raw_profiles, merged):
    """Makes one profile of several raw ones, from whatever machine."""
    _run("llvm-profdata", "merge", "-sparse", *raw_profiles, "-o", merged)


class File:
    """One source file: how often each line was executed, each side of each branch was taken, and whether each condition
    of an MC/DC decision has been shown to decide it alone."""

    def __init__(self):
        self.lines = {}  # line: times
        self.branches = {}  # (line, column): [times true, times false]
        self.conditions = {}  # (line, column): [shown for each condition]

    def places(self):
        """{(kind, line, column, part): covered}: each line, each side of each branch, each condition of each decision. A
        part is 0 for true and 1 for false, or the number of a condition."""
        places = {("lines", line, 0, 0): count > 0 for line, count in sorted(self.lines.items())}
        for kind, parts in (("branches", self.branches), ("conditions", self.conditions)):
            places.update({(kind, line, column, part): bool(count) for (line, column), counts in sorted(parts.items())
                           for part, count in enumerate(counts)})
        return places

    def figures(self):
        """How many there are of each kind, and how many are covered."""
        places = self.places()
        return {key: value for kind in KINDS for key, value in (
            (kind, sum(place[0] == kind for place in places)),
            (f"{kind}_covered", sum(covered for place, covered in places.items() if place[0] == kind)))}

    def _add_branches(self, records):
        for line, column, _, _, times_true, times_false, *_ in records:
            counts = self.branches.setdefault((line, column), [0, 0])
            counts[0] += times_true
            counts[1] += times_false

    def _add_decisions(self, records):
        for line, column, _, _, _, _, shown in records:
            before = self.conditions.setdefault((line, column), [False] * len(shown))
            self.conditions[line, column] = [old or new for old, new in zip(before, shown)]

    @staticmethod
    def read(entry, lines):
        """A file as llvm-cov exports it; a place compiled several times counts once."""
        file = File()
        file.lines = lines
        file._add_branches(entry["branches"])
        file._add_decisions(entry.get("mcdc_records", []))
        return file


def _read_lines(report):
    """{file: {line: times}} from llvm-cov's lcov format, the only one that has lines."""
    lines = {}
    counts = None
    for record in report.splitlines():
        word, _, rest = record.partition(":")
        if word == "SF":
            counts = lines.setdefault(rest, {})
        elif word == "DA":
            line, count = rest.split(",")
            counts[int(line)] = int(count)
    return lines


def _arguments(binaries, merged):
    """Of llvm-cov, for every measured file that has code in one of the binaries, and a merged profile."""
    objects = [argument for binary in binaries[1:] for argument in ("-object", binary)]
    sources = [path for pattern in MEASURED for path in sorted(pathlib.Path().glob(pattern))]
    return (f"-instr-profile={merged}", binaries[0], *objects, *sources)


def write_html(binaries, merged, folder):
    """Writes the sources with all counts beside them as pages, into a new folder that is there whole or not at all."""
    unfinished = folder.with_name(f"{folder.name}.unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    _run("llvm-cov", "show", "-format=html", "-show-branches=count", "-show-mcdc", f"-output-dir={unfinished}",
         *_arguments(binaries, merged))
    unfinished.rename(folder)


def measure(binaries, merged):
    """{name: File} of every measured file that has code in one of the binaries, by a merged profile."""
    arguments = _arguments(binaries, merged)
    lines = _read_lines(_run("llvm-cov", "export", "-format=lcov", *arguments))
    entries = json.loads(_run("llvm-cov", "export", "-format=text", *arguments))["data"][0]["files"]
    files = {os.path.relpath(entry["filename"]): File.read(entry, lines.get(entry["filename"], {}))
             for entry in entries}
    return {name: file for name, file in files.items() if file.lines}


def describe(place):
    """What a place of File.places must be to be covered, in words that follow a "never"."""
    kind, _, _, part = place
    return {"lines": "executed", "branches": ("true", "false")[part & 1], "conditions":
            f"decided by its condition {part + 1} alone"}[kind]


def total(figures):
    """The sum of several files' figures."""
    return {key: sum(row[key] for row in figures) for kind in KINDS for key in (kind, f"{kind}_covered")}


def percent(part, whole):
    """How much of the whole a part is, in percent; an empty whole is covered."""
    return 100.0 if whole == 0 else 100.0 * part / whole


def source_line(name, line):
    """A line of a source file, without the space around it."""
    return pathlib.Path(name).read_text(encoding="utf-8").splitlines()[line - 1].strip()


def read_explanations(path, key_count):
    """{(keys...): reason} from lines `KEY | ... | REASON`; # begins a comment line."""
    explanations = {}
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        parts = [part.strip() for part in line.split(" | ")]
        if len(parts) != key_count + 1:
            raise MeasurementFailure(f"{path}:{number}: a line has {key_count + 1} parts between bars, not {len(parts)}")
        explanations[tuple(parts[:-1])] = parts[-1]
    return explanations
