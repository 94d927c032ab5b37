"""Runs every Python command and ends it with the right exit code: 3 when a file, memory or standard output cannot be had, 4 for
a bug of ours. Nothing unexpected may end with 1, which says that the heap is at fault."""

import errno
import os
import pathlib
import sys
import tempfile
import threading
import traceback

from kmemfuzz.command_line import EXIT_ENVIRONMENT, EXIT_INTERNAL
from kmemfuzz.outside_text import open_streams, visible
from kmemfuzz.tree import TREE

LOGS = TREE and TREE / "build" / "logs"

# What the system says when it cannot give something, though no file is named: no room, no memory, too many files, a reader
# that is gone. Any other error without a file's name is a call that we got wrong.
SCARCE = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EROFS, errno.EPIPE, errno.ENOMEM, errno.EAGAIN,
          errno.EMFILE, errno.ENFILE}


def say(name, text):
    """Prints a line on standard error, if anyone can still read it."""
    try:
        print(visible(f"{name}: {text}"), file=sys.stderr, flush=True)
    except OSError:
        pass


def keep_trace(name, trace):
    """Keeps the trace of an error in a file; returns its path, or None when there is no place for one."""
    text = f"{name}: {sys.argv!r}\nPython {sys.version}\n\n{trace}"
    file_name = f"internal-error-{pathlib.Path(sys.argv[0]).stem}.log"
    try:
        if LOGS:
            LOGS.mkdir(parents=True, exist_ok=True)
            path = LOGS / file_name
            path.write_text(text, encoding="utf-8", errors="backslashreplace")
            return path
    except OSError:
        pass
    try:
        with tempfile.NamedTemporaryFile("w", prefix="kmem-", suffix=f"-{file_name}", delete=False, encoding="utf-8",
                                         errors="backslashreplace") as file:
            file.write(text)
            return pathlib.Path(file.name)
    except OSError:
        return None


def end_internal(name, error):
    """Says that a bug of ours has shown, and how to report it; returns the exit code."""
    trace = "".join(traceback.format_exception(error))
    last = traceback.extract_tb(error.__traceback__)[-1:]
    where = "".join(f" at {os.path.relpath(frame.filename, TREE or os.sep)}:{frame.lineno}" for frame in last)
    path = keep_trace(name, trace)
    kept = f"its trace is in {path}" if path else "its trace follows"
    say(name, f"internal error, a bug of ours: {type(error).__name__}: {error}{where}; {kept}: please report both")
    if path is None and sys.stderr:
        sys.stderr.write(trace)
    return EXIT_INTERNAL


def end_scarce(name, error):
    """Says what the system could not give; returns the exit code."""
    if error.filename is not None:
        say(name, f"{os.fsdecode(error.filename)}: {error.strerror}")
    elif error.errno == errno.EPIPE:
        say(name, "the reader of its output is gone")
    else:
        say(name, f"a file or standard output cannot be written: {error.strerror}")
    return EXIT_ENVIRONMENT


def run(name, main, arguments):
    """Runs main; returns its exit code, or the one for an unexpected error."""
    if sys.stdout is None:
        say(name, "standard output is closed")
        return EXIT_ENVIRONMENT
    open_streams()
    lost = []  # what threads have ended by
    threading.excepthook = lambda ended: lost.append(ended.exc_value)
    try:
        try:
            code = main(*arguments)
        except SystemExit as end:
            code = end.code
        if lost:
            raise lost[0]
        if type(code) is not int:
            raise TypeError(f"it ended with {code!r}, which is not an exit code")
        sys.stdout.flush()
        return code
    except KeyboardInterrupt:
        say(name, "interrupted")
        return EXIT_ENVIRONMENT
    except MemoryError:
        say(name, "there is not enough memory")
        return EXIT_ENVIRONMENT
    except OSError as error:
        if error.filename is not None or error.errno in SCARCE:
            return end_scarce(name, error)
        return end_internal(name, error)
    except Exception as error:  # pylint: disable=broad-except
        return end_internal(name, error)


def enter(name, main, *arguments):
    """Runs main(*arguments) as this whole process, and ends it with main's code. name is what users call the command."""
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # print would write to standard output instead
    code = run(name, main, arguments)
    try:
        sys.stdout.flush()
    except (OSError, AttributeError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # what could not be written is dropped: Python tries again at its end
    sys.exit(code)
