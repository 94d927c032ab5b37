"""Tests of kmemfuzz pack and replay: what a board is given, and what it should answer. The layout required here is the one
docs/board-images.md tabulates."""

import re
import struct
import subprocess

import broken
import pytest
from compilers import CLANG
from tool_fixture import ENVIRONMENT, EXAMPLE, EXAMPLE_BYTES, EXAMPLE_SOUND, EXAMPLE_TRACE, SOUND, USAGE, VIOLATION, ToolTest

# Prints the array of a C file that pack wrote; fails where it lies on no multiple of 8.
C_MAIN = """#include <stdint.h>
#include <stdio.h>
#ifdef __cplusplus
extern "C" {
#endif
extern const unsigned long kmemfuzz_blob_size;
extern const unsigned char kmemfuzz_blob[];
#ifdef __cplusplus
}
#endif
int main(void) {
    return fwrite(kmemfuzz_blob, 1, kmemfuzz_blob_size, stdout) != kmemfuzz_blob_size || (uintptr_t)kmemfuzz_blob % 8 != 0;
}
"""


def checksum(content):
    """Over all words but the one it stands in."""
    total = 0
    for i, word in enumerate(struct.unpack(f"<{len(content) // 8}Q", content)):
        if i != 3:
            total = (((total << 5 | total >> 59) & (1 << 64) - 1) ^ word) * 0x9e3779b97f4a7c15 & (1 << 64) - 1
    return total


class TestPack(ToolTest):
    """kmemfuzz pack."""

    def test_a_blob_is_what_the_documentation_says(self):
        self.write("a", b"\1\2\3")
        self.write("b", b"")
        self.write("c", EXAMPLE)
        self.require(SOUND, "3 inputs, 128 bytes\n", "kmemfuzz: b is empty: a program with no operation\n", "pack", "a", "b",
                     "c", "-o", "blob")
        content = (self.folder / "blob").read_bytes()
        assert struct.unpack_from("<8sIIQQ", content) == (b"KMEMBLOB", 1, 3, 128, checksum(content))
        assert struct.unpack_from("<6I", content, 32) == (56, 3, 64, 0, 64, len(EXAMPLE_BYTES))
        assert content[56:] == b"\1\2\3" + bytes(5) + EXAMPLE_BYTES.ljust(56, b"\0") + b"KMEMTAIL"
        assert (self.folder / "blob.names").read_bytes() == b"a\0b\0c\0"

    def test_a_seed_takes_the_place_of_the_programs_it_makes(self):
        self.require(SOUND, "300 inputs, 56 bytes\n", "", "pack", "--programs", "300", "--seed", "7", "-o", "blob")
        content = (self.folder / "blob").read_bytes()
        generator = content[40:48]
        assert struct.unpack("<8sIIQQQ8s8s", content) == (b"KMEMBLOB", 3, 300, 56, checksum(content), 7, generator, b"KMEMTAIL")
        assert self.names() == ["blob"]
        assert self.run_tool("pack", "--programs", "300", "-o", "first")[0] == SOUND
        assert (self.folder / "first").read_bytes()[32:48] == b"\1".ljust(8, b"\0") + generator

    def test_a_seed_for_another_generator_is_refused(self):
        assert self.run_tool("pack", "--programs", "2", "-o", "made")[0] == SOUND
        made = bytearray((self.folder / "made").read_bytes())
        made[40] ^= 1
        made[24:32] = struct.pack("<Q", checksum(bytes(made)))
        self.write("made", bytes(made))
        self.require(USAGE, "", "kmemfuzz: made: the seed in this blob is for another generator; pack it again with this tree's "
                                "kmemfuzz\n", "replay", "made")

    def test_a_folder_means_all_programs_below_it(self):
        for name in ("folder/b", "folder/a", "folder/c/d"):
            self.write(name, b"\1")
        self.write("folder/README.md", "# Notes\n")
        self.require(SOUND, "left out  folder/README.md: no program\n3 inputs, 88 bytes\n", "", "pack", "folder", "-o", "blob")
        assert (self.folder / "blob.names").read_bytes() == b"folder/a\0folder/b\0folder/c/d\0"

    def test_a_text_with_an_error_is_not_packed(self):
        self.write("wrong", "kmem-program 1\nallok 0 24\n")
        code, output, errors = self.run_tool("pack", "wrong", "-o", "blob")
        assert (code, output) == (USAGE, "")
        assert re.search("^wrong:2:1: error: ", errors)
        assert self.names() == ["wrong"]

    def test_existing_files_are_replaced_only_with_force(self):
        self.write("a", b"\1")
        self.write("blob", "old")
        self.require(USAGE, "", "kmemfuzz: blob exists; choose another name, or --force to replace it\n", "pack", "a", "-o",
                     "blob")
        assert (self.folder / "blob").read_bytes() == b"old"
        self.require(SOUND, "1 input, 56 bytes\n", "", "pack", "a", "-o", "blob", "--force")

    def test_more_than_a_board_has_room_for_is_refused(self):
        size = (32 << 20) - 32 - 8 - 8  # all but the header, one entry and the tail
        self.write("exact", bytes(size))
        self.write("more", bytes(size + 1))
        self.require(SOUND, f"1 input, {32 << 20} bytes\n", "", "pack", "exact", "-o", "blob")
        code, _, errors = self.run_tool("pack", "more", "-o", "other")
        assert code == USAGE
        assert "more than 32 MiB" in errors
        assert "other" not in self.names()

    def test_the_blob_and_its_names_are_written_both_or_not_at_all(self):
        self.write("a", b"\1")
        self.write("blob.names", b"precious")
        self.require(USAGE, "", "kmemfuzz: blob.names exists; choose another name, or --force to replace it\n", "pack", "a",
                     "-o", "blob")
        assert self.names() == ["a", "blob.names"]
        assert (self.folder / "blob.names").read_bytes() == b"precious"

    def test_a_c_file_holds_the_bytes_of_the_blob_in_c_and_in_cplusplus(self):
        self.write("a", bytes(range(256)))
        self.require(SOUND, "1 input, 304 bytes\n", "", "pack", "a", "-o", "blob", "--c", "corpus.c")
        self.write("main.c", C_MAIN)
        for compiler in (["gcc", "-std=c11"], [CLANG, "-std=c11"], ["gcc", "-xc++", "-std=c++11"],
                         [CLANG, "-xc++", "-std=c++11"]):
            compile_all = [*compiler, "-Wall", "-Wextra", "-Wpedantic", "-Werror", "corpus.c", "main.c", "-o", "main"]
            subprocess.run(compile_all, cwd=self.folder, check=True)
            printed = subprocess.run([self.folder / "main"], capture_output=True, check=True).stdout
            assert printed == (self.folder / "blob").read_bytes(), compiler

    def test_the_c_file_is_written_with_the_blob_or_not_at_all(self):
        self.write("a", b"\1")
        self.write("corpus.c", "mine")
        self.require(USAGE, "", "kmemfuzz: corpus.c exists; choose another name, or --force to replace it\n", "pack", "a", "-o",
                     "blob", "--c", "corpus.c")
        assert self.names() == ["a", "corpus.c"]

    def test_wrong_arguments(self):
        self.write("a", b"\1")
        nothing = "it takes programs, or folders with programs in them, or --programs above 0 in their place, and -o BLOB"
        self.require_misuse("pack", nothing)
        self.require_misuse("pack", nothing, "a")
        self.require_misuse("pack", nothing, "-o", "blob")
        self.require_misuse("pack", nothing, "--programs", "0", "-o", "blob")
        self.require_misuse("pack", nothing, "a", "--programs", "1", "-o", "blob")
        self.require_misuse("pack", "--seed is for --programs", "a", "--seed", "1", "-o", "blob")
        self.require_misuse("pack", "-o needs the name of the file to write", "a", "-o")
        self.require_misuse("pack", "there is no option '--bogus'", "a", "--bogus")


class TestReplay(ToolTest):
    """kmemfuzz replay."""

    @pytest.fixture(autouse=True)
    def set_up_replay(self, set_up_folder_test):
        self.write("programs/1", EXAMPLE)
        self.write("programs/2", b"")
        self.write("programs/3", EXAMPLE_BYTES)
        assert self.run_tool("pack", "programs", "-o", "blob")[0] == SOUND
        self.line = f"9 - 0 0 0 {EXAMPLE_SOUND.split()[1]}\n"
        self.empty = "0 - 0 0 0 0\n"

    def test_a_line_for_each_input_and_one_at_the_end(self):
        self.require(SOUND, f"V 0 {self.line}V 1 {self.empty}V 2 {self.line}END 3\n", "", "replay", "blob")

    def test_start_and_count_choose_inputs(self):
        self.require(SOUND, f"V 1 {self.empty}V 2 {self.line}END 2\n", "", "replay", "blob", "--start", "1")
        self.require(SOUND, f"V 1 {self.empty}END 1\n", "", "replay", "blob", "--start", "1", "--count", "1")
        self.require(SOUND, "END 0\n", "", "replay", "blob", "--start", "3")
        self.require(SOUND, "END 0\n", "", "replay", "blob", "--count", "0")
        self.require_misuse("replay", "there is no input 4; the blob has 3", "blob", "--start", "4")

    def test_a_trace_has_the_digests_that_run_prints(self):
        _, output, _ = self.run_tool("replay", "blob", "--count", "1", "--trace")
        digests = [line.split()[-1] for line in output.splitlines() if line.startswith("T 0 ")]
        assert digests == [line.split("digest ")[1] for line in EXAMPLE_TRACE.splitlines() if "digest" in line]
        offsets = [line.split()[3] for line in output.splitlines() if line.startswith("T 0 ")]
        assert offsets == ["8", "28", "-", "-", "80", "-", "28", "-", "-"]

    def test_a_file_that_is_no_blob_is_named_for_what_it_is(self):
        content = (self.folder / "blob").read_bytes()
        for wrong, text in ((b"", "this is no blob"), (b"KMEMBLOC" + content[8:], "this is no blob"),
                            (content[:20], "cut short"), (content[:-8], "cut short"),
                            (content[:70] + b"x" + content[71:], "checksum"),
                            (content[:8] + b"\2" + content[9:], "another format version"),
                            (content[:19] + b"\xff" + content[20:], "larger than the 32 MiB")):
            self.write("wrong", wrong)
            code, output, errors = self.run_tool("replay", "wrong")
            assert (code, output) == (USAGE, "")
            assert re.search(f"^kmemfuzz: wrong: .*{text}", errors)

    def test_programs_that_a_seed_makes_are_those_of_smoke(self):
        assert self.run_tool("pack", "--programs", "40", "--seed", "3", "-o", "made")[0] == SOUND
        _, output, _ = self.run_tool("replay", "made")
        assert (output.count("\n"), output.count(" - 0 0 0 "), output.splitlines()[-1]) == (41, 40, "END 40")
        tool = broken.tool("release", "alloc-returns-null")
        for index in ("0", "1", "39"):
            assert self.run_tool("smoke", "--seed", "3", "--from", index, "--programs", "1", tool=tool)[0] == VIOLATION
            self.require(SOUND, "", "", "replay", "made", "--start", index, "-o", index)
            assert (self.folder / index).read_bytes() == (self.folder / f"smoke-3-{index}").read_bytes()

    def test_an_input_can_be_taken_out_of_a_blob(self):
        self.require(SOUND, "", "", "replay", "blob", "--start", "2", "-o", "taken")
        assert (self.folder / "taken").read_bytes() == EXAMPLE_BYTES
        self.require(USAGE, "", "kmemfuzz: taken exists; choose another name, or --force to replace it\n", "replay", "blob", "-o",
                     "taken")
        self.require_misuse("replay", "there is no input 3; the blob has 3", "blob", "--start", "3", "-o", "other")
        for ignored in (("--count", "1"), ("--trace",)):
            self.require_misuse("replay", "-o runs nothing, so it takes no --count and no --trace", "blob", "-o", "other", *ignored)
        self.require_misuse("replay", "--force is for -o", "blob", "--force")

    def test_a_blob_that_cannot_be_read_ends_with_3(self):
        self.require(ENVIRONMENT, "", "kmemfuzz: cannot read none: No such file or directory\n", "replay", "none")
        self.require(ENVIRONMENT, "", "kmemfuzz: cannot read programs: Is a directory\n", "replay", "programs")

    def test_a_dash_is_standard_input(self):
        usual = self.run_tool("replay", "blob")
        assert self.run_tool("replay", "-", stdin=(self.folder / "blob").read_bytes()) == usual

    def test_wrong_arguments(self):
        self.require_misuse("replay", "it takes a blob")
        self.require_misuse("replay", "'more' is one argument too many", "blob", "more")
        self.require_misuse("replay", "there is no option '--bogus'", "blob", "--bogus")
        for option in ("--start", "--count"):
            for number in ("-1", "x", "1x", "", "4294967296", "99999999999999999999999"):
                self.require_misuse("replay", f"{option} needs a number", "blob", option, number)
            self.require_misuse("replay", f"{option} needs a number", "blob", option)
