"""Splits Markdown documents into the parts that ci/check-docs looks at: paragraphs, fenced blocks and pieces of code; and counts
what it found true and false in them."""

import pathlib
import re
import sys
from typing import NamedTuple

from kmemfuzz.outside_text import visible_lines

_FENCE = re.compile(r"^\s*(```+)\s*(.*?)\s*$")
SPAN = re.compile(r"(`+)(.+?)\1")  # a piece of code in text


class Block(NamedTuple):
    """A fenced block: what follows the backquotes, its lines, and the number of the first of them."""
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
    """What was checked, and what came of it. at_once: each failure is printed when it happens."""

    def __init__(self, at_once=False):
        self.at_once = at_once
        self.passed = 0
        self.failures = []

    def record(self, document, line, problem):
        """Counts a check of a document; problem is None when there is none."""
        self.record_at(document.path, line, problem)

    def record_at(self, path, line, problem):
        """Counts a check of any file."""
        if problem is None:
            self.passed += 1
        else:
            self.failures.append(f"{path}:{line}: {problem}")
            if self.at_once:
                print_failure(self.failures[-1])


def print_failure(failure):
    print(f"FAILED  {visible_lines(failure)}", file=sys.stderr, flush=True)


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
    return [match.group(2).strip() for match in SPAN.finditer(paragraph.text)]


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
