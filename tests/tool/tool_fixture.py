"""What tests of kmemfuzz share: the tool of a build, a folder to run it in, what to require of how it ends, and a program.

KMEM_PRESET names the build whose tool is tested (default: release). No tests here.
"""

import json
import os
import pathlib
import re
import shutil
import subprocess

import pytest
from folders import FolderTest

ROOT = pathlib.Path(__file__).resolve().parents[2]
PRESET = os.environ.get("KMEM_PRESET", "release")
TOOL = ROOT / "build" / PRESET / "kmemfuzz"
SOUND, VIOLATION, USAGE, ENVIRONMENT = range(4)
TIMEOUT = 240  # seconds a command may take on a busy machine before it counts as hanging

EXAMPLE = """kmem-program 1
heap page=64 pages=4 growth=2 slots=16 refuse=0
alloc 0 24
zalloc 1 40
free 0
double 0
aligned 2 64 16
alloc 3 largest+1
realloc 1 usable+8
"""
# The header, and one operation of 6 bytes for each line: what docs/programs.md says these lines are.
EXAMPLE_BYTES = bytes.fromhex("0100010300020001000000" "000000180000" "030100280000" "010000000000" "070000000000"
                              "050260100000" "100300010000" "320100080000")
EXAMPLE_SOUND = "sound  a11c488eba342a58     9 operations  "
EXAMPLE_TRACE = """\
    0  alloc 0 24                   -> slot 0, offset 8
       |#32 s0|.224|  digest 8f36eca404af3123
    1  zalloc 1 40                  -> slot 1, offset 40
       |#32 s0|#48 s1|.176|  digest f03b581ba48e04b3
    2  free 0                       -> freed offset 8
       |.32|#48 s1|.176|  digest 49d14fa2180efe6f
    3  double 0                     -> refused: double-free
       |.32|#48 s1|.176|  digest 4707eb92b0d5f33b
    4  aligned 2 64 16              -> slot 2, offset 128
       |.32|#48 s1|.40|#24 s2|.112|  digest 107b89c7f8f76334
    5  alloc 3 largest+1            -> refused: exhausted  (size 105)
       |.32|#48 s1|.40|#24 s2|.112|  digest 4630367545510b6a
    6  realloc 1 usable+8           -> slot 1, offset 40  (size 48)
       |.32|#56 s1|.32|#24 s2|.112|  digest c04c127557b34221
    7  free 1                       -> freed offset 40  (freeing everything at the end)
       |.120|#24 s2|.112|  digest a46feb6b5c742751
    8  free 2                       -> freed offset 128  (freeing everything at the end)
       |.256|  digest a11c488eba342a58
"""


def build_sooner(tree):
    """Has a copy of the tree compiled without optimisation, in less than half of the time."""
    for name in ("CMakePresets.json", "fuzz/CMakeLists.txt"):
        path = tree / name
        text, count = re.subn("-O[23]", "-O0", path.read_text(encoding="utf-8"))
        assert count > 0, name
        path.write_text(text, encoding="utf-8")


def copy_sources(tree, *more):
    """Makes a copy of what is built for heaps of others, and of more, in a folder. Returns the folder, for KMEM_TREE."""
    for name in ("src", "invariants", "fuzz", "cmake", "corpus", "CMakeLists.txt", "CMakePresets.json", *more):
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, tree / name)
    build_sooner(tree)
    return tree


class ToolTest(FolderTest):
    """A folder to work in, and what to run and require there."""

    @pytest.fixture(autouse=True)
    def set_up_tool_test(self, set_up_folder_test):
        assert TOOL.exists(), f"build it first: cmake --build --preset {PRESET}"

    def run_command(self, *command, stdin=b"", **more):
        """Runs a command in the folder. Returns (exit code, standard output, standard error)."""
        done = subprocess.run(command, input=stdin, capture_output=True, cwd=self.folder, timeout=TIMEOUT, check=False,
                              **more)
        return done.returncode, done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace")

    def run_tool(self, *arguments, tool=TOOL, **more):
        """Runs the tool, as run_command does."""
        return self.run_command(tool, *arguments, **more)

    def require(self, code, output, errors, *arguments, **more):
        """Runs the tool and requires all of how it ends."""
        assert self.run_tool(*arguments, **more) == (code, output, errors)

    def require_misuse(self, command, complaint, *arguments):
        """Runs a command wrongly: it must say what is wrong, and how it is right, and print and write nothing."""
        code, output, errors = self.run_tool(command, *arguments)
        assert (code, output) == (USAGE, "")
        lines = errors.splitlines()
        assert lines[0] == f"kmemfuzz {command}: {complaint}"
        assert re.search(f"^Usage: kmemfuzz {command} ", lines[1])
        assert lines[2:] == [f"kmemfuzz {command} --help says more."]

    def sentences(self):
        """The sentence of each oracle, by its id."""
        return {oracle["id"]: oracle["sentence"] for oracle in json.loads(self.run_tool("oracles", "--json")[1])["oracles"]}

    def names(self):
        """All that lies in the folder."""
        return sorted(path.name for path in self.folder.iterdir())
