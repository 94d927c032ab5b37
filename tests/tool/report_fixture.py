"""What the tests of kmemfuzz report share: folders of campaigns, documents as other commands print them, and a run of the
command with its pages as elements."""

import contextlib
import html.parser
import io
import json
import pathlib
import types

import pytest

from kmemfuzz import explanation, report

ROOT = pathlib.Path(__file__).resolve().parents[2]

SOUND, DAMAGED, USAGE, ENVIRONMENT = range(4)
VOID = ("meta", "link", "br")  # elements of HTML that have no end

HOSTILE = "<img src=x onerror=alert(1)>&amp;\"'$title"  # a name; fit for a folder too
CRASH = "crash-0a0b"
SAME = "crash-0c0d"
HANG = "timeout-0e0f"
PROGRAM = "kmem-program 1\nheap page=64 pages=4\nalloc 0 24 <b>\n"


def series_line(run="20261122T010000Z-1", number=0, **changes):
    """A line of a series."""
    return {"run": run, "target": "heap", "jobs": 2, "seed": 7, "seconds": number * 10.0,
            "executions": number * 15_000 + number * number * 10, "checked_operations": number * 700_000,
            "coverage_edges": min(104, 60 + number), "features": 300 + number * 7, "inputs_in_use": 20 + number,
            "findings": {"free-merged": [CRASH]} if number > 20 else {}, **changes}


def write_series(folder, lines):
    """Makes a campaign's folder of the lines of its series."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "series.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")


def write_findings(folder):
    """Saves three findings in a campaign's folder: one that is explained, one that is the same, one that is not."""
    place = folder / "findings"
    place.mkdir(parents=True, exist_ok=True)
    for name in (CRASH, SAME, HANG):
        (place / name).write_bytes(b"\x01\x02")
    for name in (CRASH, SAME):
        (place / f"{name}.html").write_text("<!doctype html><title>explained</title>", encoding="utf-8")
        (place / f"{name}.reduced.ops").write_text(PROGRAM, encoding="utf-8")
        (place / f"{name}.reduced").write_bytes(b"\x01")
        (place / f"{name}.c").write_text("int main(void) { return 0; }\n", encoding="utf-8")

EXPLANATION = {"format": explanation.FORMAT, "target": "sv39", "id": "sv39-satp", "size_before": 1024, "size_after": 9,
               "runs": 1234, "input": "AQAAAAAAAAUA", "report": f"  operation 0: sv39_init(5 pages)\n{HOSTILE}",
               "replay": "KMEM_STEPS=1 build/fuzz/sv39_fuzzer FILE"}


def write_explanations(folder):
    """Saves findings of a target that kmemfuzz does not know: one explained, one the same, one that is not."""
    place = folder / "findings"
    place.mkdir(parents=True, exist_ok=True)
    for name in (CRASH, SAME, HANG):
        (place / name).write_bytes(b"\x01\x02")
    for name in (CRASH, SAME):
        (place / f"{name}.reduced").write_bytes(b"\x01")
        (place / f"{name}.txt").write_text("explained", encoding="utf-8")
        (place / f"{name}.json").write_text(json.dumps(EXPLANATION), encoding="utf-8")


def write_night(folder):
    """A night: the heap's campaign with two runs and findings, one of the import of logs in two builds that found nothing,
    and one of the page tables with findings."""
    heap = [series_line("20261121T010000Z-1", number) for number in range(5)]
    heap += [series_line("20261122T010000Z-2", number) for number in range(25)]
    heap.append(series_line("20261122T010000Z-2", 25, findings={"free-merged": [CRASH, SAME], "hang": [HANG]}))
    write_series(folder / "heap", heap)
    write_findings(folder / "heap")
    logs = {"target": "import", "checked_operations": 0, "findings": {}}
    write_series(folder / "import", [
        *(series_line("20261122T000000Z-6", number, **logs, build="memory", features=4000 + number) for number in range(3)),
        *(series_line("20261122T020000Z-3", number, **logs) for number in range(12)),
        *(series_line("20261122T030000Z-7", number, **logs, build="memory", features=5000 + number) for number in range(4))])
    write_series(folder / "sv39", [series_line("20261122T030000Z-4", number, target="sv39", checked_operations=0,
                                               findings={"asan: ABRT": [CRASH, SAME], "hang": [HANG]}) for number in range(3)])
    write_explanations(folder / "sv39")

PLANTED = {
    "seed": 1, "runs": 500000, "seconds": 61.2, "sound": False, "problems": [f"{HOSTILE}: nothing found"],
    "unpatched": {"name": "(unpatched)", "outcome": "not-found", "caught_by": None, "executions": 500000, "seconds": 21.0},
    "patches": [
        {"name": "best-fit", "outcome": "found", "caught_by": "placement", "executions": 1234, "seconds": 0.4,
         "bug": "The best hole is taken.", "origin": "x", "oracles": ["placement"], "fails": None, "detail": ""},
        {"name": HOSTILE, "outcome": "not-found", "caught_by": None, "executions": 500000, "seconds": 20.5,
         "bug": HOSTILE, "origin": "x", "oracles": ["placement"], "fails": None, "detail": ""},
        {"name": "no-patch", "outcome": "does-not-apply", "caught_by": None, "executions": None, "seconds": None,
         "bug": "none", "origin": "x", "oracles": ["placement"], "fails": None, "detail": ""}],
    "idle_oracles": ["recovery"],
}
TARGET = {
    "configurations": [
        {"configuration": "rv64", "inputs": 81, "checked_operations": 104391, "sound": 80, "violations": 1, "faults": 0,
         "hangs": 0, "reports": 0, "dead": 0, "differences": 0, "boots": 1, "seconds": 1.231}],
    "findings": [{"kind": "violation", "configuration": "rv64", "file": HOSTILE, "host_agrees": False}],
}
COVERAGE = {
    "files": [{"file": "src/kmem.c", "lines": 300, "lines_covered": 299, "branches": 120, "branches_covered": 118,
               "conditions": 40, "conditions_covered": 40}],
    "total": {"file": "total", "lines": 301, "lines_covered": 300, "branches": 121, "branches_covered": 119,
              "conditions": 41, "conditions_covered": 41},
    "uncovered": [], "problems": [],
}


def write_everything(folder):
    """A night with all that can stand beside it."""
    write_night(folder)
    for name, document in (("planted", PLANTED), ("target", TARGET), ("coverage", COVERAGE)):
        (folder / f"{name}.json").write_text(json.dumps(document), encoding="utf-8")
    (folder / "coverage").mkdir()
    (folder / "coverage" / "index.html").write_text("<!doctype html><title>coverage</title>", encoding="utf-8")
    (folder / "coverage" / "style.css").write_text("", encoding="utf-8")


def run_report(*arguments):
    """Runs the command, in this process; returns its code and what it has printed."""
    with contextlib.redirect_stdout(io.StringIO()) as output, contextlib.redirect_stderr(io.StringIO()) as errors:
        try:
            code = report.main([str(argument) for argument in arguments])
        except SystemExit as end:  # argparse's
            code = end.code
    return types.SimpleNamespace(returncode=code, stdout=output.getvalue(), stderr=errors.getvalue())


class Page(html.parser.HTMLParser):
    """A page in its elements. problems are what makes it no HTML: ends without a beginning, and the other way round."""

    def __init__(self, text):
        super().__init__()
        self.stack, self.elements, self.problems = [], [], []
        self.feed(text)
        self.close()
        self.problems += [f"<{element['tag']}> has no end" for element in self.stack]

    def _begin(self, tag, attributes):
        names = [name for name, _ in attributes]
        if len(set(names)) != len(names):
            self.problems.append(f"<{tag}> has an attribute twice")
        element = {"tag": tag, "text": "", "inside": [outer["tag"] for outer in self.stack], **dict(attributes)}
        self.elements.append(element)
        return element

    def handle_starttag(self, tag, attrs):
        element = self._begin(tag, attrs)
        if tag not in VOID:
            self.stack.append(element)

    def handle_startendtag(self, tag, attrs):
        self._begin(tag, attrs)

    def handle_endtag(self, tag):
        if not self.stack or self.stack[-1]["tag"] != tag:
            self.problems.append(f"</{tag}> at {self.getpos()} ends nothing")
        else:
            self.stack.pop()

    def handle_data(self, data):
        for element in self.stack:
            element["text"] += data

    def all(self, tag, **attributes):
        """The elements of this kind, with these attributes."""
        return [element for element in self.elements if element["tag"] == tag
                and all(element.get(name.rstrip("_")) == value for name, value in attributes.items())]


class ReportTest:
    @pytest.fixture(autouse=True)
    def set_up_report_test(self, folder):
        self.folder = folder
        self.night = self.folder / "night"
        self.out = self.folder / "out"

    def make(self, *arguments):
        """Makes the report; returns its JSON."""
        result = run_report("--campaign", self.night, "--out", self.out, *arguments)
        assert (result.returncode, result.stderr) == (SOUND, "")
        assert result.stdout.endswith("out/index.html\n")
        return json.loads((self.out / "report.json").read_text(encoding="utf-8"))

    def pages(self):
        """Every page that the report has made, by its path; what was copied is none of them."""
        document = json.loads((self.out / "report.json").read_text(encoding="utf-8"))
        names = [path.name for path in self.out.glob("*.html")]
        names += [finding["page"] for campaign in document["campaigns"] for finding in campaign["findings"] if finding["page"]]
        return {name: Page((self.out / name).read_text(encoding="utf-8")) for name in sorted(names)}

    def require_error(self, code, words, *arguments):
        """The command must end with this code, print these words, and change nothing."""
        before = sorted((path, path.stat().st_mtime_ns) for path in self.folder.rglob("*"))
        result = run_report(*(arguments or ("--campaign", self.night, "--out", self.out)))
        assert (result.returncode, result.stdout) == (code, ""), result.stderr
        assert "Traceback" not in result.stderr
        assert words in result.stderr
        assert sorted((path, path.stat().st_mtime_ns) for path in self.folder.rglob("*")) == before
