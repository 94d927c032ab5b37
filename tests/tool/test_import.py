"""Tests of `kmemfuzz import`: logs in, a program out, and every line that cannot be used named.

Two logs are real: a small program is compiled here and watched by glibc's mtrace and by ltrace. KMEM_PRESET names the
build whose tool is tested (default: release).
"""

import os
import pathlib
import re
import shutil

import pytest
from tool_fixture import ENVIRONMENT, SOUND, USAGE, ToolTest

PROGRAM = r"""
#include <mcheck.h>
#include <stdlib.h>

int main(void) {
    mtrace();
    char *volatile first = malloc(24);
    char *volatile second = calloc(3, 16);
    char *volatile nothing = NULL;
    first = realloc(first, 100);
    free(second);
    second = malloc(0);
    nothing = realloc(nothing, 40);
    free(first);
    free(second);
    nothing = realloc(nothing, 0);
    free(nothing);
    for (int i = 0; i < 20; i++) {
        first = malloc(1000 + (size_t)i);
        free(first);
    }
    muntrace();
    return 0;
}
"""
# What it does, by ltrace; mtrace does not distinguish calloc from malloc, and says nothing of free(NULL).
BY_LTRACE = ["alloc 0 24", "zalloc 1 48", "realloc 0 100", "free 1", "alloc 1 0", "alloc 1 40", "free 0", "null",
             "realloc 1 0", "null"] + [line for i in range(20) for line in (f"alloc 0 {1000 + i}", "free 0")]
BY_MTRACE = [line.replace("zalloc", "alloc").replace("realloc 1 0", "free 1") for line in BY_LTRACE]
del BY_MTRACE[9]


class ImportTest(ToolTest):
    def import_log(self, log, *arguments):
        """Imports a log into out.ops. Returns (exit code, standard output, standard error)."""
        self.write("log", log)
        return self.run_tool("import", "log", "-o", "out.ops", *arguments)

    def operations(self):
        """The operations in out.ops, without their comments, and the lines of the log that these name."""
        lines = (self.folder / "out.ops").read_text("utf-8").splitlines()
        assert lines[0] == "kmem-program 1"
        found = [re.fullmatch(r"(.*\S) +# line ([0-9]+)", line).groups() for line in lines[3:]]
        return [operation for operation, _ in found], [int(line) for _, line in found]

    def require(self, log, operations, *arguments):
        """The log becomes these operations, and a program that is sound."""
        code, output, errors = self.import_log(log, *arguments)
        assert (code, errors) == (SOUND, "")
        assert output.startswith(f"{len(operations)} operations from a log of format "), output
        assert self.operations()[0] == operations
        assert self.run_tool("run", "out.ops")[0] == SOUND

    def require_errors(self, log, *errors, arguments=()):
        """The log is refused with these complaints, and nothing is written."""
        code, output, written = self.import_log(log, *arguments)
        assert (code, output) == (USAGE, "")
        assert written.splitlines()[:len(errors)] == list(errors)
        assert not (self.folder / "out.ops").exists()


class TestReal(ImportTest):
    def compile(self):
        self.write("program.c", PROGRAM)
        assert self.run_command("gcc", "-O0", "-g", "program.c", "-o", "program")[0] == 0

    def test_what_mtrace_writes_of_a_real_program(self):
        self.compile()
        environment = dict(os.environ, MALLOC_TRACE="mtrace.log")
        if pathlib.Path("/usr/lib/x86_64-linux-gnu/libc_malloc_debug.so.0").exists():  # glibc 2.34 and later
            environment["LD_PRELOAD"] = "libc_malloc_debug.so.0"
        code, _, errors = self.run_command("./program", env=environment)
        assert (code, errors) == (0, "")
        self.require((self.folder / "mtrace.log").read_text("utf-8"), BY_MTRACE)

    def test_what_ltrace_writes_of_a_real_program(self):
        self.compile()
        assert shutil.which("ltrace") is not None, "ci/setup installs it"
        code, _, errors = self.run_command("ltrace", "-e", "malloc+free+realloc+calloc", "-o", "ltrace.log", "./program")
        assert (code, errors) == (0, "")
        self.require((self.folder / "ltrace.log").read_text("utf-8"), BY_LTRACE)


class TestPlain(ImportTest):
    def test_every_call(self):
        self.require("# a comment\n\na 1 24\nz two 0x40 # another\r\n\tr 1 100\nf two\nf 1",
                     ["alloc 0 24", "zalloc 1 64", "realloc 0 100", "free 1", "free 0"])
        assert self.operations()[1] == [3, 4, 5, 6, 7]

    def test_slots_are_the_lowest_free_ones(self):
        self.require("a a 8\na b 8\nf a\na c 8\nf b\nf c\n",
                     ["alloc 0 8", "alloc 1 8", "free 0", "alloc 0 8", "free 1", "free 0"])

    def test_a_request_of_0_bytes_has_no_payload_and_its_free_frees_null(self):
        self.require("a x 0\nr x 24\nr x 0\na y 0\nf y\n",
                     ["alloc 0 0", "alloc 0 24", "realloc 0 0", "alloc 0 0", "null"])

    def test_lines_that_are_broken_are_reported_by_their_numbers(self):
        self.require_errors(
            "a 1 24\nq 2 3\na\na 2\na 3 much\na 4 5 6\nf 1 2\na 5 0x\na 6 18446744073709551616\n",
            "log:2: error: 'q' is none of a, z, r and f",
            "log:3: error: 'a' needs an id after it",
            "log:4: error: '' is no size: a whole number of bytes belongs there",
            "log:5: error: 'much' is no size: a whole number of bytes belongs there",
            "log:6: error: '6' is one word too many",
            "log:7: error: '2' is one word too many",
            "log:8: error: '0x' is no size: a whole number of bytes belongs there",
            "log:9: error: '18446744073709551616' is no size: a whole number of bytes belongs there",
            "8 lines cannot be used; correct them, or leave them out with --skip")

    def test_ids_that_are_unknown_or_live_already_are_reported(self):
        self.require_errors("a 1 24\nf 2\nr 3 10\na 1 8\nf 1\nf 1\n",
                            "log:2: error: '2' is not live: it was never allocated here, or is freed",
                            "log:3: error: '3' is not live: it was never allocated here, or is freed",
                            "log:4: error: '1' is live already, since line 1: its free is missing",
                            "log:6: error: '1' is not live: it was never allocated here, or is freed")

    def test_sizes_that_no_heap_holds_are_reported(self):
        self.require("a 1 2097144\n", ["alloc 0 2097144"])
        (self.folder / "out.ops").unlink()
        self.require_errors("a 1 2097145\na 2 24\nr 2 9999999\n",
                            "log:1: error: 2097145 bytes are more than the largest heap has for one payload, 2097144",
                            "log:3: error: 9999999 bytes are more than the largest heap has for one payload, 2097144")

    def test_what_does_not_fit_together_is_reported_with_the_line_where_the_heap_is_full(self):
        self.require_errors("a 1 1000000\na 2 1000000\na 3 1000000\n",
                            "log:3: error: the largest heap, 2097152 bytes, is full here; cut the log off before this line")

    def test_more_payloads_than_slots_are_reported(self):
        lines = "".join(f"a {i} 8\n" for i in range(4096))
        assert self.import_log(lines)[0] == SOUND
        assert " slots=4096\n" in (self.folder / "out.ops").read_text("utf-8")
        (self.folder / "out.ops").unlink()
        self.require_errors(lines + "a more 8\n",
                            "log:4097: error: more than 4096 payloads are live here; a program has no more slots")

    @pytest.mark.parametrize("log, heap", (("a 1 24\n", "heap page=32 pages=1 slots=16"),
                                          ("a 1 25\n", "heap page=32 pages=2 slots=16"),
                                          ("a 1 16376\n", "heap page=32 pages=512 slots=16"),
                                          ("a 1 16377\n", "heap page=64 pages=257 slots=16"),
                                          ("".join(f"a {i} 8\n" for i in range(17)), "heap page=32 pages=9 slots=32"),
                                          ("a 1 0\n", "heap page=32 pages=1 slots=16")))
    def test_the_heap_is_the_smallest_that_holds_the_program(self, log, heap):
        assert self.import_log(log, "--force")[0] == SOUND
        assert (self.folder / "out.ops").read_text("utf-8").splitlines()[2] == heap
        assert "exhausted" not in self.run_tool("run", "out.ops", "--trace")[1]

    def test_skip_leaves_lines_out_and_reports_each_and_their_number(self):
        code, _, errors = self.import_log("a 1 24\nf 2\nboo\nf 1\n", "--skip")
        assert (code, errors) == (SOUND, "log:2: skipped: '2' is not live: it was never allocated here, or is "
                                  "freed\nlog:3: skipped: 'boo' is none of a, z, r and f\n2 lines skipped\n")
        assert self.operations() == (["alloc 0 24", "free 0"], [1, 4])

    def test_skipping_every_allocation_is_an_error(self):
        for log in ("a 1\na 2\n", "a 1\nf 1\n", "a 1 x\na 2 0x\nr 2 8\n"):
            code, output, errors = self.import_log(log, "--skip")
            assert (code, output) == (USAGE, "")
            assert re.search("^log: error: (it has no call that can be used|without the skipped lines "
                             "nothing in it allocates, so nothing is written)$", errors.splitlines()[-1])
            assert not (self.folder / "out.ops").exists()
        code, output, errors = self.import_log("malloc(x) = 0x10\nfree(nil) = <void>\n", "--skip")
        assert (code, output) == (USAGE, "")
        assert "log: error: without the skipped lines nothing in it allocates" in errors

    def test_a_log_without_a_call_is_an_error(self):
        for log, message in (("# nothing\n", "its first line has no known format"), ("", "it is empty"),
                             ("+++ exited (status 0) +++\n", "it has no call that can be used"),
                             ("hello world\n", "its first line has no known format")):
            code, output, errors = self.import_log(log)
            assert (code, output) == (USAGE, "")
            assert f"log: error: {message}" in errors

    def test_bytes_of_any_kind_are_shown_printable(self):
        code, _, errors = self.import_log(b"a 1 24\na \x1b[31m\xff 1 2 3\n")
        assert code == USAGE
        assert errors.isprintable() or set(errors) - {"\n"} <= set(map(chr, range(32, 127))), errors

    def test_a_file_that_exists_is_replaced_only_with_force(self):
        (self.folder / "out.ops").write_text("mine", encoding="utf-8")
        code, _, errors = self.import_log("a 1 24\n")
        assert (code, errors) == (USAGE, "kmemfuzz: out.ops exists; choose another name, or --force to replace it\n")
        assert (self.folder / "out.ops").read_text("utf-8") == "mine"
        assert self.import_log("a 1 24\n", "--force")[0] == SOUND

    def test_wrong_arguments_end_with_2_and_a_missing_log_with_3(self):
        for arguments, complaint in (((), "it takes a log and -o FILE"), (("log",), "it takes a log and -o FILE"),
                                     (("log", "-o"), "-o needs the name of the file to write"),
                                     (("--format", "gdb"), "there is no format 'gdb'; there are plain, mtrace and ltrace"),
                                     (("--format", ""), "--format needs a name: plain, mtrace or ltrace"),
                                     (("log", "-o", "a", "-o", "b"), "-o is given twice"),
                                     (("--format",), "--format needs a name: plain, mtrace or ltrace"),
                                     (("a", "b"), "'b' is one argument too many"),
                                     (("--bogus",), "there is no option '--bogus'")):
            code, output, errors = self.run_tool("import", *arguments)
            assert (code, output) == (USAGE, "")
            assert errors.splitlines()[0] == f"kmemfuzz import: {complaint}"
        assert self.run_tool("import", "missing", "-o", "x")[0] == ENVIRONMENT


class TestMtrace(ImportTest):
    def test_every_sign_with_and_without_a_caller(self):
        self.require("= Start\n@ ./a:[0x1] + 0x10 0x18\n+ 0x20 0x8\n@ ./a:(f+0x2)[0x2] < 0x10\n"
                     "@ ./a:(f+0x2)[0x2] > 0x30 0x64\n- 0x30\n- 0x20\n= End\n",
                     ["alloc 0 24", "alloc 1 8", "realloc 0 100", "free 0", "free 1"])

    def test_lines_that_are_broken_are_reported(self):
        self.require_errors("= Start\n@ a:[1] * 0x10 0x18\n+ foo 0x8\n+ 0x10\n> 0x10 0x8\n< 0x10\n- 0x20\n! 0x10 0x8\n< 0x20\n",
                            "log:2: error: there is no +, -, <, > or ! where mtrace writes one",
                            "log:3: error: 'foo' is no pointer: a number such as 0x5562b258e2a0 belongs there",
                            "log:4: error: '' is no size: a number such as 0x18 belongs there",
                            "log:5: error: no realloc was begun (<) on the line before",
                            "log:7: error: the realloc that the line before began (<) is not ended (>) here",
                            "log:8: error: this realloc failed; nothing is known of why",
                            "log:9: error: the log ends in the middle of a realloc")


    @pytest.mark.parametrize("line, message", (("- 0x10 + 0x20 0x8", "'+' is one word too many"),
                                              ("@ a:[1] - 0x10 @ a:[2] + 0x20 0x8", "'@' is one word too many"),
                                              ("- 0x10@ a:[2] + 0x20 0x8",
                                               "'0x10@' is no pointer: a number such as 0x5562b258e2a0 belongs there"),
                                              ("< 0x10 > 0x20 0x8", "'>' is one word too many"),
                                              ("+ 0x20 0x8 - 0x20", "'-' is one word too many"),
                                              ("= End + 0x20 0x8", "'+' is one word too many"),
                                              ("= End@ + 0x20 0x8", "'End@' is not a mark: Start or End must follow =")))
    def test_no_call_is_lost_that_another_writer_put_on_a_line(self, line, message):
        self.require_errors(f"= Start\n+ 0x10 0x8\n{line}\n", f"log:3: error: {message}")


class TestLtrace(ImportTest):
    def test_no_call_is_lost_that_another_writer_put_on_a_line(self):
        one = "this is more, or less, than one call of"
        for line, message in (("free(0x10) = <void>malloc(32) = 0x20", "only ' = <void>' may follow a free"),
                              ("free(0x10)malloc(32) = 0x20", f"{one} free"),
                              ("free(0x10, malloc(32) = 0x20", f"{one} free"),
                              ("malloc(8) = 0x20free(0x10) = <void>",
                               "what malloc returned is missing: a pointer must follow ' = '"),
                              ("malloc(8, free(0x10) = 0x20", f"{one} malloc"),
                              ("realloc(0x10) = 0x20", f"{one} realloc"),
                              ("calloc(1, 2, 3) = 0x20", f"{one} calloc"),
                              ("free(0x10)", "only ' = <void>' may follow a free"),
                              ("+++ exited (status 0) +++malloc(8) = 0x20",
                               "'+++ exited' is none of malloc, free, realloc and calloc"),
                              ("--- SIGCHLD (Child exited) ---malloc(8) = 0x20",
                               "'--- SIGCHLD' is none of malloc, free, realloc and calloc"),
                              ("free(0x10 <unfinished ...>malloc(8) = 0x20", "'malloc(8) = 0x20' follows an unfinished call")):
            self.require_errors(f"malloc(24) = 0x10\n{line}\n", f"log:2: error: {message}")

    @pytest.mark.parametrize("line, message", (("<... malloc(8) = 0x20free resumed> ) = <void>",
                                               "there is another call before 'resumed>'"),
                                              ("<... free resumed> )malloc(8) = <void>",
                                               "' )malloc(8)' stands in a resumed call"),
                                              ("<... free resumed> ) = <void>malloc(8) = 0x20",
                                               "only ' = <void>' may follow a free")))
    def test_no_call_is_lost_in_one_that_is_resumed(self, line, message):
        self.require_errors(f"malloc(24) = 0x10\n1 free(0x10 <unfinished ...>\n1 {line}\n", f"log:3: error: {message}",
                            arguments=("--format", "ltrace"))

    def test_threads_and_interrupted_calls(self):
        self.require("[pid 7] a->malloc(24 <unfinished ...>\n8 a->malloc(8) = 0x20\n[pid 7] <... malloc resumed> ) = 0x10\n"
                     "--- SIGCHLD (Child exited) ---\nfree(0x10) = <void>\nfree(0x20) = <void>\nfree(nil) = <void>\n",
                     ["alloc 0 8", "alloc 1 24", "free 1", "free 0", "null"], "--format", "ltrace")

    def test_lines_that_are_broken_are_reported(self):
        self.require_errors("malloc(24) = 0x10\nmalloc(24)\nmalloc(x) = 0x20\nstrlen(0x10) = 3\nhello\n"
                            "<... free resumed> ) = <void>\nfree(y) = <void>\nmalloc(8) = 0\nrealloc(0x10, 50) = 0\n"
                            "calloc(4294967296, 4294967296) = 0x30\nfree(0x10 <unfinished ...>\n",
                            "log:2: error: what malloc returned is missing: a pointer must follow ' = '",
                            "log:3: error: the arguments of malloc are no sizes",
                            "log:4: error: 'strlen' is none of malloc, free, realloc and calloc",
                            "log:5: error: this is no call: NAME(ARGUMENTS) = RESULT belongs here",
                            "log:6: error: this thread has begun no call that could be resumed",
                            "log:7: error: 'y' is no pointer",
                            "log:8: error: this call returned NULL: it gave nothing that could be followed",
                            "log:9: error: this call returned NULL: nothing was moved",
                            "log:10: error: 18446744073709551615 bytes are more than the largest heap has for one payload, "
                            "2097144", "log:11: error: the log ends, and 'free(0x10 ' is unfinished")
