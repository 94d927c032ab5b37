"""kmemfuzz board --smoke: programs that the boards make of a seed, judged as a corpus is. Needs the builds release, dev and those
of all boards; ./ci/test target sees to them."""

import os
import re
import subprocess

import patched
import pytest
from board_fixture import KMEMFUZZ, SOUND, TIMEOUT, TREE, TargetTest, image_of
# pylint: disable=wrong-import-order
from kmemfuzz import board


class Smoke(TargetTest):
    """kmemfuzz board --smoke."""

    def blob(self, *arguments):
        """A blob of a seed, of this test's own."""
        blob = self.own("blob")
        blob.parent.mkdir(exist_ok=True)
        subprocess.run([KMEMFUZZ, "pack", *arguments, "-o", blob, "--force"], check=True, capture_output=True)
        return blob

    def test_the_boards_make_the_hosts_programs_and_answer_them_as_the_host_does(self):
        result = self.run_target("--smoke", "--programs", "60", "--seed", "5")
        self.expect(result, 0, f"all {len(board.CONFIGURATIONS)} configurations  {60 * len(board.CONFIGURATIONS)} inputs, ")
        host = subprocess.run([KMEMFUZZ, "replay", self.blob("--programs", "60", "--seed", "5")], check=True, capture_output=True,
                              text=True).stdout
        operations = sum(int(line.split()[2]) for line in host.splitlines() if line.startswith("V "))
        for name in board.CONFIGURATIONS:
            self.assertIn(f"{name}  60 inputs, {operations:,} checked operations: all sound, digests equal the host's  (", result.stdout)
        self.assertNotIn(f", {operations:,} checked", self.run_target("--smoke", "--programs", "60", "--configuration", "rv32").stdout)

    @pytest.mark.night
    def test_a_bug_of_32_bits_is_found_on_the_board_alone_and_its_program_kept(self):
        tree = self.copy_tree()
        patched.apply_patch(tree, TREE / "tests/planted/calloc-wraps.patch")
        self.link(tree, "rv32", "replay.elf")
        (tree / "build/release").mkdir()
        os.link(KMEMFUZZ, tree / "build/release/kmemfuzz")
        result = self.run_target("--smoke", "--programs", "600", "--configuration", "rv32", tree=tree)
        self.expect(result, 1, "only the target fails")
        index, path = re.search(r"^program (\d+) of seed 1 on rv32: VIOLATION (?s:.*?)^  replay .* (build/target/smoke-1-\1)$",
                                result.stdout, re.MULTILINE).groups()
        self.assertEqual((tree / path).name, f"smoke-1-{index}")
        self.expect(self.run_target("--configuration", "rv32", path, tree=tree), 1, f"{path} on rv32: VIOLATION ", "only the target fails")
        self.expect(self.run_target("--blob", self.blob("--programs", "600"), "--configuration", "rv32", tree=tree), 1,
                    f"program {index} of seed 1 on rv32: VIOLATION ")

    def test_a_capture_is_judged_by_its_seed(self):
        blob = self.blob("--programs", "30", "--seed", "2")
        lines = list(board.Boot(board.boot_command(image_of("rv64"), blob), TIMEOUT).lines())
        smoke = ("--smoke", "--programs", "30", "--seed")
        capture = self.write(self.own("capture.txt"), "".join(f"{line}\n" for line in lines))
        for programs in ((blob,), (*smoke, "2")):
            self.expect(self.run_target("--log", capture, *programs), 0, "capture.txt  30 inputs, ", "all sound, digests equal the host's")
        self.expect(self.run_target("--log", capture, *smoke, "3"), 2, "the board has run another blob")
        self.write(capture, "".join(f"{line}\n" for line in lines[:9]))
        self.expect(self.run_target("--log", capture, blob), 3, "it ends after 8 of 30 inputs; the next is program 8 of seed 2")

    def test_wrong_arguments_are_usage_errors(self):
        path = self.write("sound.ops", SOUND)
        for arguments, words in ((["--smoke", path], "--smoke takes the place of PATHs"),
                                 (["--smoke", "--blob", path], "--smoke takes the place of PATHs"),
                                 (["--smoke", "--gdb"], "there is no --gdb for it"), (["--seed", "1"], "belong to --smoke"),
                                 (["--smoke", "--programs", "0"], "is not a whole number above 0"),
                                 (["--smoke", "--seed", "-1"], "is not a whole number from 0")):
            self.expect(self.run_target(*arguments), 2, words)
