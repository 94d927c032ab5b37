"""kmemfuzz sarif: the corpus and what campaigns have found of the heap, run, and what fails written for code scanners."""

import pathlib
import subprocess
import sys

from kmemfuzz import corpus
from kmemfuzz.campaign_folder import CAMPAIGNS
from kmemfuzz.command_line import Parser, add_caller, exit_codes, place_paths
from kmemfuzz.entry import enter


def parse_arguments(arguments):
    """The command line; argparse ends the process with code 2 when it is wrong."""
    parser = Parser(
        prog="kmemfuzz sarif",
        description="Runs the corpus and the findings of campaigns of the heap, and writes to OUT those that fail, as SARIF "
                    "2.1.0. Of a finding that was explained it takes the reduced program. OUT is replaced.",
        epilog=exit_codes("all sound", "something fails", "usage or a program that cannot be read"))
    parser.add_argument("out", type=pathlib.Path, metavar="OUT", help="the file to write")
    add_caller(parser)
    options = parser.parse_args(arguments)
    place_paths(parser, options, "out")
    if not options.out.absolute().parent.is_dir() or options.out.is_dir():
        parser.error(f"{options.out} cannot be written: name a file, in a folder that is there")
    return options


def presets(_options):
    """The builds that are needed."""
    return ["fuzz"]


def programs():
    """What is run: the corpus, and of each finding the reduced program, or the finding itself."""
    findings = [path for path in sorted((CAMPAIGNS / "heap" / "findings").glob("*")) if "." not in path.name]
    reduced = [path.with_name(f"{path.name}.reduced") for path in findings]
    return ["corpus", *(str(less if less.is_file() else path) for path, less in zip(findings, reduced) if path.is_file())]


def main(arguments):
    """Runs the command; returns the exit code."""
    options = parse_arguments(arguments)
    command = [corpus.KMEMFUZZ, "run", *programs(), "--sarif", options.out, "--force"]
    return subprocess.run(command, stdin=subprocess.DEVNULL, check=False).returncode


if __name__ == "__main__":
    enter("kmemfuzz sarif", main, sys.argv[1:])
