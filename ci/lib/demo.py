"""Runs a demo, a kernel that uses the heap, on an emulated RISC-V board."""

import sys

import rust_kernel
from kmemfuzz import board, child
from kmemfuzz.command_line import EXIT_ENVIRONMENT, EXIT_SOUND, EXIT_VIOLATION, Parser, exit_codes, parse_seconds
from kmemfuzz.entry import enter
from kmemfuzz.outside_text import excerpt, visible, visible_lines

DEMOS = {
    "heap": "each operation, and a misuse (src/riscv/demo.c)",
    "virtual": "the heap in virtual memory, rv64 only (src/riscv/demo_virtual.c)",
    "rust": "a kernel in Rust with collections, on four harts; the first time Rust is fetched (bindings/rust/kernel)",
}
HART_COUNT = {"rust": 4}  # of the board; otherwise 1
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
    parser.add_argument("demo", nargs="?", choices=tuple(DEMOS), default="heap",
                        help="; ".join(f"{name}: {what}" for name, what in DEMOS.items()) + " (default: heap)")
    parser.add_argument("--timeout", type=parse_seconds, default=HANG_SECONDS, metavar="SECONDS",
                        help=f"how long it may run (default: {HANG_SECONDS:g})")
    options = parser.parse_args(arguments)
    if options.demo == "virtual" and options.board != "rv64":
        parser.error("virtual is for rv64: Sv39 page tables are for 64-bit machines")
    return options


def presets(options):
    """The build that is needed."""
    return [options.board]


def image_of(demo, name):
    """The image of a demo for a board. That in Rust is built here, for ci/build does without its compiler."""
    if demo == "rust":
        return rust_kernel.build(name)
    return board.Image(board.Configuration(name, name, "demo", "virtual" if demo == "virtual" else "")).path


def run_image(image, name, hart_count, timeout):
    """Boots an image once. Returns (what came from its UART, what is wrong with how it ended or None)."""
    command = [board.find_emulator(name), *board.FLAGS, "-smp", str(hart_count), "-serial", "stdio", "-kernel", str(image)]
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
        board.find_emulator(options.board)  # before a toolchain is fetched for nothing
        image = image_of(options.demo, options.board)
        output, problem = run_image(image, options.board, HART_COUNT.get(options.demo, 1), options.timeout)
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
