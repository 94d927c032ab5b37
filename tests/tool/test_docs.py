"""./ci/docs: the API reference has what the headers say, and what Doxygen warns of is a failure. The pictures are tested with
ci/check-docs."""

import html
import re
import shutil

import docs
import document_blocks
import pytest
from tool_fixture import ROOT


@pytest.fixture(name="tree")
def copied_headers(folder):
    """A tree with the headers, to break."""
    for name in ("src", "invariants", "fuzz/execute", "ci/lib", "docs"):
        shutil.copytree(ROOT / name, folder / name)
    return folder


def test_the_reference_has_every_function_with_its_comment(tree):
    docs.make_reference(tree)
    page = html.unescape(re.sub(r"<[^>]*>", "", (tree / "build/docs/kmem_8h.html").read_text(encoding="utf-8")))
    header = (ROOT / "src/kmem.h").read_text(encoding="utf-8")
    functions = re.findall(r"^[a-z][^(;{}]*?[ *](kmem_\w+)\(", header, re.MULTILINE)
    assert len(functions) >= 15
    assert [name for name in functions if f"\u25c6\xa0{name}" not in page] == []
    assert "Frees the block whose payload is at pointer and merges it with free neighbours" in page


def test_what_doxygen_warns_of_is_a_failure(tree):
    header = tree / "src/kmem.h"
    text = header.read_text(encoding="utf-8")
    header.write_text(text.replace("Bytes in the region,", "Bytes in the \\ref gone region,"), encoding="utf-8")
    with pytest.raises(document_blocks.Broken, match=r"^src/kmem\.h:\d+: error: unable to resolve reference to 'gone'"):
        docs.make_reference(tree)
