"""What choices cost: heaps of several kinds serve the same programs on the 64-bit board, which counts the instructions of their calls
and finds the smallest region that each can do with. docs/choices.md shows the tables, and they must be those measured."""

import pathlib
import random
import re
import subprocess
import sys
import tempfile

from kmemfuzz import board, packed_corpus
import instructions
import patched
from kmemfuzz.command_line import EXIT_ENVIRONMENT, EXIT_SOUND, EXIT_VIOLATION, Parser, add_caller, exit_codes, place_paths
from kmemfuzz.entry import enter
from kmemfuzz.outside_text import visible, visible_lines

DOCUMENT = pathlib.Path("docs/choices.md")
ACCEPT = "./ci/bench choices --accept"
PRESET, IMAGE = "rv64", "choices"
WORK = pathlib.Path("build/choices")
BLOCK = re.compile(r"(?<=^```text measured\n).*?(?=^```$)", re.MULTILINE | re.DOTALL)  # of the document: the tables

HEAPS = {"kmem": "kmem: first fit over all blocks", "list": "free list, by address", "tags": "boundary tags, next fit",
         "tlsf": "TLSF", "buddy": "buddy"}
VARIANTS = {"best-fit": "kmem with best fit", "merge-put-off": "kmem, merging when nothing fits"}  # tests/planted
LIVE = (1, 10, 100, 1000)
SLOTS = 4096
TRAFFIC_SLOTS, TRAFFIC_CALLS, SEEDS = 256, 1500, (1, 2, 3)


# Programs.

def as_text(lines, size, slots, growth=0):
    """A program for a region of at least so many bytes. The image finds the smallest one for heaps that may grow."""
    return "\n".join(("kmem-program 2", f"heap page=4096 pages={-(-size // 4096)} growth={growth} slots={slots}", *lines, ""))


def packed(live):
    """Blocks end to end; then one more, which comes and goes."""
    return [*(f"alloc {slot} 24" for slot in range(live + 1)), f"free {live}"]


def holed(live):
    """Blocks with a hole after each; then one more, too large for the holes, which comes and goes."""
    return [*(f"alloc {slot} 24" for slot in range(2 * live)), *(f"free {slot}" for slot in range(1, 2 * live, 2)),
            f"alloc {2 * live} 48", f"free {2 * live}"]


def steady(draw, _):
    """Any slot, any size from 8 to 512 bytes."""
    return draw(TRAFFIC_SLOTS), 8 + draw(505)


def drifting(draw, call):
    """Any slot; sizes grow all the time, as buffers do under load."""
    return draw(TRAFFIC_SLOTS), 8 + draw(32) + call // 2


def mixed(draw, _):
    """Small blocks that come and go, and among them large ones that stay."""
    return (draw(64), 16 + draw(112)) if draw(4) else (64 + draw(192), (512, 1536, 40, 72)[draw(4)])


PATTERNS = (("blocks end to end", packed), ("a hole after each block", holed))
TRAFFIC = (steady, drifting, mixed)


def traffic(kind, seed):
    """Calls in which each slot is taken and freed by turns. Returns (lines, the most bytes that were asked for and live)."""
    bits = random.Random(seed).getrandbits
    lines, sizes, peak = [], {}, 0
    for call in range(TRAFFIC_CALLS):
        slot, size = kind(lambda most: bits(32) % most, call)
        if sizes.pop(slot, None) is not None:
            lines.append(f"free {slot}")
            continue
        sizes[slot] = size
        peak = max(peak, sum(sizes.values()))
        lines.append(f"alloc {slot} {size}")
    return lines, peak


class Programs:
    """The programs of a measurement, in the order in which the image has them."""

    def __init__(self):
        self.patterns = [as_text(pattern(live), 1 << 18, SLOTS) for _, pattern in PATTERNS for live in LIVE]
        runs = [traffic(kind, seed) for kind in TRAFFIC for seed in SEEDS]
        self.peaks = [peak for _, peak in runs]
        self.traffic = [as_text(lines, 2 * peak, TRAFFIC_SLOTS, growth=1) for lines, peak in runs]

    @staticmethod
    def pack(texts, folder):
        """Packs programs for the board. Returns the blob."""
        folder.mkdir()
        for index, text in enumerate(texts):
            (folder / f"{index:04}.ops").write_text(text, encoding="ascii")
        packed_corpus.run_tool("pack", folder, "-o", folder / "blob")
        return folder / "blob"


# Counts.

def count(path, blob, heap_count=0):
    """Boots an image. Returns (compiler, counts by name)."""
    image = board.Image(board.Configuration(PRESET, PRESET, IMAGE))
    image.path = path or image.path
    boot = board.Boot([*board.boot_command(image, blob, count=heap_count), "-icount", "shift=0"], instructions.BOOT_SECONDS)
    lines = list(boot.lines())
    return instructions.read_image(lines, boot, IMAGE)


def measure():
    """(compiler, {heap's title: what its image counts}, the programs)."""
    programs = Programs()
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        blob = programs.pack([*programs.patterns, *programs.traffic], folder / "all")
        compiler, counts = count(None, blob)
        of_heap = {title: {name.removeprefix(f"{heap}-"): number for name, number in counts.items() if name.startswith(f"{heap}-")}
                   for heap, title in HEAPS.items()}
        build = patched.Build(PRESET, f"{IMAGE}.elf", lines=False)
        for variant, title in VARIANTS.items():
            copy = patched.make_copy(WORK / variant, pathlib.Path(f"tests/planted/{variant}.patch"))
            _, counts = count(build.link(copy)[0], blob, heap_count=1)
            of_heap[title] = {name.removeprefix("kmem-"): number for name, number in counts.items()}
    return compiler, of_heap, programs


# Tables.

def row(title, numbers, width=9):
    """A line of a table."""
    cells = (number if isinstance(number, str) else f"{number:,}" for number in numbers)
    return (f"{title:38}" + "".join(f"{cell:>{width}}" for cell in cells)).rstrip()


def live_tables(of_heap):
    """Instructions of an allocation and of a free by live blocks."""
    lines = []
    for place, (name, _) in enumerate(PATTERNS):
        for call in ("alloc", "free"):
            lines.append(row(f"{call}, {name}; live:", LIVE))
            lines += [row(title, (counts[f"{call}-{place * len(LIVE) + index}"] for index in range(len(LIVE))))
                      for title, counts in of_heap.items() if title not in VARIANTS.values()] + [""]
    return lines


def traffic_table(of_heap, programs):
    """Instructions of a call, and bytes of the smallest region for 1,000 bytes live at most, by kind of traffic."""
    lines = [row("", (word for kind in TRAFFIC for word in (kind.__name__, ""))),
             row("", ("a call", "region") * len(TRAFFIC))]
    for title, counts in of_heap.items():
        numbers = []
        for kind in range(len(TRAFFIC)):
            own = range(kind * len(SEEDS), (kind + 1) * len(SEEDS))
            total, region = (sum(counts[f"{what}-{len(programs.patterns) + index}"] for index in own) for what in ("all", "region"))
            numbers += [total // (TRAFFIC_CALLS * len(SEEDS)), region * 1000 // sum(programs.peaks[index] for index in own)]
        lines.append(row(title, numbers))
    return lines


def tables(compiler, of_heap, programs):
    """What the document shows."""
    return "\n".join((f"rv64, {compiler}", "", *live_tables(of_heap), *traffic_table(of_heap, programs), ""))


# The command.

def parse_arguments(arguments):
    """The command line; argparse ends the process with code 2 when it is wrong."""
    parser = Parser(prog="ci/bench choices", description=__doc__,
                    epilog=exit_codes("the document shows these tables", "it shows others"))
    parser.add_argument("--accept", action="store_true", help="make the document show them")
    parser.add_argument("--document", type=pathlib.Path, default=DOCUMENT, metavar="FILE",
                        help=f"the document (default: {DOCUMENT})")
    add_caller(parser)
    options = parser.parse_args(arguments)
    place_paths(parser, options, "document")
    return options


def presets(_options):
    """The builds that are needed."""
    return ["release", PRESET]


def compare(text, new, path):
    """Requires that a document shows the tables. Returns the exit code."""
    old = BLOCK.search(text).group()
    if old == new:
        figures = 2 * (len(PATTERNS) * len(LIVE) * len(HEAPS) + len(TRAFFIC) * (len(HEAPS) + len(VARIANTS)))
        print(f"{figures} counts of instructions, all as in {path}")
        return EXIT_SOUND
    if old.splitlines()[:1] != new.splitlines()[:1]:
        raise board.EnvironmentFailure(f"{path} was measured with another compiler; to measure again: {ACCEPT}")
    print(f"{path} shows other tables. If these are meant to be new: {ACCEPT}")
    return EXIT_VIOLATION


def main(arguments):
    """Runs the command; returns the exit code."""
    options = parse_arguments(arguments)
    try:
        text = options.document.read_text(encoding="utf-8")
        if BLOCK.search(text) is None:
            raise board.EnvironmentFailure(f"{options.document} has no block of the kind 'text measured'")
        new = tables(*measure())
        print(new)
        if not options.accept:
            return compare(text, new, options.document)
        options.document.write_text(BLOCK.sub(lambda _: new, text, count=1), encoding="utf-8")
        return EXIT_SOUND
    except instructions.BrokenCount as error:
        print(f"ci/bench choices: a heap went wrong while it was counted: {visible(error)}", file=sys.stderr)
        return EXIT_VIOLATION
    except patched.NotPatched as error:
        print(f"ci/bench choices: a variant cannot be built: {visible(error.args[0])}, see {visible(error.args[1])}", file=sys.stderr)
        return EXIT_ENVIRONMENT
    except (OSError, subprocess.CalledProcessError, packed_corpus.PackFailure, patched.Broken, board.EnvironmentFailure) as error:
        print(f"ci/bench choices: {visible_lines(error)}", file=sys.stderr)
        return EXIT_ENVIRONMENT


if __name__ == "__main__":
    enter("ci/bench choices", main, sys.argv[1:])
