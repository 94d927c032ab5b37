"""Makes the pages of a report from report.json and fuzz/kmemfuzz/site. They show nothing that is not in that file: each figure
is a <data> element whose data-path names its place there, such as campaigns/0/totals/seconds."""

import base64
import pathlib
import shlex
import string
import urllib.parse

from kmemfuzz import explanation, heap, plot, report_data
from kmemfuzz.markup import Markup, element, escape, join

SITE = pathlib.Path(__file__).resolve().parent / "site"
COLOURS = SITE.parents[1] / "report" / "page" / "colours.css"  # which an installed package has beside the templates
STYLES = (COLOURS if COLOURS.is_file() else SITE / "colours.css", SITE / "style.css")
NOTHING = "\u2013"  # where there is no figure
FILE_WORDS = {"page": "Explanation, step by step", "text": "Reduced program", "c": "C file", "reduced": "Reduced, in bytes",
              "file": "The input itself"}
# What is plotted of each sample: (member, title, unit, whether the axis begins at 0).
PLOTS = (("coverage_edges", "Coverage", "edges", False), ("features", "Features", "features", False),
         ("executions_per_second", "Executions per second", "executions/s", True),
         ("checked_operations_per_second", "Checked operations per second", "operations/s", True),
         ("executions", "Executions in all", "executions", True),
         ("checked_operations", "Checked operations in all", "operations", True),
         ("inputs_in_use", "Inputs in use", "inputs", True))


def address(path):
    """A path in the site as an address."""
    return urllib.parse.quote(path)


def plural(count, word, words=None):
    """The word for so many."""
    return word if count == 1 else words or word + "s"


class Figures:
    """A place in the document, and how what stands there is shown."""

    def __init__(self, document, path=""):
        self.document, self.path = document, path

    def __getitem__(self, key):
        return Figures(self.document[key], f"{self.path}/{key}" if self.path else str(key))

    def __iter__(self):
        return (self[index] for index in range(len(self.document)))

    def __len__(self):
        return len(self.document)

    def show(self, form=plot.thousands):
        """The figure here; a dash where it is null."""
        if self.document is None:
            return element("span", element("span", NOTHING, aria_hidden="true"), aria_label="none", role="img")
        return element("data", form(self.document), value=self.document, data_path=self.path)


def table(caption, head, rows):
    """A table. head has (title, whether its column has numbers); the first cell of a row is its heading. It can be scrolled
    where it is wider than the window, by keys too."""
    columns = [element("th", title, scope="col", class_="number" if number else None) for title, number in head]
    lines = []
    for first, *rest in rows:
        cells = [element("th", first, scope="row", class_="number" if head[0][1] else None)]
        cells += [element("td", cell, class_="number" if number else None) for cell, (_, number) in zip(rest, head[1:])]
        lines.append(element("tr", *cells))
    return element("div", element("table", element("caption", caption), element("thead", element("tr", *columns)),
                                  element("tbody", join(lines, "\n"))),
                   class_="scroll", role="region", tabindex="0", aria_label=caption)


def outcome(sound, text):
    """A word that is good or bad, marked by a sign and not by colour alone."""
    return element("span", element("span", "\u2713 " if sound else "\u2717 ", aria_hidden="true"), text,
                   class_="right" if sound else "wrong")


def section(name, title, *content):
    """A part of a page under a heading; name is its id in the page."""
    return element("section", element("h2", title, id=name), *content, aria_labelledby=name)


def verdict(sound, words):
    """The sentences at the top of a page that say whether all is well."""
    return element("p", element("span", "\u2713" if sound else "\u2717", aria_hidden="true"), " ", words,
                   class_=f"verdict {'sound' if sound else 'failed'}")


def terms(pairs):
    """A list of (term, figure)."""
    return element("dl", join(element("div", element("dt", term), element("dd", figure)) for term, figure in pairs))


# A campaign.


def has_operations(build):
    """Whether the target counts checked operations at all."""
    return build["totals"]["checked_operations"].document > 0


def show_totals(campaign, build):
    """The totals of a campaign in one build, as a list of terms."""
    totals = build["totals"]
    pairs = [("Target", campaign["target"].document), ("Build", build["build"].document),
             ("Time", totals["seconds"].show(plot.duration)),
             ("Executions", join([totals["executions"].show(), " ", element("small", totals["executions_per_second"].show(),
                                                                            "/s")]))]
    if has_operations(build):
        pairs.append(("Checked operations", join([totals["checked_operations"].show(), " ", element(
            "small", totals["checked_operations_per_second"].show(), "/s")])))
    pairs += [("Coverage", join([totals["coverage_edges"].show(), " ", element("small", "edges")])),
              ("Features", totals["features"].show()),
              ("Inputs in use", totals["inputs_in_use"].show()), ("Files kept", totals["files_kept"].show()),
              ("Files saved", totals["findings"].show())]
    return terms(pairs)


def found_at(samples):
    """The seconds of the samples that have more kinds of findings than the one before."""
    counts = [0, *(sample["kinds"] for sample in samples)]
    return [sample["seconds"] for sample, before in zip(samples, counts) if sample["kinds"] > before]


def show_plot(build, name, member, title, unit, from_zero):
    """A plot with its table; nothing when there are no figures for it. name is of the build, fit for an id."""
    samples = build["samples"]
    points = [(sample["seconds"], sample[member]) for sample in samples.document]
    if all(value is None for _, value in points) or ("operations" in member and not has_operations(build)):
        return ""
    marks = found_at(samples.document)
    rows = [(sample["seconds"].show(plot.tenths), sample[member].show()) for sample in samples]
    return element("figure", element("figcaption", element("h3", title)),
                   plot.line(f"{name}-{member}", title, points, unit, from_zero, marks),
                   element("details", element("summary", f"{title} as a table"),
                           table(f"{title} over time", (("seconds", True), (unit, True)), rows)), id=f"plot-{name}-{member}")


def text_block(text, label, class_=None):
    """Lines as they are, which can be scrolled, by keys too."""
    return element("pre", text, tabindex="0", role="region", aria_label=label, class_=class_)


def name_finding(item):
    """What tells a finding from others of its rule: the operation that its reduced program ends with, or its file's name."""
    return element("code", (item["program"] or item["file"]).splitlines()[-1])


def show_finding(finding):
    item, links = finding.document, []
    if item["page"]:
        links.append(element("li", element("a", FILE_WORDS["page"], href=address(item["page"]))))
    for kind, words in FILE_WORDS.items():
        if kind in item["files"]:
            links.append(element("li", element("a", words, href=address(item["files"][kind]))))
    about = ""
    if item["gone"]:
        about = element("p", "Its file is gone from the campaign\u2019s folder.", class_="soft")
    elif item["duplicate_of"]:
        about = element("p", "The same as ", element("code", item["duplicate_of"]), ".")
    elif item["of_the_kind_of"]:
        about = element("p", "Of the same kind as ", element("code", item["of_the_kind_of"]), "; it is not explained.",
                        class_="soft")
    elif item["program"] is None and item["explanation"] is None:
        about = element("p", "It is not explained.", class_="soft")
    program = ""
    if item["explanation"] and not item["duplicate_of"]:
        program = element("details", element("summary", "What the fuzzer says of it"),
                          text_block(item["explanation"]["report"], f"What the fuzzer says of {item['file']}"))
    if item["program"] and not item["duplicate_of"]:
        program = element("details", element("summary", "The reduced program"),
                          text_block(item["program"], f"The reduced program of {item['file']}"))
    rule = element("h3", item["id"] or "not recorded", join([": ", name_finding(item)]) if item["program"] else "")
    return element("li", rule, element("p", element("code", item["file"])), about,
                   element("ul", *links, class_="links") if links else "", program,
                   class_=None if report_data.is_distinct(item) else "same")


def show_findings(campaign):
    """Every file a campaign has saved: the distinct findings, and folded what is the same or of the same kind."""
    if not len(campaign["findings"]):
        return element("p", "None.")
    lists = {True: [], False: []}
    for finding in campaign["findings"]:
        lists[report_data.is_distinct(finding.document)].append(show_finding(finding))
    distinct, rest = (element("ul", *lists[which], class_="findings") for which in (True, False))
    count = len(lists[False])
    folded = element("details", element("summary", f"{count} more {plural(count, 'file')} of these kinds"), rest) if count else ""
    return join([distinct, folded])


TOTALS_HEAD = (("time", True), ("executions", True), ("per second", True), ("checked operations", True), ("coverage", True),
               ("features", True), ("inputs in use", True), ("files saved", True))


def totals_row(totals):
    """The figures under TOTALS_HEAD. Targets that check nothing operation by operation count none."""
    operations = totals["checked_operations"]
    return [totals["seconds"].show(plot.duration), totals["executions"].show(), totals["executions_per_second"].show(),
            (operations if operations.document else Figures(None)).show(),
            *(totals[name].show() for name in ("coverage_edges", "features", "inputs_in_use", "findings"))]


def finding_words(campaign):
    files, distinct = len(campaign["findings"]), campaign["distinct_findings"].document
    if files == 0:
        return "Nothing was found."
    gone = sum(finding["gone"] for finding in campaign["findings"].document)
    left = f", {gone} of which {plural(gone, 'is', 'are')} gone" if gone else ""
    return f"{distinct} distinct {plural(distinct, 'finding')}, in {files} saved {plural(files, 'file')}{left}."


def build_ids(campaign):
    """A name for each of the builds of a campaign, fit for an id."""
    return report_data.page_names([build["build"].document for build in campaign["builds"]])


def show_build(campaign, build, name):
    """The results of one build. name is its name, fit for an id."""
    notes = [f"Run {build['totals']['run'].document}"]
    notes += [join([", ", words, " ", build[member].show(str)]) for member, words in (("jobs", "jobs"), ("seed", "seed"))
              if build[member].document is not None]
    notes.append(".")
    count, lines = len(build["samples"]), build["lines"].document
    samples = f"{count} {plural(count, 'sample')}" + ("." if count == lines else f" of {lines}, evenly over the time.")
    if found_at(build["samples"].document):
        samples += " A dashed line is where the first finding of a kind was saved."
    suffix = f", in the build {build['build'].document}" if len(campaign["builds"]) > 1 else ""
    plots = join((show_plot(build, name, *which) for which in PLOTS), "\n")
    return join([section(f"figures-{name}", f"At the end{suffix}", show_totals(campaign, build), element("p", *notes, class_="notes")),
                 section(f"time-{name}", f"Over time{suffix}", element("p", samples, class_="soft"),
                         element("div", plots, class_="plots"))], "\n")


def show_builds(campaign, names):
    """Links to the results of each build; nothing when there is one."""
    if len(names) == 1:
        return ""
    links = [element("li", element("a", build["build"].document, href=f"#figures-{name}"))
             for build, name in zip(campaign["builds"], names)]
    return join([element("p", "It was run in ", str(len(names)), " builds. Each instruments the code in its own way, so "
                         "edges and features of one cannot be compared with another's.", class_="notes"),
                 element("ul", *links, class_="links", aria_label="Builds")])


def show_campaign(campaign):
    """What the page of a campaign holds between its header and its footer."""
    names = build_ids(campaign)
    notes = show_builds(campaign, names)
    if campaign["cut"].document:
        notes = join([notes, element("p", "The last line of the series was cut off, and is left out.", class_="notes")])
    rows = [[totals["run"].document, build["build"].document, *totals_row(totals)]
            for build in campaign["builds"] for totals in build["earlier"]]
    earlier = element("p", "None.")
    if rows:
        earlier = table("The final figures of each run, the latest of a build first",
                        (("run", False), ("build", False), *TOTALS_HEAD), rows)
    return join([element("h1", "Campaign ", campaign["name"].document),
                 verdict(not len(campaign["findings"]), finding_words(campaign)), notes,
                 *(show_build(campaign, *pair) for pair in zip(campaign["builds"], names)),
                 section("findings", "Findings", show_findings(campaign)),
                 section("earlier", "Earlier runs in this folder", earlier)], "\n")


# A finding that is explained here. (The heap's have pages that kmemfuzz has drawn.)


def show_explanation(campaign, finding):
    """What the page of a finding holds between its header and its footer."""
    item, explained = finding.document, finding["explanation"]
    above = "../"
    notes = [element("p", "Found by the campaign ", element("a", campaign["name"].document,
                                                            href=above + address(campaign["page"].document)),
                     " of the target ", element("code", campaign["target"].document), ".")]
    if item["duplicate_of"]:
        notes.append(element("p", "It is the same as ", element("a", element("code", item["duplicate_of"]),
                                                                href=address(f"{item['duplicate_of']}.html")), "."))
    links = [element("li", element("a", FILE_WORDS[kind], href=above + address(item["files"][kind])))
             for kind in ("reduced", "file") if kind in item["files"]]
    sizes = [("The input that was saved", join([explained["size_before"].show(), " ", element("small", "bytes")])),
             ("Reduced to", join([explained["size_after"].show(), " ", element("small", "bytes")])),
             ("Inputs tried for that", explained["runs"].show())]
    text = explained.document
    return join([
        element("h1", item["id"]), element("p", element("code", item["file"])), *notes,
        section("figures", "The input", terms(sizes), element("ul", *links, class_="links")),
        section("words", "What the fuzzer says when it runs the reduced input",
                text_block(text["report"], "What the fuzzer says of the reduced input")),
        section("bytes", "The reduced input", element("p", "Where in it, the bytes, and their characters.", class_="soft"),
                text_block(explanation.dump(base64.b64decode(text["input"])) or "(it is empty)", "The bytes of the reduced input",
                           "dump")),
        section("again", "Run it again", text_block(text["replay"], "The command that runs it again"),
                element("p", "Where the file is not at hand, this makes it:", class_="soft"),
                text_block(f"echo {text['input']} | base64 -d >{shlex.quote(item['file'] + '.reduced')}",
                           "The command that makes the file again"))], "\n")


# The first page.


def show_planted(planted):
    if planted.document is None:
        return element("p", "Not measured. ", element("code", "./ci/planted --json >planted.json"), " measures it, and ",
                       element("code", "kmemfuzz report --planted planted.json"), " shows it.", class_="soft")
    rows = [(patch["name"].document, outcome(patch["outcome"].document == "found", patch["outcome"].document),
             patch["caught_by"].document or NOTHING, patch["executions"].show(), patch["seconds"].show(plot.tenths),
             patch["bug"].document) for patch in planted["patches"]]
    problems = element("ul", *(element("li", problem.document, class_="wrong") for problem in planted["problems"]))
    survived = planted["unpatched_outcome"].document
    core = {None: "", "not-found": " The core without a bug survived as many executions."}.get(
        survived, " The core without a bug did not survive.")
    return join([
        element("p", planted["found"].show(), " of ", planted["count"].show(), " planted bugs found, each within ",
                planted["runs"].show(), " executions from seed ", planted["seed"].show(str), ".", core),
        problems if len(planted["problems"]) else "",
        element("details", element("summary", "Every planted bug"), table(
            "Planted bugs, and what caught each", (("bug", False), ("outcome", False), ("caught by", False),
                                                   ("executions", True), ("seconds", True), ("what is wrong", False)), rows),
                open=len(rows) <= 12)])


def show_target(target):
    if target.document is None:
        board, report = ((f"kmemfuzz {word}" if heap.CURRENT is None else heap.CURRENT.command(word)) for word in ("board", "report"))
        return element("p", "Not replayed. ", element("code", f"{board} --json >target.json"), " replays the corpus, and ",
                       element("code", f"{report} --target target.json"), " shows it.", class_="soft")
    names = ("inputs", "checked_operations", "sound", "violations", "faults", "hangs", "reports", "dead", "differences", "seconds")
    parts = [element("p", outcome(target["sound"].document, "All sound, digests equal the host\u2019s."
                                  if target["sound"].document else "Not everything is sound and equal."))]
    parts.append(table("Each configuration of the boards", (("configuration", False), *(
        (name.replace("_", " "), True) for name in names)),
        [[row["configuration"].document, *(row[name].show(plot.tenths if name == "seconds" else plot.thousands)
                                           for name in names)] for row in target["configurations"]]))
    if len(target["findings"]):
        parts.append(table("What was found there", (("input", False), ("configuration", False), ("kind", False),
                                                    ("host", False)),
                           [[finding["file"].document, finding["configuration"].document, finding["kind"].document,
                             "the same" if finding["host_agrees"].document else "not the same"]
                            for finding in target["findings"]]))
    return join(parts)


def show_coverage(measured, pages):
    """The coverage of the sources, and where they are annotated."""
    parts = []
    if pages:
        parts.append(element("p", element("a", "The sources, annotated with how often each line ran", href=address(pages))))
    if measured.document is not None:
        head, rows = [("file", False)], []
        for kind in ("lines", "branches", "conditions"):
            head += [(kind, True), ("covered", True)]
        for row in measured["files"]:
            rows.append([row["file"].document, *(row[kind + end].show() for kind in ("lines", "branches", "conditions")
                                                 for end in ("", "_covered"))])
        parts.append(table("Coverage by tests and corpus", head, rows))
    return join(parts) or element(
        "p", "Not measured. ", element("code", "./ci/coverage --html DIR"), " measures it, and ",
        element("code", "kmemfuzz report --coverage DIR"), " links it.", class_="soft")


def overview_verdict(document):
    """(whether all is well, the sentences that say so)."""
    found = sum(len(campaign["findings"]) for campaign in document["campaigns"])
    distinct = sum(campaign["distinct_findings"] for campaign in document["campaigns"])
    words = ["Nothing was found." if not found else
             f"{distinct} distinct {plural(distinct, 'finding')}, in {found} saved {plural(found, 'file')}."]
    if document["planted"]:
        count = document["planted"]["count"]
        words.append(f"{count} planted {plural(count, 'bug was', 'bugs were')} tried, "
                     f"{'' if document['planted']['sound'] else 'not '}all found as they must be.")
    if document["target"]:
        words.append("The boards agree with the host." if document["target"]["sound"] else
                     "The boards do not agree with the host, or found something.")
    if document["coverage_json"] and not document["coverage_json"]["sound"]:
        words.append("Coverage is not what it must be.")
    sound = not found and all(document[name] is None or document[name]["sound"]
                              for name in ("planted", "target", "coverage_json"))
    return sound, " ".join(words)


def is_ours(measured):
    """Whether there is a section for what only this project measures: not for a heap of one's own."""
    return heap.CURRENT is None or measured.document is not None


def show_overview(figures):
    """What the first page holds between its header and its footer."""
    sound, words = overview_verdict(figures.document)
    rows, lists = [], []
    for campaign in figures["campaigns"]:
        name, page = campaign["name"].document, address(campaign["page"].document)
        several = len(campaign["builds"]) > 1
        for build, place in zip(campaign["builds"], build_ids(campaign)):
            link = element("a", name, href=f"{page}#figures-{place}" if several else page,
                           aria_label=f"{name}, {build['build'].document}" if several else None)
            rows.append([link, campaign["target"].document, build["build"].document, *totals_row(build["totals"])])
        new = filter(report_data.is_distinct, campaign["findings"].document)
        lists += [element("li", element("a", finding["id"] or "not recorded", href=f"{page}#findings"), " in ", name, ": ",
                          name_finding(finding)) for finding in new]
    campaigns = table("The final figures of the latest run in each build",
                      (("campaign", False), ("target", False), ("build", False), *TOTALS_HEAD), rows)
    return join([
        element("h1", "Fuzzing report"), verdict(sound, words), section("campaigns", "Campaigns", campaigns),
        section("findings", "Findings", element("ul", *lists) if lists else element("p", "None.")),
        section("planted", "Planted bugs", show_planted(figures["planted"])) if is_ours(figures["planted"]) else "",
        section("target", "Replay on target", show_target(figures["target"])),
        section("coverage", "Coverage of the sources",
                show_coverage(figures["coverage_json"], figures["coverage_pages"].document)) if is_ours(figures["coverage_pages"]) else ""],
        "\n")


# All of them.


def make_pages(document):
    """The text of every page, by its file's name."""
    style = Markup("".join(path.read_text(encoding="utf-8") for path in STYLES))
    template = string.Template((SITE / "page.html").read_text(encoding="utf-8"))
    figures = Figures(document)
    names = [("index.html", "Overview")] + [(campaign["page"], campaign["name"]) for campaign in document["campaigns"]]

    def page(name, title, main):
        top = "../" * name.count("/")
        links = [element("li", element("a", words, href=top + address(other), aria_current="page" if other == name else None))
                 for other, words in names]
        parts = {"title": title, "style": style, "top": top, "navigation": join(links), "main": main}
        return template.substitute({key: escape(part) for key, part in parts.items()})

    pages = {"index.html": page("index.html", "Fuzzing report: kmem", show_overview(figures))}
    for campaign in figures["campaigns"]:
        name = campaign["page"].document
        pages[name] = page(name, f"Campaign {campaign['name'].document}: kmem fuzzing report", show_campaign(campaign))
        for finding in campaign["findings"]:
            item = finding.document
            if item["page"]:
                pages[item["page"]] = page(item["page"], f"{item['id']}: kmem fuzzing report",
                                           show_explanation(campaign, finding))
    return pages
