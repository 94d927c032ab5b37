"""Tests of ci/determinism: a heap that keeps something between runs must be caught, in every way in which it can show.

Needs the build of preset fuzz.
"""

import os
import pathlib
import re
import shutil
import subprocess

import broken
import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
SOUND, VIOLATION, USAGE, ENVIRONMENT = range(4)
# In src/kmem.c: what it says, and what makes it count its frees from one run to the next, by stores that no one tells of.
KMEM_FREE = "enum kmem_error kmem_free(struct kmem *heap, void *pointer) {\n"
REMEMBERS = (KMEM_FREE, KMEM_FREE +
             '    static unsigned frees;\n    __asm__("incl %0" : "+m"(frees));\n    if (frees > 3) {\n        __asm__ volatile("");\n    }\n')

def determinism(*arguments):
    """Runs ci/determinism. Returns (exit code, output, errors)."""
    done = subprocess.run(["./ci/determinism", *map(str, arguments)], cwd=ROOT, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout, done.stderr


class TestDeterminism:
    @pytest.mark.night
    def test_some_programs_of_the_corpus_are_judged_in_ten_ways(self):
        code, output, errors = determinism("corpus/seeds", "corpus/large")
        assert code == SOUND, output + errors
        assert output.count("\nok ") + output.startswith("ok ") == 10
        assert output.endswith("\n10 passed, 0 failed\n"), output

    @pytest.mark.night
    def test_a_core_that_remembers_earlier_runs_is_caught_by_its_coverage(self):
        build = broken.tree("fuzz", REMEMBERS, "heap_fuzzer", "kmemfuzz")
        code, output, errors = determinism("corpus/seeds", "--orders", 1, "--build", build)
        assert code == VIOLATION, output + errors
        assert "FAILED  coverage, each file twice, in one process: " in output, errors
        assert "FAILED  coverage, in one process, order 1: " in output
        assert re.search(r"corpus/seeds/\w+\.ops: coverage of \d+ features, then of \d+: \d+ are gone, \d+ are new", output)

    def test_a_program_whose_digest_changes_is_caught(self, folder):
        build = folder
        os.symlink(ROOT / "build" / "fuzz" / "heap_fuzzer", build / "heap_fuzzer")
        # A tool whose digest of a file is its place among the files.
        (build / "kmemfuzz").write_text('#!/bin/sh\nshift; n=0\nfor f in "$@"; do n=$((n + 1)); '
                                        'printf "sound  %016x     2 operations  %s\\n" $n "$f"; done\n', encoding="utf-8")
        (build / "kmemfuzz").chmod(0o755)
        code, output, _ = determinism("corpus/seeds", "--orders", 1, "--build", build)
        assert code == VIOLATION
        assert "FAILED  digests, each file twice, in one process: " in output
        assert "FAILED  digests, in one process, order 1: " in output
        assert "FAILED  coverage" not in output

    def test_programs_of_any_name_are_judged(self, folder):
        for name in (b"bad\xff.ops", b"\033]0;title\a.ops", "\u00e4 b.ops".encode()):
            shutil.copyfile(ROOT / "corpus/seeds/growth.ops", os.path.join(os.fsencode(folder), name))
        code, output, errors = determinism(folder, "--orders", 1)
        assert (code, errors) == (SOUND, "Building fuzz\n"), output

    def test_wrong_arguments_end_with_2_and_what_is_not_there_with_3(self):
        for code, arguments in ((USAGE, ["--orders", "0"]), (USAGE, ["--target", "x"]), (ENVIRONMENT, ["nowhere"])):
            assert determinism(*arguments)[0] == code
