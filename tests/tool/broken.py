"""Programs whose heap has a bug: only the core is compiled again, from a changed copy of src/. No tests here."""

import contextlib
import functools
import pathlib
import tempfile

import patched
import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]

_FOLDERS = tempfile.TemporaryDirectory()  # of all that is linked here; removed when Python ends


def _change(path, old, new):
    """Makes a file say something else in one place."""
    text = path.read_text(encoding="utf-8")
    if text.count(old) != 1:
        raise AssertionError(f"{path.name} has changed: break it in another way than at {old!r}")
    path.write_text(text.replace(old, new), encoding="utf-8")


@functools.cache
def _build(preset, programs):
    return patched.Build(preset, *programs)


@functools.cache
def tree(preset, bug, *programs):
    """A folder with these programs of a preset, and with the src/ that their core is of. bug is the name of a patch in
    tests/planted, or (what src/kmem.c says in one place, what it is made to say). Linked once for all who ask. The test that asks is
    skipped where the preset is not built."""
    if not (ROOT / "build" / preset / "build.ninja").exists():
        pytest.skip(f"build it: cmake --build --preset {preset}")
    with contextlib.chdir(ROOT):  # where patched.py finds src/ and the builds
        patch = pathlib.Path(f"tests/planted/{bug}.patch") if isinstance(bug, str) else None
        copy = patched.make_copy(pathlib.Path(tempfile.mkdtemp(dir=_FOLDERS.name)), patch)
        if patch is None:
            _change(copy / "src" / "kmem.c", *bug)
        for program in _build(preset, programs).link(copy):
            program.rename(copy / program.name)
    return copy


def tool(preset, bug):
    """A kmemfuzz with a bug, which tree describes."""
    return tree(preset, bug, "kmemfuzz") / "kmemfuzz"
