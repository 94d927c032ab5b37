"""Checks that what documents name exists: commands in ci/, words of kmemfuzz, their options, presets, paths in the tree, and the
targets of links. It runs programs only with --help."""

import json
import os
import pathlib
import re
import subprocess

from documents import SPAN, anchors_of, code_of, parse_document, spans_of

HELP_SECONDS = 60  # that a program may take to print its help

OUR_FOLDERS = "bindings|ci|cmake|corpus|docs|fuzz|invariants|src|tests"
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_CI = re.compile(r"(?<![\w/.*-])(?:\./)?ci/([a-z][\w-]*)(?![\w/])")
_KMEMFUZZ = re.compile(r"(?<![\w-])kmemfuzz((?: +(?![|&;>])\S+)*)")
_OPTION = re.compile(r"(?<!\S)(--[a-z][a-z-]*)")
_PATH = re.compile(rf"(?:{OUR_FOLDERS})/[\w.*/-]*")


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
        for target in _LINK.findall(SPAN.sub("", paragraph.text)):
            tally.record(document, paragraph.line, check_link(tree, document, target))


# Names.


class Commands:
    """What commands there are, and what options they say they take. Each is asked for its help once."""

    def __init__(self, tree, kmemfuzz):
        self.tree = tree
        self.kmemfuzz = kmemfuzz
        self.helps = {}
        self.subcommands = re.findall(r"^  (?!kmemfuzz )([a-z][a-z-]*) ", self.help_of([kmemfuzz]), re.MULTILINE)
        presets = tree / "CMakePresets.json"
        document = json.loads(presets.read_text(encoding="utf-8")) if presets.exists() else {}
        self.presets = [preset["name"] for preset in document.get("configurePresets", [])]

    def help_of(self, command):
        """What a command prints when asked for help, on either stream."""
        key = tuple(str(word) for word in command)
        if key not in self.helps:
            result = subprocess.run([*key, "--help"], cwd=self.tree, capture_output=True, text=True, check=False, env={**os.environ, "COLUMNS": "100"},
                                    stdin=subprocess.DEVNULL, timeout=HELP_SECONDS)
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
        if words[:1] == ["help"]:
            words = words[1:]
        if not words or not re.fullmatch(r"[a-z][a-z-]*", words[0]):
            return self.check_options([self.kmemfuzz], "kmemfuzz", arguments)
        if words[0] not in self.subcommands:
            return [f"kmemfuzz has no command {words[0]}"]
        if re.match(r"\s*[a-z-]+ \S+\.c(c|pp|xx)? ", arguments):  # of a heap
            arguments = re.sub(r"--(sources|cflags|mute|build-folder)\b", "", arguments)
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
        for match in _CI.finditer(_LINK.sub("", SPAN.sub("", paragraph.text))):
            tally.record(document, paragraph.line, commands.check_ci(match.group(1), "")[0])
