"""Do the documents tell the truth? Everything in them that can be checked by running it is run.

  - Links: every relative link leads to a file, every #anchor to a heading.
  - Names: every ci/ command, `kmemfuzz COMMAND`, their --options, build presets, and every path into the tree exist.
  - Fenced blocks, by the first word behind the backquotes:
        sh       each line is run and must end with code 0
        console  each `$ command` is run and must print exactly what stands below it; a line of three dots stands for
                 any lines. $? is the code of the command before.
        c        must compile
    and by the words after it:
        file=NAME     the block is saved as NAME, for later blocks of the same document
        planted=NAME  the commands run in a tree that has tests/planted/NAME.patch applied
        fragment      C that is not complete, and so not compiled
  - The table of oracles equals what `kmemfuzz oracles` prints.

The commands of a document run one after another at the top of a copy of the tree of its own, where kmemfuzz, under
whatever preset it is named, is the release build's.
"""

import argparse
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
from typing import NamedTuple

EXIT_SOUND, EXIT_FAILED, EXIT_USAGE, EXIT_ENVIRONMENT = range(4)

DOCUMENTS = ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "corpus/README.md", "tests/planted/README.md", "docs/*.md")
KMEMFUZZ = pathlib.Path("build/release/kmemfuzz")
PRESETS = ("dev", "fuzz", "release")  # under which documents may name kmemfuzz
TIMEOUT_SECONDS = 120
COMPILER = ("gcc", "-std=c11", "-Wall", "-Wextra", "-Werror", "-fsyntax-only", "-Isrc", "-I.")

# Commands that are not run here, only looked at: do they exist, do they know the options they are given?
NOT_RUN = (
    (r"(\./)?ci/", "takes minutes, installs packages, or would start this check again"),
    (r"(cmake|ctest) ", "builds into the tree or needs a build that is not there"),
    (r"(build/\w+/)?(heap|page|text|empty)_fuzzer\b", "runs until it is stopped"),
    (r"git ", "needs a network, or a repository"),
)

OUR_FOLDERS = "ci|cmake|corpus|docs|fuzz|invariants|src|tests"
_FENCE = re.compile(r"^\s*(```+)\s*(.*?)\s*$")
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_SPAN = re.compile(r"(`+)(.+?)\1")
_CI = re.compile(r"(?<![\w/.*-])(?:\./)?ci/([a-z][\w-]*)(?![\w/])")
_KMEMFUZZ = re.compile(r"(?<![\w-])kmemfuzz((?: +(?![|&;>])\S+)*)")
_OPTION = re.compile(r"(?<!\S)(--[a-z][a-z-]*)")
_PATH = re.compile(rf"(?:{OUR_FOLDERS})/[\w.*/-]*")


class Block(NamedTuple):
    """A fenced block: what stands behind the backquotes, its lines, and the number of the first of them."""
    language: str
    marks: tuple
    lines: tuple
    line: int

    def mark(self, name):
        """The value of the mark name=VALUE; None when there is none."""
        return next((mark[len(name) + 1:] for mark in self.marks if mark.startswith(f"{name}=")), None)


class Paragraph(NamedTuple):
    """Text outside fenced blocks, its lines joined, and the number of the first of them."""
    text: str
    line: int


class Document(NamedTuple):
    """A document in its parts."""
    path: pathlib.Path  # from the top of the tree
    paragraphs: tuple
    blocks: tuple


class Tally:
    """What was checked, and what came of it."""

    def __init__(self):
        self.passed = 0
        self.failures = []

    def record(self, document, line, problem):
        """Counts a check; problem is None when there is none."""
        if problem is None:
            self.passed += 1
        else:
            self.failures.append(f"{document.path}:{line}: {problem}")


# Reading.


def parse_document(path, text):
    """A document's paragraphs and blocks. A block that is not closed ends with the document."""
    paragraphs, blocks, gathered, fence = [], [], [], None
    lines = text.splitlines()

    def end_paragraph(number):
        if gathered:
            paragraphs.append(Paragraph(" ".join(gathered), number - len(gathered)))
            gathered.clear()

    for number, line in enumerate([*lines, ""], start=1):
        match = _FENCE.match(line)
        if fence is not None:
            if number > len(lines) or (match and match.group(1) == fence[0] and not match.group(2)):
                words = fence[1].split() or [""]
                blocks.append(Block(words[0], tuple(words[1:]), tuple(lines[fence[2]:number - 1]), fence[2] + 1))
                fence = None
        elif match:
            end_paragraph(number)
            fence = (match.group(1), match.group(2), number)
        elif not line.strip() or line.startswith("#") or line.lstrip().startswith("|"):
            end_paragraph(number)
            if line.strip():
                paragraphs.append(Paragraph(line, number))
        else:
            gathered.append(line.strip())
    return Document(path, tuple(paragraphs), tuple(blocks))


def spans_of(paragraph):
    """The pieces of code in a paragraph, such as `kmemfuzz run`."""
    return [match.group(2).strip() for match in _SPAN.finditer(paragraph.text)]


def anchors_of(document):
    """The anchors of a document's headings, made as GitHub makes them."""
    anchors = set()
    for paragraph in document.paragraphs:
        match = re.match(r"#+ +(.*)", paragraph.text)
        if not match:
            continue
        base = re.sub(r"[^\w\- ]", "", match.group(1).strip().lower()).replace(" ", "-")
        anchor, count = base, 0
        while anchor in anchors:
            count += 1
            anchor = f"{base}-{count}"
        anchors.add(anchor)
    return anchors


def command_lines(block):
    """(number, command) for each command of an sh block; a line that ends with a backslash goes on in the next."""
    commands, start, gathered = [], block.line, ""
    for number, line in enumerate(block.lines, start=block.line):
        if not gathered:
            start = number
        gathered += line.strip()
        if gathered.endswith("\\"):
            gathered = gathered[:-1]
            continue
        if gathered and not gathered.startswith("#"):
            commands.append((start, gathered))
        gathered = ""
    return commands


def console_commands(block):
    """(number, command, lines of its output) for each command of a console block."""
    commands = []
    for number, line in enumerate(block.lines, start=block.line):
        if line.startswith("$ "):
            commands.append((number, line[2:], []))
        elif commands:
            commands[-1][2].append(line)
    return commands


def code_of(document):
    """(line, code) for everything in a document that may be a command."""
    code = [(paragraph.line, span) for paragraph in document.paragraphs for span in spans_of(paragraph)]
    for block in document.blocks:
        if block.language == "sh":
            code += command_lines(block)
        elif block.language == "console":
            code += [(number, command) for number, command, _ in console_commands(block)]
    return code


# Links.


def check_link(tree, document, target):
    """What is wrong with a link; None when nothing is."""
    if re.match(r"[a-z]+:", target):
        return None  # to elsewhere: not ours to keep alive
    path_text, _, anchor = target.partition("#")
    path = document.path
    if path_text:
        path = pathlib.Path(os.path.normpath(document.path.parent / path_text))
    if not (tree / path).exists() or path.parts[:1] == ("..",):
        return f"the link leads to {path_text}, which does not exist"
    if not anchor:
        return None
    if path.suffix != ".md":
        return f"the link names the heading #{anchor} of {path_text}, which has none"
    other = parse_document(path, (tree / path).read_text(encoding="utf-8"))
    return None if anchor in anchors_of(other) else f"the link leads to #{anchor}, but {path} has no such heading"


def check_links(tree, document, tally):
    """Every link of a document."""
    for paragraph in document.paragraphs:
        for target in _LINK.findall(_SPAN.sub("", paragraph.text)):
            tally.record(document, paragraph.line, check_link(tree, document, target))


# Names.


class Commands:
    """What commands there are, and what options they say they take. Each is asked for its help once."""

    def __init__(self, tree, kmemfuzz):
        self.tree = tree
        self.kmemfuzz = kmemfuzz
        self.helps = {}
        self.subcommands = re.findall(r"^  ([a-z][a-z-]*) ", self.help_of([kmemfuzz]), re.MULTILINE)
        presets = tree / "CMakePresets.json"
        document = json.loads(presets.read_text(encoding="utf-8")) if presets.exists() else {}
        self.presets = [preset["name"] for preset in document.get("configurePresets", [])]

    def help_of(self, command):
        """What a command prints when asked for help, on either stream."""
        key = tuple(str(word) for word in command)
        if key not in self.helps:
            result = subprocess.run([*key, "--help"], cwd=self.tree, capture_output=True, text=True, check=False,
                                    stdin=subprocess.DEVNULL, timeout=TIMEOUT_SECONDS)
            self.helps[key] = result.stdout + result.stderr
        return self.helps[key]

    def knows_option(self, command, option):
        """Does the command's help name the option?"""
        return option == "--help" or re.search(rf"(?<![\w-]){option}(?![\w-])", self.help_of(command)) is not None

    def check_options(self, command, name, text):
        """A problem for each option in text that the command does not know; one None when it knows them all."""
        return [f"{name} has no option {option}" for option in _OPTION.findall(text)
                if not self.knows_option(command, option)] or [None]

    def check_ci(self, name, arguments):
        """Problems with a use of ci/NAME."""
        if (self.tree / "ci" / name).is_dir():
            return [None]
        if not (self.tree / "ci" / name).is_file():
            return [f"there is no command ci/{name}"]
        return self.check_options([f"ci/{name}"], f"ci/{name}", arguments)

    def check_kmemfuzz(self, arguments):
        """Problems with a use of kmemfuzz."""
        words = arguments.split()
        if not words or not re.fullmatch(r"[a-z][a-z-]*", words[0]):
            return self.check_options([self.kmemfuzz], "kmemfuzz", arguments)
        if words[0] not in self.subcommands:
            return [f"kmemfuzz has no command {words[0]}"]
        return self.check_options([self.kmemfuzz, words[0]], f"kmemfuzz {words[0]}", arguments)

    def check_bare_options(self, text):
        """Problems with options that stand alone: some command must have them."""
        everything = [[self.kmemfuzz], *([self.kmemfuzz, name] for name in self.subcommands),
                      *([f"ci/{path.name}"] for path in sorted((self.tree / "ci").glob("*")) if path.is_file())]
        return [f"no command has the option {option}" for option in _OPTION.findall(text)
                if not any(self.knows_option(command, option) for command in everything)] or [None]

    def check_code(self, code):
        """Problems with the names in a piece of code; None for each use that is right."""
        problems = []
        for match in _CI.finditer(code):
            problems += self.check_ci(match.group(1), re.split(r"[|&;>]", code[match.end():])[0])
        for match in _KMEMFUZZ.finditer(code):
            problems += self.check_kmemfuzz(match.group(1))
        if code.startswith("--"):
            problems += self.check_bare_options(code)
        for preset in re.findall(r"--preset[ =]([a-z0-9-]+)", code):
            problems.append(None if preset in self.presets else f"there is no preset {preset}")
        return problems

    def check_path(self, span):
        """The problem with a piece of code that is a path into the tree; None when it is none. It may be a pattern, and
        a word in capitals stands for anything."""
        pattern = re.sub(r"[A-Z][A-Z-]+(?!\.md)", "*", span.rstrip("/"))
        if _PATH.fullmatch(span) and not any(self.tree.glob(pattern)):
            return f"there is no {span}"
        return None


def check_names(document, commands, tally):
    """Every command, option, preset and path that a document names."""
    for line, code in code_of(document):
        for problem in commands.check_code(code):
            tally.record(document, line, problem)
    for paragraph in document.paragraphs:
        for span in spans_of(paragraph):
            tally.record(document, paragraph.line, commands.check_path(span))
        for match in _CI.finditer(_LINK.sub("", _SPAN.sub("", paragraph.text))):
            tally.record(document, paragraph.line, commands.check_ci(match.group(1), "")[0])


# Blocks.


class Broken(Exception):
    """Something a check needs cannot be had."""


class Scratch:
    """A copy of the tree in which one document's commands run, and copies with planted bugs, made when needed."""

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
            shutil.copytree(self.tree, path, ignore=shutil.ignore_patterns("build", ".git", "__pycache__"))
            tool = self.kmemfuzz if planted is None else self._build(path, planted)
            for preset in PRESETS:
                link = path / "build" / preset / "kmemfuzz"
                link.parent.mkdir(parents=True, exist_ok=True)
                if not link.exists():
                    link.symlink_to(tool)
            self.copies[planted] = path
        return self.copies[planted]

    @staticmethod
    def _build(path, planted):
        """Applies a patch to the copy at path; returns the kmemfuzz that comes of it."""
        for command in (["patch", "-p1", "--batch", "-i", f"tests/planted/{planted}.patch"],
                        ["cmake", "--preset", "release"],
                        ["cmake", "--build", "--preset", "release", "--target", "kmemfuzz"]):
            result = subprocess.run(command, cwd=path, capture_output=True, text=True, check=False)
            if result.returncode != 0:
                raise Broken(f"'{' '.join(command)}' failed: {(result.stdout + result.stderr)[-500:]}")
        return path / "build/release/kmemfuzz"

    def run(self, command, planted):
        """Runs one command; returns its code and its output, both streams in order."""
        folder = self.copy(planted)
        environment = dict(os.environ, PATH=f"{folder}/build/release:{os.environ['PATH']}", LC_ALL="C")
        try:
            result = subprocess.run(["bash", "-c", f"(exit {self.code})\n{command}"], cwd=folder, env=environment,
                                    stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                    text=True, errors="replace", check=False, timeout=TIMEOUT_SECONDS)
        except subprocess.TimeoutExpired as error:
            raise Broken(f"'{command}' took more than {TIMEOUT_SECONDS} s; does it belong to NOT_RUN?") from error
        self.code = result.returncode
        return result.returncode, result.stdout


def is_not_run(command):
    """Is the command one that is only looked at?"""
    return any(re.match(pattern, command) for pattern, _ in NOT_RUN)


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
        if is_not_run(command):
            continue  # its names are checked with those of all code
        code, output = scratch.run(command, block.mark("planted"))
        problem = None if code == 0 else f"'{command}' ended with code {code}:\n{output[-1000:].rstrip()}"
        tally.record(document, number, problem)


def check_console(document, block, scratch, tally):
    """Each command of a console block, and its output."""
    if not console_commands(block):
        tally.record(document, block.line, "this console block has no line that begins with '$ '")
    for number, command, shown in console_commands(block):
        if is_not_run(command):
            continue
        _, output = scratch.run(command, block.mark("planted"))
        lines = output.splitlines()
        while shown and not shown[-1].strip():
            shown.pop()
        while lines and not lines[-1].strip():
            lines.pop()
        problem = None
        if not output_matches(shown, lines):
            problem = f"'{command}' prints something else:\n" + "\n".join(lines[:60])
        tally.record(document, number, problem)


def check_c(document, block, scratch, tally):
    """Compiles a C block."""
    result = subprocess.run([*COMPILER, "-x", "c", "-"], input="\n".join(block.lines) + "\n", text=True,
                            capture_output=True, check=False, cwd=scratch.copy())
    problem = None if result.returncode == 0 else f"this does not compile:\n{result.stderr[:1000].rstrip()}"
    tally.record(document, block.line, problem)


def check_blocks(document, scratch, tally):
    """Every block of a document, in order."""
    for block in document.blocks:
        try:
            name = block.mark("file")
            if name is not None:
                (scratch.copy(block.mark("planted")) / name).write_text("\n".join(block.lines) + "\n", encoding="utf-8")
            if block.language == "sh":
                check_sh(document, block, scratch, tally)
            elif block.language == "console":
                check_console(document, block, scratch, tally)
            elif block.language == "c" and "fragment" not in block.marks:
                check_c(document, block, scratch, tally)
        except (Broken, OSError) as error:
            tally.record(document, block.line, str(error))


# The oracles.


def oracles_of(document):
    """(id, sentence) for each row of a document's table of oracles; None when it has no such table."""
    rows = None
    for paragraph in document.paragraphs:
        cells = [cell.strip() for cell in paragraph.text.strip().strip("|").split("|")]
        if cells[:2] == ["oracle", "what it demands"]:
            rows = []
        elif rows is not None and not paragraph.text.startswith("|"):
            return rows
        elif rows is not None and len(cells) > 1 and not set(cells[0]) <= set("-: "):
            rows.append((cells[0].strip("`"), cells[1]))
    return rows


def check_oracles(documents, commands, tally):
    """Some document has the table of oracles, and each that has one has the right one."""
    output = subprocess.run([commands.kmemfuzz, "oracles"], capture_output=True, text=True, check=True).stdout
    truth = [tuple(line.split(None, 1)) for line in output.splitlines()]
    tables = [(document, oracles_of(document)) for document in documents if oracles_of(document) is not None]
    for document, rows in tables:
        wrong = [f"the table of oracles has {row}" for row in rows if row not in truth]
        wrong += [f"the table of oracles lacks {row}" for row in truth if row not in rows]
        if not wrong and rows != truth:
            wrong = ["the table of oracles has another order than kmemfuzz oracles"]
        tally.record(document, 1, "\n".join(wrong) or None)
    if not tables:
        tally.record(documents[0], 1, "no document has the table of oracles: a row | oracle | what it demands | ...")


# All of it.


def read_documents(tree):
    """Every document, parsed, in order; and the patterns that no file matches."""
    documents, missing = [], []
    for pattern in DOCUMENTS:
        paths = sorted(tree.glob(pattern))
        documents += [parse_document(path.relative_to(tree), path.read_text(encoding="utf-8")) for path in paths]
        if not paths:
            missing.append(pattern)
    return documents, missing


def check_tree(tree, kmemfuzz, with_oracles=True):
    """Checks every document of a tree. Returns the tally."""
    tally = Tally()
    documents, missing = read_documents(tree)
    tally.failures += [f"{pattern}: there is no such document" for pattern in missing]
    commands = Commands(tree, kmemfuzz)
    for document in documents:
        check_links(tree, document, tally)
        check_names(document, commands, tally)
        with tempfile.TemporaryDirectory(prefix="check-docs-") as folder:
            check_blocks(document, Scratch(tree, kmemfuzz, pathlib.Path(folder)), tally)
    if with_oracles and documents:
        check_oracles(documents, commands, tally)
    return tally


def main(arguments):
    """Checks, prints every failure and the count; returns the exit code."""
    skipped = "\n".join(f"  {pattern:48} {reason}" for pattern, reason in NOT_RUN)
    parser = argparse.ArgumentParser(
        prog="ci/check-docs", formatter_class=argparse.RawDescriptionHelpFormatter,
        description=__doc__, epilog=f"Not run, only looked at:\n{skipped}\n\n"
        "Exit codes: 0 all true, 1 something is not, 2 usage, 3 environment.")
    parser.add_argument("--kmemfuzz", type=pathlib.Path, default=KMEMFUZZ, metavar="FILE",
                        help=f"the kmemfuzz to run (default: {KMEMFUZZ})")
    options = parser.parse_args(arguments)
    if not options.kmemfuzz.is_file():
        print(f"ci/check-docs: there is no {options.kmemfuzz}; build it: cmake --preset release && "
              "cmake --build --preset release", file=sys.stderr)
        return EXIT_ENVIRONMENT
    try:
        tally = check_tree(pathlib.Path.cwd(), options.kmemfuzz.resolve())
    except (OSError, subprocess.SubprocessError) as error:
        print(f"ci/check-docs: {error}", file=sys.stderr)
        return EXIT_ENVIRONMENT
    for failure in tally.failures:
        print(f"FAILED  {failure}", file=sys.stderr)
    print(f"{tally.passed} passed, {len(tally.failures)} failed")
    return EXIT_FAILED if tally.failures else EXIT_SOUND


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
