"""The Python words of kmemfuzz: `python3 -m kmemfuzz WORD ARGUMENT...`. You may also give Python this file or its folder
instead of the module, as the tool does. A word runs at the top of the tree, if there is one; with a heap's file after it, where
it was typed. The words in C come here with such a file, for its own tool to be built."""

import importlib
import os
import pathlib
import sys

if not __package__:
    sys.path[:1] = []  # this folder, whose modules are the package's
    sys.path.append(str(pathlib.Path(__file__).resolve().parents[1]))

from kmemfuzz import begin, command_line, heap, tree  # noqa: E402  pylint: disable=wrong-import-position
from kmemfuzz.outside_text import visible_lines  # noqa: E402  pylint: disable=wrong-import-position
from kmemfuzz.entry import enter  # noqa: E402  pylint: disable=wrong-import-position

# The module of each word, and whether it can do without the source tree.
WORDS = {
    "new-heap": ("new_heap", True),
    "fuzz": ("campaign", True),
    "build": ("build", True),
    "corpus": ("corpus_command", False),
    "board": ("board_command", True),
    "report": ("report", True),
    "two-files": ("two_files", True),
    "soak": ("soak", False),
    "sarif": ("sarif", True),
    "junit": ("junit", True),
    "summary": ("summary", True),
    "import": ("import_log", True),
}


def main(word="", *arguments):
    try:
        arguments = arguments if word == "new-heap" else heap.take(word, arguments)
    except heap.Refused as error:
        print(f"kmemfuzz {word}: {visible_lines(str(error))}", file=sys.stderr)
        return error.code
    if heap.CURRENT is not None and word not in WORDS:
        return heap.start(word, arguments)
    if word not in WORDS:
        print(f"There is no word '{word}' in Python; there are: {' '.join(WORDS)}", file=sys.stderr)
        return command_line.EXIT_USAGE
    module, stands_alone = WORDS[word]
    if heap.CURRENT is not None:
        return begin.begin(importlib.import_module(f"kmemfuzz.{module}"), arguments)
    if tree.TREE is None and not stands_alone:
        print(f"kmemfuzz {word}: it needs the source tree; say where that is with KMEM_TREE=FOLDER", file=sys.stderr)
        return command_line.EXIT_ENVIRONMENT
    if tree.TREE is not None:
        os.chdir(tree.TREE)
    return begin.begin(importlib.import_module(f"kmemfuzz.{module}"), arguments)


if __name__ == "__main__":
    enter(f"kmemfuzz {' '.join(sys.argv[1:2])}".strip(), main, *sys.argv[1:])
