"""docs/rust.md has every module, and its figures are those that the crate measures."""

import re

from rust_crate import CRATE, TREE, cargo

PAGE = (TREE / "docs/rust.md").read_text(encoding="utf-8")


def cells(head):
    """The cells of each row of the page's table whose head begins so."""
    table = PAGE[PAGE.index(head):].partition("\n\n")[0].splitlines()
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table[2:]]


class TestRustPage:
    """What the page shows."""

    def test_every_module_with_an_example_has_a_row_and_an_item(self):
        source = (CRATE / "tests/modules/examples.rs").read_text(encoding="utf-8")
        examples = re.findall(r"^pub fn (\w+)\(\) {$", source, re.M)
        rows = [row[0].strip("`").lower() for row in cells("| module |")]
        items = [name.lower() for name in re.findall(r"^- \*\*(\w+)\*\*: ", PAGE.partition("\n## One by one\n")[2], re.M)]
        assert rows == items
        assert sorted(name.replace("_", "") for name in examples) == sorted(items)

    def test_the_bytes_and_blocks_of_a_module_are_among_the_figures(self):
        figures = iter([(row[4], row[3]) for row in cells("| 1,000 elements |")])
        shown = [pair for row in cells("| module |") for pair in re.findall(r"([\d,]+) in ([\d,]*\d)", row[3])]
        assert len(shown) > 16
        assert all(pair in figures for pair in shown), shown  # in the same order

    def test_the_figures_are_those_measured(self):
        table = cargo("run", "--quiet", "--example", "figures")
        assert table.count("\n") > 20
        assert table in PAGE, f"docs/rust.md has to show this:\n{table}"
