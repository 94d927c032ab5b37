"""Runs other programs. Each process leads a group of its own, which Ctrl-C in a terminal does not reach, and its group is ended
as a whole. A Child may not take longer than a deadline, and a program that it started cannot hold this process up by holding the
Child's outputs. A process started here does not outlive this one: the kernel kills it when this one is gone, however it ends."""

import ctypes
import functools
import os
import selectors
import signal
import subprocess
import threading
import time

POLL_SECONDS = 0.2  # between looks at whether the process has ended or all are to be stopped
ENDING_SECONDS = 0.005  # the same, once its output has ended
CHUNK_SIZE = 65536
ERRORS_SIZE = 65536  # bytes of standard error that are kept

_PR_SET_PDEATHSIG = 1
_prctl = ctypes.CDLL(None).prctl

_children = set()
_lock = threading.Lock()
_stopping = threading.Event()


class Stopped(OSError):
    """All children were ended: the user asked for it."""


def stop_all():
    """Ends every child there is, and lets no other begin."""
    with _lock:
        _stopping.set()
        for child in _children:
            child.kill()


class Child:
    """A process, with all that it starts and that stays in its group."""

    def __init__(self, command, quiet=False, **more):
        """Starts it as subprocess.Popen does, with nothing on standard input; quiet: what it writes to standard output is
        thrown away. It ends with the thread that starts it, at the latest. Raises OSError when it cannot be started."""
        with _lock:
            if _stopping.is_set():
                raise Stopped("interrupted")
            self._process = subprocess.Popen([str(word) for word in command], stdin=subprocess.DEVNULL,
                                             stdout=subprocess.DEVNULL if quiet else subprocess.PIPE,
                                             stderr=subprocess.PIPE, start_new_session=True,
                                             preexec_fn=functools.partial(tie, os.getpid()), **more)
            _children.add(self)
        self.code = None  # its exit code, once it was ended
        self.errors = b""  # what has come on standard error so far
        self._selector = selectors.DefaultSelector()
        self._pipes = list(filter(None, (self._process.stdout, self._process.stderr)))
        for stream in self._pipes:
            os.set_blocking(stream.fileno(), False)
            self._selector.register(stream, selectors.EVENT_READ)

    def has_ended(self):
        """Whether the process itself has ended. It is left for end to collect: until then its group's number is its own."""
        try:
            return os.waitid(os.P_PID, self._process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
        except ChildProcessError:  # who started this process ignores SIGCHLD, and has it do so
            return True

    def read(self, seconds):
        """What has come next on standard output; b"" when that and the process have ended. Raises TimeoutError when neither
        happens for so many seconds, and Stopped."""
        deadline = time.monotonic() + seconds
        while not _stopping.is_set():
            is_over = self._process.stdout not in self._streams()
            if is_over and self.has_ended():
                return b""
            for key, _ in self._selector.select(ENDING_SECONDS if is_over else min(POLL_SECONDS, seconds)):
                chunk = self._take(key.fileobj)
                if chunk:
                    return chunk
            if time.monotonic() >= deadline:
                raise TimeoutError
        raise Stopped("interrupted")

    def read_all(self, seconds):
        """(what comes on standard output, whether the process ended) within so many seconds. Raises Stopped."""
        deadline = time.monotonic() + seconds
        output = []
        try:
            while chunk := self.read(max(deadline - time.monotonic(), 0)):
                output.append(chunk)
                if time.monotonic() >= deadline:
                    raise TimeoutError
        except TimeoutError:
            return b"".join(output), False
        return b"".join(output), True

    def _streams(self):
        return [key.fileobj for key in self._selector.get_map().values()]

    def _take(self, stream):
        """Bytes that are there already: of standard output they are returned, of standard error kept."""
        try:
            chunk = os.read(stream.fileno(), CHUNK_SIZE)
        except BlockingIOError:
            return b""
        if not chunk and stream in self._streams():
            self._selector.unregister(stream)
        if stream is self._process.stderr:
            self.errors = (self.errors + chunk)[:ERRORS_SIZE]
            return b""
        return chunk

    def kill(self):
        if self.code is None:
            try:
                os.killpg(self._process.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass

    def end(self):
        """Ends what still runs, takes what it has said on standard error, and lets go of all of it. Returns the exit code."""
        if self.code is None:
            with _lock:
                _children.discard(self)
            self.kill()
            self.code = self._process.wait()
            self._take(self._process.stderr)
            self._selector.close()
            for stream in self._pipes:
                stream.close()
        return self.code


def run(command, seconds, **more):
    """Runs a command. Returns what subprocess.run does, in UTF-8 with surrogates for other bytes. Raises OSError when it cannot
    be started, and TimeoutError, which is one, when it has not ended within so many seconds."""
    child = Child(command, **more)
    try:
        output, ended = child.read_all(seconds)
    finally:
        child.end()
    if not ended:
        raise TimeoutError(f"{command[0]} did not end within {seconds:g} s")
    return subprocess.CompletedProcess(command, child.code, output.decode(errors="surrogateescape"),
                                       child.errors.decode(errors="surrogateescape"))


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
