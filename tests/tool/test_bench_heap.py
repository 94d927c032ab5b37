"""Tests of ci/lib/bench_heap.py: what it measures and prints. The programs here are scripts.
"""

import contextlib
import io
import json
import os
import re
import struct
import subprocess
import sys
from unittest import mock

import bench_heap as bench
import pytest
from kmemfuzz import corpus, fuzzer

SOUND, VIOLATION, USAGE, ENVIRONMENT = range(4)


class TestBench:
    @pytest.fixture(autouse=True)
    def set_up_bench(self, folder, monkeypatch):
        self.folder = folder
        monkeypatch.setattr(bench, "BUILD", folder)

    def write_script(self, name, text):
        """Puts a script where the build would have put a program."""
        (self.folder / name).write_text(f"#!/bin/sh\n{text}\n", encoding="utf-8")
        (self.folder / name).chmod(0o755)

    def run_main(self, *arguments):
        """Runs the command line. Returns (exit code, standard output, standard error)."""
        with contextlib.redirect_stdout(io.StringIO()) as output, contextlib.redirect_stderr(io.StringIO()) as errors:
            try:
                code = bench.main(arguments)
            except SystemExit as end:
                code = end.code
        return code, output.getvalue(), errors.getvalue()

    def test_costs_are_read_by_live_blocks(self):
        self.write_script("kmem_bench", "echo 10 400000 377; echo 100 40000 2059; echo 1000 4000 18264")
        assert bench.measure_costs() == {10: 377, 100: 2059, 1000: 18264}

    def test_a_target_runs_with_the_shared_flags_and_its_counters_are_read(self, monkeypatch):
        counters = "".join(f"\\{byte:03o}" for byte in struct.pack("=3Q", 5, 60, 7))
        self.write_script("heap_fuzzer", f"echo \"$@\" >arguments; printf '{counters}' >\"$KMEM_STATISTICS\"")
        monkeypatch.chdir(self.folder)
        seconds, *counts = bench.run_target("heap_fuzzer", 42, "seeds", self.folder)
        assert seconds >= 0
        assert counts == [5, 60, 7]
        arguments = (self.folder / "arguments").read_text(encoding="utf-8").split()
        for flag in (*fuzzer.FLAGS, "-seed=1", "-runs=42", "seeds"):
            assert flag in arguments

    def test_processor_time_is_that_of_the_command(self):
        busy = "import time\nwhile time.process_time() < 0.2: pass"
        assert bench.processor_seconds([sys.executable, "-c", busy], os.environ) >= 0.2
        assert bench.processor_seconds(["sleep", "0.3"], os.environ) < 0.2

    def test_a_command_that_fails_is_not_measured(self):
        with pytest.raises(subprocess.CalledProcessError):
            bench.processor_seconds(["false"], os.environ)

    FIGURES = {"empty_executions_per_second": 1234567, "operations_per_input": 45.6,
               "nanoseconds_per_checked_operation": {16: 120, 1024: 3456}}

    def test_figures_are_printed_for_people_and_as_json(self):
        with mock.patch.object(bench, "measure", lambda rounds, runs: dict(self.FIGURES, rounds=rounds, runs=runs)):
            code, output, _ = self.run_main("--rounds", "2", "--runs", "30", "--json")
            assert code == SOUND
            assert json.loads(output)["nanoseconds_per_checked_operation"] == {"16": 120, "1024": 3456}
            assert (json.loads(output)["rounds"], json.loads(output)["runs"]) == (2, 30)
            code, output, _ = self.run_main()
            assert code == SOUND
            assert re.search(r"(?m)^empty_executions_per_second +1,234,567$", output)
            assert re.search(r"(?m)^nanoseconds_per_checked_operation at 1,024 +3,456$", output)

    def test_what_cannot_be_measured_ends_with_3(self):
        with mock.patch.object(corpus, "prepare_seeds"):
            code, output, errors = self.run_main("--rounds", "1", "--runs", "1")
        assert (code, output) == (ENVIRONMENT, "")
        assert re.search("^ci/bench: ", errors)

    def test_wrong_arguments_end_with_2(self):
        for arguments in (["--rounds", "0"], ["--runs", "x"], ["--x"]):
            assert self.run_main(*arguments)[0] == USAGE
