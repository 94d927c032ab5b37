"""Tests of ci/build-fuzzers and ci/engine on a heap of another repository, a small kernel's: its target is built for every engine
and judged as ours are."""

import pathlib
import re
import shutil
import subprocess
import zipfile

import pytest
from compilers import CLANG, CLANGXX

ROOT = pathlib.Path(__file__).resolve().parents[2]
KERNEL = ROOT / "tests/workflows/kernel"
ENGINES = ("address", "undefined", "memory", "coverage", "afl")
SOUND, _, USAGE, ENVIRONMENT = range(4)
TIMEOUT = 600  # seconds a command may take on a busy machine before it counts as hanging
# The line that docs/engines.md gives.
HEAP = re.search(r'^"\$SRC/kmem/ci/build-fuzzers" (--subject .*)$', (ROOT / "docs/engines.md").read_text(encoding="utf-8"), re.MULTILINE)[1].split()
SETTINGS = "subject my_heap.c\nsource ../kernel/heap.c\nflag -I../include\n"  # the same, once kmemfuzz has written it


class TestOtherHeap:
    @pytest.fixture(autouse=True)
    def set_up_other_heap(self, folder):
        self.out, self.kernel = folder / "out", folder / "small"
        shutil.copytree(KERNEL, self.kernel)

    def run_there(self, *command):
        """Runs a command at the top of that repository."""
        return subprocess.run([str(word) for word in command], cwd=self.kernel, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, timeout=TIMEOUT, check=False)

    @pytest.mark.parametrize("engine", ENGINES)
    def test_its_target_is_built_under_its_name_with_its_own_seeds_too_and_passes(self, engine):
        for name, text in (("corpus/first", "alloc 0 24\n"), ("regressions/second", "alloc 0 24\nfree 0\n"), ("regressions/long", "#" * 2000)):
            path = self.kernel / "fuzz/my_heap.fuzz" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("kmem-program 1\n" + text, encoding="utf-8")
        heap = HEAP
        if engine == "undefined":
            (self.kernel / "fuzz/my_heap.fuzz/settings").write_text(SETTINGS, encoding="utf-8")
            heap = HEAP[:2]
        done = self.run_there(ROOT / "ci/engine", engine, self.out, *heap)
        assert (done.returncode, done.stdout.splitlines()[-1]) == (SOUND, "ok      my_heap_fuzzer"), done.stdout
        assert sorted(path.name for path in self.out.iterdir()) == [
            "my_heap_fuzzer", "my_heap_fuzzer.dict", "my_heap_fuzzer.options", "my_heap_fuzzer_seed_corpus.zip"]
        with zipfile.ZipFile(self.out / "my_heap_fuzzer_seed_corpus.zip") as archive:
            assert [name for name in archive.namelist() if name in ("corpus-first", "regressions-second", "regressions-long")] == [
                "corpus-first", "regressions-second"]
        if engine == "afl":  # whose driver takes files
            done = self.run_there(self.out / "my_heap_fuzzer", self.kernel / "fuzz/my_heap.fuzz/corpus/first")
        else:
            done = self.run_there(ROOT / "ci/check-fuzzers", "--sanitizer", engine, self.out)
        assert done.returncode == SOUND, done.stdout

    @pytest.mark.parametrize("arguments, code, words", [
        (["--subject"], USAGE, "--subject needs a heap's file and its options, not nothing"),
        (["--subject", "fuzz/my_heap.c", "more"], USAGE, "--subject needs a heap's file and its options, not more"),
        (["--subject", "fuzz/my_heap.c", "--sources", "nosuch.c"], ENVIRONMENT, "nosuch.c: No such file or directory"),
        (["--subject", "fuzz/my_heap.c", "--sources", "kernel/heap.c"], ENVIRONMENT, "'heap.h' file not found"),
        (["fuzz/my_heap.c"], USAGE, "Usage: ci/build-fuzzers [--subject HEAP.c"),
    ])
    def test_what_cannot_be_built_is_said_and_leaves_no_target(self, arguments, code, words):
        variables = [f"OUT={self.out}", f"WORK={self.out}-work", f"CC={CLANG}", f"CXX={CLANGXX}", "CFLAGS=-fsanitize=fuzzer-no-link",
                     "LIB_FUZZING_ENGINE=-fsanitize=fuzzer"]
        done = self.run_there("env", *variables, ROOT / "ci/build-fuzzers", *arguments)
        assert done.returncode == code, done.stdout
        assert words in done.stdout
        assert not self.out.exists() or not [*self.out.iterdir()]
