"""kmemfuzz soak: what a release must survive. Fuzzes every target in every build, one after another; then replays what the heap's
campaigns found on the boards, and tests it for determinism; then gives one verdict."""

import itertools
import json
import pathlib
import subprocess
import sys
import time
from typing import NamedTuple

from kmemfuzz import corpus, heap, tree
from kmemfuzz.campaign import PRESET, TARGETS
from kmemfuzz.campaign_folder import CAMPAIGNS
from kmemfuzz.command_line import (EXIT_ENVIRONMENT, EXIT_SOUND, EXIT_VIOLATION, Parser, StopRequest, exit_codes, plural,
                          parse_duration, parse_positive)
from kmemfuzz.outside_text import visible, visible_lines

# The builds whose targets run in turn: the preset that kmemfuzz fuzz builds, and what ci/engine NAME builds for others' engines.
BUILDS = {
    PRESET: "the core under AddressSanitizer and UBSan",
    "address": "everything under AddressSanitizer",
    "undefined": "everything under UBSan",
    "memory": "everything under MemorySanitizer",
}
ENGINES = pathlib.Path("build/engines")  # where ci/engine puts them
WEIGHTS = {"heap": 4}  # parts of the time; all others get 1
MINIMUM_SECONDS = 10  # for a campaign: a shorter one does nothing but begin
NAME_WIDTH = 20  # of a stage


class Stage(NamedTuple):
    name: str
    code: int
    words: str


def parse_arguments(arguments):
    parser = Parser(
        prog="kmemfuzz soak", usage="%(prog)s --hours N [OPTION...]", example="kmemfuzz soak --hours 8",
        description="Fuzzes every target in every build in turn, replays what was found on the boards, and "
        "gives one verdict: for a release.",
        epilog=exit_codes("sound", "not", environment="environment or stopped early"))
    length = parser.add_mutually_exclusive_group(required=True)
    length.add_argument("--hours", type=parse_positive, metavar="N", help="how long all campaigns take together")
    length.add_argument("--minutes", type=parse_positive, metavar="N", help="the same in minutes, to try it")
    parser.add_argument("--jobs", type=parse_positive, metavar="N", help="workers (default: one per processor)")
    options = parser.parse_args(arguments)
    if heap.CURRENT is not None:
        parser.error(f"it is for this project's own heap; fuzz yours for as long: {heap.CURRENT.command('fuzz')} --for 8h")
    options.seconds = parse_duration(f"{options.hours}h" if options.hours else f"{options.minutes}m")
    return options


def plan(seconds):
    """(build, target, seconds) of each campaign, in order."""
    weights = {target: WEIGHTS.get(target, 1) for target in TARGETS}
    part = seconds / len(BUILDS) / sum(weights.values())
    return [(build, target, max(MINIMUM_SECONDS, int(part * weight)))
            for build in BUILDS for target, weight in weights.items()]


def run(command, stop, **more):
    """Runs a command in a session of its own, and passes a stop on to it. Returns (exit code, standard output)."""
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, text=True, start_new_session=True, **more) as process:
        asked = False
        while True:
            try:
                output, _ = process.communicate(timeout=0.2)
                return process.returncode, output
            except subprocess.TimeoutExpired:
                if stop.received and not asked:
                    asked = True
                    process.terminate()


def make_build(build, stop):
    """Builds the targets that kmemfuzz fuzz does not build itself. Returns None, or a stage when they cannot be had."""
    if build == PRESET:
        return None
    code, _ = run(["ci/engine", build], stop)
    return Stage(f"build of {build}", EXIT_ENVIRONMENT, f"ci/engine {build} ended with code {code}") if code else None


def run_campaign(build, target, seconds, options, stop):
    command = [*tree.word("fuzz"), "--for", f"{seconds}s", "--target", target, "--json"]
    command += ["--build", str(ENGINES / build)] if build != PRESET else []
    command += ["--jobs", str(options.jobs)] if options.jobs else []
    code, output = run(command, stop, stdout=subprocess.PIPE)
    name = f"{target}, {build}"
    if not output:
        return Stage(name, code or EXIT_ENVIRONMENT, "the campaign failed")
    figures = json.loads(output)
    crashes = ", ".join(f"{its} {count}" for its, count in figures["crashes"].items()) or "no crash"
    words = (f"{figures['seconds']:.0f} s, {plural(figures['executions'], 'execution')}, {plural(figures['features'], 'feature')}, "
             f"{plural(figures['added'], 'new input')}, {crashes}")
    return Stage(name, code, words)


def last_line(output):
    return ([line for line in (output or "").splitlines() if line.strip()] or ["it said nothing"])[-1]


def run_replays(stop):
    """The stages after the campaigns: the committed corpus and what was found, on the boards and in every order."""
    found = CAMPAIGNS / "heap" / "corpus"
    paths = ["corpus", *([str(found)] if corpus.inputs(found) else [])]
    for name, command in (("replay on the boards", [*tree.word("board"), *paths]), ("determinism", ["ci/determinism", *paths])):
        if stop.received:
            return
        code, output = run(command, stop, stdout=subprocess.PIPE)
        print(visible_lines(output or ""), end="", flush=True)
        yield Stage(name, code, last_line(output))


def run_campaigns(options, stop):
    """The stages of fuzzing: every target in one build after another."""
    for build, campaigns in itertools.groupby(plan(options.seconds), lambda campaign: campaign[0]):
        failed = None if stop.received else make_build(build, stop)
        if failed and not stop.received:
            yield failed
            continue
        for _, target, seconds in campaigns:
            if stop.received:
                return
            print(f"Fuzzing the {target} target for {seconds} s in build {build}: {BUILDS[build]}", file=sys.stderr, flush=True)
            yield run_campaign(build, target, seconds, options, stop)


def show(stage):
    print(f"{'ok     ' if stage.code == EXIT_SOUND else 'FAILED '} {stage.name:<{NAME_WIDTH}} {visible(stage.words)}",
          flush=True)


def main(arguments):
    stop = StopRequest()
    stop.listen()
    options = parse_arguments(arguments)
    started = time.monotonic()
    stages = []
    for stage in run_campaigns(options, stop):
        show(stage)
        stages.append(stage)
    for stage in run_replays(stop):
        stages.append(stage)
    print(f"\nSoak of {plural(round((time.monotonic() - started) / 60), 'minute')}")
    for stage in stages:
        show(stage)
    codes = [stage.code for stage in stages]
    if EXIT_VIOLATION in codes:
        verdict, code = "BROKEN", EXIT_VIOLATION
    elif any(codes):
        verdict, code = "UNFINISHED: a stage could not be done", EXIT_ENVIRONMENT
    elif stop.received:
        verdict, code = "UNFINISHED: it was stopped", EXIT_ENVIRONMENT
    else:
        verdict, code = "SOUND", EXIT_SOUND
    print(f"verdict: {verdict}")
    return code
