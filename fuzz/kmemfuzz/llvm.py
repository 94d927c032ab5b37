"""Programs of LLVM, of the newest clang there is: cmake/clang looks for it."""

import functools
import os
import pathlib
import subprocess


def _find_sources():
    """The folder of the sources that builds are made from: that of the checkout, or of the installation."""
    here = pathlib.Path(__file__).resolve().parents
    places = [os.environ.get("KMEM_TREE"), here[2], here[2] / "share" / "kmemfuzz"]
    return next((pathlib.Path(place).absolute() for place in places if place and pathlib.Path(place, "CMakePresets.json").is_file()), None)


SOURCES = _find_sources()  # None: this package lies alone


@functools.lru_cache(maxsize=None)
def place(*program):
    """What to call one by: clang, llvm-nm, ... Without a name those that a build takes, a line each, the compiler first. None if
    it is not there."""
    if SOURCES is None:
        return program[0] if program else None
    try:
        done = subprocess.run(["sh", SOURCES / "cmake/clang", *program], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    except OSError:  # there is not even a shell
        return None
    return done.stdout.strip() if done.returncode == 0 else None
