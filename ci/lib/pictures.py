"""The pictures in the documents. docs/pictures has for each a program, NAME.ops, and what `kmemfuzz show --svg` draws of it,
NAME.svg. The program's first line says how it is drawn:

    # picture [planted=BUG] [operations=FIRST-LAST]

planted: by a heap that has tests/planted/BUG.patch applied. operations: only these are drawn (kmemfuzz show --operations).
"""

import pathlib
import re
import subprocess
import tempfile
from typing import NamedTuple

from document_blocks import Broken

FOLDER = pathlib.Path("docs/pictures")
_FIRST_LINE = re.compile(r"# picture(?: planted=([\w-]+))?(?: operations=(\d+(?:-\d+)?))?$")


class Picture(NamedTuple):
    """A picture: its program, and how that is drawn."""
    program: pathlib.Path  # from the top of the tree
    planted: str | None
    operations: str | None

    @property
    def path(self):
        """Where it is kept."""
        return self.program.with_suffix(".svg")


def pictures_of(tree):
    """Every picture that a tree has a program for, by name. Raises Broken when a program does not say how it is drawn."""
    pictures = []
    for path in sorted((tree / FOLDER).glob("*.ops")):
        match = _FIRST_LINE.match(path.read_text(encoding="utf-8").partition("\n")[0])
        if match is None:
            raise Broken(f"{FOLDER / path.name}: the first line must be '# picture [planted=BUG] [operations=FIRST-LAST]'")
        pictures.append(Picture(FOLDER / path.name, match.group(1), match.group(2)))
    return pictures


def draw(picture, scratch):
    """The bytes of a picture. Raises Broken when they cannot be had."""
    only = ["--operations", picture.operations] if picture.operations else []
    with tempfile.TemporaryDirectory(prefix="check-docs-") as folder:
        drawn = pathlib.Path(folder) / picture.path.name
        command = [scratch.tool(picture.planted), "show", picture.program.name, "--svg", drawn, *only]
        done = subprocess.run(command, cwd=scratch.tree / FOLDER, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              check=False)
        if done.returncode != 0:
            raise Broken(f"{picture.program} cannot be drawn: {done.stdout.strip()}")
        return drawn.read_bytes()


def problems_of(tree, documents, scratch):
    """(path, problem) for each picture, problem None when there is none; documents are all of the tree's, parsed."""
    shown = " ".join(paragraph.text for document in documents for paragraph in document.paragraphs)
    pictures = pictures_of(tree)
    for picture in pictures:
        try:
            kept = (tree / picture.path).read_bytes() if (tree / picture.path).is_file() else b""
            problem = None if draw(picture, scratch) == kept else "it is stale; ./ci/docs --pictures draws it"
        except Broken as failure:
            problem = str(failure)
        if problem is None and f"pictures/{picture.path.name})" not in shown:
            problem = "no document shows it"
        yield picture.path, problem
    for path in sorted((tree / FOLDER).glob("*.svg")):
        if FOLDER / path.name not in [picture.path for picture in pictures]:
            yield FOLDER / path.name, "there is no program that draws it"


def write(tree, scratch):
    """Draws every picture into a tree. Returns the paths of those that were stale."""
    stale = []
    for picture in pictures_of(tree):
        drawn = draw(picture, scratch)
        path = tree / picture.path
        if not path.is_file() or path.read_bytes() != drawn:
            path.write_bytes(drawn)
            stale.append(picture.path)
    return stale
