"""Tests of ci/lib/bench_subjects.py: what it measures and prints. The program here is a script."""

import contextlib
import io
import json
import re

import bench_subjects as bench
import pytest
from folders import FolderTest, write_script

SOUND, _, USAGE, ENVIRONMENT = range(4)
SAYS = 'echo "$SUBJECT: sound, $1 checked operations in 3 programs, 64-bit"'


class TestBenchSubjects(FolderTest):
    @pytest.fixture(autouse=True)
    def set_up_bench(self, set_up_folder_test, monkeypatch):
        monkeypatch.setattr(bench, "PROGRAM", self.folder / "program")
        monkeypatch.setattr(bench, "HEAPS", ("kmem", "slow_heap"))

    def run_main(self, script, *arguments):
        """Runs the command line. Returns (exit code, standard output, standard error)."""
        write_script(self.folder / "program", f"#!/bin/bash\n{script}\n")
        with contextlib.redirect_stdout(io.StringIO()) as output, contextlib.redirect_stderr(io.StringIO()) as errors:
            try:
                code = bench.main(arguments)
            except SystemExit as end:
                code = end.code
        return code, output.getvalue(), errors.getvalue()

    def test_a_slow_heap_is_compared_with_kmem(self):
        slow = '[ "$SUBJECT" = kmem ] || for ((i = 0; i < 60000; i++)); do :; done\n'
        code, output, _ = self.run_main(slow + SAYS, "--rounds", "3", "--operations", "70", "--json")
        figures = json.loads(output)
        assert (code, list(figures)) == (SOUND, ["kmem", "slow_heap"])
        assert figures["kmem"]["beside_kmem"] == 1.0
        assert 0 <= figures["slow_heap"]["beside_kmem"] < 0.8
        assert figures["slow_heap"]["checked_operations_per_second"] < figures["kmem"]["checked_operations_per_second"]

    def test_figures_are_printed_for_people(self):
        code, output, _ = self.run_main(SAYS, "--rounds", "1")
        assert code == SOUND
        assert re.fullmatch(r"heap +checked operations/s +beside kmem\nkmem +[\d,]+ +1\.00\nslow_heap +[\d,]+ +\d+\.\d\d\n", output)

    @pytest.mark.parametrize("script", ["echo 'kmem: VIOLATION inside'; exit 1", "exit 0", f"{SAYS}; exit 1"])
    def test_a_run_that_is_not_sound_is_not_measured(self, script):
        code, output, errors = self.run_main(script, "--rounds", "1")
        assert (code, output) == (ENVIRONMENT, "")
        assert errors.startswith("ci/bench subjects: kmem: ")

    def test_wrong_arguments_end_with_2(self):
        for arguments in (["--rounds", "0"], ["--operations", "x"], ["--x"]):
            assert self.run_main(SAYS, *arguments)[0] == USAGE
