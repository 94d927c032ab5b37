"""A corpus as it is replayed on a board: packed into a blob, with the names of its inputs, and what the host says of each."""

import pathlib
import struct
import subprocess

import board
import corpus
from command_line import EXIT_ENVIRONMENT, EXIT_USAGE

KMEMFUZZ = pathlib.Path("build/release/kmemfuzz")


class Corpus:
    """A packed corpus: its blob, a file for each input, and the command that replays one, as its caller types it."""

    def __init__(self, blob, folder, command):
        self.blob = blob
        self.command = command
        self._folder = folder
        names = pathlib.Path(f"{blob}.names")
        self._names = names.read_bytes().split(b"\0")[:-1] if names.is_file() else []

    def count(self):
        """How many inputs have a name: all of those packed here."""
        return len(self._names)

    def name(self, index):
        """What a person knows an input by."""
        if index < len(self._names):
            return self._names[index].decode(errors="surrogateescape")
        return f"input {index} of {self.blob}"

    def file(self, index):
        """A file that holds an input: its own, or one cut out of the blob."""
        if index < len(self._names) and pathlib.Path(self.name(index)).is_file():
            return pathlib.Path(self.name(index))
        content = self.blob.read_bytes()
        offset, size = struct.unpack_from("<II", content, 32 + 8 * index)  # as fuzz/target/blob.h draws it
        content = content[offset:offset + size]
        path = self._folder.parent / corpus.content_name(content)  # where it stays, for the replay command: a name of bytes
        path.write_bytes(content)
        return path

    def operations(self, index):
        """The text of each operation of an input."""
        text = run_tool("show", self.file(index)).stdout
        return [line for line in text.splitlines() if line and not line.startswith(("kmem-program", "heap", "#"))]


def run_tool(*arguments):
    """Runs kmemfuzz; a violation is an answer, anything worse an exception."""
    result = subprocess.run([KMEMFUZZ, *map(str, arguments)], capture_output=True, text=True, errors="replace",
                            check=False)
    if result.returncode in (EXIT_USAGE, EXIT_ENVIRONMENT):
        raise PackFailure(result.stderr.strip(), result.returncode)
    return result


class PackFailure(Exception):
    """kmemfuzz has said what is wrong with what it was given; with its exit code."""

    def __init__(self, message, code):
        super().__init__(message)
        self.code = code


def make_corpus(options, folder):
    """The corpus asked for, packed."""
    if options.blob is not None:
        return Corpus(options.blob, folder, options.command)
    blob = folder / "corpus.blob"
    paths = [path for path in options.paths if corpus.inputs(path)]  # one may be empty, but not all
    run_tool("pack", *(paths or options.paths), "-o", blob, "--force")
    return Corpus(blob, folder, options.command)


def replay_on_host(blob):
    """Every input's outcome on the host, or None for one that killed the process."""
    outcomes = []
    while True:
        result = subprocess.run([KMEMFUZZ, "replay", blob, "--start", str(len(outcomes))], capture_output=True, text=True,
                                check=False)
        if result.returncode in (EXIT_USAGE, EXIT_ENVIRONMENT):
            return None  # the image says better what is wrong with the blob
        lines = result.stdout.splitlines()
        outcomes += filter(None, map(board.Outcome.parse, lines))
        if lines and lines[-1].startswith("END "):
            return outcomes
        outcomes.append(board.Outcome.dead(len(outcomes), f"the process ended with code {result.returncode}"))
