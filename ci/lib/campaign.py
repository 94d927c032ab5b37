"""A fuzzing campaign: several workers of one libFuzzer target on one corpus, a live status, a closing summary."""

import argparse
import json
import os
import pathlib
import random
import re
import shutil
import signal
import subprocess
import sys
import threading
import time

import findings
import fuzzer

BUILD = pathlib.Path("build/fuzz")
CAMPAIGNS = pathlib.Path("build/campaign")
KMEMFUZZ = BUILD / "kmemfuzz"
TARGETS = ("heap", "page", "sv39", "text", "import")
# Not "large": those programs take too long to be worth mutating; they are only replayed.
SEED_FOLDERS = ("seeds", "minimised", "regressions")
EXIT_SOUND, EXIT_VIOLATION, EXIT_USAGE, EXIT_ENVIRONMENT = range(4)
STATUS_SECONDS = {True: 0.5, False: 10.0}  # between status lines, on a terminal and in a log
GRACE_SECONDS = 30  # that workers may take beyond their time, for reading a corpus and for their last input
STOP_SECONDS = 10  # that a worker may take to end when told to
EXPLAIN_SECONDS = 300  # that explaining a finding may take: hangs are reduced by waiting for them


class StopRequest:
    """Whether someone wants the campaign to end: by Ctrl-C, or by SIGTERM or SIGHUP, as CI systems do. A flag and no
    exception, so that nothing is cut short wherever the campaign stands."""

    SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

    def __init__(self):
        self.received = False

    def listen(self):
        """Takes the signals from now on, but for those that whoever started this process had it ignore."""
        for number in self.SIGNALS:
            if signal.getsignal(number) is not signal.SIG_IGN:
                signal.signal(number, self._note)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, self.SIGNALS)  # ci/fuzz blocks them until here

    def _note(self, _number, _frame):
        self.received = True


def parse_duration(text):
    """Seconds in a duration such as 90, 60s, 10m or 2h."""
    match = re.fullmatch(r"(\d+)([smh]?)", text)
    if not match or int(match.group(1)) == 0:
        raise argparse.ArgumentTypeError(f"'{text}' is no duration; write it like 60s, 10m or 2h")
    return int(match.group(1)) * {"": 1, "s": 1, "m": 60, "h": 3600}[match.group(2)]


def parse_positive(text):
    """A whole number above 0."""
    if not text.isdigit() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"'{text}' is not a whole number above 0")
    return int(text)


def parse_arguments(arguments):
    """The command line; argparse ends the process with code 2 when it is wrong."""
    parser = argparse.ArgumentParser(
        prog="ci/fuzz",
        description="Fuzzes with every oracle on. Prints a live status, a summary, and the report of a violation.",
        epilog="Exit codes: 0 nothing found, 1 a violation, 2 usage, 3 environment.",
    )
    parser.add_argument("--for", dest="seconds", type=parse_duration, default=60, metavar="TIME",
                        help="how long: 60s, 10m, 2h (default: 60s)")
    parser.add_argument("--jobs", type=parse_positive, default=os.cpu_count() or 1, metavar="N",
                        help="workers (default: one per processor)")
    parser.add_argument("--target", choices=TARGETS, default="heap", help="what to fuzz (default: heap)")
    parser.add_argument("--seed", type=parse_positive, default=random.randrange(1, 1 << 31), metavar="N",
                        help="where the workers' random numbers start (default: another one each time)")
    parser.add_argument("--corpus", type=pathlib.Path, metavar="DIR",
                        help="inputs found so far, to start from and to add to (default: build/campaign/TARGET/corpus)")
    parser.add_argument("--json", action="store_true", help="print the summary as JSON on standard output")
    return parser.parse_args(arguments)


def prepare_seeds(target, folder):
    """Copies the committed corpus of a target to folder, programs in text as bytes, which mutate better."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    if target != "heap":
        return
    for path in sorted(path for folder in SEED_FOLDERS for path in pathlib.Path("corpus", folder).rglob("*")):
        if path.is_file() and path.name != "README.md":
            output = folder / "-".join(path.relative_to("corpus").parts)
            # In a session of its own, so that Ctrl-C in a terminal reaches this process alone.
            subprocess.run([KMEMFUZZ, "asm", path, "-o", output], check=True, start_new_session=True)


class Worker:
    """One fuzzer process, and what its output has said so far."""

    def __init__(self, number, options, folders):
        self.statistics_path = folders["state"] / f"statistics-{number}"
        self.statistics_path.unlink(missing_ok=True)
        self.log_path = folders["state"] / f"worker-{number}.log"
        self.executions = self.coverage = self.features = self.corpus_size = 0
        self.told = []  # the signals sent to end it
        environment = dict(os.environ, KMEM_STATISTICS=str(self.statistics_path), **fuzzer.ENVIRONMENT)
        command = [BUILD / f"{options.target}_fuzzer", *fuzzer.FLAGS, f"-seed={options.seed + number}",
                   f"-max_total_time={options.seconds}", "-reload=1", "-print_final_stats=1",
                   f"-artifact_prefix={folders['findings']}/", folders["corpus"], folders["seeds"]]
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                        stderr=subprocess.PIPE, env=environment, text=True, errors="replace",
                                        start_new_session=True)
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self):
        with open(self.log_path, "w", buffering=1, encoding="utf-8") as log:
            for line in self.process.stderr:
                log.write(line)
                progress = fuzzer.parse_progress(line)
                if progress:
                    self.executions, self.coverage, self.features, self.corpus_size = progress

    def counts(self):
        """(executions, operations) so far."""
        executions, operations, _ = fuzzer.read_statistics(self.statistics_path)
        return max(executions, self.executions), operations

    def is_running(self):
        """Whether the process has yet to end."""
        return self.process.poll() is None

    def has_failed(self):
        """Whether the process has ended otherwise than by reaching its time or by being told to."""
        return self.process.poll() not in (None, 0, fuzzer.INTERRUPTED_EXIT_CODE, *(-number for number in self.told))

    def tell(self, number):
        """Sends the process a signal that ends it, unless it has ended."""
        if self.is_running():
            self.told.append(number)
            self.process.send_signal(number)

    def finish(self):
        """Waits until a process that was told to end has, and its output is read."""
        try:
            self.process.wait(timeout=STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.tell(signal.SIGKILL)
            self.process.wait()
        self.reader.join(timeout=STOP_SECONDS)

    def output(self):
        """Everything it has printed."""
        return self.log_path.read_text(encoding="utf-8", errors="replace")


def human(number):
    """A number in at most four characters and a unit."""
    for unit in ("", "k", "M", "G"):
        if number < 999.5:
            return f"{number:.0f}{unit}" if number >= 99.95 or unit == "" else f"{number:.1f}{unit}"
        number /= 1000
    return f"{number:.0f}T"


def measure(workers, started, options):
    """The campaign's figures at this moment."""
    elapsed = max(time.monotonic() - started, 0.001)
    counts = [worker.counts() for worker in workers]
    executions, operations = (sum(column) for column in zip(*counts))
    return {
        "target": options.target,
        "seed": options.seed,
        "jobs": options.jobs,
        "seconds": round(elapsed, 1),
        "executions": executions,
        "executions_per_second": round(executions / elapsed),
        "checked_operations": operations,
        "checked_operations_per_second": round(operations / elapsed),
        "coverage_edges": max(worker.coverage for worker in workers),
        "features": max(worker.features for worker in workers),
        "corpus_files": max(worker.corpus_size for worker in workers),
    }


def status_line(figures, options):
    """The figures in one line."""
    left = max(0, options.seconds - figures["seconds"])
    operations = ""
    if options.target == "heap":
        operations = f"{human(figures['checked_operations_per_second'])} checked operations/s  "
    return (f"{figures['seconds']:.0f}s, {left:.0f}s left  {human(figures['executions_per_second'])} executions/s  "
            f"{operations}coverage {figures['coverage_edges']}  features {figures['features']}  "
            f"corpus {figures['corpus_files']}")


def watch(workers, started, options, stop):
    """Shows the status until all workers have ended, one has failed, or a stop was requested. One that ends a moment
    before the others is waited with, not for: they may find something yet."""
    terminal = sys.stderr.isatty()
    shown = time.monotonic()
    deadline = started + options.seconds + GRACE_SECONDS
    while any(worker.is_running() for worker in workers) and not any(worker.has_failed() for worker in workers):
        if stop.received or time.monotonic() >= deadline:
            break
        time.sleep(0.1)
        if time.monotonic() - shown >= STATUS_SECONDS[terminal]:
            shown = time.monotonic()
            line = status_line(measure(workers, started, options), options)
            print(f"\r\033[K{line}" if terminal else line, end="" if terminal else "\n", file=sys.stderr, flush=True)
    if terminal:
        print("\r\033[K", end="", file=sys.stderr)


def run_workers(options, folders, started, stop):
    """Runs all workers to their end, whichever way this function is left. Returns them; raises OSError when one cannot
    be started."""
    workers = []
    try:
        for number in range(options.jobs):
            workers.append(Worker(number, options, folders))
        watch(workers, started, options, stop)
    finally:
        for worker in workers:
            worker.tell(signal.SIGINT)
        for worker in workers:
            worker.finish()
    return workers


def show_finding(worker, options, explained):
    """Prints what a worker found, as it is explained or, when it is not, as the worker told. Returns the finding."""
    output = worker.output()
    artifact = fuzzer.parse_artifact(output)
    finding = fuzzer.parse_finding(output) or "unknown"
    print(f"\nFound: {finding}\n", file=sys.stderr, flush=True)
    if artifact in explained and findings.show(explained[artifact], sys.stderr):
        return findings.summary(explained[artifact])
    print(output[-6000:], file=sys.stderr)
    if artifact:
        print(f"\n  replay  {BUILD}/{options.target}_fuzzer {artifact}", file=sys.stderr)
    return {"id": finding, "file": artifact}


def summarise(figures, options):
    """Prints the closing summary."""
    if options.json:
        print(json.dumps(figures, indent=2))
        return
    print(f"\nFuzzed the {options.target} target for {figures['seconds']:.0f} s with {options.jobs} "
          f"worker{'' if options.jobs == 1 else 's'}, seed {options.seed}")
    print(f"  executions          {figures['executions']:,} ({figures['executions_per_second']:,}/s)")
    if options.target == "heap":
        print(f"  checked operations  {figures['checked_operations']:,} "
              f"({figures['checked_operations_per_second']:,}/s)")
    print(f"  coverage            {figures['coverage_edges']} edges, {figures['features']} features")
    print(f"  corpus              {figures['corpus_files']} files in {figures['corpus']}")
    print(f"  violations          {len(figures['findings'])}")


def show_findings(workers, options):
    """Prints what the failed workers found. Returns the findings, and whether a worker failed without finding any."""
    artifacts = [fuzzer.parse_artifact(worker.output()) for worker in workers if worker.has_failed()]
    explained = {}
    if options.target == "heap":
        explained = {finding["file"]: finding for finding in
                     findings.explain_findings(filter(None, artifacts), KMEMFUZZ, EXPLAIN_SECONDS)}
    found = []
    broken = False
    for worker in workers:
        if not worker.has_failed():
            continue
        output = worker.output()
        if fuzzer.parse_finding(output) or fuzzer.parse_artifact(output):
            found.append(show_finding(worker, options, explained))
        else:
            broken = True
            print(f"\nci/fuzz: a worker ended with code {worker.process.returncode} and found nothing; it said:\n"
                  f"{output[-2000:]}", file=sys.stderr, flush=True)
    return found, broken


def main():
    """Runs the campaign; returns the exit code."""
    stop = StopRequest()
    stop.listen()
    options = parse_arguments(sys.argv[1:])
    base = CAMPAIGNS / options.target
    folders = {"state": base, "seeds": base / "seeds", "findings": base / "findings",
               "corpus": options.corpus or base / "corpus"}
    try:
        for folder in folders.values():
            folder.mkdir(parents=True, exist_ok=True)
        prepare_seeds(options.target, folders["seeds"])
    except (OSError, subprocess.CalledProcessError) as error:
        print(f"ci/fuzz: the campaign's folders could not be prepared: {error}", file=sys.stderr)
        return EXIT_ENVIRONMENT
    print(f"Seed {options.seed}; inputs go to {folders['corpus']}, findings to {folders['findings']}", file=sys.stderr)
    started = time.monotonic()
    try:
        workers = run_workers(options, folders, started, stop)
    except OSError as error:
        print(f"ci/fuzz: a worker could not be started: {error}", file=sys.stderr)
        return EXIT_ENVIRONMENT
    figures = measure(workers, started, options)
    figures["corpus"] = str(folders["corpus"])
    figures["interrupted"] = stop.received
    figures["findings"], broken = show_findings(workers, options)
    summarise(figures, options)
    if figures["findings"]:
        return EXIT_VIOLATION
    return EXIT_ENVIRONMENT if broken else EXIT_SOUND


if __name__ == "__main__":
    sys.exit(main())
