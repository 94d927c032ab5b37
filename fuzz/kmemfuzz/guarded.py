"""Starts processes that the kernel kills when this one is gone, however it ends. Each leads a group of its own, so Ctrl-C in a
terminal does not reach it."""

import ctypes
import functools
import os
import signal
import subprocess

_PR_SET_PDEATHSIG = 1
_prctl = ctypes.CDLL(None).prctl


def tie(parent):
    """In a new process, before it becomes its command: has the kernel kill it when its parent is gone, as it may be by now."""
    _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os.kill(os.getpid(), signal.SIGKILL)


def start(command, **more):
    """Starts a process as subprocess.Popen does, with nothing on standard input. Only the main thread may: a process ends with
    the thread that has started it. What the process starts itself, it has to end. Raises OSError when it cannot be started."""
    return subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True,
                            preexec_fn=functools.partial(tie, os.getpid()), **more)


def end(process):
    """Ends what of a process's group still runs."""
    try:
        os.killpg(process.pid, signal.SIGKILL)  # no other group can have its number while one of it runs
    except ProcessLookupError:
        pass
    process.wait()
