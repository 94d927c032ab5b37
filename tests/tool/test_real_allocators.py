"""Random programs on heaps that no fuzzer runs on: those of tests/subjects in a build for 32 bits."""

import os
import pathlib
import re
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = ROOT / "build"
OPERATIONS = 20000
TIMEOUT = 240  # seconds a run may take on a busy machine before it counts as hanging
SOUND, VIOLATION = range(2)
HEAPS = ("buddy_heap", "bump_heap", "class_heap", "cpp_heap", "global_heap", "list_heap", "small_heap", "tag_heap")


def run(preset, heap, *arguments, **environment):
    """(exit code, output) of random programs on a heap."""
    done = subprocess.run([BUILD / preset / "tests" / "subjects" / "foreign_random_run", *map(str, arguments)],
                          env=dict(os.environ, SUBJECT=heap, **environment), timeout=TIMEOUT, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, check=False)
    return done.returncode, done.stdout


def checked(output, bits=64):
    """The checked operations of a run that was sound."""
    found = re.fullmatch(rf".+: sound, (\d+) checked operations in (\d+) programs, {bits}-bit\n", output)
    assert found and int(found[2]) >= 50, output
    return int(found[1])


class TestHeapsOf32Bits:
    @pytest.mark.parametrize("heap", HEAPS)
    def test_a_sound_one_is_not_accused(self, heap):
        code, output = run("i386", heap, OPERATIONS)
        assert (code, checked(output, 32) >= OPERATIONS) == (SOUND, True)

    def test_a_defect_is_found_and_the_program_shown(self):
        code, output = run("i386", "small_heap", OPERATIONS, SUBJECT_DEFECT="1")
        assert code == VIOLATION
        assert output.startswith("small heap: VIOLATION impossible-size at offset ")
        assert "\nkmem-program 2\nheap page=" in output

    def test_a_seed_gives_the_same_programs_again_and_another_gives_others(self):
        first, again, other = (run("i386", "bump_heap", OPERATIONS, seed) for seed in (1, 1, 2))
        assert first == again != other
