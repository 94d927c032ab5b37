"""What each oracle is needed for: a negative test that it has to object in, and a planted bug or a heap's defect that it names.
docs/strength.md has a table of them, and the reasons of those that no bug needs.
"""

import functools
import pathlib
import re

import planted
import test_subjects

ROOT = pathlib.Path(__file__).resolve().parents[2]
LISTS = ("invariants/invariant.h", "fuzz/execute/oracle.h")
ROW = re.compile(r"^\| `([a-z-]+)` \| ([a-z_, ]+) \| (\S+) \| (.+) \|$", re.MULTILINE)
NONE = "–"
TALK = ("test_explain", "test_explain_fact", "test_report", "test_history", "test_pattern_arena")  # of verdicts that are given


def oracles():
    """{id: its name in C} of every invariant of the heap and every other oracle."""
    texts = [(ROOT / path).read_text(encoding="utf-8").replace("\\\n", " ") for path in LISTS]
    return {identifier: name for text in texts for name, identifier in re.findall(r'X\((\w+),\s*"([a-z-]+)"', text)}


@functools.cache
def required():
    """For each unit test the words of the verdicts that it requires: ids, and names in C."""
    words = {}
    for path in (ROOT / "tests/unit").glob("test_*.c"):
        text = path.read_text(encoding="utf-8")
        asserts = "".join(re.findall(r"\bassert\w*\([^;]*", text))
        words[path.stem] = {*re.findall(r'"([a-z-]+) [-\d%]', text), *re.findall(r"\b(?:ORACLE|INVARIANT)_(\w+)", asserts)}
    return words


def negative_tests(identifier, name):
    """The unit tests that require a verdict of an oracle: tests/unit/test_UNIT.c."""
    return {unit.removeprefix("test_") for unit, words in required().items() if unit not in TALK and words & {identifier, name}}


def planted_bugs(identifier):
    """The planted bugs that an oracle may be first to catch."""
    return {path.stem for path in (ROOT / planted.PATCHES).glob("*.patch")
            if identifier in re.split(", *", planted.parse_header(path.read_text(encoding="utf-8"))["Oracle"])}


def defects(identifier):
    """The defects of the heaps in tests/subjects that an oracle may be first to name, as HEAP:DEFECT."""
    return {f"{heap}:{defect}" for heap, own in test_subjects.HEAPS.items() for defect, named in own.items()
            if identifier in named.split("|")}


def table():
    """{id: (negative tests, planted bug, defect)} of the table in docs/strength.md, and the text around it."""
    text = (ROOT / "docs/strength.md").read_text(encoding="utf-8")
    return {row[0]: (set(row[1].split(", ")), row[2].strip("`"), row[3].strip("`")) for row in ROW.findall(text)}, text


class TestOracles:
    def test_each_has_a_negative_test(self):
        assert len(oracles()) >= 40
        assert [identifier for identifier, name in oracles().items() if not negative_tests(identifier, name)] == []

    def test_each_is_first_to_name_a_bug_or_has_its_reason_in_the_document(self):
        _, text = table()
        idle = [identifier for identifier in oracles() if not planted_bugs(identifier) | defects(identifier)]
        assert [identifier for identifier in idle if f"- `{identifier}`: " not in text] == []
        assert [word for word in re.findall(r"^- `([a-z-]+)`: ", text, re.MULTILINE) if word in oracles()] == idle

    def test_the_table_has_a_row_for_each_in_order_and_all_it_says_is_so(self):
        rows, _ = table()
        assert list(rows) == list(oracles())
        for identifier, (units, bug, defect) in rows.items():
            assert units and units <= negative_tests(identifier, oracles()[identifier]), identifier
            assert bug in (planted_bugs(identifier) or {NONE}), identifier
            assert defect in (defects(identifier) or {NONE}), identifier


if __name__ == "__main__":
    for identifier_, name_ in oracles().items():
        examples = [f"`{min(found, key=lambda word: (len(word), word))}`" if found else NONE
                    for found in (planted_bugs(identifier_), defects(identifier_))]
        print(f"| `{identifier_}` | {', '.join(sorted(negative_tests(identifier_, name_)))} | {' | '.join(examples)} |")
