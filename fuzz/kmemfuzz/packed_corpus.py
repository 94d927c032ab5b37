"""A corpus packed for a board: the blob, the names of its inputs, and the host's verdict on each."""

import os
import pathlib

from kmemfuzz import board, child, corpus, heap, tree
from kmemfuzz.board_lines import BadLine, Outcome, Reader
from kmemfuzz.command_line import EXIT_ENVIRONMENT, EXIT_SOUND, EXIT_USAGE, EXIT_VIOLATION
from kmemfuzz.outside_text import excerpt, shell_word

KMEMFUZZ = tree.build_folder("fuzz" if heap.CURRENT else "release") / "kmemfuzz"
TOOL_SECONDS = 600.0  # far more than kmemfuzz takes for any corpus that a board has room for


class Corpus:
    """A packed corpus: its blob, a file for each input, and the command that replays one, as its caller types it."""

    def __init__(self, blob, folder, command):
        self.blob = blob
        self.command = command
        self._folder = folder
        self._seed = corpus.blob_seed(blob)  # of the programs, where the blob has that instead of them
        names = pathlib.Path(f"{blob}.names")
        self._names = names.read_bytes().split(b"\0")[:-1] if names.is_file() and self._seed is None else []

    def word(self, name):
        """A word of the tool, as its caller types it."""
        return heap.CURRENT.command(name) if heap.CURRENT else f"{shell_word(self.command)} {name}"

    def count(self):
        """How many inputs have a name: all of those packed here."""
        return len(self._names)

    def name(self, index):
        """What a person knows an input by."""
        if self._seed is not None:
            return f"program {index} of seed {self._seed}"
        if index < len(self._names):
            return os.fsdecode(self._names[index])
        return f"input {index} of {self.blob}"

    def file(self, index):
        """A file that holds an input: its own, or one cut out of the blob."""
        if index < len(self._names) and pathlib.Path(self.name(index)).is_file():
            return pathlib.Path(self.name(index))
        own = self._folder / f"{index}.input"
        run_tool("replay", self.blob, "--start", index, "-o", own, "--force")
        # Where it stays, for the replay command: a name of bytes, or what kmemfuzz smoke would call it.
        name = corpus.content_name(own.read_bytes()) if self._seed is None else f"smoke-{self._seed}-{index}"
        return own.replace(self._folder.parent / name)

    def file_word(self, index):
        """The same as a word of a command, as its caller types it."""
        path = self.file(index)
        return shell_word(path.absolute() if self.command.is_absolute() and not heap.CURRENT else path)

    def operations(self, index):
        """The text of each operation of an input."""
        text = run_tool("show", self.file(index)).stdout
        return [line for line in text.splitlines() if line and not line.startswith(("kmem-program", "heap", "#"))]


def run_tool(*arguments):
    """Runs kmemfuzz; a violation is an answer, anything worse an exception."""
    result = child.run([KMEMFUZZ, *arguments], TOOL_SECONDS)
    if result.returncode > EXIT_VIOLATION:
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
    if options.smoke:
        run_tool("pack", "--programs", options.programs, "--seed", options.seed, "-o", blob)
        return Corpus(blob, folder, options.command)
    paths = [path for path in options.paths if corpus.inputs(path)]  # one may be empty, but not all
    run_tool("pack", *(paths or options.paths), "-o", blob, "--force")
    return Corpus(blob, folder, options.command)


def replay_on_host(blob):
    """Every input's outcome on the host, one that killed the process among them; None for a blob that it does not take. Raises
    EnvironmentFailure when kmemfuzz writes what it never does."""
    outcomes = []
    while True:
        result = child.run([KMEMFUZZ, "replay", blob, "--start", len(outcomes)], TOOL_SECONDS)
        if result.returncode in (EXIT_USAGE, EXIT_ENVIRONMENT) and result.stdout == "":
            return None  # the image says better what is wrong with the blob
        *lines, rest = result.stdout.split("\n")
        if result.returncode > EXIT_USAGE:
            raise PackFailure(result.stderr.strip(), result.returncode)
        reader = Reader(len(outcomes), board.blob_count(blob), on_host=True)
        try:
            for line in lines:
                reader.take(line)
        except BadLine as error:
            raise board.EnvironmentFailure(f"{KMEMFUZZ} replay cannot be trusted: {error}") from error
        outcomes += reader.outcomes
        if reader.end is not None:
            unjudged = reader.end_code == EXIT_SOUND and any(outcome.not_run for outcome in reader.outcomes)
            if rest or result.returncode != (EXIT_USAGE if unjudged else reader.end_code):
                raise board.EnvironmentFailure(f"{KMEMFUZZ} replay cannot be trusted: it ended with code {result.returncode} "
                                               f"after its last line and {excerpt(rest)}")
            return outcomes
        outcomes.append(Outcome.dead(len(outcomes), f"the process ended with code {result.returncode}"))


def trace_on_host(blob, index):
    """The steps of one input on the host, as board.trace has the target's."""
    reader = Reader(index, on_host=True)
    try:
        for line in run_tool("replay", blob, "--start", index, "--count", 1, "--trace").stdout.split("\n")[:-1]:
            reader.take(line)
    except BadLine as error:
        raise board.EnvironmentFailure(f"{KMEMFUZZ} replay cannot be trusted: {error}") from error
    return reader.steps
