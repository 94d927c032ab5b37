"""./ci/detection: do the sanitizers and oracles of the boards find what those of the host find?

For every bug planted in the heap, the host's fuzzer finds an input (planted.py, which reuses its last log when nothing has
changed), and both boards run it with the same patched core under their sanitizers. A bug that needs other numbers on a 32-bit
machine has an input in tests/planted/rv32. The host and both boards also commit every kind of misuse in fuzz/subjects/misuse.h.
All must report the same oracle, the same error of the same access, or the same line. A table shows the results.
"""

import concurrent.futures
import os
import pathlib
import re
import signal
import subprocess
import sys
import time
from typing import NamedTuple

from kmemfuzz import board, child, fuzzer
import patched
import planted
from kmemfuzz import sanitizer
from kmemfuzz.command_line import EXIT_ENVIRONMENT, EXIT_SOUND, EXIT_VIOLATION, Parser, exit_codes, parse_positive
from kmemfuzz.entry import enter
from kmemfuzz.outside_text import dump_json, visible, visible_lines
from kmemfuzz.packed_corpus import KMEMFUZZ

CONFIGURATIONS = [configuration for configuration in board.CONFIGURATIONS.values()
                  if configuration.name.endswith("-sanitized")]
MISUSE = pathlib.Path("fuzz/subjects/misuse.h")
MISUSE_TOOL = pathlib.Path("build/fuzz/kmem_misuse")
MISUSE_IMAGE = "misuse"
SAMPLE = 4  # one in so many planted bugs is examined by day

EQUAL, OTHER, MISSED, INVENTED = "equal", "other", "missed", "invented"  # how a board's finding can compare with the host's


class Row(NamedTuple):
    """What all say of one bug or one kind of misuse. boards: the finding of each configuration, in order."""
    group: str
    name: str
    host: str
    boards: tuple


def compare(host, finding):
    """A board's finding against the host's."""
    if finding == host:
        return EQUAL
    if finding == sanitizer.SOUND:
        return MISSED
    return INVENTED if host == sanitizer.SOUND else OTHER


# Planted bugs.

class PatchedImage(board.Image):
    """An image with a patched core."""

    def __init__(self, configuration, path):  # pylint: disable=super-init-not-called
        self.configuration = configuration
        self.path = path


def pack(files, blob):
    """Packs programs for a board."""
    code, output = patched.run([str(KMEMFUZZ), "pack", *map(str, files), "-o", str(blob), "--force"])
    if code != 0:
        raise patched.Broken(f"{files[0]} cannot be packed: {output}")


def input_for(patch, configuration, found):
    """The program that shows a bug on a board: its own, if it has one, or what the host's fuzzer has found."""
    own = planted.PATCHES / configuration.board / f"{patch.name}.ops"
    return own if own.is_file() else found


def examine(patch, builds, settings):
    """The row of one planted bug. builds: of the fuzzer, and of each configuration's image."""
    output = planted.fuzzer_log(patch, builds[planted.PRESET], settings)
    host = sanitizer.finding_of_host(output)
    artifact = fuzzer.parse_artifact(output)
    if host == sanitizer.SOUND or artifact is None:
        raise patched.Broken(f"{patch.name}: the host's fuzzer has found nothing; run ci/planted --only {patch.name}")
    copy = (planted.WORK / patch.name).resolve()
    findings = []
    for configuration in CONFIGURATIONS:
        blob = copy / f"{configuration.name}.blob"
        pack([input_for(patch, configuration, artifact)], blob)
        image = PatchedImage(configuration, builds[configuration.name].link(copy)[0])
        outcomes = board.Replay(image, blob).run()
        findings.append(sanitizer.finding_of_board(outcomes[0]))
        image.path.unlink()
    return Row("bug", patch.name, host, tuple(findings))


# Misuse.

def misuse_kinds():
    """The kinds of misuse and the size that asks for each."""
    text = MISUSE.read_text(encoding="utf-8")
    request = int(re.search(r"MISUSE_REQUEST\s+(0x[0-9a-f]+)", text).group(1), 16)
    return {name: request + i for i, name in enumerate(re.findall(r"X\((\w+), ?\\?\s*\"", text))}


def write_misuse(folder):
    """A program for each kind. Returns {kind: file}."""
    folder.mkdir(parents=True, exist_ok=True)
    files = {}
    for name, size in misuse_kinds().items():
        files[name] = folder / f"{name}.ops"
        files[name].write_text("kmem-program 1\nheap page=256 pages=4 growth=2 slots=16\n"
                               f"alloc 0 24\nalloc 1 40\nalloc 2 {size}\nfree 0\n", encoding="ascii")
    return files


def misuse_on_host(file):
    """What the host's sanitizers say of a kind."""
    _, output = patched.run([str(MISUSE_TOOL), str(file)], environment={**os.environ, **fuzzer.ENVIRONMENT})
    return sanitizer.finding_of_host(output)


def misuse_on_board(configuration, blob):
    """What a board says of all kinds, in their order."""
    image = board.Image(configuration._replace(image=MISUSE_IMAGE))
    return [sanitizer.finding_of_board(outcome) for outcome in board.Replay(image, blob).run()]


def examine_misuse(pool):
    """The rows of all kinds."""
    files = write_misuse(planted.WORK / "misuse")
    blob = planted.WORK / "misuse.blob"
    pack(files.values(), blob)
    boards = [pool.submit(misuse_on_board, configuration, blob) for configuration in CONFIGURATIONS]
    hosts = list(pool.map(misuse_on_host, files.values()))
    return [Row("misuse", name, host, findings)
            for name, host, findings in zip(files, hosts, zip(*(future.result() for future in boards)))]


def examine_all(patches, with_misuse, settings):
    """Every row asked for."""
    builds = {planted.PRESET: patched.Build(planted.PRESET, planted.HEAP.program, lines=False)}
    for configuration in CONFIGURATIONS:
        builds[configuration.name] = patched.Build(configuration.preset, f"{configuration.image}.elf", lines=False)
    rows = []
    pool = concurrent.futures.ThreadPoolExecutor(settings["jobs"])
    try:
        futures = [pool.submit(examine, patch, builds, settings) for patch in patches]
        for done, future in enumerate(concurrent.futures.as_completed(futures), 1):
            row = future.result()
            print(f"[{done:>{len(str(len(patches)))}}/{len(patches)}] {row.name}: {visible(row.host)}", file=sys.stderr,
                  flush=True)
            rows.append(row)
        rows.sort()
        return rows + (examine_misuse(pool) if with_misuse else [])
    except BaseException:
        pool.shutdown(wait=False, cancel_futures=True)
        patched.stop_children()
        child.stop_all()
        raise
    finally:
        pool.shutdown(wait=True)


# Verdicts and reports.

def judge(rows):
    """What is wrong, a line each."""
    problems = []
    words = {MISSED: "misses it", OTHER: "finds something else", INVENTED: "finds what the host does not"}
    for row in rows:
        for configuration, finding in zip(CONFIGURATIONS, row.boards):
            verdict = compare(row.host, finding)
            if verdict != EQUAL:
                problems.append(f"{row.name}: {configuration.name} {words[verdict]}: {finding}; the host: {row.host}")
    return problems


def table(rows):
    """The rows as text in aligned columns."""
    cells = [("", "the host's sanitizers and oracles", *(configuration.name for configuration in CONFIGURATIONS))]
    for row in rows:
        cells.append((f"{row.group} {row.name}", row.host,
                      *(EQUAL if finding == row.host else f"{compare(row.host, finding)}: {finding}" for finding in row.boards)))
    widths = [max(map(len, column)) for column in zip(*cells)]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(line, widths)).rstrip() for line in cells)


def totals(rows, problems, seconds):
    """The line at the end."""
    found = [row for row in rows if row.host != sanitizer.SOUND]
    parts = [f"the host finds {len(found)}"]
    for i, configuration in enumerate(CONFIGURATIONS):
        equal = sum(row.boards[i] == row.host for row in found)
        parts.append(f"{configuration.name} the same {equal}" if equal == len(found) else
                     f"{configuration.name} only {equal} of them")
    bugs = sum(row.group == "bug" for row in rows)
    return (f"{bugs} planted bugs and {len(rows) - bugs} kinds of misuse: {', '.join(parts)}; {seconds:.0f} s; "
            f"{'all as it must be' if not problems else f'{len(problems)} wrong'}")


def report_json(rows, problems, seconds):
    """The document that --json prints."""
    records = [{"group": row.group, "name": row.name, "host": row.host,
                **{configuration.name: finding for configuration, finding in zip(CONFIGURATIONS, row.boards)}}
               for row in rows]
    return dump_json({"seconds": round(seconds, 1), "sound": not problems, "problems": problems, "rows": records})


# The command.

def parse_arguments(arguments):
    """The command line; argparse ends the process with code 2 when it is wrong."""
    parser = Parser(
        prog="ci/detection",
        description="Runs every planted bug and every kind of misuse on the host and on the boards, all under their "
                    "sanitizers, and requires that the boards find what the host finds, and the same.",
        epilog=exit_codes("all the same", "a board missed something or found something else"),
    )
    parser.add_argument("--only", nargs="+", metavar="NAME", help="these planted bugs only, and no misuse")
    parser.add_argument("--sample", action="store_true", help=f"one of {SAMPLE} planted bugs, and every kind of misuse")
    parser.add_argument("--misuse", action="store_true", help="only the kinds of misuse")
    parser.add_argument("--runs", type=parse_positive, default=planted.GENERATED_RUNS, metavar="N",
                        help=f"executions in which the host is to find a bug (default: {planted.GENERATED_RUNS})")
    parser.add_argument("--seed", type=parse_positive, default=planted.DEFAULT_SEED, metavar="N",
                        help=f"where libFuzzer's random numbers start (default: {planted.DEFAULT_SEED})")
    parser.add_argument("--jobs", type=parse_positive, default=os.cpu_count() or 1, metavar="N",
                        help="bugs at a time (default: one per processor)")
    parser.add_argument("--json", action="store_true", help="print a JSON document instead of the table")
    options = parser.parse_args(arguments)
    if options.only and options.misuse:
        parser.error("--only names planted bugs, --misuse leaves them out")
    planted.require_names(parser, options.only, planted.PATCHES, planted.HEAP.name)
    return options


def sample(patches):
    """One in SAMPLE: of each commit the same, so that a few commits examine all."""
    done = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, check=False)
    first = int(done.stdout, 16) % SAMPLE if done.returncode == 0 else 0
    print(f"one planted bug in {SAMPLE}, from number {first} on", file=sys.stderr)
    return patches[first::SAMPLE]


def presets(_options):
    """The builds that are needed."""
    return ["release", planted.PRESET, *(configuration.preset for configuration in CONFIGURATIONS)]


def main(arguments):
    """Examines and judges; returns the exit code."""
    options = parse_arguments(arguments)
    settings = {"runs": options.runs, "seed": options.seed, "jobs": options.jobs, "bytes": False,
                "prefix": patched.fixed_addresses()}
    started = time.monotonic()
    try:
        patches = [] if options.misuse else planted.select(planted.read_heap_patches(), options.only)
        rows = examine_all(sample(patches) if options.sample else patches, options.only is None, settings)
    except (patched.Broken, board.EnvironmentFailure, OSError, subprocess.SubprocessError) as error:
        print(f"ci/detection: {visible_lines(error)}", file=sys.stderr)
        return EXIT_ENVIRONMENT
    except KeyboardInterrupt:
        print("ci/detection: interrupted", file=sys.stderr)
        return EXIT_ENVIRONMENT
    problems = judge(rows)
    seconds = time.monotonic() - started
    if options.json:
        print(report_json(rows, problems, seconds))
    else:
        print(visible_lines(table(rows)) + "\n")
        for problem in problems:
            print(f"WRONG  {visible(problem)}")
        print(totals(rows, problems, seconds))
    return EXIT_VIOLATION if problems else EXIT_SOUND


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, planted.interrupt)
    enter("ci/detection", main, sys.argv[1:])
