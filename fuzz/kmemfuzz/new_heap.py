"""kmemfuzz new-heap: writes the file that describes a heap of your own, for you to fill in."""

import pathlib
import re

from kmemfuzz.command_line import EXIT_SOUND, Parser, add_caller, exit_codes, place_paths
from kmemfuzz.heap import SUFFIXES
from kmemfuzz.outside_text import shell_word, visible

TEMPLATE = pathlib.Path(__file__).with_name("new_heap.c.in")


def parse_arguments(arguments):
    parser = Parser(
        prog="kmemfuzz new-heap", example="kmemfuzz new-heap my_heap",
        description="Writes NAME.c, the file that describes a heap of your own: three functions and the facts to fill in, and a line "
                    "for everything else a heap may have. kmemfuzz fuzz NAME.c then fuzzes it.",
        epilog=exit_codes("written", usage="usage, or the file exists"))
    parser.add_argument("name", type=pathlib.Path, metavar="NAME",
                        help="what to call the heap, such as my_heap; tests/my_heap writes it in a folder, and my_heap.cpp in C++")
    add_caller(parser)
    options = parser.parse_args(arguments)
    name = options.name.stem if options.name.suffix in SUFFIXES else options.name.name
    if not re.fullmatch("[A-Za-z_][A-Za-z0-9_]*", name):
        parser.error(f"'{name}' is no name for a heap: it is to be an identifier in C, such as my_heap")
    options.typed = options.name.with_name(name + (options.name.suffix if options.name.suffix in SUFFIXES else SUFFIXES[0]))
    options.name = options.typed
    place_paths(parser, options, "name")
    if options.name.is_symlink() or options.name.exists():
        parser.error(f"{options.typed} exists; choose another name, as a file is never replaced")
    return options


def main(arguments):
    options = parse_arguments(arguments)
    file = shell_word(options.typed)
    text = TEMPLATE.read_text(encoding="utf-8").replace("my_heap", options.typed.stem).replace("@FILE@", options.typed.name)
    with open(options.name, "x", encoding="utf-8") as stream:
        stream.write(text)
    print(f"{visible(options.typed)}: make its three functions call your heap, and set the facts. Then, with your heap's own "
          f'sources:\n  kmemfuzz fuzz {file} --sources "../kernel/heap.c"')
    return EXIT_SOUND
