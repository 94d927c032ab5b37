"""The targets that are fuzzed are listed in several places, because several languages read them: all must list the same. The
workflows' lists are tested in tests/workflows.
"""

import pathlib
import re

from kmemfuzz import campaign, corpus, two_files

ROOT = pathlib.Path(__file__).resolve().parents[2]
EMPTY = "empty"  # the target that only measures libFuzzer itself
TWO_FILES = "two_files"  # the target that a heap's author builds, out of the two files


def built():
    """(what fuzz/CMakeLists.txt builds from a source of its own, what it builds from the heap's target)."""
    text = (ROOT / "fuzz/CMakeLists.txt").read_text(encoding="utf-8")
    layers, = re.findall(r"^ *foreach\(layer ([\w ]+)\)\n *kmem_fuzzer\(\$\{layer\}_fuzzer \$<TARGET_OBJECTS:kmem_heap_target> ", text, re.MULTILINE)
    return set(re.findall(r"^ *kmem_fuzzer\((\w+)_fuzzer ", text, re.MULTILINE)), set(layers.split())


class TestTargets:
    def test_every_source_of_a_target_is_built(self):
        sources = {path.name.removesuffix("_fuzzer.c") for path in (ROOT / "fuzz" / "libfuzzer").glob("*_fuzzer.c")}
        assert sources == built()[0] | {TWO_FILES}
        assert f"fuzz/libfuzzer/{TWO_FILES}_fuzzer.c" in two_files.SOURCES

    def test_a_campaign_knows_every_target_that_is_built(self):
        assert sorted((built()[0] | built()[1]) - {EMPTY}) == sorted(campaign.TARGETS)

    def test_the_layers_that_are_fuzzed_as_heaps_run_programs(self):
        assert built()[1] | {"heap"} == set(corpus.PROGRAMS)

    def test_ci_test_runs_every_target(self):
        found = re.findall(r"^    for target in ((?:\w+:\d+ ?)+); do$", (ROOT / "ci/test").read_text(encoding="utf-8"),
                           re.MULTILINE)
        assert [[word.split(":")[0] for word in words.split()] for words in found] == [list(campaign.TARGETS)]
