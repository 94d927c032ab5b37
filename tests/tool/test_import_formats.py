"""Tests of the formats that `kmemfuzz import` reads. Some logs are real: a small program is compiled here and watched by glibc's mtrace, by
ltrace and by valgrind.

KMEM_PRESET names the build whose tool is tested (default: release).
"""

import contextlib
import os
import pathlib
import re
import shutil
import time

import pytest
from import_fixture import ImportTest
from kmemfuzz import import_formats
from kmemfuzz.import_event import LineError
from tool_fixture import SOUND, USAGE

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
BY_VALGRIND = [line.replace("realloc 1 0", "free 1") for line in BY_LTRACE]


class TestReal(ImportTest):
    def compile(self, name="program"):
        self.write("program.c", PROGRAM)
        assert self.run_command("gcc", "-O0", "-g", "program.c", "-o", name)[0] == 0

    @pytest.mark.parametrize("name", ("program", "a program (2) of [mine]"))
    def test_what_mtrace_writes_of_a_real_program(self, name):
        self.compile(name)
        environment = dict(os.environ, MALLOC_TRACE="mtrace.log")
        if pathlib.Path("/usr/lib/x86_64-linux-gnu/libc_malloc_debug.so.0").exists():  # glibc 2.34 and later
            environment["LD_PRELOAD"] = "libc_malloc_debug.so.0"
        code, _, errors = self.run_command(f"./{name}", env=environment)
        assert (code, errors) == (0, "")
        self.require((self.folder / "mtrace.log").read_text("utf-8"), BY_MTRACE)

    @pytest.mark.parametrize("options", ("", "-f", "-t", "-tt", "-ttt", "-r", "-i", "-T", "-n 2 -f", "-f -tt -l libc.so.6", "-x"))
    def test_what_ltrace_writes_of_a_real_program(self, options):
        self.compile()
        assert shutil.which("ltrace") is not None, "ci/setup installs it"
        functions = "malloc+free+realloc+calloc"
        arguments = [] if "-l" in options else [] if options == "-x" else ["-e", functions]
        code, _, errors = self.run_command("ltrace", *arguments, *options.split(), *([functions] if options == "-x" else []), "-o", "ltrace.log",
                                           "./program")
        assert (code, errors) == (0, "")
        code, _, errors = self.import_log((self.folder / "ltrace.log").read_text("utf-8"))
        assert (code, self.operations()[0]) == (SOUND, BY_LTRACE), errors
        assert "error" not in errors and "skipped" not in errors

    def test_a_realloc_that_valgrind_complains_of_in_its_line_has_its_result_in_a_later_one(self):
        code, _, errors = self.import_log("--7-- malloc(40) = 0x4A58200\n--7-- realloc(0x4A58200,0)realloc() with size 0\n"
                                          "==7==    at 0x484BDD0: realloc (vg_replace_malloc.c:1801)\n==7== \n--7--  = 0x0\n"
                                          "--7-- malloc(8) = 0x4A58200\n")
        assert (code, self.operations()[0]) == (SOUND, ["alloc 0 40", "realloc 0 0", "alloc 0 8"]), errors

    def test_what_valgrind_writes_of_a_real_program(self):
        self.compile()
        assert shutil.which("valgrind") is not None, "ci/setup installs it"
        _, _, log = self.run_command("valgrind", "--trace-malloc=yes", "./program")
        code, _, errors = self.import_log(log)
        operations = self.operations()[0]
        while operations[-1] == "null":  # of the C library's own at the end
            operations.pop()
        operations = [line.replace("realloc 1 0", "free 1") for line in operations]  # which a newer valgrind shows as what it is
        assert (code, operations) == (SOUND, BY_VALGRIND), errors

    def test_what_gdb_shows_of_a_real_program(self):
        self.write("heap.c", """
            #include <stddef.h>
            static _Alignas(16) char pool[4096];
            static size_t used;
            static void *take(size_t size) { used += 256; return size > 256 ? NULL : pool + used - 256; }
            void *kmalloc(size_t size) { return take(size); }
            void *krealloc(void *ptr, size_t size) { return ptr ? take(size) : ptr; }
            void kfree(void *ptr) { (void)ptr; }
            int main(void) {
                void *a = kmalloc(24);
                a = krealloc(a, 48);
                kmalloc(300);
                kfree(a);
                kfree(a);
            }""")
        assert self.run_command("gcc", "-O0", "-g", "heap.c", "-o", "program")[0] == 0
        commands = ["set trace-commands on", "break kmalloc", "break krealloc", "break kfree", "run", *["finish", "bt", "continue"] * 4, "finish", "delete",
                    "print kmalloc(8)", "call kfree($)", "print (char *)kmalloc(16)", "set var $q = kmalloc(8)", "kill"]
        code, output, errors = self.run_command("gdb", "-q", "-nx", "-batch", *(word for command in commands for word in ("-ex", command)), "./program")
        assert code == 0, errors
        code, _, errors = self.import_log(output)
        assert (code, self.operations()[0]) == (SOUND, ["alloc 0 24", "realloc 0 48", "alloc 1 largest+1", "free 0", "double 0", "alloc 0 8", "free 0",
                                                        "alloc 0 16"]), output + errors
        assert re.search(r"may be a call, but not as format gdb has it; it is left out$", errors, re.MULTILINE), errors
        assert "freed already" in errors


class TestDetect(ImportTest):
    @pytest.mark.parametrize("name, log, operations", (
        ("dmalloc", "1: 1: *** alloc: at 't.c:3' for 24 bytes, got '0x7f62fc8|s1'\n1: 2: *** alloc: at 't.c:4' for 48 bytes, got '0x7f62f88|s1'\n"
                    "1: 3: *** free: at 't.c:5' pnt '0x7f62fc8|s2': size 24, alloced at 't.c:3'\n"
                    "1: 4: Dumping Not-Freed Pointers Changed Since Start:\n1: 4:  not freed: '0x7f62f88|s1' (48 bytes) from 't.c:4'\n",
         ["alloc 0 24", "alloc 1 48", "free 0"]),
        ("calls", "malloc(24) = 0x2000\nfree(0x2000) = <void>\nblock 0x2000 of 24 bytes freed\n", ["alloc 0 24", "free 0"]),
        ("android", "186: malloc 0xb6038060 20\n186: valloc 0xb6039000 8\n186: free 0xb6038060\n", ["alloc 0 20", "free 0"])))
    def test_a_line_in_words_takes_no_log_from_its_format(self, name, log, operations):
        code, output, errors = self.import_log(log)
        assert (code, self.operations()[0]) == (SOUND, operations), errors
        assert f"format {name}," in output
        assert "left out" in errors

    def test_a_call_of_another_format_takes_no_log_from_words(self):
        code, output, errors = self.import_log("alloc 24 -> 0x40\nmalloc(8) = 0x90\nfreed 0x40\nalloc 8 -> 0x80\n")
        assert code == SOUND, errors
        assert "format words," in output


class TestLeftOut(ImportTest):
    def test_a_line_of_another_format_says_so(self):
        self.require("malloc(24) = 0x40\nfree(0x40)\n= Start\n@ ./a:[0x55] + 0x80 0x18\n@ ./a:[0x55] - 0x80\nfree memory at 0x40 or 0x50\nboot\n",
                     ["alloc 0 24", "free 0"],
                     notes="log:3: note: no call of an allocator is in this line; it is left out (and 1 more such line)\n"
                           "log:4: note: this line is of format mtrace; it is left out, and --format mtrace reads such lines (and 1 more such line)\n"
                           "log:6: note: this line may be a call, but not as format calls has it; it is left out\n")

    def test_an_earlier_call_that_is_an_error_stays_one_though_the_log_ends_within_a_line(self):
        stop = "Breakpoint 1, kmalloc (size={}) at h.c:1\n".format
        self.require_errors(f"{stop(24)}Value returned is $1 = (void *) 0x40\n{stop(8)}Continuing.",
                            "log:3: error: what this malloc returned is missing: gdb's finish shows it",
                            "1 line cannot be used; correct them, or leave them out with --skip")

    def test_a_log_may_end_within_a_line(self):
        self.require_errors("malloc(24) = 0x40\nmalloc(8\n", "log:2: error: this is more, or less, than a call of malloc",
                            "1 line cannot be used; correct them, or leave them out with --skip")
        self.require("malloc(24) = 0x40\nmalloc(8", ["alloc 0 24"],
                     notes="log:2: note: the log ends within this line, which is left out: this is more, or less, than a call of malloc\n")


class TestMtrace(ImportTest):
    def test_every_sign_with_and_without_a_caller(self):
        self.require("= Start\n@ ./a:[0x1] + 0x10 0x18\n+ 0x40 0x8\n@ ./a b:(f+0x2)[0x2] < 0x10\n"
                     "@ ./a:(f+0x2)[0x2] > 0x60 0x64\n- 0x60\n- 0x40\n= End\n",
                     ["alloc 0 24", "alloc 1 8", "realloc 0 100", "free 0", "free 1"])

    def test_calls_of_several_processes_on_a_line_all_count(self):
        self.require("= Start\n+ 0x10 0x8\n- 0x10 + 0x20 0x8\n@ a:[1] - 0x20 @ a:[2] + 0x20 0x9\n< 0x20 > 0x30 0x8\n",
                     ["alloc 0 8", "free 0", "alloc 0 8", "free 0", "alloc 0 9", "realloc 0 8"])

    def test_lines_that_are_broken_are_reported(self):
        self.require_errors("= Start\n+ 0x10 0x18\n@ a:[1] * 0x10 0x18\n+ foo 0x8\n+ 0x10\n> 0x10 0x8\n- 0x10@ a:[2] + 0x20 0x8\n< 0x10\n",
                            "log:3: error: this is no call as mtrace writes it: '@ a:[1] * 0x10 0x18' (and 2 more such lines)",
                            "log:5: error: '+' has no size after its pointer",
                            "log:6: error: no realloc was begun (<) before this",
                            "log:8: error: the log ends in the realloc that line 8 began",
                            "6 lines cannot be used; correct them, or leave them out with --skip")

    def test_a_realloc_that_failed_stays_one(self):
        self.require("+ 0x10 0x18\n! 0x10 0x8\n+ (nil) 0x800000\n- 0x10\n", ["alloc 0 24", "realloc 0 16777215", "alloc 1 8388608", "free 0"],
                     notes="log:2: note: the realloc to 8 bytes failed in the log: it becomes one that fails\n"
                           "log:3: note: the allocation of 8388608 bytes failed in the log: it becomes one that fails\n")


class TestCallLines(ImportTest):
    @pytest.mark.parametrize("line", (
        "malloc(24) = 0x10", "prog->malloc(24) = 0x10", "[pid 7] malloc@libc.so.6(24) = 0x10 <0.0001>", "7 12:00:01.5 malloc(24) = 16",
        "I (312) heap: malloc (24 bytes) -> 0x10", "\x1b[0;32mheap: malloc(size=24) returned 0x10\x1b[0m", "0x10 = malloc(24)",
        "xmalloc(24) @ 0x10", "_Znwm(24) = 0x10", "kmalloc(24, GFP_KERNEL) = 0x10", "heap_caps_malloc(24, 0x1000) => 0x10",
        "operator new(24) = 0x10", "--31-- malloc(0x18) = 0x10", "realloc((nil), 24) = 0x10", "a->operator new(unsigned long)(24) = 0x10"))
    def test_any_prefix_number_and_place_of_the_result(self, line):
        self.require(f"{line}\n0.001 free(0x10)\n", ["alloc 0 24", "free 0"])

    def test_as_many_digits_as_a_pointer_has_are_hexadecimal(self):
        self.require("malloc(24) = 20001000\nmalloc(8) = 20001020\nfree(20001010)\nfree(0x20001020)\nmalloc(8) = 536875264\nfree(0x20001100)\n",
                     ["alloc 0 24", "alloc 1 8", "interior 0 2", "free 1", "alloc 1 8", "free 1"],
                     notes="log:3: note: freed, but 16 bytes inside the block of line 1: it becomes interior\n")

    @pytest.mark.parametrize("line", ("free((void*)0x10)", "free((void *)0x10)", "_ZdlPvSt11align_val_t(0x10, 64, 1, 0) = 1",
                                      "a->operator delete(void*)(0x10) = <void>", "free(0x10) = <void> <0.001>"))
    def test_any_way_to_free(self, line):
        self.require(f"malloc(24) = 0x10\n{line}\nfree((nil))\n", ["alloc 0 24", "free 0", "null"])

    def test_alignments_of_cpp_and_sizes_below_0(self):
        self.require("_ZnwmSt11align_val_t(24, 64) = 0x40\noperator new(unsigned long, std::align_val_t)(8, 32) = 0x80\nmalloc(-5) = 0\n",
                     ["aligned 0 64 24", "aligned 1 32 8", "alloc 2 max-4"],
                     notes="log:3: note: the allocation of 18446744073709551611 bytes failed in the log: it becomes one that fails\n")

    def test_what_other_threads_get_while_a_block_is_moved_is_another_block(self):
        expected = ["alloc 0 100", "alloc 1 24", "realloc 0 400", "free 1", "free 0"]
        self.require("[pid 1] malloc(100) = 0x1000\n[pid 1] realloc(0x1000, 400 <unfinished ...>\n[pid 2] malloc(24) = 0x1000\n"
                     "[pid 1] <... realloc resumed> ) = 0x2000\n[pid 2] free(0x1000) = <void>\n[pid 1] free(0x2000) = <void>\n", expected)
        self.require("+ 0x1000 0x64\n< 0x1000\n+ 0x1010 0x18\n> 0x2000 0x190\n- 0x1010\n- 0x2000\n", expected)
        self.require("1 malloc(100) = 0x1000\n1 realloc(0x1000, 400 <unfinished ...>\n2 malloc(24) = 0x1000\n1 <... realloc resumed> ) = 0\n",
                     ["alloc 0 100", "alloc 1 24", "realloc 0 16777215"],
                     notes="log:3: note: the block that line 1 got is live, and this line gets it again: the memory was given twice, or a free "
                           "is missing in the log\nlog:4: note: the realloc to 400 bytes failed in the log: it becomes one that fails\n")

    def test_a_call_that_never_returns_hides_no_others(self):
        never = "this malloc never returns, and 2 calls of its thread follow"
        log = "1 malloc(24 <unfinished ...>\n1 malloc(8) = 0x20\n1 free(0x20) = <void>\n"
        self.require_errors("malloc(1) = 0x10\n" + log, f"log:2: error: {never}", "1 line cannot be used; correct them, or leave them out "
                            "with --skip")
        code, _, errors = self.import_log(log + "1 +++ exited (status 0) +++\n1 malloc(9) = 0x20\n", "--skip")
        assert (code, self.operations()[0]) == (SOUND, ["alloc 0 9"]), errors
        assert f"log:1: skipped: {never}" in errors
        code, _, errors = self.import_log("1 malloc(24 <unfinished ...>\n1 <... free resumed> ) = <void>\n1 malloc(9) = 0x20\n", "--skip")
        assert (code, self.operations()[0]) == (SOUND, ["alloc 0 9"]), errors

    def test_a_call_inside_another_counts_as_a_part_though_it_is_interrupted(self):
        self.require("1 realloc(0, 30 <unfinished ...>\n1 malloc(30 <unfinished ...>\n2 malloc(8) = 0x80\n1 <... malloc resumed> ) = 0x10\n"
                     "1 <... realloc resumed> ) = 0x10\n", ["alloc 0 8", "alloc 1 30"],
                     notes="log: note: 1 call inside of others counts as a part of them\n")

    def test_what_a_line_that_is_left_out_got_is_not_foreign(self):
        self.require('malloc(24) = 0x10\nstrdup("abc") = 0x2000\nstrcpy(0x10, "a") = 0x10\nfree(0x2000) = <void>\nfree(0x10) = <void>\n',
                     ["alloc 0 24", "free 0"],
                     notes="log:2: note: no call of an allocator is in this line; it is left out (and 1 more such line)\n"
                           "log:4: note: frees what a line that is left out got, and is left out too\n")
        self.require('malloc(8) = 0x10\nfree(0x10)\nmalloc(9) = 0x10\nstrdup("abc") = 0x2000\n', ["alloc 0 9"], "--last", "1",
                     notes="log:4: note: no call of an allocator is in this line; it is left out\n")
        self.require("kmalloc(0) = 0x10\nkmalloc(0) = 0x10\n", ["alloc 0 0", "alloc 0 0"])

    def test_a_size_that_nobody_can_give_is_an_error_that_spoils_no_other(self):
        self.require_errors("[Alloc { size: 8, align: 99999999999999999999 }]\n",
                            "log:1: error: '99999999999999999999' is no size: a whole number of bytes belongs there",
                            "1 line cannot be used; correct them, or leave them out with --skip", arguments=("--format", "list"))
        log = "malloc(24) = 0x10\nmalloc(18446744073709551615) = 0x2000\nfree(0x2000)\naligned_alloc(18446744073709551615, 4) = 0x3000\n"
        self.require_errors(log, "log:2: error: 18446744073709551615 bytes are more than any allocator can give",
                            "1 line cannot be used; correct them, or leave them out with --skip")
        assert self.import_log(log, "--skip")[0] == SOUND
        assert self.operations()[0] == ["alloc 0 24", "aligned 1 24 4"]

    def test_long_lines_are_read_at_once_or_refused(self):
        lines = ["1" * 40000, "0x30 = malloc(16) " * 3000, "malloc(" + " " * 20000, "0x" + "1" * 20000, "malloc(a" + " " * 20000 + ")",
                 "malloc(9)" + " " * 20000 + "x", "--- " * 10000, "#m:0x1;" * 8000, "kmalloc: " + "1" * 40000, "Alloc(" + "1" * 40000 + ")",
                 "bytes (@ 0x1) allocated " * 2000]
        begun = time.process_time()
        for reader in (form.reader() for form in import_formats.formats()):
            for number, line in enumerate(lines, 1):
                with contextlib.suppress(LineError):
                    reader.parse(number, line)
        assert time.process_time() - begun < 15
        self.require_errors("malloc(24) = 0x10\n" + "x" * 65537 + "\n", "log:2: error: this line has 65,538 characters; 65,536 are read at most",
                            "1 line cannot be used; correct them, or leave them out with --skip")

    def test_two_calls_on_a_line(self):
        self.require("malloc(24) = 0x10 free(0x10) = <void>malloc(32) = 0x20\nfree(0x20)malloc(8) = 0x20\n",
                     ["alloc 0 24", "free 0", "alloc 0 32", "free 0", "alloc 0 8"])

    def test_lines_of_other_things_are_left_out_and_counted(self):
        self.require("booting\nmalloc(24) = 0x10\nstrlen(0x10) = 3\n\n+++ exited (status 0) +++\n--- SIGCHLD (Child exited) ---\n",
                     ["alloc 0 24"], notes="log:1: note: no call of an allocator is in this line; it is left out (and 1 more such line)\n")

    def test_what_a_c_library_or_valgrind_says_of_a_call_is_no_call(self):
        self.require("malloc(24) = 0x10\nfree(0x10) = <void>\nfree(0x10 <no return ...>\nfree(): double free detected in tcache 2\n"
                     "malloc(): corrupted top size\n#0  0x7f10 in free () from /lib/libc.so.6\n"
                     "==7== Invalid free() / delete / delete[] / realloc()\n==7==    at 0x484B27F: free (vg_replace_malloc.c:872)\n"
                     "==00:00:00:01.000 7==  Address 0x10 is 0 bytes inside a block of size 24 free'd\n", ["alloc 0 24", "free 0", "double 0"],
                     notes="log:4: note: no call of an allocator is in this line; it is left out (and 5 more such lines)\n"
                           "log:3: note: freed already, on line 2: it becomes double\n")

    @pytest.mark.parametrize("encoding", ("utf-8-sig", "utf-16", "utf-16-be"))
    def test_any_encoding_that_a_log_names(self, encoding):
        (self.folder / "wide.log").write_bytes(("\ufeff" * (encoding == "utf-16-be") + "malloc(24) = 0x10\r\nfree(0x10)\r\n").encode(encoding))
        code, _, errors = self.run_tool("import", "wide.log", "-o", "out.ops")
        assert (code, errors) == (SOUND, "")
        assert self.operations()[0] == ["alloc 0 24", "free 0"]

    def test_calls_that_other_threads_interrupt_with_timestamps(self):
        self.require("7 10:00:00.1 a->malloc(24 <unfinished ...>\n8 10:00:00.2 a->malloc(8) = 0x20\n"
                     "7 10:00:00.3 <... malloc resumed> )      = 0x40\n8 10:00:00.4 a->free(0x20 <unfinished ...>\n"
                     "7 10:00:00.5 a->malloc(8) = 0x20\n8 10:00:00.6 <... free resumed> ) = <void>\n7 free(0x20)\n",
                     ["alloc 0 8", "alloc 1 24", "free 0", "alloc 0 8", "free 0"])

    def test_what_an_allocator_calls_inside_is_a_part_of_its_call(self):
        self.require("realloc(0, 30 <unfinished ...>\nmalloc@libc.so.6(30) = 0x10\n<... realloc resumed> ) = 0x10\n", ["alloc 0 30"],
                     notes="log: note: 1 call inside of others counts as a part of them\n")

    def test_the_call_that_a_program_died_in_counts(self):
        self.require("malloc(24) = 0x10\nfree(0x10) = <void>\nfree(0x10 <unfinished ...>\n--- SIGABRT (Aborted) ---\n"
                     "+++ killed by SIGABRT +++\n", ["alloc 0 24", "free 0", "double 0"],
                     notes="log:3: note: freed already, on line 2: it becomes double\n")
        self.require("free(0) = <void>\nmalloc(24 <unfinished ...>\n", ["null", "alloc 0 24"], "--format", "ltrace")

    @pytest.mark.parametrize("line, message", (
        ("malloc(24)", "what malloc returned is missing"), ("malloc(x) = 0x20", "'x' is no size"), ("free(y) = <void>", "'y' is no pointer"),
        ("malloc(8) = 0x20free(0x10) = <void>", "what malloc returned is missing"), ("realloc(0x10) = 0x20", "this is less than a call of realloc: '0x10'"),
        ("malloc(8, free(0x10) = 0x20", "this is more, or less, than a call of malloc"),
        ("free(0x10 <unfinished ...>malloc(8) = 0x20", "this is more, or less, than a call of free"),
        ("<... free resumed> ) = <void>", "this thread has begun no free that could be resumed"),
        ("posix_memalign(0x7ffd, 32, 100)", "what posix_memalign returned is missing"),
        ("calloc(4, 16)", "what calloc returned is missing")))
    def test_lines_that_are_broken_are_reported(self, line, message):
        self.require_errors(f"malloc(24) = 0x10\n{line}\n", f"log:2: error: {message}",
                            "1 line cannot be used; correct them, or leave them out with --skip")

    def test_every_call_that_never_returns_and_has_others_after_it_is_reported(self):
        self.require_errors("1 free(0x10 <unfinished ...>\n2 malloc(8 <unfinished ...>\n3 malloc(8) = 0x10\n1 free(0x20) = <void>\n"
                            "2 malloc(24) = 0x30\n2 free(0x30) = <void>\n",
                            "log:1: error: this free never returns, and 1 call of its thread follows (and 1 more such line)",
                            "2 lines cannot be used; correct them, or leave them out with --skip")

    def test_a_block_whose_pointer_is_not_shown_is_freed_by_the_first_that_can_be_it(self):
        self.require("posix_memalign(0x7ffd, 64, 100) = 0\nposix_memalign(0x7ffd, 16, 24) = 0\nposix_memalign(0x7ffd, 64, 8) = 0\n"
                     "malloc(8) = 0x60\nfree(0x78) = <void>\nfree(0x80) = <void>\nrealloc(0x90, 30) = 0x90\nfree(0x60) = <void>\n"
                     "free(0x80) = <void>\nfree(0x90) = <void>\nfree(0x100) = <void>\nfree(0x140) = <void>\n",
                     ["aligned 0 64 100", "aligned 1 16 24", "aligned 2 64 8", "alloc 3 8", "foreign 0", "free 0", "realloc 1 30", "free 3",
                      "double 0", "free 1", "free 2", "foreign 0"],
                     notes="log:5: note: freed, but never allocated in this log: it becomes foreign (and 1 more such line)\n"
                           "log:6: note: freed, but no line shows this pointer: it is taken for that of line 1, which its line does not show "
                           "(and 2 more such lines)\nlog:9: note: freed already, on line 6: it becomes double\n")

    def test_a_call_that_fails_says_so_in_its_own_way(self):
        self.require("malloc(8) = 0x10\nposix_memalign(0x7ffd, 64, 100) = 12\n--7-- calloc(1099511627776,1099511627776)free(0x10)\n",
                     ["alloc 0 8", "alloc 1 largest+1", "alloc 1 max", "free 0"],
                     notes="log:2: note: the allocation of 100 bytes failed in the log: it becomes one that fails (and 1 more such line)\n")

        assert re.search(r"(?m)^alloc 1 max +# line 3, 1208925819614629174706176 bytes$", (self.folder / "out.ops").read_text("utf-8"))

    def test_each_place_where_a_line_stored_a_pointer_that_is_not_shown_excuses_one_free(self):
        getline = "getline({0}, 0x7ff8, 0x10, 0) = 32\n".format
        free = "free({0}) = <void>\n".format
        self.require("malloc(8) = 0x10\n" + 2 * getline("0x7ff0") + free("0x12") + free("0x80") + free("0x80") + free("0x90") +
                     "__getdelim@libc.so.6(0x7ff0, 0x7ff8, 10, 0x10) = 4\n__asprintf_chk(0x7fe0, 1, 0x5012, 120) = 3\n" +
                     free("0x80") + free("0xb0") + free("0xc0"),
                     ["alloc 0 8", "misaligned 0 1", "double 0", "foreign 0", "foreign 0"],
                     notes="log:2: note: no call of an allocator is in this line; it is left out (and 3 more such lines)\n"
                           "log:4: note: freed, but 2 bytes inside the block of line 1: it becomes misaligned\n"
                           "log:5: note: freed, but no line shows this pointer: it is taken for what line 2 stored, and left out as that line "
                           "is (and 2 more such lines)\nlog:6: note: freed already, on line 5: it becomes double\n"
                           "log:7: note: freed, but never allocated in this log: it becomes foreign (and 1 more such line)\n")

    def test_a_pointer_that_is_stored_and_shown_excuses_no_free(self):
        log = ("7 getline(0x7ff0, 0x7ff8, 0x10, 0 <unfinished ...>\n7 malloc@libc.so.6(120) = 0x80\n7 <... getline resumed> ) = 32\n"
               "7 getline(0x7ff0, 0x7ff8, 0x10, 0) = 48\n7 free(0x80) = <void>\n7 free(0x90) = <void>\n")
        self.require(log, ["alloc 0 120", "free 0", "foreign 0"],
                     notes="log:1: note: no call of an allocator is in this line; it is left out (and 2 more such lines)\n"
                           "log:6: note: freed, but never allocated in this log: it becomes foreign\n")

    @pytest.mark.parametrize("line, message", (("<... malloc(8) = 0x20free resumed> ) = <void>", "another call stands in a resumed one"),
                                               ("<... free resumed> )malloc(8) = <void>", "more, or less, than a result follows a resumed call"),
                                               ("<... free resumed> ) = <void>malloc(8) = 0x20",
                                                "more, or less, than a result follows a resumed call")))
    def test_no_call_is_lost_in_one_that_is_resumed(self, line, message):
        self.require_errors(f"malloc(24) = 0x10\n1 free(0x10 <unfinished ...>\n1 {line}\n", f"log:3: error: {message}",
                            "1 line cannot be used; correct them, or leave them out with --skip")


class TestOthers(ImportTest):
    def test_events_of_linux_in_their_order_in_time(self):
        self.require("# tracer: nop\n#\n"
                     "  cat-7     [000] d..1 12.000300: kfree: call_site=f+0x1 ptr=00000000a1b2c3d4\n"
                     "  cat-7     [001] .... 12.000100: kmalloc: call_site=f+0x1 ptr=00000000a1b2c3d4 bytes_req=24 bytes_alloc=32 gfp_flags=GFP_KERNEL\n"
                     "  cat 7 [001] 12.000400: kmem:kmem_cache_alloc: call_site=f ptr=0xffff8880034c0000 bytes_req=64 bytes_alloc=64 "
                     "gfp_flags=GFP_KERNEL|__GFP_ZERO\n  cat-7 [001] 12.000500: sched_switch: prev_comm=x\n"
                     "  cat-7 [001] 12.000600: mm_page_alloc: page=00000000deadbeef pfn=0x1044 order=1 migratetype=0\n"
                     "  cat-7 [001] 12.000700: kmalloc: call_site=f ptr=(null) bytes_req=9000000 bytes_alloc=0 gfp_flags=0\n"
                     "  cat-7 [001] 12.000800: kfree: call_site=f ptr=(null)\n"
                     "  cat-7 [001] 12.000900: mm_page_free: page=00000000deadbeef pfn=0x1044 order=1\n"
                     "  cat-7 [001] 12.001000: kmem_cache_free: call_site=f ptr=0xffff8880034c0000 name=x\n",
                     ["alloc 0 24", "free 0", "zalloc 0 64", "alloc 1 8192", "alloc 2 9000000", "null", "free 1", "free 0"],
                     notes="log:6: note: no call of an allocator is in this line; it is left out\n"
                           "log:8: note: the allocation of 9000000 bytes failed in the log: it becomes one that fails\n")

    def test_pointers_of_linux_that_are_all_zeros_are_hidden(self):
        line = "cat-7 [000] 1.0: kmalloc: call_site=f ptr=0000000000000000 bytes_req=24 bytes_alloc=32 gfp_flags=0\n"
        code, _, errors = self.import_log(line * 2)
        assert code == USAGE
        assert "if its pointers are hidden" in errors

    def test_a_trace_of_the_malloc_lab_is_known_by_its_four_numbers(self):
        code, output, errors = self.import_log("20000\n2\n4\n1\na 0 512\na 1 128\nr 0 640\nf 1\n")
        assert (code, errors) == (SOUND, "")
        assert "format rep," in output
        assert self.operations()[0] == ["alloc 0 512", "alloc 1 128", "realloc 0 640", "free 1"]

    def test_lists_count_allocations_from_0(self):
        self.require("[Alloc(Layout { size: 24, align: 8 }), Alloc(Layout { size: 9, align: 16 (1 << 4) }), Free(1)]\n",
                     ["aligned 0 8 24", "aligned 1 16 9", "free 1"])
        self.require("vec![Alloc(24), Alloc { size: 8, align: 16 }, Realloc(0, 100),\n Free(1), Free(0), Free(0)]\n",
                     ["alloc 0 24", "aligned 1 16 8", "realloc 0 100", "free 1", "free 0", "double 0"],
                     notes="log:2: note: freed already, on line 2: it becomes double\n")
