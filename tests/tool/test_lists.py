"""The targets that are fuzzed are listed in several places, because several languages read them: all must list the same. The
workflows' lists are tested in tests/workflows.

Run: python3 tests/tool/test_lists.py
"""

import pathlib
import re
import sys
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "ci" / "lib"))
sys.dont_write_bytecode = True  # the tree is not for litter

import campaign  # pylint: disable=wrong-import-position  # noqa: E402

EMPTY = "empty"  # the target that only measures libFuzzer itself


class Targets(unittest.TestCase):
    def test_a_campaign_knows_every_target_there_is_a_source_of(self):
        sources = {path.name.removesuffix("_fuzzer.c") for path in (ROOT / "fuzz" / "targets").glob("*_fuzzer.c")}
        self.assertEqual(sorted(sources - {EMPTY}), sorted(campaign.TARGETS))

    def test_every_source_of_a_target_is_built(self):
        built = set(re.findall(r"^ *kmem_fuzzer\((\w+)_fuzzer ", (ROOT / "fuzz/CMakeLists.txt").read_text(encoding="utf-8"),
                               re.MULTILINE))
        self.assertEqual(built - {EMPTY}, set(campaign.TARGETS))

    def test_ci_test_runs_every_target(self):
        found = re.findall(r"^    for target in ((?:\w+:\d+ ?)+); do$", (ROOT / "ci/test").read_text(encoding="utf-8"),
                           re.MULTILINE)
        self.assertEqual([[word.split(":")[0] for word in words.split()] for words in found], [list(campaign.TARGETS)])


if __name__ == "__main__":
    unittest.main()
