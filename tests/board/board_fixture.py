"""What tests of the boards share: programs, kmemfuzz board run without its builds, emulators that are scripts. No tests here."""

import contextlib
import os
import pathlib
import re
import shutil
import subprocess
import sys

import patched
from kmemfuzz import board
from folders import SharedFolderTest, write_script

TREE = pathlib.Path(__file__).resolve().parents[2]
KMEMFUZZ = TREE / "build/release/kmemfuzz"
PRESETS = tuple(board.EMULATORS)  # of the boards, without sanitizers
VIRTUAL = tuple(name for name, configuration in board.CONFIGURATIONS.items() if configuration.memory)
SANITIZED = tuple(name for name in board.CONFIGURATIONS if name.endswith("-sanitized"))
TIMEOUT = 300  # seconds a command may take on a busy machine before it counts as hanging
HEAP = "kmem-program 1\nheap page=256 pages=4 growth=2 slots=16\n"
SOUND = HEAP + "alloc 0 24\nrealloc 0 100\nalloc 1 8\nfree 0\nfree 1\n"
FAULT_REQUEST = 0xfa0000  # as in fuzz/board/faults.h


def target_command(*arguments, tree=TREE):
    """The command line of kmemfuzz board without its builds."""
    program = f"import sys; sys.path.insert(0, {str(tree / 'fuzz')!r}); from kmemfuzz import board_command, entry; " \
              "entry.enter('kmemfuzz board', board_command.main, sys.argv[1:])"
    return [sys.executable, "-c", program, *map(str, arguments)]


def image_of(name, image="replay"):
    """An image of a configuration as this tree builds it, wherever the test runs."""
    return board.Image(board.CONFIGURATIONS[name]._replace(image=image), TREE)


def fault_kinds():
    """The kinds of damage, in the order of fuzz/board/faults.h."""
    return re.findall(r"X\((\w+), \"", (TREE / "fuzz/board/faults.h").read_text(encoding="utf-8"))


def fault_program(kind):
    """A program that does this damage in operation 2."""
    return HEAP + f"alloc 0 24\nalloc 1 40\nalloc 2 {FAULT_REQUEST + fault_kinds().index(kind)}\nfree 0\n"


def lines_of_trace(lines):
    """The T lines among those of a replay, without their letter and index."""
    return [line.split(" ")[2:] for line in lines if line.startswith("T ")]


def findings_about(report, configuration, kind):
    """The findings in a configuration about the program KIND.1.ops."""
    return [finding for finding in report["findings"]
            if finding["configuration"] == configuration and finding["file"].endswith(f"/{kind}.1.ops")]


class TargetTest(SharedFolderTest):
    """The tests of a class share a folder."""

    needs = [f"build/{preset}/{image}.elf" for preset in PRESETS for image in ("replay", "faults")]
    needs += [f"build/rv64/{image}-{mode}.elf" for image in ("replay", "faults") for mode in ("mapped", "lazy")]

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        missing = [path for path in (KMEMFUZZ, *(TREE / name for name in cls.needs)) if not path.exists()]
        assert not missing, f"not built: {missing}; run ./ci/test target"
        cls.marked = dict(os.environ, KMEM_TEST=str(cls.folder))  # by which all that runs in it is found

    @classmethod
    def run_target(cls, *arguments, environment=None, tree=TREE):
        """Runs kmemfuzz board without its builds."""
        return subprocess.run(target_command(*arguments, tree=tree), cwd=tree, env=environment or cls.marked,
                              capture_output=True, text=True, check=False, timeout=TIMEOUT)

    def copy_tree(self):
        """A copy of this tree to change and build, of this test's own."""
        shutil.copytree(TREE, self.own("tree"), ignore=shutil.ignore_patterns("build", ".git", "__pycache__"))
        return self.own("tree")

    @staticmethod
    def link(tree, preset, program):
        """Links a program of a preset with the src/ of a copy of this tree, and puts it where a build would."""
        build = tree / "build" / preset
        build.mkdir(parents=True)
        with contextlib.chdir(TREE):  # where patched.py finds src/ and the builds
            linked, = patched.Build(preset, program).link(tree)
        linked.rename(build / program)

    def pack(self, *programs):
        """A blob of programs, which are texts or paths, of this test's own."""
        paths = [program if isinstance(program, pathlib.Path) else self.write(self.own(f"{i:04}.ops"), program)
                 for i, program in enumerate(programs)]
        blob = self.own("blob")
        blob.parent.mkdir(exist_ok=True)
        subprocess.run([KMEMFUZZ, "pack", *paths, "-o", blob, "--force"], check=True, capture_output=True)
        return blob

    def host_trace(self, blob):
        """What the host says of every operation of a blob's programs."""
        host = subprocess.run([KMEMFUZZ, "replay", blob, "--trace"], check=True, capture_output=True, text=True)
        return lines_of_trace(host.stdout.splitlines())

    def expect(self, result, code, *texts):
        """Requires an exit code, and texts in what was printed on either stream."""
        output = result.stdout + result.stderr
        self.assertEqual(result.returncode, code, output)
        for text in texts:
            self.assertIn(text, output)

    def fake_emulator(self, script, preset="rv64"):
        """An environment in which the emulator is a script; $REAL is the real one."""
        name = board.EMULATORS[preset]
        path = write_script(self.own(name), f"#!/bin/bash\nset -o pipefail\nREAL={shutil.which(name)}\n{script}\n")
        return dict(self.marked, PATH=f"{path.parent}:{os.environ['PATH']}")
