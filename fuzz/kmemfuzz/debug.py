"""Boots an image on one input and starts a debugger on it, stopped before one operation."""

import pathlib
import shutil
import signal
import subprocess
import time

from kmemfuzz import board, child
from kmemfuzz.outside_text import excerpt

DEBUGGER = "gdb-multiarch"
SUPPORT = pathlib.Path("fuzz/gdb/kmem_gdb.py")
WATCHDOG_SECONDS = 86400.0  # a person thinks; a hang is ended by ^C in the debugger
POLL_SECONDS = 0.01


def find_debugger():
    """The path of the debugger."""
    path = shutil.which(DEBUGGER)
    if path is None:
        raise board.EnvironmentFailure(f"{DEBUGGER} is missing; install the Debian package {DEBUGGER}")
    return path


def failing_operation(image, blob, index, outcome):
    """The operation an input fails in, as its replay has just found. None: it is wrong before the first."""
    if outcome.kind == "verdict":
        return outcome.values["operations"] - 1 if outcome.values["operations"] else None
    if outcome.kind == "dead":
        return len(board.trace(image, blob, index, 2.0, board.DEBUG))
    return outcome.values["operation"]


def _start_board(image, blob, index, socket):
    """A board that waits for a debugger at the socket."""
    command = board.boot_command(image, blob, index, 1, board.DEBUG, int(WATCHDOG_SECONDS * 1000))
    command += ["-S", "-gdb", f"unix:{socket},server=on,wait=off"]
    emulator = child.Child(command, quiet=True)  # in a session of its own: ^C is the debugger's
    deadline = time.monotonic() + board.START_SECONDS
    while not socket.exists():
        if emulator.has_ended() or time.monotonic() > deadline:
            emulator.end()
            errors = emulator.errors.decode(errors="surrogateescape").strip()
            raise board.EnvironmentFailure("the emulator does not wait for a debugger: "
                                           f"{excerpt(errors) if errors else 'no word of why'}")
        time.sleep(POLL_SECONDS)
    return emulator


def _debugger_command(image, socket, operation, script):
    """The debugger, up to its stop before the operation; then what is in the script, or what a person types."""
    command = [find_debugger(), "-q", *(["-nx", "-batch"] if script else [])]
    for line in ("set confirm off", f"source {SUPPORT}", f"target remote {socket}", f"kmem-stop-before {operation}",
                 "continue"):
        command += ["-ex", line]
    if script:
        command += ["-x", str(script)]
    return [*command, str(image.path)]


def run(image, blob, index, operation, script, folder):
    """Debugs one input of a blob. What was started is gone afterwards, whatever ends the session."""
    socket = folder / "gdb.socket"
    command = _debugger_command(image, socket, operation, script)
    emulator = _start_board(image, blob, index, socket)
    debugger = None
    interrupt = signal.signal(signal.SIGINT, lambda *_: None)  # ^C reaches the debugger as well, and is meant for it
    try:
        debugger = subprocess.Popen(command, stdin=None if script is None else subprocess.DEVNULL)
        code = debugger.wait()
    finally:
        signal.signal(signal.SIGINT, interrupt)
        if debugger is not None:
            debugger.kill()
            debugger.wait()
        emulator.end()
    if code != 0:
        raise board.EnvironmentFailure(f"{DEBUGGER} ended with code {code}")
