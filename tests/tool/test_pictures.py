"""Tests of the pictures kmemfuzz draws of a run, without a browser: the page as a file, the still picture as XML, the
map in text; of runs that are sound, that break a rule, that die. What a page does is tested in tests/browser.

KMEM_PRESET names the build whose tool is tested (default: release).
"""

import json
import os
import re
import xml.etree.ElementTree

import broken
import pytest
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

SMALL = """kmem-program 1
heap page=64 pages=16 growth=0 slots=16
alloc 0 100
alloc 1 8
alloc 2 8
alloc 3 8
alloc 4 200
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
        assert (code, errors) == (SOUND, "")
        if option == "--map":
            return output
        assert output == ""
        return (self.folder / "picture").read_text(encoding="utf-8")


class TestFiles(PictureTest):
    def test_a_picture_is_not_written_over_a_file_unless_forced(self):
        self.write("program.ops", EXAMPLE)
        for option in ("--html", "--svg"):
            self.write("out", "mine")
            code, output, errors = self.run_tool("show", "program.ops", option, "out")
            assert (code, output) == (USAGE, "")
            assert errors == "kmemfuzz: out exists; choose another name, or --force to replace it\n"
            assert (self.folder / "out").read_text(encoding="utf-8") == "mine"
            self.require(SOUND, "", "", "show", "program.ops", option, "out", "--force")
            assert (self.folder / "out").read_text(encoding="utf-8") != "mine"
            assert self.names() == ["out", "program.ops"]

    def test_a_file_that_cannot_be_written_is_named_and_ends_with_3(self):
        self.write("program.ops", EXAMPLE)
        code, output, errors = self.run_tool("show", "program.ops", "--html", "nowhere/out")
        assert (code, output) == (ENVIRONMENT, "")
        assert errors == "kmemfuzz: cannot write nowhere/out: No such file or directory\n"

    def test_wrong_arguments_are_named(self):
        self.write("program.ops", EXAMPLE)
        self.require_misuse("show", "--html needs the name of the file to write", "program.ops", "--html")
        self.require_misuse("show", "--svg needs the name of the file to write", "program.ops", "--svg")
        self.require_misuse("show", "there is no option '--png' (did you mean --svg?)", "program.ops", "--png")
        self.require_misuse("show", "it takes a program", "--map")
        self.require_misuse("show", "'program.ops' is one argument too many", "program.ops", "program.ops", "--map")

    def test_all_pictures_can_be_had_at_once(self):
        self.write("program.ops", EXAMPLE)
        code, output, errors = self.run_tool("show", "program.ops", "--html", "a", "--svg", "b", "--map")
        assert (code, errors) == (SOUND, "")
        assert output.startswith("sound: ")
        assert self.names() == ["a", "b", "program.ops"]

    def test_a_program_drawn_twice_gives_the_same_bytes(self):
        for option in ("--html", "--svg", "--map"):
            assert self.picture(option) == self.picture(option)


class TestPage(PictureTest):
    @pytest.mark.parametrize("path", sorted((ROOT / "corpus" / "seeds").glob("*.ops")))
    def test_every_heap_is_the_trace_s(self, path):
        program = path.read_text(encoding="utf-8")
        heaps = heaps_of(run_of(self.picture("--html", program)))
        trace = self.run_tool("run", "program.ops", "--trace")[1]
        assert heaps[1:] == [heap for heap in heaps_in_trace(trace)]

    def test_it_names_nothing_to_load(self):
        page = self.picture("--html")
        assert not re.search(r"https?:|@import|url\(|\bsrc=|fetch\(|XMLHttpRequest|import\(", page)
        assert re.findall(r'href="([^"]*)"', page) == ["data:,"]
        assert "default-src 'none'" in page

    def test_no_name_can_leave_its_place(self):
        self.write("program.ops", EXAMPLE)
        for name in (HOSTILE.replace("/", ""), "\u2028\u2029", "a\nb\tc", "\\u003c"):
            page = self.picture("--html", name=name)
            assert run_of(page)["file"] == name
            data = page[page.index('id="run">'):]
            assert "<script>alert" not in data
            picture = self.picture("--svg", name=name)
            xml.etree.ElementTree.fromstring(picture)

    def test_a_violation_has_its_report_its_operation_and_its_bytes(self):
        run = run_of(self.picture("--html", MERGE, tool=broken.tool(PRESET, "merge-right-forgotten")))
        assert (run["end"], run["failed"], run["title"]) == ("violation", 2, "VIOLATION free-merged")
        assert run["sentence"] == "No two adjacent blocks are both free."
        assert dict(run["facts"])["operation"] == "2: free 1"
        assert [(extent["offset"], extent["size"]) for extent in run["extents"]] == [(64, 64)]

    def test_a_subject_that_dies_is_drawn_up_to_there_with_what_it_said(self):
        program = "kmem-program 1\nheap page=64 pages=4 growth=2 slots=16\nalloc 0 24\nzalloc 3 40\nalloc 1 8\n"
        run = run_of(self.picture("--html", program, tool=broken.tool("dev", "zalloc-clears-one-word-more")))
        assert (run["end"], run["failed"], len(run["steps"])) == ("died", 1, 2)
        assert re.search("^use-after-poison in kmem_zalloc$", run["sentence"])
        assert "==ERROR: AddressSanitizer: use-after-poison" in run["said"]
        assert [(extent["offset"], extent["size"]) for extent in run["extents"]] == [(80, 8)]
        assert run["steps"][1][1] == "-> died"

    def test_a_program_without_operations_has_one_heap(self):
        run = run_of(self.picture("--html", b"\1", name="header"))
        assert (run["end"], run["steps"], len(run["first"])) == ("sound", [], 1)


class TestStillPicture(PictureTest):
    def blocks(self, picture):
        """The blocks in a still picture, by heap from the top: (left, width, description)."""
        heaps = {}
        for rect in xml.etree.ElementTree.fromstring(picture).iter(f"{SVG}rect"):
            assert "block" in rect.get("class").split()
            heaps.setdefault(float(rect.get("y")), []).append(rect)
        return [heaps[y] for y in sorted(heaps)]

    def test_it_has_a_rectangle_for_every_block_of_every_heap(self):
        drawn = [len(heap) for heap in self.blocks(self.picture("--svg"))]
        trace = self.run_tool("run", "program.ops", "--trace")[1]
        assert drawn == [1] + [heap.count("|") - 1 for heap in heaps_in_trace(trace)]

    def test_a_long_run_ends_with_the_heap_that_failed_and_the_one_before(self):
        many = MERGE.replace("alloc 0 24", "null\n" * 40 + "alloc 0 24")
        heaps = self.blocks(self.picture("--svg", many, tool=broken.tool(PRESET, "merge-right-forgotten")))
        assert [len(heap) for heap in heaps[-2:]] == [3, 3]
        assert len(heaps) == 12
        assert heaps[-1][1].find(f"{SVG}title").text == "free, offset 32, 32 bytes"

    def test_a_failure_is_marked_and_said(self):
        picture = self.picture("--svg", MERGE, tool=broken.tool(PRESET, "merge-right-forgotten"))
        root = xml.etree.ElementTree.fromstring(picture)
        texts = [element.text for element in root.iter(f"{SVG}text")]
        assert "VIOLATION free-merged" in texts
        assert "> 2  free 1" in texts
        assert "marked: the second free block, 64 bytes at offset 64" in texts
        marked, arrow = (next(path.get("d") for path in root.iter(f"{SVG}path") if path.get("class") == name)
                         for name in ("marked", "arrow"))
        assert marked.split()[0] == arrow.split()[0]  # the tip is where the bytes begin

    def test_no_frame_crosses_a_label(self):
        program = (ROOT / "docs/pictures/first-hole.ops").read_text(encoding="utf-8")
        root = xml.etree.ElementTree.fromstring(self.picture("--svg", program, tool=broken.tool(PRESET, "best-fit")))
        frames = [list(map(float, re.match(r"M([\d.]+) ([\d.]+)h([\d.]+)", path.get("d")).groups()))
                  for path in root.iter(f"{SVG}path") if path.get("class") == "marked"][:2]
        labels = [(float(text.get("x")), text.text) for text in root.iter(f"{SVG}text")
                  if text.get("class").startswith("label") and 0 < float(text.get("y")) - frames[0][1] < 28]
        assert {"free 112", "48"} <= {text for _, text in labels}
        for x, text in labels:
            for left, _, width in frames:
                assert not any(x - 1 < side < x + 6.6 * len(text) for side in (left, left + width)), text

    def test_a_narrow_block_shows_its_allocation_s_colour(self):
        program = "kmem-program 1\nheap page=4096 pages=1 growth=0 slots=16\nalloc 0 1\nalloc 1 3000\n"
        root = xml.etree.ElementTree.fromstring(self.picture("--svg", program))
        block = next(rect for rect in root.iter(f"{SVG}rect") if "a0" in rect.get("class"))
        inside = [place for path in root.iter(f"{SVG}path") if path.get("class") in ("header", "slack")
                  for place in re.findall(r"M([\d.]+) [\d.]+h([\d.]+)", path.get("d"))]
        widths = [float(width) for left, width in inside if left == block.get("x")]
        assert widths and max(widths) <= float(block.get("width")) / 2
        assert len([left for left, _ in inside if float(block.get("x")) <= float(left) < float(block.get("x")) + 2.5]) == len(widths)

    def test_chosen_operations_are_drawn_with_the_heap_before_them_and_no_report(self):
        self.write("program.ops", MERGE)
        self.require(SOUND, "", "", "show", "program.ops", "--svg", "out", "--operations", "1-2")
        picture = (self.folder / "out").read_text(encoding="utf-8")
        assert [len(heap) for heap in self.blocks(picture)] == [2, 3, 2]
        texts = [element.text for element in xml.etree.ElementTree.fromstring(picture).iter(f"{SVG}text")]
        assert [text for text in texts if text[0].isdigit() and "  " in text] == ["0  alloc 0 24", "1  alloc 1 24", "2  free 1"]
        assert "sound" not in texts and "what failed" not in texts

    def test_a_chosen_operation_that_failed_has_its_report(self):
        self.write("program.ops", MERGE)
        tool = broken.tool(PRESET, "merge-right-forgotten")
        for chosen, reported in (("2", True), ("0-1", False)):
            assert self.run_tool("show", "program.ops", "--svg", "out", "--force", "--operations", chosen, tool=tool)[0] == SOUND
            assert ("VIOLATION" in (self.folder / "out").read_text(encoding="utf-8")) == reported, chosen

    def test_operations_that_cannot_be_drawn_are_refused(self):
        self.write("program.ops", MERGE)
        self.require_misuse("show", "--operations goes with --svg", "program.ops", "--operations", "1")
        for chosen in ("", "x", "-1", "2-", "2-1", "1-2-3", "1 "):
            self.require_misuse("show", "--operations needs FIRST-LAST, such as 3-5", "program.ops", "--svg", "out", "--operations", chosen)
        for chosen, last in (("4", "4"), ("0-99", "99"), ("99999999999999999999", "18446744073709551615")):
            code, output, errors = self.run_tool("show", "program.ops", "--svg", "out", "--operations", chosen)
            assert (code, output) == (USAGE, "")
            assert errors == f"kmemfuzz show: there is no operation {last}: the run has 4, counted from 0\n"
        assert self.names() == ["program.ops"]

    def test_blocks_lie_side_by_side_inside_the_picture(self):
        picture = self.picture("--svg")
        width = float(xml.etree.ElementTree.fromstring(picture).get("width"))
        for heap in self.blocks(picture):
            ends = [(float(rect.get("x")), float(rect.get("x")) + float(rect.get("width"))) for rect in heap]
            assert ends == sorted(ends)
            assert all(left[1] <= right[0] + 0.02 for left, right in zip(ends, ends[1:]))
            assert ends[-1][1] <= width


class TestMap(PictureTest):
    def test_it_is_a_line_for_each_operation_and_one_for_the_start(self):
        lines = self.picture("--map").splitlines()
        cells = [line.split("|")[1] for line in lines if line.endswith("|")]
        eights = ["." * 32, "[000" + "." * 28, "[000[11111" + "." * 22, "....[11111" + "." * 22, "....[11111"
                  + "." * 22, "....[11111.....[22" + "." * 14, "....[11111.....[22" + "." * 14, "....[111111....[22"
                  + "." * 14, "...............[22" + "." * 14, "." * 32]
        assert "  a character is 4 bytes:" in "\n".join(lines)
        assert cells == ["".join(character * 2 for character in heap) for heap in eights]

    def test_what_failed_is_marked_below_its_line(self):
        lines = self.picture("--map", MERGE, tool=broken.tool(PRESET, "merge-right-forgotten")).splitlines()
        assert lines[-3].startswith("> 2  free 1")
        assert lines[-2].index("^") == lines[-3].index("|") + 1 + 64 // 2
        assert lines[-2].count("^") == 64 // 2
        assert lines[-1].strip() == "the second free block: 64 bytes at offset 64"

    def test_a_pipe_gets_no_colour(self):
        assert "\033" not in self.picture("--map")

    def in_terminal(self, columns, program=EXAMPLE, **variables):
        """What the map is on a terminal of so many columns."""
        self.write("program.ops", program)
        environment = {name: value for name, value in os.environ.items() if name != "NO_COLOR"}
        code, output = run_on_terminal([TOOL, "show", "program.ops", "--map"], columns, folder=self.folder,
                                       environment={**environment, "TERM": "xterm", **variables})
        assert code == SOUND
        return output.decode().replace("\r\n", "\n")

    def test_a_terminal_gets_colour_unless_it_is_refused(self):
        coloured = self.in_terminal(100)
        assert "\033[" in coloured
        plain = re.sub(r"\033\[[0-9;]*m", "", coloured)
        assert plain == self.picture("--map")
        assert self.in_terminal(100, NO_COLOR="1") == plain
        assert self.in_terminal(100, TERM="dumb") == plain

    def test_lines_are_as_wide_as_the_terminal_at_most(self):
        for columns in (40, 60, 80, 133):
            lines = self.in_terminal(columns, NO_COLOR="1").splitlines()
            maps = [line for line in lines if line.endswith("|")]
            assert len(maps) == 10
            legend = lines[lines.index("") + 1:-len(maps)]
            assert legend[0].startswith("  a character is ")
            assert max(len(line) for line in legend + maps) <= columns

    def test_every_live_allocation_is_seen_however_small(self):
        lines = self.in_terminal(40, SMALL, NO_COLOR="1").splitlines()
        cells = [line.split("|")[1].rstrip(".") for line in lines if line.endswith("|")]
        assert "  a character is 56 bytes: [ header," in lines
        assert cells == ["", "[0", "[01", "[0+", "[0+", "[0+4444", "..+4444", "..+4444", "..34444", "...4444", ""]

    def test_what_is_never_used_of_a_large_heap_is_left_out(self):
        large = "kmem-program 1\nheap page=4096 pages=8 growth=0 slots=16\nalloc 0 100\nalloc 1 24\n"
        lines = self.picture("--map", large).splitlines()
        assert lines[5].startswith("  a character is 4 bytes of the first 215:")
        assert [line.split("|")[1].rstrip(".") for line in lines[-5:-2]] == ["", "[[" + "0" * 25 + "~", "[[" + "0" * 25 + "~[[111111"]
        assert "of the first" not in self.picture("--map", large.replace("alloc 1 24", "alloc 1 20000"))
