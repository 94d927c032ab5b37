"""What a campaign shows: its figures, the status line, the series for kmemfuzz report, and the closing summary."""

import os
import pathlib
import shutil
import sys
import time

from kmemfuzz import corpus, heap
from kmemfuzz.outside_text import dump_json, visible

CLEAR = "\r\033[K"  # what a terminal clears the line by
STATUS_SECONDS = {True: 0.5, False: 10.0}  # between status lines, on a terminal and in a log


def human(number):
    """A number in at most four characters and a unit."""
    for unit in ("", "k", "M", "G"):
        if number < 999.5:
            return f"{number:.0f}{unit}" if number >= 99.95 or unit == "" else f"{number:.1f}{unit}"
        number /= 1000
    return f"{number:.0f}T"


def build_name(folder):
    """What a build is called in figures: as the folder that the targets are in."""
    return pathlib.Path(os.path.abspath(folder)).name


def measure(workers, crashes, elapsed, options):
    elapsed = max(elapsed, 0.001)
    executions, operations = workers.counts()
    return {
        "target": options.target,
        "build": build_name(options.build),
        "jobs": options.jobs,
        "seconds": round(elapsed, 1),
        "executions": executions,
        "executions_per_second": round(executions / elapsed),
        "checked_operations": operations,
        "checked_operations_per_second": round(operations / elapsed),
        "coverage_edges": workers.best("coverage"),
        "edges": workers.best("edges"),
        "features": workers.best("features"),
        "inputs_in_use": workers.best("corpus_size"),
        "crashes": crashes.counts(),
        "restarts": workers.restarts,
        "workers_lost": workers.lost_count(),
    }


def coverage(figures):
    """Edges reached, of how many, where that is known."""
    return f"{figures['coverage_edges']}/{figures['edges']}" if figures["edges"] else f"{figures['coverage_edges']}"


def status_line(figures, options, width=None):
    """The status in at most so many characters: what matters least, which stands last, is left out first."""
    left = max(0, options.seconds - figures["seconds"])
    times = f"{figures['seconds']:.0f}s, {left:.0f}s left"
    count = sum(figures["crashes"].values())
    kinds = ", ".join(f"{name} {number}" for name, number in figures["crashes"].items()) or "none"
    fields = [
        f"workers lost {figures['workers_lost']}" if figures["workers_lost"] else "",
        f"{human(figures['executions_per_second'])} executions/s",
        f"coverage {coverage(figures)}",
        f"{human(figures['checked_operations_per_second'])} checked operations/s" if options.target in corpus.PROGRAMS else "",
        f"{figures['inputs_in_use']} input{'' if figures['inputs_in_use'] == 1 else 's'} in use",
        f"features {figures['features']}",
        f"restarts {figures['restarts']}" if figures["restarts"] else "",
    ]
    line = f"{times}  crashes {kinds}"
    if width is None:
        width = sum(map(len, [line, *fields])) + 2 * len(fields)
    elif len(line) > width:
        line = f"{times}  crashes {count}"
    for field in filter(None, fields):
        if len(line) + len(field) + 2 > width:
            break
        line += f"  {field}"
    return line[:width]


class Status:
    """Shows the status when it is time to: in one line that replaces itself on a terminal, else in a line each time."""

    def __init__(self, record, options):
        self.terminal = sys.stderr.isatty()
        self.options = options
        self.record = record  # the campaign's series
        self.started = self.shown = time.monotonic()

    def show(self, get_figures, get_findings):
        """Shows the figures, and adds them to the series, unless that was done a moment ago."""
        now = time.monotonic()
        self.record.note(now - self.started, get_figures, get_findings)
        if now - self.shown >= STATUS_SECONDS[self.terminal]:
            self.shown = now
            width = shutil.get_terminal_size().columns - 1 if self.terminal else None
            line = status_line(get_figures(), self.options, width)
            print(f"{CLEAR}{line}" if self.terminal else line, end="" if self.terminal else "\n", file=sys.stderr, flush=True)

    def close(self):
        if self.terminal:
            print(CLEAR, end="", file=sys.stderr, flush=True)


def summarise(figures, options):
    if options.json:
        print(dump_json(figures))
        return
    what = f"the {options.target} target" if heap.CURRENT is None else visible(heap.CURRENT.shown)
    workers = f"{options.jobs} worker{'' if options.jobs == 1 else 's'}"
    if figures["interrupted"] and figures["seconds"] < options.seconds:
        print(f"\nFuzzed {what} with {workers}, stopped after {figures['seconds']:.0f} s of {options.seconds}")
    else:
        print(f"\nFuzzed {what} for {figures['seconds']:.0f} s with {workers}")
    print(f"  executions          {figures['executions']:,} ({figures['executions_per_second']:,}/s)")
    if options.target in corpus.PROGRAMS:
        print(f"  checked operations  {figures['checked_operations']:,} "
              f"({figures['checked_operations_per_second']:,}/s)")
    print(f"  coverage            {coverage(figures)} edges, {figures['features']} features")
    print(f"  inputs in use       {figures['inputs_in_use']}; {figures['added']} added to {visible(figures['corpus'])}, which holds "
          f"{figures['files_kept']}")
    found = sum(figures["crashes"].values())
    kinds = ", ".join(f"{name} {count}" for name, count in figures["crashes"].items())
    print(f"  crashes             {found or 'none'}" + (f" in {visible(figures['findings_folder'])}: {visible(kinds)}" if found else ""))
    if figures["restarts"] or figures["workers_lost"]:
        print(f"  workers             restarted {figures['restarts']:,} time{'s' * (figures['restarts'] != 1)}; {figures['workers_lost']} of {options.jobs} lost")
    print(f"  distinct bugs       {sum(1 for its in figures['findings'] if not its['duplicate_of'])}")
