"""A blob that cannot be replayed must be named: by the image, by the host and by kmemfuzz board. Needs the builds release, rv64
and rv32; ./ci/test target sees to them."""

import re
import struct
import subprocess

from board_fixture import KMEMFUZZ, PRESETS, SOUND, TREE, TargetTest, image_of
# pylint: disable=wrong-import-order
from kmemfuzz import board


class Blobs(TargetTest):
    """A blob that cannot be replayed is named, by the image, by the host, and by kmemfuzz board."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.blob = cls.folder / "good.blob"
        subprocess.run([KMEMFUZZ, "pack", cls.write("sound.ops", SOUND), "-o", cls.blob], check=True, capture_output=True)
        cls.good = cls.blob.read_bytes()

    def expect_blob_error(self, content, error, text):
        """Requires that a blob is refused, by both boards with the code of this error, with this text."""
        path = self.write(self.own("blob"), content)
        names = re.findall(r"X\((\w+),", (TREE / "fuzz/program/blob.h").read_text(encoding="utf-8"))
        for preset in PRESETS:
            image = image_of(preset, "replay")
            result = subprocess.run(board.boot_command(image, path), capture_output=True, text=True, check=False,
                                    timeout=60)
            code = 30 + names.index(error)
            self.assertEqual((result.returncode, result.stdout.split(" ")[:2]), (code, ["ERROR", str(code)]))
            self.assertIn(text, result.stdout)
        self.expect(self.run_target("--configuration", "rv64", "--blob", path), 3, "the image cannot replay", text)
        if error != "MISSING":
            host = subprocess.run([KMEMFUZZ, "replay", path], capture_output=True, text=True, check=False)
            self.assertEqual(host.returncode, 2)
            self.assertIn(text, host.stderr)

    def reseal(self, content):
        """The content with the checksum it should have."""
        total = 0
        for i, word in enumerate(struct.unpack(f"<{len(content) // 8}Q", content)):
            if i != 3:
                total = (((total << 5 | total >> 59) & (1 << 64) - 1) ^ word) * 0x9e3779b97f4a7c15 & (1 << 64) - 1
        return content[:24] + struct.pack("<Q", total) + content[32:]

    def test_a_good_blob_is_replayed_and_its_inputs_named_by_number_where_the_names_are_lost(self):
        self.assertEqual(self.reseal(self.good), self.good)
        path = self.write("nameless.blob", self.good)
        self.expect(self.run_target("--blob", path), 0, "all sound")

    def test_an_empty_blob_is_replayed(self):
        content = self.reseal(b"KMEMBLOB" + struct.pack("<IIQQ", 1, 0, 40, 0) + b"KMEMTAIL")
        image = image_of("rv64", "replay")
        boot = board.Boot(board.boot_command(image, self.write("empty.blob", content)), 10)
        self.assertEqual(list(boot.lines()), ["BOOT 1 64 0 0 0", "END 0 0 0 0 0 0"])
        self.assertEqual(boot.code, 0)

    def test_a_missing_blob(self):
        image = image_of("rv64", "replay")
        result = subprocess.run(board.boot_command(image, None), capture_output=True, text=True, check=False, timeout=60)
        self.assertEqual((result.returncode, result.stdout.split(":")[0]), (31, "ERROR 31 there is no blob"))
        self.expect(self.run_target("--blob", self.folder / "none"), 3, "none: there is no such file")

    def test_a_blob_of_zeros(self):
        self.expect_blob_error(bytes(64), "MISSING", "nothing had been loaded")

    def test_a_foreign_file(self):
        self.expect_blob_error(b"This is something else." * 10, "FOREIGN", "does not begin with KMEMBLOB")

    def test_another_version(self):
        content = self.good[:8] + struct.pack("<I", 2) + self.good[12:]
        self.expect_blob_error(self.reseal(content), "VERSION", "another format version")

    def test_a_blob_of_a_seed_with_more_than_that(self):
        content = self.good[:8] + struct.pack("<I", 3) + self.good[12:]
        self.assertNotEqual(len(content), 56)
        self.expect_blob_error(self.reseal(content), "DAMAGED", "damaged")

    def test_a_seed_for_another_generator(self):
        content = struct.pack("<8sIIQQQQ8s", b"KMEMBLOB", 3, 2, 56, 0, 1, 0, b"KMEMTAIL")
        self.expect_blob_error(self.reseal(content), "GENERATOR", "for another generator")

    def test_a_truncated_blob(self):
        for size in (40, len(self.good) - 8):
            with self.subTest(size=size):
                self.expect_blob_error(self.good[:size], "TRUNCATED", "cut short")

    def test_a_blob_larger_than_the_board_has_room_for(self):
        content = self.good[:16] + struct.pack("<Q", (32 << 20) + 8) + self.good[24:]
        self.expect_blob_error(content, "TOO_LARGE", "larger than the 32 MiB")

    def test_a_damaged_blob_wherever_the_bit_is(self):
        for offset in (12, 24, 33, len(self.good) - 12):
            with self.subTest(offset=offset):
                content = bytearray(self.good)
                content[offset] ^= 4
                self.expect_blob_error(bytes(content), "DAMAGED", "checksum")

    def test_an_index_that_leads_outside(self):
        for entry in ((40, 1 << 31), (0, 8), (44, 1), (len(self.good), 0), (0xfffffff8, 16)):
            with self.subTest(entry=entry):
                content = self.good[:32] + struct.pack("<II", *entry) + self.good[40:]
                self.expect_blob_error(self.reseal(content), "INDEX", "outside it")

    def test_more_inputs_than_the_blob_has_bytes(self):
        content = self.good[:12] + struct.pack("<I", 0xffffffff) + self.good[16:]
        self.expect_blob_error(self.reseal(content), "INDEX", "outside it")

    def test_a_start_behind_the_last_input(self):
        image = image_of("rv32", "replay")
        result = subprocess.run(board.boot_command(image, self.blob, start=2), capture_output=True, text=True, check=False,
                                timeout=60)
        self.assertEqual(result.returncode, 22)
        self.assertIn("comes after the last", result.stdout)

    def test_pack_refuses_what_a_board_has_no_room_for(self):
        large = self.write("large", b"\1" * (33 << 20))
        result = subprocess.run([KMEMFUZZ, "pack", large, "-o", self.folder / "large.blob"], capture_output=True, text=True,
                                check=False)
        self.assertEqual(result.returncode, 2)
        self.assertIn("more than 32 MiB", result.stderr)
        self.assertFalse((self.folder / "large.blob").exists())
