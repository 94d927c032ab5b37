"""Tests of ci/lib/detection.py: that a board which misses something, or finds something else, is a failure.
"""

import contextlib
import io
import pathlib
import re
from unittest import mock

import detection
import patched
import planted
import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
POISON = "use-after-poison, write of 1 byte"


def row(rv64, rv32, host=POISON):
    """The Row of a bug."""
    return detection.Row("bug", "some-bug", host, (rv64, rv32))


class TestJudgement:
    def test_the_same_finding_on_both_boards_is_right(self):
        assert detection.judge([row(POISON, POISON), row("sound", "sound", "sound")]) == []

    def test_a_board_that_misses_it_is_named(self):
        assert detection.judge([row(POISON, "sound")]) == [f"some-bug: rv32-sanitized misses it: sound; the host: {POISON}"]

    def test_a_board_that_finds_something_else_is_named(self):
        problems = detection.judge([row("guards", POISON)])
        assert problems == [f"some-bug: rv64-sanitized finds something else: guards; the host: {POISON}"]

    def test_another_access_or_another_line_is_something_else(self):
        assert len(detection.judge([row(POISON.replace("1 byte", "2 bytes"), POISON.replace("write", "read"))])) == 2
        host = "shift-out-of-bounds at src/block.h:43:45"
        assert len(detection.judge([row(host, host.replace("43", "44"), host)])) == 1

    def test_a_false_alarm_is_named(self):
        assert detection.judge([row(POISON, "sound", "sound")]) == [
            f"some-bug: rv64-sanitized finds what the host does not: {POISON}; the host: sound"]

    def test_the_table_shows_what_differs(self):
        text = detection.table([row(POISON, "sound")])
        assert re.search(r"bug some-bug +use-after-poison, write of 1 byte +equal +missed: sound", text)

    def test_the_totals_say_how_many_each_board_has_found(self):
        assert "the host finds 2, rv64-sanitized the same 2, rv32-sanitized only 1 of them; 3 s; 1 wrong" in detection.totals(
            [row(POISON, POISON), row(POISON, "sound")], ["wrong"], 3)


class TestInputs:
    @pytest.fixture(autouse=True)
    def set_up_inputs(self, monkeypatch):
        monkeypatch.chdir(ROOT)

    def test_an_input_of_its_own_belongs_to_a_planted_bug(self):
        names = {patch.name for patch in planted.read_heap_patches()}
        own = {path.stem for board in ("rv64", "rv32") for path in (planted.PATCHES / board).glob("*.ops")}
        assert own <= names
        assert "calloc-wraps" in own

    def test_a_board_with_an_input_of_its_own_runs_that_one(self):
        patch = planted.Patch("calloc-wraps", None, "", "", (), None)
        found = pathlib.Path("crash-1")
        boards = [detection.input_for(patch, configuration, found) for configuration in detection.CONFIGURATIONS]
        assert boards == [found, pathlib.Path("tests/planted/rv32/calloc-wraps.ops")]

    def test_every_kind_of_misuse_has_a_request(self):
        kinds = detection.misuse_kinds()
        assert (kinds["HEAP_WRITE_PAST"], kinds["UNREACHABLE"]) == (0xfb0000, 0xfb0000 + len(kinds) - 1)


class TestCommandLine:
    def run_main(self, *arguments, **patches):
        """Runs the command in the tree; returns its code and what it printed."""
        output = io.StringIO()
        with contextlib.ExitStack() as stack:
            stack.enter_context(contextlib.redirect_stdout(output))
            stack.enter_context(contextlib.redirect_stderr(output))
            stack.enter_context(contextlib.chdir(ROOT))
            for name, value in patches.items():
                stack.enter_context(mock.patch.object(detection, name, value))
            try:
                code = detection.main(list(arguments))
            except SystemExit as end:
                code = end.code
            return code, output.getvalue()

    def test_a_finding_that_is_missed_is_exit_code_1(self):
        code, output = self.run_main(examine_all=lambda *_: [row("sound", POISON)])
        assert code == 1
        assert "WRONG  some-bug: rv64-sanitized misses it" in output

    def test_all_the_same_is_exit_code_0(self):
        code, output = self.run_main(examine_all=lambda *_: [row(POISON, POISON)])
        assert code == 0
        assert "all as it must be" in output

    def test_a_bug_that_is_not_planted_is_a_usage_error(self):
        code, output = self.run_main("--only", "no-such-bug")
        assert code == 2
        assert "there is no patch named no-such-bug" in output

    def test_a_missing_build_is_an_environment_error(self):
        with mock.patch.object(patched, "Build", side_effect=patched.Broken("build/fuzz is not built")):
            code, output = self.run_main()
        assert code == 3
        assert "not built" in output
