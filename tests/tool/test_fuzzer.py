"""Tests of fuzz/kmemfuzz/fuzzer.py: what it makes of libFuzzer's words and of a target's counters.
"""

import os
import pathlib
import re
import struct
import subprocess
import tempfile

from compilers import CLANG
from kmemfuzz import fuzzer
from fuzzer_words import (
    ABORT, DONE, INITED, INTERRUPTED, NEW, OTHER_LINES, OUT_OF_MEMORY, POISONED, PULSE, REDUCE,
    SV39_VIOLATED, TEXT_VIOLATED, TIMED_OUT, UNDEFINED, UNWRITTEN, VIOLATED)

ROOT = pathlib.Path(__file__).resolve().parents[2]
USES_FREED = """#include <stdlib.h>
int main(int argc, char **argv) {
    volatile char *const freed = malloc(64);
    free((void *)freed);
    for (int i = atoi(argv[1]); i > 0; i--) { // of 640 bytes each, as AddressSanitizer rounds
        free(malloc(512));
    }
    return *freed;
}
"""


def test_freed_memory_is_watched_until_one_to_two_megabytes_more_were_freed(folder):
    subprocess.run([CLANG, "-fno-builtin", "-fsanitize=address", "-xc", "-", "-o", "program"], cwd=folder, input=USES_FREED, text=True, check=True)
    for count, finding in (("1600", "asan: heap-use-after-free"), ("3400", "asan: heap-buffer-overflow")):
        done = subprocess.run([folder / "program", count], env={**os.environ, **fuzzer.ENVIRONMENT}, stderr=subprocess.PIPE, text=True, check=False)
        assert fuzzer.parse_finding(done.stderr) == finding


class TestFuzzerOutput:
    def test_status_lines_give_executions_coverage_features_and_corpus_size(self):
        for line, progress in ((INITED, (2, 8, 8, 1)), (NEW, (36942, 102, 1423, 512)), (REDUCE, (42, 55, 83, 8)),
                               (PULSE, (65536, 102, 1423, 512)), (DONE, (100000, 104, 1501, 544))):
            assert fuzzer.parse_progress(line) == progress

    def test_other_lines_give_nothing(self):
        for line in OTHER_LINES:
            assert fuzzer.parse_progress(line) is None, line

    def test_a_finding_has_the_id_of_what_stopped_the_target(self):
        for output, finding in ((VIOLATED, "free-merged"), (SV39_VIOLATED, "sv39-satp"), (TEXT_VIOLATED, "text-printed-parses"),
                                (POISONED, "asan: use-after-poison"),
                                (UNWRITTEN, "msan: use-of-uninitialized-value"), (TIMED_OUT, "hang"), (OUT_OF_MEMORY, "hang")):
            assert fuzzer.parse_finding(INITED + NEW + output) == finding

    def test_every_rule_of_every_target_is_recognised(self):
        rules = []
        for path in (*ROOT.glob("invariants/*.h"), *ROOT.glob("fuzz/execute/*.h"), *ROOT.glob("fuzz/libfuzzer/*.c")):
            rules += re.findall(r'(?:X\(|RULE\(\w+, )[A-Z0-9_]+,\s+"([a-z0-9-]+)"', path.read_text(encoding="utf-8"))
        for rule in rules:
            assert fuzzer.parse_finding(f"\nVIOLATION {rule}: A sentence.\n" + ABORT) == rule
        assert len(rules) > 60

    def test_undefined_behaviour_is_the_same_finding_at_another_address(self):
        finding = fuzzer.parse_finding(UNDEFINED)
        assert finding == "ubsan: store to misaligned address N for type 'uint64_t', which req"
        assert fuzzer.parse_finding(UNDEFINED.replace("7f17cc2002a1", "7fcb2ea002b3")) == finding

    def test_an_overflow_is_the_same_finding_with_other_numbers(self):
        first, second = (f"kmem.c:9:1: runtime error: unsigned integer overflow: {a} + {b} cannot be represented" for a,
                         b in ((18446744073709551615, 8), (18446744073709551608, 16)))
        assert fuzzer.parse_finding(first) == fuzzer.parse_finding(second)

    def test_a_run_that_found_nothing_gives_no_finding(self):
        for output in ("", INITED + NEW + DONE, INITED + INTERRUPTED, *OTHER_LINES):
            assert fuzzer.parse_finding(output) is None
            assert fuzzer.parse_artifact(output) is None

    def test_the_violations_id_counts_before_the_abort_it_ends_in(self):
        assert fuzzer.parse_finding(ABORT) == "asan: ABRT"
        assert fuzzer.parse_finding(VIOLATED) == "free-merged"

    STACK = ("==1==ERROR: AddressSanitizer: use-after-poison on address 0x7f at pc 0x55\n"
             "    #0 0x55d0 in memcpy /build/llvm/compiler-rt/lib/asan/asan_interceptors.cpp:63:5\n"
             "    #1 0x55d1 in model_take /home/src/fuzz/kmem/fuzz/sv39/sv39_model.c:9:1\n"
             "    #2 0x55d2 in sv39_map /home/src/fuzz/kmem/src/riscv/sv39.c:313:18\n"
             "    #3 0x55d3 in fuzzer::RunOneTest(x) (build/fuzz/sv39_fuzzer+0x5e)\n\nfreed by thread T0 here:\n"
             "    #0 0x55d4 in text_parse fuzz/text/text_parse.c:313:18\n")

    def test_the_function_is_the_innermost_of_the_first_stack_that_lies_in_these_folders_wherever_the_tree_lies(self):
        for folders, function in ((("src/",), "sv39_map"), (("fuzz/sv39/", "src/"), "model_take"), (("fuzz/text/",), None)):
            assert fuzzer.find_function(INITED + self.STACK, folders) == function
        assert fuzzer.find_function(POISONED, ("src/",)) == "kmem_zalloc"
        for output in ("", INITED, VIOLATED, TIMED_OUT):
            assert fuzzer.find_function(output, ("src/",)) is None

    def test_two_errors_of_one_kind_in_two_functions_are_two_bugs(self):
        def identify(output, folders=("src/",)):
            return fuzzer.identify(output, lambda output: fuzzer.find_function(output, folders))
        assert identify(POISONED) == "asan: use-after-poison in kmem_zalloc"
        assert identify(POISONED.replace("kmem_zalloc", "kmem_free")) == "asan: use-after-poison in kmem_free"
        assert (identify(POISONED, ("fuzz/",)), identify(VIOLATED), identify(TIMED_OUT), identify("")) == (
            "asan: use-after-poison", "free-merged", "hang", "unknown")

    def test_the_function_of_a_heap_of_ones_own_lies_in_its_folders_wherever_they_are(self):
        stack = ("    #0 0x55d0 in memcpy /build/llvm/compiler-rt/lib/asan/asan_interceptors.cpp:63:5\n"
                 "    #1 0x55d1 in take /home/me/kernel/heap.c:9:1\n    #2 0x55d2 in release /home/me/fuzz/my_heap.c:7:1\n\n"
                 "    #0 0x55d4 in other /home/me/fuzz/my_heap.c:31:18\n")
        for folders, function in ((("/home/me/kernel/", "/home/me/fuzz/"), "take"), (("/home/me/fuzz/",), "release"), (("/home/you/",), None)):
            assert fuzzer.find_own_function(stack, folders) == function

    def test_a_stack_without_symbols_is_known_by_its_places(self):
        output = "".join(f"    #{number} 0x7f2{number}  (/tmp/x/sv39_fuzzer+0x12{number}) (BuildId: 77ab)\n"
                         for number in range(2))
        assert fuzzer.stack_places(output + "\n" + output) == ("/tmp/x/sv39_fuzzer+0x120", "/tmp/x/sv39_fuzzer+0x121")
        assert fuzzer.find_function(output, ("src/",)) is None
        assert fuzzer.stack_places(self.STACK) == ()

    def test_the_saved_file_is_named(self):
        assert fuzzer.parse_artifact(INITED + VIOLATED) == "findings/crash-9e52b38f"
        assert fuzzer.parse_artifact(TIMED_OUT) == "findings/timeout-1a2b"
        assert fuzzer.parse_artifact(INITED + ABORT) is None


class TestStatistics:
    def read(self, contents):
        """What read_statistics makes of a file with these contents."""
        with tempfile.NamedTemporaryFile() as file:
            file.write(contents)
            file.flush()
            return fuzzer.read_statistics(file.name)

    def test_a_whole_file_gives_its_three_counters(self):
        assert self.read(struct.pack("=3Q", 5, 1 << 40, 7)) == (5, 1 << 40, 7)

    def test_what_is_behind_them_is_ignored(self):
        assert self.read(struct.pack("=3Q", 5, 6, 7) + b"more") == (5, 6, 7)

    def test_a_missing_or_a_short_file_gives_zeros(self):
        assert fuzzer.read_statistics("/nonexistent/statistics") == (0, 0, 0)
        assert fuzzer.read_statistics("/") == (0, 0, 0)
        for size in (0, 1, 8, 23):
            assert self.read(b"\x01" * size) == (0, 0, 0)
