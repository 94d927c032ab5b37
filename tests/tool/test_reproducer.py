"""Tests of `kmemfuzz show FILE --c`: what it prints is compiled without the harness, with gcc and with clang, and run:
with the heap that the tool was linked with, and with the sound one. Each must come to the verdict of the harness.

The broken heaps are those of tests/planted: one for each oracle, and one for each kind of operation.

KMEM_PRESET names the build whose tool is tested (default: release). Deaths need AddressSanitizer, and build/dev.
"""

import itertools
import pathlib
import re
import resource
import signal
import subprocess
import tempfile

import broken
import pytest
from compilers import CLANG
from nights import some_by_day
from planted import SHADOWED
from tool_fixture import ENVIRONMENT, PRESET, ROOT, SOUND, TIMEOUT, TOOL, USAGE, ToolTest

HANG_SECONDS = 2  # of processor time that a reproducer of a hang is given

SHARED = tempfile.TemporaryDirectory()  # for what all tests use; removed when Python ends
CORES = {}  # objects of cores, by compiler, tree and options

COMPILERS = ("gcc", CLANG)
STRICT = ("-std=c11", "-Wall", "-Wextra", "-Wshadow", "-Wconversion", "-Werror")
SANITIZERS = ("-fsanitize=address,undefined", "-fno-sanitize-recover=all")

GROWS = "heap page=64 pages=1 growth=4\n"
FOUR = "heap page=64 pages=4\n"
# The planted bug, the oracle that finds it, and the program in which it does; the last operation is the one at fault.
CASES = (
    ("growth-not-counted", "region", GROWS + "alloc 0 100"),
    ("head-past-first-header", "region", FOUR.rstrip()),
    ("page-count-of-limit", "region", GROWS.rstrip()),
    ("taken-bit-write-precedence", "walk-ends", FOUR.rstrip()),
    ("split-remainder-lost", "block-size", FOUR + "alloc 0 24"),
    ("merge-size-from-base", "block-tiling", FOUR + "alloc 0 24\nalloc 1 24\nfree 1"),
    ("merge-right-forgotten", "free-merged", FOUR + "alloc 0 24\nfree 0"),
    ("coalesce-does-nothing", "free-merged", FOUR + "coalesce"),
    ("free-does-nothing", "taken-is-live", FOUR + "alloc 0 24\nfree 0"),
    ("realloc-shrink-keeps-tail", "live-is-taken", FOUR + "alloc 0 100\nrealloc 0 24"),
    ("realloc-not-counted", "counters", FOUR + "alloc 0 24\nrealloc 0 40"),
    ("calloc-wraps", "inside", FOUR + "calloc 0 0x8000000000000001 4"),
    ("growth-refusal-ignored", "inside", GROWS + "refuse\nalloc 0 largest+1"),
    ("alignment-ignored", "alignment", "heap page=256 pages=16\naligned 0 2048 100"),
    ("realloc-grows-into-taken", "disjoint", FOUR + "alloc 0 24\nalloc 1 24\nrealloc 0 usable+24"),
    ("growth-marks-end", "guards", GROWS + "alloc 0 100"),
    ("last-fit", "placement", FOUR + "alloc 0 24\nalloc 1 24\nfree 0\nalloc 2 24"),
    ("exact-fit-refused", "placement", FOUR + "alloc 0 largest"),
    ("misaligned-pointer-accepted", "refusal-named", FOUR + "alloc 0 24\nmisaligned 0 0"),
    ("double-free-accepted", "refusal-named", FOUR + "alloc 0 24\nfree 0\ndouble 0"),
    ("foreign-pointer-at-end", "refusal-named", FOUR + "foreign 0"),
    ("null-free-keeps-old-error", "refusal-named", FOUR + "alloc 0 max-3\nnull"),
    ("interior-pointer-frees-and-reports", "refusal-untouched", FOUR + "alloc 0 100\ninterior 0 3"),
    ("growth-one-page-too-many", "growth", GROWS + "alloc 0 tail+60"),
    ("growth-asks-page-by-page", "growth", GROWS + "alloc 0 200"),
    ("usable-size-includes-header", "usable-size", FOUR + "alloc 0 24"),
    ("usable-size-of-bad-pointer", "usable-size", FOUR + "alloc 0 24\nfree 0\ndouble 0"),
    ("merge-writes-footer-too-far", "contents-kept", FOUR + "alloc 0 24\nalloc 1 24\nalloc 2 24\nfree 1"),
    ("damage-corrupt-taken-for-room", "damage-inside", FOUR + "alloc 0 24\ndamage 0 0 alloc 24"),
    ("damage-neighbour-trusted", "damage-reported", FOUR + "alloc 0 24\nalloc 1 24\ndamage 0 1"),
    ("damage-reported-as-exhausted", "damage-reported", FOUR + "alloc 0 24\nalloc 1 24\ndamage 1 2 alloc 24"),
    ("damage-coalesce-stops-in-silence", "damage-reported", FOUR + "alloc 0 24\ndamage 0 0 coalesce"),
    ("damage-free-writes-then-reports", "damage-untouched", FOUR + "alloc 0 24\nalloc 1 24\ndamage 0 1"),
    ("start-accepts-no-page", "start-refused", FOUR.rstrip()),
    ("start-accepts-small-pages", "start-refused", FOUR.rstrip()),
    ("zalloc-leaves-slack", "contents-zeroed", FOUR + "zalloc 0 20"),
    ("realloc-loses-last-word", "contents-moved", FOUR + "alloc 0 24\nalloc 1 24\nrealloc 0 usable+24"),
)
# Those that kill the subject: what the tool says of them.
DEATHS = (
    ("zalloc-clears-one-word-more", "sanitizer", FOUR + "alloc 0 24\nzalloc 1 40"),
    ("walk-stands-still", "hang", FOUR + "alloc 0 24\nalloc 1 24\nfree 0\nfree 1"),
)
# Those that need AddressSanitizer to be seen.
POISON = (
    ("poison-forgotten-by-init", "poison", FOUR + "alloc 0 24"),
    ("poison-forgotten-by-free", "poison", FOUR + "alloc 0 24\nfree 0"),
    ("poison-kept-on-resize", "poison", FOUR + "alloc 0 8\nrealloc 0 21"),
)

# Every kind of operation, every way to say a size, every misuse by free and by realloc, growth given and refused.
EVERYTHING = """kmem-program 2
heap page=64 pages=4 growth=5 slots=16 refuse=1
alloc 0 24
zalloc 1 tail-100
calloc 2 3 8
aligned 3 64 first-20
aligned 4 24 8
realloc 0 usable+9
free 1
coalesce
double 1
double 1 realloc
interior 2 0
interior 2 2 realloc
misaligned 0 3
misaligned 3 6 realloc
foreign 0
foreign 1 realloc
foreign 6
foreign 7
null
alloc 5 largest+40
refuse
alloc 6 largest+1
alloc 6 largest+2
alloc 7 max-7
alloc 7 2^63
calloc 7 0xffffffffffffffff 2
zalloc 8 2^32+1
realloc 0 max
realloc 2 0
alloc 9 0
realloc 3 16777215
usable 3
damage 3 0
damage 3 5 realloc 24
damage 3 12 alloc largest
damage 3 3 coalesce
"""


def text(body):
    """A program's text, from its heap line on."""
    return f"kmem-program {2 if 'damage' in body else 1}\n{body}\n"


class ReproducerTest(ToolTest):
    """A folder, tools with broken heaps, and what they print, compiled and run."""

    def must(self, *command):
        """Runs a command that has to go well. Returns its output."""
        code, output, errors = self.run_command(*command)
        assert code == SOUND, f"{command}\n{output}{errors}"
        return output

    def core(self, compiler, tree, *options):
        """The object of a tree's core; compiled once for all tests. Returns its path."""
        key = (compiler, tree, options)
        if key not in CORES:
            CORES[key] = pathlib.Path(SHARED.name, f"core{len(CORES)}.o")
            self.must(compiler, "-g", *options, "-I", tree, "-c", tree / "src" / "kmem.c", "-o", CORES[key])
        return CORES[key]

    def compile(self, compiler, source, *options):
        """A reproducer's object. The walks in it use the sound block.h, as those of the harness do."""
        compiled = source.with_suffix(f".{compiler}.o")
        self.must(compiler, "-g", *STRICT, *options, "-I", ROOT, "-c", source, "-o", compiled)
        return compiled

    def link(self, compiler, compiled, tree, *options):
        """A reproducer with the core of a tree. Returns the program's path."""
        program = compiled.with_suffix(".program")
        self.must(compiler, *options, compiled, self.core(compiler, tree, *options), "-o", program)
        return program

    def verdict_of(self, program):
        """What a reproducer comes to: 'sound', an oracle's id, 'sanitizer' or 'hang'."""
        def limit():
            resource.setrlimit(resource.RLIMIT_CPU, (HANG_SECONDS, HANG_SECONDS + 1))
        done = subprocess.run([program], capture_output=True, text=True, errors="replace", timeout=TIMEOUT, check=False,
                              preexec_fn=limit)
        if done.returncode == -signal.SIGXCPU:
            return "hang"
        asserted = re.search(r'Assertion `false && "([a-z-]+): .*" *\' failed', done.stderr)
        if asserted:
            return asserted.group(1)
        if "Sanitizer" in done.stderr or "runtime error" in done.stderr:
            return "sanitizer"
        return "sound" if done.returncode == 0 else f"{done.returncode}: {done.stderr}"

    def show(self, tool, program, name):
        """The reproducer of a program. Returns the path it is written to."""
        path = self.write(f"{name}.ops", program)
        return self.write(f"{name}.c", self.must(tool, "show", path, "--c"))

    def require_verdicts(self, source, verdicts, *options, compilers=COMPILERS):
        """A reproducer comes to these verdicts: {the tree its core is of: its verdict}."""
        for compiler in compilers:
            compiled = self.compile(compiler, source, *options)
            for tree, verdict in verdicts.items():
                assert self.verdict_of(self.link(compiler, compiled, tree,
                                                 *options)) == verdict, source.read_text(encoding="utf-8")

    def broken_tool(self, bug, preset=PRESET):
        """A tool with this bug. Returns it, and the tree of its core."""
        tool = broken.tool(preset, bug)
        return tool, tool.parent


class TestBroken(ReproducerTest):
    @pytest.mark.parametrize("compiler, bug, oracle, body",
                             some_by_day([(compiler, *case) for compiler, case in zip(itertools.cycle(COMPILERS), CASES)], 5))
    def test_with_every_planted_bug_it_names_the_oracle_and_its_sentence_and_without_the_bug_it_ends_with_0(self, compiler, bug, oracle, body):
        sentence = self.sentences()[oracle]
        tool, tree = self.broken_tool(bug)
        source = self.show(tool, text(body), "broken")
        self.require_verdicts(source, {tree: oracle, ROOT: "sound"}, compilers=(compiler,))
        shown = source.read_text(encoding="utf-8")
        assert shown.startswith(f"/* {oracle}: {sentence}\n"), shown
        assert f'"{oracle}: {sentence}"' in shown
        begun = re.findall(r'^    begin\("[0-9]+: (.*)"\);$', shown, re.MULTILINE)
        assert begun == body.splitlines()[1:]
        # What a sound tool prints for the same program has every check, and finds the same.
        complete = self.show(TOOL, text(body), "complete")
        program = self.link("gcc", self.compile("gcc", complete), tree)
        assert self.verdict_of(program) == oracle

    @pytest.mark.parametrize("bug, oracle, body", some_by_day(POISON))
    def test_wrong_poison_is_named_by_a_file_that_is_compiled_with_the_sanitizer(self, bug, oracle, body):
        tool, tree = self.broken_tool(bug, "dev")
        source = self.show(tool, text(body), bug)
        self.require_verdicts(source, {tree: oracle, ROOT: "sound"}, *SANITIZERS)
        assert "clang -g -fsanitize=address" in source.read_text("utf-8")

    def test_of_a_stray_store_it_ends_with_2_as_only_the_harness_sees_it(self):
        tool, tree = self.broken_tool("free-writes-footer", "fuzz")
        source = self.show(tool, text("alloc 0 24\nfree 0"), "stray")
        result = subprocess.run([self.link("gcc", self.compile("gcc", source), tree)], capture_output=True, text=True, check=False)
        assert (result.returncode, result.stderr) == (2, "not judged: the harness sees what this file cannot: stray-store\n")

    def test_there_is_a_bug_for_every_oracle_and_for_every_kind_of_operation(self):
        assert {oracle for _, oracle, _ in (*CASES, *POISON)} | set(SHADOWED) == set(self.sentences()) - {
            "own-check", "stray-store"}  # no call of kmem's; and what no C file sees
        kinds = set(re.findall(r'^    X\([A-Z_]+, "([a-z]+)",', (ROOT / "fuzz/program/program.h").read_text("utf-8"),
                               re.MULTILINE)) - {"largest", "first", "usable", "tail", "max"}
        kinds.remove("extend")  # kmem has no such call
        assert len(kinds) == 14
        used = {line.split()[0] for _, _, body in (*CASES, *DEATHS) for line in body.splitlines()}
        assert kinds - used == set()

    def test_what_kills_the_subject_kills_the_file_and_the_comment_says_how(self):
        words = {"sanitizer": "/* The sanitizer reports here", "hang": "/* Does not return from here"}
        for bug, oracle, body in DEATHS:
            options = SANITIZERS if oracle == "sanitizer" else ()
            tool, tree = self.broken_tool(bug, "dev")
            source = self.show(tool, text(body), bug)
            self.require_verdicts(source, {tree: oracle, ROOT: "sound"}, *options)
            assert words[oracle] in source.read_text("utf-8")
            assert source.read_text("utf-8").startswith(f"/* {oracle}: ")

    def test_it_tells_the_operation_and_the_condition_before_the_assertion(self):
        tool, tree = self.broken_tool("merge-right-forgotten")
        source = self.show(tool, text(FOUR + "alloc 0 24\nfree 0"), "broken")
        done = subprocess.run([self.link("gcc", self.compile("gcc", source), tree)], capture_output=True, text=True,
                              check=False)
        assert done.stderr.splitlines()[0] == "operation 1: free 0: not so: block.taken || !left_is_free"

    def test_a_violation_in_the_recovery_is_reproduced_with_the_frees_the_harness_makes(self):
        tool, tree = self.broken_tool("merge-right-forgotten")
        source = self.show(tool, text(FOUR + "alloc 3 24"), "broken")
        self.require_verdicts(source, {tree: "free-merged", ROOT: "sound"})
        assert 'begin("1: free 3, freeing everything at the end");' in source.read_text("utf-8")


class TestSound(ReproducerTest):
    def require_sound(self, program, name="sound"):
        source = self.show(TOOL, program, name)
        self.require_verdicts(source, {ROOT: "sound"})
        return source

    def test_every_kind_of_operation_together_is_sound(self):
        source = self.require_sound(EVERYTHING)
        self.require_verdicts(source, {ROOT: "sound"}, *SANITIZERS)
        source = source.read_text("utf-8")
        for call in ("kmem_alloc(", "kmem_zalloc(", "kmem_calloc(", "kmem_alloc_aligned(", "kmem_realloc(",
                     "kmem_free(&heap, NULL)", "kmem_free(&heap, at(", "kmem_coalesce(", "shatter();", "grant = true;",
                     "/* The page source refuses ",
                     "damage(", "repair("):
            assert call in source

    def test_sizes_are_numbers_and_a_comment_says_where_they_come_from(self):
        source = self.require_sound(text(FOUR + "alloc 0 largest-8\nalloc 1 max-7\nalloc 2 2^63+1")).read_text("utf-8")
        assert "    slot[0] = kmem_alloc(&heap, 240); /* largest-8 */\n" in source
        assert "    result = kmem_alloc(&heap, SIZE_MAX - 7); /* max-7 */\n" in source
        assert "    result = kmem_alloc(&heap, (size_t)UINT64_C(0x8000000000000001)); /* 2^63+1 */\n" in source

    @pytest.mark.night
    def test_a_program_of_one_operation_of_each_kind_compiles_and_is_sound(self):
        for kind, line in {line.split()[0]: line for line in EVERYTHING.splitlines()[2:]}.items():
            self.require_sound("kmem-program 2\n" + FOUR + line + "\n", kind)

    def test_a_program_without_operations_compiles_and_is_sound(self):
        self.require_sound("kmem-program 1\n")

    def test_the_file_needs_nothing_of_the_harness(self):
        source = self.show(TOOL, EVERYTHING, "sound").read_text("utf-8")
        includes = set(re.findall(r'#include "(.*)"', source))
        assert includes == {"src/block.h", "src/kmem.h"}

    def test_a_name_that_would_end_the_comment_does_not(self):
        shown = self.must(TOOL, "show", "--c", self.write("*/a\nb", text(FOUR + "null")))
        assert "?/a?b --c" in shown
        assert shown[:shown.index("#undef")].count("*/") == 1


class TestArguments(ReproducerTest):
    def test_wrong_arguments_end_with_2(self):
        for arguments in ((), ("a", "b"), ("--c",), ("--d", "a")):
            assert self.run_tool("show", *arguments)[0] == USAGE

    def test_a_file_that_is_missing_ends_with_3_and_one_with_an_error_with_2(self):
        assert self.run_tool("show", "missing", "--c")[0] == ENVIRONMENT
        self.write("typo.ops", "kmem-program 1\naloc 0 24\n")
        assert self.run_tool("show", "typo.ops", "--c")[0] == USAGE
