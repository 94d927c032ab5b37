"""Programs of LLVM, of the newest clang there is: cmake/clang looks for it."""

import functools
import os
import pathlib
import shutil
import subprocess


def _find_sources():
    """The folder of the sources that builds are made from: that of the checkout, or of the installation."""
    here = pathlib.Path(__file__).resolve().parents
    places = [os.environ.get("KMEM_TREE"), here[2], here[2] / "share" / "kmemfuzz"]
    return next((pathlib.Path(place).absolute() for place in places if place and pathlib.Path(place, "CMakePresets.json").is_file()), None)


SOURCES = _find_sources()  # None: this package lies alone


class Lacking(OSError):
    """It is not there: in words for a person, with what to install."""


@functools.lru_cache(maxsize=None)
def place(*program):
    """What to call one by: clang, llvm-nm, ... Without a name those that a build takes, a line each, the compiler first. Raises
    Lacking."""
    if SOURCES is None:
        if program and shutil.which(program[0]):
            return program[0]
        raise Lacking(f"there is no {''.join(program) or 'source to build'} here")
    try:
        done = subprocess.run(["sh", SOURCES / "cmake/clang", *program], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    except OSError as error:  # there is not even a shell
        raise Lacking(f"clang cannot be looked for: {error}") from error
    if done.returncode:
        raise Lacking(done.stderr.strip())
    return done.stdout.strip()
