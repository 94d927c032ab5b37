"""Tests of kmemfuzz reduce as those who type it see it: with bugs planted in the core, whose crashes it makes small, and
with everything that is no crash.

Needs the presets release and fuzz built.
"""

import json
import re

import broken
import pytest
from failures import HANGING, UNMERGED, UNMERGED_REDUCED, ZEROED, ZEROED_REDUCED
from tool_fixture import ENVIRONMENT, ROOT, SOUND, USAGE, VIOLATION, ToolTest

HEALTHY = ROOT / "build" / "release" / "kmemfuzz"


class TestBrokenCore(ToolTest):
    @pytest.fixture(autouse=True)
    def break_core(self):
        self.unmerging, self.clearing, self.hanging = (broken.tool("fuzz", bug) for bug in (
            "merge-right-forgotten", "zalloc-clears-one-word-more", "walk-stands-still"))

    def test_a_violation_is_reduced_and_shown_with_its_figures(self):
        source = self.write("crash.ops", UNMERGED)
        target = self.folder / "small"
        code, output, errors = self.run_command(self.unmerging, "reduce", source, "-o", target)
        assert (code, errors) == (SOUND, "")
        first, program = output.split("\n", 1)
        assert re.search(r"^free-merged: 11 operations become 1, 77 bytes become 17; \d+ replays, \d+ ms$", first)
        assert program == UNMERGED_REDUCED
        assert target.read_bytes() == bytes.fromhex("0100000000000000000000" "000000010000")
        assert self.run_command(self.unmerging, "run", target)[0] == VIOLATION

    def test_a_name_in_ops_is_written_as_text(self):
        source = self.write("crash", UNMERGED)
        code, _, _ = self.run_command(self.unmerging, "reduce", source, "-o", self.folder / "small.ops")
        assert (code, (self.folder / "small.ops").read_text()) == (SOUND, UNMERGED_REDUCED)

    def test_a_sanitizer_s_report_is_reduced_and_not_printed(self):
        source = self.write("crash.ops", ZEROED)
        code, output, errors = self.run_command(self.clearing, "reduce", source, "-o", self.folder / "small")
        assert (code, errors) == (SOUND, "")
        assert re.search(r"^use-after-poison in \w+: 10 operations become 1, ", output)
        assert output.endswith(ZEROED_REDUCED), output

    def test_a_hang_is_reduced(self):
        source = self.write("crash.ops", HANGING)
        code, output, errors = self.run_command(self.hanging, "reduce", source, "-o", self.folder / "small")
        assert (code, errors) == (SOUND, "")
        assert re.search(r"^hang: 5 operations become 2, ", output)

    def test_standard_input_is_taken(self):
        code, _, errors = self.run_command(self.unmerging, "reduce", "-", "-o", self.folder / "small", stdin=UNMERGED.encode())
        assert (code, errors) == (SOUND, "")

    def test_the_same_file_gives_the_same_bytes(self):
        source = self.write("crash.ops", UNMERGED)
        for name in ("one", "two"):
            assert self.run_command(self.unmerging, "reduce", source, "-o", self.folder / name)[0] == SOUND
        assert (self.folder / "one").read_bytes() == (self.folder / "two").read_bytes()

    def test_what_is_reduced_stays_as_it_is(self):
        source = self.write("crash.ops", UNMERGED_REDUCED)
        assert self.run_command(self.unmerging, "reduce", source, "-o", self.folder / "small.ops")[0] == SOUND
        assert (self.folder / "small.ops").read_text() == UNMERGED_REDUCED

    def test_figures_can_be_had_as_json(self):
        source = self.write("crash.ops", UNMERGED)
        code, output, _ = self.run_command(self.unmerging, "reduce", source, "-o", self.folder / "small", "--json")
        figures = json.loads(output)
        assert code == SOUND
        assert figures.pop("milliseconds") > 0
        assert figures.pop("replays") > 2
        assert figures == {
            "failure": "free-merged", "operations_before": 11, "operations_after": 1, "size_before": 77, "size_after": 17}

    def test_a_file_that_exists_is_kept_unless_forced(self):
        source = self.write("crash.ops", UNMERGED)
        target = self.write("small", "precious")
        code, output, errors = self.run_command(self.unmerging, "reduce", source, "-o", target)
        assert (code, output) == (USAGE, "")
        assert "small exists; choose another name, or --force to replace it" in errors
        assert target.read_text() == "precious"
        assert self.run_command(self.unmerging, "reduce", source, "-o", target, "--force")[0] == SOUND
        assert target.read_text(errors="replace") != "precious"

    def test_a_file_that_cannot_be_written_is_named_and_nothing_is_left(self):
        source = self.write("crash.ops", UNMERGED)
        code, output, errors = self.run_command(self.unmerging, "reduce", source, "-o", self.folder / "no" / "small")
        assert (code, output) == (ENVIRONMENT, "")
        assert "no/small: No such file or directory" in errors
        assert self.files() == ["crash.ops"]


class TestNoCrash(ToolTest):
    def assert_refused(self, expected_code, message, *arguments):
        """The command must end so, and write nothing."""
        before = self.files()
        code, output, errors = self.run_command(HEALTHY, "reduce", *arguments)
        assert (code, output) == (expected_code, "")
        assert message in errors
        assert self.files() == before

    def test_a_sound_program_is_said_to_be_sound(self):
        self.write("sound.ops", UNMERGED)
        self.assert_refused(USAGE, "sound.ops: error: the program is sound, so there is nothing to reduce; "
                            "kmemfuzz run sound.ops says so too\n", "sound.ops", "-o", "small")

    def test_a_missing_file_is_named(self):
        self.assert_refused(ENVIRONMENT, "cannot read gone: No such file or directory", "gone", "-o", "small")

    def test_an_error_in_a_text_is_placed(self):
        self.write("typo.ops", "kmem-program 1\naloc 0 24\n")
        self.assert_refused(USAGE, "typo.ops:2:1: error: unknown operation 'aloc'", "typo.ops", "-o", "small")

    @pytest.mark.parametrize("arguments, message", (((), "it takes a program that fails and -o OUT"),
                                                    (("a",), "it takes a program that fails and -o OUT"),
                                                    (("a", "-o"), "-o needs the name of the file to write"),
                                                    (("a", "b", "-o", "c"), "'b' is one argument too many"),
                                                    (("--fast", "a", "-o", "c"), "there is no option '--fast'")))
    def test_wrong_arguments_are_explained(self, arguments, message):
        self.assert_refused(USAGE, message, *arguments)

    def test_help_has_an_example(self):
        code, output, errors = self.run_command(HEALTHY, "reduce", "--help")
        assert (code, errors) == (SOUND, "")
        assert "Usage: kmemfuzz reduce FILE -o OUT [OPTION...]\n" in output
        assert "Example:\n  kmemfuzz reduce crash-1a2b -o crash.ops\n" in output
