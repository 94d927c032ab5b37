"""Lists the files that a process touches, from the output of strace; check_fuzzers.py judges them."""

import os
import re
import subprocess
import tempfile

# Calls that make, change or take away a file, with the place of the path among their arguments. open and openat do so
# only with certain flags.
CHANGING = {
    "creat": 0, "mkdir": 0, "mkdirat": 1, "mknod": 0, "mknodat": 1, "unlink": 0, "unlinkat": 1, "rmdir": 0, "rename": 1,
    "renameat": 3, "renameat2": 3, "link": 1, "linkat": 3, "symlink": 1, "symlinkat": 2, "truncate": 0, "chmod": 0,
    "fchmodat": 1, "chown": 0, "lchown": 0, "fchownat": 1}
OPENING = {"open": 0, "openat": 1}
CALLS = (*OPENING, *CHANGING, "execve", "chdir", "clone", "fork", "vfork", "stat", "lstat", "newfstatat", "readlink", "access")

_CALL = re.compile(r"^(?:\d+ +)?(?:<\.\.\. )?(\w+)\((.*)$")
_STRING = re.compile(r'"((?:[^"\\]|\\.)*)"')
_WRITING = re.compile(r"\bO_(WRONLY|RDWR|CREAT|TRUNC|APPEND)\b")


def command(output):
    """The beginning of a command that writes the trace of what follows it to a file."""
    return ["strace", "-f", "-qq", "-s", "4096", "-e", "signal=none", "-e", "trace=" + ",".join(f"?{call}" for call in CALLS),
            "-o", str(output), "--"]


def refusal():
    """Why processes cannot be traced here; None when they can."""
    with tempfile.NamedTemporaryFile() as output:
        try:
            done = subprocess.run([*command(output.name), "true"], capture_output=True, text=True, check=False)
        except OSError as error:
            return f"strace cannot be run: {error.strerror}"
        return None if done.returncode == 0 else f"strace cannot trace here: {done.stderr.strip().splitlines()[-1:]}"


def touched(trace, folder):
    """(paths written to or attempted, paths looked at) in a trace's text, relative ones taken to lie in folder."""
    written, seen = set(), set()
    for line in trace.splitlines():
        match = _CALL.match(line)
        if match is None:
            continue
        call, arguments = match.groups()
        strings = [text.encode().decode("unicode_escape") for text in _STRING.findall(arguments)]
        paths = [os.path.normpath(os.path.join(folder, text)) for text in strings if text]
        if not paths or call == "execve":
            continue
        seen.update(paths)
        if call in CHANGING:
            written.update(paths)  # both names of a rename
        elif call in OPENING and _WRITING.search(arguments.rpartition('"')[2]):
            written.add(paths[0])
    return written, seen
