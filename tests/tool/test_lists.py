"""The targets that are fuzzed are listed in several places, because several languages read them: all must list the same. The
workflows' lists are tested in tests/workflows.
"""

import pathlib
import re

from kmemfuzz import campaign

ROOT = pathlib.Path(__file__).resolve().parents[2]
EMPTY = "empty"  # the target that only measures libFuzzer itself


class TestTargets:
    def test_a_campaign_knows_every_target_there_is_a_source_of(self):
        sources = {path.name.removesuffix("_fuzzer.c") for path in (ROOT / "fuzz" / "libfuzzer").glob("*_fuzzer.c")}
        assert sorted(sources - {EMPTY}) == sorted(campaign.TARGETS)

    def test_every_source_of_a_target_is_built(self):
        built = set(re.findall(r"^ *kmem_fuzzer\((\w+)_fuzzer ", (ROOT / "fuzz/CMakeLists.txt").read_text(encoding="utf-8"),
                               re.MULTILINE))
        assert built - {EMPTY} == set(campaign.TARGETS)

    def test_ci_test_runs_every_target(self):
        found = re.findall(r"^    for target in ((?:\w+:\d+ ?)+); do$", (ROOT / "ci/test").read_text(encoding="utf-8"),
                           re.MULTILINE)
        assert [[word.split(":")[0] for word in words.split()] for words in found] == [list(campaign.TARGETS)]
