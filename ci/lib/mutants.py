"""./ci/mutants: which small changes to the core does no judge notice?

Mutants are made of the syntax tree (mutants_make.py); those that do not compile, or come to the code of the original or of another
mutant, are dropped (mutants_build.py); each of the others goes through the stages (mutants_stages.py). What none kills is either
equivalent, and listed with a reason in docs/survivors.md, or shows what the harness does not see.
"""

import concurrent.futures
import contextlib
import hashlib
import itertools
import json
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import time

import mutants_build
import mutants_make
import mutants_report
import mutants_stages
import patched
from kmemfuzz.command_line import EXIT_ENVIRONMENT, EXIT_SOUND, EXIT_VIOLATION, Parser, exit_codes, parse_positive
from kmemfuzz.entry import enter
from kmemfuzz.outside_text import dump_json, visible_lines
from patched import Broken

RESULTS = mutants_build.WORK / "results"
PROGRAMS = 2000  # of each seed: no mutant has needed half of them to be noticed
BATCH = 40  # mutants that are compiled before those before them have been run

# A change to each file that every stage has to notice.
CANARIES = {
    "src/kmem.c": ("heap->taken_size += size;", "heap->taken_size -= size;"),
    "src/block.h": ("= size | (taken ? BLOCK_TAKEN : 0);", "= size;"),
    "src/page.c": ("    pages->taken_count += count;", "    (void)count;"),
    "src/kernel.c": ("finish(kmem_free(&kernel.heap, pointer), pointer);", "finish(KMEM_OK, pointer);"),
}


class Examiner:
    """Runs mutants, and remembers what came of them."""

    def __init__(self, options):
        self.options = options
        self.core = mutants_build.Core()
        table = mutants_stages.stages(options.programs)
        self.stages = [table[name] for name in options.stages]
        self.prefix = patched.fixed_addresses()
        self.sources, self.originals, self.mutants, self.fingerprints = {}, {}, {}, {}
        self.compiled = set()  # the names of those that lie in their folders, compiled by this run

    def make(self, file):
        """Makes the mutants of a file."""
        self.sources[file] = pathlib.Path(file).read_bytes()
        self.mutants[file] = mutants_make.make_mutants(self.core.tree(file), file, self.sources[file])

    def prepare(self, files):
        """Gets ready to run mutants of these files."""
        self.originals = self.core.prepare(files)
        for file in files:
            digest = hashlib.sha256(self.core.fingerprint(file).encode())
            digest.update(self.sources[file])
            digest.update(str(self.options.programs).encode())
            self.fingerprints[file] = digest.hexdigest()

    def recall(self, mutant):
        """What is remembered of a mutant: {"code": …, "stages": …}."""
        path = RESULTS / f"{mutant.name}.json"
        try:
            record = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            record = {}
        if record.get("fingerprint") != self.fingerprints[mutant.file]:
            return {"fingerprint": self.fingerprints[mutant.file], "stages": {}}
        return record

    @staticmethod
    def remember(mutant, record):
        """Keeps what came of a mutant."""
        RESULTS.mkdir(parents=True, exist_ok=True)
        path = RESULTS / f"{mutant.name}.json"
        path.with_suffix(".new").write_text(dump_json(record), encoding="utf-8")
        path.with_suffix(".new").replace(path)

    def compile(self, mutant):
        """Makes a mutant's folder. Returns what it comes to."""
        code = self.core.code_of(self.core.write(mutant, self.sources[mutant.file]), mutant.file)
        self.compiled.add(mutant.name)
        return code

    def code_of(self, mutant):
        """What a mutant comes to; None when it does not compile."""
        record = self.recall(mutant)
        if "code" not in record:
            record["code"] = self.compile(mutant)
            self.remember(mutant, record)
        return record["code"]

    def examine(self, mutant):
        """{stage: kills} of a mutant; Broken when it could not be judged, so that the others are."""
        try:
            return self._examine(mutant)
        except Broken as error:
            return error
        finally:
            shutil.rmtree(self.core.folder_of(mutant), ignore_errors=True)

    def _examine(self, mutant):
        record = self.recall(mutant)
        known = {stage.name: [kill and mutants_stages.Kill(*kill) for kill in record["stages"][stage.name]]
                 for stage in self.stages if stage.name in record["stages"] and not self.options.fresh}
        missing = [stage for stage in self.stages if stage.name not in known]
        if missing and not (self.options.first and any(any(kills) for kills in known.values())):
            copy = self.core.folder_of(mutant)
            if mutant.name not in self.compiled:  # what lies there may be a stopped run's
                self.compile(mutant)
            known.update(mutants_stages.examine(mutant, copy, self.core, missing, self.prefix, self.options.first))
            record["stages"].update(known)
            self.remember(mutant, record)
        return {stage.name: known[stage.name] for stage in self.stages if stage.name in known}

    def control(self, file, change, must_die):
        """What is wrong with a control of a file, a line each: the file as it is lives, the canary dies in every stage, with
        sanitizers and without."""
        source = self.sources[file]
        if source.count(change[0].encode()) != 1:
            return [f"{file} has '{change[0]}' {source.count(change[0].encode())} times, not once: the canary needs another place"]
        begin = source.find(change[0].encode())
        control = mutants_make.Mutant(file, "control", str(must_die), "control", *change, 1, begin, begin + len(change[0]), 0)
        copy = self.core.write(control, source)
        if self.core.code_of(copy, file) is None:
            return [f"the canary of {file} does not compile"]
        problems = []
        # The first seed will do to kill a canary.
        stages = [stage._replace(commands=stage.commands[:1]) for stage in self.stages] if must_die else self.stages
        for sanitized in (False, True):
            results = mutants_stages.examine(control, copy, self.core, stages, self.prefix, False, (sanitized,))
            build = "with" if sanitized else "without"
            if must_die:
                problems += [f"the canary of {file} survives {stage} {build} sanitizers, so that judges nothing"
                             for stage, kills in results.items() if not all(kills)]
            else:
                problems += [f"{file} as it is does not survive {stage} {build} sanitizers: {kill.by}"
                             for stage, kills in results.items() for kill in kills if kill]
        shutil.rmtree(copy)
        return problems


def changed_lines(base):
    """{file: numbers of the lines that have changed since a commit}."""
    done = subprocess.run(["git", "diff", "--unified=0", "--no-ext-diff", "--no-color", "--src-prefix=a/", "--dst-prefix=b/", base,
                           "--", *mutants_build.FILES], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise Broken(f"git cannot compare with {base}: {done.stderr.strip()}")
    lines = {}
    file = None
    for line in done.stdout.splitlines():
        if line.startswith("+++ "):
            file = line[6:]
        match = re.match(r"@@ -\S+ \+(\d+)(?:,(\d+))? @@", line)
        if match:
            first, count = int(match[1]), int(match[2] or 1)
            lines.setdefault(file, set()).update(range(first, first + count))
    return lines


def choose(examiner, options):
    """The mutants that the options name, in their order."""
    mutants = [mutant for of_file in examiner.mutants.values() for mutant in of_file]
    if options.only:
        for word in options.only:
            if not any(word in (mutant.name, mutant.file, mutant.function) for mutant in mutants):
                options.parser.error(f"no mutant, file or function of any is called {word}")
        mutants = [mutant for mutant in mutants if {mutant.name, mutant.file, mutant.function} & set(options.only)]
    if options.changed:
        lines = changed_lines(options.changed)
        mutants = [mutant for mutant in mutants
                   if not lines.get(mutant.file, set()).isdisjoint(mutant.line_numbers(examiner.sources[mutant.file]))]
    if options.sample:
        mutants.sort(key=lambda mutant: hashlib.sha256(f"{options.seed} {mutant.name}".encode()).hexdigest())
    return mutants


def each(pool, work, items):
    """work(item) of each, several at a time, once something asks for the first."""
    futures = [pool.submit(work, item) for item in items]
    try:
        yield from (future.result() for future in futures)
    finally:
        for future in futures:
            future.cancel()


def worth(examiner, pool, mutants, limit, dropped):
    """Yields the mutants that are worth a run, up to a limit, and counts in dropped what becomes of the others."""
    seen, left = set(), limit or len(mutants)
    rest = iter(mutants)
    while batch := list(itertools.islice(rest, min(BATCH, left))):
        for mutant, code in zip(batch, each(pool, examiner.code_of, batch)):
            dropped["made"] += 1
            if dropped["made"] % 50 == 0:
                print(f"[{dropped['made']}/{len(mutants)}] mutants", file=sys.stderr, flush=True)
            if code is None:
                dropped["broken"] += 1
            elif code == examiner.originals[mutant.file]:
                dropped["equal"] += 1
            elif (mutant.file, code) in seen:
                dropped["alike"] += 1
            else:
                seen.add((mutant.file, code))
                left -= 1
                yield mutant
                continue
            shutil.rmtree(examiner.core.folder_of(mutant), ignore_errors=True)


def judge(examiner, results, listed):
    """(what is wrong, a line each; the names of the equivalent mutants) by what docs/survivors.md lists."""
    known = {mutant.identity: mutant for of_file in examiner.mutants.values() for mutant in of_file}
    problems = [f"{mutants_report.SURVIVORS} lists what is no mutant: {' | '.join(map(str, identity))}"
                for identity in listed if identity not in known and identity[0] in examiner.mutants]
    functions = {(mutant.file, mutant.function) for mutant, _ in results}
    entries = {}  # {(file, what it comes to): what is said of it}
    for identity in listed:
        if identity in known and identity[:2] in functions:
            code = examiner.code_of(known[identity])
            entries[identity[0], code] = listed[identity]
            if code in (None, examiner.originals[identity[0]]):
                problems.append(f"{mutants_report.SURVIVORS} lists what {'is the original' if code else 'does not compile'}: "
                                f"{mutants_report.describe(known[identity])}")
    equivalent = set()
    for mutant, by_stage in results:
        entry = entries.get((mutant.file, examiner.code_of(mutant)))
        killed = [stage for stage, kills in by_stage.items() if any(kills)]
        if killed and entry:
            problems.append(f"{mutants_report.SURVIVORS} lists one that {killed[0]} kills: {mutants_report.describe(mutant)}")
        elif not killed and not entry:
            problems.append(f"survives, and is not in {mutants_report.SURVIVORS}: {mutants_report.describe(mutant)}")
        elif not killed and entry[0]:
            equivalent.add(mutant.name)
    return problems, equivalent


def parse_arguments(arguments):
    """The command line; argparse ends the process with code 2 when it is wrong."""
    parser = Parser(
        prog="ci/mutants",
        description="Makes small changes to the core, one at a time, and requires that the harness notices each that changes what "
                    f"the core does; {mutants_report.SURVIVORS} lists those that do not, with the reason.",
        epilog=exit_codes("every mutant killed or listed", "one survives that is not listed, or is listed and does not"))
    stages = tuple(mutants_stages.stages(PROGRAMS))
    parser.add_argument("--only", nargs="+", metavar="NAME", help="these mutants, or those of these files or functions")
    parser.add_argument("--changed", metavar="BASE", help="those on lines that have changed since a commit")
    parser.add_argument("--sample", type=parse_positive, metavar="N", help="so many of them, chosen by --seed")
    parser.add_argument("--seed", type=parse_positive, default=1, metavar="S", help="what a sample is chosen by (default: 1)")
    parser.add_argument("--stages", nargs="+", choices=stages, default=stages, metavar="STAGE",
                        help=f"the stages to run, of {', '.join(stages)} (default: all)")
    parser.add_argument("--first", action="store_true", help="leave out the stages after the first that kills a mutant")
    parser.add_argument("--programs", type=parse_positive, default=PROGRAMS, metavar="N",
                        help=f"programs of each seed in the stage smoke (default: {PROGRAMS})")
    parser.add_argument("--jobs", type=parse_positive, default=mutants_build.jobs(), metavar="N",
                        help="mutants at a time (default: one per processor)")
    parser.add_argument("--fresh", action="store_true", help="run again what has been run before")
    parser.add_argument("--list", action="store_true", help="list the mutants, and run none")
    parser.add_argument("--json", action="store_true", help="print a JSON document instead")
    options = parser.parse_args(arguments)
    options.parser = parser
    options.stages = [stage for stage in stages if stage in options.stages]
    return options


def presets(_options):
    """The builds that are needed."""
    return list(mutants_build.PRESETS)


def run(options):
    """Does all of it; returns the exit code."""
    started = time.monotonic()
    examiner = Examiner(options)
    for file in mutants_build.FILES:
        examiner.make(file)
    mutants = choose(examiner, options)
    if options.list:
        print("\n".join(map(mutants_report.describe, mutants)))
        return EXIT_SOUND
    listed = mutants_report.read_survivors()
    files = list(dict.fromkeys(mutant.file for mutant in mutants))
    examiner.prepare(files)
    pool = concurrent.futures.ThreadPoolExecutor(options.jobs)
    try:
        controls = [(file, change, must_die) for file in files
                    for change, must_die in (((CANARIES[file][0],) * 2, False), (CANARIES[file], True))]
        problems = [problem for found in each(pool, lambda control: examiner.control(*control), controls)
                    for problem in found]
        dropped = dict.fromkeys(("made", "broken", "equal", "alike"), 0)
        running = []
        for mutant in worth(examiner, pool, mutants, options.sample, dropped):
            running.append((mutant, pool.submit(examiner.examine, mutant)))
        examined = [(mutant, future.result()) for mutant, future in running]
        results = [(mutant, by_stage) for mutant, by_stage in examined if not isinstance(by_stage, Broken)]
        unjudged = [f"{mutants_report.describe(mutant)}: {error}" for mutant, error in examined if isinstance(error, Broken)]
        more, equivalent = judge(examiner, results, listed)
        problems += more
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
        patched.stop_children()
        pool.shutdown(wait=True)
        patched.allow_children()
    score = mutants_report.Score(results, options.stages, equivalent, not options.first)
    seconds = time.monotonic() - started
    if options.json:
        settings = {"programs": options.programs, "seeds": mutants_stages.SEEDS, "sample": options.sample, "seed": options.seed}
        print(mutants_report.json_report(score, dropped, problems, seconds, settings))
    else:
        print(mutants_report.text_report(score, dropped, problems, seconds))
    if unjudged:
        raise Broken("\n".join([f"{len(unjudged)} of {len(examined)} mutants could not be judged:", *unjudged]))
    return EXIT_VIOLATION if problems else EXIT_SOUND


def main(arguments):
    """Makes mutants, runs and judges them; returns the exit code."""
    try:
        options = parse_arguments(arguments)
        with contextlib.nullcontext() if options.list else patched.alone_in(mutants_build.WORK):
            return run(options)
    except (Broken, OSError) as error:
        print(f"ci/mutants: {visible_lines(error)}", file=sys.stderr)
    except KeyboardInterrupt:
        print("ci/mutants: interrupted", file=sys.stderr)
    return EXIT_ENVIRONMENT


def interrupt(_signal, _frame):
    """A request to end is answered like Ctrl-C."""
    raise KeyboardInterrupt


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, interrupt)
    enter("ci/mutants", main, sys.argv[1:])
