"""kmemfuzz build: builds what the other words need of a heap of one's own, and says where it is."""

import os

from kmemfuzz import heap
from kmemfuzz.command_line import EXIT_SOUND, Parser, exit_codes
from kmemfuzz.outside_text import visible


def parse_arguments(arguments):
    parser = Parser(prog="kmemfuzz build HEAP.c", description="Builds the fuzz target and the tool of a heap of your own.",
                    epilog=exit_codes("built", usage="usage, or it does not compile"))
    parser.add_argument("--board", action="store_true", help="build the images for the emulated boards instead")
    parser.add_argument("--preset", action="append", metavar="NAME", help="build this: fuzz, or one of a board (default: fuzz)",
                        choices=("fuzz", *heap.BOARDS))
    options = parser.parse_args(arguments)
    if heap.CURRENT is None:
        parser.error("name the heap's file right after the word: kmemfuzz build my_heap.c")
    return options


def presets(options):
    """The builds to make."""
    return options.preset or (heap.BOARDS if options.board else ("fuzz",))


def main(arguments):
    """Runs the command; returns the exit code."""
    for preset in presets(parse_arguments(arguments)):
        for name in heap.PROGRAMS.get(preset, [f"{name}.elf" for name in heap.IMAGE]):
            print(visible(os.path.relpath(heap.CURRENT.build / preset / name)))
    return EXIT_SOUND
