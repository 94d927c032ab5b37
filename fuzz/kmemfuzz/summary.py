"""kmemfuzz summary: runs programs and prints in Markdown what fails, for the page of a job or a comment at a change: each distinct
bug with its place, its picture as text, the reduced program, and the one command that runs that again."""

import json
import pathlib
import subprocess
import tempfile

from kmemfuzz import results

# Bytes that a forge takes: GitHub 1 MiB of a step's summary and 65,536 characters of a comment.
JOB_SIZE, COMMENT_SIZE = 1_000_000, 60_000
PICTURE_SIZE = 12_000  # of a bug's picture; a longer one is cut
PICTURE_SECONDS = 60  # that it may take: of a program that hangs, every run is a hang
RESERVED = 200  # for the line that says what is left out
UNUSABLE_COUNT = 10  # programs that could not be run, by name
_WRITTEN = "\n  written in "  # from here on the explanation names files


def _picture(bug, tool):
    """What `kmemfuzz explain` shows of the run of a bug's program; empty when it does not, or takes too long."""
    with tempfile.TemporaryDirectory() as folder:
        program = pathlib.Path(folder, "program.ops")
        program.write_text(results.program_of(bug[0]), encoding="utf-8")
        try:
            done = subprocess.run([tool, "explain", "--json", "-o", f"{folder}/explained", program], stdin=subprocess.DEVNULL,
                                  stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, timeout=PICTURE_SECONDS, check=False)
        except subprocess.TimeoutExpired:
            return ""
    try:
        lines = json.loads(done.stdout)["text"].partition(_WRITTEN)[0].splitlines()[2:]
    except (ValueError, KeyError):
        return ""
    kept, size = [], 0
    for line in lines:
        size += len(line.encode()) + 1
        if size > PICTURE_SIZE:
            return "\n".join([*kept, f"... {len(lines) - len(kept)} lines are left out"])
        kept.append(line)
    return "\n".join(kept)


def _heading(bug):
    uri, line, _, function = results.locate(bug[0])
    place = f"{results.code(function)} in {results.code(f'{uri}:{line}')}" if function else results.code(f"{uri}:{line}")
    return f"### {results.headline(bug[0])}\n\n{place}, {results.found_by(bug, results.code)}"


def _whole(bug, tool):
    """All of a bug, as paragraphs."""
    picture = _picture(bug, tool) or "\n".join(results.details(bug[0]))
    words = "Reduced" if "reduced" in bug[0] else "As found"
    return "\n\n".join([_heading(bug), results.block("text", picture), f"{words}; this runs it again:",
                        results.block("sh", results.again(bug[0]))])


def text_of(run, tool, limit):
    """The Markdown of what `run --json --reduce` has printed, in at most limit bytes: first what fits whole, then headings."""
    bugs = results.distinct(run["results"])
    totals = run["totals"]
    failing = totals["violations"] + totals["died"]
    count = sum(totals[name] for name in ("sound", "violations", "died"))
    programs = f"{count} program{'' if count == 1 else 's'}"
    said = f"{len(bugs)} distinct bug{'' if len(bugs) == 1 else 's'} in {failing} of {programs}" if bugs else f"{programs}, all sound"
    unusable = f"; {totals['unusable']} could not be run" if totals["unusable"] else ""
    parts = [f"## kmemfuzz: {said}{unusable}"]
    names = [results.code(result["file"]) for result in run["results"] if result.get("verdict") == "unusable"]
    if names:
        more = f" and {len(names) - UNUSABLE_COUNT} more" if len(names) > UNUSABLE_COUNT else ""
        parts.append(f"Could not be run, and the log says why: {', '.join(names[:UNUSABLE_COUNT])}{more}")
    left = limit - RESERVED - sum(len(part.encode()) + 2 for part in parts)
    for number, bug in enumerate(bugs):
        for make in (lambda bug: _whole(bug, tool), _heading):
            part = make(bug)
            if len(part.encode()) + 2 <= left:
                parts.append(part)
                left -= len(part.encode()) + 2
                break
        else:
            parts.append(f"{len(bugs) - number} more are left out here.")
            break
    return "\n\n".join(parts) + "\n"


def parse_arguments(arguments):
    parser = results.make_parser("summary", "Runs programs, and prints what fails as Markdown, for the page of a job.", out=False)
    parser.add_argument("--comment", action="store_true", help=f"print at most {COMMENT_SIZE:,} bytes, as forges take of a comment")
    return results.parse(parser, arguments)


presets = results.presets


def main(arguments):
    """Runs, and prints; returns the exit code of `kmemfuzz run`."""
    options = parse_arguments(arguments)
    code, run = results.run(options)
    if run is not None:
        print(text_of(run, results.tool(options), COMMENT_SIZE if options.comment else JOB_SIZE), end="")
    return code
