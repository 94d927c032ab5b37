"""Tests of kmemfuzz soak: what it runs, for how long, and the verdict that follows. What it runs are scripts here.
"""

import json
import os
import pathlib
import signal
import subprocess
import sys
import tempfile

import pytest
from folders import BESIDE, copy_commands
from kmemfuzz import soak
from kmemfuzz.campaign import TARGETS
from processes import wait_until

ROOT = pathlib.Path(__file__).resolve().parents[2]
SOUND, VIOLATION, USAGE, ENVIRONMENT = range(4)
FIGURES = {"seconds": 9.8, "executions": 1234567, "features": 42, "added": 3, "crashes": {}}
# What makes a word of the package a script.
WORD = """
presets = lambda options: []
parse_arguments = list
main = lambda arguments: os.execv("/bin/sh", ["sh", "-c", {!r}, "word", *arguments])
"""
ENGINE = "echo engine $@ >>ran"
FUZZ = f"echo \"$@\" >>ran; echo '{json.dumps(FIGURES)}'"


class TestPlan:
    def test_every_target_runs_in_every_build_and_all_together_for_the_time_asked(self):
        plan = soak.plan(8 * 3600)
        assert {(build, target) for build, target, _ in plan} == {(build, target) for build in soak.BUILDS for target in TARGETS}
        assert sum(seconds for _, _, seconds in plan) == pytest.approx(8 * 3600, abs=len(plan))

    def test_every_sanitizer_has_a_build(self):
        engines = subprocess.run(["ci/engine", "--help"], cwd=ROOT, stderr=subprocess.PIPE, text=True, check=True).stderr
        sanitizers = set(engines.splitlines()[0].split()[2].split("|")) - {"coverage", "afl"}
        assert set(soak.BUILDS) == {"fuzz", *sanitizers}

    def test_the_heap_gets_the_most_and_none_gets_nothing(self):
        seconds = {target: seconds for _, target, seconds in soak.plan(60)}
        assert max(seconds, key=seconds.get) == "heap"
        assert min(seconds.values()) >= soak.MINIMUM_SECONDS


class TestVerdict:
    def soak(self, fuzz=FUZZ, board="echo all replayed", determinism="echo '10 passed, 0 failed'", engine=ENGINE,
             during=None, arguments=("--minutes", "1")):
        """Runs kmemfuzz soak with scripts as its commands. Returns (exit code, output, errors, the campaigns that ran)."""
        with tempfile.TemporaryDirectory() as folder:
            tree = pathlib.Path(folder)
            copy_commands(tree, "ci/lib", "fuzz/kmemfuzz")
            for name, text in (("determinism", determinism), ("engine", engine)):
                (tree / "ci" / name).write_text(f"#!/bin/sh\n{text}\n", encoding="utf-8")
                (tree / "ci" / name).chmod(0o755)
            for name, text in (("campaign", fuzz), ("board_command", board)):
                with open(tree / "fuzz/kmemfuzz" / f"{name}.py", "a", encoding="utf-8") as module:
                    module.write(WORD.format(text))
            process = subprocess.Popen([sys.executable, "fuzz/kmemfuzz", "soak", *arguments], cwd=tree, env={**os.environ, **BESIDE},
                                       stdin=subprocess.DEVNULL, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                       start_new_session=True)
            if during:
                during(process, tree)
            output, errors = process.communicate(timeout=60)
            assert "Traceback" not in errors
            ran = (tree / "ran").read_text(encoding="utf-8").splitlines() if (tree / "ran").exists() else []
            return process.returncode, output, errors, ran

    def require_verdict(self, words, code, **more):
        """The last line must be this verdict."""
        result, output, _, ran = self.soak(**more)
        assert (output.splitlines()[-1], result) == (f"verdict: {words}", code), output
        return output, ran

    def test_sound_when_all_is_and_each_build_is_built_once_and_then_all_targets_run_in_it(self):
        output, ran = self.require_verdict("SOUND", SOUND)
        assert "\nok      heap, fuzz           10 s, 1,234,567 executions, 42 features, 3 new inputs, no crash\n" in output
        assert "\nok      replay on the boards all replayed\n" in output
        expected = []
        for build in soak.BUILDS:
            expected += [f"engine {build}"] if build != "fuzz" else []
            folder = f" --build build/engines/{build}" if build != "fuzz" else ""
            expected += [f"--for 10s --target {target} --json{folder}" for target in TARGETS]
        assert ran == expected

    def test_unfinished_when_a_build_cannot_be_had_and_the_others_run_nevertheless(self):
        output, ran = self.require_verdict("UNFINISHED: a stage could not be done", ENVIRONMENT,
                                           engine=f"{ENGINE}; [ $1 != memory ]")
        assert "\nFAILED  build of memory      ci/engine memory ended with code 1\n" in output
        assert len([line for line in ran if line.startswith("--for")]) == (len(soak.BUILDS) - 1) * len(TARGETS)

    def test_broken_by_a_crash_and_all_else_runs_nevertheless(self):
        _, ran = self.require_verdict("BROKEN", VIOLATION, fuzz=FUZZ + '; [ "$4" != pages ]')
        assert len([line for line in ran if line.startswith("--for")]) == len(soak.BUILDS) * len(TARGETS)

    def test_broken_by_a_board_that_differs(self):
        self.require_verdict("BROKEN", VIOLATION, board="echo 1 differs; exit 1")

    def test_broken_by_a_corpus_that_is_not_deterministic(self):
        self.require_verdict("BROKEN", VIOLATION, determinism="exit 1")

    def test_unfinished_when_a_stage_cannot_be_done(self):
        self.require_verdict("UNFINISHED: a stage could not be done", ENVIRONMENT, fuzz="exit 3")

    def test_unfinished_when_it_is_stopped_and_the_campaign_ends_in_good_order(self):
        def stop(process, tree):
            wait_until((tree / "ran").exists, "the first campaign")
            os.kill(process.pid, signal.SIGINT)
        fuzz = f"trap 'cat figures; exit 0' TERM; echo '{json.dumps(FIGURES)}' >figures; echo \"$@\" >>ran; " \
               "while :; do sleep 0.05; done"
        _, ran = self.require_verdict("UNFINISHED: it was stopped", ENVIRONMENT, fuzz=fuzz, during=stop)
        assert len(ran) == 1

    def test_wrong_arguments_end_with_2(self):
        for arguments in ([], ["--hours", "0"], ["--hours", "1", "--minutes", "1"], ["--hours", "soon"]):
            code, output, errors, ran = self.soak(arguments=arguments)
            assert (code, output, ran) == (USAGE, "", [])
            assert "Usage: kmemfuzz soak" in errors
