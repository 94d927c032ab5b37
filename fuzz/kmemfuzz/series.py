"""The time series of a campaign, FOLDER/series.jsonl (docs/report.md): written while it runs, read by kmemfuzz report.

Each line is one JSON object and is added whole: a writer that is killed leaves at most a cut last line, which readers skip and
the next writer removes."""

import fcntl
import json
import os
import pathlib
import sys
import time

from kmemfuzz.outside_text import dump_json, visible

NAME = "series.jsonl"
BUILD = "fuzz"  # of lines that name none
COUNTS = ("executions", "checked_operations", "coverage_edges", "features", "inputs_in_use")
SHORTEST_SECONDS, LONGEST_SECONDS = 1.0, 10.0  # between two lines
LINES_A_LENGTH = 60  # a campaign's next line comes after this part of the time it has taken, within the bounds above
TAIL_SIZE = 1 << 16  # bytes: no line is longer
NAMED_COUNT = 500  # findings that a line names at most: far from that


class SeriesError(Exception):
    """A file that is no series. The text names the file, the line and the fix."""


def new_run():
    """A name for a campaign that begins now: when, in UTC, and its process."""
    return f"{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}-{os.getpid()}"


def entry(run, figures, findings):
    """A line's object. figures has seconds, target, build and the COUNTS, and may have jobs, seed and files_kept; findings has the names
    of files by id: those that no line of the run has named so."""
    line = {"run": run, "target": figures["target"], "build": figures["build"]}
    line.update({name: figures[name] for name in ("jobs", "seed") if name in figures})
    line["seconds"] = figures["seconds"]
    line.update({name: figures[name] for name in COUNTS})
    if "files_kept" in figures:  # of a campaign that has ended
        line["files_kept"] = figures["files_kept"]
    line["findings"] = {name: list(files) for name, files in findings.items()}
    return line


def _cut_tail(descriptor):
    """Takes a line that was never finished away from the end of a file."""
    size = os.fstat(descriptor).st_size
    start = max(0, size - TAIL_SIZE)
    tail = os.pread(descriptor, TAIL_SIZE, start)
    if tail and not tail.endswith(b"\n"):
        os.ftruncate(descriptor, start + tail.rfind(b"\n") + 1)


def append(folder, line):
    """Adds a line, whole: what another writer was killed in is taken away first, and what a full disk cuts off is taken
    back. Raises OSError when it cannot be added."""
    text = dump_json(line, indent=None).encode() + b"\n"
    if len(text) > TAIL_SIZE:
        raise OSError(f"a line of {len(text)} bytes is longer than the {TAIL_SIZE} a series may have")
    descriptor = os.open(pathlib.Path(folder, NAME), os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o666)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)  # the kernel lets go of it even when this process is killed
        _cut_tail(descriptor)
        if os.write(descriptor, text) != len(text):
            _cut_tail(descriptor)
            raise OSError("only a part of a line could be written")
    finally:
        os.close(descriptor)


class Series:
    """What one campaign writes. A series that cannot be written costs the campaign nothing but its series: it says so
    once."""

    def __init__(self, folder):
        self.folder = folder
        self.run = new_run()
        self._next = 0.0  # seconds into the campaign
        self._broken = False
        self._named = {}  # the id of each finding by its name, as the lines have them

    def note(self, seconds, get_figures, get_findings=dict):
        """Adds a line when it is time to; seconds is how long the campaign has run."""
        if seconds >= self._next:
            self._next = seconds + min(max(seconds / LINES_A_LENGTH, SHORTEST_SECONDS), LONGEST_SECONDS)
            self.add(get_figures(), get_findings())

    def add(self, figures, findings):
        """Adds a line; findings has the names of all files found so far, by id. Many that are new take several lines."""
        if self._broken:
            return
        new = [(name, its) for its, names in findings.items() for name in names if self._named.get(name) != its]
        try:
            for first in range(0, max(len(new), 1), NAMED_COUNT):
                part = new[first:first + NAMED_COUNT]
                append(self.folder, entry(self.run, figures, {its: [name for name, other in part if other == its]
                                                              for its in dict.fromkeys(other for _, other in part)}))
                self._named.update(part)
        except OSError as error:
            self._broken = True
            print(f"kmemfuzz fuzz: {visible(pathlib.Path(self.folder, NAME))} cannot be written, so kmemfuzz report will lack "
                  f"the rest of this campaign: {visible(error)}", file=sys.stderr)


def count_found(lines):
    """How many (files, kinds of findings) the runs of these lines had found by each of them; a file is of the kind that it was
    named by last. (Once each line named them all.)"""
    kinds, found, counts = {}, {}, []
    for line in lines:
        kinds.update(((line["run"], file), kind) for kind, files in line["findings"].items() for file in files)
    for line in lines:
        its = found.setdefault(line["run"], set())
        its.update((line["run"], file) for files in line["findings"].values() for file in files)
        counts.append((len(its), len({kinds[file] for file in its})))
    return counts


def _is_count(value):
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 1 << 63


def _problem(line):
    """What is wrong with a line's object; None when nothing is."""
    if not isinstance(line, dict):
        return "is not an object"
    for name in ("run", "target", *(["build"] if "build" in line else [])):
        if not isinstance(line.get(name), str) or not line[name]:
            return f"has no '{name}', a name"
    seconds = line.get("seconds")
    if not isinstance(seconds, (int, float)) or isinstance(seconds, bool) or not 0 <= seconds < 1e9:
        return "has no 'seconds', a number from 0"
    for name in (*COUNTS, *(name for name in ("jobs", "seed", "files_kept") if name in line)):
        if not _is_count(line.get(name)):
            return f"has no '{name}', a whole number from 0"
    findings = line.get("findings")
    if not isinstance(findings, dict) or not all(
            isinstance(files, list) and all(isinstance(file, str) for file in files) for files in findings.values()):
        return "has no 'findings', lists of file names by id"
    return None


def read(path):
    """(lines, cut) of a series: its lines' objects, each with its build, and whether the last was cut off. Raises
    SeriesError when any other line is damaged, and OSError when it cannot be read."""
    text = pathlib.Path(path).read_bytes()
    *whole, rest = text.split(b"\n")
    lines = []
    for number, raw in enumerate(whole, start=1):
        try:
            line = json.loads(raw)
            if isinstance(line, dict) and "corpus_files" in line:  # of older campaigns
                line.setdefault("inputs_in_use", line.pop("corpus_files"))
            problem = _problem(line)
        except (ValueError, RecursionError):
            problem = "is not JSON"
        if problem:
            raise SeriesError(f"{path}:{number}: this line {problem}; remove it and the rest can be read")
        lines.append({**line, "build": line.get("build", BUILD)})
    return lines, bool(rest)
