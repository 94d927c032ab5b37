"""kmemfuzz build: builds what the other words need of a heap of one's own, and says where it is."""

import os

from kmemfuzz import heap
from kmemfuzz.command_line import EXIT_SOUND, Parser, exit_codes
from kmemfuzz.outside_text import visible


def parse_arguments(arguments):
    parser = Parser(prog="kmemfuzz build HEAP.c", example="kmemfuzz build my_heap.c --sources heap.c",
                    description="Builds the fuzz target and the tool of a heap of your own.",
                    epilog=exit_codes("built", usage="usage, or it does not compile"))
    heaps = parser.add_argument_group(  # heap.take takes them off every word's arguments
        "what belongs to the heap, after the file in any word", "Kept in HEAP.fuzz/settings, so that they are given once.")
    heaps.add_argument("--sources", metavar="FILES", help='its own sources, objects and static libraries, as one word: "heap.c list.c"')
    heaps.add_argument("--cflags", metavar="FLAGS", help='what they are compiled with: "-Iinclude -DDEBUG=1"')
    heaps.add_argument("--mute", metavar="CHECKS",
                       help="checks of UBSan that they need not pass: shift, alignment, null, pointer-overflow, object-size")
    heaps.add_argument("--build-folder", metavar="DIR", help="where to build, and not kept (default: HEAP.fuzz/build)")
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
