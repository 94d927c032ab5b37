"""A kmemfuzz whose heap has a planted bug: the core alone is compiled anew, from a patched copy of src/."""

import contextlib
import functools
import pathlib
import shutil
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "ci" / "lib"))

import patched  # noqa: E402


@functools.cache
def _build(preset):
    return patched.Build(preset, "kmemfuzz")


def link(preset, patch, folder):
    """Makes folder/kmemfuzz with tests/planted/PATCH.patch (or the patch at an absolute path without its .patch), and
    folder/src. Returns the tool's path."""
    folder = pathlib.Path(folder).resolve()
    with contextlib.chdir(ROOT):  # where patched.py finds src/ and the builds
        copy = patched.make_copy(folder / "copy", ROOT / "tests" / "planted" / f"{patch}.patch")
        tool, = _build(preset).link(copy)
    (copy / "src").rename(folder / "src")
    tool.rename(folder / "kmemfuzz")
    shutil.rmtree(copy)
    return folder / "kmemfuzz"
