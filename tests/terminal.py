"""What tests share of terminals: a command run on one, and all that it writes there."""

import contextlib
import os
import pty
import re
import subprocess


def open_terminal(columns=None):
    """A terminal of so many columns. Returns our side of it and the one for a command, which must be closed here."""
    ours, theirs = pty.openpty()
    if columns is not None:
        subprocess.run(["stty", "cols", str(columns), "rows", "50"], stdin=theirs, check=True)
    return ours, theirs


def read_terminal(ours, pattern=None, then=None):
    """All that is written until no one has the other side any more; ours is closed then. then() is called, once, when the
    pattern has been shown."""
    shown = b""
    with contextlib.suppress(OSError):  # how the end of a terminal reads
        while part := os.read(ours, 1 << 16):
            shown += part
            if pattern and re.search(pattern.encode(), shown):
                pattern = None
                then()
    os.close(ours)
    return shown


def run_on_terminal(command, columns=None, environment=None, folder=None):
    """Runs a command whose both outputs are a terminal. Returns (exit code, what it shows)."""
    ours, theirs = open_terminal(columns)
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=theirs, stderr=theirs, cwd=folder,
                          env=environment) as process:
        os.close(theirs)
        shown = read_terminal(ours)
    return process.returncode, shown
