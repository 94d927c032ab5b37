"""Instruction counts must be the same in every run, and a difference must be named for what it is. Needs the builds rv64 and
rv32; ./ci/test target sees to them."""

import json
import os
import re
import shutil
import subprocess
import sys
from unittest import mock

import pytest
from board_fixture import TIMEOUT, TREE
# pylint: disable=wrong-import-order
import bench_target
from kmemfuzz import board
import instructions
from folders import FolderTest, write_script

BASELINE = TREE / instructions.BASELINE


def run_bench(*arguments, tree=TREE, environment=None):
    """Runs ci/bench target --instructions without its builds."""
    command = [sys.executable, str(TREE / "ci/lib/bench_target.py"), "--instructions", *map(str, arguments)]
    return subprocess.run(command, cwd=tree, env=environment, capture_output=True, text=True, check=False, timeout=TIMEOUT)


class BaselineTest(FolderTest):
    """A folder, and in it a copy of the baseline."""

    @pytest.fixture(autouse=True)
    def set_up_baseline_test(self, set_up_folder_test):
        self.baseline = self.folder / "instructions.txt"
        shutil.copy(BASELINE, self.baseline)

    def change(self, old, new):
        """Changes the copy, in one place."""
        text = self.baseline.read_text(encoding="utf-8")
        assert text.count(old) == 1, old
        self.baseline.write_text(text.replace(old, new), encoding="utf-8")

    def line_of(self, operation):
        """A line of the baseline."""
        return next(line for line in BASELINE.read_text(encoding="utf-8").splitlines() if line.startswith(f"{operation} "))

    def run_with_copy(self, *arguments, **options):
        """Runs the command with the copy as its baseline."""
        return run_bench("--baseline", self.baseline, *arguments, **options)

    def expect(self, result, code, *texts):
        """Requires an exit code, and texts in what was printed on either stream."""
        output = result.stdout + result.stderr
        assert result.returncode == code, output
        for text in texts:
            assert text in output


class TestTheCounts(BaselineTest):
    """On the boards."""

    def test_they_are_the_baselines(self):
        self.expect(run_bench(), 0, f"{len(instructions.read(BASELINE).numbers)} counts of instructions, all as in "
                    "tests/board/instructions.txt")

    def test_they_are_the_same_in_two_runs_and_under_load(self):
        command = [sys.executable, "-c", "while True: pass"]
        load = [subprocess.Popen(command) for _ in range(2 * (os.cpu_count() or 1))]  # pylint: disable=consider-using-with
        try:
            loaded = run_bench("--json")
        finally:
            for process in load:
                process.kill()
                process.wait()
        alone = run_bench("--json")
        assert (loaded.returncode, loaded.stdout) == (0, alone.stdout)
        counts = json.loads(alone.stdout)["instructions"]
        assert sorted(counts) == ["rv32", "rv64"]

    @pytest.mark.parametrize("name", instructions.BOARDS)
    def test_they_grow_with_the_blocks_passed_and_by_nothing_else(self, name):
        numbers = {operation: count for (owner, operation), count in instructions.read(BASELINE).numbers.items() if owner == name}
        assert numbers["alloc-behind-1000"] - numbers["alloc-behind-100"] == 900 * numbers["alloc-each-block-passed"]
        assert numbers["free-last-of-1000"] - numbers["free-last-of-100"] == 900 * numbers["free-each-block-passed"]
        assert numbers["alloc-first-of-10"] == numbers["alloc-first-of-1000"]
        assert numbers["free-first-of-1"] == numbers["free-first-of-1000"]
        assert numbers["zalloc-of-8"] < numbers["zalloc-of-4096"]


class TestTheBaseline(BaselineTest):
    """Where it is not what the images count."""

    def test_a_count_that_differs_is_told_with_its_name_and_both_values_in_a_table(self):
        line = self.line_of("rv64 alloc-split")
        count = int(line.split()[2])
        self.change(line, f"rv64 alloc-split {count - 3}")
        self.expect(self.run_with_copy(), 1, "These are not the counts of", instructions.ACCEPT)
        assert re.search(rf"(?m)^rv64  alloc-split +{count - 3} +{count} +\+3$", self.run_with_copy().stdout)

    def test_an_operation_that_is_new_or_gone_is_a_difference(self):
        self.change(self.line_of("rv32 trap"), "rv32 thread-switch 12")
        output = self.run_with_copy().stdout
        assert re.search(r"(?m)^rv32  thread-switch +12 +- +gone$", output)
        assert re.search(r"(?m)^rv32  trap +- +\d+ +new$", output)

    def test_other_flags_are_a_difference(self):
        text = self.baseline.read_text(encoding="utf-8")
        self.baseline.write_text(text.replace(" -O2 ", " -Os "), encoding="utf-8")
        self.expect(self.run_with_copy(), 1, "rv64 is compiled with other flags", " -Os ", " -O2 ")

    def test_another_compiler_cannot_be_compared(self):
        self.change(f"# compiler {instructions.read(BASELINE).compiler}", "# compiler clang-18.0.0")
        self.expect(self.run_with_copy(), 3, "clang-18.0.0", instructions.read(BASELINE).compiler, instructions.ACCEPT)

    def test_accepting_makes_it_what_is_counted_and_tells_what_has_changed(self):
        line = self.line_of("rv64 alloc-split")
        self.change(line, "rv64 alloc-split 1")
        self.expect(self.run_with_copy("--accept"), 0, "alloc-split", "now has these counts")
        assert self.baseline.read_text(encoding="utf-8") == BASELINE.read_text(encoding="utf-8")
        assert list(self.folder.iterdir()) == [self.baseline]

    def test_accepting_writes_one_where_there_is_none(self):
        self.baseline.unlink()
        self.expect(self.run_with_copy("--accept"), 0)
        assert self.baseline.read_text(encoding="utf-8") == BASELINE.read_text(encoding="utf-8")

    def test_a_missing_one_is_a_usage_error_and_says_how_to_write_it(self):
        self.baseline.unlink()
        self.expect(self.run_with_copy(), 3, f"there is no baseline {self.baseline}", instructions.ACCEPT)

    def test_a_line_that_is_none_is_exit_code_3_with_its_number(self):
        self.change(self.line_of("rv32 alloc-split"), "rv32 alloc-split many")
        number = BASELINE.read_text(encoding="utf-8").splitlines().index(self.line_of("rv32 alloc-split")) + 1
        self.expect(self.run_with_copy(), 3, f"{self.baseline}:{number}: not a line of a baseline: 'rv32 alloc-split many'")

    def test_an_operation_that_is_there_twice_is_exit_code_3(self):
        line = self.line_of("rv32 alloc-split")
        self.change(line, f"{line}\n{line}")
        self.expect(self.run_with_copy(), 3, "rv32 alloc-split is there twice")


class TestTheImage(BaselineTest):
    """Where it is not there, or does not do what it should."""

    def run_with(self, script):
        """Runs the command with a script as each emulator."""
        for name in board.EMULATORS.values():
            write_script(self.folder / name, f"#!/bin/bash\nREAL={shutil.which(name)}\n{script}\n")
        return self.run_with_copy(environment=dict(os.environ, PATH=f"{self.folder}:{os.environ['PATH']}"))

    def test_a_missing_one_is_exit_code_3_and_says_how_to_build_it(self):
        self.expect(self.run_with_copy(tree=self.folder), 3, "there is no image", "cmake --build --preset rv")

    def test_counts_that_are_not_whole_are_exit_code_3(self):
        self.expect(self.run_with('"$REAL" "$@" | grep -v ^END'), 3, "are not whole")
        self.expect(self.run_with('"$REAL" "$@" | grep -v alloc-split'), 3, "are not whole")

    def test_a_line_of_no_known_kind_is_exit_code_3(self):
        self.expect(self.run_with("echo hello"), 3, "no known kind: 'hello'")

    def test_an_operation_that_has_gone_wrong_is_exit_code_1(self):
        self.expect(self.run_with("echo 'ERROR not true: the heap is sound'; exit 1"), 1, "not true: the heap is sound")

    def test_images_of_two_compilers_are_exit_code_3(self):
        script = "\"$REAL\" \"$@\" | sed \"s/^END clang-19/END clang-${#REAL}${REAL//[^34]/}/\""
        self.expect(self.run_with(script), 3, "different compilers")


class TestTheWallTime(BaselineTest):
    """What is timed; not how long it takes."""

    def test_the_corpus_is_the_same_in_every_run_and_as_long_as_it_says(self):
        source = bytes(range(250))
        inputs = bench_target.make_inputs([source, source[::-1]])
        assert inputs == bench_target.make_inputs([source, source[::-1]])
        assert len(inputs) == bench_target.INPUT_COUNT
        assert len(set(inputs)) > bench_target.INPUT_COUNT * 9 // 10
        sizes = [(len(content) - bench_target.HEADER_SIZE) / bench_target.OPERATION_SIZE for content in inputs]
        assert sum(sizes) / len(sizes) == pytest.approx(bench_target.OPERATION_COUNT - 5, abs=2)  # and the frees at the end

    def test_figures_are_printed_for_every_configuration(self):
        figures = {"inputs": 2000, "checked_operations": 130000, "seconds": 0.5, "seconds_to_first_verdict": 0.05,
                   "inputs_per_second": 4000, "checked_operations_per_second": 260000, "times_one_boot_per_input": 250.0,
                   "times_host": 8.0}
        times = {"host_seconds": 0.06, "seconds": 1.0,
                 "configurations": [dict(figures, configuration=name) for name in ("rv64", "rv32")]}
        with mock.patch("builtins.print") as output:
            bench_target.print_times(times)
        text = "\n".join(call.args[0] for call in output.call_args_list)
        assert "2,000 inputs of 65.0 checked operations" in text
        assert re.search(r"(?m)^rv64 +0\.50 +0\.05 +4,000 +260,000 +250x +8\.0x$", text)
        assert re.search(r"(?m)^all +1\.00$", text)

    @pytest.mark.parametrize("arguments", (["--rounds", "0"], ["--baseline"], ["more"]))
    def test_wrong_usage_is_exit_code_2(self, arguments):
        assert run_bench(*arguments).returncode == 2
