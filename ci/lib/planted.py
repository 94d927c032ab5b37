"""./ci/planted: does the harness find each planted bug, through an oracle that its patch names?

Every tests/planted/*.patch puts one bug into the code that a fuzz target tests. Only what it changes is compiled again, from a
patched copy; the rest of the target is linked as preset `fuzz` built it (patched.py). Then libFuzzer runs from an empty corpus,
with the flags of ci/fuzz, until it finds something or has used up its executions. Targets that run programs are given fresh
ones. The budget is in executions, not in time, so a slow machine gives the same verdict.
"""

import collections
import concurrent.futures
import hashlib
import os
import pathlib
import re
import signal
import subprocess
import sys
import time
from typing import NamedTuple

from kmemfuzz import fuzzer
import patched
from kmemfuzz.command_line import EXIT_ENVIRONMENT, EXIT_SOUND, EXIT_VIOLATION, Parser, exit_codes, parse_positive
from kmemfuzz.corpus import KMEMFUZZ
from kmemfuzz.entry import enter
from kmemfuzz.outside_text import dump_json, visible_lines
from patched import DOES_NOT_APPLY, DOES_NOT_COMPILE, Broken

WORK = pathlib.Path("build/planted")
PATCHES = pathlib.Path("tests/planted")
CANARIES = PATCHES / "canaries"
DEEP = PATCHES / "deep"
PRESET = "fuzz"
LOG, MARK = "fuzzer.log", "fingerprint"  # in a patch's folder
DEFAULT_SEED = 1
UNMADE = 2  # inputs that libFuzzer runs before the first it makes: none, and a line feed. They are not counted
# Executions in which fresh programs find each bug, and all of them together.
MOST, TOGETHER = 300, 1_000
GENERATED_RUNS = 2_000  # the budget of targets that are given them: more, to say how many it does take
GENERATED_FLAGS = ["-max_len=2048"]  # they are as long as those of kmemfuzz smoke


class Target(NamedTuple):
    """A fuzz target: what bugs are planted in, and how many executions may find one."""
    name: str
    code: patched.Code
    runs: int
    programs: bool = False  # it runs programs, and is judged by the oracles of kmemfuzz; runs is for bytes

    @property
    def program(self):
        """Its program."""
        return f"{self.name}_fuzzer"

    @property
    def tool(self):
        """The kmemfuzz of its subject, when it runs programs."""
        return "kmemfuzz" if self.name == "heap" else f"{self.name}_kmemfuzz"

    @property
    def control(self):
        """What the code without a patch is called."""
        return "(unpatched)" if self.name == "heap" else f"(unpatched {self.name})"


TARGETS = {target.name: target for target in (
    Target("heap", patched.CORE, 100_000, True),
    Target("kernel", patched.CORE, 30_000, True),
    Target("pages", patched.CORE, 100_000, True),
    Target("sv39", patched.CORE, 30_000),
    Target("text", patched.TEXT, 10_000))}
HEAP = TARGETS["heap"]

# What an Oracle: header may name besides the oracles' ids.
SANITIZER = "sanitizer"  # any report of AddressSanitizer or UBSan
HANG = "hang"  # one input takes longer than -timeout, or all the memory

# Oracles that can never be the first to object while all the others are on, each with the reason.
SHADOWED = {
    "recovery": "after every free the invariants have already required that no block is taken and no two free ones "
                "touch, which leaves one free block; it is what is left of them when they are off",
    "resize-failed": "the invariants and the placement of the old payload object before its contents do",
    **dict.fromkeys(("impossible-size", "liveness", "leak", "zero-size", "refit", "gives-back", "walk", "free-bytes",
                     "repeatable", "bounded", "assertion"),
                    "it is for subjects without a view; tests/subjects has its bugs"),
}

# How the examination of a patch can end.
FOUND = "found"
NOT_FOUND = "not-found"
WRONG_ORACLE = "wrong-oracle"
UNEXPLAINED = "unexplained"  # the fuzzer ended, but neither with a finding nor after its executions
FAILURES = (NOT_FOUND, WRONG_ORACLE, DOES_NOT_APPLY, DOES_NOT_COMPILE)  # those for which there is a canary


class Patch(NamedTuple):
    """A planted bug. fails is None but for a canary: then the outcome it must have, and because are words of its logs."""
    name: str
    path: pathlib.Path | None
    bug: str
    origin: str | None
    oracles: tuple
    fails: str | None
    target: str = HEAP.name
    because: str | None = None


class Result(NamedTuple):
    """What came of a patch. executions and seconds are those of the fuzzer; detail says where to look."""
    name: str
    outcome: str
    caught_by: str | None = None
    executions: int | None = None
    seconds: float | None = None
    detail: str = ""
    target: str = HEAP.name

    @property
    def is_control(self):
        """Is it what came of the code without a patch?"""
        return self.name == TARGETS[self.target].control


# Patches.


def parse_header(text):
    """The fields in front of a patch's first difference."""
    return dict(re.findall(r"^(Bug|Origin|Target|Oracle|Fails|Because): (\S.*?)\s*$", text.split("\n--- ", 1)[0], re.MULTILINE))


def parse_patch(path, text, oracles):
    """The Patch in a file's text. oracles: as read_oracles. Raises Broken when its header is incomplete, or names what there
    is not."""
    header = parse_header(text)
    fields = ("Bug", "Oracle", *(["Because"] if "Fails" in header else []))
    missing = [field for field in fields if field not in header]
    if missing:
        raise Broken(f"{path}: the header lacks {', '.join(missing)}")
    target = header.get("Target", HEAP.name)
    if target not in oracles:
        raise Broken(f"{path}: there is no target '{target}' to plant bugs in, but {', '.join(oracles)}")
    catchers = tuple(oracle.strip() for oracle in header["Oracle"].split(","))
    for oracle in catchers:
        if oracle not in (*oracles[target], SANITIZER, HANG):
            raise Broken(f"{path}: target {target} has no oracle '{oracle}'")
    fails = header.get("Fails")
    if fails is not None and fails not in FAILURES:
        raise Broken(f"{path}: 'Fails: {fails}' is none of {', '.join(FAILURES)}")
    return Patch(path.stem, path, header["Bug"], header.get("Origin"), catchers, fails, target, header.get("Because"))


def read_oracles():
    """{target: the id of each oracle}, a checker's invariants first, as the targets' programs print them."""
    oracles = {}
    for target in TARGETS.values():
        command = [KMEMFUZZ, "oracles"] if target.programs else [KMEMFUZZ.with_name(target.program), "--rules"]
        table = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=True).stdout
        oracles[target.name] = [line.split()[0] for line in table.splitlines()]
    return oracles


def read_patches(folder, oracles):
    """Every patch in a folder, sorted by name. oracles: as read_oracles."""
    paths = sorted(folder.glob("*.patch"))
    patches = [parse_patch(path, path.read_text(encoding="utf-8"), oracles) for path in paths]
    if not patches:
        raise Broken(f"{folder} holds no patches")
    canaries = folder == CANARIES
    for patch in patches:
        if canaries != (patch.fails is not None):
            raise Broken(f"{patch.path}: canaries, and only they, have a line 'Fails:'")
    return patches


def read_heap_patches():
    """Every bug to be planted in the heap that shows where no stores are seen, too: as on boards."""
    return [patch for patch in read_patches(PATCHES, read_oracles())
            if patch.target == HEAP.name and patch.oracles != ("stray-store",)]


def targets_of(patches):
    """The targets that some patches are for, in their order."""
    return [target for target in TARGETS.values() if target.name in {patch.target for patch in patches}]


# One patch.


def parse_executions(output):
    """The executions libFuzzer counted, the failing one included; None when it printed no count."""
    match = re.search(r"^stat::number_of_executed_units:\s*(\d+)$", output, re.MULTILINE)
    return int(match.group(1)) if match else None


def oracle_of(caught_by):
    """The word by which an Oracle: header names what caught a bug."""
    return SANITIZER if caught_by.startswith(("asan: ", "ubsan: ")) else caught_by


def judge_run(code, output, oracles, runs):
    """(outcome, caught by, executions) of a fuzzer that ended with this code and output. oracles are those that may
    catch it; runs is its budget."""
    executions = parse_executions(output)
    caught_by = fuzzer.parse_finding(output)
    if code == 0 and caught_by is None and executions is not None and executions >= runs:
        return NOT_FOUND, None, executions
    # An abort without a violation's line is an assertion elsewhere.
    if code == 0 or caught_by in (None, "asan: ABRT", fuzzer.UNREPEATED) or executions is None:
        return UNEXPLAINED, caught_by, executions
    executions = max(1, executions - UNMADE)
    return (FOUND if oracle_of(caught_by) in oracles else WRONG_ORACLE), caught_by, executions


def budget(target, settings):
    """The executions in which a target's bugs are to be found."""
    return settings["runs"] or (GENERATED_RUNS if is_generated(target, settings) else TARGETS[target].runs)


def flags(target, settings):
    """How libFuzzer runs a target: the last of two that set the same counts."""
    return [*fuzzer.FLAGS, *(GENERATED_FLAGS if is_generated(target, settings) else [])]


def is_generated(target, settings):
    """Is the target given fresh programs?"""
    return TARGETS[target].programs and not settings["bytes"]


def examine(patch, build, settings):
    """Plants one bug and fuzzes. build: of the patch's target. patch may be a control, whose path is None."""
    try:
        folder = patched.make_copy(WORK / patch.name, patch.path, build.code)
        program = build.link(folder)[0]
    except patched.NotPatched as failure:
        outcome, log = failure.args
        return Result(patch.name, outcome, detail=str(log), target=patch.target)
    runs = budget(patch.target, settings)
    mark = fingerprint(patch, build, settings)
    environment = {key: value for key, value in os.environ.items() if key != "KMEM_STATISTICS"}
    environment.update(fuzzer.ENVIRONMENT, KMEMFUZZ_MUTATION="generator" if is_generated(patch.target, settings) else "bytes")
    environment["ASAN_OPTIONS"] += ":symbolize=0"  # takes longer than most bugs take to be found
    command = [*settings["prefix"], str(program), *flags(patch.target, settings), f"-runs={runs}",
               f"-seed={settings['seed']}", "-print_final_stats=1", f"-artifact_prefix={folder}/"]
    started = time.monotonic()
    code, output = patched.run(command, folder, environment)
    seconds = round(time.monotonic() - started, 1)
    program.unlink()
    log = WORK / patch.name / LOG
    log.write_text(output, encoding="utf-8")
    (folder / MARK).write_text(mark, encoding="ascii")
    outcome, caught_by, executions = judge_run(code, output, patch.oracles, runs)
    return Result(patch.name, outcome, caught_by, executions, seconds, str(log), patch.target)


def fingerprint(patch, build, settings):
    """Differs when what examine would do does: a fuzzer's log with this fingerprint beside it need not be made again."""
    parts = (build.fingerprint(), flags(patch.target, settings), budget(patch.target, settings), settings["seed"], settings["bytes"])
    digest = hashlib.sha256(repr(parts).encode())
    for path in sorted([*build.code.folder.rglob("*.[chS]"), *([] if patch.path is None else [patch.path])]):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def fuzzer_log(patch, build, settings):
    """What the fuzzer printed about a patch: from the last time, when nothing has changed since; otherwise it runs again."""
    folder = WORK / patch.name
    try:
        if (folder / MARK).read_text(encoding="ascii") == fingerprint(patch, build, settings):
            return (folder / LOG).read_text(encoding="utf-8")
    except OSError:
        pass  # there is no last time
    result = examine(patch, build, settings)
    if result.outcome in (DOES_NOT_APPLY, DOES_NOT_COMPILE):
        raise Broken(f"{patch.name}: {describe(result)}; see {result.detail}")
    return (folder / LOG).read_text(encoding="utf-8")


def examine_all(patches, settings):
    """Examines every patch, several at a time; prints progress on standard error."""
    builds = {target.name: patched.Build(PRESET, target.program, code=target.code, lines=False) for target in targets_of(patches)}
    results = []
    pool = concurrent.futures.ThreadPoolExecutor(settings["jobs"])
    try:
        longest_first = sorted(patches, key=lambda patch: patch.path is not None and HANG not in patch.oracles)
        futures = [pool.submit(examine, patch, builds[patch.target], settings) for patch in longest_first]
        for future in concurrent.futures.as_completed(futures):
            results.append(future.result())
            print(f"[{len(results):>{len(str(len(patches)))}}/{len(patches)}] {progress_line(results[-1])}",
                  file=sys.stderr, flush=True)
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
        patched.stop_children()
        pool.shutdown(wait=True)
        patched.allow_children()
    return sorted(results, key=lambda result: (result.target, result.name))


# Verdicts.


def judge_patches(results, patches, complete, oracle_ids):
    """What is wrong with the results of the planted bugs, a line each. complete: every bug was planted, so every
    oracle that is not shadowed must have caught one."""
    expected = {patch.name: patch.oracles for patch in patches}
    controls = [target.control for target in targets_of(patches)]
    problems = []
    for result in results:
        if result.is_control:
            if result.outcome != NOT_FOUND:
                problems.append(f"{result.name} did not survive: {describe(result)}; see {result.detail}")
        elif result.outcome == WRONG_ORACLE:
            problems.append(f"{result.name}: caught by {result.caught_by}, but its patch names "
                            f"{', '.join(expected[result.name])}; see {result.detail}")
        elif result.outcome != FOUND:
            problems.append(f"{result.name}: {describe(result)}; see {result.detail}")
    for name in sorted({*expected, *controls} - {result.name for result in results}):
        problems.append(f"{name}: was not examined")
    if complete:
        idle = idle_oracles(results, oracle_ids)
        problems += [f"oracle {oracle}: caught no planted bug; plant one, or say in SHADOWED why there can be none"
                     for oracle in idle if oracle not in SHADOWED]
        problems += [f"oracle {oracle}: caught a planted bug, though SHADOWED says that it cannot"
                     for oracle in SHADOWED if oracle in oracle_ids and oracle not in idle]
    return problems


def judge_speed(results, settings):
    """What is wrong with how fast fresh programs find the bugs, a line each."""
    found = [result for result in generated(results, settings) if result.outcome == FOUND]
    problems = [f"{result.name}: caught after {result.executions:,} executions, more than {MOST}; see {result.detail}"
                for result in found if result.executions > MOST]
    together = sum(result.executions for result in found)
    if together > TOGETHER:
        problems.append(f"all together: caught after {together:,} executions, more than {TOGETHER:,}")
    return problems


def generated(results, settings):
    """What came of the bugs that fresh programs are to find."""
    return [result for result in results if not result.is_control and is_generated(result.target, settings)]


def read_logs(name):
    """All that was printed when a patch was applied, compiled and fuzzed."""
    return "".join(log.read_text(encoding="utf-8") for log in sorted((WORK / name).glob("*.log")))


def judge_canaries(results, patches, complete):
    """What is wrong with the results of the canaries, a line each: each must fail in the way it says and for the reason it
    says. complete: all were examined, so that every way to fail must be among them."""
    outcomes = {result.name: result for result in results}
    problems = []
    for patch in patches:
        result = outcomes.get(patch.name)
        if result is None:
            problems.append(f"{patch.name}: was not examined")
        elif result.outcome != patch.fails:
            problems.append(f"{patch.name}: must end as '{patch.fails}', but: {describe(result)}; see {result.detail}")
        elif patch.because not in read_logs(patch.name):
            problems.append(f"{patch.name}: ends as '{patch.fails}', but nothing says '{patch.because}'; see {result.detail}")
    if complete:
        problems += [f"no canary shows whether '{failure}' is noticed"
                     for failure in FAILURES if failure not in {patch.fails for patch in patches}]
    return problems


def idle_oracles(results, oracle_ids):
    """The oracles that were first to catch none of the bugs."""
    return [oracle for oracle in oracle_ids if oracle not in {result.caught_by for result in results}]


# Reports.


def describe(result):
    """A result in a few words."""
    count = "" if result.executions is None else f"{result.executions:,} execution" + "s" * (result.executions != 1)
    if result.outcome == FOUND:
        return f"caught by {result.caught_by} after {count}"
    if result.outcome == WRONG_ORACLE:
        return f"caught by the wrong oracle, {result.caught_by}, after {count}"
    if result.outcome == NOT_FOUND:
        return f"nothing found in {count}"
    if result.outcome == UNEXPLAINED:
        return "the fuzzer ended for no known reason"
    return {DOES_NOT_APPLY: "the patch does not apply",
            DOES_NOT_COMPILE: "the patched code does not compile"}[result.outcome]


def progress_line(result):
    """A result in a line."""
    return f"{result.name}: {describe(result)}"


def table(results):
    """The results as text in aligned columns."""
    rows = [("bug", "outcome", "caught by", "executions", "seconds")]
    for result in results:
        survived = result.is_control and result.outcome == NOT_FOUND
        rows.append((result.name, "survived" if survived else result.outcome, (result.caught_by or "-")[:40],
                     "-" if result.executions is None else f"{result.executions:,}",
                     "-" if result.seconds is None else f"{result.seconds:.1f}"))
    widths = [max(len(row[column]) for row in rows) for column in range(5)]
    left = [[cell.ljust(width) for cell, width in zip(row[:3], widths)] for row in rows]
    right = [[cell.rjust(width) for cell, width in zip(row[3:], widths[3:])] for row in rows]
    return "\n".join("  ".join(row) for row in map(list.__add__, left, right))


def count_outcomes(results):
    """How many bugs came to what, and what that took, in a few words."""
    bugs = collections.Counter(result.outcome for result in results if not result.is_control)
    outcomes = ", ".join(f"{count} {outcome}" for outcome, count in sorted(bugs.items()))
    return f"{bugs.total()} patches: {outcomes}; {sum(result.executions or 0 for result in results):,} executions"


def totals(results, problems, settings, seconds):
    """The lines at the end: one for each target, when there are several, one for fresh programs, and one for all."""
    by_target = {target: [result for result in results if result.target == target]
                 for target in sorted({result.target for result in results})}
    lines = [f"{target}: {count_outcomes(own)}" for target, own in by_target.items() if len(by_target) > 1]
    found = [(result.executions, result.name) for result in generated(results, settings) if result.outcome == FOUND]
    if found:
        lines.append(f"fresh programs, seed {settings['seed']}: {sum(count for count, _ in found):,} executions together, at most "
                     "{:,} ({})".format(*max(found)))
    return "\n".join([*lines, f"{count_outcomes(results)} in {seconds:.0f} s; "
                              f"{'all as it must be' if not problems else f'{len(problems)} wrong'}"])


def report_json(results, patches, problems, settings, oracle_ids, seconds):
    """The document that --json prints."""
    known = {patch.name: patch for patch in patches}
    records = []
    for result in results:
        record = result._asdict()
        patch = known.get(result.name)
        if patch is not None:
            record.update(bug=patch.bug, origin=patch.origin, oracles=list(patch.oracles), fails=patch.fails)
        records.append(record)
    controls = {record["target"]: record for record, result in zip(records, results) if result.is_control}
    runs = {target.name: budget(target.name, settings) for target in targets_of(results)}
    return dump_json({
        "seed": settings["seed"],
        "runs": max(runs.values()),
        "seconds": round(seconds, 1),
        "sound": not problems,
        "problems": problems,
        "unpatched": next(iter(controls.values()), None),
        "targets": [{"target": target, "runs": runs[target], "unpatched": controls.get(target)} for target in runs],
        "patches": [record for record, result in zip(records, results) if not result.is_control],
        "idle_oracles": idle_oracles(results, oracle_ids),
    })


def report(results, patches, problems, options, settings, oracle_ids, seconds):
    """Prints what came of it all."""
    if options.json:
        print(report_json(results, patches, problems, settings, oracle_ids, seconds))
        return
    print(table(results))
    print()
    if not options.canaries and not options.only:
        for oracle in idle_oracles(results, oracle_ids):
            print(f"No bug is caught by {oracle} first: {SHADOWED.get(oracle, 'none is planted')}.")
        print()
    for problem in problems:
        print(f"WRONG  {visible_lines(problem)}")
    print(totals(results, problems, settings, seconds))


# The command.


def parse_arguments(arguments):
    """The command line; argparse ends the process with code 2 when it is wrong."""
    parser = Parser(
        prog="ci/planted",
        description="Plants each bug of tests/planted, one at a time, in the code that its fuzz target tests, and requires "
                    "the fuzzer to find it from an empty corpus, through an oracle that the patch names. The unpatched code "
                    "must survive as many executions.",
        epilog=exit_codes("all found", "a bug was missed or caught by the wrong oracle"),
    )
    budgets = ", ".join(f"{target.runs} for {target.name}" for target in TARGETS.values())
    parser.add_argument("--bytes", action="store_true",
                        help="change bytes, where fresh programs are run otherwise: what finds each bug within "
                             f"{MOST} executions, and all within {TOGETHER:,} together")
    parser.add_argument("--runs", type=parse_positive, metavar="N",
                        help=f"executions to find a bug in (default: {GENERATED_RUNS} of fresh programs; of bytes {budgets})")
    parser.add_argument("--seed", type=parse_positive, default=DEFAULT_SEED, metavar="N",
                        help=f"where libFuzzer's random numbers start (default: {DEFAULT_SEED})")
    parser.add_argument("--jobs", type=parse_positive, default=os.cpu_count() or 1, metavar="N",
                        help="patches at a time (default: one per processor)")
    parser.add_argument("--only", nargs="+", metavar="NAME", help="these patches only, and the unpatched code of their targets")
    parser.add_argument("--canaries", action="store_true",
                        help="examine tests/planted/canaries instead: patches that must fail, each in its own way")
    parser.add_argument("--json", action="store_true", help="print a JSON document instead of the table")
    options = parser.parse_args(arguments)
    require_names(parser, options.only, CANARIES if options.canaries else PATCHES)
    return options


def presets(_options):
    """The builds that are needed."""
    return [PRESET]


def require_names(parser, names, folder, target=None):
    """Ends the process with code 2 when a name, of those in names if it is not None, is that of no patch in a folder; or of
    one for another target, when one is given."""
    for name in names or ():
        path = folder / f"{name}.patch"
        if not path.is_file():
            parser.error(f"there is no patch named {name} in {folder}")
        planted_in = parse_header(path.read_text(encoding="utf-8")).get("Target", HEAP.name)
        if target not in (None, planted_in):
            parser.error(f"{path} is for the target {planted_in}, not for {target}")


def select(patches, names):
    """The patches with these names; all when names is None."""
    return [patch for patch in patches if names is None or patch.name in names]


def main(arguments):
    """Plants, fuzzes and judges; returns the exit code."""
    options = parse_arguments(arguments)
    settings = {"runs": options.runs, "seed": options.seed, "jobs": options.jobs, "bytes": options.bytes,
                "prefix": patched.fixed_addresses()}
    started = time.monotonic()
    try:
        oracles = read_oracles()
        patches = select(read_patches(CANARIES if options.canaries else PATCHES, oracles), options.only)
        oracle_ids = list(dict.fromkeys(oracle for target in targets_of(patches) for oracle in oracles[target.name]))
        if not settings["prefix"]:
            print("ci/planted: addresses are random here (setarch -R is refused): counts vary a little between runs",
                  file=sys.stderr)
        healthy = [] if options.canaries else [Patch(target.control, None, "", None, (), None, target.name)
                                               for target in targets_of(patches)]
        results = examine_all(healthy + patches, settings)
    except (Broken, OSError) as error:
        print(f"ci/planted: {visible_lines(error)}", file=sys.stderr)
        return EXIT_ENVIRONMENT
    except KeyboardInterrupt:
        print("ci/planted: interrupted", file=sys.stderr)
        return EXIT_ENVIRONMENT
    complete = options.only is None
    problems = (judge_canaries(results, patches, complete) if options.canaries
                else judge_patches(results, patches, complete, oracle_ids) + judge_speed(results, settings))
    report(results, patches, problems, options, settings, oracle_ids, time.monotonic() - started)
    return EXIT_VIOLATION if problems else EXIT_SOUND


def interrupt(_signal, _frame):
    """A request to end is answered like Ctrl-C."""
    raise KeyboardInterrupt


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, interrupt)
    enter("ci/planted", main, sys.argv[1:])
