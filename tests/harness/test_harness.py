"""Tests of ci/lib/harness.py: what it reads, how it judges, and that the patches in tests/harness are for the tree as it is. That
each is noticed is ./ci/harness's to say.
"""

import pathlib
import re
import subprocess
from unittest import mock

import harness
import patched
import pytest
from patched import DOES_NOT_APPLY

ROOT = pathlib.Path(__file__).resolve().parents[2]
HEADER = "Breaks: It errs.\nNoticed-by: unit.invariant it_is_right: in a row\nBecause: 1 != 2\n"
PATCH = "\n--- a/invariants/invariant.c\n+++ b/invariants/invariant.c\n"
UNIT = harness.Patch("bug", None, "It errs.", ("invariant", "it_is_right: in a row"), "1 != 2", "release")
SCRIPT = UNIT._replace(test=("tests/tool/test_it.py", "TestIt::test_that"))
GOOD = "[ RUN      ] it_is_right: in a row\n[       OK ] it_is_right: in a row\n[ RUN      ] other\n1 != 2\n[  FAILED  ] other\n"
BAD = GOOD.replace("[       OK ] it_is", "[  ERROR   ] --- 1 != 2\n[  FAILED  ] it_is")


def parse(folder, text):
    """The Patch with this text."""
    path = folder / "bug.patch"
    path.write_text(text, encoding="utf-8")
    return harness.parse_patch(path)


class TestHeader:
    def test_its_fields_and_the_file_name_are_read(self, folder):
        patch = parse(folder, HEADER + "Preset: dev rv64\n" + PATCH)
        assert patch[2:] == ("It errs.", ("invariant", "it_is_right: in a row"), "1 != 2", "dev", harness.NOTICED, "kmemfuzz", ("rv64",))
        assert harness.presets_of([patch]) == ["dev", "release", "rv64"]

    @pytest.mark.parametrize("text, problem", [
        ("Breaks: x\n", "lacks Noticed-by, Because"),
        (HEADER.replace("unit.invariant it", "ctest it"), "names no test"),
        (HEADER + "Ends: unnoticed\n", "canaries, and only they"),
        (HEADER + "Ends: somehow\n", "canaries, and only they"),
    ])
    def test_what_is_wrong_with_it_is_named(self, folder, text, problem):
        with pytest.raises(harness.Broken, match=problem):
            parse(folder, text + PATCH)


class TestJudgement:
    @pytest.mark.parametrize("output, code, outcome", [
        (BAD, 1, harness.NOTICED),
        (GOOD, 1, harness.UNNOTICED),  # what fails, and says so, is another test
        (BAD.replace("--- 1 != 2", "--- 3 != 2"), 1, harness.OTHERWISE),  # for another reason
        ("[ RUN      ] it_is_right: in a row\n1 != 2\n", 139, harness.OTHERWISE),  # it crashed
        ("1 != 2\n", 1, harness.OTHERWISE),  # it was not run
    ])
    def test_a_unit_test_is_judged_by_its_own_lines(self, output, code, outcome):
        assert harness.judge(UNIT, code, output) == outcome

    @pytest.mark.parametrize("output, code, outcome", [
        ("E  1 != 2\nFAILED tests/tool/test_it.py::TestIt::test_that - assert\n", 1, harness.NOTICED),
        ("PASSED tests/tool/test_it.py::TestIt::test_that\n", 0, harness.UNNOTICED),
        ("PASSED tests/tool/test_it.py::TestIt::test_that_too\n", 0, harness.OTHERWISE),
        ("E  1 != 2\nERROR tests/tool/test_it.py::TestIt::test_that\n", 1, harness.OTHERWISE),
        ("E  1 != 2\nFAILED tests/tool/test_it.py::TestIt::test_that\n", 124, harness.OTHERWISE),  # it took too long
        ("FAILED tests/tool/test_it.py::TestIt::test_that\n", 1, harness.OTHERWISE),
    ])
    def test_a_script_s_test_is_judged_by_its_line_and_the_code(self, output, code, outcome):
        assert harness.judge(SCRIPT, code, output) == outcome

    def lines(self, outcome, ends=harness.NOTICED, control=harness.UNNOTICED):
        """What is said of one patch that ends in this way."""
        patch = UNIT._replace(ends=ends)
        return harness.lines_of([harness.Result(patch, outcome, "log", 0.1)], [harness.Result(patch, control, "control", 0.1)])

    def test_what_ends_as_it_has_to_passes_and_all_else_fails(self):
        for ends in harness.OUTCOMES:
            for outcome in harness.OUTCOMES:
                passed, failed, lines = self.lines(outcome, ends)
                assert (passed, failed) == ((1, 0) if outcome == ends else (0, 1))
                assert lines[0].startswith("ok" if outcome == ends else "WRONG")

    def test_a_test_that_does_not_pass_without_the_patch_proves_nothing(self):
        for control in (harness.OTHERWISE, harness.NOTICED):
            passed, failed, lines = self.lines(harness.NOTICED, control=control)
            assert (passed, failed) == (0, 1)
            assert "does not pass without the patch" in lines[0]


class TestCommittedPatches:
    def patches(self):
        """All of them, canaries too."""
        return [patch for folder in (harness.PATCHES, harness.CANARIES) for patch in harness.read_patches(ROOT / folder)]

    @pytest.fixture(autouse=True)
    def at_the_top(self, monkeypatch):
        monkeypatch.setattr(harness, "CANARIES", ROOT / harness.CANARIES)

    def test_each_applies_and_changes_no_test(self):
        for patch in self.patches():
            done = subprocess.run(["patch", "-p1", "--fuzz=0", "--dry-run", "-s", "-i", patch.path], cwd=ROOT, capture_output=True, check=False)
            assert (done.returncode == 0) == (patch.ends != DOES_NOT_APPLY), patch.name
            assert "+++ b/tests/" not in patch.path.read_text(encoding="utf-8"), patch.name

    def test_the_test_of_each_is_there(self):
        for patch in self.patches():
            where, name = patch.test
            path = ROOT / (where if where.endswith(".py") else f"tests/unit/test_{where}.c")
            words = re.split(r"::|: |\[", name)
            word = words[1] if where.endswith(".py") and len(words) > 1 else words[0]
            assert re.search(rf"\b{word}\b", path.read_text(encoding="utf-8")), patch.name

    def test_the_sample_is_five_of_them_and_there_is_a_canary_for_each_way_to_fail(self):
        assert len(set(harness.SAMPLE)) == 5
        assert set(harness.SAMPLE) < {patch.name for patch in self.patches()}
        assert {patch.ends for patch in self.patches()} == set(harness.OUTCOMES)
        controls = sum(patch.ends != harness.NOTICED for patch in self.patches())
        document = (ROOT / "docs/strength.md").read_text(encoding="utf-8")
        assert f"\n{len(self.patches())} passed, 0 failed\n```\n\nThat is {len(self.patches()) - controls} breakages and {controls} controls" in document


class TestCopies:
    def test_only_the_builds_that_patches_need_are_linked(self, folder, monkeypatch):
        for preset in ("release", "dev"):
            (folder / "tree/build" / preset / "tests").mkdir(parents=True)
            (folder / "tree/build" / preset / "kmemfuzz").touch(mode=0o755)
        monkeypatch.setattr(harness, "ROOT", folder / "tree")
        monkeypatch.setattr(harness, "WORK", folder / "work")
        copy = harness.copy_tree(UNIT, ["release"], control=True)
        assert [path.name for path in (copy / "build").iterdir()] == ["release"]
        assert not (copy / "build/release/kmemfuzz").is_symlink() and (copy / "build/release/tests").is_symlink()


class TestCommandLine:
    @pytest.fixture(autouse=True)
    def in_a_folder(self, folder, monkeypatch):
        monkeypatch.setattr(harness, "WORK", folder)

    def test_a_second_run_and_a_tree_that_changes_meanwhile_are_exit_code_3(self, capsys):
        with mock.patch.multiple(harness, examine_all=mock.Mock(side_effect=FileNotFoundError("a file")), select=mock.Mock()):
            assert harness.main([]) == 3
            with patched.alone_in(harness.WORK):
                assert harness.main([]) == 3
        assert re.search("a file\n.*another run is at work", capsys.readouterr().err)

    def test_a_breakage_that_nothing_notices_is_exit_code_1(self, capsys):
        for outcome, code in ((harness.NOTICED, 0), (harness.UNNOTICED, 1), (harness.DOES_NOT_COMPILE, 1)):
            results = [harness.Result(UNIT, outcome, "log", 0.1)]
            with mock.patch.multiple(harness, examine_all=mock.Mock(return_value=(results, [])), select=mock.Mock()):
                assert harness.main([]) == code
            assert f"{1 - code} passed, {code} failed\n" in capsys.readouterr().out
