"""Tests of `kmemfuzz show FILE --c` for heaps that are not this project's: the file is compiled with the heap alone, as its
comment says, by gcc and by clang, with and without sanitizers, and run with the heap's defect and without it."""

import os
import re
import shlex
import shutil
import subprocess

import pytest
from compilers import CLANG

from folders import FolderTest
from nights import some_by_day
from test_subjects import HEAPS, PROGRAMS, ROOT, TIMEOUT

SOUND, BROKEN, NOT_JUDGED = range(3)
STRICT = ("-std=c11", "-Wall", "-Wextra", "-Wshadow", "-Wconversion", "-Werror")
SANITIZERS = ("-fsanitize=address,undefined", "-fno-sanitize-recover=all")
COMPILERS = (("gcc",), (CLANG,), ("gcc", *SANITIZERS), (CLANG, *SANITIZERS))
SMALL = "heap page=64 pages=1\n"
TABLE = "const struct subject *const subject_under_test = &subject_{heap};\n"
OWN_TABLE = """static struct subject own;
static unsigned char memory[4096];
const struct subject *const subject_under_test = &own;
__attribute__((constructor)) static void choose(void) {{
    own = subject_{heap};
    own.facts.memory = SUBJECT_MEMORY_OWN;
    own.facts.own_memory = memory;
    own.facts.own_size = sizeof memory;
}}
"""

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
    ("anywhere_heap", "MISALIGNS", "alignment", SMALL + "alloc 0 5\nalloc 0 1"),
    ("anywhere_heap", "LOSES_THE_OLD", "resize-failed", SMALL + "alloc 0 40000\nrealloc 0 40000"),
    ("narrow_heap", "MOVES_HALF", "contents-moved", "heap page=1024 pages=4\nalloc 0 64\nrealloc 0 200"),
    ("bump_heap", "CALLOC_WRAPS", "impossible-size", SMALL + "calloc 0 0x8000000000000001 2"),
)


class TestTheFile(FolderTest):
    def show(self, heap, defect, program, lacks=""):
        """The C file of a program with a heap's defect (None: without one). Returns its path."""
        number = 0 if defect is None else 1 + list(HEAPS[heap]).index(defect)
        self.write("program.ops", f"kmem-program 2\n{program}\n")
        done = subprocess.run([PROGRAMS / "foreign_kmemfuzz", "show", "--c", "program.ops"], cwd=self.folder, timeout=TIMEOUT,
                              env=dict(os.environ, SUBJECT=heap, SUBJECT_DEFECT=str(number), SUBJECT_LACKS=lacks), stdout=subprocess.PIPE, text=True,
                              check=True)
        return self.write("repro.c", done.stdout)

    def table(self, heap, text):
        """A source that chooses the heap for a file that calls it through its table."""
        return self.write("table.c", f'#include "fuzz/execute/subject.h"\nextern const struct subject subject_{heap};\n'
                          + text.format(heap=heap))

    def object(self, compiler, source, *flags):
        """The object of a source, in the folder; made once. Returns its path."""
        path = self.folder / "-".join((source.stem, *compiler[:2], *flags, "o")).replace("/", "_")
        if not path.exists():
            subprocess.run([*compiler, "-g", *STRICT, *flags, f"-I{ROOT}", "-c", source, "-o", path], check=True)
        return path

    def run_file(self, compiler, heap, defect, table=TABLE):
        """(exit code, standard error) of repro.c, compiled with a heap that has a defect (None: has none)."""
        number = 0 if defect is None else 1 + list(HEAPS[heap]).index(defect)
        if heap == "narrow_heap":
            compiler = (*compiler, "-Wno-unused-command-line-argument", *re.search("cc -g -I. (.*) repro.c", (self.folder / "repro.c").read_text("utf-8"))[1].split())
        objects = [self.object(compiler, self.folder / "repro.c"), self.object(compiler, self.table(heap, table)),
                   self.object(compiler, ROOT / f"tests/subjects/{heap}.c", f"-DSUBJECT_DEFECT={number}")]
        subprocess.run([*compiler, *objects, "-o", "repro"], check=True, cwd=self.folder)
        done = subprocess.run([self.folder / "repro"], capture_output=True, text=True, errors="replace", timeout=TIMEOUT, check=False)
        return done.returncode, done.stderr

    @pytest.mark.parametrize(("heap", "defect", "oracle", "program"), some_by_day(CASES))
    def test_it_says_what_is_broken_and_ends_with_0_without_the_defect(self, heap, defect, oracle, program):
        shown = self.show(heap, defect, program).read_text("utf-8")
        assert shown.startswith(f"/* {oracle}: ")
        for compiler in COMPILERS if "KMEM_EXECUTIONS" in os.environ else [COMPILERS[len(program) % 2 * 3]]:  # all at night
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

    @pytest.mark.parametrize(("heap", "defect", "program"), some_by_day((
        ("more_heap", "ASKS_FOR_HALF", "heap page=64 pages=1 growth=9 refuse=1\nalloc 0 48\nalloc 1 48\nalloc 1 48\nfree 0\nalloc 2 500"),
        ("region_heap", "MERGES_ACROSS", "heap page=1024 pages=1 growth=4\nalloc 0 900\nalloc 1 900\nalloc 1 900\nrefuse\nalloc 2 900\nfree 0"),
        ("anywhere_heap", "ZEROES_TOO_LITTLE", "heap page=64 pages=1\nalloc 0 20\nzalloc 1 8\nrealloc 0 4000\nfree 0\naligned 3 64 5"),
        ("fit_heap", "TAKES_THE_LAST", "heap page=256 pages=1\nalloc 0 16\nalloc 1 16\nfree 0\nalloc 2 16"))))
    def test_a_heap_grows_as_in_the_judged_run_wherever_its_memory_is(self, heap, defect, program):
        shown = self.show(heap, None, program).read_text("utf-8")
        assert "CANNOT_JUDGE NULL" in shown and bool(re.search("^    place = [0-9N]", shown, re.MULTILINE)) == (heap == "fit_heap")
        for compiler in (COMPILERS[0], COMPILERS[3]):
            assert self.run_file(compiler, heap, None) == (SOUND, "")
            assert self.run_file(compiler, heap, defect)[0] == BROKEN

    def test_an_array_of_the_heaps_own_is_where_it_is_made(self):
        self.show("list_heap", "MISALIGNS", "heap page=64 pages=1\nalloc 0 5\nalloc 1 3000", lacks="region")
        assert "#define REGION heap->facts.own_memory" in (self.folder / "repro.c").read_text("utf-8")
        for defect, code in ((None, SOUND), ("MISALIGNS", BROKEN)):
            for compiler in (COMPILERS[0], COMPILERS[3]):
                assert self.run_file(compiler, "list_heap", defect, OWN_TABLE)[0] == code

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


class TestTheLayers(FolderTest):
    """The kernel layer and the page allocator."""

    FILES = ("src/kernel.c", "src/kmem.c", "src/kmem_print.c", "src/page.c")
    LARGE = "heap page=4096 pages=8\nzalloc 0 5000\nalloc 1 3000\nextend 1 9000\nfree 0\nextend 1 4\ninterior 1 8"
    GROWN = "heap page=64 pages=2 growth=3\nalloc 0 100\nzalloc 1 5000\nfree 0\nrealloc 1 9000\nfree 1\naligned 2 64 9\ninterior 2 8\nalloc 3 1600"

    def show(self, layer, program):
        self.write("program.ops", f"kmem-program 2\n{program}\n")
        done = subprocess.run([ROOT / "build" / "fuzz" / f"{layer}_kmemfuzz", "show", "--c", "program.ops"], cwd=self.folder,
                              timeout=TIMEOUT, stdout=subprocess.PIPE, text=True, check=True)
        return self.write("repro.c", done.stdout)

    def run_file(self, compiler, name, old, new):
        """(exit code, standard error) of repro.c with this tree's sources, in one of which a text is another."""
        shown = (self.folder / "repro.c").read_text("utf-8")
        sources = re.search(r"repro\.c (.*) -o repro", shown)[1].split()
        assert set(sources) <= set(self.FILES)
        shutil.copytree(ROOT / "src", self.folder / "src", dirs_exist_ok=True)
        text = (self.folder / name).read_text("utf-8")
        assert text.count(old) == 1
        (self.folder / name).write_text(text.replace(old, new), "utf-8")
        subprocess.run([*compiler, "-g", *STRICT, "-I.", f"-I{ROOT}", "repro.c", *sources, "-o", "repro"], cwd=self.folder, check=True)
        done = subprocess.run([self.folder / "repro"], capture_output=True, text=True, timeout=TIMEOUT, check=False)
        return done.returncode, done.stderr

    @pytest.mark.parametrize(("layer", "program", "call", "name", "old", "new"), (
        ("kernel", GROWN, "krealloc(payload[1], 9000)", "src/kernel.c", "kmem_zalloc(", "kmem_alloc("),
        ("pages", LARGE, "pages_zalloc(5000)", "src/page.c", "words[i] = 0;", "words[i] = 1;")))
    def test_its_functions_are_called_and_what_breaks_them_is_found(self, layer, program, call, name, old, new):
        assert call in self.show(layer, program).read_text("utf-8")
        for compiler in (COMPILERS[0], COMPILERS[3]):
            assert self.run_file(compiler, name, old, old) == (SOUND, "")
            assert self.run_file(compiler, name, old, new)[0] != SOUND

    @pytest.mark.parametrize("program", ("alloc 0 24\ndamage 0 0", "alloc 0 24\ncoalesce"))
    def test_what_only_the_harness_does_is_not_called_sound(self, program):
        self.show("kernel", program)
        assert self.run_file(COMPILERS[0], "src/kernel.c", "kmem_init(", "kmem_init(") == (
            NOT_JUDGED, "not judged: the harness sees what this file cannot: free blocks that are cut up, or damaged headers\n")
