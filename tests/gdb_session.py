"""What the tests of the debugger share: heaps as the trace draws them and as kmem-map prints them, and processes.

Used by tests/target/test_gdb.py and tests/tool/test_gdb.py."""

import os
import pathlib
import re
import subprocess
import time

WAIT_SECONDS = 240.0  # far more than anything waited for takes, on a busy machine too


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


def processes_naming(text):
    """The command lines of all processes in which text occurs, this one excepted."""
    found = []
    for path in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
        try:
            command = path.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue  # it has ended
        if text in command and path.parent.name != str(os.getpid()):
            found.append(command)
    return found


def processor_ticks(text):
    """The processor time of all processes whose command lines hold a text."""
    ticks = 0
    for path in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            if text in (path / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace"):
                ticks += sum(map(int, (path / "stat").read_text().rpartition(")")[2].split()[11:13]))
        except OSError:
            pass  # it has ended
    return ticks


def wait_until_busy(text):
    """Waits until the processes whose command lines hold a text have worked for a tenth of a second from now on."""
    start = processor_ticks(text)
    wait_until(lambda: processor_ticks(text) >= start + 10, f"{text} to work")


def wait_until(condition, what):
    """Waits for something another process does."""
    deadline = time.monotonic() + WAIT_SECONDS
    while not condition():
        assert time.monotonic() < deadline, f"waited for {what}"
        time.sleep(0.01)
