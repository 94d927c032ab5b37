"""The source tree, if there is one, and the builds: in the tree, or beside an installed tool."""

import os
import pathlib
import subprocess
import sys

from kmemfuzz import command_line, heap
from kmemfuzz.command_line import EXIT_ENVIRONMENT, EXIT_INTERNAL, EXIT_SOUND, EXIT_USAGE
from kmemfuzz.outside_text import shell_word

_MARK = pathlib.Path("ci/lib/common.sh")
_PREPARE = '. ci/lib/common.sh && TARGETS=$1 && shift && set_up "$@" && build "$@"'


def _find():
    moved = os.environ.get("KMEM_TREE")
    places = [pathlib.Path(moved)] if moved else pathlib.Path(__file__).resolve().parents
    return next((place.absolute() for place in places if (place / _MARK).is_file()), None)


TREE = _find()  # None: this package is installed, and KMEM_TREE names no tree


def build_folder(preset):
    """Where a preset's programs are: in the folder of the current heap, or relative to the top of the tree; those of an installed
    tool are all beside it."""
    if heap.CURRENT is not None:
        return heap.CURRENT.build / preset
    if TREE is None and "KMEMFUZZ" in os.environ:
        return pathlib.Path(os.environ["KMEMFUZZ"]).parent
    return pathlib.Path("build", preset)


def tool():
    """The path of the tool, for commands to be repeated: as it is seen from here when this is where the command was typed."""
    path = pathlib.Path(os.environ.get("KMEMFUZZ") or build_folder("release").absolute() / "kmemfuzz")
    here = pathlib.Path.cwd()
    return path.relative_to(here) if command_line.CALLER == here and path.is_relative_to(here) else path


def command(program, name):
    """How a word of a tool is typed, for commands to be repeated."""
    return f"{shell_word(program)} {name}" if heap.CURRENT is None else heap.CURRENT.command(name)


def word(name):
    """The command line of another word of this package."""
    return [sys.executable, str(pathlib.Path(__file__).parent), name]


def build_command(presets, programs=()):
    """The command that sets up and builds, at the top of the tree: so what is judged is of this tree, and never stale. Of kmem only
    these programs, if there are any."""
    if heap.CURRENT is not None:
        return [*word("build"), *heap.CURRENT.arguments(), *(f"--preset={preset}" for preset in presets)]
    return ["bash", "-c", _PREPARE, "bash", " ".join(programs), *presets]


def build_failure(code):
    """The exit code of a command whose builds have ended with this one; None when they are there."""
    if code == EXIT_SOUND:
        return None
    return code if code in (EXIT_USAGE, EXIT_INTERNAL) else EXIT_ENVIRONMENT


def build(presets):
    """Builds presets, if there are any and there is a tree. Returns an exit code when they cannot be had, or None."""
    if heap.CURRENT is not None:
        return heap.CURRENT.make(presets)
    if not presets or TREE is None:
        return None
    try:
        done = subprocess.run(build_command(presets), stdin=subprocess.DEVNULL, check=False)
    except KeyboardInterrupt:
        print("Stopped before it began", file=sys.stderr)
        return EXIT_ENVIRONMENT
    return build_failure(done.returncode)
