"""The patches that break this tree say what they change in few lines, so each hunk must fit in one place only: `patch` would take
the nearest of several, and leave the bug in another function when lines are moved."""

import itertools
import re

import pytest

from tool_fixture import ROOT

PATCHES = sorted(path for folder in ("planted", "planted/deep", "harness") for path in (ROOT / "tests" / folder).glob("*.patch"))
HUNK = re.compile(r"@@ -\d+(?:,\d+)? \+\d+(?:,\d+)? @@ ?(.*)")


def hunks_of(text):
    """(file, the function that a hunk names, its lines) of each hunk of a patch."""
    file, hunks = None, []
    for line in text.splitlines():
        match = HUNK.fullmatch(line)
        if line.startswith("--- a/"):
            file = line.removeprefix("--- a/")
        elif match:
            hunks.append((file, match[1], []))
        elif hunks and line[:1] in (" ", "-", "+") and not line.startswith("+++ "):
            hunks[-1][2].append(line)
    return hunks


def places_of(old, lines):
    """Where in a file lines stand, from 0."""
    return [i for i in range(len(lines) - len(old) + 1) if lines[i:i + len(old)] == old]


@pytest.mark.parametrize("path", PATCHES, ids=lambda path: path.stem)
def test_each_hunk_fits_in_one_place_which_is_in_the_function_it_names(path):
    hunks = hunks_of(path.read_text(encoding="utf-8"))
    assert hunks
    for file, function, changed in hunks:
        lines = (ROOT / file).read_text(encoding="utf-8").splitlines()
        old = [line[1:] for line in changed if line[0] != "+"]
        places = places_of(old, lines)
        assert old and len(places) == 1, (file, changed, [place + 1 for place in places])
        if function and all(line[0] != " " for line in changed):
            above = itertools.dropwhile(lambda line: not re.match(r"[A-Za-z_$]|    def ", line), reversed(lines[:places[0]]))
            assert next(above, "").lstrip().startswith(function[:60].rstrip()), (file, changed)


def test_a_hunk_that_fits_twice_or_nowhere_is_noticed():
    (file, function, changed), = hunks_of("Bug: x.\n\n--- a/f.c\n+++ b/f.c\n@@ -2 +2 @@ int f(void)\n-    return 1;\n+    return 2;\n")
    assert (file, function, changed) == ("f.c", "int f(void)", ["-    return 1;", "+    return 2;"])
    old = [changed[0][1:]]
    assert [places_of(old, lines) for lines in (["a", *old, "b", *old], ["a"], [*old])] == [[1, 3], [], [0]]
