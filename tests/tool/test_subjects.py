"""A heap that is not this project's, from the first byte to the explanation: tests/subjects/list_heap.c, sound and with each of
its defects, fuzzed from an empty corpus."""

import os
import pathlib
import re
import subprocess

import pytest

from folders import FolderTest

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROGRAMS = ROOT / "build" / "fuzz" / "tests" / "subjects"
EXECUTIONS = 20000
SOUND, VIOLATION = range(2)

# The defects in the order of enum list_heap_defect, from 1 on, and what has to object: an oracle, or AddressSanitizer.
DEFECTS = {
    "GRANTS_TOO_MUCH": "inside|AddressSanitizer",
    "MISALIGNS": "alignment",
    "IGNORES_ALIGNMENT": "alignment",
    "OVERLAPS": "contents-kept|disjoint",
    "LINKS_TOO_LOW": "contents-kept|contents-moved",
    "WRITES_PAST": "AddressSanitizer",
    "ZEROES_TOO_LITTLE": "contents-zeroed",
    "MOVES_TOO_LITTLE": "contents-moved",
    "LOSES_THE_OLD": "contents-kept|disjoint",
    "CLAIMS_LESS": "usable-size",
    "SHARES_NOTHING": "disjoint",
}
OVERLAP = "kmem-program 2\nheap page=256 pages=1\nalloc 0 20\nalloc 1 20\n"


class TestAListHeap(FolderTest):
    def run_with(self, defect, program, *arguments):
        """(exit code, output) of a program whose heap has a defect, by its number; 0 is none."""
        environment = dict(os.environ, LIST_HEAP_DEFECT=str(defect))
        done = subprocess.run([PROGRAMS / f"list_heap_{program}", *arguments], cwd=self.folder, env=environment,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace", check=False)
        return done.returncode, done.stdout

    def fuzz(self, defect):
        return self.run_with(defect, "fuzzer", "-seed=1", f"-runs={EXECUTIONS}", "-max_len=1024")

    def test_the_sound_one_is_not_accused(self):
        code, output = self.fuzz(0)
        assert (code, f"Done {EXECUTIONS} runs" in output) == (SOUND, True), output[-2000:]

    @pytest.mark.parametrize("name", DEFECTS)
    def test_a_defect_is_found_by_its_oracle(self, name):
        code, output = self.fuzz(1 + list(DEFECTS).index(name))
        found = re.search(r"^VIOLATION ([a-z-]+)|SUMMARY: (AddressSanitizer): (?!ABRT)", output, re.MULTILINE)
        assert code != SOUND and found, output[-2000:]
        assert re.fullmatch(DEFECTS[name], found[1] or found[2])

    def test_the_defects_are_those_of_the_heap(self):
        text = (ROOT / "tests" / "subjects" / "list_heap.h").read_text(encoding="utf-8")
        assert re.findall(r"^    LIST_HEAP_(\w+),", text, re.MULTILINE) == ["SOUND", *DEFECTS]

    def test_a_program_that_fails_is_explained_and_reduced(self):
        self.write("program.ops", OVERLAP)
        assert self.run_with(0, "kmemfuzz", "run", "program.ops")[0] == SOUND
        code, output = self.run_with(list(DEFECTS).index("OVERLAPS") + 1, "kmemfuzz", "explain", "program.ops")
        assert code == VIOLATION
        assert "VIOLATION contents-kept" in output
        assert "before  |.4|#1 s0|.59|" in output
        assert "#error" in (self.folder / "program.ops.c").read_text(encoding="utf-8")  # it would call another heap
