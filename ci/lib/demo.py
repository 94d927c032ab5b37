"""Runs a demo, a kernel that uses the heap (src/riscv/demo.c, demo_virtual.c), on an emulated RISC-V board."""

import sys

from kmemfuzz import board, child
from kmemfuzz.command_line import EXIT_ENVIRONMENT, EXIT_SOUND, EXIT_VIOLATION, Parser, exit_codes, parse_seconds
from kmemfuzz.entry import enter
from kmemfuzz.outside_text import excerpt, visible, visible_lines

HANG_SECONDS = 30.0  # far more than it takes, on a busy machine too


def parse_arguments(arguments):
    """The command line; argparse ends the process with code 2 when it is wrong."""
    parser = Parser(
        prog="ci/demo",
        description="Builds a kernel that uses the heap, boots it on an emulated RISC-V board, and prints what it writes "
                    "to the board's UART.",
        epilog=exit_codes("it ran to its end", "it found something wrong, trapped or hung"),
    )
    parser.add_argument("--board", choices=tuple(board.EMULATORS), default="rv64", help="which board (default: rv64)")
    parser.add_argument("--virtual", action="store_true",
                        help="the demo whose heap lies in virtual memory (src/riscv/demo_virtual.c); rv64 only")
    parser.add_argument("--timeout", type=parse_seconds, default=HANG_SECONDS, metavar="SECONDS",
                        help=f"how long it may run (default: {HANG_SECONDS:g})")
    options = parser.parse_args(arguments)
    if options.virtual and options.board != "rv64":
        parser.error("--virtual is for rv64: Sv39 page tables are for 64-bit machines")
    return options


def presets(options):
    """The build that is needed."""
    return [options.board]


def run_demo(name, memory, timeout):
    """Boots the demo once. Returns (what came from its UART, what is wrong with how it ended or None)."""
    image = board.Image(board.Configuration(name, name, "demo", memory))
    command = [board.find_emulator(name), *board.FLAGS, "-serial", "stdio", "-kernel", str(image.path)]
    emulator = child.Child(command)  # its own pipe: the emulator makes what it is given non-blocking
    try:
        output, ended = emulator.read_all(timeout)
    finally:
        code = emulator.end()
    if not ended:
        return output, f"it did not end within {timeout:g} s"
    if code != 0 and not output:
        raise board.EnvironmentFailure(f"the demo did not start: the emulator ended with code {code}: "
                                       f"{excerpt(emulator.errors)}")
    return output, None if code == 0 else f"the emulator ended with code {code}"


def main(arguments):
    """Runs the command; returns the exit code."""
    options = parse_arguments(arguments)
    try:
        output, problem = run_demo(options.board, "virtual" if options.virtual else "", options.timeout)
    except (OSError, board.EnvironmentFailure) as error:
        print(f"ci/demo: {visible(error)}", file=sys.stderr)
        return EXIT_ENVIRONMENT
    except KeyboardInterrupt:
        print("ci/demo: interrupted", file=sys.stderr)
        return EXIT_ENVIRONMENT
    print(visible_lines(output), end="", flush=True)
    if problem is not None:
        print(f"ci/demo: {problem}", file=sys.stderr)
        return EXIT_VIOLATION
    return EXIT_SOUND


if __name__ == "__main__":
    enter("ci/demo", main, sys.argv[1:])
