"""Tests of heap_fuzzer under AFL++: a bounded campaign finds planted bugs, and its corpora and libFuzzer's can each be
carried on by the other.

Needs what ci/setup installs, and build/engines/address and build/engines/afl, which ci/engine makes.
"""

import contextlib
import hashlib
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

from kmemfuzz import fuzzer
import planted

ROOT = pathlib.Path(__file__).resolve().parents[2]
AFL = ROOT / "build/engines/afl/heap_fuzzer"
LIBFUZZER = ROOT / "build/engines/address/heap_fuzzer"
KMEMFUZZ = ROOT / "build/release/kmemfuzz"
TREE = ("src", "invariants", "fuzz", "cmake", "ci", "CMakeLists.txt", "CMakePresets.json")
TIMEOUT = 600  # seconds a command may take on a busy machine before it counts as hanging

# Shallow bugs in kmem.c, each found within a twentieth of the budget when this was written.
BUGS = ("merge-right-forgotten", "free-does-nothing", "split-remainder-lost", "zalloc-leaves-last-word",
        "zero-size-returns-block")
EXECUTIONS = 50_000
SEED = 1

# What AFL++ needs to run anywhere: no advice about the machine, no screen, and time enough on a busy one.
ENVIRONMENT = {"AFL_I_DONT_CARE_ABOUT_MISSING_CRASHES": "1", "AFL_SKIP_CPUFREQ": "1", "AFL_NO_AFFINITY": "1",
               "AFL_NO_UI": "1", "AFL_NO_COLOR": "1", "AFL_FORKSRV_INIT_TMOUT": "60000"}


def run(command, folder=ROOT, **environment):
    """(exit code, all output) of a command."""
    done = subprocess.run([str(word) for word in command], cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, check=False, timeout=TIMEOUT, env={**os.environ, **environment})
    return done.returncode, done.stdout.decode("utf-8", errors="replace")


def fuzz(target, inputs, output, executions, **environment):
    """A campaign of AFL++. Returns (exit code, what it printed, its statistics)."""
    code, printed = run(["afl-fuzz", "-i", inputs, "-o", output, "-s", SEED, "-E", executions, "-t", "10000", "--", target],
                        **ENVIRONMENT, **environment)
    statistics = output / "default" / "fuzzer_stats"
    text = statistics.read_text(encoding="utf-8") if statistics.is_file() else ""
    return code, printed, dict(re.findall(r"^(\w+)\s+: (.*)$", text, re.MULTILINE))


def files(folder):
    """The files of a folder that a fuzzer has filled."""
    return sorted(path for path in folder.iterdir() if path.is_file() and path.name != "README.txt")


class AflTest(unittest.TestCase):
    """A folder to work in."""

    maxDiff = None

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.inputs = self.folder / "inputs"
        self.inputs.mkdir()

    def nothing(self):
        """A corpus with next to nothing in it: AFL++ does not begin without an input."""
        (self.inputs / "nothing").write_bytes(b"\0")
        return self.inputs


class PlantedBugsTest(AflTest):
    """A copy of the tree, built for AFL++ once, in which one bug after another is planted."""

    @classmethod
    def setUpClass(cls):
        holder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(holder.cleanup)
        cls.tree = pathlib.Path(holder.name)
        for name in TREE:
            if (ROOT / name).is_dir():
                shutil.copytree(ROOT / name, cls.tree / name, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy2(ROOT / name, cls.tree / name)
        cls.build(["cmake", "--preset", "engine"])
        with contextlib.chdir(ROOT):
            oracles = planted.read_oracles()
        cls.patches = {patch.name: patch for patch in planted.read_patches(ROOT / "tests/planted", oracles)}

    @classmethod
    def build(cls, command):
        """A step of the build, in the environment of AFL++."""
        code, output = run(command, cls.tree, CC="afl-clang-fast", CXX="afl-clang-fast++", CFLAGS="-O1", CXXFLAGS="-O1",
                           LIB_FUZZING_ENGINE="/usr/lib/afl/libAFLDriver.a", AFL_QUIET="1")
        if code != 0:
            raise AssertionError(output)

    def test_a_campaign_finds_each_shallow_bug_and_the_right_oracle_names_it(self):
        for name in BUGS:
            with self.subTest(bug=name):
                patch = ["patch", "-p1", "--batch", "-i", self.patches[name].path]
                self.assertEqual(run(patch, self.tree)[0], 0)
                self.build(["cmake", "--build", "build/engine", "--target", "heap_fuzzer"])
                self.assertEqual(run([*patch, "-R"], self.tree)[0], 0)
                target = self.tree / "build/engine/heap_fuzzer"
                output = self.folder / name
                _, printed, statistics = fuzz(target, self.nothing(), output, EXECUTIONS, AFL_BENCH_UNTIL_CRASH="1")
                crashes = files(output / "default" / "crashes")
                self.assertTrue(crashes, printed)
                code, report = run([target, crashes[0]])
                self.assertNotEqual(code, 0)
                self.assertIn(planted.oracle_of(fuzzer.parse_finding(report)), self.patches[name].oracles, report)
                print(f"{name}: {fuzzer.parse_finding(report)} after {statistics['execs_done']} executions",
                      file=sys.stderr)
                # On the heap as it is the same input is sound.
                self.assertEqual(run([AFL, crashes[0]])[0], 0)
                self.assertEqual(run([LIBFUZZER, crashes[0]])[0], 0)


class InterchangeTest(AflTest):
    """The heap as it is."""

    def campaign(self, inputs, executions):
        """A campaign that finds nothing. Returns the folder of its corpus."""
        output = self.folder / "output"
        code, printed, statistics = fuzz(AFL, inputs, output, executions)
        self.assertEqual(code, 0, printed)
        self.assertIn("All set and ready to roll", printed)
        self.assertEqual((statistics["saved_crashes"], statistics["saved_hangs"], statistics["stability"]),
                         ("0", "0", "100.00%"))
        return output / "default" / "queue"

    def test_the_corpus_of_a_campaign_is_merged_by_libfuzzer_and_replayed_by_kmemfuzz(self):
        queue = self.campaign(self.nothing(), 3000)
        inputs = files(queue)
        self.assertGreater(len(inputs), 50)
        merged = self.folder / "merged"
        merged.mkdir()
        code, output = run([LIBFUZZER, "-set_cover_merge=1", f"-artifact_prefix={self.folder}/", merged, queue],
                           ASAN_OPTIONS="detect_leaks=0")
        self.assertEqual(code, 0, output)
        self.assertRegex(output, rf"MERGE-OUTER: {len(inputs)} files, 0 in the initial corpus")
        self.assertGreater(len(files(merged)), 20)
        contents = {path.read_bytes() for path in inputs}
        self.assertLessEqual({path.read_bytes() for path in files(merged)}, contents)
        code, output = run([KMEMFUZZ, "run", queue])
        self.assertEqual(code, 0, output)
        self.assertEqual(len(re.findall(r"^sound ", output, re.MULTILINE)), len(inputs))

    def test_the_corpus_of_libfuzzer_is_where_a_campaign_starts_and_no_file_of_it_is_left_out(self):
        sources = files(ROOT / "corpus/minimised")[:40] + files(ROOT / "corpus/seeds")
        for path in sources:
            shutil.copy(path, self.inputs / hashlib.sha1(path.read_bytes()).hexdigest())
        queue = self.campaign(self.inputs, 100)
        started = {path.name.partition("orig:")[2] for path in files(queue)}
        self.assertLessEqual({path.name for path in files(self.inputs)}, started)
