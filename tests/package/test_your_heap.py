"""docs/your-heap.md, word for word in an empty folder: its files are written as they are shown, its commands run in their order, and
what they print is what it shows."""

import pathlib
import shutil

import document_blocks
import document_walks
import documents
from folders import FolderTest

ROOT = pathlib.Path(__file__).resolve().parents[2]
PAGE = pathlib.Path("docs/your-heap.md")


class TestThePage(FolderTest):
    def test_a_reader_who_follows_it_word_for_word_sees_what_it_shows(self):
        page = documents.parse_document(PAGE, (ROOT / PAGE).read_text(encoding="utf-8"))
        blocks = [block for block in page.blocks if block.mark("needs") is None or shutil.which(block.mark("needs"))]
        tally = documents.Tally()
        walk = document_walks.Walk(ROOT, ROOT / "build/release/kmemfuzz", self.folder)
        document_blocks.check_blocks(page._replace(blocks=blocks), walk, tally)
        assert tally.failures == []
        assert tally.passed >= 30
