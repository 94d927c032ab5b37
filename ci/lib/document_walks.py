"""Follows documents as a stranger would: every command is typed, in order, in one folder, with what it printed compared. Nothing
but the time of campaigns is changed."""

import os
import pathlib
import re
import shlex
import signal
import subprocess
import tempfile

from document_blocks import Broken, Scratch, check_blocks
from documents import parse_document

DOCUMENTS = ("README.md", "docs/crash.md", "docs/board.md", "docs/continuous.md")
LEFT_OUT = (
    (r"(?!.*--gdb-commands).*--gdb\b", "waits for a person"),
    (r".*kmemfuzz soak\b", "fuzzes for hours; tests/tool/test_soak.py tests it"),
)
TIMEOUT_SECONDS = 3600  # of one command, which may build all presets of the boards on a busy machine
_CAMPAIGN = re.compile(r"(?:ci/fuzz|kmemfuzz fuzz)\b[^|&;#]*")
_VARYING = (
    (re.compile(r"\d+(\.\d+)? s\b"), "N s"),
    (re.compile(r"\d[\d,]* inputs/s"), "N inputs/s"),
    (re.compile(r"\b0x8[0-9a-f]{7}\b"), "0x8"),  # where an image has something
)


def shortened(command):
    """A command whose campaigns take five seconds, or as long as it takes to find a crash."""
    def changed(match):
        words, timed = re.subn(r"(?<= --for) +\S+", " 5s", match[0])
        return words if timed or "--until-crash" in words or "--help" in words else f"{words.rstrip()} --for 5s "
    return _CAMPAIGN.sub(changed, command)


class Walk(Scratch):
    """A folder in which the commands of documents are run, as in one shell, with what they left in its environment."""

    not_run = LEFT_OUT

    def __init__(self, tree, kmemfuzz, folder):
        super().__init__(tree, kmemfuzz, folder)
        self.state = tempfile.TemporaryDirectory(prefix="walk-")  # pylint: disable=consider-using-with
        self.environment = {name: value for name, value in os.environ.items() if not name.startswith("KMEM")} | {"LC_ALL": "C"}
        if kmemfuzz is not None:
            self.environment["PATH"] = f"{kmemfuzz.parent}:{os.environ['PATH']}"

    def copy(self, planted=None):
        return self.folder

    def walks(self, document):
        return True

    def takes(self, block):
        return True

    def compared(self, line):
        for pattern, text in _VARYING:
            line = pattern.sub(text, line)
        return line

    def run(self, command, planted):
        print(f"$ {command}", flush=True)
        state = shlex.quote(f"{self.state.name}/environment")
        script = f"[ ! -e {state} ] || . {state}\n(exit {self.code})\n{shortened(command)}\ncode=$?\nexport -p >{state}\nexit $code"
        with subprocess.Popen(["bash", "-c", script], cwd=self.folder, env=self.environment, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace",
                              start_new_session=True) as shell:
            try:
                output, _ = shell.communicate(timeout=TIMEOUT_SECONDS)
            except BaseException as error:  # whatever the command started ends with it
                os.killpg(shell.pid, signal.SIGKILL)
                if isinstance(error, subprocess.TimeoutExpired):
                    raise Broken(f"'{command}' took more than {TIMEOUT_SECONDS} s") from error
                raise
        self.code = shell.returncode
        return shell.returncode, output


def clone(tree, folder):
    """A clone of a tree as it is, with what is not committed, and nothing built. Raises Broken when git cannot make one."""
    try:
        subprocess.run(["git", "clone", "--quiet", tree, folder], check=True)
        listed = subprocess.run(["git", "ls-files", "-z", "--modified", "--others", "--exclude-standard"], cwd=tree, check=True,
                                stdout=subprocess.PIPE).stdout
        for name in map(os.fsdecode, filter(None, listed.split(b"\0"))):
            (folder / name).unlink(missing_ok=True)
            if (tree / name).exists():
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                subprocess.run(["cp", "-p", tree / name, folder / name], check=True)
        subprocess.run(["git", "add", "--all"], cwd=folder, check=True)
        subprocess.run(["git", "-c", "user.name=walk", "-c", "user.email=walk@localhost", "commit", "--quiet", "--allow-empty", "-m", "walk"],
                       cwd=folder, check=True)
    except (OSError, subprocess.SubprocessError) as error:
        raise Broken(f"there is no clone of {tree}: {error}") from error


def follow(tree, paths, tally):
    """Follows documents of a tree, in their order, in one fresh clone."""
    with tempfile.TemporaryDirectory(prefix="walk-") as folder:
        place = pathlib.Path(folder, "kmem")
        clone(tree, place)
        walk = Walk(place, None, place)
        for path in paths:
            check_blocks(parse_document(pathlib.Path(path), (tree / path).read_text(encoding="utf-8")), walk, tally)
