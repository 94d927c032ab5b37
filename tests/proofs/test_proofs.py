"""kmemfuzz prove at full length: a heap of 192 bytes, and the bugs planted in the heap by how far it finds them. docs/strength.md
has the counts."""

import re
import subprocess

import pytest
from broken import tool
from tool_fixture import ROOT, SOUND, VIOLATION, ToolTest

PLANTED = ROOT / "tests/planted"
BUGS = sorted(path.stem for path in PLANTED.glob("*.patch") if not path.stem.startswith(("kernel-", "page-", "sv39-", "text-")))
DEEP = sorted(f"deep/{path.stem}" for path in (PLANTED / "deep").glob("*.patch") if not path.stem.startswith(("kernel-", "page-")))

# What every operation from every layout of 96 bytes does not find, and what that lacks.
MISSED = {
    "counter-of-four-bits": "16 live blocks",
    "first-fit-gives-up": "12 free blocks that are too small",
    "merge-both-of-given-sizes": "128 bytes: 48 free, a block, 64 free",
    "null-free-keeps-old-error": "the error of a call before",
}
SANITIZED = ("free-writes-footer", "realloc-copies-new-size")  # and poison-*: in a heap under AddressSanitizer


def _preset(bug):
    return "fuzz" if bug in SANITIZED or bug.startswith("poison-") else "release"


class TestProofs(ToolTest):
    def prove(self, bug, *arguments):
        return self.prove_with(tool(_preset(bug), bug), *arguments)

    def prove_with(self, program, *arguments):
        return subprocess.run([program, "prove", *arguments], cwd=self.folder, capture_output=True, text=True,
                              errors="replace", timeout=1200, check=False)

    def test_a_heap_of_192_bytes(self):
        code, output, errors = self.run_tool("prove", "--bytes", "192", "--alphabet", "plain")
        assert (code, errors) == (SOUND, "")
        assert re.search(r"^sound: 1190674 layouts, 35166177 transitions ", output, re.MULTILINE)

    def test_a_call_that_does_not_return_is_a_violation(self):
        free = "enum kmem_error kmem_free(struct kmem *heap, void *pointer) {\n"
        hangs = (free, free + "    if (heap->taken_count == 3) {\n        for (;;) {\n        }\n    }\n")
        done = self.prove_with(tool("release", hangs), "--bytes", "64")
        assert done.returncode == VIOLATION
        assert "\nDIED in the subject: hang\n" in done.stdout

    @pytest.mark.parametrize("bug", BUGS)
    def test_bugs_by_the_operations_from_every_layout_of_96_bytes(self, bug):
        done = self.prove(bug, "--bytes", "96")
        assert done.returncode == (SOUND if bug in MISSED else VIOLATION), done.stderr
        assert "did not fail again" not in done.stdout
