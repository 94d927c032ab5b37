"""Tests of kmemfuzz report: its pages are sound HTML, show the figures of report.json and no others, escape every name, and
are whole or not there.
"""

import copy
import json
import os
import pathlib
import re
import urllib.parse

import pytest
import report_fixture as fixture
from report_fixture import DAMAGED, ReportTest

# pylint: disable=wrong-import-order
from kmemfuzz import markup, plot, report_data


def at(document, path):
    """What stands at a path such as campaigns/0/totals/seconds."""
    for key in path.split("/"):
        document = document[int(key) if isinstance(document, list) else key]
    return document


def numbers_in(document, path=""):
    """The path of every number, except those that words or links also give."""
    if isinstance(document, bool):
        return
    if isinstance(document, (int, float)):
        yield path
    elif isinstance(document, (dict, list)):
        for key, value in document.items() if isinstance(document, dict) else enumerate(document):
            yield from numbers_in(value, f"{path}/{key}" if path else str(key))


class TestStructure(ReportTest):
    @pytest.fixture(autouse=True)
    def set_up_structure(self, set_up_report_test):
        fixture.write_everything(self.night)
        self.document = self.make()

    def test_there_is_a_page_for_each_campaign_one_for_all_and_one_for_each_finding_explained_here(self):
        assert list(self.pages()) == [
            "heap.html", "import.html", "index.html", "sv39.html", f"sv39/{fixture.CRASH}.html", f"sv39/{fixture.SAME}.html"]

    def test_every_element_that_begins_ends(self):
        for name, page in self.pages().items():
            assert page.problems == [], name

    def test_ids_are_unique_and_what_refers_to_one_finds_it(self):
        for name, page in self.pages().items():
            ids = [element["id"] for element in page.elements if "id" in element]
            assert len(ids) == len(set(ids)), name
            for element in page.elements:
                for reference in ("aria-labelledby", "aria-describedby"):
                    if reference in element:
                        assert element[reference] in ids, name

    def test_links_lead_to_files_of_the_report_and_places_in_them(self):
        pages = self.pages()
        count = 0
        for name, page in pages.items():
            for link in page.all("a"):
                path, _, anchor = link["href"].partition("#")
                target = pathlib.Path(os.path.normpath((self.out / name).parent / urllib.parse.unquote(path))) if path \
                    else self.out / name
                assert target.is_file(), link
                assert self.out in target.parents
                if anchor:
                    assert any(element.get("id") == anchor for element in pages[str(target.relative_to(self.out))].elements), link
                count += 1
        assert count > 20

    def test_there_is_no_script_and_nothing_from_elsewhere(self):
        for name, page in self.pages().items():
            assert page.all("script") + page.all("img") + page.all("iframe") == [], name
            for element in page.elements:
                for attribute in ("src", "href", "action"):
                    assert not re.search(r"^(\w+:)?//", element.get(attribute, "")), name
            policy = [meta["content"] for meta in page.all("meta") if meta.get("http-equiv") == "Content-Security-Policy"]
            assert policy and policy[0].startswith("default-src 'none'"), name

    def test_landmarks_headings_and_language_are_there(self):
        for name, page in self.pages().items():
            for landmark in ("header", "nav", "main", "footer", "h1", "title"):
                assert len([element for element in page.all(landmark) if "svg" not in element["inside"]]) == 1, (name, landmark)
            assert page.all("html")[0]["lang"] == "en"
            levels = [int(element["tag"][1]) for element in page.elements if re.fullmatch(r"h[1-6]", element["tag"])]
            assert levels[0] == 1
            assert all(after <= before + 1 for before, after in zip(levels, levels[1:])), levels
            assert page.all("a")[0]["href"] == "#main"
            assert len(page.all("a", **{"aria-current": "page"})) == (0 if "/" in name else 1)  # the navigation's

    def test_tables_have_captions_and_their_headings_a_scope(self):
        for name, page in self.pages().items():
            assert len(page.all("table")) == len(page.all("caption")), name
            for heading in page.all("th"):
                assert heading.get("scope") in ("row", "col")
            for region in [element for element in page.elements if element.get("role") == "region"]:
                assert region.get("aria-label") and region.get("tabindex") == "0"

    def test_each_plot_has_a_name_a_description_and_a_table(self):
        page = self.pages()["heap.html"]
        plots = page.all("svg")
        assert len(plots) == 7
        for drawing in plots:
            assert drawing["role"] == "img"
        assert len([element for element in page.all("table") if "figure" in element["inside"]]) == 7
        assert all(element["text"] for element in page.all("desc"))

    def test_a_target_without_checked_operations_has_no_plots_of_them(self):
        assert len(self.pages()["import.html"].all("svg")) == 2 * 5  # in each of two builds
        assert "Checked operations" not in self.pages()["import.html"].all("main")[0]["text"]

    def test_findings_come_with_their_explanations_and_the_same_one_is_said_to_be(self):
        heap = self.document["campaigns"][0]
        assert [(finding["id"], finding["file"], finding["duplicate_of"]) for finding in heap["findings"]] == [
            ("free-merged", fixture.CRASH, None), ("free-merged", fixture.SAME, fixture.CRASH), ("hang", fixture.HANG, None)]
        assert heap["distinct_findings"] == 2
        assert (self.out / heap["findings"][0]["files"]["page"]).read_bytes() == (
            self.night / "heap" / "findings" / f"{fixture.CRASH}.html").read_bytes()
        text = self.pages()["heap.html"].all("main")[0]["text"]
        assert f"The same as {fixture.CRASH}." in text
        assert fixture.PROGRAM in text
        named = f"free-merged: {fixture.PROGRAM.splitlines()[-1]}"
        assert named in [heading["text"] for heading in self.pages()["heap.html"].all("h3")]
        assert {named.replace(":", " in heap:"), f"hang in heap: {fixture.HANG}"} <= {item["text"] for item in self.pages()["index.html"].all("li")}
        assert "2 distinct findings, in 3 saved files." in text
        assert [fold["text"] for fold in self.pages()["heap.html"].all("summary") if "more" in fold["text"]] == ["1 more file of these kinds"]

    def test_a_finding_whose_file_is_gone_is_said_to_be(self):
        assert "gone" not in self.pages()["heap.html"].all("main")[0]["text"]
        (self.night / "heap" / "findings" / fixture.HANG).unlink()
        assert [finding["gone"] for finding in self.make("--force")["campaigns"][0]["findings"]] == [False, False, True]
        text = self.pages()["heap.html"].all("main")[0]["text"]
        assert "2 distinct findings, in 3 saved files, 1 of which is gone." in text
        assert f"{fixture.HANG}Its file is gone from the campaign\u2019s folder." in text

    def test_a_finding_of_another_target_has_a_page_with_what_explains_it(self):
        campaign = self.document["campaigns"][2]
        assert [(finding["id"], finding["file"], finding["page"], finding["duplicate_of"])
                for finding in campaign["findings"]] == [("sv39-satp", fixture.CRASH, f"sv39/{fixture.CRASH}.html", None),
                                                         ("sv39-satp", fixture.SAME, f"sv39/{fixture.SAME}.html",
                                                          fixture.CRASH), ("hang", fixture.HANG, None, None)]
        assert campaign["distinct_findings"] == 2
        assert campaign["findings"][0]["explanation"] == {
            name: fixture.EXPLANATION[name] for name in ("input", "report", "replay", "size_before", "size_after", "runs")}
        pages = self.pages()
        assert f"sv39/{fixture.CRASH}.html" in [link["href"] for link in pages["sv39.html"].all("a")]
        page = pages[f"sv39/{fixture.CRASH}.html"]
        assert page.all("h1")[0]["text"] == "sv39-satp"
        blocks = [block["text"] for block in page.all("pre")]
        assert blocks[0] == fixture.EXPLANATION["report"]
        assert blocks[1] == "   0  01 00 00 00 00 00 00 05 00                       |.........|"
        assert blocks[2:] == [fixture.EXPLANATION["replay"], f"echo AQAAAAAAAAUA | base64 -d >{fixture.CRASH}.reduced"]
        assert [link["href"] for link in page.all("a") if link["href"].startswith("../sv39/")] == [
            f"../sv39/{fixture.CRASH}.reduced", f"../sv39/{fixture.CRASH}"]
        assert f"It is the same as {fixture.CRASH}." in pages[f"sv39/{fixture.SAME}.html"].all("main")[0]["text"]

    def test_of_a_kind_that_is_explained_the_rest_counts_as_nothing_new(self):
        for name in ("heap", "sv39"):
            for number in range(3):
                (self.night / name / "findings" / f"crash-0a0b{number}").write_bytes(b"\x01")
            (self.night / name / "findings" / "timeout-1a").write_bytes(b"\x01")
            line = fixture.series_line(target=name, run="20261122T040000Z-5", findings={
                "sv39-satp" if name == "sv39" else "free-merged": [f"crash-0a0b{number}" for number in range(3)],
                "hang": ["timeout-1a"]})
            with (self.night / name / "series.jsonl").open("a", encoding="utf-8") as series:
                series.write(json.dumps(line) + "\n")
        document = self.make()
        for campaign in (document["campaigns"][0], document["campaigns"][2]):
            kinds = {finding["file"]: finding["of_the_kind_of"] for finding in campaign["findings"]}
            assert kinds == {**{f"crash-0a0b{number}": fixture.CRASH for number in range(3)}, "timeout-1a": None,
                             fixture.CRASH: None, fixture.SAME: None, fixture.HANG: "timeout-1a"}
            assert campaign["distinct_findings"] == 2
        pages = self.pages()
        assert f"crash-0a0b2Of the same kind as {fixture.CRASH}; it is not explained." in pages[
            "sv39.html"].all("main")[0]["text"]
        assert "crash-0a0b2" not in pages["index.html"].all("main")[0]["text"]
        assert "timeout-1a" in pages["index.html"].all("main")[0]["text"]

    def test_findings_are_counted_whether_each_line_names_all_or_only_the_new(self):
        named = [[fixture.CRASH], [], [fixture.SAME, fixture.HANG], []]
        for findings in (named, [sum(named[:number + 1], []) for number in range(4)]):
            fixture.write_series(self.night / "heap", [
                fixture.series_line(number=number, findings={"free-merged": files} if files else {})
                for number, files in enumerate(findings)])
            build = self.make("--force")["campaigns"][0]["builds"][0]
            assert [sample["findings"] for sample in build["samples"]] == [1, 1, 3, 3]
            assert build["totals"]["findings"] == 3

    def test_only_the_first_finding_of_a_kind_is_marked(self):
        fixture.write_series(self.night / "heap", [
            fixture.series_line(number=number, findings={kind: [f"crash-{number}"]} if kind else {})
            for number, kind in enumerate(("", "a", "a", "b", "a", "b"))])
        samples = self.make("--force")["campaigns"][0]["builds"][0]["samples"]
        assert [sample["kinds"] for sample in samples] == [0, 1, 1, 2, 2, 2]
        drawing = (self.out / "heap.html").read_text(encoding="utf-8").split('id="plot-fuzz-executions"')[1].split("</svg>")[0]
        assert drawing.count('class="mark"') == 2

    def test_what_is_wrong_is_said_on_the_first_page(self):
        text = self.pages()["index.html"].all("p", class_="verdict failed")[0]["text"]
        assert "4 distinct findings, in 6 saved files. 3 planted bugs were tried, not all found as they must be. The boards do not" in text

    def test_the_same_figures_make_the_same_pages(self):
        before = {path: path.read_bytes() for path in sorted(self.out.rglob("*")) if path.is_file()}
        self.make()
        assert {path: path.read_bytes() for path in sorted(self.out.rglob("*")) if path.is_file()} == before


class TestFigures(ReportTest):
    @pytest.fixture(autouse=True)
    def set_up_figures(self, set_up_report_test):
        fixture.write_everything(self.night)
        self.document = self.make()

    def shown(self):
        """(path, value, text) of every figure on every page."""
        return [(element["data-path"], element["value"], element["text"]) for page in self.pages().values()
                for element in page.all("data")]

    def test_every_figure_on_a_page_is_the_one_in_the_json(self):
        figures = self.shown()
        assert len(figures) > 300
        for path, value, text in figures:
            truth = at(self.document, path)
            assert value == str(truth), path
            units = re.findall(r"([\d.]+) (s|min|h)\b", text)
            said = sum(float(number) * {"s": 1, "min": 60, "h": 3600}[unit] for number,
                       unit in units) if units else float(text.replace(",", ""))
            assert said == pytest.approx(float(truth), abs=60 if "h" in text else 0.5 if units else 0), path

    def test_every_figure_of_the_json_is_on_a_page(self):
        shown = {path for path, _, _ in self.shown()}
        words = re.compile(r"(lines|distinct_findings|planted/seconds|samples/\d+/(findings|kinds))$"
                           r"|earlier/\d+/checked_operations_per_second$"
                           r"|campaigns/[12]/.*(checked_operations|checked_operations_per_second)$")
        assert [path for path in numbers_in(self.document) if path not in shown and not words.search(path)] == []

    def test_lines_of_plots_go_where_the_ticks_say_the_samples_are(self):
        for index, campaign in enumerate(self.document["campaigns"]):
            page = self.out / campaign["page"]
            builds = {build["build"]: build for build in campaign["builds"]}
            for name, member, drawing in re.findall(r'<figure id="plot-(\w+)-(\w+)">(.*?)</svg>',
                                                    page.read_text(encoding="utf-8"), re.S):
                ticks = {kind: [(float(value), float(place)) for value, place in re.findall(
                    rf'class="tick {kind}"[^>]* data-value="([^"]+)" data-at="([^"]+)"', drawing)]
                    for kind in ("time", "value")}
                drawn = [tuple(map(float, point.split(","))) for line in re.findall(r'points="([^"]+)"', drawing)
                         for point in line.split()]
                wanted = [(sample["seconds"], sample[member]) for sample in builds[name]["samples"] if sample[member] is not None]
                assert len(drawn) == len(wanted), (index, member)
                for place, truth in zip(drawn, wanted):
                    for axis, kind in enumerate(("time", "value")):
                        (value, start), (last, end) = ticks[kind][0], ticks[kind][-1]
                        assert start + (truth[axis] - value) * (end - start) / (last - value) == pytest.approx(
                            place[axis], abs=0.1), (member, truth)

    def test_what_happened_in_a_second_is_reckoned_from_the_sample_before(self):
        samples = self.document["campaigns"][0]["builds"][0]["samples"]
        assert samples[0]["executions_per_second"] is None
        assert samples[4]["executions_per_second"] == round((samples[4]["executions"] - samples[3]["executions"]) / 10)

    def test_the_last_line_comes_at_once_and_makes_no_cliff(self):
        lines = [fixture.series_line(number=number, executions=100 * number) for number in range(60)]
        lines.append({**lines[-1], "seconds": lines[-1]["seconds"] + 0.1})
        fixture.write_series(self.night / "heap", lines)
        samples = self.make("--force")["campaigns"][0]["builds"][0]["samples"]
        assert samples[-2]["executions_per_second"] == samples[-1]["executions_per_second"] == 10

    def test_the_latest_run_is_shown_and_the_earlier_ones_are_told(self):
        heap, = self.document["campaigns"][0]["builds"]
        assert (heap["totals"]["run"], len(heap["samples"]), heap["totals"]["seconds"]) == ("20261122T010000Z-2", 26, 250.0)
        assert [run["run"] for run in heap["earlier"]] == ["20261121T010000Z-1"]

    def test_figures_of_one_build_are_never_put_together_with_those_of_another(self):
        builds = self.document["campaigns"][1]["builds"]
        assert ([(build["build"], build["totals"]["run"], [run["run"] for run in build["earlier"]],
                  [sample["features"] for sample in build["samples"]]) for build in builds] ==
                [("memory", "20261122T030000Z-7", ["20261122T000000Z-6"], [5000 + number for number in range(4)]),
                 ("fuzz", "20261122T020000Z-3", [], [300 + 7 * number for number in range(12)])])

    def test_the_page_of_a_campaign_in_several_builds_says_which_is_which(self):
        pages = self.pages()
        page = pages["import.html"]
        assert [heading["text"] for heading in page.all("h2")] == [
            "At the end, in the build memory", "Over time, in the build memory", "At the end, in the build fuzz",
            "Over time, in the build fuzz", "Findings", "Earlier runs in this folder"]
        assert [link["href"] for link in page.all("ul", **{"aria-label": "Builds"}) + page.all("a")
                if link.get("href", "").startswith("#figures")] == ["#figures-memory", "#figures-fuzz"]
        assert [row["text"] for row in page.all("td") if row["text"] in ("memory", "fuzz")] == ["memory"]
        assert [heading["text"] for heading in pages["heap.html"].all("h2")] == [
            "At the end", "Over time", "Findings", "Earlier runs in this folder"]
        assert [cell["text"] for cell in pages["index.html"].all("td") if cell["text"] in ("memory", "fuzz")] == [
            "fuzz", "memory", "fuzz", "fuzz"]
        assert "import.html#figures-memory" in [link["href"] for link in pages["index.html"].all("a")]

    def test_a_long_series_is_thinned_evenly_with_its_ends_kept(self):
        for count in (1, 2, 119, 120, 121, 240, 2500):
            lines = [fixture.series_line(number=number) for number in range(count)]
            thinned = report_data.thin(lines, 120)
            assert (thinned[0], thinned[-1]) == (lines[0], lines[-1])
            assert len(thinned) <= 120
            assert len(thinned) >= min(count, 60)
            times = [line["seconds"] for line in thinned]
            assert times == sorted(set(times))

    def test_a_count_that_shrinks_makes_a_gap_and_no_negative_speed(self):
        fixture.write_series(self.night / "heap", [fixture.series_line(number=number, executions=executions) for number,
                                                   executions in enumerate((0, 100, 50, 150, 200))])
        samples = self.make()["campaigns"][0]["builds"][0]["samples"]
        assert [sample["executions_per_second"] for sample in samples] == [None, 10, None, 10, 5]
        assert [sample["executions"] for sample in samples] == [0, 100, 100, 150, 200]
        drawing = (self.out / "heap.html").read_text(encoding="utf-8").split('id="plot-fuzz-executions_per_second"')[1]
        assert drawing.split("</svg>")[0].count("<polyline") == 2


class TestNames(ReportTest):
    def test_names_and_texts_are_text_and_nothing_else(self):
        for name in (fixture.HOSTILE, "coverage", "Index", "..x"):
            fixture.write_series(self.night / name, [fixture.series_line(target=fixture.HOSTILE, build=build, findings={
                "<script>alert(1)</script>": [fixture.HOSTILE, "../../../etc/passwd", "..", ""]})
                for build in ("findings", fixture.HOSTILE)])
        (self.night / fixture.HOSTILE / "findings").mkdir()
        (self.night / fixture.HOSTILE / "findings" / fixture.HOSTILE).write_text("x", encoding="utf-8")
        (self.night / fixture.HOSTILE / "findings" / f"{fixture.HOSTILE}.reduced.ops").write_text("</pre><script>",
                                                                                                  encoding="utf-8")
        for name, document in (("planted", fixture.PLANTED), ("target", fixture.TARGET)):
            (self.night / f"{name}.json").write_text(json.dumps(document), encoding="utf-8")
        document = self.make()
        pages = self.pages()
        assert len(pages) == 5
        for name, page in pages.items():
            assert (page.problems, page.all("script"), page.all("img")) == ([], [], []), name
        page = pages[next(campaign["page"] for campaign in document["campaigns"] if campaign["name"] == fixture.HOSTILE)]
        assert page.all("h1")[0]["text"] == f"Campaign {fixture.HOSTILE}"
        assert "</pre><script>" in page.all("pre")[0]["text"]
        assert fixture.HOSTILE in pages["index.html"].all("main")[0]["text"]
        assert [path for path in self.folder.rglob("passwd")] == []
        assert (self.out / document["campaigns"][1]["page"]).is_file()

    def test_names_that_no_page_and_no_json_can_hold_are_shown(self):
        outside = "\ud800 \udcff \u202e \0 \033]0;title\a \x9b\n<b>"
        shown = "\\ud800 \\xff \\u202e \\x00 \\x1b]0;title\\x07 \\u009b\n&lt;b&gt;"
        named = os.fsdecode(b"bad\xff\033[2J")
        fixture.write_series(self.night / named, [fixture.series_line(target=outside,
                                                                      findings={outside: [outside, named,
                                                                                          outside.replace("\0", "")]})])
        (self.night / named / "findings").mkdir()
        for name in (named, f"{named}.reduced.ops", f"{named}.c"):
            (self.night / named / "findings" / name).write_bytes(b"\xff\0\033")
        target = copy.deepcopy(fixture.TARGET)
        target["findings"] = [{"file": outside, "configuration": outside, "kind": outside, "host_agrees": False}]
        (self.night / "target.json").write_text(json.dumps(target), encoding="utf-8")
        document = self.make()
        json.dumps(document, ensure_ascii=False).encode()
        assert document["campaigns"][0]["name"] == "bad\\xff\033[2J"
        assert len(self.pages()) == 2
        for name, page in self.pages().items():
            assert (page.problems, page.all("b")) == ([], []), name
        for path in self.out.glob("*.html"):
            text = path.read_text(encoding="utf-8")
            assert [c for c in text if not c.isprintable() and c not in "\n\t"] == [], path
            assert shown in text, path

    def test_a_report_of_damaged_json_says_so_in_one_line(self):
        fixture.write_night(self.night)
        number = json.dumps({**fixture.TARGET, "configurations": [{**fixture.TARGET["configurations"][0], "seconds": 9.5}]})
        for text in ("5", "[]", '"\\ud800"', *(number.replace("9.5", wrong) for wrong in ("NaN", "1e999", "9" * 4000)),
                      '{"configurations": "\\ud800"}', '{"configurations": [{"configuration": 1}]}', "[" * 100000):
            (self.night / "target.json").write_text(text, encoding="utf-8")
            result = fixture.run_report("--campaign", self.night, "--out", self.out)
            assert (result.returncode, result.stderr.count("\n")) == (DAMAGED, 1), result.stderr
            assert "target.json is not what `kmemfuzz board --json` prints" in result.stderr

    def test_pages_of_folders_with_like_names_are_apart(self):
        assert report_data.page_names(["a b", "a?b", "A-B", "index", "report", "", "..", "a-b-2"]) == [
            "a-b", "a-b-2", "A-B-3", "index-1", "report-1", "campaign", "campaign-2", "a-b-2-2"]

    def test_what_is_no_markup_is_escaped(self):
        assert markup.element("p", "<&>\"'", title='"<') == '<p title="&quot;&lt;">&lt;&amp;&gt;&quot;&#x27;</p>'
        assert markup.element("p", markup.element("b", "x")) == "<p><b>x</b></p>"
        assert markup.join(["<", markup.Markup("<br>")], "&") == "&lt;&amp;<br>"


class TestAxes:
    def test_steps_are_round_and_few(self):
        for low in (0, 3, 100, 5000):
            for height in (0, 1, 2, 7, 10, 44, 99, 100, 101, 12_345, 9_999_999):
                for from_zero in (True, False):
                    first, step, count = plot.value_axis([low, low + height], from_zero, True)
                    assert str(step).rstrip("0") in ("1", "2", "5"), (low, height)
                    assert count <= plot.TICKS + 1
                    assert first <= low and first + step * count >= low + height, (low, height, from_zero)
                    assert first % step == 0 and (first == 0 or not from_zero)

    def test_figures_of_axes_are_short(self):
        for value, text in ((0, "0"), (0.2, "0.2"), (500, "500"), (1000, "1k"), (1500, "1.5k"), (2_500_000, "2.5M"),
                            (10**9, "1G")):
            assert plot.short(value) == text

    def test_times_are_in_words(self):
        for seconds, text in ((0, "0.0 s"), (0.5, "0.5 s"), (59.9, "59.9 s"), (59.97, "1 min"), (60, "1 min"), (90, "1 min 30 s"),
                              (3600, "1 h"), (28_859, "8 h 59 s"), (28_860, "8 h 1 min")):
            assert plot.duration(seconds) == text

    def test_time_is_counted_in_units_that_fit(self):
        for seconds, axis in ((20, (5, 1, "seconds")), (60, (10, 1, "seconds")), (600, (120, 60, "minutes")),
                              (28_800, (7200, 3600, "hours")), (700_000, (172_800, 86_400, "days"))):
            assert plot.time_axis(seconds) == axis

    def test_one_sample_and_no_time_can_be_drawn(self):
        for points in ([(0, 5)], [(0, 0)], [(0.0, 5), (0.0, 6)], [(0.5, 5), (0.9, 5)], [(0, None), (1, 3)], [(1e8, 1)]):
            drawing = plot.line("x", "X", points, "files")
            assert "nan" not in drawing
            assert "<polyline" in drawing
