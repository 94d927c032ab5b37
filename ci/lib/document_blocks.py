"""Runs what documents show: commands must succeed and print what is below them, and C must compile. Each document gets its own
copy of the tree. ci/check-docs --help explains the words after the backquotes."""

import os
import pathlib
import re
import subprocess
import tempfile
import textwrap
import threading

import patched
from documents import command_lines, console_commands

PRESETS = ("dev", "fuzz", "release")  # under which documents may name kmemfuzz
TIMEOUT_SECONDS = 120
COMPILER = ("gcc", "-std=c11", "-Wall", "-Wextra", "-Werror", "-fsyntax-only", "-Isrc", "-Ifuzz/include", "-I.")

# Commands that are not run here, only looked at: do they exist, do they know the options they are given?
NOT_RUN = (
    (r"(\./)?ci/", "takes minutes, installs packages, or would start this check again"),
    (r"(build/\w+/)?kmemfuzz (board|corpus|fuzz|report|soak)\b", "builds images, needs a campaign, or takes minutes"),
    (r"(cmake|ctest) ", "builds into the tree or needs a build that is not there"),
    (r"(build/\w+/)?(heap|kernel|pages|text|empty)_fuzzer\b", "runs until it is stopped"),
    (r"git ", "needs a network, or a repository"),
)

# Documents whose commands a test of their own runs, from the first to the last, in an empty folder.
WALKED = {page: "tests/package/test_your_heap.py" for page in ("docs/your-heap.md", "docs/other-heaps.md")}

_linking = threading.Lock()  # held to link a patched tool: documents are checked several at a time
_tools = {}  # by the bug planted, each made once for all documents
_folder = tempfile.TemporaryDirectory(prefix="check-docs-")  # where they are; pylint: disable=consider-using-with


class Broken(Exception):
    """Something a check needs cannot be had."""


class Scratch:
    """A copy of the tree in which one document's commands run, and copies with planted bugs, made when needed."""

    not_run = NOT_RUN

    def __init__(self, tree, kmemfuzz, folder):
        self.tree = tree
        self.kmemfuzz = kmemfuzz
        self.folder = folder
        self.copies = {}
        self.code = 0  # of the last command

    def copy(self, planted=None):
        """The folder to run commands in."""
        if planted not in self.copies:
            path = self.folder / (planted or "tree")
            copied = [entry for entry in self.tree.iterdir() if entry.name not in ("build", ".git")]
            path.mkdir(parents=True)
            subprocess.run(["cp", "-r", *copied, path], check=True)  # in a fifth of the time that Python takes
            tool = self.tool(planted)
            if planted is not None:
                patched.apply_patch(path, self._patch(planted))
            for preset in PRESETS:
                link = path / "build" / preset / "kmemfuzz"
                link.parent.mkdir(parents=True, exist_ok=True)
                if not link.exists():
                    link.symlink_to(tool)
            self.copies[planted] = path
        return self.copies[planted]

    def _patch(self, planted):
        return self.tree / "tests" / "planted" / f"{planted}.patch"

    def tool(self, planted):
        """The kmemfuzz that has a bug planted, or none."""
        if planted is None:
            return self.kmemfuzz
        with _linking:
            if planted not in _tools:
                try:
                    copy = patched.make_copy(pathlib.Path(_folder.name) / planted, self._patch(planted))
                    _tools[planted] = patched.Build("release", "kmemfuzz").link(copy)[0]
                except patched.NotPatched as failure:
                    why, log = failure.args
                    raise Broken(f"{planted}.patch: {why}: {log.read_text(encoding='utf-8')[-500:]}") from failure
                except patched.Broken as failure:
                    raise Broken(f"{planted}.patch: {failure}") from failure
            return _tools[planted]

    def walks(self, document):
        """Are this document's commands run here?"""
        return document.path.as_posix() not in WALKED

    def takes(self, block):
        """Is this block's one of those that are run here?"""
        return "walk" not in block.marks

    def compared(self, line):
        """A line of output, in the words in which it is compared."""
        return line

    def run(self, command, planted):
        """Runs one command; returns its code and its output, both streams in order."""
        folder = self.copy(planted)
        environment = dict(os.environ, PATH=f"{folder}/build/release:{os.environ['PATH']}", LC_ALL="C",
                           KMEM_TREE=str(folder))  # or words would work on the tree the tool was built in
        try:
            result = subprocess.run(["bash", "-c", f"(exit {self.code})\n{command}"], cwd=folder, env=environment,
                                    stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                    text=True, errors="replace", check=False, timeout=TIMEOUT_SECONDS)
        except subprocess.TimeoutExpired as error:
            raise Broken(f"'{command}' took more than {TIMEOUT_SECONDS} s; does it belong to NOT_RUN?") from error
        self.code = result.returncode
        return result.returncode, result.stdout


def is_not_run(command, not_run=NOT_RUN):
    """Is the command one that is only looked at?"""
    return any(re.match(pattern, command) for pattern, _ in not_run)


def output_matches(expected, observed):
    """Do the lines observed match those expected, where "..." stands for any number of lines?"""
    if not expected:
        return not observed
    if expected[0].strip() == "...":
        return any(output_matches(expected[1:], observed[skipped:]) for skipped in range(len(observed) + 1))
    return bool(observed) and expected[0].rstrip() == observed[0].rstrip() and output_matches(expected[1:], observed[1:])


def check_sh(document, block, scratch, tally):
    """Each line of an sh block."""
    for number, command in command_lines(block):
        if is_not_run(command, scratch.not_run):
            continue  # its names are checked with those of all code
        code, output = scratch.run(command, block.mark("planted"))
        problem = None if code == 0 else f"'{command}' ended with code {code}:\n{output[-1000:].rstrip()}"
        tally.record(document, number, problem)


def check_console(document, block, scratch, tally):
    """Each command of a console block, and its output."""
    if not console_commands(block):
        tally.record(document, block.line, "this console block has no line that begins with '$ '")
    for number, command, shown in console_commands(block):
        if is_not_run(command, scratch.not_run):
            continue
        _, output = scratch.run(command, block.mark("planted"))
        lines = output.splitlines()
        while shown and not shown[-1].strip():
            shown.pop()
        while lines and not lines[-1].strip():
            lines.pop()
        problem = None
        if not output_matches(*([scratch.compared(line) for line in output] for output in (shown, lines))):
            problem = f"'{command}' prints something else:\n" + "\n".join(lines[:60])
        tally.record(document, number, problem)


def check_c(document, block, scratch, tally):
    """Compiles a C block."""
    result = subprocess.run([*COMPILER, "-x", "c", "-"], input="\n".join(block.lines) + "\n", text=True,
                            capture_output=True, check=False, cwd=scratch.tree)
    problem = None if result.returncode == 0 else f"this does not compile:\n{result.stderr[:1000].rstrip()}"
    tally.record(document, block.line, problem)


def quotation_problem(tree, path, block):
    """What is wrong with a block that quotes a file, whose lines must stand there in a row, at any depth of indentation."""
    lines = (tree / path).read_text(encoding="utf-8").splitlines()
    count = len(block.lines)
    if count == 0:
        return f"nothing of {path} is quoted"
    rows = (textwrap.dedent("\n".join(lines[start:start + count])) for start in range(len(lines) - count + 1))
    return None if textwrap.dedent("\n".join(block.lines)) in rows else f"{path} has no such lines"


def check_blocks(document, scratch, tally):
    """Every block of a document, in order."""
    for block in document.blocks:
        try:
            quoted = block.mark("from")
            if quoted is not None:
                tally.record(document, block.line, quotation_problem(scratch.tree, quoted, block))
            name = block.mark("file")
            if name is not None:
                (scratch.copy(block.mark("planted")) / name).write_text("\n".join(block.lines) + "\n", encoding="utf-8")
            if block.language in ("sh", "console") and not (scratch.walks(document) and scratch.takes(block)):
                continue
            if block.language == "sh":
                check_sh(document, block, scratch, tally)
            elif block.language == "console":
                check_console(document, block, scratch, tally)
            elif block.language == "c" and "fragment" not in block.marks:
                check_c(document, block, scratch, tally)
        except (Broken, OSError) as error:
            tally.record(document, block.line, str(error))
