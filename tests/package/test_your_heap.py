"""docs/your-heap.md, word for word in an empty folder: its files are written as they are shown, its commands run in their order, and
what they print is what it shows."""

import os
import pathlib
import re
import shutil
import subprocess

import document_blocks
import documents
from folders import FolderTest

ROOT = pathlib.Path(__file__).resolve().parents[2]
PAGE = pathlib.Path("docs/your-heap.md")
TIMEOUT = 600  # seconds a command may take on a busy machine before it counts as hanging


class Walk(document_blocks.Scratch):
    """A folder in which all commands of a document are run."""

    not_run = ()

    def copy(self, planted=None):
        return self.folder

    def walks(self, document):
        return True

    def run(self, command, planted):
        environment = {name: value for name, value in os.environ.items() if not name.startswith("KMEM")}
        environment.update(PATH=f"{self.kmemfuzz.parent}:{os.environ['PATH']}", LC_ALL="C")
        done = subprocess.run(["bash", "-c", command], cwd=self.folder, env=environment, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace", check=False, timeout=TIMEOUT)
        return done.returncode, re.sub(r"UBSan, in \d+ s,", "UBSan, in 9 s,", done.stdout)


class TestThePage(FolderTest):
    def test_a_reader_who_follows_it_word_for_word_sees_what_it_shows(self):
        page = documents.parse_document(PAGE, (ROOT / PAGE).read_text(encoding="utf-8"))
        blocks = [block for block in page.blocks if block.mark("needs") is None or shutil.which(block.mark("needs"))]
        tally = documents.Tally()
        document_blocks.check_blocks(page._replace(blocks=blocks), Walk(ROOT, ROOT / "build/release/kmemfuzz", self.folder), tally)
        assert tally.failures == []
        assert tally.passed >= 30
