"""A copy of ci/ in which what a command calls is a stub: what tests of the commands at the top start from. No tests here."""

import os
import pathlib
import shlex
import subprocess

import pytest
from compilers import VERSION
from folders import BESIDE, copy_commands

ROOT = pathlib.Path(__file__).resolve().parents[2]
SOUND, VIOLATION, USAGE, ENVIRONMENT, INTERNAL = range(5)
TIMEOUT = 240  # seconds before a command counts as hanging, on a busy machine too


class GateTest:
    """The copy, a folder of programs in front of the others, and a list of the calls of all stubs."""

    @pytest.fixture(autouse=True)
    def set_up_gate_test(self, folder):
        self.tree = folder / "tree"
        self.programs = folder / "programs"
        self.list = folder / "calls"
        self.programs.mkdir()
        copy_commands(self.tree, "ci", ".ci", "cmake", "fuzz/kmemfuzz")
        self.stub("ci/setup")
        self.stub("cmake")

    def write(self, path, text=""):
        """Writes a file of the tree."""
        file = self.tree / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")

    def stub(self, name, output="", code=0, script=""):
        """Puts a program in the place of a file of the tree, or on the PATH when name is a plain word. It notes its call."""
        path = self.tree / name if "/" in name else self.programs / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        path.write_text(f"#!/bin/{'bash' if script else 'sh'}\nprintf '%s\\n' \"{name} $*\" >>'{self.list}'\n{script}\nprintf '%s\\n' {shlex.quote(output)}\n"
                        f"exit {code}\n", encoding="utf-8")
        path.chmod(0o755)

    def run_command(self, *command):
        """Runs a command at the top of the tree. Returns (exit code, standard output, standard error)."""
        environment = dict(os.environ, PATH=f"{self.programs}:{os.environ['PATH']}", LC_ALL="C.UTF-8", KMEM_CLANG=VERSION,
                           PYTEST_ADDOPTS="-p no:hypothesispytest", **BESIDE)  # whose start takes as long as pytest's
        environment.pop("PYTHONPATH", None)
        done = subprocess.run(command, cwd=self.tree, env=environment, executable=str(self.tree / command[0]) if "/" in command[0] else None,
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=TIMEOUT, check=False)
        return done.returncode, done.stdout, done.stderr

    def calls(self):
        """What the stubs were called with, since the last time."""
        lines = self.list.read_text(encoding="utf-8").splitlines() if self.list.exists() else []
        self.list.unlink(missing_ok=True)
        return [line.rstrip() for line in lines]

    def require(self, code, words, *command):
        """Runs a command that must end with this code and say these words; returns all it said."""
        ended, output, errors = self.run_command(*command)
        assert ended == code, output + errors
        assert words in output + errors
        return output + errors
