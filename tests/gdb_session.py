"""What the tests of the debugger share: heaps as the trace draws them and as kmem-map prints them.

Used by tests/board/test_gdb.py and tests/tool/test_gdb.py."""

import re
import subprocess


def traced_pictures(tool, program):
    """The heap before every operation, recovery included, as `kmemfuzz run --trace` draws it; the last is the end's."""
    output = subprocess.run([tool, "run", "--trace", program], capture_output=True, text=True, check=False).stdout
    pictures = re.findall(r"^ {7}(\|.*\|)(?:  digest .*)?$", output, re.MULTILINE)
    total = sum(int(size) for size in re.findall(r"[#.](\d+)", pictures[0]))
    return [f"|.{total}|", *pictures]


def mapped_pictures(output):
    """Every map that kmem-map has printed, drawn as a trace draws it."""
    pictures = []
    for table in re.findall(r"^ +offset +size  state  slot\n((?: +\d+ +\d+  \w.*\n)*)", output, re.MULTILINE):
        picture, expected_offset = "|", 0
        for offset, size, state, slot in re.findall(r"^ +(\d+) +(\d+)  (taken|free) *(\d*)$", table, re.MULTILINE):
            assert int(offset) == expected_offset, table
            expected_offset += int(size)
            picture += f"{'#' if state == 'taken' else '.'}{size}{f' s{slot}' if slot else ''}|"
        pictures.append(picture)
    return pictures
