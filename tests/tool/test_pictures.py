"""Tests of the pictures kmemfuzz draws of a run, without a browser: the page as a file, the still picture as XML, the
map in text; of runs that are sound, that break a rule, that die. What a page does is tested in tests/browser.

KMEM_PRESET names the build whose tool is tested (default: release).
"""

import json
import os
import re
import xml.etree.ElementTree

import broken
from tool_fixture import ENVIRONMENT, EXAMPLE, PRESET, ROOT, SOUND, TOOL, USAGE, ToolTest
from terminal import run_on_terminal  # pylint: disable=wrong-import-order

SVG = "{http://www.w3.org/2000/svg}"
HOSTILE = "</script><script>alert(1)</script>&\"'<b>.ops"  # a file's name
MERGE = """kmem-program 1
heap page=64 pages=2 growth=0 slots=16
alloc 0 24
alloc 1 24
free 1
free 0
"""


def run_of(page):
    """The run in a page, as its script reads it."""
    found = re.search(r'<script type="application/json" id="run">\n(.*?)</script>', page, re.DOTALL)
    return json.loads(found.group(1))


def heaps_of(run):
    """The heap after each operation of a page's run, the first one included, in the report's notation."""
    def cell(block):
        if not isinstance(block, list):
            return f".{block}"
        return f"#{block[0]}" + (f" s{block[1]}" if block[1] >= 0 else "")
    blocks = list(run["first"])
    heaps = [f"|{''.join(cell(block) + '|' for block in blocks)}"]
    for *_, changes in run["steps"]:
        for first, removed, *inserted in changes:
            blocks[first:first + removed] = inserted
        heaps.append(f"|{''.join(cell(block) + '|' for block in blocks)}")
    return heaps


def heaps_in_trace(trace):
    """The heap after each operation, as run --trace prints it."""
    return re.findall(r"^       (\|.*\|)", trace, re.MULTILINE)


class PictureTest(ToolTest):
    def picture(self, option, program=EXAMPLE, name="program.ops", tool=TOOL):
        """The picture of a program: what is in the file, or, for the map, what is printed."""
        self.write(name, program)
        arguments = [option] if option == "--map" else [option, "picture", "--force"]
        code, output, errors = self.run_tool("show", name, *arguments, tool=tool)
        self.assertEqual((code, errors), (SOUND, ""))
        if option == "--map":
            return output
        self.assertEqual(output, "")
        return (self.folder / "picture").read_text(encoding="utf-8")


class Files(PictureTest):
    def test_a_picture_is_not_written_over_a_file_unless_forced(self):
        self.write("program.ops", EXAMPLE)
        for option in ("--html", "--svg"):
            self.write("out", "mine")
            code, output, errors = self.run_tool("show", "program.ops", option, "out")
            self.assertEqual((code, output), (USAGE, ""))
            self.assertEqual(errors, "kmemfuzz: out exists; choose another name, or --force to replace it\n")
            self.assertEqual((self.folder / "out").read_text(encoding="utf-8"), "mine")
            self.require(SOUND, "", "", "show", "program.ops", option, "out", "--force")
            self.assertNotEqual((self.folder / "out").read_text(encoding="utf-8"), "mine")
            self.assertEqual(self.names(), ["out", "program.ops"])

    def test_a_file_that_cannot_be_written_is_named_and_ends_with_3(self):
        self.write("program.ops", EXAMPLE)
        code, output, errors = self.run_tool("show", "program.ops", "--html", "nowhere/out")
        self.assertEqual((code, output), (ENVIRONMENT, ""))
        self.assertEqual(errors, "kmemfuzz: cannot write nowhere/out: No such file or directory\n")

    def test_wrong_arguments_are_named(self):
        self.write("program.ops", EXAMPLE)
        self.require_misuse("show", "--html needs the name of the file to write", "program.ops", "--html")
        self.require_misuse("show", "--svg needs the name of the file to write", "program.ops", "--svg")
        self.require_misuse("show", "there is no option '--png'", "program.ops", "--png")
        self.require_misuse("show", "it takes a program", "--map")
        self.require_misuse("show", "'program.ops' is one argument too many", "program.ops", "program.ops", "--map")

    def test_all_pictures_can_be_had_at_once(self):
        self.write("program.ops", EXAMPLE)
        code, output, errors = self.run_tool("show", "program.ops", "--html", "a", "--svg", "b", "--map")
        self.assertEqual((code, errors), (SOUND, ""))
        self.assertTrue(output.startswith("sound: "))
        self.assertEqual(self.names(), ["a", "b", "program.ops"])

    def test_a_program_drawn_twice_gives_the_same_bytes(self):
        for option in ("--html", "--svg", "--map"):
            self.assertEqual(self.picture(option), self.picture(option))


class Page(PictureTest):
    def test_every_heap_is_the_trace_s(self):
        for path in sorted((ROOT / "corpus" / "seeds").glob("*.ops")):
            with self.subTest(program=path.name):
                program = path.read_text(encoding="utf-8")
                heaps = heaps_of(run_of(self.picture("--html", program)))
                trace = self.run_tool("run", "program.ops", "--trace")[1]
                self.assertEqual(heaps[1:], [heap for heap in heaps_in_trace(trace)])

    def test_it_names_nothing_to_load(self):
        page = self.picture("--html")
        self.assertNotRegex(page, r"https?:|@import|url\(|\bsrc=|fetch\(|XMLHttpRequest|import\(")
        self.assertEqual(re.findall(r'href="([^"]*)"', page), ["data:,"])
        self.assertIn("default-src 'none'", page)

    def test_no_name_can_leave_its_place(self):
        self.write("program.ops", EXAMPLE)
        for name in (HOSTILE.replace("/", ""), "\u2028\u2029", "a\nb\tc", "\\u003c"):
            page = self.picture("--html", name=name)
            self.assertEqual(run_of(page)["file"], name)
            data = page[page.index('id="run">'):]
            self.assertNotIn("<script>alert", data)
            picture = self.picture("--svg", name=name)
            xml.etree.ElementTree.fromstring(picture)

    def test_a_violation_has_its_report_its_operation_and_its_bytes(self):
        run = run_of(self.picture("--html", MERGE, tool=broken.tool(PRESET, "merge-right-forgotten")))
        self.assertEqual((run["end"], run["failed"], run["title"]), ("violation", 2, "VIOLATION free-merged"))
        self.assertEqual(run["sentence"], "No two adjacent blocks are both free.")
        self.assertEqual(dict(run["facts"])["operation"], "2: free 1")
        self.assertEqual([(extent["offset"], extent["size"]) for extent in run["extents"]], [(64, 64)])

    def test_a_subject_that_dies_is_drawn_up_to_there_with_what_it_said(self):
        program = "kmem-program 1\nheap page=64 pages=4 growth=2 slots=16\nalloc 0 24\nzalloc 3 40\nalloc 1 8\n"
        run = run_of(self.picture("--html", program, tool=broken.tool("dev", "zalloc-clears-one-word-more")))
        self.assertEqual((run["end"], run["failed"], len(run["steps"])), ("died", 1, 2))
        self.assertRegex(run["sentence"], "^use-after-poison in kmem_zalloc$")
        self.assertIn("==ERROR: AddressSanitizer: use-after-poison", run["said"])
        self.assertEqual([(extent["offset"], extent["size"]) for extent in run["extents"]], [(80, 8)])
        self.assertEqual(run["steps"][1][1], "-> died")

    def test_a_program_without_operations_has_one_heap(self):
        run = run_of(self.picture("--html", b"\1", name="header"))
        self.assertEqual((run["end"], run["steps"], len(run["first"])), ("sound", [], 1))


class StillPicture(PictureTest):
    def blocks(self, picture):
        """The blocks in a still picture, by heap from the top: (left, width, description)."""
        heaps = {}
        for rect in xml.etree.ElementTree.fromstring(picture).iter(f"{SVG}rect"):
            self.assertIn("block", rect.get("class").split())
            heaps.setdefault(float(rect.get("y")), []).append(rect)
        return [heaps[y] for y in sorted(heaps)]

    def test_it_has_a_rectangle_for_every_block_of_every_heap(self):
        drawn = [len(heap) for heap in self.blocks(self.picture("--svg"))]
        trace = self.run_tool("run", "program.ops", "--trace")[1]
        self.assertEqual(drawn, [1] + [heap.count("|") - 1 for heap in heaps_in_trace(trace)])

    def test_a_long_run_ends_with_the_heap_that_failed_and_the_one_before(self):
        many = MERGE.replace("alloc 0 24", "null\n" * 40 + "alloc 0 24")
        heaps = self.blocks(self.picture("--svg", many, tool=broken.tool(PRESET, "merge-right-forgotten")))
        self.assertEqual([len(heap) for heap in heaps[-2:]], [3, 3])
        self.assertEqual(len(heaps), 12)
        self.assertEqual(heaps[-1][1].find(f"{SVG}title").text, "free, offset 32, 32 bytes")

    def test_a_failure_is_marked_and_said(self):
        picture = self.picture("--svg", MERGE, tool=broken.tool(PRESET, "merge-right-forgotten"))
        root = xml.etree.ElementTree.fromstring(picture)
        texts = [element.text for element in root.iter(f"{SVG}text")]
        self.assertIn("VIOLATION free-merged", texts)
        self.assertIn("> 2  free 1", texts)
        self.assertIn("marked: the second free block, 64 bytes at offset 64", texts)
        self.assertEqual([path.get("class") for path in root.iter(f"{SVG}path")].count("arrow"), 1)

    def test_blocks_lie_side_by_side_inside_the_picture(self):
        picture = self.picture("--svg")
        width = float(xml.etree.ElementTree.fromstring(picture).get("width"))
        for heap in self.blocks(picture):
            ends = [(float(rect.get("x")), float(rect.get("x")) + float(rect.get("width"))) for rect in heap]
            self.assertEqual(ends, sorted(ends))
            self.assertTrue(all(left[1] <= right[0] + 0.02 for left, right in zip(ends, ends[1:])))
            self.assertLessEqual(ends[-1][1], width)


class Map(PictureTest):
    def test_it_is_a_line_for_each_operation_and_one_for_the_start(self):
        lines = self.picture("--map").splitlines()
        cells = [line.split("|")[1] for line in lines if line.endswith("|")]
        self.assertEqual(cells, ["." * 32, "[000" + "." * 28, "[000[11111" + "." * 22, "....[11111" + "." * 22,
                                 "....[11111" + "." * 22, "....[11111.....[22" + "." * 14,
                                 "....[11111.....[22" + "." * 14, "....[111111....[22" + "." * 14,
                                 "...............[22" + "." * 14, "." * 32])

    def test_what_failed_is_marked_below_its_line(self):
        lines = self.picture("--map", MERGE, tool=broken.tool(PRESET, "merge-right-forgotten")).splitlines()
        self.assertTrue(lines[-3].startswith(">     2  free 1"))
        self.assertEqual(lines[-2].index("^"), lines[-3].index("|") + 1 + 8)
        self.assertEqual(lines[-2].count("^"), 8)
        self.assertEqual(lines[-1].strip(), "the second free block: 64 bytes at offset 64")

    def test_a_pipe_gets_no_colour(self):
        self.assertNotIn("\033", self.picture("--map"))

    def in_terminal(self, columns, **variables):
        """What the map is on a terminal of so many columns."""
        self.write("program.ops", EXAMPLE)
        environment = {name: value for name, value in os.environ.items() if name != "NO_COLOR"}
        code, output = run_on_terminal([TOOL, "show", "program.ops", "--map"], columns, folder=self.folder,
                                       environment={**environment, "TERM": "xterm", **variables})
        self.assertEqual(code, SOUND)
        return output.decode().replace("\r\n", "\n")

    def test_a_terminal_gets_colour_unless_it_is_refused(self):
        coloured = self.in_terminal(100)
        self.assertIn("\033[", coloured)
        plain = re.sub(r"\033\[[0-9;]*m", "", coloured)
        self.assertEqual(plain, self.picture("--map"))
        self.assertEqual(self.in_terminal(100, NO_COLOR="1"), plain)
        self.assertEqual(self.in_terminal(100, TERM="dumb"), plain)

    def test_lines_are_as_wide_as_the_terminal_at_most(self):
        for columns in (60, 80, 133):
            lines = self.in_terminal(columns, NO_COLOR="1").splitlines()
            maps = [line for line in lines if line.endswith("|")]
            self.assertEqual(len(maps), 10)
            self.assertLessEqual(max(len(line) for line in maps), columns)
