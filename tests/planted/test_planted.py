"""Tests of ci/lib/planted.py and ci/lib/patched.py: what they read, how they judge, and that their own failures are
failures.
"""

import json
import pathlib
from unittest import mock

import patched
import planted
import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
ORACLES = ["block-size", "placement", "recovery"]
BY_TARGET = {"heap": ORACLES, "sv39": ["sv39-root"], "text": ["text-memory"]}
HEADER = "Bug: It rounds down.\nOrigin: here\nOracle: placement\n"
DIFF = "\n--- a/src/kmem.c\n+++ b/src/kmem.c\n@@ -1 +1 @@\n-Bug: no header line\n+b\n"
STATISTICS = "stat::number_of_executed_units: {}\nstat::peak_rss_mb: 60\n"
SURVIVED = "Done 1000 runs in 1 second(s)\n" + STATISTICS.format(1000)
VIOLATED = ("VIOLATION placement: Every operation returns the address the model predicts, or its NULL.\n"
            "==1==ERROR: AddressSanitizer: ABRT on unknown address\n" + STATISTICS.format(38))


def make_patch(name, oracles=("placement",), fails=None, target="heap"):
    """A Patch as tests need it."""
    because = None if fails is None else "Hunk #1 FAILED"
    return planted.Patch(name, pathlib.Path(f"{name}.patch"), "It errs.", "here", tuple(oracles), fails, target, because)


def found(name, caught_by="placement", target="heap"):
    """The Result of a patch that was found."""
    return planted.Result(name, planted.FOUND, caught_by, 38, 0.1, "log", target)


def survivor(target="heap"):
    """The Result of a control that has survived."""
    return planted.Result(planted.TARGETS[target].control, planted.NOT_FOUND, None, 1000, 0.1, "log", target)

SURVIVOR = survivor()


class TestPatchHeader:
    def parse(self, text):
        return planted.parse_patch(pathlib.Path("tests/planted/some-bug.patch"), text, BY_TARGET)

    def test_its_fields_and_the_file_name_are_read(self):
        patch = self.parse(HEADER + DIFF)
        assert (patch.name, patch.bug, patch.origin, patch.oracles, patch.fails, patch.target) == (
            "some-bug", "It rounds down.", "here", ("placement",), None, "heap")

    def test_several_oracles_are_separated_by_commas(self):
        patch = self.parse(HEADER.replace("placement", "placement, sanitizer,hang") + DIFF)
        assert patch.oracles == ("placement", "sanitizer", "hang")

    def test_a_missing_field_is_named(self):
        with pytest.raises(planted.Broken, match="some-bug.patch: the header lacks Bug, Oracle"):
            self.parse("Origin: here\n" + DIFF)

    def test_an_unknown_oracle_is_named(self):
        with pytest.raises(planted.Broken, match="target heap has no oracle 'placemnet'"):
            self.parse(HEADER.replace("placement", "placemnet") + DIFF)

    def test_the_oracles_of_another_target_are_that_target_s(self):
        header = HEADER.replace("placement", "sv39-root") + "Target: sv39\n"
        assert self.parse(header + DIFF).target == "sv39"
        with pytest.raises(planted.Broken, match="target text has no oracle 'sv39-root'"):
            self.parse(header.replace("Target: sv39", "Target: text") + DIFF)

    def test_an_unknown_target_is_named(self):
        with pytest.raises(planted.Broken, match="there is no target 'sv48' to plant bugs in, but heap, sv39"):
            self.parse(HEADER + "Target: sv48\n" + DIFF)

    def test_an_unknown_way_to_fail_is_named(self):
        with pytest.raises(planted.Broken, match="'Fails: somehow' is none of"):
            self.parse(HEADER + "Fails: somehow\nBecause: words\n" + DIFF)

    def test_a_canary_without_a_reason_is_named(self):
        with pytest.raises(planted.Broken, match="the header lacks Because"):
            self.parse(HEADER + "Fails: not-found\n" + DIFF)


class TestCommittedPatches:
    @pytest.fixture(autouse=True)
    def set_up_committed_patches(self, monkeypatch):
        monkeypatch.chdir(ROOT)
        self.oracles = planted.read_oracles()
        self.ids = [oracle for target, ids in self.oracles.items() if target == "heap" or not planted.TARGETS[target].programs
                    for oracle in ids]

    def test_every_target_names_its_oracles(self):
        assert len(self.ids) == len(set(self.ids))
        for target, oracles in {"heap": ("region", "counters", "inside", "recovery"),
                                "sv39": ("sv39-root", "sv39-pages-held", "sv39-translation", "sv39-pages-sound"),
                                "text": ("text-encoding-is-stable", "text-memory")}.items():
            assert set(oracles) <= set(self.oracles[target])

    def test_all_have_a_valid_header(self):
        assert planted.read_patches(planted.PATCHES, self.oracles)

    def test_every_rule_of_sv39_and_text_has_a_bug_that_it_alone_may_catch(self):
        """So when the rule is deleted, that bug is missed or caught by the wrong one. The heap's oracles are held to less:
        which of them is first may depend on the program."""
        alone = {patch.oracles[0] for patch in planted.read_patches(planted.PATCHES, self.oracles) if len(patch.oracles) == 1}
        for target in ("sv39", "text"):
            ids = set(self.oracles[target])
            assert ids - alone == set(planted.SHADOWED) & ids, target

    def test_there_is_a_canary_for_each_way_to_fail(self):
        canaries = planted.read_patches(planted.CANARIES, self.oracles)
        assert {patch.fails for patch in canaries} == set(planted.FAILURES)

    def test_every_oracle_that_is_not_shadowed_is_named_by_a_patch(self):
        patches = planted.read_patches(planted.PATCHES, self.oracles)
        named = {oracle for patch in patches for oracle in patch.oracles}
        ids = {oracle for target in planted.targets_of(patches) for oracle in self.oracles[target.name]}
        assert ids - named == set(planted.SHADOWED) & ids


class TestCommandLines:
    CORE = patched.CORE.archive
    LINK = (": && clang-19 -c x.c -o x.o && :\n"
            ": && clang-19 -O2 -fsanitize=fuzzer main.o -o heap_fuzzer  fuzz/libkmem_report.a  src/libkmem.a && :\n")

    def test_a_compile_reads_the_copy_first_and_writes_elsewhere(self):
        command = "clang-19 -DX=1 -I/tree -Werror -o src/CMakeFiles/kmem.dir/kmem.c.o -c /tree/src/kmem.c".split()
        assert patched.compile_command(command, pathlib.Path("src"), pathlib.Path("/copy"), "/out/kmem.o") == [
            "clang-19", "-I/copy", "-DX=1", "-I/tree", "-Werror", "-o", "/out/kmem.o", "-c", "/copy/src/kmem.c", "-w"]

    def test_all_but_the_core_is_linked_into_one_object_once(self):
        arguments = patched.link_command(self.LINK, "heap_fuzzer", self.CORE)
        assert patched.prelink_command(arguments, self.CORE, "/out/harness.o") == [
            "clang-19", "-r", "-nostdlib", "-O2", "main.o", "-o", "/out/harness.o", "fuzz/libkmem_report.a"]

    def test_an_image_s_linker_script_is_for_the_whole_image_only(self):
        arguments = ["clang-19", "-Wl,--gc-sections", "-T", "link.ld", "a.obj", "-o", "replay.elf", "libkmem.a", "libboard.a"]
        assert patched.prelink_command(arguments, self.CORE, "h.o") == [
            "clang-19", "-r", "-nostdlib", "a.obj", "-o", "h.o", "libboard.a"]
        assert patched.final_command(arguments, self.CORE, "h.o", ["k.o"], "out.elf") == [
            "clang-19", "-Wl,--gc-sections", "-T", "link.ld", "-o", "out.elf", "h.o", "k.o", "libboard.a"]

    def test_the_core_s_archive_is_replaced_by_objects_in_the_link(self):
        arguments = patched.link_command(self.LINK, "heap_fuzzer", self.CORE)
        assert patched.final_command(arguments, self.CORE, "/out/harness.o", ["/out/a.o", "/out/b.o"], "/out/fuzzer") == [
            "clang-19", "-O2", "-fsanitize=fuzzer", "-o", "/out/fuzzer", "/out/harness.o", "/out/a.o", "/out/b.o",
            "fuzz/libkmem_report.a"]

    def test_a_link_without_the_core_is_refused(self):
        with pytest.raises(planted.Broken, match="0 times, not once"):
            patched.link_command(self.LINK.replace("src/libkmem.a", ""), "heap_fuzzer", self.CORE)

    def test_a_build_without_the_fuzzer_is_refused(self):
        with pytest.raises(planted.Broken, match="no command that links heap_fuzzer"):
            patched.link_command(self.LINK.splitlines()[0], "heap_fuzzer", self.CORE)

    def test_a_changed_header_means_that_every_file_is_compiled(self):
        assert patched.below(pathlib.Path("src"), "/home/src/tree/src/riscv/sv39.c") == "riscv/sv39.c"
        assert patched.must_compile("page.c", {"block.h"})
        assert patched.must_compile("kmem.c", {"kmem.c"})
        assert not patched.must_compile("page.c", {"kmem.c"})


class TestFuzzerOutput:
    def judge(self, code, output, oracles=("placement",), runs=1000):
        return planted.judge_run(code, output, oracles, runs)

    def test_a_violation_is_found_by_its_oracle(self):
        assert self.judge(77, VIOLATED) == (planted.FOUND, "placement", 36)

    def test_a_violation_of_another_oracle_is_the_wrong_one(self):
        assert self.judge(77, VIOLATED, ("alignment",)) == (planted.WRONG_ORACLE, "placement", 36)

    def test_a_report_of_a_sanitizer_is_found_by_the_sanitizer(self):
        output = "==1==ERROR: AddressSanitizer: use-after-poison on address 0x1\n" + STATISTICS.format(7)
        assert self.judge(77, output, ("sanitizer",)) == (planted.FOUND, "asan: use-after-poison", 5)
        assert self.judge(77, output)[0] == planted.WRONG_ORACLE

    def test_an_assertion_of_the_sanitizer_is_found_by_the_sanitizer(self):
        output = 'AddressSanitizer: CHECK failed: asan_poisoning.cpp:162 "((beg)) < ((end))"\n' + STATISTICS.format(7)
        outcome, caught_by, _ = self.judge(77, output, ("sanitizer",))
        assert (outcome, planted.oracle_of(caught_by)) == (planted.FOUND, "sanitizer")

    def test_a_timeout_and_the_end_of_memory_are_hangs(self):
        for kind in ("timeout after 10 seconds", "out-of-memory (used: 2049Mb; limit: 2048Mb)"):
            output = f"==1==ERROR: libFuzzer: {kind}\n" + STATISTICS.format(7)
            assert self.judge(70, output, ("hang",)) == (planted.FOUND, "hang", 5)

    def test_what_fails_before_the_first_input_that_is_made_counts_as_one(self):
        for executions in (1, 2, 3):
            output = VIOLATED.replace("38", str(executions))
            assert self.judge(77, output) == (planted.FOUND, "placement", 1)

    def test_all_executions_without_a_finding_are_not_found(self):
        assert self.judge(0, SURVIVED) == (planted.NOT_FOUND, None, 1000)

    def test_fewer_executions_than_asked_for_are_unexplained(self):
        assert self.judge(0, SURVIVED, runs=1001)[0] == planted.UNEXPLAINED

    def test_no_count_of_executions_is_unexplained(self):
        assert self.judge(0, "")[0] == planted.UNEXPLAINED
        assert self.judge(77, VIOLATED.split("stat::", maxsplit=1)[0])[0] == planted.UNEXPLAINED

    def test_a_bad_end_without_a_finding_is_unexplained(self):
        assert self.judge(1, STATISTICS.format(1000))[0] == planted.UNEXPLAINED

    def test_an_abort_that_no_violation_explains_is_unexplained(self):
        output = ("VIOLATION that did not happen again: the subject depends on more than its program\n"
                  "==1==ERROR: AddressSanitizer: ABRT on unknown address\n" + STATISTICS.format(38))
        assert self.judge(77, output, ("sanitizer",))[0] == planted.UNEXPLAINED


class TestVerdictOnPatches:
    def judge(self, results, patches, complete=False):
        return planted.judge_patches(results, patches, complete, ORACLES)

    def test_all_found_and_a_survivor_are_sound(self):
        assert self.judge([SURVIVOR, found("a")], [make_patch("a")]) == []

    def test_every_other_outcome_is_a_problem(self):
        for outcome in (*planted.FAILURES, planted.UNEXPLAINED):
            result = planted.Result("a", outcome, "placement", 38, 0.1, "log")
            problems = self.judge([SURVIVOR, result], [make_patch("a")])
            assert len(problems) == 1, outcome
            assert problems[0].startswith("a: "), problems

    def test_an_unpatched_core_that_is_found_wrong_is_a_problem(self):
        problems = self.judge([found(planted.HEAP.control), found("a")], [make_patch("a")])
        assert "(unpatched) did not survive" in problems[0]

    def test_what_was_not_examined_is_a_problem(self):
        assert self.judge([], [make_patch("a")]) == ["(unpatched): was not examined", "a: was not examined"]

    def test_each_target_has_a_control_of_its_own(self):
        patches = [make_patch("a"), make_patch("b", target="sv39")]
        results = [SURVIVOR, found("a"), found("b", target="sv39")]
        assert self.judge(results, patches) == ["(unpatched sv39): was not examined"]
        assert self.judge([*results, survivor("sv39")], patches) == []

    def test_an_oracle_that_catches_nothing_is_a_problem_when_every_bug_was_planted(self):
        results, patches = [SURVIVOR, found("a")], [make_patch("a")]
        assert "oracle block-size: caught no planted bug" in self.judge(results, patches, complete=True)[0]
        assert self.judge([*results, found("b", "block-size")], patches, complete=True) == []

    def test_a_shadowed_oracle_that_catches_something_is_a_problem(self):
        results = [SURVIVOR, found("a"), found("b", "block-size"), found("c", "recovery")]
        assert "oracle recovery: caught a planted bug" in self.judge(results, [], complete=True)[0]


class TestVerdictOnSpeed:
    """How fast fresh programs find what runs programs."""

    def judge(self, *counts, target="heap", **settings):
        results = [found(f"bug-{count}", target=target)._replace(executions=count) for count in counts]
        control = survivor(target)._replace(outcome=planted.FOUND, executions=planted.TOGETHER + 1)
        return planted.judge_speed([control, *results], {"bytes": False, **settings})

    def test_a_bug_that_takes_too_long_is_a_problem(self):
        assert self.judge(planted.MOST) == []
        assert self.judge(7, planted.MOST + 1) == ["bug-301: caught after 301 executions, more than 300; see log"]

    def test_all_that_take_too_long_together_are_a_problem(self):
        assert self.judge(*[250] * 4) == []
        assert self.judge(*[250] * 4, 1) == ["all together: caught after 1,001 executions, more than 1,000"]

    def test_changed_bytes_may_take_as_long_as_their_budget(self):
        assert self.judge(planted.TOGETHER + 1, bytes=True) == []
        assert self.judge(planted.TOGETHER + 1, target="sv39") == []


class TestVerdictOnCanaries:
    CANARIES = [make_patch(f"canary-{failure}", fails=failure) for failure in planted.FAILURES]

    @pytest.fixture(autouse=True)
    def set_up_verdict_on_canaries(self, monkeypatch):
        self.logs = {patch.name: "Hunk #1 FAILED at 1.\n" for patch in self.CANARIES}
        monkeypatch.setattr(planted, "read_logs", lambda name: self.logs[name])

    def judge(self, results, canaries=None, complete=True):
        return planted.judge_canaries(results, self.CANARIES if canaries is None else canaries, complete)

    def results(self):
        return [planted.Result(patch.name, patch.fails) for patch in self.CANARIES]

    def test_all_that_fail_as_they_say_are_sound(self):
        assert self.judge(self.results()) == []

    def test_one_that_is_found_is_a_problem(self):
        for index, canary in enumerate(self.CANARIES):
            results = self.results()
            results[index] = found(canary.name)
            problems = self.judge(results)
            assert len(problems) == 1
            assert f"{canary.name}: must end as '{canary.fails}', but: caught by placement" in problems[0]

    def test_one_that_fails_in_another_way_is_a_problem(self):
        results = self.results()
        results[0] = planted.Result(self.CANARIES[0].name, planted.UNEXPLAINED)
        assert len(self.judge(results)) == 1

    def test_one_that_fails_for_another_reason_is_a_problem(self):
        name = self.CANARIES[0].name
        self.logs[name] = "Hunk #2 FAILED at 9.\n"
        problem, = self.judge(self.results())
        assert f"{name}: ends as 'not-found', but nothing says 'Hunk #1 FAILED'" in problem

    def test_one_that_was_not_examined_is_a_problem(self):
        assert self.judge(self.results()[1:]) == [f"{self.CANARIES[0].name}: was not examined"]

    def test_a_way_to_fail_without_a_canary_is_a_problem(self):
        assert self.judge(self.results()[1:], self.CANARIES[1:]) == [
            f"no canary shows whether '{planted.FAILURES[0]}' is noticed"]


class TestExitCodes:
    """main() with the examination of patches replaced."""

    @pytest.fixture(autouse=True)
    def set_up_exit_codes(self, folder, capsys):
        self.folder, self.capsys = folder, capsys

    def run_main(self, arguments, results=None, error=None, patches=(make_patch("a"), make_patch("b"))):
        patches = TestVerdictOnCanaries.CANARIES if "--canaries" in arguments else patches
        examine_all = mock.Mock(return_value=results, side_effect=error)
        for patch in patches:
            (self.folder / f"{patch.name}.patch").touch()
        with mock.patch.multiple(planted, PATCHES=self.folder, CANARIES=self.folder, read_oracles=lambda: BY_TARGET,
                                 read_patches=lambda *_: patches, examine_all=examine_all, read_logs=lambda _: "Hunk #1 FAILED",
                                 SHADOWED={"recovery": "", "block-size": ""}), \
                mock.patch.object(patched, "fixed_addresses", lambda: []):
            try:
                code = planted.main(arguments)
            except SystemExit as end:
                code = end.code
        self.examined = [patch.name for patch in examine_all.call_args.args[0]] if examine_all.called else []
        return code, *self.capsys.readouterr()

    def test_0_when_all_is_as_it_must_be(self):
        code, output, _ = self.run_main([], [SURVIVOR, found("a"), found("b")])
        assert code == 0
        assert output.splitlines()[-1].startswith("2 patches: 2 found"), output

    def test_1_when_a_bug_is_missed(self):
        missed = planted.Result("b", planted.NOT_FOUND, None, 1000, 1.0, "log")
        code, output, _ = self.run_main([], [SURVIVOR, found("a"), missed])
        assert code == 1
        assert "WRONG  b: nothing found in 1,000 executions" in output

    def test_1_when_a_bug_is_found_late_by_fresh_programs(self):
        results = [SURVIVOR, found("a"), found("b")._replace(executions=301)]
        code, output, _ = self.run_main([], results)
        assert (code, output.splitlines()[-2]) == (1, "fresh programs, seed 1: 339 executions together, at most 301 (b)")
        assert "WRONG  b: caught after 301 executions" in output
        assert self.run_main(["--bytes"], results)[0] == 0

    def test_1_when_a_canary_lives(self):
        results = [found(patch.name) for patch in TestVerdictOnCanaries.CANARIES]
        assert self.run_main(["--canaries"], results)[0] == 1

    def test_0_when_every_canary_dies_its_death(self):
        results = [planted.Result(patch.name, patch.fails) for patch in TestVerdictOnCanaries.CANARIES]
        assert self.run_main(["--canaries"], results)[0] == 0

    def test_2_for_a_patch_that_does_not_exist(self):
        code, _, errors = self.run_main(["--only", "a", "c"])
        assert (code, self.examined) == (2, [])
        assert "no patch named c" in errors

    def test_2_for_a_budget_that_is_no_number(self):
        assert self.run_main(["--runs", "0"])[0] == 2

    def test_3_when_the_build_is_missing(self):
        code, _, errors = self.run_main([], error=planted.Broken("build/fuzz is not built"))
        assert (code, errors.splitlines()[-1]) == (3, "ci/planted: build/fuzz is not built")

    def test_only_plants_the_named_bugs_and_the_control(self):
        assert self.run_main(["--only", "b"], [SURVIVOR, found("b")])[0] == 0
        assert self.examined == [planted.HEAP.control, "b"]

    def test_json_is_one_document(self):
        _, output, _ = self.run_main(["--json", "--runs", "7"], [SURVIVOR, found("a"), found("b")])
        document = json.loads(output)
        assert (document["sound"], document["runs"]) == (True, 7)
        assert document["idle_oracles"] == ["block-size", "recovery"]
        assert [patch["name"] for patch in document["patches"]] == ["a", "b"]
        assert document["unpatched"]["outcome"] == planted.NOT_FOUND

    def test_every_target_has_its_control_its_budget_and_its_line_in_the_report(self):
        patches = (make_patch("a"), make_patch("b", ("sv39-root",), target="sv39"))
        results = [SURVIVOR, found("a"), survivor("sv39"), found("b", "sv39-root", "sv39")]
        code, output, _ = self.run_main([], results, patches=patches)
        assert (code, self.examined) == (0, ["(unpatched)", "(unpatched sv39)", "a", "b"]), output
        assert [line.split(" executions")[0] for line in output.splitlines()[-4:]] == [
            "heap: 1 patches: 1 found; 1,038", "sv39: 1 patches: 1 found; 1,038", "fresh programs, seed 1: 38",
            "2 patches: 2 found; 2,076"]
        _, output, _ = self.run_main(["--json"], results, patches=patches)
        document = json.loads(output)
        assert (document["runs"], document["unpatched"]["target"]) == (planted.TARGETS["sv39"].runs, "heap")
        assert [(target["target"], target["runs"], target["unpatched"]["name"]) for target in document["targets"]] == [
            ("heap", planted.GENERATED_RUNS, "(unpatched)"), ("sv39", planted.TARGETS["sv39"].runs, "(unpatched sv39)")]


class FakeBuild:
    """A build whose fuzzer prints its arguments, and finds nothing."""
    code = patched.CORE

    def __init__(self, harness="harness"):
        self.harness = harness

    def fingerprint(self):
        """As patched.Build's."""
        return self.harness

    @staticmethod
    def link(copy):
        """As patched.Build's."""
        program = copy / "fuzzer"
        program.write_text('#!/bin/sh\necho "$KMEMFUZZ_MUTATION arguments: $*"\necho "stat::number_of_executed_units: 7"\n', encoding="ascii")
        program.chmod(0o755)
        return [program]


class TestExamination:
    """A patch's fuzzer, run and not run again."""

    @pytest.fixture(autouse=True)
    def set_up_examination(self, folder, monkeypatch):
        self.folder = folder
        (self.folder / "src").mkdir()
        (self.folder / "src" / "kmem.c").write_text("a\n", encoding="ascii")
        monkeypatch.chdir(self.folder)
        path = self.folder / "bug.patch"
        path.write_text("--- a/src/kmem.c\n+++ b/src/kmem.c\n@@ -1 +1 @@\n-a\n+b\n", encoding="ascii")
        self.patch = make_patch("bug")._replace(path=path)

    def log(self, build=FakeBuild(), **settings):
        """What fuzzer_log gives for these settings, and how many fuzzers that took."""
        with mock.patch.object(planted, "examine", wraps=planted.examine) as examine:
            log = planted.fuzzer_log(self.patch, build, {"runs": 7, "seed": 3, "prefix": [], "bytes": False, **settings})
        return log, examine.call_count

    def test_the_fuzzer_is_given_the_seed_and_the_budget(self):
        words = self.log(seed=5, runs=9)[0].split()
        assert "-seed=5" in words
        assert "-runs=9" in words
        assert f"-runs={planted.GENERATED_RUNS}" in self.log(runs=None)[0].split()
        assert f"-runs={planted.HEAP.runs}" in self.log(runs=None, bytes=True)[0].split()

    def test_it_is_told_how_to_make_its_inputs(self):
        assert self.log()[0].startswith("generator arguments: ")
        assert self.log(bytes=True)[0].startswith("bytes arguments: ")
        self.patch = self.patch._replace(target="text")
        assert self.log()[0].startswith("bytes arguments: ")

    def test_a_log_is_taken_again_only_when_nothing_has_changed(self):
        assert self.log()[1] == 1
        assert self.log()[1] == 0
        for change in ({"seed": 4}, {"runs": 8}, {"bytes": True}, {"build": FakeBuild("another harness")}):
            assert (self.log(**change)[1], self.log()[1]) == (1, 1), change
        for file, text in ((self.patch.path, self.patch.path.read_text(encoding="ascii").replace("+b", "+c")),
                           (self.folder / "src" / "block.h", "new\n")):
            file.write_text(text, encoding="ascii")
            assert (self.log()[1], self.log()[1]) == (1, 0), file


class TestChildren:
    @pytest.fixture(autouse=True)
    def allow_children(self):
        yield
        patched.allow_children()

    def test_the_code_and_all_output_come_back(self):
        assert patched.run(["sh", "-c", "echo out; echo err >&2; exit 7"]) == (7, "out\nerr\n")

    def test_none_starts_after_they_were_stopped(self):
        patched.stop_children()
        with pytest.raises(KeyboardInterrupt):
            patched.run(["true"])
