"""Tests of kmemfuzz explain and kmemfuzz keep as those who type them see them: with bugs planted in the core that break a
rule, trip a sanitizer, die of a signal or hang, and with everything that is no crash.

Needs the presets dev and release built.
"""

import functools
import json
import os
import pathlib
import re
import shutil
import subprocess

import broken
import pytest
from compilers import CLANG
from failures import HANGING, UNMERGED, UNMERGED_REDUCED, WRITES_TO_NULL, ZEROED
from tool_fixture import ENVIRONMENT, ROOT, SOUND, TIMEOUT, USAGE, VIOLATION, ToolTest
# pylint: disable=wrong-import-order
from kmemfuzz import corpus, findings
from terminal import run_on_terminal

HEALTHY = ROOT / "build" / "release" / "kmemfuzz"
ENDINGS = (".c", ".html", ".reduced", ".reduced.ops")

REPORT = """crash: 11 operations, reduced to 1

VIOLATION free-merged: No two adjacent blocks are both free.
  operation  1: free 0 (freeing everything at the end)
  where      the free block at offset 16, right after another
  expected   one free block of 32 bytes
  observed   a second block of 16 bytes
  heap       1 page of 32 bytes, growth by 0, 16 slots

  a character is 1 byte: [ header, 0-9 a-z payload by slot, ~ slack, . free,
    ? taken by no live allocation, ^ what failed
     start     |................................|
  0  alloc 0 1 |[[[[[[[[0~~~~~~~................|
> 1  free 0    |................................|
                                ^^^^^^^^^^^^^^^^
                the second free block: 16 bytes at offset 16

  program (number, operation, what it did)
           kmem-program 1
           heap page=32 pages=1 growth=0 slots=16
        0  alloc 0 1                    -> slot 0, offset 8
  >     1  free 0                       -> freed offset 8  (freeing everything at the end)

  heap (# taken, . free, bytes with header, slot)
    before  |#16 s0|.16|
    after   |.16|.16|
"""
WRITTEN = """
  written
    crash.reduced: the reduced program, as a fuzzer takes it
    crash.reduced.ops: the same as text, to read, edit and run
    crash.c: the same in C, without the harness, to paste into a test
    crash.html: its run as a page for a browser, to step through
"""


class ExplainTest(ToolTest):
    """A folder to work in, and tools with broken heaps."""

    def tool(self, bug, preset="dev"):
        """A kmemfuzz with a broken heap."""
        return broken.tool(preset, bug)

    def write(self, name, contents=UNMERGED):
        """A file in the folder. Returns its path."""
        return super().write(name, contents)

    def run_with(self, tool, *arguments, stdin=b"", environment=None):
        """Runs a tool in the folder. Returns (exit code, standard output, standard error)."""
        return self.run_command(tool, *arguments, stdin=stdin, env=dict(os.environ, **(environment or {})))


class TestExplain(ExplainTest):
    def test_a_violation_is_explained_and_four_files_are_written(self):
        tool = self.tool("merge-right-forgotten")
        self.write("crash")
        code, output, errors = self.run_with(tool, "explain", "crash")
        assert (code, output, errors) == (VIOLATION, REPORT + WRITTEN, "")
        assert self.files() == ["crash", *(f"crash{ending}" for ending in ENDINGS)]
        assert (self.folder / "crash.reduced").read_bytes() == bytes.fromhex("01" + "00" * 13 + "010000")
        assert (self.folder / "crash.reduced.ops").read_text() == UNMERGED_REDUCED
        for name in ("crash.reduced", "crash.reduced.ops"):
            assert "VIOLATION free-merged" in self.run_with(tool, "run", name)[1]
            assert self.run_with(HEALTHY, "run", name)[0] == SOUND
        assert "VIOLATION free-merged" in (self.folder / "crash.html").read_text()

    def require_reproducer(self, bug, *flags):
        """Compiles crash.c against the broken core and against the healthy one. Returns what the first one says, which
        must fail; the other must end with 0."""
        for tree, name in ((self.tool(bug).parent, "broken"), (ROOT, "healthy")):
            subprocess.run([CLANG, "-std=c11", *flags, f"-I{tree}", self.folder / "crash.c", tree / "src/kmem.c", "-o",
                            self.folder / name], check=True, timeout=TIMEOUT)
        assert self.run_with(self.folder / "healthy") == (SOUND, "", "")
        code, output, errors = self.run_with(self.folder / "broken")
        assert code != SOUND
        return output + errors

    def test_the_reproducer_fails_by_the_same_oracle_without_the_harness(self):
        self.write("crash")
        self.run_with(self.tool("merge-right-forgotten"), "explain", "crash")
        assert "free-merged" in self.require_reproducer("merge-right-forgotten")

    def test_a_sanitizer_s_report_is_explained_in_short_with_the_function_and_the_line(self):
        self.write("crash", ZEROED)
        code, output, errors = self.run_with(self.tool("zalloc-clears-one-word-more"), "explain", "crash")
        assert (code, errors) == (VIOLATION, "")
        assert re.search(r"^crash: 10 operations, reduced to 1\n\n"
                         r"DIED in the subject: use-after-poison in kmem_zalloc\n  operation  0: zalloc 0 1\n"
                         r"  where      kmem_zalloc, src/kmem\.c:\d+\n", output)
        assert "  >     0  zalloc 0 1                   -> did not return\n" in output
        assert "(in the middle of the operation)\n" in output
        assert "==ERROR" not in output
        said = self.require_reproducer("zalloc-clears-one-word-more", "-g", "-fsanitize=address,undefined",
                                       "-DPORT_ADDRESS_SANITIZER=1")
        assert "use-after-poison" in said

    def test_a_signal_is_explained(self):
        self.write("crash", "kmem-program 1\nheap page=64 pages=4\nalloc 0 24\nalloc 1 24\nzalloc 2 40\nfree 0\n")
        code, output, errors = self.run_with(self.tool(WRITES_TO_NULL, "release"), "explain", "crash")
        assert (code, errors) == (VIOLATION, "")
        assert "crash: 4 operations, reduced to 1\n\nDIED in the subject: SIGSEGV\n  operation  0: zalloc 0 " in output
        assert len(self.files()) == 5

    def test_a_hang_is_explained(self):
        self.write("crash", HANGING)
        code, output, errors = self.run_with(self.tool("walk-stands-still"), "explain", "crash")
        assert (code, errors) == (VIOLATION, "")
        assert "crash: 5 operations, reduced to 2\n\nDIED in the subject: hang\n" in output
        assert len(self.files()) == 5

    def test_a_terminal_is_shown_colours_unless_they_are_refused(self):
        self.write("crash")
        for refused, coloured in (("", True), ("1", False)):
            code, shown = run_on_terminal([self.tool("merge-right-forgotten"), "explain", "crash", "--force"],
                                          folder=self.folder, environment=dict(os.environ, NO_COLOR=refused, TERM="xterm"))
            assert code == VIOLATION
            assert b"free-merged" in shown
            assert shown.endswith(b"to step through\r\n"), shown
            assert (b"\033[" in shown) == coloured

    def test_the_explanation_can_be_had_as_json(self):
        self.write("crash")
        code, output, _ = self.run_with(self.tool("merge-right-forgotten"), "explain", "crash", "--json")
        document = json.loads(output)
        assert code == VIOLATION
        expected = {"verdict": "violation", "oracle": "free-merged", "id": "free-merged", "program": UNMERGED_REDUCED,
                    "operations_before": 11, "operations_after": 1, "text": REPORT + WRITTEN,
                    "operation": {"index": 1, "text": "free 0", "recovery": True},
                    "files": {"reduced": "crash.reduced", "text": "crash.reduced.ops", "c": "crash.c", "html": "crash.html"}}
        assert {name: document[name] for name in expected} == expected

    def test_files_go_where_they_are_wanted(self):
        tool = self.tool("merge-right-forgotten")
        self.write("in/crash")
        (self.folder / "out").mkdir()
        for place, prefix in (("out", "out/crash"), ("out/one", "out/one")):
            code, output, _ = self.run_with(tool, "explain", "in/crash", "-o", place)
            assert code == VIOLATION
            assert f"\n  written in out/\n    {prefix[4:]}.reduced: the" in output  # the folder once
            for ending in ENDINGS:
                assert (self.folder / (prefix + ending)).is_file(), prefix + ending
        assert len(self.files()) == 9

    def test_standard_input_is_explained_when_its_files_are_named(self):
        code, _, errors = self.run_with(self.tool("merge-right-forgotten"), "explain", "-", "-o", "bug",
                                        stdin=UNMERGED.encode())
        assert (code, errors) == (VIOLATION, "")
        assert self.files() == [f"bug{ending}" for ending in ENDINGS]

    def test_it_explains_as_often_as_it_is_asked_to_and_writes_what_has_gone(self):
        tool = self.tool("merge-right-forgotten")
        self.write("crash")
        first = self.run_with(tool, "explain", "crash")
        (self.folder / "crash.html").unlink()
        assert self.run_with(tool, "explain", "crash") == first
        assert first[0] == VIOLATION
        assert self.files() == sorted(["crash", *(f"crash{ending}" for ending in ENDINGS)])
        assert self.run_with(tool, "explain", "crash") == first

    def test_a_file_that_differs_is_kept_and_so_nothing_is_written_unless_forced(self):
        tool = self.tool("merge-right-forgotten")
        self.write("crash")
        for ending in ENDINGS:
            self.write(f"crash{ending}", "precious")
            code, output, errors = self.run_with(tool, "explain", "crash")
            assert (code, output) == (VIOLATION, REPORT)
            assert errors == (f"kmemfuzz: crash{ending} exists and differs, so nothing is written; choose another place with -o, "
                              "or --force to replace it\n")
            assert self.files() == ["crash", f"crash{ending}"]
            (self.folder / f"crash{ending}").unlink()
        self.write("crash.c", "precious")
        assert self.run_with(tool, "explain", "crash", "--force")[0] == VIOLATION
        assert "precious" not in (self.folder / "crash.c").read_text()

    def require_told_and_nothing_written(self, message, *arguments):
        before = self.files()
        code, output, errors = self.run_with(self.tool("merge-right-forgotten"), "explain", *arguments)
        assert (code, output) == (ENVIRONMENT, REPORT)
        assert message in errors
        assert self.files() == before

    def test_a_folder_that_cannot_be_written_is_named_and_the_explanation_is_printed_all_the_same(self):
        self.write("crash")
        self.require_told_and_nothing_written("cannot write gone/bug.reduced: No such file or directory", "crash", "-o",
                                              "gone/bug")

    def test_when_one_file_cannot_be_written_none_is(self):
        self.write("crash")
        (self.folder / "bug.html").mkdir()
        tool = self.tool("merge-right-forgotten")
        assert self.run_with(tool, "explain", "crash", "-o", "bug")[0] == VIOLATION
        assert self.files() == ["crash"]
        self.require_told_and_nothing_written("cannot write bug.html: Is a directory", "crash", "-o", "bug", "--force")

    def test_of_a_sound_file_it_says_so_and_writes_nothing(self):
        self.write("sound")
        code, output, errors = self.run_with(HEALTHY, "explain", "sound")
        assert (code, errors) == (SOUND, "")
        assert re.search(r"^sound: sound, digest [0-9a-f]{16}, \d+ operations on kmem: there is nothing to explain, and "
                         r"nothing is written\n$", output)
        code, output, _ = self.run_with(HEALTHY, "explain", "sound", "--json")
        assert (code, json.loads(output)["verdict"]) == (SOUND, "sound")
        assert self.files() == ["sound"]

    def test_garbage_is_a_program_like_any_other(self):
        self.write("garbage", bytes(range(256)) * 8)
        assert self.run_with(HEALTHY, "explain", "garbage")[0] == SOUND
        code, _, errors = self.run_with(self.tool("merge-right-forgotten"), "explain", "garbage")
        assert (code, errors) == (VIOLATION, "")

    def test_what_cannot_be_explained_is_refused(self):
        self.write("typo.ops", "kmem-program 1\naloc 0 24\n")
        for code, message, arguments in (
                (USAGE, "typo.ops:2:1: error: unknown operation 'aloc'", ("typo.ops",)),
                (ENVIRONMENT, "cannot read gone: No such file or directory", ("gone",)),
                (ENVIRONMENT, "cannot read .: Is a directory", (".",)),
                (USAGE, "it takes a program, such as", ()),
                (USAGE, "'b' is one argument too many", ("a", "b")),
                (USAGE, "there is no option '--fast'", ("--fast", "a")),
                (USAGE, "-o needs a name", ("a", "-o")),
                (USAGE, "standard input has no name; -o says", ("-",)),
                (USAGE, "standard input has no name; -o says", ("-", "-o", ".")),
                (USAGE, "--gdb writes no files and no JSON", ("a", "--gdb", "--json")),
                (USAGE, "--gdb needs standard input for itself; name a file", ("-", "--gdb")),
                (USAGE, "--gdb-commands belongs to --gdb", ("a", "--gdb-commands", "typo.ops")),
                (USAGE, "--gdb-commands needs a file with commands for gdb", ("a", "--gdb", "--gdb-commands", "gone"))):
            ended, output, errors = self.run_with(HEALTHY, "explain", *arguments)
            assert (ended, output) == (code, "")
            assert message in errors
            assert self.files() == ["typo.ops"]

    def test_help_has_an_example(self):
        code, output, errors = self.run_with(HEALTHY, "explain", "--help")
        assert (code, errors) == (SOUND, "")
        assert "Example:\n  kmemfuzz explain crash-1a2b\n" in output

    @pytest.mark.skipif(not shutil.which("gdb-multiarch"), reason="gdb-multiarch is not there")
    def test_gdb_stops_before_the_operation_that_fails_in_the_reduced_program(self):
        self.write("crash")
        self.write("look.gdb", "kmem-map\ncontinue\nprint *verdict\n")
        code, output, errors = self.run_with(self.tool("merge-right-forgotten"), "explain", "crash", "--gdb",
                                             "--gdb-commands", "look.gdb")
        assert code == VIOLATION, output + errors
        assert "violation; stopping before operation 1\n" in errors
        assert output.startswith(REPORT), output
        assert "Before operation 1: free 0  (freeing everything at the end)\n" in output
        assert "         0         16  taken  0\n" in output
        assert "free-merged: No two adjacent blocks are both free." in output
        assert self.files() == ["crash", "look.gdb"]

    def test_a_campaign_s_findings_that_are_reduced_alike_are_the_same(self):
        first = self.write("crash-1")
        second = self.write("crash-2", UNMERGED.replace("alloc 9 8\n", "alloc 9 8\nnull\n"))
        explain = functools.partial(findings.explain_program, tool=self.tool("merge-right-forgotten"), seconds=TIMEOUT)
        found = list(findings.explain_findings([first, second], explain))
        assert [(finding["id"], finding["program"], finding["duplicate_of"]) for finding in found] == [
            ("free-merged", UNMERGED_REDUCED, None), ("free-merged", UNMERGED_REDUCED, str(first))]
        assert found[0]["operations"] == (11, 1)
        assert all(pathlib.Path(path).is_file() for finding in found for path in finding["files"].values())
        assert findings.explain_program(first, HEALTHY, TIMEOUT)["problem"] == "it is sound when kmemfuzz runs it"


class TestKeep(ExplainTest):
    @pytest.fixture(autouse=True)
    def set_up_keep(self, set_up_folder_test):
        (self.folder / "tree/corpus/regressions").mkdir(parents=True)
        self.kept = self.folder / "tree/corpus/regressions"

    def keep(self, tool, *arguments, stdin=b""):
        """Keeps in a tree of its own."""
        return self.run_with(tool, "keep", *arguments, stdin=stdin,
                             environment={"KMEM_TREE": str(self.folder / "tree")})

    def test_a_failing_program_is_reduced_and_kept_as_text_that_says_what_it_failed_by(self):
        self.write("crash")
        code, output, errors = self.keep(self.tool("merge-right-forgotten"), "crash", "merge-right")
        assert (code, errors) == (SOUND, "")
        path = self.kept / "merge-right.ops"
        assert output.startswith(f"{path}: fails by free-merged, 11 operations reduced to 1\n"), output
        assert f"git add {path}" in output
        first, rest = UNMERGED_REDUCED.split("\n", 1)
        assert path.read_text() == f"{first}\n# Failed by free-merged. Reduced: no operation can be left out.\n{rest}"

    def test_what_is_kept_is_run_wherever_the_corpus_is(self):
        self.write("crash")
        broken = self.tool("merge-right-forgotten")
        assert self.keep(broken, "crash", "merge-right")[0] == SOUND
        # ci/replay runs `kmemfuzz run corpus`, kmemfuzz board `kmemfuzz pack corpus`, ci/fuzz the folders of SEED_FOLDERS.
        assert '/kmemfuzz" run corpus ' in (ROOT / "ci/replay").read_text()
        code, output, _ = self.run_with(HEALTHY, "run", "tree/corpus")
        assert code == SOUND
        assert re.search(r"^sound  .* tree/corpus/regressions/merge-right\.ops\n$", output)
        assert "VIOLATION free-merged" in self.run_with(broken, "run", "tree/corpus")[1]
        assert self.run_with(HEALTHY, "pack", "tree/corpus", "-o", "blob")[0] == SOUND
        assert re.search(r"^V 0 2 - .*\nEND 1\n$", self.run_with(HEALTHY, "replay", "blob")[1])
        assert "regressions" in corpus.SEED_FOLDERS

    def test_what_is_sound_already_is_kept_as_it_is(self):
        self.write("fixed")
        code, output, errors = self.keep(HEALTHY, "fixed", "fixed")
        assert (code, errors) == (SOUND, "")
        assert ": sound in this build, so kept as it is, with 11 operations\n" in output
        lines = (self.kept / "fixed.ops").read_text().splitlines(keepends=True)
        assert lines[1].startswith("# Kept when it was sound already"), lines[1]
        assert "".join(lines[:1] + lines[2:]) == self.run_with(HEALTHY, "show", "fixed")[1]

    def test_a_death_is_kept_too(self):
        self.write("crash", ZEROED)
        assert self.keep(self.tool("zalloc-clears-one-word-more"), "crash", "zalloc")[0] == SOUND
        assert "\n# Failed by use-after-poison in kmem_zalloc. " in (self.kept / "zalloc.ops").read_text()

    def test_a_name_in_use_is_refused_and_what_has_it_stays(self):
        self.write("crash")
        self.write("tree/corpus/regressions/taken.ops", "precious")
        code, output, errors = self.keep(self.tool("merge-right-forgotten"), "crash", "taken")
        assert (code, output) == (USAGE, "")
        assert "taken.ops exists; choose another name, as a kept program is never replaced\n" in errors
        assert (self.kept / "taken.ops").read_text() == "precious"

    def test_what_is_no_name_is_refused(self):
        self.write("crash")
        for name in ("a.ops", "../a", "a b", "\u00e4", "a" * 101):
            code, output, errors = self.keep(HEALTHY, "crash", name)
            assert (code, output) == (USAGE, "")
            assert f"'{name}' is not a valid name: it may have letters, digits, - and _" in errors
        assert self.files() == ["crash"]

    def test_what_cannot_be_kept_is_refused(self):
        self.write("typo.ops", "kmem-program 1\naloc 0 24\n")
        for code, message, arguments in (
                (USAGE, "typo.ops:2:1: error: unknown operation 'aloc'", ("typo.ops", "name")),
                (ENVIRONMENT, "cannot read gone: No such file or directory", ("gone", "name")),
                (USAGE, "it takes a program and the name to keep it by", ("typo.ops",)),
                (USAGE, "there is no option '--force'", ("--force", "typo.ops", "name")),
                (USAGE, "there is no option '-n'", ("typo.ops", "-name")),
                (USAGE, "an argument is empty where a name belongs", ("typo.ops", "")),
                (USAGE, "'c' is one argument too many", ("a", "b", "c"))):
            ended, output, errors = self.keep(HEALTHY, *arguments)
            assert (ended, output) == (code, "")
            assert message in errors
        self.kept.rmdir()
        code, _, errors = self.keep(HEALTHY, "-", "name", stdin=UNMERGED.encode())
        assert code == ENVIRONMENT
        assert "there is no corpus/regressions in the tree" in errors
