"""Tests of ./ci/mutants: what is made of a file, what is dropped, and that whatever survives unlisted, or is listed and does
not, is named."""

import functools
import json
import pathlib
import subprocess
import threading
from unittest import mock

import mutants
import mutants_build
import mutants_make
import mutants_report
import mutants_stages
import patched
import pytest
from compilers import CLANG
from mutants_stages import Kill

ROOT = pathlib.Path(__file__).resolve().parents[2]
USAGE, ENVIRONMENT = 2, 3
HEADER = """\
#include <stdbool.h>
#include <stddef.h>
enum colour { RED, GREEN, BLUE };
#define SIZE ((size_t)8)
#define KEEP(what) ((void)(what))
void hook(size_t first, size_t second);
"""


def make(folder, body, header=HEADER):
    """The mutants of a file, as (operator, original, replacement)."""
    (folder / "file.c").write_text(header + body, encoding="utf-8")
    dumped = subprocess.run([CLANG, "-fsyntax-only", "-Xclang", "-ast-dump=json", "file.c"], cwd=folder, check=True,
                            capture_output=True, text=True).stdout
    return mutants_make.make_mutants(mutants_make.load_tree(dumped), "file.c", (folder / "file.c").read_bytes())


def changes(folder, body):
    """The mutants of a file, without their place."""
    return {(mutant.operator, mutant.original, mutant.replacement) for mutant in make(folder, body)}


class TestOperators:
    # (a function's body, operator, original, replacement) of one mutant of each operator, and where macros are concerned.
    MADE = (
        ("return a < b;", "relation", "a < b", "a <= b"),
        ("return a + b;", "arithmetic", "a + b", "a - b"),
        ("return a + b;", "operand", "a + b", "b"),
        ("return a & b;", "bits", "a & b", "(a | b)"),
        ("return a << b;", "bits", "a << b", "(a >> b)"),
        ("return a && b || a;", "logic", "a && b", "(a || b)"),
        ("a += b; return a;", "assignment", "a += b", "a -= b"),
        ("a += b; return a;", "statement", "a += b", "(void)0"),
        ("a++; return a;", "increment", "a++", "a--"),
        ("return ~a;", "unary", "~a", "a"),
        ("return a + SIZE;", "constant", "SIZE", "(SIZE + 1)"),
        ("return a + 3;", "constant", "3", "(3 - 1)"),
        ("return a == GREEN;", "enumerator", "GREEN", "BLUE"),
        ("return a;", "variable", "a", "(a + 1)"),
        ("if (a) return b; return 1;", "condition", "a", "!(a)"),
        ("for (; a < b;) hook(a, b); return 1;", "condition", "a < b", "false"),
        ("return a * b;", "return", "a * b", "(a * b) - 1"),
        ("hook(a, b); return 1;", "arguments", "a, b", "b, a"),
        ("hook(a, b); return 1;", "statement", "hook(a, b)", "(void)0"),
        ("for (;;) { if (a) break; } return 1;", "statement", "break", "(void)0"),
        ("KEEP(a + b); return 1;", "arithmetic", "a + b", "a - b"),
    )

    @pytest.mark.parametrize("body,operator,original,replacement", MADE)
    def test_an_operator_changes_what_it_is_named_after(self, folder, body, operator, original, replacement):
        assert (operator, original, replacement) in changes(folder, f"size_t f(size_t a, size_t b) {{ {body} }}\n")

    def test_every_operator_is_tried(self):
        assert {operator for _, operator, _, _ in self.MADE} == set(mutants_make.OPERATORS)

    def test_every_mutant_differs_from_the_file_and_from_the_others(self, folder):
        made = make(folder, "size_t f(size_t a, size_t b) { return a < b ? a + SIZE : a / b % 3; }\n")
        source = (folder / "file.c").read_bytes()
        assert len({source, *(mutant.apply(source) for mutant in made)}) == len(made) + 1
        assert len({mutant.name for mutant in made}) == len(made)

    def test_a_file_in_which_nothing_mutates_has_none(self, folder):
        assert make(folder, "void f(void) {\n}\n") == []
        assert make(folder, "", "extern int i;\n") == []

    def test_contracts_are_left_alone(self, folder):
        header = HEADER + "#define REQUIRE(condition) ((condition) ? (void)0 : hook(1, 2))\n"
        assert make(folder, "void f(size_t a) { REQUIRE(a < 3); }\n", header) == []

    def test_a_mutant_keeps_its_name_when_its_line_moves(self, folder):
        body = "size_t f(size_t a) {\n    return a + 1;\n}\n"
        assert ({mutant.name for mutant in make(folder, body)}
                == {mutant.name for mutant in make(folder, body, HEADER + "// a comment\nint before;\n")})


class TestCore:
    """With the builds of this tree."""

    @pytest.fixture(scope="class")
    def core(self, tmp_path_factory):
        with mock.patch.object(mutants_build, "WORK", tmp_path_factory.mktemp("mutants")):
            yield mutants_build.Core()

    def code(self, core, change):
        """What the page allocator comes to with a change."""
        source = pathlib.Path("src/page.c").read_bytes()
        begin = source.index(change[0].encode())
        mutant = mutants_make.Mutant("src/page.c", "test", "", "", *change, 1, begin, begin + len(change[0]), 1)
        return core.code_of(core.write(mutant, source), "src/page.c")

    def test_what_compiles_to_the_same_is_told_from_what_does_not(self, core):
        original = core.prepare(["src/page.c"])["src/page.c"]
        line = "free_count == count"
        assert self.code(core, (line, "count == free_count")) == original
        assert self.code(core, (line, "free_count >= count")) not in (None, original)
        assert self.code(core, (line, "free_count == nothing")) is None

    def test_what_runs_a_mutant_is_in_its_fingerprint(self, core, folder):
        core.tools, core.tests = {"src/page.c": folder / "tool"}, {"src/page.c": [folder / "test_page"]}
        core.hooks = folder / "hooks"
        core.hooks.write_bytes(b"")
        read = []
        with mock.patch.object(pathlib.Path, "read_bytes", lambda path: read.append(str(path)) or b""):
            core.fingerprint("src/page.c")
        assert {str(folder / "tool"), str(folder / "test_page"), "src/port.h", "ci/lib/mutants_port.h",
                "ci/lib/mutants_stages.py"} < set(read)
        assert any(path.startswith("corpus/") for path in read) and "src/page.c" not in read

    def test_every_file_has_mutants_and_a_canary(self, core):
        for file in mutants_build.FILES:
            source = pathlib.Path(file).read_bytes()
            assert len(mutants_make.make_mutants(core.tree(file), file, source)) > 50
            assert source.count(mutants.CANARIES[file][0].encode()) == 1


def mutant(name="a < b", replacement="a <= b", line="if (a < b)"):
    """A mutant of a file that there is not."""
    return mutants_make.Mutant("src/x.c", "f", line, "relation", name, replacement, 1, 0, 5, 7)


class FakeExaminer:
    """Mutants whose code is their replacement."""

    def __init__(self, *of_file):
        self.mutants = {"src/x.c": list(of_file)}
        self.originals = {"src/x.c": "same"}
        self.core = mock.Mock(folder_of=lambda mutant: pathlib.Path("/nonexistent"))

    @staticmethod
    def code_of(of):
        return None if of.replacement == "broken" else of.replacement


KILLED = {"smoke": [Kill("placement", 3, 1), None], "unit": [None]}
ALIVE = {"smoke": [None, None], "unit": [None]}


class TestVerdict:
    def judge(self, results, listed):
        return mutants.judge(FakeExaminer(*(of for of, _ in results)), results, listed)

    def test_a_survivor_that_is_not_listed_is_named(self):
        problems, _ = self.judge([(mutant(), ALIVE)], {})
        assert problems == [f"survives, and is not in docs/survivors.md: {mutants_report.describe(mutant())}"]

    def test_one_that_is_listed_is_right(self):
        assert self.judge([(mutant(), ALIVE)], {mutant().identity: (True, "why")}) == ([], {mutant().name})
        assert self.judge([(mutant(), ALIVE)], {mutant().identity: (False, "why")}) == ([], set())

    def test_one_that_is_listed_and_killed_is_named(self):
        problems, _ = self.judge([(mutant(), KILLED)], {mutant().identity: (True, "why")})
        assert problems == [f"docs/survivors.md lists one that smoke kills: {mutants_report.describe(mutant())}"]

    def test_one_that_is_listed_and_no_longer_made_is_named(self):
        gone = mutant(line="if (a < b) /* as it was */")
        problems, _ = self.judge([(mutant(), KILLED)], {gone.identity: (True, "why")})
        assert len(problems) == 1 and "lists what is no mutant" in problems[0] and "as it was" in problems[0]

    @pytest.mark.parametrize("replacement,said", (("broken", "does not compile"), ("same", "is the original")))
    def test_one_that_is_listed_and_not_worth_a_run_is_named(self, replacement, said):
        listed = mutant(replacement=replacement)
        problems, _ = mutants.judge(FakeExaminer(mutant(), listed), [(mutant(), KILLED)], {listed.identity: (True, "why")})
        assert problems == [f"docs/survivors.md lists what {said}: {mutants_report.describe(listed)}"]

    def test_one_whose_code_is_that_of_a_listed_one_is_right(self):
        other = mutant("a<b")._replace(operator="condition")
        examiner = FakeExaminer(mutant(), other)
        assert mutants.judge(examiner, [(other, ALIVE)], {mutant().identity: (True, "why")}) == ([], {other.name})


class TestMemory:
    """What a run keeps for the next."""

    def run(self, folder, fresh=False):
        """Examines a mutant. Returns how often it was written, and how many stages were run."""
        core = mock.Mock(folder_of=lambda of: folder / of.name, write=mock.Mock(), code_of=lambda *_: "code")
        options = mock.Mock(fresh=fresh, first=False, programs=1, stages=["replay", "unit"])
        with (mock.patch.object(mutants_build, "Core", return_value=core), mock.patch.object(mutants, "RESULTS", folder / "results"),
              mock.patch.object(mutants_stages, "examine", side_effect=lambda *of: {stage.name: [None] for stage in of[3]}) as examine):
            examiner = mutants.Examiner(options)
            examiner.sources["src/x.c"], examiner.fingerprints["src/x.c"] = b"", "as it is"
            assert examiner.code_of(mutant()) == "code"
            assert examiner.examine(mutant()) == {"replay": [None], "unit": [None]}
            assert examiner.code_of(mutant()) == "code"
            return core.write.call_count, sum(len(call.args[3]) for call in examine.call_args_list)

    def test_what_is_known_is_not_run_again_unless_that_is_asked(self, folder):
        assert [self.run(folder, fresh) for fresh in (False, False, True, False)] == [(1, 2), (0, 0), (1, 2), (0, 0)]

    def test_what_a_stopped_run_has_left_is_not_believed(self, folder):
        self.run(folder)
        record = next((folder / "results").iterdir())
        known = json.loads(record.read_text(encoding="utf-8"))
        record.write_text(json.dumps({**known, "stages": {}}), encoding="utf-8")
        (folder / mutant().name).mkdir()
        assert self.run(folder) == (1, 2)

    def test_one_that_cannot_be_judged_keeps_nobody_from_being_judged(self, capsys):
        other = mutant("c", "d")
        examiner = FakeExaminer(mutant(), other)
        examiner.make = examiner.prepare = lambda of: None
        examiner.control = lambda *of: []
        examiner._examine = mock.Mock(side_effect=[KILLED, patched.Broken("no disk")])
        examiner.examine = functools.partial(mutants.Examiner.examine, examiner)
        with (mock.patch.object(mutants, "Examiner", return_value=examiner), mock.patch.object(mutants, "CANARIES", {"src/x.c": "ab"}),
              pytest.raises(patched.Broken, match=f"1 of 2 mutants could not be judged:\n{other.name} .*: no disk")):
            mutants.run(mutants.parse_arguments(["--stages", "smoke", "--jobs", "1"]))
        assert "killed 1 of 1" in capsys.readouterr().out


class TestControls:
    def test_a_stage_that_one_build_of_a_canary_survives_judges_nothing(self):
        def examine(_mutant, _copy, _core, stages, _prefix, _first, builds):
            seeds.append(sum(len(stage.commands) for stage in stages))
            return {"replay": [None if True in builds else Kill("contents")], "unit": [Kill("a_test")]}

        seeds = []
        core = mock.Mock(code_of=lambda *_: "code")
        with (mock.patch.object(mutants_build, "Core", return_value=core), mock.patch.object(mutants_stages, "examine", examine),
              mock.patch.object(mutants.shutil, "rmtree")):
            examiner = mutants.Examiner(mock.Mock(programs=1, stages=["replay", "smoke"]))
            examiner.sources["src/x.c"] = b"a < b"
            assert examiner.control("src/x.c", ("a < b", "a"), True) == [
                "the canary of src/x.c survives replay with sanitizers, so that judges nothing"]
            assert [problem.partition(": ")[2] for problem in examiner.control("src/x.c", ("a < b", "a < b"), False)] == [
                "contents", "a_test", "a_test"]
        assert seeds == [2, 2, 4, 4]


class TestCounts:
    def test_what_is_dropped_is_counted(self):
        made = [mutant(replacement=replacement) for replacement in ("broken", "same", "other", "third")]
        made.append(mutant("a<b", "other"))
        with mutants.concurrent.futures.ThreadPoolExecutor(1) as pool:
            for limit, kept, counted in ((None, ["other", "third"], (5, 1, 1, 1)), (1, ["other"], (3, 1, 1, 0))):
                examiner = FakeExaminer(*made)
                examiner.code_of = mock.Mock(side_effect=FakeExaminer.code_of)
                dropped = dict.fromkeys(("made", "broken", "equal", "alike"), 0)
                assert [of.replacement for of in mutants.worth(examiner, pool, made, limit, dropped)] == kept
                assert tuple(dropped.values()) == counted
                assert examiner.code_of.call_count == counted[0]  # and no other is compiled

    def test_scores_leave_equivalent_mutants_out(self):
        first, second, third = mutant(), mutant("c", "d"), mutant("e", "f")
        by_unit = {"smoke": [None, None], "unit": [Kill("a_test")]}
        score = mutants_report.Score([(first, KILLED), (second, ALIVE), (third, by_unit)], ["smoke", "unit"], {second.name})
        text = mutants_report.text_report(score, {"made": 4, "broken": 0, "equal": 1, "alike": 0}, [], 1.0)
        assert "smoke    killed 1 of 2 (50.0 %), 1 only here; 0 with every seed; executions to kill: median 3, most 3" in text
        assert "without the unit tests: 1 of 2 (50.0 %)" in text
        assert text.endswith("3 passed, 0 failed: 2 mutants killed of 2, in 1 s; all as it must be")
        document = json.loads(mutants_report.json_report(score, {}, ["wrong"], 1.0, {"sample": None}))
        assert document["stages"]["smoke"]["by"] == {"placement": 1} and not document["sound"]
        assert document["mutants"][0]["kills"]["smoke"] == [{"by": "placement", "after": 3, "seed": 1}, None]

    def test_a_share_is_never_rounded_up_to_all(self):
        assert mutants_report.percent(9999, 10000) == "99.9 %" and mutants_report.percent(3, 3) == "100 %"


class TestSurvivors:
    TEXT = "## Equivalent\n\n### `f` in src/x.c\n\n`if (a < b)`\n- relation `a < b` (2) → `a <= b`, `a != b`: they differ.\n"

    def read(self, folder, text):
        path = folder / "survivors.md"
        path.write_text(text, encoding="utf-8")
        return mutants_report.read_survivors(path)

    def test_an_entry_names_its_mutants(self, folder):
        other = "\n## Not killed\n\n### `g` in src/x.c\n\n`x();`\n- statement `x()` → `(void)0`: no.\n"
        listed = self.read(folder, self.TEXT + other)
        assert listed[("src/x.c", "f", "if (a < b)", "relation", "a < b", "a != b", 2)] == (True, "they differ.")
        assert listed[("src/x.c", "g", "x();", "statement", "x()", "(void)0", 1)] == (False, "no.") and len(listed) == 3

    @pytest.mark.parametrize("wrong", ("- relation `a < b` → `a <= b`\n", "- relation a < b → a <= b: why\n",
                                       "- relation `a < b` (2) → `a <= b`: twice\n", "### f in src/x.c\n"))
    def test_a_line_that_says_nothing_is_refused(self, folder, wrong):
        with pytest.raises(patched.Broken, match="survivors.md:7"):
            self.read(folder, self.TEXT + wrong)


class TestStages:
    def run(self, folder, script, pattern=None):
        (folder / "program").write_text(f"#!/bin/bash\n{script}\n", encoding="utf-8")
        (folder / "program").chmod(0o755)
        stage = mutants_stages.Stage("smoke", ((1, ()),), pattern)
        return mutants_stages.run_stage(stage, folder / "program", folder, folder / "libraries")

    def test_a_program_finds_the_mutant(self, folder):
        assert self.run(folder, f"test $LD_LIBRARY_PATH = {folder}/libraries") == [None]

    def test_a_finding_is_a_kill_and_is_not_waited_for(self, folder):
        script = "echo 'Program 41 of seed 1 fails by asan: use-after-poison in kmem_free; it is in smoke-1-41'; sleep 1000"
        assert self.run(folder, script, mutants_stages.FINDING) == [Kill("asan: use-after-poison", 42, 1)]

    @pytest.mark.parametrize("script,by", (("exit 1", "exit 1"), ("kill -SEGV $$", "SIGSEGV"), ("kill -XCPU $$", "hang"),
                                           ("echo 'VIOLATION inside: no'; exit 1", "inside"),
                                           ("echo 'AddressSanitizer: CHECK failed: a.cpp:1'; exit 3", "asan: CHECK")))
    def test_a_crash_and_a_hang_are_kills(self, folder, script, by):
        assert [kill.by for kill in self.run(folder, script)] == [by]

    def test_who_ends_well_lives(self, folder):
        assert self.run(folder, "echo sound") == [None]

    @pytest.mark.parametrize("end", ("exit 2", "exit 3", "exit 126", "exit 127", "kill -KILL $$"))
    def test_who_could_not_judge_or_was_ended_from_outside_kills_nothing(self, folder, end):
        with pytest.raises(patched.Broken, match="no such thing"):
            self.run(folder, f"echo no such thing; {end}")

    def test_who_ends_by_a_kill_after_all_its_time_hangs(self, folder):
        with mock.patch.object(mutants_stages, "CPU_LIMIT", 0.01), mock.patch.object(mutants_stages, "LIMITS", []):
            assert self.run(folder, "for ((i = 0; i < 100000; i++)); do :; done; kill -KILL $$") == [Kill("hang", None, 1)]

    @pytest.mark.parametrize("said", ("", "echo begun;"))
    def test_who_waits_for_ever_hangs(self, folder, said):
        with mock.patch.object(mutants_stages, "WALL_LIMIT", 0.5):
            assert self.run(folder, f"{said} sleep 1000") == [Kill("hang", None, 1)]

    def test_what_runs_is_ended_by_an_interrupt_and_judged_by_nothing(self, folder):
        stopper = threading.Timer(0.5, patched.stop_children)
        stopper.start()
        try:
            with pytest.raises(KeyboardInterrupt):
                self.run(folder, "echo begun; sleep 1000")
        finally:
            stopper.join()
            patched.allow_children()


class TestCommand:
    def run(self, *arguments):
        """Runs ci/lib/mutants.py, without building."""
        return subprocess.run(["/usr/bin/python3", "ci/lib/mutants.py", *arguments], capture_output=True, text=True, check=False,
                              env={"PYTHONPATH": "fuzz:ci/lib", "PATH": "/usr/bin:/bin"}, cwd=ROOT)

    @pytest.mark.parametrize("arguments,said", ((("--stages", "nothing"), "invalid choice"),
                                                (("--sample", "0"), "not a whole number"),
                                                (("--only", "no_such_function", "--list"), "called no_such_function"),
                                                (("--frobnicate",), "there is no option")))
    def test_wrong_arguments_are_refused(self, arguments, said):
        done = self.run(*arguments)
        assert done.returncode == USAGE and said in done.stderr

    def test_a_second_run_is_refused(self, folder):
        with mock.patch.object(mutants_build, "WORK", folder), patched.alone_in(folder):
            assert mutants.main(["--sample", "1"]) == ENVIRONMENT

    def test_a_base_that_git_does_not_know_is_refused(self):
        done = self.run("--changed", "no-such-commit", "--list")
        assert done.returncode == ENVIRONMENT and "no-such-commit" in done.stderr

    def test_mutants_can_be_listed(self):
        lines = self.run("--only", "kmem_free", "--list").stdout.splitlines()
        assert len(lines) > 5 and all("src/kmem.c" in line and " kmem_free: " in line for line in lines)
        assert "return `error`" not in lines

    def test_those_of_changed_lines_are_found(self):
        diff = ("--- a/src/page.c\n+++ b/src/page.c\n@@ -3,0 +4,2 @@\n+x\n+y\n@@ -9 +12 @@\n-a\n+b\n"
                "--- a/src/kmem.c\n+++ b/src/kmem.c\n@@ -1,2 +0,0 @@\n")
        done = mock.Mock(returncode=0, stdout=diff)
        with mock.patch.object(mutants.subprocess, "run", return_value=done):
            assert mutants.changed_lines("base") == {"src/page.c": {4, 5, 12}, "src/kmem.c": set()}

    def test_a_user_s_settings_of_git_hide_no_change(self, folder, monkeypatch):
        monkeypatch.chdir(folder)
        (folder / "src").mkdir()
        (folder / "src/page.c").write_text("a\n", encoding="utf-8")
        git = ["git", "-c", "user.name=a", "-c", "user.email=a@b"]
        for command in (["init", "-q"], ["config", "diff.noprefix", "true"], ["add", "."], ["commit", "-qm", "a"]):
            subprocess.run([*git, *command], check=True)
        (folder / "src/page.c").write_text("a\nb\n", encoding="utf-8")
        assert mutants.changed_lines("HEAD") == {"src/page.c": {2}}

    def test_any_line_that_a_mutant_is_on_chooses_it(self):
        source = b"if (a\n    < b)\n    c();\n"
        of = mutant()._replace(file="src/page.c", begin=4, end=14, line_number=1)
        examiner = mock.Mock(mutants={"src/page.c": [of]}, sources={"src/page.c": source})
        options = mock.Mock(only=None, changed="base", sample=None)
        chosen = []
        for line in (1, 2, 3):
            with mock.patch.object(mutants, "changed_lines", return_value={"src/page.c": {line}}):
                chosen.append(mutants.choose(examiner, options))
        assert chosen == [[of], [of], []]
