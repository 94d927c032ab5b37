"""kmemfuzz board HEAP.c: a heap of one's own is replayed on the boards, or on one's own, and judged by what its own tool says on the
host. Builds all that it needs but the tool."""

import json
import pathlib
import shutil
import subprocess

from board_fixture import HEAP, TIMEOUT, TREE, TargetTest
from compilers import CLANG
# pylint: disable=wrong-import-order
from kmemfuzz import board

TOOL = TREE / "build/release/kmemfuzz"
PROGRAMS = {"corpus/a.ops": "alloc 0 24\nalloc 1 40\nfree 0\nalloc 2 8\n", "corpus/b.ops": "alloc 0 40\nalloc 1 40\nfree 0\nfree 1\n",
            "regressions/c.ops": "alloc 0 8\nalloc 1 100\nalloc 2 8\nfree 1\n"}
BUILD_SECONDS = 4 * TIMEOUT


def line_of(text):
    """The place in the heap's source where a text is."""
    before, found, _ = (TREE / "tests/package/own_heap.c").read_text(encoding="utf-8").partition(text)
    assert found
    return f"own_heap.c:{before.count(chr(10)) + 1}"


class OwnHeap(TargetTest):
    needs = []

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        shutil.copy(TREE / "tests/package/own_heap.c", cls.folder)
        for name, text in PROGRAMS.items():
            cls.write(f"own_heap.fuzz/{name}", HEAP + text)

    def board(self, *arguments, heap=("own_heap.c",), environment=None, **more):
        """What kmemfuzz board says of the heap, run in the folder it is in."""
        return subprocess.run([TOOL, "board", *heap, *map(str, arguments)], cwd=self.folder, env=environment or self.marked,
                              capture_output=True, text=True, check=False, timeout=BUILD_SECONDS, **more)

    def defect(self, name, *arguments):
        """The same of one with a defect on boards."""
        return self.board("--cflags", f"-DDEFECT={name}", *arguments)

    def setUp(self):
        (self.folder / "own_heap.fuzz/settings").unlink(missing_ok=True)

    # On the emulated boards.

    def test_corpus_and_regressions_are_replayed_in_every_configuration_but_those_that_are_named(self):
        result = self.board()
        self.expect(result, 0, "rv64  3 inputs, ", "rv64-sanitized  3 inputs, ", "rv32  3 inputs, ", "rv32-sanitized  3 inputs, ",
                    "all 4 configurations  12 inputs, ", "left out: rv64-mapped, rv64-lazy, which map memory as kmem asks for it")
        for line in result.stdout.splitlines():
            if line.startswith("rv64"):
                self.assertIn("all sound, digests equal the host's", line)
            if line.startswith("rv32"):
                self.assertIn("all sound, 3 laid out otherwise than on the host, whose pointers have 64 bits", line)
        self.assertNotIn("not judged", result.stdout)
        self.assertIn(f"Compiled own_heap.c with {CLANG}", result.stderr)
        again = self.board("--configuration", "rv64", "own_heap.fuzz/corpus/a.ops", "--json")
        self.assertEqual((again.returncode, again.stderr), (0, ""))
        figures, = json.loads(again.stdout)["configurations"]
        self.assertEqual((figures["inputs"], figures["sound"], figures["not-judged"], figures["other_layouts"]), (1, 1, 0, 0))

    def test_a_defect_that_only_one_board_has_is_found_there(self):
        result = self.defect("OVERLAPS_ON_32_BITS", "--configuration", "rv64", "--configuration", "rv32")
        self.expect(result, 1, "rv64  3 inputs, 16 checked operations: all sound", "own_heap.fuzz/regressions/c.ops on rv32: VIOLATION contents-kept: ",
                    ": only the target fails", f"replay     {TOOL} board own_heap.c --configuration rv32 own_heap.fuzz/regressions/c.ops")

    def test_an_allocation_that_differs_from_the_hosts_is_shown_with_its_operation(self):
        result = self.defect("WASTES", "--configuration", "rv64")
        self.expect(result, 1, "own_heap.fuzz/corpus/b.ops on rv64: DIFFERENCE: sound on both machines, but not the same",
                    "  operation  1: alloc 1 40", "  target     offset 70, digest ", "  host       offset 60, digest ")

    def test_a_fault_a_hang_and_a_sanitizers_report_have_the_users_lines(self):
        result = self.defect("LOADS_THROUGH_NULL", "--configuration", "rv64")
        self.expect(result, 1, "own_heap.fuzz/regressions/c.ops on rv64: FAULT load access fault", "  operation  1: alloc 1 100",
                    "address    0x18, in the first pages, NULL among them", f" misuse ({line_of('*)24;')})")
        result = self.defect("LOOPS", "--configuration", "rv64", "--watchdog", "0.2")
        self.expect(result, 1, "HANG: stopped by the watchdog", line_of("HERE == LOOPS"))
        result = self.defect("WRITES_PAST_ITS_GLOBAL", "--configuration", "rv64-sanitized")
        self.expect(result, 1, "SANITIZER out-of-bounds", line_of("names[index]"), "host       its sanitizers say: sound")

    def test_the_debugger_stops_before_an_operation_and_shows_the_payloads(self):
        result = self.board("--configuration", "rv64", "own_heap.fuzz/regressions/c.ops", "--gdb", "--operation", "2", "--gdb-commands",
                            self.write("commands.gdb", "kmem-map\n"))
        self.expect(result, 0, "Before operation 2: alloc 2 8\n  |.24|#8 s0|.32|#100 s1|.860|\n", "        24          8  taken  0\n",
                    "        32         32  other\n", "2 taken of 108 bytes, 3 other of 916 bytes")

    # What cannot be done.

    def test_a_heap_that_does_not_compile_for_the_board_is_the_compilers_error(self):
        self.write("sse.c", "#include <emmintrin.h>\nint sse(void);\nint sse(void) { return _mm_cvtsi128_si32(_mm_setzero_si128()); }\n")
        result = self.board("--sources", "sse.c", "--configuration", "rv32")
        self.expect(result, 2, "own_heap.c does not build for the board rv32:", "emmintrin.h:", "error: ")

    def test_what_is_compiled_for_this_machine_already_is_refused_for_a_board(self):
        self.write("more.c", "int more;\n")
        subprocess.run(["gcc", "-c", "more.c"], cwd=self.folder, check=True)
        self.expect(self.board("--sources", "more.o", "--configuration", "rv64"), 2,
                    "more.o is compiled for this machine, and the board rv64 needs it compiled for RISC-V: give its sources")

    def test_an_emulator_or_a_compiler_that_is_missing_is_named_with_its_package_before_anything_is_built(self):
        places = self.own("bin")
        places.mkdir(parents=True)
        for name in ("python3", "env", "cmake", "ninja", "sh", "sort", CLANG):
            (places / pathlib.Path(name).name).symlink_to(shutil.which(name))
        environment = dict(self.marked, PATH=str(places))
        self.expect(self.board(environment=environment), 3, "qemu-system-riscv64 is missing; install the Debian package qemu-system-misc")
        for emulator in board.EMULATORS.values():
            (places / emulator).symlink_to(shutil.which(emulator))
        (places / pathlib.Path(CLANG).name).unlink()
        self.expect(self.board(environment=environment), 3, "clang-19")

    def test_a_heap_without_programs_and_wrong_arguments_are_said_at_once(self):
        shutil.copy(self.folder / "own_heap.c", self.folder / "new_heap.c")
        self.expect(self.board(heap=("new_heap.c",)), 3, "there is no program in new_heap.fuzz/regressions or new_heap.fuzz/corpus; fuzz "
                    f"first ({TOOL} fuzz new_heap.c), or name programs")
        self.expect(self.board("--configuration", "rv64-lazy"), 2, "invalid choice: 'rv64-lazy'")
        self.expect(self.board("--image", "faults"), 2, "there is no option '--image'")
        self.expect(self.board("none.ops"), 3, "there is no none.ops")
        self.assertFalse((self.folder / "new_heap.fuzz").exists())

    def test_programs_in_whose_regions_it_starts_nowhere_are_no_success(self):
        self.write("tiny.ops", "kmem-program 2\nheap page=32 pages=1\nalloc 0 8\n")
        self.expect(self.board("--configuration", "rv64", "tiny.ops"), 2, "1 not judged",
                    "nothing was judged on rv64: no program's heap started there")

    # On one's own board.

    def capture(self, name, *flags):
        """What the heap's image prints on a board for the packed corpus, as a file."""
        packed = subprocess.run([TOOL, "pack", "own_heap.c", *flags, "own_heap.fuzz/corpus", "own_heap.fuzz/regressions", "-o", "corpus.blob",
                                 "--force"], cwd=self.folder, capture_output=True, text=True, check=False, timeout=BUILD_SECONDS)
        self.expect(packed, 0, "3 inputs")
        built = subprocess.run([TOOL, "build", "own_heap.c", "--board"], cwd=self.folder, capture_output=True, text=True, check=False,
                               timeout=BUILD_SECONDS)
        self.expect(built, 0)
        image = board.Image(board.CONFIGURATIONS[name], self.folder / "own_heap.fuzz")
        boot = board.Boot(board.boot_command(image, self.folder / "corpus.blob"), TIMEOUT)
        return self.write("capture.txt", "".join(f"[ 1.2] {line}\r\n" for line in boot.lines())).name

    def test_a_capture_is_judged_by_the_heaps_own_tool(self):
        self.expect(self.board("--log", self.capture("rv64"), "corpus.blob"), 0, "capture.txt  3 inputs, 16 checked operations: all sound, digests "
                    "equal the host's  (64 bits, 1 start, 0 other lines)")
        result = subprocess.run([TOOL, "board", "--log", self.folder / "capture.txt", self.folder / "corpus.blob"], cwd=TREE, env=self.marked,
                                capture_output=True, text=True, check=False, timeout=BUILD_SECONDS)
        self.expect(result, 1, "3 differences", "no digest is the host's: is the heap on the board the one that this command was given?")
        self.expect(self.board("--log", self.capture("rv32"), "corpus.blob"), 0, "capture.txt  3 inputs, 16 checked operations: all sound, 3 laid "
                    "out otherwise than on the host, whose pointers have 64 bits  (32 bits, ")

    def test_a_defect_on_the_board_is_found_in_the_capture(self):
        for defect, words in (("OVERLAPS_ON_32_BITS", "own_heap.fuzz/corpus/a.ops on capture.txt: VIOLATION "),
                              ("LOADS_THROUGH_NULL", "own_heap.fuzz/regressions/c.ops on capture.txt: FAULT load access fault")):
            capture = self.capture("rv32", "--cflags", f"-DDEFECT={defect}")
            self.expect(self.board("--log", capture, "corpus.blob"), 1, words, ": only the target fails",
                        f"{TOOL} pack own_heap.c own_heap.fuzz/")
