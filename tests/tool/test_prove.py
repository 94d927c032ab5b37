"""kmemfuzz prove: every layout of a small heap, and every operation from each."""

import re

import pytest
from tool_fixture import SOUND, USAGE, ToolTest

# Bytes, layouts, and what allocating each size of block and freeing each payload comes to.
PLAIN = ((64, 55, 543), (96, 665, 9830), (128, 8074, 159051))


class TestClosure(ToolTest):
    @pytest.mark.parametrize("size,layouts,transitions", PLAIN)
    @pytest.mark.parametrize("jobs", ("1", "2"))
    def test_all_layouts_are_reached_and_every_transition_is_done(self, size, layouts, transitions, jobs):
        code, output, errors = self.run_tool("prove", "--bytes", str(size), "--alphabet", "plain", "--jobs", jobs)
        assert (code, errors) == (SOUND, "")
        assert re.fullmatch(rf"sound: {layouts} layouts, {transitions} transitions \(.*\)\n", output)
        assert not list(self.folder.iterdir())

    def test_what_cannot_be_done_is_said(self):
        for arguments, words in (([], "--bytes needs"), (["--bytes", "60"], "it is no multiple of the heap's grain"),
                                 (["--bytes", "8"], "it has no room for a block"), (["--bytes", "264"], "it has more than 32 grains"),
                                 (["--bytes", "64", "--alphabet", "x"], "--alphabet takes"), (["--bytes", "64", "--jobs", "65"], "--jobs"),
                                 (["--bytes", "128", "--memory", "0"], "--memory"), (["--bytes", "64", "program"], "program")):
            code, output, errors = self.run_tool("prove", *arguments)
            assert (code, output) == (USAGE, "")
            assert words in errors
