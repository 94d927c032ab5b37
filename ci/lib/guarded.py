"""Processes that do not outlive this one. Each is the first of a group of its own, which Ctrl-C in a terminal does not
reach; a guard beside it ends the whole group when this process is gone, however it ends. Knows nothing of what they do."""

import os
import signal
import subprocess

# Becomes the command "$@" when a line comes on standard input; ends when nobody is left to write one.
GATE = 'read -r line && exec "$@" </dev/null'
# Ends the group of processes $1 when nobody holds the other end of standard input any more.
GUARD = 'read -r line; kill -s KILL -- "-$1"'


def start_guard(group, holding):
    """Starts what ends a group of processes when this one is gone."""
    return subprocess.Popen(["sh", "-c", GUARD, "sh", str(group)], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
                            stderr=subprocess.DEVNULL, start_new_session=True, pass_fds=holding)


class Guarded:
    """A process, with all that it starts."""

    def __init__(self, command, holding=(), **more):
        """Starts it, as subprocess.Popen does, with nothing on standard input; it and its guard keep the handles of holding
        open. Raises OSError when it cannot be started."""
        # It waits at a gate until it has its guard: at no moment may this process be killed and leave it running.
        self.process = subprocess.Popen(["sh", "-c", GATE, "sh", *command], stdin=subprocess.PIPE, start_new_session=True,
                                        pass_fds=holding, **more)
        self.group = self.process.pid
        try:
            self._guard = start_guard(self.group, holding)
            with self.process.stdin as gate:
                gate.write("\n" if self.process.text_mode else b"\n")
        except BaseException:
            os.killpg(self.group, signal.SIGKILL)
            self.process.wait()
            raise
        self.process.stdin = None  # it is closed; communicate would flush it

    def end(self):
        """Ends what of the group still runs, and the guard."""
        # Nobody else can have the number of the group while one of it runs.
        try:
            os.killpg(self.group, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self._guard.kill()
        self._guard.wait()
        self._guard.stdin.close()
        self.process.wait()
