"""What tests share that look after other processes: which there are, whether they work, and waiting for what they do.
"""

import contextlib
import os
import pathlib
import signal
import time

WAIT_SECONDS = 240.0  # far more than anything waited for takes, on a busy machine too

# A shell starts what runs in the background deaf to SIGINT, and nohup to SIGHUP. What the tests start must hear them.
for _number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
    if signal.getsignal(_number) == signal.SIG_IGN:
        signal.signal(_number, signal.SIG_DFL)


def _others(holds):
    """The command lines, by number, of the processes besides this one whose folder in /proc holds what is looked for."""
    found = {}
    for path in pathlib.Path("/proc").glob("[0-9]*"):
        if path.name == str(os.getpid()):
            continue
        try:
            if holds(path):
                found[int(path.name)] = (path / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue  # it has ended
    return found


def processes_naming(*texts):
    """The processes in whose command lines or environments all of these occur: {number: command line}. A test that gives what
    it starts an environment with a name of its own finds all that was started by it, whatever that calls itself."""
    def holds(path):
        said = ((path / "cmdline").read_bytes() + (path / "environ").read_bytes()).replace(b"\0", b" ")
        return all(str(text).encode() in said for text in texts)
    return _others(holds)


def processes_in(folder):
    """The processes whose working folder is this one or lies below it: {number: command line}."""
    folder = pathlib.Path(folder).resolve()
    return _others(lambda path: pathlib.Path(os.readlink(path / "cwd")).is_relative_to(folder))


def end_processes_in(folder):
    """Ends what a test that has failed left there."""
    for number in processes_in(folder):
        with contextlib.suppress(ProcessLookupError):
            os.kill(number, signal.SIGKILL)


def processor_ticks(*texts):
    """The processor time of all processes that name these texts."""
    ticks = 0
    for number in processes_naming(*texts):
        try:
            stat = pathlib.Path(f"/proc/{number}/stat").read_text(encoding="utf-8", errors="replace")
            ticks += sum(map(int, stat.rpartition(")")[2].split()[11:13]))
        except OSError:
            pass  # it has ended
    return ticks


def wait_until_busy(*texts):
    """Waits until the processes that name these texts have worked for a tenth of a second from now on."""
    start = processor_ticks(*texts)
    wait_until(lambda: processor_ticks(*texts) >= start + 10, f"{texts} to work")


def wait_until(condition, what):
    """Waits for something another process does."""
    deadline = time.monotonic() + WAIT_SECONDS
    while not condition():
        assert time.monotonic() < deadline, f"waited in vain for {what}"
        time.sleep(0.01)


def wait_until_none(processes, of):
    """Waits until a function of this module finds no process of something any more: to be killed takes a moment."""
    wait_until(lambda: not processes(of), f"the end of all processes of {of}")
