"""Tests of the transcripts of gdb that `kmemfuzz import` reads."""

import pytest
from import_fixture import ImportTest


class TestGdb(ImportTest):
    STOP = "Breakpoint 1, kmalloc (size=24) at h.c:1\nRun till exit from #0  kmalloc (size=24) at h.c:1\nValue returned is $1 = (void *) 0x40\n"

    def test_parameters_count_by_their_names(self):
        self.require("Breakpoint 1, kmem_alloc (heap=heap@entry=0x80200000 <kernel_heap>, size=40) at src/kmem.c:100\nValue returned is $1 = 0x40\n"
                     "Breakpoint 2, kmem_free (heap=0x80200000, pointer=0x40) at src/kmem.c:200\n", ["alloc 0 40", "free 0"])

    @pytest.mark.parametrize("finish", ("(gdb) finish\nRun till exit from #0  {0}", "+finish\n", "Run till exit from #0  {0}"))
    def test_what_a_function_inside_an_allocator_returns_is_not_what_it_returns(self, finish):
        self.require("Breakpoint 1, kmalloc (size=24) at h.c:6\n\nBreakpoint 2, take (size=24) at h.c:3\n" + finish.format("take (size=24) at h.c:3\n") +
                     "0x5188 in kmalloc (size=24) at h.c:6\nValue returned is $2 = (void *) 0x20\n" + finish.format("0x5188 in kmalloc (size=24) at h.c:6\n") +
                     "0x51af in main () at h.c:11\nValue returned is $3 = (void *) 0x40\nBreakpoint 3, kfree (ptr=0x40) at h.c:9\n", ["alloc 0 24", "free 0"],
                     notes="log:3: note: no call of an allocator is in this line; it is left out\n")

    def test_a_call_by_hand_that_fails_takes_no_later_value(self):
        self.require_errors('(gdb) print malloc(10)\nNo symbol "malloc" in current context.\n(gdb) print 5\n$1 = 5\n(gdb) print malloc(8)\n$2 = 0x40\n',
                            "log:1: error: what this malloc returned is missing: gdb's finish shows it",
                            "1 line cannot be used; correct them, or leave them out with --skip")
        self.require("(gdb) print malloc(10)\nerror\n(gdb) print malloc(8)\n$1 = 0x40\n(gdb) call free($1)\n", ["alloc 0 8", "free 0"], "--skip",
                     notes="log:1: skipped: what this malloc returned is missing: gdb's finish shows it\n1 line skipped\n"
                           "log:2: note: no call of an allocator is in this line; it is left out\n")

    def test_values_of_the_history_from_its_end(self):
        self.require("(gdb) p malloc(8)\n$1 = 0x40\n(gdb) p malloc(9)\n$2 = 0x80\n(gdb) p 1\n$3 = 1\n(gdb) call free($$2)\n(gdb) call free($$)\n",
                     ["alloc 0 8", "alloc 1 9", "free 0", "free 1"])

    @pytest.mark.parametrize("parameters", ("n=24", "h=0x20000, n=24", "amount=24, flags=0xcc0", "heap=0x20000, wanted=24"))
    def test_parameters_of_other_names_count_in_their_order(self, parameters):
        self.require(f"Breakpoint 1, kmalloc ({parameters}) at h.c:1\nValue returned is $1 = 0x40\n", ["alloc 0 24"])

    def test_parameters_that_may_be_others_are_reported(self):
        for call in ("kmalloc (owner=0x20000, n=24)", "kcalloc (h=0x20000, n=24)", "krealloc (x=0x40, p=0x80)"):
            parameters = call.partition("(")[2][:-1]
            self.require_errors(f"{self.STOP}Breakpoint 1, {call} at h.c:1\n", f"log:4: error: which parameter of this {call[1:].partition(' ')[0]} is what "
                                f"cannot be told by their names: '{parameters}'", "1 line cannot be used; correct them, or leave them out with --skip")

    def test_variables_and_steps_end_no_call(self):
        self.require("Breakpoint 1, kmalloc (size=24) at h.c:1\nstart = 0x20\nc = 3\nValue returned is $1 = (void *) 0x40\n(gdb) step\n"
                     "kfree (ptr=0x40) at h.c:9\n", ["alloc 0 24"],
                     notes="log:2: note: no call of an allocator is in this line; it is left out (and 1 more such line)\n"
                           "log:6: note: this line is of format calls; it is left out, and --format calls reads such lines\n")

    def test_what_an_allocator_calls_inside_is_a_part_of_its_call(self):
        self.require(self.STOP + "Breakpoint 2, krealloc (ptr=0x40, size=48) at h.c:2\nRun till exit from #0  krealloc (ptr=0x40, size=48) at h.c:2\n"
                     "Breakpoint 1, kmalloc (size=48) at h.c:1\nValue returned is $2 = (void *) 0x80\nBreakpoint 3, kfree (ptr=0x40) at h.c:3\n"
                     "Run till exit from #0  0x9 in krealloc (ptr=0x40, size=48) at h.c:2\nValue returned is $3 = (void *) 0x80\n"
                     "Run till exit from #0  kfree (ptr=0x80) at h.c:3\n", ["alloc 0 24", "realloc 0 48", "free 0"],
                     notes="log: note: 2 calls inside of others count as parts of them\n")

    @pytest.mark.parametrize("lines, message", (
        ("Breakpoint 1, kmalloc (size=8) at h.c:1\n(gdb) c\n", "what this malloc returned is missing: gdb's finish shows it"),
        ("(gdb) p kmalloc(8)\n", "what this malloc returned is missing: gdb's finish shows it"),
        ("Breakpoint 1, kfree (ptr=<optimized out>) at h.c:1\n", "gdb cannot show every argument of this free: build it with -Og or -O0"),
        ("Breakpoint 1, 0x7f in malloc () from /lib/libc.so.6\n", "gdb shows no arguments of this malloc: its debug information is missing")))
    def test_what_gdb_did_not_show_is_reported(self, lines, message):
        for log, line in ((self.STOP + lines, 4), (lines, 1)):  # the second has no call that can be used
            if line == 4 or "gdb " in message[:4]:
                self.require_errors(log, f"log:{line}: error: {message}", "1 line cannot be used; correct them, or leave them out with --skip")
