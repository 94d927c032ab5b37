"""What the page of a run does in a browser: a headless Chromium steps through it as a person would, by keys, buttons and
pointer, in light and dark, on a desk and on a phone.

KMEM_PRESET names the build whose tool draws the pages (default: release). Needs what ci/setup installs.
"""

import random
import re
import subprocess

from page_fixture import LEAST_CONTRAST, BrowserTest
# pylint: disable=wrong-import-order
import broken  # these lie with the tests of the tools
from test_pictures import heaps_of, run_of
from tool_fixture import PRESET, TOOL

PROGRAM = """kmem-program 1
heap page=64 pages=8 growth=2 slots=16
alloc 0 100
alloc 1 20
alloc 2 40
alloc 3 30
free 0
free 2
alloc 4 33
"""
PLACEMENT = "best-fit"  # the planted bug that breaks operation 6: it takes the smaller hole at 152, not the first at 8
LARGE_OPERATIONS = 5000


def large_program():
    """5,000 operations on 512 pages, always the same."""
    source = random.Random(1)
    live, empty = [], list(range(0, 4096, 2))
    lines = ["kmem-program 1", "heap page=4096 pages=512 growth=0 slots=4096"]
    while len(lines) < LARGE_OPERATIONS + 2:
        if live and source.random() < 0.35:
            empty.append(live.pop(source.randrange(len(live))))
            lines.append(f"free {empty[-1]}")
        else:
            live.append(empty.pop(source.randrange(len(empty))))
            lines.append(f"alloc {live[-1]} {source.randrange(1, 1400)}")
    return "\n".join(lines) + "\n"


class PageTest(BrowserTest):
    """Pages of runs to open in a browser."""

    may_be_wider = ".unseen, .row, #program-head, pre"

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.broken_tool = broken.tool(PRESET, PLACEMENT)

    def open(self, program=PROGRAM, tool=TOOL, name="program.ops"):
        """Draws the page of a program and opens it."""
        path = self.write(name, program)
        page = self.folder / "page.html"
        subprocess.run([tool, "show", path, "--html", page, "--force"], check=True, stdin=subprocess.DEVNULL)
        self.open_page(page)
        return path

    def open_failing(self):
        return self.open(tool=self.broken_tool)

    def place(self):
        """Where the page is: the number of the lit operation; -1 at the start."""
        rows = self.browser.run("return [...document.querySelectorAll('.row.current')].map((row) => row.dataset.place)")
        self.assertEqual(len(rows), 1)
        return int(rows[0]) - 1

    def heap(self):
        """The heap the page shows, in the report's notation."""
        return self.browser.text("#layout")

    def facts(self):
        """What the page says of the chosen block."""
        return dict(self.browser.run("return [...document.querySelectorAll('#facts > div')].map((pair) => "
                                     "[pair.querySelector('dt').textContent, pair.querySelector('dd').textContent])"))

    def pixel(self, canvas, x, y):
        """The colour a canvas has at a place in it."""
        return tuple(self.browser.run("const canvas = document.querySelector(arguments[0]);"
                                      "return [...canvas.getContext('2d').getImageData(arguments[1], arguments[2], 1, 1)"
                                      ".data.slice(0, 3)];", canvas, x, y))

    def box(self, selector):
        """Where an element is in the window: left, top, width, height."""
        return self.browser.run("const box = document.querySelector(arguments[0]).getBoundingClientRect();"
                                "return [box.left, box.top, box.width, box.height];", selector)


class Stepping(PageTest):
    def test_it_loads_without_an_error_and_asks_no_network(self):
        self.open()
        self.assertEqual(self.browser.text("#title"), "sound")
        self.require_quiet()
        self.require_no_overflow()

    def test_a_sound_run_begins_before_the_first_operation(self):
        self.open()
        self.assertEqual(self.place(), -1)
        self.assertEqual(self.heap(), "|.512|")
        self.assertFalse(self.browser.run("return document.getElementById('report').classList.contains('failed')"))
        self.assertTrue(self.browser.run("return document.getElementById('failure').disabled"))

    def test_a_short_run_has_no_empty_box_and_no_outcome_is_cut(self):
        self.open()
        height, rows, cut = self.browser.run(
            "return [document.getElementById('scroller').clientHeight - document.getElementById('head').offsetHeight,"
            " document.querySelectorAll('.row').length, [...document.querySelectorAll('.row .operation, .row .outcome')]"
            ".filter((part) => part.scrollWidth > part.clientWidth).map((part) => part.textContent)]")
        self.assertEqual((rows, cut), (11, []))
        self.assertLessEqual(abs(height - rows * 22), 3)

    def test_arrow_keys_step_and_home_and_end_go_to_the_ends(self):
        self.open()
        self.browser.press("ArrowDown", "ArrowDown")
        self.assertEqual(self.place(), 1)
        self.browser.press("ArrowUp")
        self.assertEqual(self.place(), 0)
        self.browser.press("End")
        self.assertEqual(self.place(), 9)  # three frees of the end are steps as well
        self.browser.press("ArrowDown")
        self.assertEqual(self.place(), 9)
        self.browser.press("Home")
        self.assertEqual(self.place(), -1)
        self.browser.press("ArrowUp")
        self.assertEqual(self.place(), -1)

    def test_buttons_step_and_are_off_where_they_lead_nowhere(self):
        self.open()
        off = "return ['first', 'back', 'forward', 'last'].map((id) => document.getElementById(id).disabled)"
        self.assertEqual(self.browser.run(off), [True, True, False, False])
        self.browser.click("#forward")
        self.assertEqual(self.place(), 0)
        self.browser.click("#last")
        self.assertEqual(self.place(), 9)
        self.assertEqual(self.browser.run(off), [False, False, True, True])
        self.browser.click("#back")
        self.assertEqual(self.place(), 8)
        self.browser.click("#first")
        self.assertEqual(self.place(), -1)

    def test_keys_work_on_after_a_button_has_switched_itself_off(self):
        self.open()
        self.browser.click("#last")
        self.browser.press("ArrowUp")
        self.assertEqual(self.place(), 8)

    def test_a_click_on_a_row_goes_there(self):
        self.open()
        self.browser.click("#row-3 .operation")
        self.assertEqual(self.place(), 2)
        self.assertEqual(self.browser.text("#step-operation"), "alloc 2 40")

    def test_every_heap_is_the_one_the_trace_prints(self):
        path = self.open()
        trace = subprocess.run([TOOL, "run", "--trace", path], check=True, capture_output=True, text=True).stdout
        heaps = re.findall(r"^       (\|.*\|)", trace, re.MULTILINE)
        self.assertEqual(len(heaps), 10)
        for index, heap in enumerate(heaps):
            self.browser.press("ArrowDown")
            self.assertEqual((self.place(), self.heap()), (index, heap))
        for heap in reversed(heaps[:-1]):
            self.browser.press("ArrowUp")
            self.assertEqual(self.heap(), heap)

    def test_what_is_stepped_on_is_said_to_those_who_do_not_see_it(self):
        self.open()
        self.browser.press("ArrowDown")
        self.assertEqual(self.browser.text("#announcement"),
                         "Operation 0: alloc 0 100 -> slot 0, offset 8. 1 block taken, 1 free.")
        self.assertEqual(self.browser.run("return document.getElementById('announcement').getAttribute('aria-live')"),
                         "polite")
        active = "const list = document.getElementById(arguments[0]);" \
                 "const option = document.getElementById(list.getAttribute('aria-activedescendant'));" \
                 "return [list.getAttribute('role'), option.getAttribute('role'), option.getAttribute('aria-selected')," \
                 "option.getAttribute('aria-posinset'), option.getAttribute('aria-setsize')];"
        self.assertEqual(self.browser.run(active, "list"), ["listbox", "option", "true", "2", "11"])
        self.assertEqual(self.browser.run(active, "strip"), ["listbox", "option", "true", "1", "2"])

    def test_all_that_can_be_used_can_be_reached_by_tab_and_shows_it(self):
        self.open()
        seen = []
        for _ in range(12):
            self.browser.press("Tab")
            seen.append(self.browser.run("const element = document.activeElement;"
                                         "return [element.id || element.tagName,"
                                         " getComputedStyle(element).outlineStyle];"))
        names = [name for name, _ in seen]
        for name in ("forward", "last", "zoom-in", "strip", "list"):
            self.assertIn(name, names)
            self.assertEqual(dict(seen)[name], "solid")


class Facts(PageTest):
    def test_a_step_chooses_the_block_it_made(self):
        self.open()
        self.browser.press("ArrowDown", "ArrowDown")
        self.assertEqual(self.facts(), {
            "block": "2 of 3", "state": "taken", "slot": "1", "offset": "112, payload 120", "block size": "32 bytes",
            "asked": "20 bytes", "usable": "24 bytes", "slack": "4 bytes", "made by": "operation 1"})

    def test_left_and_right_choose_a_block(self):
        self.open()
        self.browser.press("ArrowDown", "ArrowDown", "ArrowRight")
        self.assertEqual(self.facts(), {"block": "3 of 3", "state": "free", "offset": "144", "block size": "368 bytes"})
        self.browser.press("ArrowRight", "ArrowLeft", "ArrowLeft")
        self.assertEqual(self.facts()["slot"], "0")
        self.assertIn("slot 0", self.browser.text("#strip-block"))

    def test_the_pointer_over_a_block_shows_its_facts(self):
        self.open()
        self.browser.press("ArrowDown", "ArrowDown")
        left, top, width, _ = self.box("#strip-canvas")
        self.browser.point(left + width * 120 / 512, top + 50)
        self.assertFalse(self.browser.run("return document.getElementById('hover').hidden"))
        self.assertIn("slot 1\noffset 112, payload 120\nblock size 32 bytes\nasked 20 bytes",
                      self.browser.text("#hover"))
        left, _, width, _ = self.box("#map-canvas")
        _, top, _, height = self.box("#row-3")
        self.browser.point(left + width * 400 / 512, top + height / 2)
        self.assertEqual(self.browser.text("#hover"), "after operation 2\nblock 4 of 4\nstate free\noffset 192\n"
                                                      "block size 320 bytes")
        self.browser.point(5, 5)
        self.assertTrue(self.browser.run("return document.getElementById('hover').hidden"))

    def test_a_click_in_the_map_goes_to_the_operation_and_chooses_the_block(self):
        self.open()
        left, _, width, _ = self.box("#map-canvas")
        _, top, _, height = self.box("#row-4")
        self.browser.point(left + width * 120 / 512, top + height / 2, click=True)
        self.assertEqual(self.place(), 3)
        self.assertEqual(self.facts()["slot"], "1")

    def test_the_operation_that_made_a_block_can_be_gone_to(self):
        self.open()
        self.browser.press("End", "ArrowUp", "ArrowUp", "ArrowUp", "ArrowRight", "ArrowRight")
        self.assertEqual(self.facts()["made by"], "operation 1")
        self.browser.click("#facts button")
        self.assertEqual(self.place(), 1)

    def test_zoom_makes_the_chosen_block_larger_and_back(self):
        self.open()
        view = "return [page.view.from, page.view.to]"
        self.browser.press("ArrowDown", "ArrowDown", "+", "+")
        start, end = self.browser.run(view)
        self.assertEqual(end - start, 128)
        self.assertTrue(start <= 112 and end >= 144)
        self.browser.press("0")
        self.assertEqual(self.browser.run(view), [0, 512])


class Failure(PageTest):
    def test_it_begins_at_the_failure_with_the_report_above(self):
        self.open_failing()
        self.assertEqual(self.place(), 6)
        self.assertEqual(self.browser.text("#title"), "VIOLATION placement")
        self.assertIn("expectedoffset 8", self.browser.text("#report-facts"))
        self.assertEqual(self.browser.run("return [...document.querySelectorAll('.row.failing')]"
                                          ".map((row) => row.dataset.place)"), ["7"])
        self.require_quiet()

    def test_the_marked_bytes_are_said_and_drawn(self):
        self.open_failing()
        self.assertEqual(self.browser.text("#step-note"), "✗ This operation broke the heap. Marked: the address expected, "
                         "33 bytes at offset 8; the address returned, 33 bytes at offset 152.")
        bad = self.browser.run("const probe = document.createElement('p'); probe.style.color = page.painter.colours.bad;"
                               "document.body.append(probe); const colour = getComputedStyle(probe).color;"
                               "probe.remove(); return colour;")
        bad = tuple(int(number) for number in re.findall(r"\d+", bad)[:3])
        _, _, width, _ = self.box("#strip-canvas")
        scale = width / 512
        for offset in (8, 152):  # the tips of the triangles
            self.assertEqual(self.pixel("#strip-canvas", round(offset * scale), 26), bad)
        self.assertNotEqual(self.pixel("#strip-canvas", round(300 * scale), 26), bad)
        self.browser.press("ArrowUp")
        self.assertEqual(self.browser.text("#step-note"), "")
        self.assertNotEqual(self.pixel("#strip-canvas", round(8 * scale), 26), bad)

    def test_the_failure_can_be_jumped_to_by_key_and_button(self):
        self.open_failing()
        for jump in (lambda: self.browser.press("f"), lambda: self.browser.click("#failure")):
            self.browser.press("Home")
            self.assertEqual(self.place(), -1)
            jump()
            self.assertEqual(self.place(), 6)


class Hostile(PageTest):
    def test_a_file_s_name_is_text_and_nothing_else(self):
        name = "<img src=x onerror=alert(1)><script>document.title = 'taken'<"
        self.open(name=name)
        self.assertTrue(self.browser.text("#file").endswith(name))
        self.assertEqual(self.browser.run("return document.querySelectorAll('img').length"), 0)
        self.require_quiet()


class Dark(PageTest):
    dark = True

    def test_it_is_legible_and_nothing_overflows(self):
        self.open_failing()
        self.require_quiet()
        self.require_no_overflow()
        for selector in ("#file", "#title", "#sentence", "dt", "dd", "#step-outcome", "#step-note", ".row .outcome",
                         ".row.failing .operation", "#legend", ".keys", "#program-head", "#position"):
            self.assertGreaterEqual(self.contrast(selector), LEAST_CONTRAST, selector)

    def test_the_drawing_is_dark_as_well(self):
        self.open()
        self.assertLess(sum(self.pixel("#strip-canvas", 600, 40)), 3 * 128)


class Light(Dark):
    dark = False

    def test_the_drawing_is_dark_as_well(self):
        self.open()
        self.assertGreater(sum(self.pixel("#strip-canvas", 600, 40)), 3 * 128)


class Narrow(PageTest):
    size = (360, 740)

    def test_nothing_overflows_and_it_can_be_stepped(self):
        self.open_failing()
        self.require_no_overflow()
        self.browser.click("#back")
        self.assertEqual(self.place(), 5)
        self.require_no_overflow()


class Large(PageTest):
    def test_5000_operations_on_512_pages_can_be_stepped_through(self):
        path = self.open(large_program())
        page = (self.folder / "page.html").read_text(encoding="utf-8")
        self.assertLess(len(page), 1 << 20)
        line = subprocess.run([TOOL, "run", path], check=True, capture_output=True, text=True).stdout
        count = int(re.search(r"(\d+) operations", line).group(1))
        self.assertGreater(count, LARGE_OPERATIONS)
        self.assertEqual((self.browser.text("#title"), run_of(page)["end"], len(run_of(page)["steps"])), ("sound", "sound", count),
                         self.browser.text("#sentence"))
        self.browser.press("End")
        self.assertEqual(self.place(), count - 1, self.browser.run("return [page.place, page.run.lastPlace, document.readyState]"))
        self.assertEqual(self.heap(), "|.2097152|")
        self.browser.press("Home", *["PageDown"] * 20, "ArrowDown", "ArrowUp")
        self.assertEqual(self.place(), 199)
        run = run_of(page)
        run["steps"] = run["steps"][:200]
        heap = heaps_of(run)[-1]
        self.assertEqual(self.heap().removesuffix("..."), heap[:len(self.heap().removesuffix("..."))])
        self.assertLess(self.browser.run("return document.querySelectorAll('.row').length"), 80)
        self.browser.run("page.go(4321)")
        self.assertEqual(self.place(), 4320)
        self.assertEqual(self.browser.text("#row-4321 .operation"), self.browser.text("#step-operation"))
        self.require_quiet()
