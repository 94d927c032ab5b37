"""Requires that the documents are true: whatever can be checked by running it is run.

  - Links: every relative link leads to a file, every #anchor to a heading.
  - Names: every ci/ command, `kmemfuzz COMMAND`, their --options, build presets, and every path into the tree exist.
  - Fenced blocks, by the first word after the backquotes:
        sh       each line is run and must end with code 0
        console  each `$ command` is run and must print exactly what is below it; a line of three dots stands for
                 any lines. $? is the code of the command before.
        c        must compile
    and by the words after it:
        file=NAME     the block is saved as NAME, for later blocks of the same document
        planted=NAME  the commands run in a tree that has tests/planted/NAME.patch applied
        walk          the block is run by --walk only
        from=PATH     the block quotes lines of that file, which must have them in a row, indented or not
        fragment      C that is not complete, and so not compiled
  - Every picture in docs/pictures is what its program gives now (./ci/docs --pictures), and is shown in a document.
  - The tables of docs/reference.md are what their sources give now (./ci/docs --tables).

The commands of a document run one after another at the top of a copy of the tree of its own, where kmemfuzz, under
whatever preset it is named, is the release build's. With --walk some documents are instead followed in one fresh clone,
nothing left out and nothing prepared, but campaigns shortened to five seconds.
"""

import argparse
import concurrent.futures
import os
import pathlib
import subprocess
import sys
import tempfile

import document_walks
import pictures
import reference
from kmemfuzz.command_line import EXIT_ENVIRONMENT, EXIT_SOUND, EXIT_VIOLATION, Parser, add_caller, end_missing, exit_codes, place_paths
from document_blocks import NOT_RUN, WALKED, Broken, Scratch, check_blocks
from document_names import Commands, check_links, check_names
from documents import Tally, parse_document, print_failure
from kmemfuzz.entry import enter
from kmemfuzz.outside_text import visible

DOCUMENTS = ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "corpus/README.md", "tests/planted/README.md", "docs/*.md")
KMEMFUZZ = pathlib.Path("build/release/kmemfuzz")


# The pictures.


def check_pictures(tree, documents, kmemfuzz, tally):
    """No picture is stale, and none is there for nothing."""
    with tempfile.TemporaryDirectory(prefix="check-docs-") as folder:
        try:
            for path, problem in pictures.problems_of(tree, documents, Scratch(tree, kmemfuzz, pathlib.Path(folder))):
                tally.record_at(path, 1, problem)
        except Broken as failure:
            tally.record_at(pictures.FOLDER, 1, str(failure))


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


def check_walked(document, tally):
    """Blocks that only --walk runs stand in documents that it follows."""
    for block in document.blocks:
        if "walk" in block.marks:
            followed = document.path.as_posix() in (*document_walks.DOCUMENTS, *WALKED)
            tally.record(document, block.line, None if followed else "--walk alone runs this block, and does not follow this document")


def check_tree(tree, kmemfuzz, with_reference=True):
    """Checks every document of a tree. Returns the tally."""
    tally = Tally()
    documents, missing = read_documents(tree)
    tally.failures += [f"{pattern}: there is no such document" for pattern in missing]
    commands = Commands(tree, kmemfuzz)

    def check(document):
        own = Tally()
        check_links(tree, document, own)
        check_names(document, commands, own)
        check_walked(document, own)
        with tempfile.TemporaryDirectory(prefix="check-docs-") as folder:
            check_blocks(document, Scratch(tree, kmemfuzz, pathlib.Path(folder)), own)
        return own

    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:  # the work is the commands'
        for own in pool.map(check, documents):
            tally.passed += own.passed
            tally.failures += own.failures
    check_pictures(tree, documents, kmemfuzz, tally)
    if with_reference:
        tally.record_at(reference.DOCUMENT, 1, reference.problem_of(tree, commands))
    return tally


def parse_arguments(arguments):
    """The command line; argparse ends the process with code 2 when it is wrong."""
    skipped = "\n".join(f"  {pattern:48} {reason}" for pattern, reason in NOT_RUN)
    parser = Parser(
        prog="ci/check-docs", formatter_class=argparse.RawDescriptionHelpFormatter,
        description=__doc__, epilog=f"Not run, only looked at:\n{skipped}\n\n"
        + exit_codes("all true", "something is not"))
    parser.add_argument("--kmemfuzz", type=pathlib.Path, default=KMEMFUZZ, metavar="FILE",
                        help=f"the kmemfuzz to run (default: {KMEMFUZZ})")
    parser.add_argument("--walk", nargs="*", choices=document_walks.DOCUMENTS, metavar="DOCUMENT",
                        help=f"follow documents; without one all of {', '.join(document_walks.DOCUMENTS)}, with every build that they need")
    add_caller(parser)
    options = parser.parse_args(arguments)
    place_paths(parser, options, "kmemfuzz")
    if options.kmemfuzz != KMEMFUZZ and not options.kmemfuzz.is_file():
        end_missing(parser, f"there is no {options.kmemfuzz}; build it: cmake --preset release && cmake --build --preset release")
    return options


def presets(options):
    """The builds that are needed."""
    return [] if options.walk is not None or options.kmemfuzz != KMEMFUZZ else [KMEMFUZZ.parent.name]


def main(arguments):
    """Checks, prints every failure and the count; returns the exit code."""
    options = parse_arguments(arguments)
    try:
        if options.walk is not None:
            tally = Tally(at_once=True)
            document_walks.follow(pathlib.Path.cwd(), options.walk or document_walks.DOCUMENTS, tally)
        else:
            tally = check_tree(pathlib.Path.cwd(), options.kmemfuzz.resolve())
    except (Broken, OSError, subprocess.SubprocessError) as error:
        print(f"ci/check-docs: {visible(error)}", file=sys.stderr)
        return EXIT_ENVIRONMENT
    for failure in [] if tally.at_once else tally.failures:
        print_failure(failure)
    print(f"{tally.passed} passed, {len(tally.failures)} failed")
    return EXIT_VIOLATION if tally.failures else EXIT_SOUND


if __name__ == "__main__":
    enter("ci/check-docs", main, sys.argv[1:])
