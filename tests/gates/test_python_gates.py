"""Tests of what judges in ci/lib: check_docs, coverage, determinism and planted. What they measure by is a stub; each must see
what it is there to see, and end with the code for it.
"""

import contextlib
import io
import pathlib
import re
import tempfile
from unittest import mock

import check_docs
import coverage
import coverage_target
import determinism
import measurement
import patched
import planted
import pytest
from folders import write_file, write_script
from gate_fixture import ENVIRONMENT, INTERNAL, ROOT, SOUND, VIOLATION


class JudgeTest:
    def run_main(self, main, *arguments):
        """Runs a main function. Returns (exit code, all it printed)."""
        output = io.StringIO()
        with contextlib.redirect_stdout(output), contextlib.redirect_stderr(output):
            code = main(*arguments)
        return code, output.getvalue()


class TestCheckDocs(JudgeTest):
    def main(self, failures):
        """What comes of documents with these failures."""
        tally = check_docs.Tally()
        tally.passed, tally.failures = 5, failures
        with mock.patch.object(check_docs, "check_tree", return_value=tally):
            return self.run_main(check_docs.main, [])

    def test_a_failure_ends_it_with_1(self):
        assert self.main([]) == (SOUND, "5 passed, 0 failed\n")
        assert self.main(["a.md:1: no"]) == (VIOLATION, "FAILED  a.md:1: no\n5 passed, 1 failed\n")

    def test_documents_that_are_not_there_are_failures(self):
        with tempfile.TemporaryDirectory() as folder, mock.patch.object(check_docs, "Commands"):
            tally = check_docs.check_tree(pathlib.Path(folder), pathlib.Path("/nowhere/kmemfuzz"))
        assert len(tally.failures) == len(check_docs.DOCUMENTS) + 1
        assert "docs/reference.md:1: it is not there" in tally.failures

    def test_a_tool_that_cannot_be_run_is_the_environment(self):
        with mock.patch.object(check_docs, "check_tree", side_effect=FileNotFoundError(2, "No such file", "kmemfuzz")):
            assert self.run_main(check_docs.main, [])[0] == ENVIRONMENT


class TestCoverage(JudgeTest):
    PLACE = {"file": "src/kmem.c", "line": 7, "column": 3, "never": "true", "source": "if (x) {"}
    FIGURES = {"lines": 1000, "lines_covered": 1000, "branches": 500, "branches_covered": 499, "conditions": 90,
               "conditions_covered": 90}

    def main(self, uncovered, explanations, **figures):
        """What comes of these figures, with these places uncovered and these explained."""
        file = mock.Mock()
        file.figures.return_value = {**self.FIGURES, **figures}
        with mock.patch.multiple(coverage, host_binaries=mock.DEFAULT, run_everything=mock.DEFAULT,
                                 find_uncovered=mock.Mock(return_value=[dict(place) for place in uncovered])), \
                mock.patch.multiple(measurement, merge=mock.DEFAULT, measure=mock.Mock(return_value={"src/kmem.c": file}),
                                    read_explanations=mock.Mock(return_value=explanations)):
            return self.run_main(coverage.main, [])

    def test_a_place_that_is_not_explained_ends_it_with_1(self):
        key = ("src/kmem.c", "if (x) {")
        assert self.main([self.PLACE], {key: "because"})[0] == SOUND
        code, output = self.main([self.PLACE], {})
        assert code == VIOLATION
        assert "src/kmem.c:7:3: never true, and not explained in tests/uncovered.txt: if (x) {" in output

    def test_an_explanation_of_what_is_covered_ends_it_with_1(self):
        code, output = self.main([], {("src/kmem.c", "if (y) {"): "because"})
        assert code == VIOLATION
        assert "explains what is covered or gone: src/kmem.c | if (y) {" in output

    def test_less_than_the_floor_ends_it_with_1(self):
        for kind in coverage.LEAST:
            code, output = self.main([], {}, **{f"{kind}_covered": self.FIGURES[kind] * 9 // 10})
            assert code == VIOLATION
            assert f"90.00 % of all {kind} are covered, and {coverage.LEAST[kind]} % must be" in output

    def test_nothing_measured_ends_it_with_1(self):
        code, output = self.main([], {}, **dict.fromkeys(self.FIGURES, 0))
        assert code == VIOLATION
        assert "nothing was measured" in output

    def test_profiles_are_taken_again_until_a_binary_or_the_corpus_changes(self, folder, monkeypatch):
        monkeypatch.chdir(folder)
        binary = write_script(folder / "build/test_it", "#!/bin/sh\necho >>runs\nmkdir -p \"${LLVM_PROFILE_FILE%/*}\"\n: >\"$LLVM_PROFILE_FILE\"\n")
        program = write_file(folder / "corpus/a", "")
        monkeypatch.setattr(coverage, "RAW", folder / "build/raw")
        for changed, runs in ((None, 1), (None, 1), (binary, 2), (program, 3), (None, 3)):
            if changed is not None:
                changed.touch()
            assert len(coverage.run_everything([binary])) == 1
            assert len((folder / "runs").read_text(encoding="utf-8").splitlines()) == runs

    def test_the_floors_are_not_lower_than_they_were(self):
        assert coverage.LEAST == {"lines": 99.0, "branches": 97.0, "conditions": 97.0}

    def test_a_place_that_a_board_does_not_reach_must_be_explained(self):
        place = {**self.PLACE, "board": "rv64"}
        assert coverage_target.judge([dict(place)], {("rv64", "src/kmem.c", "if (x) {"): "because"}) == []
        assert len(coverage_target.judge([dict(place)], {})) == 1
        assert len(coverage_target.judge([], {("rv64", "src/kmem.c", "if (x) {"): "because"})) == 1


class TestDeterminism(JudgeTest):
    PATHS = [f"input-{number:02}" for number in range(20)]

    def judge(self, ask, orders=3):
        """A judge that has asked for all answers."""
        judge = determinism.Judge("digest", ask, self.PATHS)
        self.run_main(judge.judge, orders)
        return judge

    def test_every_order_is_another_and_has_every_file(self):
        asked = []
        judge = self.judge(lambda paths: asked.append(list(paths)) or ["same" for _ in paths])
        orders = [order for order in asked if len(order) == len(self.PATHS)]
        assert (judge.passed, judge.failed, len(orders)) == (5, 0, 3)
        assert len({tuple(order) for order in [self.PATHS, sorted(self.PATHS, reverse=True), *orders]}) == 5
        for order in orders:
            assert sorted(order) == sorted(self.PATHS)
        assert [path for path in self.PATHS for _ in range(2)] in asked
        assert sorted(order for order in asked if len(order) == 1) == sorted([path] for path in self.PATHS)  # at once, in any order

    def test_an_answer_that_depends_on_the_order_is_caught_by_shuffling(self):
        def ask(paths):
            return [str(any(other > path for other in paths[:index])) for index, path in enumerate(paths)]

        judge = self.judge(ask)
        assert (judge.passed, judge.failed) == (2, 3)

    def test_an_answer_that_depends_on_the_run_before_is_caught_by_running_twice(self):
        judge = self.judge(lambda paths: [str(path in paths[:index]) for index, path in enumerate(paths)])
        assert (judge.passed, judge.failed) == (4, 1)

    def test_a_difference_ends_it_with_1(self, folder):
        (folder / "inputs").mkdir()
        for name in ("a", "b"):
            (folder / "inputs" / name).write_text("x", encoding="utf-8")
        for name in ("heap_fuzzer", "kmemfuzz"):
            (folder / name).touch()
        for answers, expected in (("same", SOUND), (None, VIOLATION)):
            count = iter(range(1000))
            with mock.patch.multiple(
                    determinism, coverage=lambda _build, _target, paths: [frozenset("1") for _ in paths],
                    digests=lambda _build, _target, paths: [answers or str(next(count)) for _ in paths]):
                code, output = self.run_main(determinism.main, ["--build", str(folder), f"{folder}/inputs"])
            assert code == expected, output
            assert re.search(r"\n10 passed, 0 failed\n$" if expected == SOUND else r"\n6 passed, 4 failed\n$", output)

    def test_a_kmemfuzz_that_cannot_do_its_work_is_no_violation(self):
        for ended in (ENVIRONMENT, INTERNAL):
            with mock.patch.object(determinism, "run", return_value=(ended, "there is no memory\n")), \
                    pytest.raises(SystemExit) as end:
                self.run_main(determinism.digests, pathlib.Path("build"), "heap", ["a"])
            assert end.value.code == ended


class TestPlanted(JudgeTest):
    """A build that links nothing, and a fuzzer that runs nothing."""

    @pytest.fixture(autouse=True)
    def set_up_planted(self, folder, monkeypatch):
        self.folder = folder
        monkeypatch.setattr(planted, "WORK", folder / "work")
        monkeypatch.chdir(ROOT)
        self.patch = self.folder / "bug.patch"
        self.patch.write_text("a bug", encoding="utf-8")
        (self.folder / "src").mkdir()
        (self.folder / "src" / "kmem.c").write_text("the core", encoding="utf-8")
        self.build = mock.Mock()
        self.build.fingerprint.return_value = "build"
        self.build.code.folder = self.folder / "src"
        self.commands = []
        monkeypatch.setattr(patched, "make_copy", self.make_copy)
        monkeypatch.setattr(patched, "run", self.run_fuzzer)
        self.build.link = self.link

    def make_copy(self, folder, *_):
        folder.mkdir(parents=True, exist_ok=True)
        return folder.resolve()

    def link(self, copy):
        (copy / "fuzzer").touch()
        return [copy / "fuzzer"]

    def run_fuzzer(self, command, *_):
        self.commands.append(command)
        return 0, f"run {len(self.commands)}\nstat::number_of_executed_units: 60\n"

    def log(self, runs=500, seed=1):
        """The fuzzer's log of the patch."""
        patch = planted.Patch("bug", self.patch, "a bug", "here", ("placement",), None, planted.HEAP.name)
        return planted.fuzzer_log(patch, self.build, {"runs": runs, "seed": seed, "prefix": [], "bytes": False})

    def test_the_fuzzer_is_given_the_seed_and_the_executions_asked_for(self):
        self.log(runs=700, seed=3)
        assert "-seed=3" in self.commands[-1]
        assert "-runs=700" in self.commands[-1]

    def test_a_log_is_taken_again_only_when_nothing_has_changed(self):
        changes = {
            "nothing": (lambda: None, {}),
            "the seed": (lambda: None, {"seed": 2}),
            "the executions": (lambda: None, {"seed": 2, "runs": 600}),
            "the patch": (lambda: self.patch.write_text("another bug", encoding="utf-8"), {"seed": 2, "runs": 600}),
            "the core": (lambda: (self.folder / "src/kmem.c").write_text("changed", encoding="utf-8"), {"seed": 2, "runs": 600}),
            "the harness": (lambda: setattr(self.build.fingerprint, "return_value", "new"), {"seed": 2, "runs": 600}),
        }
        self.log()
        for name, (change, settings) in changes.items():
            count = len(self.commands)
            change()
            self.log(**settings)
            assert len(self.commands) - count == (name != "nothing"), name

    def test_a_fuzzer_that_ends_before_its_executions_has_not_shown_that_there_is_nothing(self):
        outcome, _, executions = planted.judge_run(0, "stat::number_of_executed_units: 60\n", ("placement",), 60000)
        assert (outcome, executions) == (planted.UNEXPLAINED, 60)

    def test_a_problem_ends_it_with_1(self):
        for problems, expected in (([], SOUND), (["a bug was missed"], VIOLATION)):
            with mock.patch.multiple(planted, examine_all=mock.Mock(return_value=[]), report=mock.DEFAULT,
                                     judge_patches=mock.Mock(return_value=problems),
                                     judge_canaries=mock.Mock(return_value=problems)):
                for arguments in ([], ["--canaries"]):
                    assert self.run_main(planted.main, arguments)[0] == expected

    def test_there_is_a_canary_for_every_way_to_fail(self):
        reported = {re.search(r"^Fails: (.+)$", path.read_text(encoding="utf-8"), re.MULTILINE)[1]
                for path in (ROOT / planted.CANARIES).glob("*.patch")}
        assert reported == set(planted.FAILURES)
