"""Tests of `kmemfuzz show FILE --c` for heaps that are not this project's: the file is compiled with the heap alone, as its
comment says, by gcc and by clang, with and without sanitizers, and run with the heap's defect and without it."""

import os
import re
import shlex
import subprocess

import pytest

from folders import FolderTest
from test_subjects import HEAPS, PROGRAMS, ROOT, TIMEOUT

SOUND, BROKEN, NOT_JUDGED = range(3)
STRICT = ("-std=c11", "-Wall", "-Wextra", "-Wshadow", "-Wconversion", "-Werror")
SANITIZERS = ("-fsanitize=address,undefined", "-fno-sanitize-recover=all")
COMPILERS = (("gcc",), ("clang-19",), ("gcc", *SANITIZERS), ("clang-19", *SANITIZERS))
SMALL = "heap page=64 pages=1\n"

# A heap, its defect, what the file says is broken, and the program.
CASES = (
    ("list_heap", "GRANTS_TOO_MUCH", "impossible-size", SMALL + "alloc 0 max"),
    ("list_heap", "MISALIGNS", "alignment", SMALL + "alloc 0 5\nalloc 0 1"),
    ("list_heap", "ZEROES_TOO_LITTLE", "contents-zeroed", SMALL + "zalloc 0 1"),
    ("list_heap", "MOVES_TOO_LITTLE", "contents-moved", SMALL + "alloc 0 9\nrealloc 0 9"),
    ("list_heap", "LOSES_THE_OLD", "resize-failed", SMALL + "alloc 0 1\nrealloc 0 100"),
    ("list_heap", "CLAIMS_LESS", "usable-size", SMALL + "alloc 0 1"),
    ("list_heap", "GRANTS_NOTHING", "liveness", "heap page=1024 pages=1"),
    ("list_heap", "FORGETS_THE_LEAST", "leak", SMALL + "alloc 0 1\nalloc 0 45"),
    ("list_heap", "DISORDERS", "own-check", SMALL + "aligned 0 8 1"),
    ("buddy_heap", "SHRINKS_TO_FREE", "disjoint", "heap page=64 pages=4\nalloc 0 100\nrealloc 0 20\nalloc 1 20\nrealloc 0 100"),
    ("class_heap", "CLAIMS_TOO_MUCH", "assertion", "heap page=1024 pages=1"),
    ("fit_heap", "TAKES_THE_LAST", "placement", "heap page=256 pages=1\nalloc 0 16\nalloc 1 16\nfree 0\nalloc 2 16"),
    ("bump_heap", "CALLOC_WRAPS", "impossible-size", SMALL + "calloc 0 0x8000000000000001 2"),
)


class TestTheFile(FolderTest):
    def show(self, heap, defect, program):
        """The C file of a program with a heap's defect (None: without one). Returns its path."""
        number = 0 if defect is None else 1 + list(HEAPS[heap]).index(defect)
        self.write("program.ops", f"kmem-program 2\n{program}\n")
        done = subprocess.run([PROGRAMS / "foreign_kmemfuzz", "show", "--c", "program.ops"], cwd=self.folder, timeout=TIMEOUT,
                              env=dict(os.environ, SUBJECT=heap, SUBJECT_DEFECT=str(number)), stdout=subprocess.PIPE, text=True,
                              check=True)
        return self.write("repro.c", done.stdout)

    def table(self, heap):
        """A source that chooses the heap for a file that calls it through its table."""
        return self.write("table.c", '#include "fuzz/execute/subject.h"\n'
                          f"extern const struct subject subject_{heap};\n"
                          f"const struct subject *const subject_under_test = &subject_{heap};\n")

    def object(self, compiler, source, *flags):
        """The object of a source, in the folder; made once. Returns its path."""
        path = self.folder / "-".join((source.stem, *compiler[:2], *flags, "o")).replace("/", "_")
        if not path.exists():
            subprocess.run([*compiler, "-g", *STRICT, *flags, f"-I{ROOT}", "-c", source, "-o", path], check=True)
        return path

    def run_file(self, compiler, heap, defect):
        """(exit code, standard error) of repro.c, compiled with a heap that has a defect (None: has none)."""
        number = 0 if defect is None else 1 + list(HEAPS[heap]).index(defect)
        objects = [self.object(compiler, self.folder / "repro.c"), self.object(compiler, self.table(heap)),
                   self.object(compiler, ROOT / f"tests/subjects/{heap}.c", f"-DSUBJECT_DEFECT={number}")]
        subprocess.run([*compiler, *objects, "-o", "repro"], check=True, cwd=self.folder)
        done = subprocess.run([self.folder / "repro"], capture_output=True, text=True, errors="replace", timeout=TIMEOUT, check=False)
        return done.returncode, done.stderr

    @pytest.mark.parametrize(("heap", "defect", "oracle", "program"), CASES)
    def test_it_says_what_is_broken_and_ends_with_0_without_the_defect(self, heap, defect, oracle, program):
        shown = self.show(heap, defect, program).read_text("utf-8")
        assert shown.startswith(f"/* {oracle}: ")
        for compiler in (COMPILERS[0], COMPILERS[3]):
            code, errors = self.run_file(compiler, heap, defect)
            assert (code, re.findall("^broken: ([a-z-]+): ", errors, re.MULTILINE)) == (BROKEN, [oracle]), errors
            assert self.run_file(compiler, heap, None) == (SOUND, "")

    def test_the_command_in_its_comment_compiles_it_without_the_harness(self):
        path = self.show("list_heap", "MOVES_TOO_LITTLE", SMALL + "alloc 0 9\nrealloc 0 9")
        shown = path.read_text("utf-8")
        assert set(re.findall('#include "(.*)"', shown)) == {"tests/subjects/list_heap.h"}
        assert "list_heap_realloc(payload[0], 9)" in shown
        command = re.search(r"^ \*     (.* -o repro && ./repro)$", shown, re.MULTILINE)[1]
        program = self.folder / "repro"
        for number, code in ((0, SOUND), (1 + list(HEAPS["list_heap"]).index("MOVES_TOO_LITTLE"), BROKEN)):
            line = command.replace("DEFECT=0", f"DEFECT={number}").replace("repro.c", shlex.quote(str(path)))
            line = line.replace("-o repro && ./repro", f"-o {shlex.quote(str(program))} && {shlex.quote(str(program))}")
            assert subprocess.run(line, shell=True, cwd=ROOT, stderr=subprocess.DEVNULL, check=False).returncode == code

    def test_what_only_a_sanitizer_sees_is_not_called_sound_without_it(self):
        program = "heap page=32 pages=3\nalloc 0 0\nalloc 0 25\nrealloc 0 9\nfree 1\nrealloc 0 33"
        shown = self.show("tag_heap", "MOVES_THE_NEW_SIZE", program).read_text("utf-8")
        assert shown.startswith("/* sanitizer: ")
        assert "clang -g -I. -fsanitize=address,undefined" in shown
        for compiler in COMPILERS:
            sanitized = len(compiler) > 1
            code, errors = self.run_file(compiler, "tag_heap", None)
            assert code == (SOUND if sanitized else NOT_JUDGED), errors
            code, errors = self.run_file(compiler, "tag_heap", "MOVES_THE_NEW_SIZE")
            assert (code, "AddressSanitizer" in errors) == ((BROKEN, True) if sanitized else (NOT_JUDGED, False)), errors

    def test_what_only_the_harness_sees_is_not_called_sound(self):
        shown = self.show("list_heap", "LINKS_TOO_LOW", SMALL + "alloc 1 1\nalloc 0 1").read_text("utf-8")
        assert shown.startswith("/* stray-store: ")
        for compiler in COMPILERS:
            code, errors = self.run_file(compiler, "list_heap", None)
            assert (code, errors) == (NOT_JUDGED, "not judged: the harness sees what this file cannot: stray-store\n")
            code, errors = self.run_file(compiler, "list_heap", "LINKS_TOO_LOW")
            assert (code, "broken: contents-kept: " in errors) == (BROKEN, True)

    def test_a_sound_program_has_every_property_and_every_call(self):
        self.show("list_heap", None, "heap page=256 pages=1\nalloc 0 20\nzalloc 1 8\nrealloc 0 40\naligned 2 64 4\nusable 1\nfree 0\nalloc 3 5\nalloc 4 1")
        for compiler in COMPILERS:
            assert self.run_file(compiler, "list_heap", None) == (SOUND, "")
        for defect in ("MISALIGNS", "IGNORES_ALIGNMENT", "ZEROES_TOO_LITTLE", "MOVES_TOO_LITTLE", "CLAIMS_LESS"):
            code, errors = self.run_file(("gcc",), "list_heap", defect)
            assert (code, "broken: " in errors) == (BROKEN, True), defect

    def test_an_assertion_that_refuses_is_a_refusal(self):
        shown = self.show("class_heap", None, "heap page=1024 pages=4\nalloc 0 20\nalloc 1 1000\nfree 0").read_text("utf-8")
        assert "TRY(heap->alloc(1000))" in shown
        for compiler in COMPILERS:
            assert self.run_file(compiler, "class_heap", None) == (SOUND, "")

    def test_a_heap_that_gives_other_payloads_is_not_judged(self):
        self.show("list_heap", "SHARES_NOTHING", "heap page=1024 pages=1\nalloc 0 0")
        code, errors = self.run_file(("gcc",), "list_heap", None)
        assert (code, errors) == (NOT_JUDGED, "not judged: this heap has given other payloads than the one that was judged\n")

    def test_a_heap_that_does_not_start_is_not_judged(self):
        self.show("list_heap", None, SMALL + "alloc 0 5")
        path = self.folder / "repro.c"
        text = path.read_text("utf-8")
        path.write_text(text.replace("#define REGION_SIZE ((size_t)64)", "#define REGION_SIZE ((size_t)32)"), "utf-8")
        assert self.run_file(("gcc",), "list_heap", None) == (NOT_JUDGED, "not judged: the heap does not start\n")
