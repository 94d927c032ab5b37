"""Tests of `kmemfuzz import`: the command, what becomes of the calls in a log, and the heap they get.

KMEM_PRESET names the build whose tool is tested (default: release).
"""

import os
import re

import pytest
from import_fixture import ImportTest
from tool_fixture import ENVIRONMENT, SOUND, TOOL, USAGE

CORRECT = "cannot be used; correct them, or leave them out with --skip"
FOREIGN = "freed, but never allocated in this log: it becomes foreign"


class TestCommand(ImportTest):
    def test_lines_that_are_broken_are_reported_by_kind_with_count_and_first_place(self):
        self.require_errors(
            "a 1 24\nq 2 3\na\na 2\na 3 much\na 4 5 6\nf 1 2\na 5 0x\na 6 18446744073709551616\n",
            "log:2: error: 'q' is none of a, z, r and f",
            "log:3: error: 'a' needs an id after it",
            "log:4: error: '' is no size: a whole number of bytes belongs there (and 3 more such lines)",
            "log:6: error: '6' is one word too many (and 1 more such line)", f"8 lines {CORRECT}")

    def test_a_million_errors_are_a_line(self):
        code, _, errors = self.import_log("a 1 24\n" + "a 1\n" * 20000)
        assert code == USAGE
        assert errors == ("log:2: error: '' is no size: a whole number of bytes belongs there (and 19,999 more such lines)\n"
                          f"20,000 lines {CORRECT}\n")

    def test_skip_leaves_lines_out_and_reports_each_kind_and_their_number(self):
        code, _, errors = self.import_log("a 1 24\nf\nboo\nf 1\n", "--skip")
        assert (code, errors) == (SOUND, "log:2: skipped: 'f' needs an id after it\nlog:3: skipped: 'boo' is none of a, z, r and f\n"
                                  "2 lines skipped\n")
        assert self.operations() == (["alloc 0 24", "free 0"], [1, 4])

    def test_skipping_every_allocation_is_an_error(self):
        for log in ("a 1\na 2\n", "a 1\nf 1\n", "a 1 x\na 2 0x\nr 2 8x\n"):
            code, output, errors = self.import_log(log, "--skip", "--format", "plain")
            assert (code, output) == (USAGE, "")
            assert re.search("^log: error: (it has no call that can be used|without the skipped lines "
                             "nothing in it allocates, so nothing is written)$", errors.splitlines()[-1])
            assert not (self.folder / "out.ops").exists()

    def test_a_log_without_a_call_says_why_in_a_line(self):
        unknown = ("no line of it is an allocation in a known format. kmemfuzz import --formats lists them, and --alloc and --free take "
                   "patterns for lines of your own")
        for log, message in (("# nothing\n\n", "it has only comments and blank lines"), ("", "it is empty"), ("hello world\n", unknown),
                             ("p = malloc(n)\nkmalloc(24)\nkmalloc(48)\n", unknown.replace("format.", "format; line 2 is nearest to one, but what malloc "
                                                                                       "returned is missing.")),
                             ("(gdb) bt\n#0  free (ptr=0x20) at heap.c:40\n#1  main () at main.c:3\n", unknown),
                             ("kmem-program 1\nalloc 0 24\n", "it is a program already, which every other word takes")):
            assert self.import_log(log) == (USAGE, "", f"log: error: {message}\n")

    def test_bytes_of_any_kind_are_shown_printable(self):
        code, _, errors = self.import_log(b"a 1 24\na \x1b]31m\xff 1 2 3\n")
        assert code == USAGE
        assert set(errors) - {"\n"} <= set(map(chr, range(32, 127))), errors

    def test_a_file_that_exists_is_replaced_only_with_force(self):
        self.write("out.ops", "mine")
        self.write("log", "a 1 24\n")
        assert self.run_tool("import", "log", "-o", "out.ops") == (
            USAGE, "", "kmemfuzz: out.ops exists; choose another name, or --force to replace it\n")
        assert (self.folder / "out.ops").read_text(encoding="utf-8") == "mine"
        assert self.import_log("a 1 24\n")[0] == SOUND

    def test_force_writes_through_links_and_to_what_is_no_file(self):
        self.write("log", "a 1 24\n")
        self.write("mine", "mine")
        (self.folder / "link").symlink_to("mine")
        assert self.run_tool("import", "log", "-o", "link")[0] == USAGE
        assert self.run_tool("import", "log", "-o", "link", "--force")[0] == SOUND
        assert (self.folder / "link").is_symlink()
        assert (self.folder / "mine").read_text("utf-8").endswith("alloc 0 24               # line 1\n")
        os.mkfifo(self.folder / "pipe")
        assert self.run_command("sh", "-c", 'cat pipe >got & "$@"; wait', "sh", TOOL, "import", "log", "-o", "pipe", "--force")[0] == SOUND
        assert (self.folder / "pipe").is_fifo()
        assert (self.folder / "got").read_bytes() == (self.folder / "mine").read_bytes()

    def test_a_log_may_begin_with_much_of_something_else_or_with_a_byte_order_mark(self):
        code, output, _ = self.import_log("booting\n" * 100_001 + "malloc(24) = 0x10\n")
        assert (code, "format calls," in output) == (SOUND, True)
        self.require("\ufeffa 1 24\n", ["alloc 0 24"])

    def test_dashes_are_standard_input_and_output(self):
        code, output, errors = self.run_tool("import", "-", "-o", "-", stdin=b"a 1 24\n")
        assert (code, output) == (SOUND, "kmem-program 1\n# Imported from standard input, a log of format plain.\n"
                                  "heap page=32 pages=1 slots=16\nalloc 0 24               # line 1\n")
        assert errors == "1 operation from a log of format plain, on 1 page of 32 bytes with 16 slots\n"

    def test_wrong_arguments_end_with_2_and_a_missing_log_with_3(self):
        for arguments, complaint in (((), "it takes a log and -o FILE"), (("log",), "it takes a log and -o FILE"),
                                     (("log", "-o", "a", "--format", "gnu"), "there is no format 'gnu'; there are plain, rep, mtrace, calls"),
                                     (("log", "-o", "a", "--last", "0"), "argument --last: '0' is not a whole number above 0"),
                                     (("log", "-o", "a", "--last", "1", "--around", "1"), "exclude each other"),
                                     (("log", "-o", "a", "--from", "3", "--until", "2"), "--from is after --until"),
                                     (("log", "-o", "a", "--alloc", "("), "'(' is no regular expression"),
                                     (("log", "-o", "a", "--alloc", "(?P<pointer>x)"), "needs a group (?P<size>...)"),
                                     (("log", "-o", "a", "--free", "(?P<where>x)"), "names a group where; there are alignment, count, old"),
                                     (("log", "-o", "a", "--free", "(?P<pointer>x)", "--format", "plain"), "exclude each other"),
                                     (("log", "-o", "a", "--patterns", "."), " is a folder"),
                                     (("--bogus",), "there is no option '--bogus'")):
            code, output, errors = self.run_tool("import", *arguments)
            assert (code, output) == (USAGE, ""), arguments
            assert complaint in errors, errors
        assert self.run_tool("import", "missing", "-o", "x") == (
            ENVIRONMENT, "", "kmemfuzz: cannot read missing: No such file or directory\n")
        assert self.run_command("sh", "-c", 'exec "$@" <&-', "sh", TOOL, "import", "-", "-o", "x") == (
            ENVIRONMENT, "", "kmemfuzz: cannot read standard input: Bad file descriptor\n")

    def test_each_example_of_the_formats_is_of_the_format_it_stands_for(self):
        code, output, errors = self.run_tool("import", "--formats")
        assert (code, errors) == (SOUND, "")
        found = re.findall(r"^([a-z-]+)[ :].*\n((?:    .*\n)+)", output, re.MULTILINE)
        assert [name for name, _ in found] == ["plain", "rep", "mtrace", "calls", "kernel", "list", "gdb", "android", "dmalloc", "esp-idf", "freertos", "mbed",
                                             "nuttx", "slub", "wine", "words"]
        for name, lines in found:
            code, output, errors = self.import_log(re.sub("^    ", "", lines, flags=re.MULTILINE))
            assert (code, re.findall("format (.*),", output)) == (SOUND, [name]), errors

    def test_with_a_heap_of_one_s_own_it_leaves_room_for_its_headers(self):
        self.write("my_heap.c", "")
        self.write("log", "a 1 1000\n")
        code, output, errors = self.run_tool("import", "my_heap.c", "log", "-o", "out.ops")
        assert (code, errors, output) == (SOUND, "", "1 operation from a log of format plain, on 63 pages of 32 bytes with 16 slots\n")


class TestCalls(ImportTest):
    """What becomes of calls."""

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

    def test_a_second_free_becomes_double_and_says_where_the_first_was(self):
        self.require("a 1 24\na 2 8\nf 1\nf 1\nf 1\n", ["alloc 0 24", "alloc 1 8", "free 0", "double 0", "double 0"],
                     notes="log:4: note: freed already, on line 3: it becomes double (and 1 more such line)\n")

    def test_a_free_of_what_was_never_allocated_becomes_foreign(self):
        self.require("a 1 24\nf 2\nf 0x7000\n", ["alloc 0 24", "foreign 0", "foreign 0"],
                     notes=f"log:2: note: {FOREIGN} (and 1 more such line)\n")

    def test_a_free_inside_a_live_block_becomes_interior_or_misaligned(self):
        self.require("a 0x1000 64\nf 0x1010\nf 0x1003\nf 0x1040\n", ["alloc 0 64", "interior 0 2", "misaligned 0 2", "foreign 0"],
                     notes="log:2: note: freed, but 16 bytes inside the block of line 1: it becomes interior\n"
                           "log:3: note: freed, but 3 bytes inside the block of line 1: it becomes misaligned\n"
                           f"log:4: note: {FOREIGN}\n")
        code, output, _ = self.run_tool("run", "out.ops", "--trace")
        assert code == SOUND
        assert re.findall("refused: (.*)", output) == ["interior-pointer", "misaligned-pointer", "foreign-pointer"]

    def test_a_realloc_of_what_is_not_live_is_a_misuse_too(self):
        self.require("a 0x1000 64\nf 0x1000\nr 0x1000 8\n", ["alloc 0 64", "free 0", "double 0 realloc", "alloc 0 8"],
                     notes="log:3: note: resized, but freed already, on line 2: it becomes double\n")
        self.require("a 1 64\nr 2 8\nf 2\n", ["alloc 0 64", "alloc 1 8", "free 1"],
                     notes="log:2: note: resized, but never allocated in this log: it becomes an allocation of the new size\n")

    def test_a_failed_allocation_stays_one(self):
        self.require("malloc(24) = 0x10\nmalloc(100) = 0\nmalloc(3000000) = 0\nmalloc(18446744073709551615) = nil\nrealloc(0x10, 50) = NULL\n"
                     "free(0x10)\n", ["alloc 0 24", "alloc 1 largest+1", "alloc 1 3000000", "alloc 1 max", "realloc 0 16777215", "free 0"],
                     notes="log:2: note: the allocation of 100 bytes failed in the log: it becomes one that fails (and 2 more such lines)\n"
                           "log:5: note: the realloc to 50 bytes failed in the log: it becomes one that fails\n")
        assert self.run_tool("run", "out.ops", "--trace")[1].count("refused: exhausted") == 4

    def test_a_log_that_gives_memory_twice_says_so_with_both_lines(self):
        twice = "the memory was given twice, or a free is missing in the log"
        self.require("a 0x1000 64\na 0x1000 8\nf 0x1000\nf 0x1000\n", ["alloc 0 64", "alloc 1 8", "free 1", "free 0"],
                     notes=f"log:2: note: the block that line 1 got is live, and this line gets it again: {twice}\n")
        self.require("a 0x1000 64\na 0x1020 8\n", ["alloc 0 64", "alloc 1 8"],
                     notes=f"log:2: note: this block lies over that of line 1, which is live: {twice}\n")

    def test_an_alignment_that_a_program_has_not_is_the_next_one(self):
        self.require("memalign(64, 100) = 0x40\nmemalign(48, 10) = 0\nmemalign(8192, 10) = 0x2000\n",
                     ["aligned 0 64 100", "alloc 1 largest+1", "aligned 1 65536 10"],
                     notes="log:2: note: the allocation of 10 bytes failed in the log: it becomes one that fails\n"
                           "log:3: note: a program has no alignment 8192: it becomes 65536\n")

    def test_a_log_whose_pointers_are_hidden_says_so(self):
        self.require_errors("malloc(24) = 0x0\nmalloc(8) = 0x0\n",
                            "log:1: note: the allocation of 24 bytes failed in the log: it becomes one that fails (and 1 more such line)",
                            "log: error: every allocation of it returned NULL: if its pointers are hidden, record it again with them "
                            "(on Linux: sysctl kernel.kptr_restrict=0, and no_hash_pointers)")


class TestHeap(ImportTest):
    """The heap a program gets, and what becomes of a log too large for one."""

    @pytest.mark.parametrize("log, heap", (("a 1 24\n", "heap page=32 pages=1 slots=16"),
                                           ("a 1 25\n", "heap page=32 pages=2 slots=16"),
                                           ("a 1 16376\n", "heap page=32 pages=512 slots=16"),
                                           ("a 1 16377\n", "heap page=64 pages=257 slots=16"),
                                           ("a 1 2097144\n", "heap page=4096 pages=512 slots=16"),
                                           ("memalign(4096, 8) = 0x1000\n", "heap page=32 pages=128 slots=16"),
                                           ("".join(f"a {i} 8\n" for i in range(17)), "heap page=32 pages=9 slots=32"),
                                           ("a 1 0\n", "heap page=32 pages=1 slots=16")))
    def test_the_heap_is_the_smallest_that_holds_the_program(self, log, heap):
        assert self.import_log(log)[0] == SOUND
        assert (self.folder / "out.ops").read_text("utf-8").splitlines()[2] == heap
        assert "exhausted" not in self.run_tool("run", "out.ops", "--trace")[1]

    def test_sizes_that_do_not_fit_are_divided_by_a_power_of_two(self):
        note = ("log: note: sizes are divided by 2: they need more than the largest heap, 2097152 bytes; cut it with --last, --around, "
                "--from and --until to keep them\n")
        for log, operations in (("a 1 2097145\n", ["alloc 0 1048573"]), ("a 1 1000001\na 2 999999\na 3 1\na 4 1000000\n",
                                ["alloc 0 500001", "alloc 1 500000", "alloc 2 1", "alloc 3 500000"])):
            self.require(log, operations, notes=note)
            assert (self.folder / "out.ops").read_text("utf-8").splitlines()[2] == "# Sizes are divided by 2."

    def test_scale_divides_sizes_by_a_number(self):
        self.require("a 1 100\na 2 1\na 3 0\n", ["alloc 0 34", "alloc 1 1", "alloc 2 0"], "--scale", "3")
        code, _, errors = self.import_log("a 1 9000000\n", "--scale", "2")
        assert (code, errors) == (USAGE, "log: error: even with sizes divided by 2 it needs more than the largest heap, 2097152 bytes; cut it, "
                                  "or leave --scale out\n")

    def test_blocks_beyond_the_slots_are_left_out_with_their_frees_and_counted(self):
        lines = "".join(f"a {i} 8\n" for i in range(4096))
        assert self.import_log(lines) == (SOUND, "4096 operations from a log of format plain, on 512 pages of 128 bytes with 4096 slots\n", "")
        self.require(lines + "a more 8\nr more 9\nf more\nf 0\na new 8\n",
                     [f"alloc {i} 8" for i in range(4096)] + ["free 0", "alloc 0 8"],
                     notes="log: note: 3 calls are left out, of blocks that came when 4,096 were live: a program has no more slots\n")

    LOG = "a 1 24\na 2 48\nf 1\na 3 8\nr 2 96\nf 3\na 4 16\nf 2\n"

    @pytest.mark.parametrize("arguments, operations, lines", (
        (("--until", "3"), ["alloc 0 24", "alloc 1 48", "free 0"], [1, 2, 3]),
        (("--from", "6"), ["alloc 0 8", "alloc 1 96", "free 0", "alloc 0 16", "free 1"], [4, 5, 6, 7, 8]),
        (("--from", "4", "--until", "4"), ["alloc 0 48", "alloc 1 8"], [2, 4]),
        (("--last", "2"), ["alloc 0 96", "alloc 1 16", "free 0"], [5, 7, 8]),
        (("--around", "4"), ["alloc 0 24", "alloc 1 48", "free 0", "alloc 0 8", "realloc 1 96", "free 0", "alloc 0 16", "free 1"],
         [1, 2, 3, 4, 5, 6, 7, 8])))
    def test_a_part_begins_with_what_is_live_there(self, arguments, operations, lines):
        code, _, errors = self.import_log(self.LOG, *arguments)
        assert code == SOUND, errors
        assert self.operations() == (operations, lines)
        assert ("allocated first" in errors) == (lines[0] != 1)
        assert self.run_tool("run", "out.ops")[0] == SOUND

    def test_around_a_line_is_500_on_each_side(self):
        lines = "".join(f"a {i} 8\nf {i}\n" for i in range(1000))
        assert self.import_log(lines, "--around", "1001")[0] == SOUND
        found = self.operations()[1]
        assert (found[0], found[-1]) == (501, 1501)

    def test_a_part_that_is_not_there_is_an_error(self):
        self.require_errors("a 1 24\n", "log: error: it has no line 2: it ends with line 1", arguments=("--from", "2"))
