"""Heaps that are not this project's replay the corpus on the boards with the host's verdicts and digests: their image is the replay
image with another subject. Needs the builds fuzz, rv64 and rv32."""

import os
import subprocess

from board_fixture import PRESETS, TIMEOUT, TREE, TargetTest, image_of
# pylint: disable=wrong-import-order
from kmemfuzz import board

HEAPS = ("buddy_heap", "tag_heap")
HOST = TREE / "build/fuzz/tests/subjects/foreign_kmemfuzz"
SOUND, NOT_JUDGED = 0, 2
WATCHDOG = 20000  # milliseconds an input may take: these heaps search and check more than kmem does


def verdicts(lines):
    return [line for line in lines if line.startswith("V ")]


class ForeignHeaps(TargetTest):
    needs = [f"build/{preset}/replay-{heap}.elf" for preset in PRESETS for heap in HEAPS] + [str(HOST.relative_to(TREE))]

    def host_verdicts(self, heap, blob):
        """What the host says of every input of a blob."""
        done = subprocess.run([HOST, "replay", blob], env=dict(os.environ, SUBJECT=heap), capture_output=True, text=True,
                              check=False, timeout=TIMEOUT)
        self.assertEqual(done.returncode, NOT_JUDGED if " not-judged " in done.stdout else SOUND)
        return verdicts(done.stdout.splitlines())

    def test_the_corpus_has_the_hosts_digests(self):
        blob = self.pack(TREE / "corpus")
        host = {heap: self.host_verdicts(heap, blob) for heap in HEAPS}
        self.assertGreaterEqual(len(host["buddy_heap"]), 100)
        self.assertNotEqual(host["buddy_heap"], host["tag_heap"])
        for heap in HEAPS:
            for preset in PRESETS:
                with self.subTest(heap=heap, preset=preset):
                    command = board.boot_command(image_of(preset, f"replay-{heap}"), blob, watchdog_ms=WATCHDOG)
                    lines = list(board.Boot(command, TIMEOUT).lines())
                    self.assertEqual(lines[-1], f"END {len(host[heap])} {len(host[heap])} 0 0 0 0")
                    self.assertEqual(verdicts(lines), host[heap])
