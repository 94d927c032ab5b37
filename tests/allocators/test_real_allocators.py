"""Random programs on heaps that no fuzzer runs on: the allocators of C libraries and others that take their place, and the heaps of
tests/subjects in 32 bits. KMEM_OPERATIONS says how many operations a real allocator is checked for."""

import os
import pathlib
import re
import subprocess

import pytest
from folders import FolderTest

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = ROOT / "build"
LIBRARIES = pathlib.Path("/usr/lib/x86_64-linux-gnu")
OPERATIONS = int(os.environ.get("KMEM_OPERATIONS", "200000"))
EMULATORS = {"i386": ["qemu-i386"]}  # kernels without support for 32-bit programs are common
FEW = 20000
MANY = 10000000  # more than a known bug needs
TIMEOUT = 240 + OPERATIONS // 2000  # seconds a run may take on a busy machine before it counts as hanging
SOUND, VIOLATION = range(2)

# The allocators: the build that runs it, and the library that takes the place of its own.
ALLOCATORS = {
    "glibc": ("release", None),
    "glibc of 32 bits": ("i386", None),
    "musl": ("musl", None),
    "jemalloc": ("release", "libjemalloc.so.2"),
    "mimalloc": ("release", "libmimalloc.so.2"),
    "tcmalloc": ("release", "libtcmalloc_minimal.so.4"),
}
KNOWN = {"mimalloc": "alignment:alloc_aligned"}  # docs/real-allocators.md says what it is
HEAPS = sorted({path.stem for path in (ROOT / "tests" / "subjects").glob("*_heap.c*")} - {"rust_heap"})  # only the fuzz build has that
CALLOC_WITHOUT_ZEROS = """\
#include <stdlib.h>
void *calloc(size_t count, size_t size) {
    return size != 0 && count > -1 / size ? NULL : malloc(count * size);
}
"""


def run(preset, heap, *arguments, **environment):
    """(exit code, output) of random programs on a heap."""
    done = subprocess.run([*EMULATORS.get(preset, ()), BUILD / preset / "tests" / "subjects" / "foreign_random_run", *map(str, arguments)],
                          env=dict(os.environ, SUBJECT=heap, **environment), timeout=TIMEOUT, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, check=False)
    return done.returncode, done.stdout


def require_sound(done, operations, bits):
    """The run is sound, and long; the dynamic linker has had nothing to say."""
    code, output = done
    found = re.fullmatch(rf"(?:\d+ programs ended at what is set aside\n)?.+: sound, (\d+) checked operations in (\d+) programs, {bits}-bit\n", output)
    assert code == SOUND and found, output
    assert int(found[1]) >= operations and int(found[2]) >= 50


class TestRealAllocators(FolderTest):
    @pytest.mark.parametrize("allocator", ALLOCATORS)
    def test_it_is_not_accused(self, allocator):
        preset, library = ALLOCATORS[allocator]
        if library is None:
            environment = {}
        elif (LIBRARIES / library).exists():
            environment = {"LD_PRELOAD": str(LIBRARIES / library)}
        else:
            pytest.skip(f"{allocator} is not installed: {LIBRARIES / library} is missing")
        if allocator in KNOWN:
            environment["SUBJECT_KNOWN"] = KNOWN[allocator]
        require_sound(run(preset, "system_malloc", OPERATIONS, **environment), OPERATIONS, 32 if preset == "i386" else 64)

    def test_a_known_bug_is_still_there(self):
        library = LIBRARIES / ALLOCATORS["mimalloc"][1]
        if not library.exists():
            pytest.skip(f"mimalloc is not installed: {library} is missing")
        code, output = run("release", "system_malloc", MANY, LD_PRELOAD=str(library))
        assert (code, output.split(" at ")[0]) == (VIOLATION, "system malloc: VIOLATION alignment")

    def test_a_bug_of_one_is_found(self):
        source = self.write("calloc.c", CALLOC_WITHOUT_ZEROS)
        library = self.folder / "calloc.so"
        subprocess.run(["gcc", "-O1", "-fno-builtin", "-shared", "-fPIC", "-o", library, source], check=True)
        code, output = run("release", "system_malloc", FEW, LD_PRELOAD=str(library))
        assert (code, output.split(" at ")[0]) == (VIOLATION, "system malloc: VIOLATION contents-zeroed")


class TestHeapsOf32Bits:
    @pytest.mark.parametrize("heap", HEAPS)
    def test_a_sound_one_is_not_accused(self, heap):
        require_sound(run("i386", heap, FEW), FEW, 32)

    def test_a_defect_is_found_and_the_program_shown(self):
        code, output = run("i386", "small_heap", FEW, SUBJECT_DEFECT="1")
        assert code == VIOLATION
        assert output.startswith("small heap: VIOLATION impossible-size at offset ")
        assert "\nkmem-program 2\nheap page=" in output

    def test_a_seed_gives_the_same_programs_again_and_another_gives_others(self):
        first, again, other = (run("i386", "bump_heap", FEW, seed) for seed in (1, 1, 2))
        assert first == again != other
