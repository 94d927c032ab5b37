"""What mutants are run through: a stage's programs run until one kills the mutant: by a verdict, a crash, or a hang."""

import os
import re
import selectors
import signal
import time
from typing import NamedTuple

import patched
from kmemfuzz import fuzzer
from kmemfuzz.command_line import EXIT_ENVIRONMENT, EXIT_SOUND, EXIT_USAGE
from patched import Broken

SEEDS = (1, 2, 3)
# Bytes of the heap whose layouts are all tried: 55 of blocks, 89 of pages. More take ten times as long.
CLOSED = {"src/kmem.c": "64", "src/block.h": "64", "src/page.c": str(5 * 4096), "src/kernel.c": "64"}
CPU_LIMIT = 60  # seconds of processor time after which a program hangs; none takes a fifth of it
LIMITS = ("prlimit", f"--cpu={CPU_LIMIT}:{CPU_LIMIT + 5}", "--core=0")
WALL_LIMIT = 900  # seconds after which it hangs without taking any
NOT_RUN = (126, 127)  # codes of prlimit and setarch
FINDING = re.compile(rb"^Program (\d+) of seed \d+ fails by (.*?); it is in ", re.MULTILINE)
VIOLATION = re.compile(rb": VIOLATION ([a-z0-9-]+): ")
EXPLAINED = re.compile(rb"VIOLATION ([a-z0-9-]+): ")
FAILED_TEST = re.compile(rb"^\[  FAILED  \] (?!\d+ test)(.*)$", re.MULTILINE)
GIVEN_UP = re.compile(r"AddressSanitizer: (?:CHECK failed|nested bug)")  # by a sanitizer to which a mutant did that: it ends with 3
HANG = "hang"


class Kill(NamedTuple):
    """How a stage killed a mutant."""
    by: str  # an oracle's id, a sanitizer's word, a signal, a test, or "hang"
    after: int | None = None  # executions, the failing one included
    seed: int | None = None


class Stage(NamedTuple):
    """A kind of judge: its name, and the command lines of which one may kill: (seed, arguments after the program)."""
    name: str
    commands: tuple
    finding: re.Pattern | None = None  # what says early that the mutant is dead

    def of(self, file):
        """The stage as a file's mutants go through it."""
        return self._replace(commands=[(seed, [CLOSED[file] if argument is CLOSED else argument for argument in arguments])
                                       for seed, arguments in self.commands])


def stages(programs):
    """All stages by name; programs: of each seed that smoke makes."""
    smoke = tuple((seed, ("smoke", "--jobs", "1", "--programs", str(programs), "--seed", str(seed), "-o", ".")) for seed in SEEDS)
    return {stage.name: stage for stage in (
        Stage("replay", ((None, ("run", "../../../../corpus")),), VIOLATION),
        Stage("closure", ((None, ("prove", "--jobs", "1", "-o", ".", "--bytes", CLOSED)),), EXPLAINED),
        Stage("smoke", smoke, FINDING),
        Stage("unit", ((None, ()),), FAILED_TEST))}


def run_until(arguments, directory, pattern, libraries):
    """Runs a command until it ends, hangs, or has printed what matches a pattern. Returns (exit code or HANG, the match or None, all
    that it printed)."""
    environment = {**os.environ, **fuzzer.ENVIRONMENT, "LD_LIBRARY_PATH": str(libraries)}
    environment["ASAN_OPTIONS"] += ":symbolize=0"
    end = time.monotonic() + WALL_LIMIT
    output, match, code = b"", None, None
    with patched.started([*LIMITS, *arguments], directory, environment) as child, selectors.DefaultSelector() as selector:
        selector.register(child.stdout, selectors.EVENT_READ)
        piece = None
        while piece != b"" and match is None and code is None:
            if selector.select(max(0, end - time.monotonic())):
                piece = os.read(child.stdout.fileno(), 1 << 16)
                output += piece
                match = pattern.search(output) if pattern else None
            else:
                code = HANG
        if piece != b"":
            patched.end(child)
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode == -signal.SIGXCPU or child.returncode == -signal.SIGKILL and usage.ru_utime + usage.ru_stime >= CPU_LIMIT:
        code = HANG
    return child.returncode if code is None else code, match, output.decode("utf-8", errors="replace")


def cause_of(code, output):
    """What killed a mutant whose program ended with this code."""
    if code == HANG:
        return HANG
    found = fuzzer.parse_finding(output)
    if found:
        return found
    return signal.Signals(-code).name if code < 0 else f"exit {code}"


def is_broken(code, output, stage):
    """Does a program's code say that it could not judge, or that something else ended it? Of unit tests it is how many failed."""
    if stage == "unit":
        return code in (*NOT_RUN, -signal.SIGKILL)
    return (code in (*NOT_RUN, -signal.SIGKILL)
            or code == EXIT_ENVIRONMENT and not GIVEN_UP.search(output)
            or code == EXIT_USAGE and "nothing was judged" not in output)


def shorten(text):
    """What failure_text says, without the place."""
    return re.sub(r" (?:in|at) .*$", "", re.sub(r"^(asan|ubsan): (.*)$", r"\1: \2", text))


def run_stage(stage, program, directory, libraries, prefix=()):
    """Runs the programs of a stage, with a folder of libraries. Returns the kills: of each command line, a Kill or None."""
    kills = []
    for seed, arguments in stage.commands:
        code, match, output = run_until([*prefix, str(program), *arguments], directory, stage.finding, libraries)
        if match is not None and stage.finding is FINDING:
            kills.append(Kill(shorten(match[2].decode(errors="replace")), int(match[1]) + 1, seed))
        elif match is not None:
            kills.append(Kill(match[1].decode(errors="replace")))
        elif is_broken(code, output, stage.name):
            raise Broken(f"{program} {' '.join(arguments)}: ends with {code}: {output[-1000:]}")
        elif code != EXIT_SOUND:
            kills.append(Kill(cause_of(code, output), None, seed))
        else:
            kills.append(None)
    return kills


def examine(mutant, copy, core, chosen, prefix, first_only, builds=(False, True)):
    """{stage: [a Kill or None for each of its command lines]} of a mutant that has been written to copy and compiled there;
    first_only: stages after the first that kills are left out; builds: sanitized or not, in their order, up to one that kills."""
    linked = {}  # {sanitized: the folder of its library}
    results = {}
    for stage in chosen:
        stage = stage.of(mutant.file)
        for sanitized in builds:
            if sanitized not in linked:
                linked[sanitized] = core.link(copy, mutant.file, sanitized)
            programs = [core.tools[mutant.file]]
            if stage.name == "unit":
                programs = core.tests[mutant.file]
                if sanitized == builds[0]:  # those that have the file compiled into them have it as they were built
                    programs = [*programs, *core.link_including(copy, mutant.file)]
            for program in programs:
                results[stage.name] = run_stage(stage, program, copy, linked[sanitized], prefix)
                if any(results[stage.name]):
                    break
            if any(results[stage.name]):
                break
        if first_only and any(results[stage.name]):
            break
    return results
