"""./ci/harness: is a broken harness noticed, and by the test that is there for it?

Every tests/harness/*.patch breaks the harness or one of its commands in one way and names a test. The patch is applied to a copy
of the tree; what it changes is compiled again, and the program that the test needs is linked from that and the objects of the
build. The test has to fail there, saying what the patch says, and has to pass in a copy that is not patched.
"""

import concurrent.futures
import json
import os
import pathlib
import re
import shlex
import shutil
import signal
import sys
import time
from typing import NamedTuple

import patched
from kmemfuzz.command_line import EXIT_ENVIRONMENT, EXIT_SOUND, EXIT_VIOLATION, Parser, exit_codes, parse_positive
from kmemfuzz.entry import enter
from kmemfuzz.outside_text import visible, visible_lines
from patched import DOES_NOT_APPLY, DOES_NOT_COMPILE, Broken, NotPatched

ROOT = pathlib.Path.cwd()
WORK = pathlib.Path("build/harness")
PATCHES = pathlib.Path("tests/harness")
CANARIES = PATCHES / "canaries"
SAMPLE = ("walk-skips-last-block", "decoder-ignores-the-slot", "reducer-keeps-what-passes", "planted-always-found",
          "exit-code-swallowed")
TIMEOUT = 300  # seconds a test may take
LEFT_OUT = ("build", ".git", "__pycache__")  # of the tree, in a copy

# What can come of a patch.
NOTICED = "noticed"
UNNOTICED = "unnoticed"
OTHERWISE = "fails-otherwise"  # the run failed, but not the test that is named, or not for the reason given
OUTCOMES = (NOTICED, UNNOTICED, OTHERWISE, DOES_NOT_APPLY, DOES_NOT_COMPILE)


class Patch(NamedTuple):
    """A way to break the harness. test: (where, name), as parse_test gives it; because: what its failure has to say; ends: what
    has to come of the patch, which for canaries is another thing than NOTICED; others: builds that the test needs besides its preset's."""
    name: str
    path: pathlib.Path | None
    breaks: str
    test: tuple
    because: str
    preset: str
    ends: str = NOTICED
    program: str = "kmemfuzz"  # that a test of the tool runs
    others: tuple = ()


class Result(NamedTuple):
    """What came of a patch, and the log with more."""
    patch: Patch
    outcome: str
    log: pathlib.Path
    seconds: float


# Patches.


def parse_test(text):
    """(the name of a ctest, a cmocka test of it) or (a path, the rest of a pytest's name)."""
    match = re.fullmatch(r"unit\.(\w+) (\w.*)", text) or re.fullmatch(r"(tests/[\w/]+\.py)::(\S+)", text)
    if match is None:
        raise Broken(f"'{text}' names no test: write unit.PROGRAM TEST or tests/FILE.py::TEST")
    return match[1], match[2]


def parse_patch(path):
    """The Patch in a file. Raises Broken when its header is incomplete."""
    text = path.read_text(encoding="utf-8").split("\n--- ", 1)[0]
    header = dict(re.findall(r"^(Breaks|Noticed-by|Because|Preset|Program|Ends): (\S.*?)\s*$", text, re.MULTILINE))
    missing = [field for field in ("Breaks", "Noticed-by", "Because") if field not in header]
    if missing:
        raise Broken(f"{path}: the header lacks {', '.join(missing)}")
    ends = header.get("Ends", NOTICED)
    if ends not in OUTCOMES or (ends == NOTICED) == (path.parent == CANARIES):
        raise Broken(f"{path}: canaries, and only they, say 'Ends:' and one of {', '.join(OUTCOMES[1:])}")
    preset, *others = header.get("Preset", "release").split()
    return Patch(path.stem, path, header["Breaks"], parse_test(header["Noticed-by"]), header["Because"], preset, ends,
                 header.get("Program", "kmemfuzz"), tuple(others))


def read_patches(folder):
    """Every patch in a folder, sorted by name."""
    return [parse_patch(path) for path in sorted(folder.glob("*.patch"))]


# A copy of the tree.


def copy_tree(patch, presets, control=False):
    """A copy of the tree, patched unless it is a control's, whose builds are links to these of this one."""
    copy = (WORK / patch.name).resolve()
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(ROOT, copy, symlinks=True, ignore=lambda folder, names: [
        name for name in names if name in LEFT_OUT and (name == "__pycache__" or pathlib.Path(folder) == ROOT)])
    if not control:
        patched.apply_patch(copy, patch.path)
    for preset in presets:  # others may be building the rest
        link_build(ROOT / "build" / preset, copy / "build" / preset)
    return copy


def link_build(build, folder):
    """Makes a folder with what a build has at its top. A program is there itself, so that it takes its tree for the copy."""
    folder.mkdir(parents=True)
    for entry in build.iterdir():
        if entry.is_file() and not entry.is_symlink() and os.access(entry, os.X_OK):
            os.link(entry, folder / entry.name)
        else:
            (folder / entry.name).symlink_to(entry)


# Compiling and linking again.


class Build:
    """The compile commands of a preset, and what each object is made of."""

    def __init__(self, preset):
        self.folder = ROOT / "build" / preset
        try:
            entries = json.loads((self.folder / "compile_commands.json").read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise Broken(f"{self.folder} is not built ({error})") from error
        self._compiles = [shlex.split(entry["command"]) for entry in entries]
        self._read = {}  # by object, all that it is made of
        for block in self._ninja("deps").split("\n\n"):
            name, *lines = block.splitlines() or [""]
            self._read[name.partition(":")[0]] = {os.path.normpath(self.folder / line.strip()) for line in lines}

    def _ninja(self, *arguments):
        done = patched.run(["ninja", "-C", str(self.folder), "-t", *arguments])
        if done[0] != 0:
            raise Broken(f"ninja cannot say what {self.folder} is made of:\n{done[1]}")
        return done[1]

    def link_again(self, program, copy, changed):
        """Compiles what of a program has changed in a copy, and links it there. Raises NotPatched when that fails."""
        command = next((shlex.split(line) for line in self._ninja("commands", program).splitlines() if f" -o {program} " in line), None)
        if command is None:
            raise Broken(f"{self.folder} has no command that links {program}")
        command = [argument for argument in command if argument not in (":", "&&")]
        folder = copy / "build" / self.folder.name
        again = 0
        for arguments in self._compiles:
            built = arguments[arguments.index("-o") + 1]
            below, _, rest = built.partition("CMakeFiles/")
            archive = f"{below}lib{rest.partition('.dir/')[0]}.a"
            unchanged = self._read.get(built, set()).isdisjoint(str(ROOT / name) for name in changed)
            if unchanged or not {built, archive} & set(command):
                continue
            self._own(folder, built)
            parts = pathlib.Path(patched.source_of(arguments)).relative_to(ROOT).parts
            if "Unity" in parts:
                raise Broken(f"{copy.name}: what it changes is compiled with other files as one in preset {self.folder.name}; name another")
            run_or_refuse(patched.compile_command(arguments, pathlib.Path(parts[0]), copy, folder / built), self.folder, copy)
            if archive in command:
                self._own(folder, archive, keep=True)
                run_or_refuse(["ar", "r", archive, built], folder, copy)
            again += 1
        if not again:
            raise Broken(f"{copy.name}: {program} has nothing of what the patch changes")
        self._own(folder, program)
        run_or_refuse(command, folder, copy)

    def _own(self, folder, name, keep=False):
        """Makes a place of its own for a file in a copied build; keep: with what is there. What lies beside it is still linked."""
        for parent in [*pathlib.PurePath(name).parents][-2::-1]:
            place = folder / parent
            if place.is_symlink():
                place.unlink()
                place.mkdir()
                for entry in (self.folder / parent).iterdir():
                    (place / entry.name).symlink_to(entry)
        if keep and (folder / name).is_symlink():
            (folder / name).unlink()
            shutil.copy(self.folder / name, folder / name)
        elif not keep:
            (folder / name).unlink(missing_ok=True)


def run_or_refuse(command, folder, copy):
    """Runs a compiler. Raises NotPatched when it fails."""
    code, output = patched.run(command, folder)
    if code != 0:
        (copy / "build.log").write_text(output, encoding="utf-8")
        raise NotPatched(DOES_NOT_COMPILE, copy / "build.log")


# Tests.


def is_unit(patch):
    """Is its test one of cmocka's?"""
    return not patch.test[0].endswith(".py")


def run_test(command, folder):
    """(code, output) of a test; a code of 124 means that it took too long."""
    environment = {key: value for key, value in os.environ.items() if key not in ("PYTHONPATH", "KMEM_TREE", "KMEMFUZZ", "CALLER_FOLDER")}
    return patched.run(["timeout", "-k", "5", str(TIMEOUT), *command], folder, environment)


def test_command(patch):
    """The command that runs its test."""
    if is_unit(patch):
        return [f"build/{patch.preset}/tests/test_{patch.test[0]}"]
    return [sys.executable, "-B", "-m", "pytest", "-q", "-rfEp", "::".join(patch.test)]


def said_of(patch, output):
    """What the test has said, between its own first and last line; a program of unit tests has others, too."""
    if is_unit(patch):
        return output.partition(f"[ RUN      ] {patch.test[1]}\n")[2].partition("[ RUN ")[0]
    return output


def judge(patch, code, output):
    """What came of a patch, by how its test ended in the patched copy."""
    name = patch.test[1] if is_unit(patch) else "::".join(patch.test)
    passed, failed = ("[       OK ] ", "[  FAILED  ] ") if is_unit(patch) else ("PASSED ", "FAILED ")
    said = said_of(patch, output)
    if re.search(f"^{re.escape(passed + name)}$", said, re.MULTILINE) and (code == 0 or is_unit(patch)):
        return UNNOTICED
    noticed = code == 1 and re.search(f"^{re.escape(failed + name)}(?: - |$)", said, re.MULTILINE) and patch.because in said
    return NOTICED if noticed else OTHERWISE


def examine(patch, builds, control=False):
    """Breaks the harness and runs the test. control: nothing is patched."""
    started = time.monotonic()
    log = WORK / (f"{patch.name}.control" if control else patch.name) / "test.log"
    patch = patch._replace(name=log.parent.name)
    try:
        copy = copy_tree(patch, builds, control)
        build = builds[patch.preset]
        program = f"tests/test_{patch.test[0]}" if is_unit(patch) else patch.program
        changed = [] if control else re.findall(r"^\+\+\+ b/(\S+\.[ch])$", patch.path.read_text(encoding="utf-8"), re.MULTILINE)
        if changed:
            build.link_again(program, copy, changed)
    except NotPatched as failure:
        return Result(patch, failure.args[0], failure.args[1], time.monotonic() - started)
    code, output = run_test(test_command(patch), copy)
    log.write_text(output, encoding="utf-8")
    return Result(patch, judge(patch, code, output), log, time.monotonic() - started)


def examine_all(patches, jobs):
    """The Results of all patches, and of their tests without them, which have to be UNNOTICED; those are made once a test."""
    builds = {preset: Build(preset) for preset in presets_of(patches)}
    tests = {(patch.test, patch.preset): patch for patch in patches}
    pool = concurrent.futures.ThreadPoolExecutor(jobs)
    try:
        controls = [pool.submit(examine, patch, builds, True) for patch in tests.values()]
        results = [pool.submit(examine, patch, builds) for patch in patches]
        return [future.result() for future in results], [future.result() for future in controls]
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
        patched.stop_children()
        pool.shutdown(wait=True)
        patched.allow_children()


# Verdicts.

SAYS = {
    NOTICED: "noticed",
    UNNOTICED: "not noticed: the test passes",
    OTHERWISE: "fails, but not in this test, or without saying what it has to",
    DOES_NOT_APPLY: "the patch does not apply",
    DOES_NOT_COMPILE: "the patched code does not compile",
}


def lines_of(results, controls):
    """(how many are as they have to be, how many are not, a line for each)."""
    lines, wrong = [], 0
    unsound = {result.patch.test: result for result in controls if result.outcome != UNNOTICED}
    for patch, outcome, log, seconds in results:
        text, place = SAYS[outcome], log
        right = outcome == patch.ends
        if patch.test in unsound:
            right, text, place = False, "its test does not pass without the patch, or does not exist", unsound[patch.test].log
        wrong += not right
        lines.append(f"{'ok    ' if right else 'WRONG '} {patch.name:<34} {text}: {' '.join(patch.test)}  {seconds:.1f} s"
                     + ("" if right else f"; it has to be '{patch.ends}'; see {place}"))
    return len(results) - wrong, wrong, lines


# The command.


def parse_arguments(arguments):
    """The command line; argparse ends the process with code 2 when it is wrong."""
    parser = Parser(
        prog="ci/harness",
        description="Breaks the harness as each patch of tests/harness says, one at a time, in a copy of the tree, and requires "
                    "the test that the patch names to fail there, and to pass where nothing is patched. Controls are patches that "
                    "must not count as noticed.",
        epilog=exit_codes("all noticed", "a broken harness was not noticed"),
    )
    parser.add_argument("--only", nargs="+", metavar="NAME", help="these patches only")
    parser.add_argument("--sample", action="store_true", help=f"these only, and the controls: {', '.join(SAMPLE)}")
    parser.add_argument("--jobs", type=parse_positive, default=os.cpu_count() or 1, metavar="N",
                        help="patches at a time (default: one per processor)")
    options = parser.parse_args(arguments)
    for name in options.only or ():
        if not any((folder / f"{name}.patch").is_file() for folder in (PATCHES, CANARIES)):
            parser.error(f"there is no patch named {name} in {PATCHES}")
    return options


def select(options):
    """The patches that are asked for."""
    names = options.only or (SAMPLE if options.sample else None)
    patches = [patch for patch in read_patches(PATCHES) if names is None or patch.name in names]
    return patches + [patch for patch in read_patches(CANARIES) if not options.only or patch.name in options.only]


def presets_of(patches):
    """The builds that patches need."""
    return sorted({"release", *(name for patch in patches for name in (patch.preset, *patch.others))})


def presets(options):
    """The builds that are needed."""
    return presets_of(select(options))


def main(arguments):
    """Breaks, tests and judges; returns the exit code."""
    options = parse_arguments(arguments)
    try:
        with patched.alone_in(WORK):
            passed, failed, lines = lines_of(*examine_all(select(options), options.jobs))
    except (Broken, OSError) as error:
        print(f"ci/harness: {visible_lines(error)}", file=sys.stderr)
        return EXIT_ENVIRONMENT
    for line in lines:
        print(visible(line))
    print(f"{passed} passed, {failed} failed")
    return EXIT_VIOLATION if failed else EXIT_SOUND


def interrupt(_signal, _frame):
    """A request to end is answered like Ctrl-C."""
    raise KeyboardInterrupt


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, interrupt)
    enter("ci/harness", main, sys.argv[1:])
