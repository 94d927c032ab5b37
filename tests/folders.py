"""What tests share that need files: a folder of their own, and files in it."""

import compileall
import functools
import pathlib
import shutil
import sys
import tempfile
import unittest

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[1]
BESIDE = {"PYTHONPYCACHEPREFIX": ""}  # in the environment of commands of a copy, for what copy_commands has compiled


def write_file(path, contents):
    """Makes a file of text or bytes, and the folders it is in. Returns its path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(contents if isinstance(contents, bytes) else contents.encode())
    return path


def write_script(path, text):
    """Makes a file that can be run. Returns its path."""
    write_file(path, text).chmod(0o755)
    return path


@functools.cache
def _compiled():
    """The folders of programs in Python, each with what Python has made of them, which takes longer than most of them run."""
    folders = ("ci/lib", "fuzz/kmemfuzz")
    for name in folders:
        compileall.compile_dir(ROOT / name, quiet=1)
    return {name: f"{sys.pycache_prefix}{ROOT / name}" for name in folders}


def copy_commands(tree, *names):
    """Copies folders of the tree, with what Python has made of the programs in them."""
    ignored = shutil.ignore_patterns("__pycache__", "*.pyc.*")
    for name in names:
        shutil.copytree(ROOT / name, tree / name, ignore=ignored)
    for name, compiled in _compiled().items():
        if (tree / name).is_dir():
            shutil.copytree(compiled, tree / name / "__pycache__", ignore=ignored)


class FolderTest:
    """Each test has a folder of its own."""

    @pytest.fixture(autouse=True)
    def set_up_folder_test(self, folder):
        self.folder = folder

    def write(self, name, contents):
        """Makes a file in the folder. Returns its path."""
        return write_file(self.folder / name, contents)

    def files(self):
        """The names of all files below the folder, in order."""
        return sorted(str(path.relative_to(self.folder)) for path in self.folder.rglob("*") if path.is_file())


class SharedFolderTest(unittest.TestCase):
    """The tests of a class share a folder."""

    maxDiff = None

    @classmethod
    def setUpClass(cls):
        cls.folder = pathlib.Path(tempfile.mkdtemp())
        cls.addClassCleanup(shutil.rmtree, cls.folder)

    @classmethod
    def write(cls, name, contents):
        """Makes a file in the folder. Returns its path."""
        return write_file(cls.folder / name, contents)

    def own(self, name):
        """A path in the folder that only this test has."""
        return self.folder / self.id().rsplit(".", 1)[1] / name
