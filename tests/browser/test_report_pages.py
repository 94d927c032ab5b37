"""What the pages of kmemfuzz report do in a browser: a headless Chromium reads them, with a mouse and without, in light and
dark, on a desk and on a phone.

Needs what ci/setup installs.
"""

import json
import re

from page_fixture import LEAST_CONTRAST, BrowserTest
# pylint: disable=wrong-import-order
import report_fixture as fixture  # it lies with the tests of the tools

FINDING = f"sv39/{fixture.CRASH}.html"
PAGES = ("index.html", "heap.html", "import.html", "sv39.html", FINDING)
LEAST_CONTRAST_OF_LINES = 3  # of what has to be seen of a drawing


class ReportTest(BrowserTest):
    """A report for all tests of a class."""

    may_be_wider = ".scroll, .skip, pre"

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        night, cls.out = cls.folder / "night", cls.folder / "out"
        fixture.write_everything(night)
        made = fixture.run_report("--campaign", night, "--out", cls.out)
        if made.returncode != 0:
            raise AssertionError(made.stderr)
        cls.document = json.loads((cls.out / "report.json").read_text(encoding="utf-8"))

    def open(self, name):
        self.open_page(self.out / name)

    def open_tables(self):
        """Opens everything that is folded."""
        self.browser.run("for (const element of document.querySelectorAll('details')) element.open = true;")


class Reading(ReportTest):
    def test_pages_load_without_an_error_and_ask_no_network(self):
        for name in PAGES:
            self.open(name)
            self.require_quiet()

    def test_every_figure_that_is_seen_is_the_one_in_the_json(self):
        count = 0
        for name in PAGES:
            self.open(name)
            self.open_tables()
            for path, value, text, height in self.browser.run(
                    "return [...document.querySelectorAll('data')].map((element) => [element.dataset.path, element.value,"
                    " element.innerText, element.getBoundingClientRect().height])"):
                truth = self.document
                for key in path.split("/"):
                    truth = truth[int(key) if isinstance(truth, list) else key]
                self.assertEqual(value, str(truth), path)
                if not re.search(r"[a-z]", text):
                    self.assertEqual(float(text.replace(",", "")), float(truth), path)
                self.assertGreater(height, 0, path)
                count += 1
        self.assertGreater(count, 300)

    def test_plots_show_the_last_figure_and_a_screen_reader_is_told_of_both_ends(self):
        self.open("heap.html")
        samples = self.document["campaigns"][0]["builds"][0]["samples"]
        for member in ("coverage_edges", "executions_per_second", "inputs_in_use"):
            last = f"{samples[-1][member]:,}"
            self.assertEqual(self.browser.text(f"#plot-fuzz-{member} .last"), last)
            self.assertIn(f"{last} after 4 min 10 s", self.browser.text(f"#plot-fuzz-{member} desc"))

    def test_a_finding_leads_to_its_explanation(self):
        self.open("index.html")
        self.browser.click("#findings ~ ul a")
        self.assertTrue(self.browser.run("return location.href").endswith("/heap.html#findings"))
        self.browser.click(".findings .links a")
        self.assertEqual(self.browser.run("return document.title"), "explained")

    def test_a_finding_of_another_target_leads_to_its_page_its_input_and_back(self):
        self.open("sv39.html")
        self.browser.click(".findings .links a")
        self.assertTrue(self.browser.run("return location.href").endswith(FINDING))
        self.assertEqual(self.browser.text("h1"), "sv39-satp")
        self.assertEqual(self.browser.run("return document.querySelector('pre').textContent"),
                         self.document["campaigns"][2]["findings"][0]["explanation"]["report"])
        self.require_quiet()
        self.browser.click("main p a")
        self.assertTrue(self.browser.run("return location.href").endswith("/sv39.html"))

    def test_the_curves_of_each_build_are_apart_and_reached_from_the_overview(self):
        self.open("index.html")
        self.browser.click("a[href='import.html#figures-fuzz']")
        for build, last in (("memory", "5,003"), ("fuzz", "377")):
            self.assertEqual(self.browser.text(f"#plot-{build}-features .last"), last)
            self.assertIn(f"build {build}", self.browser.text(f"#time-{build}"))
        top = self.browser.run("return document.querySelector('#figures-fuzz').getBoundingClientRect().top")
        self.assertTrue(0 <= top < self.size[1], top)

    def test_sources_lead_to_their_coverage(self):
        self.open("index.html")
        self.browser.click("a[href='coverage/index.html']")
        self.assertEqual(self.browser.run("return document.title"), "coverage")

    def test_text_of_plots_does_not_overlap(self):
        for name in PAGES[1:4]:
            self.open(name)
            self.assertEqual(self.browser.run(OVERLAPS), [], name)


# The texts of a drawing that touch another.
OVERLAPS = """const found = [];
for (const plot of document.querySelectorAll('.plot')) {
  const texts = [...plot.querySelectorAll('text')].map((text) => [text.textContent, text.getBoundingClientRect()]);
  for (const [index, [first, a]] of texts.entries())
    for (const [second, b] of texts.slice(index + 1))
      if (a.left < b.right - 1 && b.left < a.right - 1 && a.top < b.bottom - 4 && b.top < a.bottom - 4)
        found.push([plot.parentElement.id, first, second]);
}
return found;"""


class Keyboard(ReportTest):
    focused = "const at = document.activeElement; return at.className || at.id || at.textContent.trim();"

    def test_the_first_key_offers_to_skip_to_the_content(self):
        self.open("heap.html")
        self.browser.press("Tab")
        self.assertEqual(self.browser.run(self.focused), "skip")
        left, top = self.browser.run("const box = document.activeElement.getBoundingClientRect(); return [box.left, box.top]")
        self.assertTrue(left >= 0 and top >= 0)
        self.browser.press("Enter")
        self.assertEqual(self.browser.run(self.focused), "main")

    def test_a_table_is_unfolded_reached_and_left_by_keys(self):
        self.open("heap.html")
        self.browser.press("Tab", "Enter", "Tab")
        self.assertEqual(self.browser.run(self.focused), "Coverage as a table")
        self.browser.press("Enter", "Tab")
        self.assertEqual(self.browser.run(self.focused), "scroll")
        self.assertEqual(self.browser.run("return document.activeElement.getAttribute('aria-label')"), "Coverage over time")
        self.browser.press("Tab")
        self.assertEqual(self.browser.run(self.focused), "Features as a table")

    def test_what_has_the_focus_is_outlined(self):
        self.open("index.html")
        for _ in range(12):
            self.browser.press("Tab")
            self.assertEqual(self.browser.run("return getComputedStyle(document.activeElement).outlineStyle"), "solid")

    def test_everything_that_can_be_clicked_is_reached(self):
        self.open("heap.html")
        wanted = self.browser.run("return [...document.querySelectorAll('a, summary')].filter((element) =>"
                                  " !element.closest('details:not([open]) > :not(summary)')).length")
        reached = set()
        for _ in range(wanted + 20):
            self.browser.press("Tab")
            reached.add(self.browser.run("return [...document.querySelectorAll('a, summary')].indexOf("
                                         "document.activeElement)"))
        self.assertEqual(len(reached - {-1}), wanted)


class Light(ReportTest):
    def test_everything_is_legible(self):
        for name in PAGES[:2]:
            self.open(name)
            self.open_tables()
            for selector in ("h1", "h2", "a", "p", "th", "td", "caption", "summary", ".verdict span", "footer p"):
                self.assertGreaterEqual(self.contrast(selector), LEAST_CONTRAST, (name, selector))
        for selector in ("dt", "dd", "dd small", ".notes", ".soft", "pre", "code", "h3"):
            self.assertGreaterEqual(self.contrast(selector), LEAST_CONTRAST, selector)
        self.assertGreaterEqual(self.contrast(".plot text", "fill"), LEAST_CONTRAST)
        for selector in (".plot .line", ".plot .mark", ".plot .axis"):
            self.assertGreaterEqual(self.contrast(selector, "stroke"), LEAST_CONTRAST_OF_LINES, selector)
        self.require_ground()

    def require_ground(self):
        """The page is as light or as dark as the system wants it."""
        ground = self.browser.run("return getComputedStyle(document.body).backgroundColor")
        self.assertEqual(sum(map(int, re.findall(r"\d+", ground)[:3])) < 3 * 128, self.dark, ground)

    def test_nothing_overflows(self):
        for name in PAGES:
            self.open(name)
            self.open_tables()
            self.require_no_overflow()


class Dark(Light):
    dark = True


class Narrow(ReportTest):
    size = (320, 640)

    def test_nothing_overflows(self):
        for name in PAGES:
            self.open(name)
            self.require_no_overflow()
            self.open_tables()
            self.require_no_overflow()

    def test_text_of_plots_is_large_enough_and_does_not_overlap(self):
        self.open("heap.html")
        self.assertEqual(self.browser.run(OVERLAPS), [])
        smallest = self.browser.run("return Math.min(...[...document.querySelectorAll('.plot text')].map((text) =>"
                                    " text.getBoundingClientRect().height))")
        self.assertGreaterEqual(smallest, 11)

    def test_a_wide_table_is_scrolled_by_itself(self):
        self.open("index.html")
        self.assertTrue(self.browser.run("const table = document.querySelector('.scroll'); table.scrollLeft = 50;"
                                         "return table.scrollLeft === 50 && document.scrollingElement.scrollLeft === 0"))
