"""Instruction counts: boots the bench image of each board, reads its counts, and compares them with the baseline."""

import concurrent.futures
import json
import os
import pathlib
import re
import tempfile

from kmemfuzz import board
from kmemfuzz.command_line import EXIT_SOUND
from kmemfuzz.outside_text import excerpt

BASELINE = pathlib.Path("tests/board/instructions.txt")
ACCEPT = "./ci/bench target --instructions --accept"
BOARDS = ("rv32", "rv64")
EXIT_BROKEN = 1  # of the bench image (fuzz/board/bench_kernel.c): an operation did not do what was to be measured
BOOT_SECONDS = 120.0  # the most an image may be silent for; it takes about a second
_HEADER = "# Instructions, counted by `./ci/bench target --instructions`; docs/board-cost.md says of what. Not to be edited."
# What of a command line makes the code what it is. Not paths, not warnings.
_CODE_FLAG = re.compile(r"--target=|-O|-m|-f|-std=|-D")


class BrokenCount(Exception):
    """An operation did not do what was to be measured."""


class Counts:
    """Instructions by board and operation, and by what compiler, with which flags, they came to be."""

    def __init__(self, compiler, flags, numbers):
        self.compiler = compiler
        self.flags = flags  # by board
        self.numbers = numbers  # by (board, operation)

    def as_text(self):
        """The baseline file."""
        lines = [_HEADER, f"# compiler {self.compiler}", *(f"# flags {name} {self.flags[name]}" for name in sorted(self.flags)),
                 *(f"{name} {operation} {count}" for (name, operation), count in sorted(self.numbers.items()))]
        return "\n".join(lines) + "\n"


def _code_flags(image):
    """The flags the core was compiled with that its code depends on."""
    path = image.path.parent / "compile_commands.json"
    try:
        entries = json.loads(path.read_text(encoding="utf-8"))
        command = next(entry["command"] for entry in entries if entry["file"].endswith("/src/kmem.c"))
    except (OSError, ValueError, KeyError, StopIteration) as error:
        raise board.EnvironmentFailure(f"{path} does not say how src/kmem.c was compiled; build it again: cmake --preset "
                                       f"{image.configuration.preset}") from error
    words = [word for word in command.split() if _CODE_FLAG.match(word)]
    return " ".join(sorted(words, key=lambda word: word.startswith("-std=")))  # which versions of CMake put before others or after


def read_image(lines, boot, name):
    """The (compiler, counts by operation) an image has written."""
    counts = {}
    for line in lines:
        if match := re.fullmatch(r"I ([a-z0-9-]+) ([0-9]{1,10})", line):
            counts[match.group(1)] = int(match.group(2))
        elif match := re.fullmatch(r"END ([!-~]+) ([0-9]{1,10})", line):
            ended = line == lines[-1] and int(match.group(2)) == len(counts) == len(lines) - 1
            if ended and boot.code == EXIT_SOUND and not boot.rest:
                return match.group(1), counts
            break
        elif line.startswith("ERROR ") and boot.code == EXIT_BROKEN:
            raise BrokenCount(f"{name}: {line.removeprefix('ERROR ')}")
        else:
            raise board.EnvironmentFailure(f"the bench image of {name} wrote a line of no known kind: {excerpt(line)}")
    raise board.EnvironmentFailure(f"the counts of {name} are not whole: {len(counts)} lines came; {boot.ending()}")


def _count_board(name):
    """A board's (compiler, flags, counts by operation)."""
    image = board.Image(board.Configuration(name, name, "bench"))
    command = [board.find_emulator(name), *board.FLAGS, *board.SEMIHOSTING, "-icount", "shift=0", "-kernel", str(image.path)]
    boot = board.Boot(command, BOOT_SECONDS)
    lines = list(boot.lines())
    return (*read_image(lines, boot, name), _code_flags(image))


def count():
    """The counts of this tree, on all boards."""
    with concurrent.futures.ThreadPoolExecutor(len(BOARDS)) as pool:
        results = dict(zip(BOARDS, pool.map(_count_board, BOARDS)))
    compilers = {compiler for compiler, _, _ in results.values()}
    if len(compilers) != 1:
        raise board.EnvironmentFailure(f"the images are by different compilers: {', '.join(sorted(compilers))}; build both again")
    return Counts(compilers.pop(), {name: flags for name, (_, _, flags) in results.items()},
                  {(name, operation): number for name, (_, numbers, _) in results.items()
                   for operation, number in numbers.items()})


def read(path):
    """The counts in a baseline file."""
    if not path.is_file():
        raise board.EnvironmentFailure(f"there is no baseline {path}; to write it: {ACCEPT}")
    compiler, flags, numbers = None, {}, {}
    for number, line in enumerate(path.read_text(encoding="utf-8", errors="surrogateescape").splitlines(), 1):
        if match := re.fullmatch(r"# compiler (\S+)", line):
            compiler = match.group(1)
        elif match := re.fullmatch(r"# flags (\S+) (.*)", line):
            flags[match.group(1)] = match.group(2)
        elif match := re.fullmatch(r"([!-~]+) ([!-~]+) ([0-9]{1,10})", line):
            key = match.group(1, 2)
            if key in numbers:
                raise board.EnvironmentFailure(f"{path}:{number}: {' '.join(key)} is there twice; to write it again: {ACCEPT}")
            numbers[key] = int(match.group(3))
        elif line != _HEADER:
            raise board.EnvironmentFailure(f"{path}:{number}: not a line of a baseline: {excerpt(line)}; to write it again: {ACCEPT}")
    if compiler is None:
        raise board.EnvironmentFailure(f"{path} does not name its compiler; to write it again: {ACCEPT}")
    return Counts(compiler, flags, numbers)


def write(path, counts):
    """Makes the counts the baseline: all of the file, or nothing."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with open(handle, "w", encoding="utf-8") as file:
            file.write(counts.as_text())
        os.chmod(name, 0o644)
        os.rename(name, path)
    except BaseException:
        os.unlink(name)
        raise


def differences(old, new):
    """What is not the same, as lines; none when all is."""
    lines = [f"{name} is compiled with other flags:\n  old  {old.flags.get(name)}\n  new  {new.flags.get(name)}"
             for name in sorted(old.flags.keys() | new.flags.keys()) if old.flags.get(name) != new.flags.get(name)]
    changed = [key for key in sorted(old.numbers.keys() | new.numbers.keys()) if old.numbers.get(key) != new.numbers.get(key)]
    if changed:
        lines.append(f"{'board':5} {'operation':32} {'old':>9} {'new':>9} {'difference':>11}")
    for key in changed:
        before, after = old.numbers.get(key), new.numbers.get(key)
        difference = f"{after - before:+,}" if before is not None and after is not None else "gone" if after is None else "new"
        shown = ["-" if value is None else f"{value:,}" for value in (before, after)]
        lines.append(f"{key[0]:5} {key[1]:32} {shown[0]:>9} {shown[1]:>9} {difference:>11}")
    return lines


def require_same_compiler(old, new, path):
    """Counts of two compilers' code say nothing about the source."""
    if old.compiler != new.compiler:
        raise board.EnvironmentFailure(f"{path} was counted with {old.compiler}, but the images are compiled by {new.compiler}: no "
                                       f"change of the source can be distinguished from one of the compiler. Install {old.compiler}, "
                                       f"or count again without any other change: {ACCEPT}")
