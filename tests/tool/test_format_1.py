"""Specification: a program of format 1 keeps its digest for ever. tests/format_1_digests.txt has that of every program that
was committed before there was another format: its name under corpus/, and its digest."""

import re

from tool_fixture import ROOT, SOUND, ToolTest

PINNED = ROOT / "tests" / "format_1_digests.txt"


class TestFormat1(ToolTest):
    def test_every_program_of_format_1_keeps_its_digest(self):
        pinned = dict(line.split(" ") for line in PINNED.read_text(encoding="ascii").splitlines())
        assert len(pinned) == 116
        code, output, errors = self.run_tool("run", *(ROOT / "corpus" / name for name in pinned))
        assert (code, errors) == (SOUND, "")
        found = re.findall(rf"^sound  ([0-9a-f]{{16}}) +\d+ operations? +{re.escape(str(ROOT))}/corpus/(\S+)$", output, re.M)
        assert {name: digest for digest, name in found} == pinned
