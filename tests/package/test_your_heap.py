"""The pages on heaps of a reader's own, word for word, each in an empty folder: its files are written as they are shown, its commands run in their order, and
what they print is what it shows."""

import pathlib
import shutil

import document_blocks
import document_walks
import documents
import pytest
from folders import FolderTest

ROOT = pathlib.Path(__file__).resolve().parents[2]


class TestThePage(FolderTest):
    @pytest.mark.parametrize("path, least", [("docs/your-heap.md", 20), ("docs/other-heaps.md", 7)])
    def test_a_reader_who_follows_it_word_for_word_sees_what_it_shows(self, path, least):
        page = documents.parse_document(pathlib.Path(path), (ROOT / path).read_text(encoding="utf-8"))
        blocks = [block for block in page.blocks if block.mark("needs") is None or shutil.which(block.mark("needs"))]
        tally = documents.Tally()
        walk = document_walks.Walk(ROOT, ROOT / "build/release/kmemfuzz", self.folder)
        document_blocks.check_blocks(page._replace(blocks=blocks), walk, tally)
        assert tally.failures == []
        assert tally.passed >= least
