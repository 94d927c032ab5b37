"""The demo must write on both boards what docs/kernels.md shows, and ci/demo must say how it ended. Needs the builds rv64
and rv32; ./ci/test target sees to them."""

import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

from kmemfuzz import board
import documents

TREE = pathlib.Path(__file__).resolve().parents[2]



def run_demo(*arguments, environment=None):
    """Runs ci/demo without its build."""
    return subprocess.run([sys.executable, str(TREE / "ci/lib/demo.py"), *arguments], cwd=TREE, env=environment,
                          capture_output=True, text=True, check=False, timeout=120)


def shown_output(command):
    """What docs/kernels.md shows below a command, as text."""
    path = TREE / "docs/kernels.md"
    document = documents.parse_document(path, path.read_text(encoding="utf-8"))
    shown = [lines for block in document.blocks if block.language == "console"
             for _, shown_command, lines in documents.console_commands(block) if shown_command == command]
    assert len(shown) == 1, f"docs/kernels.md shows the output of '{command}' {len(shown)} times, not once"
    return "\n".join(shown[0]) + "\n"


class TheDemo(unittest.TestCase):
    """On the boards."""

    def test_it_writes_what_the_documents_show_on_both_boards(self):
        for name in board.EMULATORS:
            with self.subTest(name):
                result = run_demo("--board", name)
                self.assertEqual((result.returncode, result.stderr), (0, ""))
                self.assertEqual(result.stdout, shown_output("./ci/demo"))

    def test_the_one_in_virtual_memory_writes_what_the_documents_show_and_ends_with_the_page_fault_it_provokes(self):
        result = run_demo("virtual")
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        self.assertEqual(result.stdout, shown_output("./ci/demo virtual"))
        self.assertTrue(result.stdout.endswith("page fault at 0x4000b000: past-end\n"))

    def test_without_a_board_it_runs_on_the_64_bit_board(self):
        self.assertEqual(run_demo("--board", "rv64").stdout, run_demo().stdout)


class TheCommand(unittest.TestCase):
    """Where the emulator is a script, or is not there."""

    def run_with(self, script, *arguments):
        """Runs ci/demo with a script as the emulator; None: with no emulator."""
        with tempfile.TemporaryDirectory() as folder:
            if script is not None:
                path = pathlib.Path(folder) / board.EMULATORS["rv64"]
                path.write_text(f"#!/bin/bash\n{script}\n", encoding="utf-8")
                path.chmod(0o755)
            path = f"{folder}:{os.environ['PATH']}" if script is not None else folder
            return run_demo(*arguments, environment=dict(os.environ, PATH=path))

    def test_an_image_that_finds_something_wrong_is_exit_code_1_with_its_output(self):
        result = self.run_with("echo 'not true: 1 == 2'; exit 1")
        self.assertEqual((result.returncode, result.stdout), (1, "not true: 1 == 2\n"))
        self.assertIn("the emulator ended with code 1", result.stderr)

    def test_an_image_that_hangs_is_ended_with_exit_code_1_and_what_it_wrote_is_printed(self):
        result = self.run_with("echo begun; exec sleep 60", "--timeout", "1")
        self.assertEqual((result.returncode, result.stdout), (1, "begun\n"))
        self.assertIn("it did not end within 1 s", result.stderr)

    def test_a_missing_emulator_is_exit_code_3_and_names_its_package(self):
        result = self.run_with(None)
        self.assertEqual((result.returncode, result.stdout), (3, ""))
        self.assertIn("qemu-system-misc", result.stderr)

    def test_wrong_usage_is_exit_code_2(self):
        for arguments in (["--board", "rv128"], ["virtual", "--board", "rv32"], ["--timeout", "0"], ["more"]):
            with self.subTest(arguments):
                self.assertEqual(run_demo(*arguments).returncode, 2)
