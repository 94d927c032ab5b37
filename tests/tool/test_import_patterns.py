"""Tests of the patterns of `kmemfuzz import`: one's own, and those that it comes with."""

import pytest
from import_fixture import ImportTest
from tool_fixture import SOUND, USAGE


class TestPatterns(ImportTest):
    def test_lines_of_one_s_own_by_patterns(self):
        number = "(?P<{}>[0-9a-fx]+)".format
        arguments = ("--alloc", rf"\+{number('size')} at {number('pointer')}", "--free", rf"[-]{number('pointer')}",
                     "--realloc", rf"~{number('old')} to {number('pointer')}, {number('size')}",
                     "--zalloc", rf"0{number('count')}\*{number('size')} at {number('pointer')}")
        log = "boot\nmem: +24 at 0x100\nmem: 03*8 at 0x200\nmem: ~0x100 to 0x300, 48\nmem: -0x200 -0x300\n"
        note = "log:1: note: no call of an allocator is in this line; it is left out\n"
        self.require(log, ["alloc 0 24", "zalloc 1 24", "realloc 0 48", "free 1", "free 0"], *arguments, notes=note)
        self.write("mine.patterns", "# mine\n" + "".join(f"{word[2:]} {text}\n" for word, text in zip(arguments[::2], arguments[1::2])))
        self.require(log, ["alloc 0 24", "zalloc 1 24", "realloc 0 48", "free 1", "free 0"], "--patterns", "mine.patterns", notes=note)
        self.require("realloc(0x10, 24) = 0x20\n", ["alloc 0 24"], "--alloc", r"alloc\(0x10, (?P<size>\d+)\) = (?P<pointer>\w+)",
                     "--realloc", r"realloc\((?P<old>\w+), (?P<size>\d+)\) = (?P<pointer>\w+)",
                     notes="log:1: note: resized, but never allocated in this log: it becomes an allocation of the new size\n")
        self.write("mine.patterns", "# mine\nallok x\n")
        code, _, errors = self.import_log(log, "--patterns", "mine.patterns")
        assert code == USAGE
        assert "mine.patterns:2: a line is one of: # TEXT, example LINE, alloc REGEX" in errors

    def test_a_line_in_which_an_expression_finds_too_little_is_reported(self):
        self.require_errors("got 0x40 24\ngot 0x80\nput\n", "log:2: error: the expression for alloc finds no size in this line",
                            "log:3: error: the expression for free finds no pointer in this line",
                            "2 lines cannot be used; correct them, or leave them out with --skip",
                            arguments=("--alloc", r"got (?P<pointer>\w+)(?: (?P<size>\d+))?", "--free", r"put(?: (?P<pointer>\w+))?"))

    @pytest.mark.parametrize("name, log, operations", (
        ("freertos", "traceMALLOC(0x20000120, 24)\ntraceMALLOC( 20000140, 8 )\ntraceFREE(0x20000120, 24)\n", ["alloc 0 24", "alloc 1 8", "free 0"]),
        ("esp-idf", "====== Heap Trace: 2 records (100 capacity) ======\n"
                    "    24 bytes (@ 0x3ffb4b10, Internal) allocated CPU 0 ccount 0x0d3b caller 0x400d1f2e:0x400d1234\n"
                    "freed by 0x400d1f40\n"
                    "     8 bytes (@ 0x3ffb4c10, Internal) allocated CPU 1 ccount 0x0d3c caller 0x400d1f2e freed by 0x400d1f40\n",
         ["alloc 0 24", "free 0", "alloc 0 8", "free 0"]),
        ("android", "186: malloc 0xb6038060 20\n186: free 0xb6038060\n187: calloc 0xb609f080 32 4\n186: realloc 0xb609f0c0 0xb609f080 200\n"
                    "187: memalign 0x85423640 16 104\n187: free 0x85423640 17069 17070\n187: thread_done 0x0\n",
         ["alloc 0 20", "free 0", "zalloc 0 128", "realloc 0 200", "aligned 1 16 104", "free 1"]),
        ("wine", "05e4:trace:heap:RtlCreateHeap flags 0x2, addr 0000000000000000, total_size 0\n"
                 "05e4:trace:heap:RtlAllocateHeap handle 00007FFFFE220000, flags 0x8, size 0x20, return 00007FFFFE2208F0, status 0.\n"
                 "05e4:trace:heap:RtlReAllocateHeap handle 00007FFFFE220000, flags 0, ptr 00007FFFFE2208F0, size 0x30, return 00007FFFFE222920, "
                 "status 0.\n05e4:trace:heap:RtlFreeHeap handle 00007FFFFE220000, flags 0, ptr 00007FFFFE222920, return 1, status 0.\n",
         ["alloc 0 32", "realloc 0 48", "free 0"]),
        ("wine", "24:trace:heap:RtlAllocateHeap handle 00A0, flags 0, size 0x20, return 0000000000B0, status 0.\n"
                 "24:trace:heap:RtlReAllocateHeap handle 00A0, flags 0, ptr 0000000000B0, size 0x28, return 0000000000B0, status 0.\n"
                 "24:trace:heap:RtlFreeHeap handle 00C0, flags 0, ptr 0000000000B0, return 0, status 0xc000000d.\n"
                 "24:trace:heap:RtlAllocateHeap handle 00A0, flags 0, size 0x30, return 0000000000E0, status 0.\n"
                 "24:trace:heap:RtlFreeHeap handle 00A0, flags 0, ptr 0000000000B0, return 1, status 0.\n"
                 "24:trace:heap:RtlReAllocateHeap handle 00A0, flags 0, ptr 0000000000B0, size 0x30, return 0000000000E0, status 0.\n",
         ["alloc 0 32", "realloc 0 40", "alloc 1 48", "free 0"]),
        ("slub", "[ 1338.5] TRACE kmalloc-128 alloc 0xc294ff00 inuse=30 fp=0xc294ff00\n[ 1338.6] TRACE kmalloc-rcl-64 alloc 0x00000000b1 inuse=1 "
                 "fp=0x          (null)\n[ 1338.7] TRACE kmalloc-1k alloc 0xc0 inuse=1 fp=0xc0\n[ 1338.8] TRACE kmalloc-128 free 0xc294ff00 inuse=3\n"
                 "[ 1338.9] TRACE kmalloc-rnd-05-96 alloc 0xd0 inuse=1 fp=0xd0\n[ 1339.0] TRACE kmalloc-rnd-05-96 free 0xd0 inuse=1 fp=0xd0\n",
         ["alloc 0 128", "alloc 1 64", "free 0", "alloc 0 96", "free 0"]),
        ("words", "ALLOC 0x7fa2c0402a80-0x7fa2c0402a9f [size=32]: thread_1104b6000 |start | main | malloc\n"
                  "FREE  0x7fa2c0402a80-0x7fa2c0402a9f [size=32]: thread_1104b6000 |start | main | free\n",
         ["alloc 0 32", "free 0"]),
        ("dmalloc", "17: 1: need 36 bytes\n17: 1: *** alloc: at 't.c:3' for 24 bytes, got '0x7f62fc8|s1'\n"
                    "17: 2: *** calloc: at 'ra=0x401136' for 48 bytes, got '0x7f62f88|s1'\n"
                    "17: 3: *** realloc: at 't.c:3' from '0x7f62f88' (48 bytes) file 't.c:3' to '0x7f62f88' (50 bytes)\n"
                    "17: 4: *** alloc: at 't.c:3' for 5000 bytes, got '0x7f59008|s1'\n"
                    "17: 4: *** free: at 't.c:3' pnt '0x7f62fc8|s2': size 24, alloced at 't.c:3'\n"
                    "17: 4: *** realloc: at 't.c:3' from '0x7f62fc8' (24 bytes) file 't.c:3' to '0x7f59008' (5000 bytes)\n"
                    "17: 5: *** free: at 't.c:3' pnt '0x7f62f88|s2': size 50, alloced at 't.c:3'\n",
         ["alloc 0 24", "zalloc 1 48", "realloc 1 50", "alloc 2 5000", "free 0", "free 1"]),
        ("dmalloc", "17: 1: *** memalign: at 't.c:3' for 24 bytes, got '0x7f62fc8|s1'\n17: 2: *** valloc: at 't.c:3' for 48 bytes, got '0x7f62000|s1'\n"
                    "17: 3: *** recalloc: at 't.c:3' from '0x7f62000' (48 bytes) file 't.c:3' to '0x7f62000' (50 bytes)\n"
                    "17: 4: *** alloc: at 't.c:3' for 5000 bytes, got '0x7f59008|s1'\n"
                    "17: 4: *** free: at 't.c:3' pnt '0x7f62fc8|s2': size 24, alloced at 't.c:3'\n"
                    "17: 4: *** recalloc: at 't.c:3' from '0x7f62fc8' (24 bytes) file 't.c:3' to '0x7f59008' (5000 bytes)\n",
         ["alloc 0 24", "alloc 1 48", "realloc 1 50", "alloc 2 5000", "free 0"]),
        ("calls", "0042|0x100a3ef: Calling malloc(0x18, 0x0, 0x7ff0) => return 0x20000010\n0042|0x100a3f0: Calling free(0x20000010)\n",
         ["alloc 0 24", "free 0"]),
        ("nuttx", "init-5 [0] 0.10: tracing_mark_write: C|5|Heap Usage|96|malloc: heap: 0x60600020 size:24, address: 0x603003a0\n"
                  "init-5 [0] 0.11: tracing_mark_write: C|5|Heap Usage|24|free: heap: 0x60600020 size:24, address: 0x603003a0\n",
         ["alloc 0 24", "free 0"]),
        ("words", "[0.1] HEAP: Allocated 8 bytes @ 0x3ffaff6c from task \"main\"\n[0.2] HEAP: Freed bytes @ 0x3ffaff6c from task \"main\"\n"
                  "[mem] alloc 24 -> 0x2000\nheap: malloc: addr=0x3000, size=16\nDeallocated 24 bytes at 0x2000.\nfree 0x3000 16\n",
         ["alloc 0 8", "free 0", "alloc 0 24", "alloc 1 16", "free 0", "free 1"]),
        ("mbed", "#m:0x20003080;0x182f-50\n#c:0x20003100;0x182f-2;16\n#r:0x20003200;0x182f-0x20003080;60\n#f:0x0;0x183f-0x20003200\n",
         ["alloc 0 50", "zalloc 1 32", "realloc 0 60", "free 0"]),
        ("mbed", "#m:(nil);0x1-9000000\n#m:0;0x1-9000000\n#r:0x20;0x1-(nil);50\n#f:0;0x1-0\n#f:0;0x1-0x20\n",
         ["alloc 0 9000000", "alloc 0 9000000", "alloc 0 50", "null", "free 0"])))
    def test_patterns_that_kmemfuzz_comes_with(self, name, log, operations):
        code, output, errors = self.import_log(log)
        assert code == SOUND, errors
        assert f"format {name}," in output
        assert self.operations()[0] == operations
