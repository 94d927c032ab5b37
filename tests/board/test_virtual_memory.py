"""The heap of a board in virtual memory, mapped as it grows or as it is touched. Needs the builds release, rv64 and rv32;
./ci/test target sees to them."""

import json

from board_fixture import FAULT_REQUEST, HEAP, SOUND, TREE, VIRTUAL, TargetTest, fault_kinds, image_of
# pylint: disable=wrong-import-order
from kmemfuzz import board


class VirtualMemory(TargetTest):
    """The heap in virtual memory, mapped as it grows or as it is touched."""

    def pages_of(self, name, program):
        """What one program uses, run in a configuration."""
        result = self.run_target("--configuration", name, "--json", self.write("pages.ops", program))
        self.expect(result, 0)
        return json.loads(result.stdout)["configurations"][0]["pages"]

    def test_a_lazy_heap_leaves_most_pages_of_the_seed_that_touches_few_unmapped(self):
        program = (TREE / "corpus/seeds/pages_untouched.ops").read_text(encoding="utf-8")
        lazy = self.pages_of("rv64-lazy", program)
        mapped = self.pages_of("rv64-mapped", program)
        self.assertEqual((mapped["reserved"], mapped["granted"], mapped["mapped"]), (65, 33, 33))
        # That with the guard; the heap's first two; two where each aligned payload's header ends one and it starts one.
        self.assertEqual(lazy, {"reserved": 65, "granted": 33, "mapped": 7, "mapped_most": 7, "page_faults": 7})

    def test_growth_maps_pages_and_lazily_only_those_that_are_touched(self):
        # Besides the program's pages there is the one with the guard in front. 40968 bytes are 24696 more than are free.
        growing = "kmem-program 1\nheap page=4096 pages=4 growth=40 slots=16\nalloc 0 100\nalloc 1 40960\n"
        self.assertEqual(self.pages_of("rv64-mapped", growing),
                         {"reserved": 45, "granted": 12, "mapped": 12, "mapped_most": 12, "page_faults": 0})
        quiet = "kmem-program 1\nheap page=4096 pages=40 growth=8 slots=16\nalloc 0 100\naligned 1 4096 8\n"
        self.assertEqual(self.pages_of("rv64-mapped", quiet),
                         {"reserved": 49, "granted": 41, "mapped": 41, "mapped_most": 41, "page_faults": 0})
        self.assertEqual(self.pages_of("rv64-lazy", quiet),
                         {"reserved": 49, "granted": 41, "mapped": 3, "mapped_most": 3, "page_faults": 3})

    def test_a_store_past_the_mapped_end_is_told_as_one_with_operation_and_line(self):
        source = (TREE / "fuzz/board/faults.c").read_text(encoding="utf-8").splitlines()
        line = next(i for i, text in enumerate(source, 1) if "page_behind(heap) = ARENA_DIRT" in text)
        kind = FAULT_REQUEST + fault_kinds().index("STORE_RESERVED")
        heap = "kmem-program 1\nheap page=4096 pages=4 growth={} slots=16\n"
        path = self.write("past.ops", heap.format(4) + f"alloc 0 20000\nalloc 1 {kind}\nfree 0\n")
        last = self.write("last.ops", heap.format(1) + f"alloc 0 20000\nalloc 1 {kind}\nfree 0\n")
        for name in VIRTUAL:
            self.expect(self.run_target("--configuration", name, "--image", "faults", path), 1,
                        f"{path} on {name}: FAULT store page fault", f"operation  1: alloc 1 {kind}",
                        "address    0x40406000, past the mapped end of the heap, 0x40406000\n",
                        f"damage (fuzz/board/faults.c:{line})", f"--configuration {name} --image faults {path}")
            self.expect(self.run_target("--configuration", name, "--image", "faults", last), 1,
                        "past the mapped end of the heap, 0x40406000, and past what is reserved")

    def test_a_trace_is_written_by_requests_whose_memory_is_mapped(self):
        program = HEAP + "alloc 0 24\nfree 0\n" * 600  # more lines than the image's buffer holds
        blob = self.pack(program)
        expected = self.host_trace(blob)
        self.assertEqual(len(expected), 1200)
        for name in VIRTUAL:
            self.assertEqual(board.trace(image_of(name), blob, 0, 2.0), expected)

    def test_the_largest_blob_is_mapped_too(self):
        large = self.write("large", b"\1" * (32 * 1024 * 1024 - 300))
        kernel = next((TREE / "corpus/large").glob("*.ops"))  # needs all pages there are
        blob = self.pack(kernel, large)
        lines = list(board.Boot(board.boot_command(image_of("rv64-lazy"), blob, count=1), 30).lines())
        self.assertEqual(lines[1].split(" ")[3:5], ["513", "513"])
        self.assertEqual(lines[-1], "END 1 1 0 0 0 0")

    def test_an_input_without_its_memory_line_is_not_believed(self):
        environment = self.fake_emulator("\"$REAL\" \"$@\" | grep -v ^M")
        self.expect(self.run_target("--configuration", "rv64-lazy", self.write("sound.ops", SOUND), environment=environment),
                    3, "input 0 has no M line")

    def test_a_page_that_is_not_given_back_is_an_error_of_the_image(self):
        tree = self.copy_tree()
        source = tree / "src/riscv/virtual_heap.c"
        text = source.read_text(encoding="utf-8")
        change = text.replace("unmap_pages(heap, 0, heap->granted_count)", "unmap_pages(heap, 1, heap->granted_count)")
        self.assertNotEqual(text, change)
        source.write_text(change, encoding="utf-8")
        self.link(tree, "rv64", "replay-mapped.elf")
        boot = board.Boot(board.boot_command(board.Image(board.CONFIGURATIONS["rv64-mapped"], tree), self.pack(SOUND)), 30)
        self.assertIn("ERROR 26 pages or tables were not given back when the input ended", list(boot.lines()))
        self.assertEqual(boot.code, 26)
