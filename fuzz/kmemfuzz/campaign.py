"""A fuzzing campaign from start to end: it runs libFuzzer on a corpus, shows a live status, keeps every crash, and sums up. Its
parts are in campaign_folder, workers, crashes, findings, explanation and campaign_status."""

import contextlib
import functools
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import time

from kmemfuzz import corpus
from kmemfuzz import crashes as crash_list
from kmemfuzz import explanation, findings, fuzzer, heap, series, tree
from kmemfuzz.campaign_folder import Folders
from kmemfuzz.campaign_status import CLEAR, Status, measure, summarise
from kmemfuzz.command_line import (EXIT_ENVIRONMENT, EXIT_SOUND, EXIT_USAGE, EXIT_VIOLATION, Parser, StopRequest, add_caller,
                          end_missing, exit_codes, parse_duration, parse_positive, place_paths)
from kmemfuzz.outside_text import shell_word, visible, visible_lines
from kmemfuzz.workers import Workers

PRESET = "fuzz"  # builds the targets, and the kmemfuzz that explains what they find
BUILD = tree.build_folder(PRESET)
TARGETS = (*corpus.PROGRAMS, "sv39", "text")
EXPLAIN_SECONDS = 300  # that kmemfuzz may take to explain a crash: hangs are reduced by waiting for them
EXPLAINED_COUNT = 5  # the crashes of each id that are explained, the smallest of each distinct bug first; all are kept
LOG_SHOWN_SIZE = 6000  # characters of a target's own words that are shown, where there is no explanation
FAULT_SIZE = 2000  # characters of a worker's words that are shown when it has ended without a finding
LEFT_OUT = ("not asked", "not judged", "set aside")  # how a target's lines begin that say what it leaves out
SPACE_SECONDS = 0.5  # between looks at the space left
HANGING_SECONDS = 15  # that choosing among inputs may take where some never end
START_SECONDS = 10  # beyond the end that a campaign waits for its first execution, which a busy machine may take


def parse_arguments(arguments):
    parser = Parser(
        prog="kmemfuzz fuzz", example="kmemfuzz fuzz my_heap.c --for 10m",
        description="Fuzzes with every oracle on. Prints a live status, a summary, and the report of each violation. kmemfuzz fuzz "
                    "HEAP.c fuzzes a heap of your own, and keeps what it finds in HEAP.fuzz.",
        epilog=exit_codes("nothing found", "a violation"),
    )
    parser.add_argument("--for", dest="seconds", type=parse_duration, default=60, metavar="TIME",
                        help="how long: 60s, 10m, 2h (default: 60s)")
    parser.add_argument("--jobs", type=parse_positive, default=os.cpu_count() or 1, metavar="N",
                        help="workers (default: one per processor)")
    if heap.CURRENT is None:
        parser.add_argument("--target", choices=TARGETS, default="heap", help="what to fuzz (default: heap)")
        parser.add_argument("--build", type=pathlib.Path, default=BUILD, metavar="DIR",
                            help=f"the folder that holds the fuzz targets, such as build/engines/memory from ./ci/engine memory "
                                 f"(default: {BUILD}, which is built if needed)")
    parser.add_argument("--until-crash", action="store_true",
                        help="stop at the first crash (default: keep going, and keep every crash)")
    parser.add_argument("--corpus", type=pathlib.Path, metavar="DIR",
                        help="the corpus to start from and add to (default: build/campaign/TARGET/corpus, or HEAP.fuzz/corpus)")
    parser.add_argument("--campaign", type=pathlib.Path, metavar="DIR",
                        help="keep everything there, such as what a try-out finds, which no report is to count (default: "
                             "build/campaign/TARGET, or HEAP.fuzz)")
    parser.add_argument("--json", action="store_true", help="print the summary as JSON on standard output")
    parser.set_defaults(target="heap", build=BUILD)
    add_caller(parser)
    options = parser.parse_args(arguments)
    place_paths(parser, options, "corpus", "campaign", "build")
    if options.corpus and options.corpus.exists() and not options.corpus.is_dir():
        parser.error(f"--corpus {options.corpus} is not a folder")
    if options.campaign and options.campaign.exists() and not options.campaign.is_dir():
        parser.error(f"--campaign {options.campaign} is not a folder")
    if options.build != BUILD and not (options.build / f"{options.target}_fuzzer").is_file():
        end_missing(parser, f"--build {options.build} holds no {options.target}_fuzzer; ./ci/engine builds one")
    return options


def prepare_build(target, stop):
    """Sets up and builds a target, if there is something to build from. Returns the exit code, or None when a stop was requested."""
    if tree.TREE is None and heap.CURRENT is None:
        return EXIT_SOUND
    programs = {f"{target}_fuzzer": None, corpus.KMEMFUZZ.name: None}
    if target in corpus.PROGRAMS:
        programs[corpus.tool_of(target).name] = None
    process = subprocess.Popen(tree.build_command([PRESET], programs), stdin=subprocess.DEVNULL, start_new_session=True,
                               stdout=subprocess.DEVNULL if heap.CURRENT else None)  # where its programs are
    while not stop.received:
        try:
            return process.wait(timeout=0.1)
        except subprocess.TimeoutExpired:
            continue
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    process.wait()
    return None


class Unusable(Exception):
    """Why a heap of one's own cannot be fuzzed, in its target's words."""


class Campaign:
    def __init__(self, options, stop):
        self.options = options
        self.stop = stop
        self.binary = options.build / f"{options.target}_fuzzer"
        self.folders = Folders(options.target, options.corpus, campaign_folder=options.campaign)
        self.crashes = crash_list.Crashes(self.binary, explanation.find_function(options.target))
        self.figures = None
        self.fault = None  # what a worker that found nothing ended with, in words

    def attend(self, worker):
        """Takes what a worker that has ended has found. Returns whether another may take its place: not when it would only
        end as this one did."""
        output, code = worker.output(), worker.process.returncode
        artifact = fuzzer.parse_artifact(output)
        found = self.folders.take_words(output)
        if found:
            self.crashes.examine(found)
        if artifact is None:
            self.fault = f"a worker ended with code {code} without saving an input; it said:\n{output[-FAULT_SIZE:]}"
            return worker.has_begun and code < 0  # it was killed: as good as any other
        if not worker.has_begun:  # by an input it was given
            self.folders.set_aside(artifact)
            if artifact in worker.stumbled:
                return False
            worker.stumbled.add(artifact)
        return True

    def watch(self, workers, status, get_figures):
        """Shows the status and collects crashes until the time is over, a stop was requested, or no worker is left."""
        looked = time.monotonic()
        deadline = looked + self.options.seconds

        def is_over():
            late = time.monotonic() - deadline
            return late >= 0 and (late >= START_SECONDS or get_figures()["executions"] > 0)
        if not self.stop.received:
            workers.start()
        while workers.are_left() and not self.stop.received and not is_over():
            time.sleep(0.1)
            ended = workers.read()
            self.crashes.add(self.folders.take_artifacts())
            for worker in ended:
                if self.attend(worker):
                    workers.restart(worker)
                else:
                    workers.lose(worker)
            if self.stop.received or (self.options.until_crash and self.crashes.ids):
                break
            if time.monotonic() - looked >= SPACE_SECONDS:
                looked = time.monotonic()
                self.folders.require_space()
            status.show(get_figures, self.crashes.names)

    def try_out(self):
        """Takes the seeds away in whose regions a heap of one's own does not start, and prints what its target says will not be
        asked or judged. Raises Unusable when it never starts, or its table contradicts itself."""
        seeds = self.folders.work / "seeds"
        count = len(corpus.inputs(seeds))
        try:
            left = corpus.drop_unjudged(seeds)
        except corpus.CorpusError as error:
            raise Unusable(str(error).removeprefix("kmem: error: ")) from error
        if not left:
            raise Unusable(f"nothing can be judged: in the regions of {count} programs start never returned true. If it needs others, say "
                           "so in the facts region_least and region_most")
        for line in corpus.run_fuzzer(self.binary, "-runs=0")[1].splitlines():
            if line.startswith(LEFT_OUT):
                print(visible(line), file=sys.stderr)

    def run(self):
        """Fuzzes. Raises OSError when a disk is full or a folder or program cannot be used; what was found is then in the
        working folder, or where it should be."""
        folders, options = self.folders, self.options
        if not self.binary.exists():
            raise OSError(f"{self.binary} is not there; "
                          + (f"preset {PRESET} builds it" if tree.TREE else "put it beside kmemfuzz, or name its folder with --build"))
        folders.prepare()
        tempfile.tempdir = os.environ["TMPDIR"] = str(folders.temporary.absolute())  # or kill -9 would leave something there
        folders.require_space()
        corpus.prepare_seeds(options.target, folders.work / "seeds")
        if heap.CURRENT is not None:
            self.try_out()
        unreported = folders.take_over(self.binary)
        if unreported:
            one = len(unreported) == 1
            print(f"{len(unreported)} finding{'' if one else 's'} of campaigns that were killed: this one explains "
                  f"{'it' if one else 'them'} at its end", file=sys.stderr)
        self.crashes.add(unreported)
        start = folders.snapshot()
        print(f"Inputs go to {visible(folders.corpus)}, findings to {visible(folders.findings)}", file=sys.stderr)
        started = time.monotonic()
        workers = Workers(self.binary, options.jobs, folders.work, [start, folders.work / "seeds"], folders.lock)
        record = series.Series(folders.base)
        status = Status(record, options)

        def get_figures():
            return measure(workers, self.crashes, time.monotonic() - started, options)
        ended = []
        try:
            self.watch(workers, status, get_figures)
            elapsed = time.monotonic() - started
        finally:
            ended = workers.stop()
            status.close()
        self.crashes.add(folders.take_artifacts())
        for output in workers.outputs():
            found = folders.take_words(output)
            if found:
                self.crashes.examine(found)
        for worker in ended:
            self.attend(worker)
        self.crashes.finish(self.stop)
        self.figures = measure(workers, self.crashes, elapsed, options)
        hangs = "hang" in self.crashes.ids.values() or not self.figures["executions"]
        added, failure = folders.harvest(self.binary, seconds=HANGING_SECONDS if hangs else corpus.MERGE_SECONDS)
        if failure:
            print(f"kmemfuzz fuzz: all inputs are kept, because choosing among them failed: {visible_lines(failure)}", file=sys.stderr)
        self.figures.update(corpus=str(folders.corpus), files_kept=len(corpus.inputs(folders.corpus)), added=added,
                            findings_folder=str(folders.findings), interrupted=self.stop.received,
                            findings=self.crashes.findings())
        record.add(self.figures, self.crashes.names())
        if not self.figures["executions"] and not self.fault:
            said = "\n".join(workers.outputs())[-FAULT_SIZE:].strip()
            self.fault = ("it was stopped before it executed anything" if self.stop.received else
                          f"nothing was executed; the workers said:\n{said or 'nothing'}")
        if self.fault:
            print(f"\nkmemfuzz fuzz: {visible_lines(self.fault)}", file=sys.stderr, flush=True)
        folders.clear()

    def report(self):
        """Reports what was found, and sums up. A stop that is requested meanwhile, or was requested twice before, leaves the
        rest to the next campaign: the summary has it, but not explained."""
        patience = min(self.stop.count, 1)  # requests to stop after which explaining goes on

        def is_cut():
            return self.stop.count > patience
        target = self.options.target
        if target in corpus.PROGRAMS:
            tool = corpus.tool_of(target)
            explain = functools.partial(findings.explain_program, tool=tool, seconds=EXPLAIN_SECONDS, is_cut=is_cut)
            choose = functools.partial(findings.choose, tool=tool, count=EXPLAINED_COUNT, is_cut=is_cut)
        else:
            explain = functools.partial(explanation.explain, target=target, binary=self.binary, is_cut=is_cut)

            def choose(files):
                return files[:EXPLAINED_COUNT]
        found = []
        for entry in self.figures["findings"]:
            explained = []
            with contextlib.suppress(explanation.Cut):
                if not is_cut():
                    explained = self.report_entry(entry, choose, explain)
            found += explained or [{"id": entry["id"], "file": entry["file"], "duplicate_of": None}]
        self.figures["findings"] = found
        unreported = self.folders.leave()
        if unreported:
            print(f"\nkmemfuzz fuzz: stopped before {unreported} finding{' was' if unreported == 1 else 's were'} explained; the next "
                  f"campaign explains the rest. All are in {visible(self.folders.findings)}", file=sys.stderr)
        summarise(self.figures, self.options)

    def report_entry(self, entry, choose, explain):
        """Prints what was found of one id, those of its inputs that choose(files) takes explained by explain(file) where they can
        be, and marks it as reported. Returns what the summary has of those. Raises Cut."""
        count = f" ({entry['count']} crashes)" if entry["count"] > 1 else ""
        print(f"\nFound: {visible(entry['id'])}{count}\n", file=sys.stderr, flush=True)
        chosen = entry["files"][:EXPLAINED_COUNT] if entry["id"] == "hang" else choose(entry["files"])  # each would be waited for
        explained = [findings.summary(finding) for finding in findings.explain_findings(chosen, explain)
                if findings.show(finding, sys.stderr)]
        more = entry["count"] - len(chosen)
        if more > 0:
            command = (tree.command(corpus.tool_of(self.options.target), "explain") if self.options.target in corpus.PROGRAMS else
                       f"{explanation.STEPS_WANTED} {self.binary}")
            print(f"{more} more crash{'' if more == 1 else 'es'} of this kind {'is' if more == 1 else 'are'} in "
                  f"{visible(self.folders.findings)}; {visible(command)} FILE explains each", file=sys.stderr)
        if not explained:
            log = pathlib.Path(entry["file"] + ".log")
            if log.exists():
                print(visible_lines(log.read_bytes()[:LOG_SHOWN_SIZE]), file=sys.stderr)
            data = pathlib.Path(entry["file"]).read_bytes()
            command = shell_word(self.binary) if heap.CURRENT is None else heap.CURRENT.command("run")
            replay = f"{command} {shell_word(entry['file'])}"
            print("\n" + explanation.carry(data, replay), end="", file=sys.stderr)
        self.folders.forget(entry["files"])
        return explained


def main(arguments):
    stop = StopRequest()
    stop.listen()
    options = parse_arguments(arguments)
    code = prepare_build(options.target, stop)
    if tree.build_failure(code) and not stop.received:
        return tree.build_failure(code)
    if stop.received:
        print("Stopped before the fuzzing began", file=sys.stderr)
        return EXIT_ENVIRONMENT
    campaign = Campaign(options, stop)
    stop.answer = f"{CLEAR if sys.stderr.isatty() else ''}Stopping: finishing jobs, merging\n"
    try:
        campaign.run()
        stop.answer = ""
        campaign.report()
    except Unusable as error:
        campaign.folders.discard()
        print(f"kmemfuzz fuzz: {visible_lines(error)}", file=sys.stderr)
        return EXIT_USAGE
    except (OSError, subprocess.CalledProcessError, corpus.CorpusError) as error:
        print(f"kmemfuzz fuzz: {visible_lines(error)}", file=sys.stderr)
        work = campaign.folders.work
        if work and work.exists():
            print(f"kmemfuzz fuzz: nothing found is lost: what is not in its place yet is in {visible(work)}, and the next "
                  "campaign collects it", file=sys.stderr)
        return EXIT_ENVIRONMENT
    if campaign.figures["findings"]:
        return EXIT_VIOLATION
    return EXIT_ENVIRONMENT if campaign.fault else EXIT_SOUND
