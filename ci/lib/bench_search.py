"""The benchmark of search: how many executions each way of making inputs takes to find each planted bug, the deep ones too.

A way is a value of KMEMFUZZ_MUTATION. Every run starts from an empty corpus and ends with a finding or when its executions are
used up. Each result is kept in build/search, and taken from there as long as nothing it depends on has changed, so a benchmark
that was interrupted goes on where it was.
"""

import argparse
import concurrent.futures
import functools
import hashlib
import json
import os
import pathlib
import shutil
import signal
import statistics
import sys
import threading
from typing import NamedTuple

from kmemfuzz import fuzzer
import patched
import planted
from kmemfuzz.command_line import EXIT_ENVIRONMENT, EXIT_SOUND, EXIT_VIOLATION, Parser, add_caller, exit_codes, parse_positive
from kmemfuzz.entry import enter
from kmemfuzz.outside_text import dump_json, visible_lines

WORK = pathlib.Path("build/search")
RESULTS = WORK / "results.jsonl"
VARIABLE = "KMEMFUZZ_MUTATION"
WAYS = ("bytes", "generator", "mutator", "both")
BASE = WAYS[0]  # what the others are compared with
SURE = ("generator", "both")  # the ways that find every deep bug in every seed
AIM = 20  # times fewer executions than BASE, by SURE, in the median over the deep bugs
DEFAULT_SEEDS = 5
DEFAULT_RUNS = 200_000
CONTROL_RUNS = 20_000  # at most, of the sound code; ci/test and ci/planted run it for longer


class Run(NamedTuple):
    """One fuzzer: executions is how many it took, all of them when caught_by is None."""
    bug: str
    way: str
    seed: int
    caught_by: str | None
    executions: int


# Running.


class Results:
    """The results of this and earlier benchmarks, by what they depend on."""

    def __init__(self):
        self._lock = threading.Lock()
        self._known = {}
        if RESULTS.exists():
            whole, _, cut = RESULTS.read_text(encoding="utf-8").rpartition("\n")
            for line in whole.splitlines():
                key, *fields = json.loads(line)
                self._known[key] = Run(*fields)
            if cut:  # of a run that was killed
                RESULTS.write_text(f"{whole}\n" if whole else "", encoding="utf-8")

    def find(self, key):
        """The result with a key; None when there is none yet."""
        return self._known.get(key)

    def add(self, key, run):
        """Keeps a result."""
        with self._lock, RESULTS.open("a", encoding="utf-8") as file:
            file.write(dump_json([key, *run], indent=None) + "\n")


def digest(*parts):
    """A short name for what something depends on."""
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:32]


@functools.cache
def sources_digest():
    """Differs when the sound core does."""
    return digest([(str(path), path.read_bytes()) for path in sorted(patched.CORE.folder.rglob("*.[chS]"))])


def change_of(patch):
    """What a patch changes, without its header; None for a control."""
    return None if patch.path is None else patch.path.read_text(encoding="utf-8").partition("\n--- ")[2]


def fuzz(program, folder, way, seed, settings):
    """(code, output) of a fuzzer."""
    environment = {key: value for key, value in os.environ.items() if key != "KMEM_STATISTICS"}
    environment.update(fuzzer.ENVIRONMENT, **{VARIABLE: way})
    environment["ASAN_OPTIONS"] += ":symbolize=0"
    return patched.run([*settings["prefix"], str(program), *fuzzer.FLAGS, f"-runs={settings['runs']}", f"-seed={seed}",
                        "-print_final_stats=1", f"-artifact_prefix={folder}/"], folder, environment)


def examine(patch, build, mark, settings, results):
    """The runs of one bug, by every way and from every seed. mark is what the build depends on. patch may be a control, whose
    path is None."""
    wanted = {(way, seed): digest(mark, patch.name, change_of(patch), way, seed, settings["runs"])
              for way in settings["ways"] for seed in range(1, settings["seeds"] + 1)}
    program = None
    runs = []
    for (way, seed), key in wanted.items():
        run = results.find(key)
        if run is None:
            if program is None:
                folder = patched.make_copy(WORK / patch.name, patch.path)
                program, = build.link(folder)
            code, output = fuzz(program, folder, way, seed, settings)
            outcome, caught_by, executions = planted.judge_run(code, output, patch.oracles, settings["runs"])
            if outcome == planted.UNEXPLAINED:
                (WORK / f"{patch.name}.log").write_text(output, encoding="utf-8")
                raise patched.Broken(f"{patch.name}, {way}, seed {seed}: the fuzzer ended for no known reason; see "
                                     f"{WORK / patch.name}.log")
            run = Run(patch.name, way, seed, caught_by, executions)
            results.add(key, run)
        runs.append(run)
    if program is not None:
        shutil.rmtree(folder)
    return runs


def examine_all(patches, settings):
    """The runs of every bug, {bug: runs}, several bugs at a time; prints progress on standard error."""
    WORK.mkdir(parents=True, exist_ok=True)
    results = Results()
    builds = {target.name: patched.Build(planted.PRESET, target.program, lines=False) for target in planted.targets_of(patches)}
    marks = {name: digest(build.fingerprint(), sources_digest(), fuzzer.FLAGS, fuzzer.ENVIRONMENT) for name, build in builds.items()}
    pool = concurrent.futures.ThreadPoolExecutor(settings["jobs"])
    examined = {}
    try:
        futures = [pool.submit(examine, patch, builds[patch.target], marks[patch.target], settings, results)
                   for patch in patches]
        for patch, future in zip(patches, futures):
            examined[patch.name] = future.result()
            print(f"[{len(examined):>{len(str(len(patches)))}}/{len(patches)}] {patch.name}: "
                  + ", ".join(f"{way} {cell(own, settings['runs'])}" for way, own in by_way(examined[patch.name]).items()),
                  file=sys.stderr, flush=True)
    except BaseException:
        pool.shutdown(wait=False, cancel_futures=True)
        patched.stop_children()
        raise
    finally:
        pool.shutdown(wait=True)
        patched.allow_children()
    return examined


# Figures. A run that found nothing counts as its executions and one more, so it is more than any that found something; a median
# that is that much is only known to be larger.


def by_way(runs):
    """{way: its runs}, in the order of the ways."""
    return {way: [run for run in runs if run.way == way] for way in WAYS if any(run.way == way for run in runs)}


def median_of(runs, cap):
    """The median of the executions of one bug's runs by one way; cap + 1 when it was not found in half of them."""
    return statistics.median_high(cap + 1 if run.caught_by is None else run.executions for run in runs)


def number(figure, cap):
    """A figure as text; > when it is only known to be larger than the cap."""
    return f">{cap:,}" if figure > cap else f"{figure:,.0f}"


def found_of(runs):
    """In how many runs a bug was found, and of how many."""
    return f"{sum(run.caught_by is not None for run in runs)}/{len(runs)}"


def cell(runs, cap):
    """What came of one bug by one way."""
    return f"{found_of(runs)} {number(median_of(runs, cap), cap)}"


def summarise(examined, cap):
    """{way: figures} of a set of bugs."""
    figures = {}
    for way in WAYS:
        own = [ways[way] for ways in map(by_way, examined.values()) if way in ways]
        if own:
            medians = [median_of(runs, cap) for runs in own]
            figures[way] = {"bugs": len(own), "in_every_seed": sum(all(run.caught_by for run in runs) for runs in own),
                            "median": statistics.median(medians), "sum": sum(min(median, cap) for median in medians),
                            "sum_is_least": max(medians) > cap, "most": max(medians)}
    for own in figures.values():
        base = figures.get(BASE)
        own["times_fewer"] = None if base is None else round(min(base["median"], cap) / own["median"], 1)
        own["times_fewer_is_least"] = base is not None and base["median"] > cap
    return figures


# Verdicts.


def judge(examined, deep, patches, settings, complete):
    """What is wrong, a line each. deep: the names of the deep bugs. complete: all of those were examined."""
    problems = []
    for patch in patches:
        for run in examined[patch.name]:
            where = f"{patch.name}, {run.way}, seed {run.seed}"
            if patch.path is None and run.caught_by is not None:
                problems.append(f"{where}: did not survive: {run.caught_by} after {run.executions:,} executions")
            elif patch.path is not None and run.caught_by and planted.oracle_of(run.caught_by) not in patch.oracles:
                problems.append(f"{where}: caught by {run.caught_by}, but its patch names {', '.join(patch.oracles)}")
            elif patch.name in deep and run.way in SURE and run.caught_by is None:
                problems.append(f"{where}: not found in {run.executions:,} executions")
    if complete:
        figures = summarise({name: examined[name] for name in deep}, settings["runs"])
        problems += [f"{way} needs only {figures[way]['times_fewer']} times fewer executions than {BASE} in the median over the "
                     f"deep bugs, not {AIM}" for way in SURE
                     if BASE in figures and way in figures and figures[way]["times_fewer"] < AIM
                     and not figures[way]["times_fewer_is_least"]]
    return problems


# Reports.


def table(examined, settings):
    """A line for each bug: in how many seeds each way finds it, and the median of its executions."""
    ways = [way for way in WAYS if way in settings["ways"]]
    rows = [("bug", *ways)]
    rows += [(name, *(cell(own, settings["runs"]) for own in by_way(runs).values())) for name, runs in examined.items()]
    widths = [max(map(len, column)) for column in zip(*rows)]
    return "\n".join("  ".join([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])]) for row in rows)


def summary(name, examined, cap):
    """The lines about a set of bugs: one for each way."""
    lines = []
    for way, own in summarise(examined, cap).items():
        line = (f"{name}: {way}: {own['in_every_seed']} of {own['bugs']} found in every seed; median bug "
                f"{number(own['median'], cap)}, all together {'>' if own['sum_is_least'] else ''}{own['sum']:,}, the worst "
                f"{number(own['most'], cap)}")
        if way != BASE and own["times_fewer"] is not None:
            line += f"; {'>' if own['times_fewer_is_least'] else ''}{own['times_fewer']:,} times fewer than {BASE} in the median"
        lines.append(line)
    return "\n".join(lines)


# The command.


def parse_ways(text):
    """The ways in a list."""
    ways = text.split(",")
    for way in ways:
        if way not in WAYS:
            raise argparse.ArgumentTypeError(f"there is no way '{way}', but {', '.join(WAYS)}")
    return [way for way in WAYS if way in ways]


def parse_arguments(arguments):
    """The command line; argparse ends the process with code 2 when it is wrong."""
    parser = Parser(
        prog="ci/bench search",
        description="Counts the executions that each way of making inputs takes to find each bug planted in the heap, the kernel "
                    "layer and the page allocator, and each deep one: libFuzzer's bytes, programs of the generator, the "
                    "mutator of operations, and both. What was found before is kept, and taken again when nothing has "
                    "changed.",
        epilog=exit_codes("measured, and each deep bug was found in every seed by the generator and by both",
                          "one was not, or not with so much less than by bytes; or a wrong oracle caught a bug"))
    parser.add_argument("--seeds", type=parse_positive, default=DEFAULT_SEEDS, metavar="N",
                        help=f"runs for each bug and way, from seeds 1 to N (default: {DEFAULT_SEEDS})")
    parser.add_argument("--runs", type=parse_positive, default=DEFAULT_RUNS, metavar="N",
                        help=f"executions after which a run ends (default: {DEFAULT_RUNS:,})")
    parser.add_argument("--ways", type=parse_ways, default=list(WAYS), metavar="WAY,...",
                        help=f"these ways only, of {','.join(WAYS)} (default: all)")
    parser.add_argument("--deep", action="store_true", help="only the deep bugs, those of tests/planted/deep")
    parser.add_argument("--only", nargs="+", metavar="NAME", help="these bugs only")
    parser.add_argument("--jobs", type=parse_positive, default=os.cpu_count() or 1, metavar="N",
                        help="bugs at a time (default: one per processor)")
    parser.add_argument("--json", action="store_true", help="print JSON")
    add_caller(parser)
    options = parser.parse_args(arguments)
    for name in options.only or ():
        folder = planted.DEEP if options.deep or (planted.DEEP / f"{name}.patch").is_file() else planted.PATCHES
        planted.require_names(parser, [name], folder)
    return options


def presets(_options):
    """The builds that are needed."""
    return [planted.PRESET]


def select(options):
    """(the names of the deep bugs, {set: patches}) that are asked for."""
    oracles = planted.read_oracles()
    sets = {"deep": planted.read_patches(planted.DEEP, oracles)}
    if not options.deep:
        sets = {"planted": [patch for patch in planted.read_patches(planted.PATCHES, oracles)
                            if planted.TARGETS[patch.target].programs], **sets}
    deep = {patch.name for patch in sets["deep"]}
    return deep, {name: own for name, patches in sets.items() if (own := planted.select(patches, options.only))}


def main(arguments):
    """Measures; returns the exit code."""
    options = parse_arguments(arguments)
    settings = {"seeds": options.seeds, "runs": options.runs, "ways": options.ways, "jobs": options.jobs,
                "prefix": patched.fixed_addresses()}
    try:
        deep, sets = select(options)
        patches = [patch for own in sets.values() for patch in own]
        controls = [planted.Patch(target.control, None, "", "", (), None, target.name) for target in planted.targets_of(patches)]
        runs = examine_all(patches, settings)
        runs.update(examine_all(controls, {**settings, "seeds": 1, "runs": min(options.runs, CONTROL_RUNS)}))
    except (patched.Broken, patched.NotPatched, OSError, ValueError) as error:
        print(f"ci/bench search: {visible_lines(error)}", file=sys.stderr)
        return EXIT_ENVIRONMENT
    except KeyboardInterrupt:
        print(f"ci/bench search: interrupted; what was found so far is in {RESULTS}", file=sys.stderr)
        return EXIT_ENVIRONMENT
    problems = judge(runs, deep & runs.keys(), patches + controls, settings, deep <= runs.keys())
    examined = {name: {patch.name: runs[patch.name] for patch in own} for name, own in sets.items()}
    if options.json:
        print(dump_json({"runs": options.runs, "seeds": options.seeds, "problems": problems,
                         "sets": {name: {"summary": summarise(own, options.runs),
                                         "bugs": {bug: [run._asdict() for run in found] for bug, found in own.items()}}
                                  for name, own in examined.items()}}))
    else:
        for name, own in examined.items():
            print(table(own, settings) + "\n")
        for problem in problems:
            print(f"WRONG  {visible_lines(problem)}")
        print("\n".join(summary(name, own, options.runs) for name, own in examined.items()))
        print(f"{len(patches)} patches: {sum(map(len, runs.values()))} runs; "
              f"{f'{len(problems)} wrong' if problems else 'all as it must be'}")
    return EXIT_VIOLATION if problems else EXIT_SOUND


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, planted.interrupt)
    enter("ci/bench search", main, sys.argv[1:])
