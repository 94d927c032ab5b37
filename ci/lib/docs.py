"""Makes the API reference, build/docs/index.html, from the headers: Doxygen, with ci/lib/Doxyfile; what it warns of is a failure.
With --pictures draws instead the pictures in the documents, docs/pictures/*.svg, from the programs beside them, whose first
line says how: `# picture [planted=BUG] [operations=FIRST-LAST]`. With --tables makes those of docs/reference.md."""

import pathlib
import shutil
import subprocess
import sys
import tempfile

import pictures
import reference
from document_blocks import Broken, Scratch
from document_names import Commands
from kmemfuzz.command_line import EXIT_ENVIRONMENT, EXIT_SOUND, EXIT_VIOLATION, Parser, exit_codes
from kmemfuzz.entry import enter
from kmemfuzz.outside_text import visible, visible_lines

KMEMFUZZ = pathlib.Path("build/release/kmemfuzz")
DOXYFILE = pathlib.Path("ci/lib/Doxyfile")
REFERENCE = pathlib.Path("build/docs")


def make_reference(tree):
    """Makes the API reference of a tree anew. Raises Broken when Doxygen objects to something."""
    shutil.rmtree(tree / REFERENCE, ignore_errors=True)
    (tree / REFERENCE).mkdir(parents=True)
    done = subprocess.run(["doxygen", DOXYFILE], cwd=tree, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, errors="replace",
                          check=False)
    if done.returncode != 0 or done.stderr:
        raise Broken(done.stderr.replace(f"{tree}/", "") or f"doxygen ended with code {done.returncode}")


def draw_pictures(tree):
    """Draws the pictures of a tree; prints the names of those that have changed."""
    with tempfile.TemporaryDirectory(prefix="docs-") as folder:
        for path in pictures.write(tree, Scratch(tree, KMEMFUZZ.absolute(), pathlib.Path(folder))):
            print(path)


def parse_arguments(arguments):
    """The command line; argparse ends the process with code 2 when it is wrong."""
    parser = Parser(prog="ci/docs", description=__doc__,
                    epilog=exit_codes("made", "Doxygen warns, or a picture cannot be drawn"))
    chosen = parser.add_mutually_exclusive_group()
    chosen.add_argument("--pictures", action="store_true", help="draw the pictures, and name those that have changed")
    chosen.add_argument("--tables", action="store_true", help="make the tables of commands and rules")
    return parser.parse_args(arguments)


def presets(options):
    """The builds that are needed."""
    return [KMEMFUZZ.parent.name] if options.pictures or options.tables else []


def main(arguments):
    """Runs the command; returns the exit code."""
    options = parse_arguments(arguments)
    try:
        if options.pictures:
            draw_pictures(pathlib.Path.cwd())
        elif options.tables:
            tree = pathlib.Path.cwd()
            text = reference.made(tree, Commands(tree, KMEMFUZZ.absolute()))
            (tree / reference.DOCUMENT).write_text(text, encoding="utf-8")
        else:
            make_reference(pathlib.Path.cwd())
            print(REFERENCE / "index.html")
    except Broken as failure:
        print(f"ci/docs: {visible_lines(str(failure))}", file=sys.stderr)
        return EXIT_VIOLATION
    except (OSError, subprocess.SubprocessError) as error:
        print(f"ci/docs: {visible(error)}", file=sys.stderr)
        return EXIT_ENVIRONMENT
    return EXIT_SOUND


if __name__ == "__main__":
    enter("ci/docs", main, sys.argv[1:])
