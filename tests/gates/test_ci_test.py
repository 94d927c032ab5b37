"""Tests of ci/test and .ci/run: every step is run, no code is swallowed, and no check vanishes unseen. All that the steps call
is a stub.
"""

import pathlib
import re
import shutil
import signal
import subprocess

import pytest
from gate_fixture import ENVIRONMENT, INTERNAL, ROOT, SOUND, TIMEOUT, USAGE, VIOLATION, GateTest
from processes import processes_in, wait_until, wait_until_none
from step_log import LEAST, count_log, skips_of

MANY = "100000 passed, 0 failed"
PRESETS = ("release", "dev", "everything-instrumented")
# Executions of each target: fewer would find less.
RUNS = {"heap": 60000, "kernel": 30000, "pages": 30000, "sv39": 30000, "text": 30000}
# What each step calls, in order; cmake's calls apart.
CALLS = {
    "setup": ["ci/setup"],
    "freestanding": ["ci/check-freestanding"],
    "lint": ["ci/lint"],
    "unit": [f"ctest --preset {preset} --parallel 0 --no-tests=error --verbose" for preset in PRESETS],
    "replay": ["ci/replay", "ci/determinism"],
    "fuzzers": [f"build/fuzz/{name}_fuzzer {word}" for name, runs in RUNS.items() for word in (f"-seed=1 -runs={runs}", "")],
    "tool": ["tests/allocators", "tests/gates", "tests/harness", "tests/mutants", "tests/planted", "tests/subjects", "tests/tool", "tests/two_files"],
    "rust": ["tests/rust"],
    "browser": ["tests/browser"],
    "target": ["build/release/kmemfuzz board", "tests/board"],
    "instructions": ["ci/bench target --instructions", "ci/bench choices"],
    "coverage": ["ci/coverage", "ci/coverage --target", "tests/coverage"],
    "planted": ["ci/planted"],
    "detection": ["ci/detection --sample"],
    "canaries": ["ci/planted --canaries"],
    "harness": ["ci/harness --sample"],
    "sample": ["ci/mutants --sample 60 --first --programs 1000"],
    "docs": ["ci/docs", "ci/check-docs"],
}
NIGHT = {
    "analysis": ["ci/lint --deep"],
    "subjects": ["tests/subjects"],
    "allocators": ["tests/allocators"],
    "engines": [*(f"{command}{name}" for name in ("address", "undefined", "memory", "coverage")
                  for command in ("ci/engine ", "ci/check-fuzzers build/engines/")), "ci/engine afl", "tests/engines"],
    "package": ["tests/package"],
    "walks": ["ci/check-docs --walk"],
    "workflows": ["tests/workflows"],
    "breakages": ["ci/harness"],
    "smoke": ["build/release/kmemfuzz board --smoke --programs 20000 --seed 2"],
    "mutants": ["ci/mutants"],
    "search": ["ci/bench search --deep --ways generator,both"],
    "boards": ["ci/detection"],
    "seeds": ["ci/planted --seed 2", "ci/planted --seed 3"],
    "proofs": ["tests/proofs"],
}
NIGHT["long"] = [f"{call} by night" for call in sorted(set(sum((*CALLS.values(), *NIGHT.values()), []))) if call.startswith("tests/")]
MODULE = """\
import pytest

def test_it():
    with open({calls!r}, "a") as file:
        file.write({folder!r} + "\\n")
    {body}

@pytest.mark.night
def test_what_takes_long():
    with open({calls!r}, "a") as file:
        file.write({folder!r} + " by night\\n")
"""


class TestStepsTest(GateTest):
    """A tree in which every step passes."""

    @pytest.fixture(autouse=True)
    def set_up_test_steps_test(self, set_up_gate_test):
        for name in ("pytest.ini", "tests/conftest.py"):
            self.write(name, (ROOT / name).read_text(encoding="utf-8"))
        self.stub("nproc", "0")  # pytest starts no workers then, which would take longer than these tests
        steps = [*CALLS.values(), *NIGHT.values()]
        for call in {call.split()[0] for calls in steps for call in calls}:
            if call.startswith("tests/"):
                self.module(call, "pass")
            elif call.endswith("_fuzzer"):
                self.fuzzer(call)
            else:
                self.stub(call, "[  PASSED  ] 100000 test(s)." if call == "ctest" else MANY)

    def module(self, folder, body):
        """The one module of a folder of tests, whose test has this body."""
        self.write(f"{folder}/test_{pathlib.Path(folder).name}.py",
                   MODULE.format(calls=str(self.list), folder=folder, body=body))

    def fuzzer(self, path, done="$runs"):
        """A fuzz target, which says that it has run so often."""
        self.stub(path, script='runs=${2#-runs=}; [ $# -lt 3 ] || [ "$(ls "${@: -1}")" = empty ] || exit 9\n'
                  f'[ $# -lt 3 ] || echo "Done {done} runs in 0 second(s)" >&2')

    def lower(self, *steps):
        """Takes the least counts from these steps, whose modules have one test each."""
        path = self.tree / "ci/lib/step_log.py"
        text = path.read_text(encoding="utf-8")
        for step in steps:
            text = re.sub(rf'"{step}": \d+', f'"{step}": 1', text)
        path.write_text(text, encoding="utf-8")

    def made_calls(self):
        """The calls of the stubs; those of fuzzers without their folders, those of folders of tests sorted."""
        calls = [re.sub(r"(_fuzzer -seed=1 -runs=\d+) .*| /\S+/empty$", r"\1", call) for call in self.calls()]
        return [call + " " * call.endswith("_fuzzer") for call in calls if not call.startswith(("cmake", "nproc"))]


class TestSteps(TestStepsTest):
    def expect(self, steps):
        """Every step has passed, and the calls are those expected: within a step in their order."""
        made = self.made_calls()
        assert sorted(made) == sorted(call for calls in steps.values() for call in calls)
        for calls in steps.values():
            programs = [call for call in calls if not call.startswith("tests/")]
            assert [call for call in made if call in programs] == programs

    def test_without_a_name_every_usual_step_makes_all_of_its_checks(self):
        self.lower("tool", "rust", "browser")
        output = self.require(SOUND, " passed, 0 failed, 0 skipped\n", "ci/test")
        assert re.findall(r"^ok +(\w+) ", output, re.MULTILINE) == list(CALLS)
        self.expect(CALLS)

    def test_two_steps_run_at_a_time_but_none_beside_the_one_it_takes_from(self):
        self.stub("ci/check-freestanding", MANY, script="until [ -e linted ]; do sleep 0.01; done")  # as long as the next has not run
        self.stub("ci/lint", MANY, script=": >linted")
        self.stub("ci/planted", MANY, script="sleep 0.1; : >planted")
        self.stub("ci/detection", MANY, script="[ -e planted ] || exit 1")
        output = self.require(SOUND, " passed, 0 failed", "ci/test", "detection", "lint", "freestanding", "planted")
        assert re.findall(r"^ok +(\w+) ", output, re.MULTILINE) == ["freestanding", "lint", "planted", "detection"]

    def test_none_begins_before_the_builds_are_made(self):
        self.stub("ci/setup", MANY, script="sleep 0.1; : >made")
        self.stub("ci/bench", MANY, script="[ -e made ] || exit 1")
        self.require(SOUND, " passed, 0 failed", "ci/test", "setup", "instructions")

    def test_two_of_one_command_take_turns(self):
        script = "mkdir here || exit 1; sleep 0.1; rmdir here"
        self.stub("ci/mutants", MANY, script=script)
        self.stub("ci/harness", MANY, script=script)
        self.require(SOUND, " passed, 0 failed", "ci/test", "sample", "mutants")
        self.require(SOUND, " passed, 0 failed", "ci/test", "harness", "breakages")

    def test_an_interrupt_ends_what_runs(self):
        self.stub("ci/lint", script=f"echo $$ >lint; exec sleep {TIMEOUT}")
        with subprocess.Popen(["ci/test", "lint"], cwd=self.tree, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as test:
            wait_until(lambda: (self.tree / "lint").exists(), "the step")
            test.send_signal(signal.SIGINT)
            assert "Interrupted" in test.communicate(timeout=TIMEOUT)[1]
        assert test.returncode == ENVIRONMENT
        wait_until_none(processes_in, self.tree)

    def test_a_night_runs_the_steps_that_only_it_runs(self):
        self.lower("long", "subjects", "allocators", "engines", "package", "walks", "workflows", "proofs")
        self.require(SOUND, "ok      breakages", "ci/test", "night")
        self.expect({"setup": ["ci/setup"], **NIGHT})

    def test_every_step_there_is_has_a_least_count_and_is_run_by_day_or_night(self):
        steps = re.findall(r"^step_(\w+)\(\)", (ROOT / "ci/test").read_text(encoding="utf-8"), re.MULTILINE)
        assert sorted(steps) == sorted([*CALLS, *NIGHT])
        assert sorted(LEAST) == sorted(steps)
        assert min(LEAST.values()) > 0

    def test_a_step_that_is_not_there_is_wrong_usage(self):
        self.require(USAGE, "there is no step 'nights'", "ci/test", "lint", "nights")
        assert self.calls() == []

    def test_a_call_that_fails_fails_its_step(self):
        self.lower("tool", "browser", "coverage", "target")
        programs = {step: list(dict.fromkeys(call.split()[0] for call in calls if call == calls[-1] or not call.startswith("tests/")))
                    for step, calls in CALLS.items()}  # of folders of tests, which one pytest runs, the last
        del programs["setup"]
        for index in range(max(map(len, programs.values()))):  # all that are called first, then all that are second
            failing = {step: names[index] for step, names in programs.items() if index < len(names)}
            for program in failing.values():
                if program.startswith("tests/"):
                    self.module(program, "assert False")
                else:
                    self.stub(program, MANY, code=1)
            output = self.require(VIOLATION, " failed, ", "ci/test", *failing)
            assert re.findall(r"^FAILED +(\w+) ", output, re.MULTILINE) == list(failing)
            assert "ok      setup" in output
            for program in failing.values():
                if program.startswith("tests/"):
                    self.module(program, "pass")
                elif program.startswith("build/"):
                    self.fuzzer(program)
                else:
                    self.stub(program, MANY)

    def test_a_call_whose_code_is_swallowed_but_counts_a_failure_fails_its_step(self):
        self.stub("ci/lint", "9 passed, 1 failed")
        self.require(VIOLATION, "tests failed, and it ended with 0", "ci/test", "lint")

    def test_what_cannot_be_had_and_an_internal_error_are_no_failed_test(self):
        self.stub("ci/lint", code=ENVIRONMENT)
        self.require(ENVIRONMENT, "LACKING lint", "ci/test", "lint", "freestanding")
        self.stub("ci/check-freestanding", code=INTERNAL)
        self.require(INTERNAL, "BROKEN  freestanding", "ci/test", "lint", "freestanding")
        self.stub("ci/planted", code=1)
        self.require(VIOLATION, "FAILED  planted", "ci/test", "lint", "freestanding", "planted")

    def test_a_folder_that_cannot_be_made_is_the_environment(self):
        shutil.rmtree(self.tree / "build")
        self.write("build")
        self.require(ENVIRONMENT, "The folder build/logs cannot be made or written", "ci/test", "lint")
        assert self.calls() == []

    def test_nothing_that_lies_in_build_is_judged_when_it_cannot_be_built(self):
        (self.tree / "build/logs/build-release.log").mkdir(parents=True)
        for steps in ([], ["unit"], ["lint", "fuzzers"], ["tool"], ["browser"], ["target"], ["coverage"], ["night"]):
            output = self.require(ENVIRONMENT, "LACKING setup", "ci/test", *steps)
            assert "build/logs/build-release.log cannot be written" in output
            assert self.made_calls() == ["ci/setup"]

    def test_what_a_step_judges_is_built_first(self):
        self.require(SOUND, "ok      fuzzers", "ci/test", "fuzzers")
        calls = self.calls()
        assert calls[0] == "ci/setup"
        built = [call.split()[-1] for call in calls if call.startswith("cmake --build")]
        assert built == [*PRESETS, "fuzz", "i386", "musl"]
        assert calls.index("cmake --build --preset fuzz") < calls.index(next(c for c in calls if "_fuzzer" in c))


class TestCounts(TestStepsTest):
    def test_a_step_that_runs_too_few_tests_fails(self):
        for text, count in (("", 0), ("1 passed, 0 failed", 1), ("No tests were found!!!", 0)):
            self.stub("ctest", text)
            self.require(VIOLATION, f"it ran {3 * count} tests, and {LEAST['unit']} are the least", "ci/test", "unit")

    def test_what_was_measured_with_another_clang_is_skipped_with_the_reason(self):
        self.stub("cmake/clang", "14")
        for step, what in (("instructions", "instructions were counted"), ("coverage", "coverage and its exceptions were measured")):
            output = self.require(SOUND, " 1 skipped\n", "ci/test", step)
            assert f"skipped: {what} with clang 19, and here is clang 14\n" in output
            assert not [call for call in self.calls() if call.startswith(("ci/bench", "ci/coverage"))]
        self.stub("cmake/clang", code=ENVIRONMENT)  # none at all: the step says so
        self.stub("ci/coverage", code=ENVIRONMENT)
        self.require(ENVIRONMENT, "LACKING coverage", "ci/test", "coverage")

    def test_no_other_step_is_skipped_as_a_whole(self):
        self.stub("ci/lint", "step skipped: because")
        self.require(VIOLATION, f"it ran 0 tests, and {LEAST['lint']} are the least", "ci/test", "lint")

    def test_the_measured_clang_is_taken_where_a_newer_one_is_too_but_not_from_a_choice(self):
        self.stub("ci/lint", script='echo "clang $KMEM_CLANG" >clang', output=MANY)
        self.stub("cmake/clang")
        for choice, taken in (("", "19"), ("14", "14")):
            self.require(SOUND, " passed, 0 failed", "env", f"KMEM_CLANG={choice}", "ci/test", "lint")
            assert (self.tree / "clang").read_text(encoding="utf-8") == f"clang {taken}\n"

    def test_a_module_without_a_test_fails(self):
        self.lower("browser")
        self.write("tests/browser/test_browser.py", "# nothing\n")
        self.write("tests/browser/test_other.py", MODULE.format(calls="/dev/null", folder="", body="pass"))
        self.require(VIOLATION, "tests/browser/test_browser.py: no test", "ci/test", "browser")

    def test_a_module_that_cannot_be_imported_fails(self):
        self.lower("browser")
        self.write("tests/browser/test_other.py", "import nothing_of_this_name\n")
        self.require(VIOLATION, "No module named 'nothing_of_this_name'", "ci/test", "browser")

    def test_a_folder_without_a_module_fails(self):
        self.lower("tool")
        (self.tree / "tests/planted/test_planted.py").unlink()
        self.require(VIOLATION, "tests/planted: no test", "ci/test", "tool")

    def test_a_fuzzer_that_runs_less_often_than_asked_fails(self):
        self.fuzzer("build/fuzz/text_fuzzer", done=30)
        self.require(VIOLATION, "4 passed, 1 failed", "ci/test", "fuzzers")

    def test_every_kind_of_closing_line_is_counted(self):
        log = """\
[  PASSED  ] 3 test(s).
[  FAILED  ] 2 test(s), listed below:
[  SKIPPED ] 1 test(s), listed below:
[  FAILED  ] tests: 2 test(s), listed below:
[  SKIPPED ] tests: 3 test(s), listed below:
7 passed, 1 failed
1 failed, 4 passed, 3 skipped, 2 errors in 0.15s
4 passed in 61.02s (0:01:01)
2 skipped, 1 warning in 0.10s
no tests ran in 0.01s
1 error in 0.43s
166 patches: 166 found; 9,000 executions in 1 s; all as it must be
sv39: 34 patches: 34 found
86 planted bugs and 9 kinds of misuse: rv64-sanitized the same 95; 9 s; all as it must be
all 6 configurations  1,392 inputs, 9,999 checked operations: all sound and equal
154 counts of instructions, all as in tests/board/instructions.txt
total                                    900/900 100.00 %
"""
        assert count_log(log.splitlines()) == {
            "passed": 3 + 7 + 4 + 4 + 166 + 95 + 1392 + 154 + 1, "failed": 2 + 2 + 1 + 3 + 1, "skipped": 1 + 3 + 3 + 2}

    def test_a_skip_is_shown_with_the_reason_it_gives(self):
        log = """\
[ RUN      ] first_test
skipped: no poison here
[  SKIPPED ] first_test
[ RUN      ] second_test
[  SKIPPED ] second_test
[  SKIPPED ] 2 test(s), listed below:
[  SKIPPED ] tests: 2 test(s), listed below:
[  SKIPPED ] first_test
[  SKIPPED ] second_test
SKIPPED [2] tests/tool/test_x.py:7: needs a "browser"
SKIPPED [1] ../tests/tool/test_y.py: needs: colons
"""
        assert skips_of(log.splitlines()) == [
            "first_test: no poison here", 'needs a "browser"', "needs: colons", "second_test: it does not say why"]

    def test_every_skip_of_a_unit_test_gives_a_reason(self):
        for path in (ROOT / "tests/unit").glob("*.c"):
            assert not re.search(r"\bskip\(\)", path.read_text(encoding="utf-8")), path.name


class TestHosting(GateTest):
    def test_what_the_hosting_runs_is_ci_test_and_ends_with_its_code(self):
        for code in range(5):
            self.stub("ci/test", "words", code=code)
            self.require(code, "words", ".ci/run")
            assert self.calls() == ["ci/test"]
