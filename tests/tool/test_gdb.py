"""kmemfuzz run --gdb must stop before the operation that fails, show the heap as it is there, and reach the failure.
Needs the presets release and dev built.
"""

import os
import re
import signal
import subprocess

import broken
import pytest
from failures import HANGS, WRITES_TO_NULL
from tool_fixture import ROOT, TIMEOUT, ToolTest
# pylint: disable=wrong-import-order
from gdb_session import mapped_pictures, traced_pictures
from processes import processes_naming, wait_until, wait_until_busy, wait_until_none

TOOL = ROOT / "build/release/kmemfuzz"
INSTRUMENTED = ROOT / "build/dev/kmemfuzz"

EXAMPLE = """kmem-program 1
heap page=64 pages=4 growth=2 slots=16 refuse=0
alloc 0 24
zalloc 1 40
free 0
double 0
aligned 2 64 16
calloc 3 0x20000001 largest-8
realloc 1 usable+8
"""
STEPS = (
    "0: alloc 0 24, alloc, 24 bytes; must give offset 8",
    "1: zalloc 1 40, zalloc, 40 bytes; must give offset 40",
    "2: free 0, free of offset 8; must free offset 8",
    "3: double 0, free of offset 8; must be refused: double-free",
    "4: aligned 2 64 16, alloc aligned, 16 bytes, alignment 64; must give offset 128",
    "5: calloc 3 0x20000001 largest-8, calloc, 536870913 times, 96 bytes; must be refused: exhausted",
    "6: realloc 1 usable+8, realloc of offset 40, 48 bytes; must give offset 40",
    "7: free 1, freeing everything at the end, free of offset 40; must free offset 40",
    "8: free 2, freeing everything at the end, free of offset 128; must free offset 128",
)


class Session(ToolTest):
    """A folder, and a debugger that takes its commands from a file."""

    def debug(self, commands, program=EXAMPLE, arguments=(), tool=TOOL, environment=None):
        """What kmemfuzz run --gdb prints and returns. It runs in the folder of the program."""
        self.write("program.ops", program)
        self.write("commands.gdb", commands)
        return subprocess.run([tool, "run", "program.ops", "--gdb", "--gdb-commands", "commands.gdb", *arguments],
                              cwd=self.folder, env=environment, capture_output=True, text=True, errors="replace",
                              timeout=TIMEOUT, check=False)

    def expect(self, result, code, *texts):
        """Requires an exit code, and texts in what was printed on either stream."""
        output = result.stdout + result.stderr
        assert result.returncode == code, output
        for text in texts:
            assert text in output

    def pictures(self):
        """The heap before each operation of the program last debugged, as the sound tool's trace draws it."""
        return traced_pictures(TOOL, self.folder / "program.ops")


class TestTheStop(Session):
    """Where it is."""

    def test_every_operation_is_stopped_at_with_the_heap_that_the_trace_draws_there(self):
        result = self.debug("break debug_operation\n" + "kmem-map\nprint *step\ncontinue\n" * len(STEPS))
        self.expect(result, 0, "sound; stopping before operation 0", "exited normally",
                    *(f"${number} = {step}\n" for number, step in enumerate(STEPS, start=1)))
        assert mapped_pictures(result.stdout) == self.pictures()[:-1]

    def test_an_instrumented_build_is_stopped_in_the_same_way(self):
        assert INSTRUMENTED.exists(), "build it first: cmake --build --preset dev"
        result = self.debug("kmem-map\ncontinue\n", arguments=["--operation", "5"], tool=INSTRUMENTED)
        self.expect(result, 0, "Before operation 5: calloc 3 0x20000001 largest-8\n", "\nsound  ", "exited normally")
        assert mapped_pictures(result.stdout) == self.pictures()[5:6]

    def test_a_violation_is_stopped_at_before_its_operation_and_reached_by_going_on(self):
        tool = broken.tool("release", "merge-right-forgotten")
        program = "kmem-program 1\nheap page=64 pages=4\nalloc 0 24\nalloc 1 24\nfree 1\nalloc 2 8\n"
        result = self.debug("kmem-map\ncontinue\nprint *verdict\n", program, tool=tool)
        self.expect(result, 0, "violation; stopping before operation 2", "Before operation 2: free 1\n",
                    "Violation in operation 2: free 1\n  free-merged: No two adjacent blocks are both free. (offset 64, ",
                    "\n  |#32 s0|.32|.192|\n", "$1 = free-merged: ")
        assert mapped_pictures(result.stdout) == self.pictures()[2:3]

    def test_only_the_oracles_asked_for_say_where_it_fails(self):
        program = "kmem-program 1\nheap page=64 pages=4\nalloc 0 24\nalloc 1 24\nfree 1\nalloc 2 8\n"
        result = self.debug("", program, ["--only", "contents-kept"], broken.tool("release", "merge-right-forgotten"))
        self.expect(result, 0, "sound; stopping before operation 0")

    def test_a_death_in_the_subject_is_stopped_at_before_its_operation_and_reached_with_its_stack(self):
        result = self.debug("continue\nbt\nkmem-map\n", tool=broken.tool("release", WRITES_TO_NULL))
        self.expect(result, 0, "dies in the subject; stopping before operation 1", "Before operation 1: zalloc 1 40\n",
                    "Program received signal SIGSEGV", "kmem_zalloc (")
        assert len(mapped_pictures(result.stdout)) == 1, result.stdout

    def test_a_hang_is_stopped_at_before_its_operation(self):
        self.expect(self.debug("", tool=broken.tool("release", HANGS)), 0, "hang; stopping before operation 1",
                    "Before operation 1: zalloc 1 40\n")


class TestTheHeap(Session):
    """What kmem-map makes of heaps that are wrong, and of what is no heap."""

    def map_of(self, damage):
        """What kmem-map prints of the heap before operation 3, |.32|#48 s1|.176|, after a command of gdb's."""
        result = self.debug(f"set $base = (unsigned long *)debug_executor->region.base\n{damage}\nkmem-map\n",
                            arguments=["--operation", "3"])
        self.expect(result, 0)
        return result.stdout.partition("slot\n")[2]

    def test_a_healthy_heap_is_mapped_to_its_end(self):
        assert re.search(r"^         0         32  free\n"
                         r"        32         48  taken  1\n"
                         r"        80        176  free\n"
                         r"1 taken of 48 bytes, 2 free of 208 bytes, base 0x[0-9a-f]+\n$", self.map_of(""))

    @pytest.mark.parametrize("name, header", (("of size zero", "0"), ("below the smallest block", "8"), ("off the grid", "33"),
                                              ("past the end", "232"), ("endless", "0x7ffffffffffffff8")))
    def test_the_walk_ends_at_a_header_that_cannot_be_true(self, name, header):
        size = int(header, 0)
        assert self.map_of(f"set $base[4] = {header}") == (
            "         0         32  free\n"
            f"        32 {size:>10}  free   corrupt: the size cannot be true; the walk ends here\n")

    def test_memory_that_cannot_be_read_ends_the_walk(self):
        assert (self.map_of("set debug_executor->region.base = (unsigned char *)8") ==
                "         0          0  free   corrupt: the header cannot be read; the walk ends here\n")

    @pytest.mark.parametrize("expression, text", (("index", "index is neither a struct kmem nor a struct executor"),
                                                  ("no_such_name", 'No symbol "no_such_name"')))
    def test_what_is_no_heap_is_refused(self, expression, text):
        self.expect(self.debug(f"kmem-map {expression}\n"), 3, text)

    def test_structures_are_printed_in_words(self):
        heap = "(struct kmem *)debug_executor->subject->view->heap"
        result = self.debug(f"print *{heap}\nset var (*{heap}).error = KMEM_CORRUPT\nprint *{heap}\n"
                            "up 2\nprint *operation\nprint/r operation->slot\n", arguments=["--operation", "4"])
        self.expect(result, 0, "4 pages of 64 bytes, 1 taken of 48 bytes, last call KMEM_DOUBLE_FREE",
                    "last call KMEM_CORRUPT at offset 0")


class TestTheEnd(Session):
    """Whatever ends a session, nothing of it is left."""

    def test_nothing_is_left_when_the_command_is_ended(self):
        tool = broken.tool("release", HANGS)
        for number in (signal.SIGTERM, signal.SIGKILL):
            reached = self.folder / f"reached-{number}"
            program = self.write("program.ops", EXAMPLE)
            script = self.write("commands.gdb", f"python open('{reached}', 'w').close()\ncontinue\n")
            process = subprocess.Popen([tool, "run", program, "--gdb", "--gdb-commands", script, "--operation", "1"],
                                       stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            try:
                wait_until(reached.exists, "the stop")
                wait_until_busy(f"{tool} run {program}")
            finally:
                process.send_signal(number)
            assert process.wait(timeout=TIMEOUT) == -number
            wait_until_none(processes_naming, program)


class TestWrongUse(Session):
    """What cannot be debugged is refused, with what to do."""

    def run_tool(self, *arguments, **environment):
        """Runs kmemfuzz run on the example."""
        return subprocess.run([TOOL, "run", *map(str, arguments)], env=dict(os.environ, **environment), cwd=self.folder,
                              input="", capture_output=True, text=True, timeout=TIMEOUT, check=False)

    def test_a_missing_debugger_is_named_with_its_package(self):
        self.expect(self.debug("", environment=dict(os.environ, PATH=str(self.folder))), 3,
                    "gdb-multiarch is missing; install the Debian package gdb-multiarch")

    def test_a_tree_that_is_gone_is_named_with_what_to_do(self):
        self.expect(self.debug("", environment=dict(os.environ, KMEM_TREE="/nowhere")), 3,
                    "there is no fuzz/gdb/kmem_gdb.py in the tree /nowhere", "KMEM_TREE=FOLDER")

    def test_only_one_file_can_be_debugged(self):
        self.write("a", EXAMPLE)
        self.write("b", EXAMPLE)
        for arguments in (("a", "b"), (".",), ("-",)):
            self.expect(self.run_tool(*arguments, "--gdb"), 2, "--gdb takes one file, and not standard input")

    def test_options_of_the_debugger_need_it_and_their_values(self):
        self.write("a", EXAMPLE)
        self.expect(self.run_tool("a", "--operation", "1"), 2, "--operation belongs to --gdb")
        for wrong in ("x", "-1", "", "1x", "99999999999999999999"):
            self.expect(self.run_tool("a", "--gdb", "--operation", wrong), 2, "--operation needs the number of an operation")
        self.expect(self.run_tool("a", "--gdb", "--operation", "9"), 2, "there is no operation 9: the run has 9, recovery")
        self.expect(self.run_tool("a", "--gdb", "--gdb-commands", "none"), 2, "--gdb-commands needs a file")
        self.expect(self.run_tool("none", "--gdb"), 3, "none")
