"""Tests of the lines in words that `kmemfuzz import` reads."""

import re

import pytest
from import_fixture import ImportTest
from tool_fixture import SOUND


class TestWords(ImportTest):
    @pytest.mark.parametrize("line", (
        "alloc 24", "alloc at 0x80", "alloc 24 32 at 0x80", "alloc 24 at 0x80 and 0x90", "allocator of 24 bytes at 0x80", "alloc=24 at 0x80",
        "freed by 0x40", "free 0x18 bytes", "Free heap size: 2000 bytes", "realloc 0x40 to 0x80", "malloc() failed", "allocated at h.c:24 by 0x80",
        # What is said of calls and of blocks.
        "block 0x40 was not freed", "24 bytes allocated at 0x80 not freed", "0x40 wasn't freed", "not freeing 0x40", "use after free of 0x40",
        "ERROR cannot free 0x40", "failed to free 0x40", "unable to free 0x40", "free of 0x40 failed", "error freeing 0x40", "already freed: 0x40",
        "unexpected free of 0x40", "free 0x40 ignored",
        "0x40 freed twice", "leak of 24 bytes allocated at 0x80", "pointer 0x40 being freed was not allocated", "largest free block 0x40",
        "failed to allocate 100 bytes, heap at 0x20000000", "free memory: 234567", "Free memory: 250000 bytes", "block 0x80 size 24 allocated",
        "block 0x40 is free", "mutex 0x40 released", "released lock 0x40", "coalescing free block 0x80 into its list",
        # How much is free, and where from.
        "Free memory: 0x3d090", "heap free: 0x12340", "free heap 0x52000 min 0x50000", "used 24, free 0x1b40", "Free blocks: 0x2",
        "Free list: 0x80 -> 0x90", "24 bytes weren't allocated", "freed from 0x2000", "alloc 24 bytes from 0x2000",
        # Sizes in units, and of a doubt.
        "alloc 2 KB at 0x80", "alloc 2K at 0x80", "alloc 2 pages at 0x80", "alloc 16 words at 0x80", "alloc 3 blocks of 16 bytes at 0x80",
        "alloc 2 x 16 bytes at 0x80", "alloc 2*16 bytes at 0x80", "alloc 24,100 at 0x80", "alloc size=1,024 at 0x80", "calloc 1,100 bytes at 0x80",
        "alloc #5 -> 0x80", "memalign 24 bytes at 0x80", "realloc 0x40 96 bytes 48 bytes -> 0x80"))
    def test_a_line_that_leaves_a_doubt_is_none_of_a_call(self, line):
        code, _, errors = self.import_log(f"alloc 24 -> 0x40\n{line}\nfree 0x40\n")
        assert (code, self.operations()[0]) == (SOUND, ["alloc 0 24", "free 0"])
        assert re.fullmatch(r"log:2: note: (no call of an allocator is in this line|this line may be a call, but not as format words has it); "
                            r"it is left out\n", errors)

    def test_which_of_several_numbers_is_the_size(self):
        self.require("Allocated 1,024 bytes at 0x40\nalloc #5 24 bytes -> 0x800\ncalloc 4,128 -> 0x900\n"
                     "Resized block 0x40 to 48 bytes (previously 24 bytes) -> 0x80\nResized 0x80 from 24 bytes to 56 bytes: 0x40\n"
                     "realloc 0x40 96 bytes -> 0x90, 1000 bytes in use\nfailed=0 alloc 8 bytes at 0x1000, 3 blocks of 16 bytes left\nfreed 0x90 (was 96)\n",
                     ["alloc 0 1024", "alloc 1 24", "zalloc 2 512", "realloc 0 48", "realloc 0 56", "realloc 0 96", "alloc 3 8", "free 0"])

    def test_a_pointer_of_something_else_is_not_the_block_s(self):
        self.require('thread 0x7f00 malloc 24 -> 0x40\n{"ptr":"0x80","size":8,"event":"allocated"}\nheap: 0x40 freed\ncaller 0x400 free 0x80\n'
                     'free heap=0x2000 ptr=0x80\n', ["alloc 0 24", "alloc 1 8", "free 0", "free 1", "double 1"],
                     notes="log:5: note: freed already, on line 4: it becomes double\n")

    def test_what_fails_and_what_is_null(self):
        self.require("malloc failed: 9000000\ncould not allocate 9000000 bytes\nalloc 24 at NULL\nalloc 24 at 0x40\nrealloc 0x40 to 100 bytes failed\nfree (nil)\n",
                     ["alloc 0 9000000", "alloc 0 9000000", "alloc 0 largest+1", "alloc 0 24", "realloc 0 16777215", "null"],
                     notes="log:1: note: the allocation of 9000000 bytes failed in the log: it becomes one that fails (and 2 more such lines)\n"
                           "log:5: note: the realloc to 100 bytes failed in the log: it becomes one that fails\n")

    def test_a_word_for_room_beside_a_free_of_what_is_live_leaves_no_doubt(self):
        self.require("mem alloc 24 -> 0x40\nmem free 0x40\nmem free 0x40\n", ["alloc 0 24", "free 0"],
                     notes="log:3: note: this line may be a call, but not as format words has it; it is left out\n")

    def test_what_is_free_after_a_call_in_its_line_is_room(self):
        self.require("heap: alloc 32 -> 0x4000 (free 0x3e0)\nheap: alloc 32 -> 0x4020 (free 0x3c0)\nheap: free 0x4000 (free: 0x3e0)\n"
                     "freed 0x4020, free: 0x400\n", ["alloc 0 32", "alloc 1 32", "free 0", "free 1"])

    def test_what_a_line_that_leaves_a_doubt_got_is_no_misuse_when_it_is_freed(self):
        self.require("alloc 24 -> 0x40\nalloc 2 pages at 0x8000\nfree 0x8000\nfree 0x8000\n", ["alloc 0 24", "foreign 0"],
                     notes="log:2: note: this line may be a call, but not as format words has it; it is left out\n"
                           "log:3: note: frees what a line that is left out got, and is left out too\n"
                           "log:4: note: freed, but never allocated in this log: it becomes foreign\n")

    def test_the_global_allocator_of_rust(self):
        layout = "Layout {{ size: {}, align: {} (1 << 3) }}".format
        self.require(f"alloc layout={layout(32, 8)} ptr=0x40\nrealloc ptr=0x40 layout={layout(32, 8)} new_size=200 -> 0x80\n"
                     f"realloc ptr=0x80 old_size=200 size=100 -> 0x80\ndealloc ptr=0x80 layout={layout(100, 8)}\n",
                     ["aligned 0 8 32", "realloc 0 200", "realloc 0 100", "free 0"])

    def test_a_calloc_that_says_alloc_zeroes(self):
        self.require("k_calloc: alloc 0x40 size 32\n", ["zalloc 0 32"])

    def test_what_an_allocator_says_of_a_free_is_no_call(self):
        self.require("alloc 24 -> 0x40\nfree 0x40\nerror: double free of 0x40\nbad free: 0x50\n", ["alloc 0 24", "free 0"],
                     notes="log:3: note: this line may be a call, but not as format words has it; it is left out (and 1 more such line)\n")

    def test_what_other_functions_return_is_no_misuse_when_it_is_freed(self):
        self.require('alloc 24 -> 0x40\nstrdup("abc") = 0x80\nfree 0x80\nfree 0x40\n', ["alloc 0 24", "free 0"],
                     notes="log:2: note: no call of an allocator is in this line; it is left out\n"
                           "log:3: note: frees what a line that is left out got, and is left out too\n")

    def test_an_address_by_its_name_needs_no_0x(self):
        self.require("ALLOC addr=20001000 len=64 caller=08001234\nREALLOC addr=20001000 new=2000200c len=80\nFREE addr=2000200c caller=08001234\n",
                     ["alloc 0 64", "realloc 0 80", "free 0"])

    def test_a_realloc_with_one_pointer_is_reported(self):
        self.require_errors("alloc 24 -> 0x40\nresized 0x40 to 48 bytes\n", "log:2: error: this realloc shows one pointer: whether the block moved "
                            "is unknown", "1 line cannot be used; correct them, or leave them out with --skip")
