"""Collects the figures of a report from the folders of campaigns and from the JSON of other commands. Everything that the pages
show is in the document that `collect` makes, which is kept beside them as report.json."""

import base64
import json
import math
import pathlib
import re

from kmemfuzz import explanation, heap, series
from kmemfuzz.campaign_folder import findings_of
from kmemfuzz.outside_text import visible

FORMAT = "kmem-report 2"
FORMATS = ("kmem-report 1", FORMAT)  # of reports that were made here at some time
TOTALS = ("executions", "checked_operations")  # of the counts, those that only grow
SAMPLES = 120  # that a series is thinned to, so that its plots and tables can be read
LARGEST = 1 << 63  # than which every figure is smaller: larger ones, infinity and no number come from no command
PROGRAM_SIZE = 16384  # bytes of a reduced program that are shown
EXPLANATION_SIZE = 1 << 20  # bytes that the explanation of a finding may have
# What kmemfuzz explain writes beside a file, by kind (docs/crash.md).
EXPLANATIONS = {"page": ".html", "text": ".reduced.ops", "reduced": ".reduced", "c": ".c"}
EXPLANATION = ".json"  # what fuzz/kmemfuzz/explanation.py writes beside the file of another target, of which a page is made here
RESERVED = ("index", "report", "coverage")  # what else lies in a report's folder
SAVED = re.compile(r"(crash|timeout|oom|leak|slow-unit)-[0-9a-f]+")  # as libFuzzer names what it saves


class Missing(Exception):
    """Something that was named cannot be read. The text says what, and what to do."""


class Damaged(Exception):
    """Something that was read is not what it has to be. The text says where, and what to do."""


# Campaigns.


def find_campaigns(folder):
    """The folders of campaigns: this one, or those in it. Raises Missing when there are none."""
    maker = "./ci/fuzz" if heap.CURRENT is None else heap.CURRENT.command("fuzz")
    if not folder.is_dir():
        raise Missing(f"there is no folder {folder}; {maker} makes one, or name another with --campaign")
    if (folder / series.NAME).is_file():
        return [folder]
    found = sorted(path.parent for path in folder.glob(f"*/{series.NAME}") if path.is_file())
    if not found:
        raise Missing(f"{folder} holds no {series.NAME}, nor does a folder in it; {maker} writes one in a campaign's folder")
    return found


def page_names(names):
    """A name for the page of each campaign, fit for a file and an address, and no two alike."""
    result = []
    for name in names:
        base = re.sub(r"[^A-Za-z0-9_-]+", "-", name).strip("-")[:60] or "campaign"
        if base.lower() in RESERVED:
            base += "-1"
        choice, number = base, 1
        while choice.lower() in [other.lower() for other in result]:
            number += 1
            choice = f"{base}-{number}"
        result.append(choice)
    return result


def thin(lines, count):
    """At most so many of the lines, evenly over time: the first, the last, and the last in each of equal parts between."""
    if len(lines) <= count:
        return lines
    start, end = lines[0]["seconds"], lines[-1]["seconds"]
    part = (end - start) / (count - 1) or 1.0
    chosen = {}
    for line in lines[1:]:
        chosen[math.ceil((line["seconds"] - start) / part)] = line
    chosen[count] = lines[-1]
    return ([lines[0], *(chosen[key] for key in sorted(chosen) if chosen[key] is not lines[-1])][:count - 1]
            + [lines[-1]])


def per_second(now, before, name):
    """How fast a count has grown since the line before; None when no time has passed, or when it has not grown but
    shrunk, as the count of a restarted worker does."""
    seconds = now["seconds"] - (before["seconds"] if before else 0)
    count = now[name] - (before[name] if before else 0)
    return round(count / seconds) if seconds > 0 and count >= 0 else None


def samples_of(lines):
    """What is plotted: the lines of one run, thinned, each with how many files and kinds were `found` by then and what happened
    per second since the line before, or an earlier one where that is nearer than samples are. Totals never fall."""
    samples, before, most = [], [], dict.fromkeys(TOTALS, 0)
    shortest = (lines[-1]["seconds"] - lines[0]["seconds"]) / SAMPLES
    for line in thin(lines, SAMPLES):
        sample = {"seconds": line["seconds"]}
        since = next((its for its in reversed(before) if line["seconds"] - its["seconds"] >= shortest), None)
        for name in series.COUNTS:
            sample[name] = line[name]
            if name in TOTALS:
                most[name] = max(most[name], line[name])
                sample[name] = most[name]
                sample[f"{name}_per_second"] = per_second(line, since, name)
        sample["findings"], sample["kinds"] = line["found"]
        samples.append(sample)
        before.append(line)
    return samples


def totals_of(run, lines):
    last = {**lines[-1], **{name: max(line[name] for line in lines) for name in TOTALS}}
    return {"run": run, "seconds": last["seconds"], **{name: last[name] for name in TOTALS},
            **{f"{name}_per_second": per_second(last, None, name) for name in TOTALS},
            **{name: last[name] for name in ("coverage_edges", "features", "inputs_in_use")},
            "files_kept": last.get("files_kept"), "findings": last["found"][0]}


def read_program(path):
    """The reduced program as text; None when there is none."""
    try:
        with open(path, "rb") as file:
            return file.read(PROGRAM_SIZE).decode(errors="replace")
    except OSError:
        return None


def note_kinds(findings):
    """Notes of each finding that is not explained which other fails by the same rule: an explained one, or else the first.
    Of each kind only a few are explained, so the rest is not known to be anything new."""
    first = {}
    for finding in sorted(findings, key=lambda its: its["program"] is None and its["explanation"] is None):
        original = first.setdefault(finding["id"], finding["file"])
        if finding["program"] is None and finding["explanation"] is None and original != finding["file"]:
            finding["of_the_kind_of"] = original


def is_distinct(finding):
    """Whether a finding is not the same as another, and not of the kind of an explained one."""
    return finding["duplicate_of"] is None and finding["of_the_kind_of"] is None


def read_explanation(path):
    """What explains a finding that is no program of the heap; None when nothing does. Raises Damaged."""
    if path.is_symlink() or not path.is_file():
        return None
    try:
        with open(path, "rb") as file:
            document = json.loads(file.read(EXPLANATION_SIZE))
        if document["format"] != explanation.FORMAT:
            raise ValueError(f"its format is {document['format']!r} in place of {explanation.FORMAT!r}")
        base64.b64decode(is_kind(document["input"], str), validate=True)
        return {**{name: is_kind(document[name], str) for name in ("id", "input", "report", "replay")},
                **{name: is_kind(document[name], int) for name in ("size_before", "size_after", "runs")}}
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise Damaged(f"{path} explains nothing ({type(error).__name__}: {error}); remove it") from None


def read_findings(folder, lines, page):
    """Every file that the campaigns of a folder have saved, the latest campaign's first; those that fail in the same way
    and are reduced to the same program or input are one, under the first of them."""
    ids = {}
    for line in reversed(lines):
        for name, files in line["findings"].items():
            for file in files:
                ids.setdefault(file, name)
    place = findings_of(folder)
    saved = sorted(path.name for path in place.glob("*") if SAVED.fullmatch(path.name)) if place.is_dir() else []
    findings, first = [], {}
    for name in [*ids, *(name for name in saved if name not in ids)]:
        path = place / name
        # A name that cannot be shown as it is has no link either: JSON, and so report.json, could not hold it.
        inside = name == pathlib.PurePath(name).name == visible(name) and name not in ("", ".", "..")
        kept = {kind: name + ending for kind, ending in {"file": "", **EXPLANATIONS}.items()
                if inside and (place / (name + ending)).is_file() and not (place / (name + ending)).is_symlink()}
        explained = read_explanation(place / (name + EXPLANATION)) if "file" in kept else None
        finding = {"id": ids.get(name), "file": name, "page": f"{page}/{name}.html" if explained else None,
                   "files": {kind: f"{page}/{kept[kind]}" for kind in kept},
                   "program": read_program(place / kept["text"]) if "text" in kept else None,
                   "gone": "file" not in kept, "explanation": explained, "duplicate_of": None, "of_the_kind_of": None}
        if explained:
            finding["id"] = explained.pop("id")  # the series has it as it was known when the campaign ended
        reduced = explained["input"] if explained else finding["program"]
        if reduced is not None:
            original = first.setdefault((finding["id"], reduced), path.name)
            finding["duplicate_of"] = original if original != path.name else None
        findings.append(finding)
    note_kinds(findings)
    return findings


def read_build(build, lines):
    """What was run with one build, of whose runs these are the lines: the latest run in full, the others' totals. Edges and
    features of different builds are different things, so no figure is made of two."""
    runs = {}
    for line in lines:
        runs.setdefault(line["run"], []).append(line)
    for run in runs.values():
        run.sort(key=lambda line: line["seconds"])
    latest = lines[-1]["run"]
    last = runs[latest][-1]
    return {"build": build, "jobs": last.get("jobs"), "seed": last.get("seed"), "lines": len(runs[latest]),
            "totals": totals_of(latest, runs[latest]),
            "earlier": [totals_of(run, its) for run, its in reversed(runs.items()) if run != latest],
            "samples": samples_of(runs[latest])}


def read_campaign(folder, page):
    """One campaign's figures, build by build. page is its page's name."""
    path = folder / series.NAME
    try:
        lines, cut = series.read(path)
    except series.SeriesError as error:
        raise Damaged(str(error)) from None
    if not lines:
        raise Missing(f"{path} has no lines yet; run ./ci/fuzz for a few seconds")
    builds = {}
    for line, found in zip(lines, series.count_found(lines)):
        builds.setdefault(line["build"], []).append({**line, "found": found})
    findings = read_findings(folder, lines, page)
    return {
        "name": folder.name, "page": f"{page}.html", "target": lines[-1]["target"], "cut": cut,
        "builds": [read_build(build, its) for build, its in builds.items()], "findings": findings,
        "distinct_findings": sum(map(is_distinct, findings)),
    }


# What other commands have printed.


def read_json(path, command, need):
    """A document that a command has printed. need(document) makes of it what the report has, and fails where it is another
    document."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise Missing(f"{path} cannot be read: {error}; `{command} >{path.name}` writes it") from None
    try:
        return need(json.loads(text))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise Damaged(f"{path} is not what `{command}` prints ({type(error).__name__}: {error}); write it again") from None


def is_kind(value, *kinds):
    """value, when it is of one of the kinds; raises TypeError when not."""
    if not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds):
        raise TypeError(f"{value!r} where a {' or '.join(kind.__name__ for kind in kinds)} must be")
    if isinstance(value, (int, float)) and not abs(value) < LARGEST:
        raise ValueError(f"a number that is none or is larger than {LARGEST}")
    return value


def tenths(value, *kinds):
    """Seconds as the tables have them, all with one decimal; what else value may be is of kinds."""
    return is_kind(value, int, float, *kinds) if value is None else round(float(is_kind(value, int, float)), 1)


def planted_figures(document):
    """Of `./ci/planted --json`."""
    nothing = type(None)
    if not document["patches"] or any(patch["fails"] is not None for patch in document["patches"]):
        raise ValueError("it has no planted bugs, or canaries, which are to be missed")
    rows = [{"name": is_kind(patch["name"], str), "outcome": is_kind(patch["outcome"], str),
             "caught_by": is_kind(patch["caught_by"], str, nothing),
             "executions": is_kind(patch["executions"], int, nothing),
             "seconds": tenths(patch["seconds"], nothing), "bug": is_kind(patch["bug"], str)}
            for patch in document["patches"]]
    unpatched = document["unpatched"]
    return {"sound": is_kind(document["sound"], bool), "runs": is_kind(document["runs"], int),
            "seed": is_kind(document["seed"], int), "seconds": is_kind(document["seconds"], int, float),
            "problems": [is_kind(problem, str) for problem in document["problems"]],
            "count": len(rows), "found": sum(row["outcome"] == "found" for row in rows),
            "unpatched_outcome": is_kind(unpatched["outcome"], str) if unpatched else None, "patches": rows}


TARGET_COUNTS = ("inputs", "checked_operations", "sound", "violations", "faults", "hangs", "reports", "dead", "differences")


def target_figures(document):
    """Of `kmemfuzz board --json`."""
    if not document["configurations"]:
        raise ValueError("nothing was replayed")
    rows = [{"configuration": is_kind(row["configuration"], str), **{name: is_kind(row[name], int) for name in TARGET_COUNTS},
             "seconds": tenths(row["seconds"])} for row in document["configurations"]]
    findings = [{"file": is_kind(finding["file"], str), "configuration": is_kind(finding["configuration"], str),
                 "kind": is_kind(finding["kind"], str), "host_agrees": is_kind(finding["host_agrees"], bool)}
                for finding in document["findings"]]
    return {"sound": not findings, "configurations": rows, "findings": findings}


def coverage_figures(document):
    """Of `./ci/coverage --json`."""
    kinds = [f"{kind}{end}" for kind in ("lines", "branches", "conditions") for end in ("", "_covered")]
    rows = [{"file": is_kind(row["file"], str), **{kind: is_kind(row[kind], int) for kind in kinds}}
            for row in [*document["files"], document["total"]]]
    return {"sound": not document["problems"], "files": rows}


# All of it.

# What stands beside the campaigns when it is not named, by option: its name, and the file in it that it is known by. (A
# campaign's folder may be called coverage as well.)
BESIDE = {"planted": ("planted.json", ""), "target": ("target.json", ""), "coverage_json": ("coverage.json", ""),
          "coverage": ("coverage", "index.html")}
COMMANDS = {"planted": ("./ci/planted --json", planted_figures), "target": ("kmemfuzz board --json", target_figures),
            "coverage_json": ("./ci/coverage --json", coverage_figures)}


def find_sources(folder, options):
    """The path of each source besides the campaigns: as named, or as found in folder, or None."""
    return {name: getattr(options, name) or (folder / beside if (folder / beside / mark).is_file() else None)
            for name, (beside, mark) in BESIDE.items()}


def collect(folder, options):
    """(document, folders, sources): the whole report as JSON has it, the folder of each of its campaigns, and the path of
    each other source. Raises Missing, Damaged or OSError."""
    folders = find_campaigns(folder)
    sources = find_sources(folder, options)
    names = page_names([path.resolve().name for path in folders])
    document = {"format": FORMAT,
                "campaigns": [read_campaign(path.resolve(), page) for path, page in zip(folders, names)]}
    for name, (command, need) in COMMANDS.items():
        document[name] = read_json(sources[name], command, need) if sources[name] else None
    if sources["coverage"] and not (sources["coverage"] / "index.html").is_file():
        raise Missing(f"{sources['coverage']} holds no index.html; `./ci/coverage --html {sources['coverage']}` writes one")
    document["coverage_pages"] = "coverage/index.html" if sources["coverage"] else None
    return document, folders, sources
