"""./ci/docs: makes what the documents are accompanied by. --pictures draws the pictures in them, docs/pictures/*.svg, from the
programs beside them; the first line of each, `# picture [planted=BUG] [operations=FIRST-LAST]`, says how."""

import pathlib
import subprocess
import sys
import tempfile

import pictures
from document_blocks import Broken, Scratch
from kmemfuzz.command_line import EXIT_ENVIRONMENT, EXIT_SOUND, EXIT_VIOLATION, Parser, exit_codes
from kmemfuzz.entry import enter
from kmemfuzz.outside_text import visible

KMEMFUZZ = pathlib.Path("build/release/kmemfuzz")


def parse_arguments(arguments):
    """The command line; argparse ends the process with code 2 when it is wrong."""
    parser = Parser(prog="ci/docs", description=__doc__, epilog=exit_codes("made", "a picture cannot be drawn"))
    parser.add_argument("--pictures", action="store_true", required=True, help="draw the pictures, and name those that have changed")
    return parser.parse_args(arguments)


def presets(_options):
    """The builds that are needed."""
    return [KMEMFUZZ.parent.name]


def main(arguments):
    """Runs the command; returns the exit code."""
    parse_arguments(arguments)
    tree = pathlib.Path.cwd()
    try:
        with tempfile.TemporaryDirectory(prefix="docs-") as folder:
            for path in pictures.write(tree, Scratch(tree, KMEMFUZZ.absolute(), pathlib.Path(folder))):
                print(path)
    except Broken as failure:
        print(f"ci/docs: {visible(failure)}", file=sys.stderr)
        return EXIT_VIOLATION
    except (OSError, subprocess.SubprocessError) as error:
        print(f"ci/docs: {visible(error)}", file=sys.stderr)
        return EXIT_ENVIRONMENT
    return EXIT_SOUND


if __name__ == "__main__":
    enter("ci/docs", main, sys.argv[1:])
