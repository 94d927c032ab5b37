"""kmemfuzz report: writes a folder of pages about one campaign or a night of several, with all figures as JSON."""

import json
import os
import pathlib
import shutil
import signal
import sys
import tempfile

from kmemfuzz import heap, report_data, report_pages
from kmemfuzz.campaign_folder import CAMPAIGNS, findings_of, places
from kmemfuzz.command_line import (EXIT_ENVIRONMENT, EXIT_SOUND, EXIT_USAGE, EXIT_VIOLATION, Parser, add_caller, exit_codes,
                                   place_paths)
from kmemfuzz.outside_text import dump_json, visible

if heap.CURRENT is None:
    PLACE, OUT = CAMPAIGNS, pathlib.Path("build/report")
else:
    PLACE = places("heap")[0].parent
    OUT = PLACE.with_name("report")


class Refused(Exception):
    """The report may not go where it was to go. The text says why, and what to do."""


def parse_arguments(arguments):
    parser = Parser(
        prog="kmemfuzz report", example="kmemfuzz report --out build/report",
        description="Makes pages for a browser about a campaign or a night of several: coverage, executions and corpus over "
                    "time, every finding with its explanation, planted bugs, replay on target, coverage of the sources. "
                    "They need no network. All their figures are in report.json beside them.",
        epilog=exit_codes("made, whatever the campaigns have found", "what was read is damaged",
                          "usage, or a folder that must not be replaced"))
    parser.add_argument("--campaign", type=pathlib.Path, default=PLACE, metavar="DIR",
                        help=f"a campaign's folder, or a folder of several (default: {PLACE})")
    parser.add_argument("--out", type=pathlib.Path, default=OUT, metavar="DIR",
                        help=f"the folder to make; an earlier report there is replaced (default: {OUT})")
    parser.add_argument("--planted", type=pathlib.Path, metavar="FILE",
                        help="the output of ./ci/planted --json (default: DIR/planted.json of --campaign, if it is there)")
    parser.add_argument("--target", type=pathlib.Path, metavar="FILE",
                        help="the output of kmemfuzz board --json (default: DIR/target.json)")
    parser.add_argument("--coverage", type=pathlib.Path, metavar="DIR",
                        help="the folder that ./ci/coverage --html wrote (default: DIR/coverage)")
    parser.add_argument("--coverage-json", type=pathlib.Path, metavar="FILE",
                        help="the output of ./ci/coverage --json (default: DIR/coverage.json)")
    parser.add_argument("--force", action="store_true", help="replace --out even if it is not a report")
    add_caller(parser)
    options = parser.parse_args(arguments)
    place_paths(parser, options, "campaign", "out", "planted", "target", "coverage", "coverage_json")
    for name in ("campaign", "coverage"):
        path = getattr(options, name)
        if path is not None and path.exists() and not path.is_dir():
            parser.error(f"--{name} {path} is not a folder")
    return options


# Where it goes.


def is_report(folder):
    """Whether a folder is a report that this command has made."""
    try:
        document = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(document, dict) and document.get("format") in report_data.FORMATS


def require_place(out, force, sources):
    """Raises Refused when a report may not be put there. sources are what it is made from, and must outlive it."""
    if os.path.lexists(out) and (out.is_symlink() or not out.is_dir()):
        raise Refused(f"{out} exists and is not a folder; name another with --out")
    place = out.resolve()
    for source in (pathlib.Path.cwd(), *sources):
        source = source.resolve()
        if source == place or place in source.parents:
            raise Refused(f"{out} holds {source}, which the report would replace; name another folder with --out")
    if out.is_dir() and any(out.iterdir()) and not is_report(out) and not force:
        raise Refused(f"{out} exists and is not a report; name another folder with --out, or replace it with --force")


def write_files(folder, document, folders, sources):
    """Writes all of a report into an empty folder. The pages come from report.json as it is written, not from memory."""
    text = dump_json(document) + "\n"
    (folder / "report.json").write_text(text, encoding="ascii")
    document = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    for name, page in report_pages.make_pages(document).items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(page, encoding="utf-8")
    for campaign, source in zip(document["campaigns"], folders):
        for finding in campaign["findings"]:
            for path in finding["files"].values():
                (folder / path).parent.mkdir(exist_ok=True)
                shutil.copyfile(findings_of(source) / pathlib.PurePath(path).name, folder / path)
    if sources["coverage"]:
        shutil.copytree(sources["coverage"], folder / "coverage")


def put(out, write):
    """Makes a folder by write(folder), as a whole: it is written beside its place and then renamed. What was in its place
    is gone when this returns, and still there when it raises OSError."""
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        work = pathlib.Path(tempfile.mkdtemp(prefix=f".{out.name}-", dir=out.parent))
    except OSError as error:
        raise OSError(f"{out} cannot be made: {error}; name another folder with --out") from None
    try:
        fresh, old = work / "new", work / "old"
        fresh.mkdir()
        write(fresh)
        if out.is_dir():
            out.rename(old)
        try:
            fresh.rename(out)
        except OSError:
            if old.is_dir():
                old.rename(out)
            raise
    finally:
        shutil.rmtree(work, ignore_errors=True)


def main(arguments):
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)  # as ^C: nothing half-written is left
    options = parse_arguments(arguments)
    try:
        document, folders, sources = report_data.collect(options.campaign, options)
        require_place(options.out, options.force, [*folders, *filter(None, sources.values())])
        put(options.out, lambda folder: write_files(folder, document, folders, sources))
    except Refused as refusal:
        print(f"kmemfuzz report: {visible(refusal)}", file=sys.stderr)
        return EXIT_USAGE
    except report_data.Damaged as damage:
        print(f"kmemfuzz report: {visible(damage)}", file=sys.stderr)
        return EXIT_VIOLATION
    except (report_data.Missing, OSError, shutil.Error) as error:
        print(f"kmemfuzz report: {visible(error)}", file=sys.stderr)
        return EXIT_ENVIRONMENT
    except KeyboardInterrupt:
        print("kmemfuzz report: interrupted; nothing was written", file=sys.stderr)
        return EXIT_ENVIRONMENT
    print(visible(options.out / "index.html"))
    return EXIT_SOUND
