"""Prints for ci/build-fuzzers what CMake has to be told of a heap of another repository: the heap's name, its folder, and then a
definition in each line.

Runs where OSS-Fuzz builds, so it uses nothing that an older Python lacks.
"""

import sys

from kmemfuzz import heap
from kmemfuzz.command_line import EXIT_SOUND, EXIT_USAGE
from kmemfuzz.entry import enter
from kmemfuzz.outside_text import visible_lines


def main(arguments):
    """Prints; returns the exit code."""
    try:
        rest = heap.take("ci/build-fuzzers", arguments)
    except heap.Refused as error:
        print(f"ci/build-fuzzers: {visible_lines(str(error))}", file=sys.stderr)
        return error.code
    if rest or heap.CURRENT is None:
        print(f"ci/build-fuzzers: --subject needs a heap's file and its options, not {visible_lines(' '.join(rest)) or 'nothing'}", file=sys.stderr)
        return EXIT_USAGE
    print(heap.CURRENT.name, heap.CURRENT.folder, *heap.CURRENT.definitions(), sep="\n")
    return EXIT_SOUND


if __name__ == "__main__":
    enter("ci/build-fuzzers", main, sys.argv[1:])
