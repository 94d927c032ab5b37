"""What documents say in numbers is what the sources say. Each fact has its place in a source or in a baseline; where a document
repeats it, a test here holds the two together."""

import itertools
import pathlib
import re

TREE = pathlib.Path(__file__).resolve().parents[2]


def read(path):
    """A file of the tree."""
    return (TREE / path).read_text(encoding="utf-8")


def number_of(path, pattern):
    """The one number that a pattern finds in a file."""
    found = re.findall(pattern, read(path))
    assert len(found) == 1, f"{path} has {len(found)} of {pattern}"
    return int(found[0].replace(",", "").replace("_", ""))


def table_rows(document, head):
    """The cells of each row of a document's table, whose head begins so."""
    lines = itertools.takewhile(lambda line: line.startswith("|"), document[document.index(head):].splitlines())
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in list(lines)[2:]]


class TestFacts:
    """Numbers in documents."""


    def test_the_instructions_that_a_document_shows_are_the_baselines(self):
        counts = {tuple(line.split()[:2]): f"{int(line.split()[2]):,}"
                  for line in read("tests/board/instructions.txt").splitlines() if not line.startswith("#")}
        rows = table_rows(read("docs/board-cost.md"), "| what | line | 64 bits | 32 bits |")
        assert len(rows) > 20
        for _, operations, *figures in rows:
            names = re.findall("`(.*?)`", operations)
            assert any((name, operation) in counts for name in ("rv64", "rv32") for operation in names), operations
            for board, shown in zip(("rv64", "rv32"), figures):
                assert shown == ", ".join(counts.get((board, name), "-") for name in names), operations

    def test_the_figures_in_the_text_about_choices_are_those_of_its_tables_and_of_the_baseline(self):
        counts = dict(line.split()[1:] for line in read("tests/board/instructions.txt").splitlines() if line.startswith("rv64 "))
        tables, text = re.match(r"(?s).*?```text measured\n(.*?)```(.*?)```", read("docs/choices.md")).groups()
        text += read("docs/choices.md").rpartition("```")[2]
        cited = re.findall(r"(\d+) instructions\s+\(`([\w-]+)`\)", text)
        assert len(cited) >= 4 and all(counts[name] == number for number, name in cited), cited
        figures = re.findall(r"\b\d{1,3}(?:,\d{3})+\b", text)
        assert len(figures) > 10 and not set(figures) - {"1,000"} - set(re.findall(r"[\d,]+", tables)), figures

    def test_the_wrong_lines_shown_are_those_of_the_patch_that_the_program_after_them_runs_with(self):
        shown = re.findall(r"(?s)```diff\n(.*?)```.*?```console planted=([\w-]+)\n\$ kmemfuzz run (\S+)", read("docs/defects.md"))
        assert len(shown) > 12
        for lines, name, program in shown:
            patch = read(f"tests/planted/{name}.patch")
            around = {" " + line for line in read(re.search(r"(?m)^--- a/(.*)$", patch)[1]).splitlines()}
            assert set(lines.splitlines()) <= {*patch.splitlines(), *around} and re.search(r"(?m)^[+-]", lines), name
            assert read(program).startswith(f"# picture planted={name}\n"), program

    def test_the_exit_codes_of_an_image_are_those_of_its_header_in_order(self):
        codes = [int(code) for code in re.findall(r"IMAGE_\w+ = (\d+),", read("fuzz/board/image.h"))]
        *codes, first_of_blobs = [code for code in codes if code > 1]
        errors = re.findall(r"X\((\w+), ?\\?\s*\"", read("fuzz/program/blob.h"))
        assert errors[0] == "OK"
        codes += [first_of_blobs + index for index in range(1, len(errors))]
        rows = table_rows(read("docs/board.md"), "| code | what is wrong |")
        assert [int(code) for code, _ in rows] == codes

    def test_the_kinds_of_damage_and_misuse_are_counted_right_and_begin_at_the_sizes_shown(self):
        text = read("docs/board-images.md") + read("docs/board-sanitizers.md")
        for path, request, counts in (
                ("fuzz/board/faults.h", "FAULT_REQUEST", r"the (\d+) kinds in `fuzz/board/faults.h`"),
                ("fuzz/subjects/misuse.h", "MISUSE_REQUEST", r"(\d+) kinds of misuse")):
            kinds = re.findall(r"X\(([A-Z]\w+), ?\\?\s*\"", read(path))
            found = re.findall(counts, text)
            assert found and all(int(count) == len(kinds) for count in found), (path, len(kinds), found)
            size = int(re.search(rf"{request}\s+\(?(?:\(\w+\))?(0x[0-9a-f]+)", read(path)).group(1), 16)
            assert f"`{size} + N` bytes" in text

    def test_the_operations_of_the_largest_input_are_what_a_decoder_finds_in_its_bytes(self):
        size = number_of("fuzz/kmemfuzz/fuzzer.py", r"MAXIMUM_INPUT_SIZE = (\d+)")
        most = []
        for version in (1, 2):
            header, operation = (number_of(f"fuzz/program/program_{version}.c", rf"#define {name}_SIZE\s+\(\(size_t\)(\d+)\)")
                                 for name in ("HEADER", "OPERATION"))
            most.append(-(-(size - header) // operation))
        assert f"at most {size} bytes, {most[0]} operations of format 1 or {most[1]} of format 2." in " ".join(
            read("docs/speed.md").split())
        assert number_of("fuzz/data/fuzzer.options", r"max_len = (\d+)") == size
        for path in ("ci/test", "docs/harness.md", "docs/engines.md", "tests/tool/test_violation.py"):
            assert number_of(path, r"-max_len=(\d+)") == size, path

    def test_no_document_counts_the_planted_bugs(self):
        for path in ("README.md", "CONTRIBUTING.md", "tests/planted/README.md", *map(str, (TREE / "docs").glob("*.md"))):
            assert re.findall(r"\d+ (?:planted |heap )?(?:bugs|patches)\b", read(path)) == [], path

    def test_the_programs_that_may_find_a_planted_bug_are_the_heap_s_budget(self):
        each, together = re.search(r"^MOST, TOGETHER = ([\d_]+), ([\d_]+)$", read("ci/lib/planted.py"), re.MULTILINE).groups()
        assert (f"within {int(each):,} programs, and all of them within {int(together):,} together"
                in " ".join(read("README.md").split()))
