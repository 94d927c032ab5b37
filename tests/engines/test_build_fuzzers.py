"""Tests of ci/build-fuzzers, ci/engine and .clusterfuzzlite: what is built is built with the flags of the caller and no
others, and what cannot be built is said so. The image itself cannot be made here: that needs Docker.

Needs what ci/setup installs, and what ci/engine has built in build/engines.
"""

import os
import pathlib
import re
import shlex
import stat
import subprocess
import tempfile
import unittest

from compilers import CLANG, CLANGXX
from kmemfuzz.campaign import TARGETS

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILDER = ROOT / ".clusterfuzzlite"
ENGINES = ROOT / "build/engines"
SOUND, _, USAGE, ENVIRONMENT = range(4)
TIMEOUT = 600  # seconds a command may take on a busy machine before it counts as hanging

# What ci/engine builds each with: (compiler, linker, all -fsanitize= of every compile command, as patterns; engine).
BUILT = {
    "address": (CLANG, CLANGXX, ["address", "fuzzer-no-link"], "-fsanitize=fuzzer"),
    "undefined": (CLANG, CLANGXX, ["array-bounds,.*,unsigned-integer-overflow", "fuzzer-no-link"],
                  "-fsanitize=fuzzer"),
    "memory": (CLANG, CLANGXX, ["memory", "fuzzer-no-link"], "-fsanitize=fuzzer"),
    "coverage": (CLANG, CLANGXX, [], "-fsanitize=fuzzer"),
    "afl": ("afl-clang-fast", "afl-clang-fast++", ["address"], "/usr/lib/afl/libAFLDriver.a"),
}


def targets_of_the_tree():
    """Every fuzz target there is, but the one that does nothing."""
    return {f"{target}_fuzzer" for target in TARGETS}


class BuiltTest(unittest.TestCase):
    """The builds that ci/engine has made."""

    def test_every_target_is_there_with_seeds_and_options_and_nothing_else_is(self):
        for name in BUILT:
            with self.subTest(engine=name):
                expected = set()
                for target in targets_of_the_tree():
                    expected |= {target, f"{target}.options", f"{target}_seed_corpus.zip"}
                    if target != "sv39_fuzzer":  # whose inputs are numbers
                        expected.add(f"{target}.dict")
                self.assertEqual({path.name for path in (ENGINES / name).iterdir()}, expected)

    def test_compilers_sanitizers_and_engine_are_those_of_the_environment_and_no_others(self):
        for name, (compiler, linker, flags, engine) in BUILT.items():
            with self.subTest(engine=name):
                folder = ENGINES / "work" / name / "kmem-fuzzers"
                commands = subprocess.run(["ninja", "-C", folder, "-t", "commands", "fuzzers"], check=True, text=True,
                                          capture_output=True).stdout
                compiled = linked = 0
                for line in commands.splitlines():
                    words = [word for word in shlex.split(line) if word not in (":", "&&")]
                    if "-c" in words:
                        compiled += 1
                        self.assertEqual(pathlib.Path(words[0]).name, pathlib.Path(compiler).name)
                        found = [word.partition("=")[2] for word in words if word.startswith("-fsanitize=")]
                        self.assertRegex(" ".join(found), f"^{' '.join(flags)}$")
                        self.assertNotIn("-Werror", words)
                        self.assertLessEqual({"-fno-sanitize=function", "-Wno-error=int-conversion"}, set(words))
                    elif any(word.endswith("_fuzzer") and words[i] == "-o" for i, word in enumerate(words[1:])):
                        linked += 1
                        self.assertEqual(pathlib.Path(words[0]).name, pathlib.Path(linker).name)
                        self.assertIn(engine, words)
                self.assertGreater(compiled, 20)
                self.assertEqual(linked, len(targets_of_the_tree()))


class RefusalTest(unittest.TestCase):
    """What cannot be built."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.environment = {"PATH": os.environ["PATH"], "CC": CLANG, "CXX": CLANGXX,
                            "LIB_FUZZING_ENGINE": "-fsanitize=fuzzer", "OUT": str(self.folder / "out"),
                            "WORK": str(self.folder / "work"), "SRC": str(self.folder)}
        (self.folder / "kmem").symlink_to(ROOT)

    def build(self, **changes):
        """Calls build.sh as a builder does. Returns (exit code, standard error)."""
        environment = {key: value for key, value in {**self.environment, **changes}.items() if value is not None}
        done = subprocess.run([BUILDER / "build.sh"], cwd=self.folder, env=environment, capture_output=True, text=True,
                              check=False, timeout=TIMEOUT)
        return done.returncode, done.stderr

    def test_a_variable_that_is_missing_is_named(self):
        for name in ("CC", "CXX", "LIB_FUZZING_ENGINE", "OUT", "WORK"):
            with self.subTest(name=name):
                code, errors = self.build(**{name: None})
                self.assertEqual(code, USAGE)
                self.assertIn(f"{name} is not set", errors)

    def test_a_folder_that_is_relative_or_cannot_be_made_is_named(self):
        (self.folder / "file").write_text("", encoding="utf-8")
        for name in ("OUT", "WORK"):
            for value in ("out", f"{self.folder}/file/below"):
                code, errors = self.build(**{name: value})
                self.assertEqual(code, ENVIRONMENT)
                self.assertIn(f"{name} must be a writable folder", errors)

    def test_a_compiler_that_fails_leaves_no_target_and_shows_what_it_said(self):
        compiler = self.folder / "compiler"
        compiler.write_text("#!/bin/sh\necho 'no such flag as yours' >&2\nexit 1\n", encoding="utf-8")
        compiler.chmod(0o755)
        code, errors = self.build(CC=str(compiler))
        self.assertEqual(code, ENVIRONMENT)
        self.assertIn("no such flag as yours", errors)
        self.assertIn(f"the whole log is {self.folder}/work/", errors)
        self.assertEqual(list((self.folder / "out").iterdir()), [])

    def test_an_engine_of_no_name_is_wrong_usage(self):
        for arguments in ([], ["thread"], ["address", "folder", "more"]):
            done = subprocess.run(["ci/engine", *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
            self.assertEqual((done.returncode, done.stdout), (USAGE, ""))
            self.assertIn("\nUsage: ci/engine address|undefined|memory|coverage|afl", done.stderr)


class ImageTest(unittest.TestCase):
    """The files that ClusterFuzzLite reads, as far as they can be judged without it."""

    def test_the_image_has_the_tree_and_the_script_where_they_are_looked_for(self):
        lines = (BUILDER / "Dockerfile").read_text(encoding="utf-8").splitlines()
        steps = [line.split(maxsplit=1) for line in lines if line and not line.startswith("#")]
        self.assertEqual(steps[0], ["FROM", "gcr.io/oss-fuzz-base/base-builder:v1"])
        self.assertIn(["COPY", ". $SRC/kmem"], steps)
        self.assertIn(["COPY", ".clusterfuzzlite/build.sh $SRC/"], steps)
        script = (BUILDER / "build.sh").read_text(encoding="utf-8")
        self.assertIn('"$SRC/kmem/ci/build-fuzzers"', script)
        self.assertTrue((BUILDER / "build.sh").stat().st_mode & stat.S_IXUSR)

    def test_the_build_script_is_one_call_and_names_no_flag_compiler_or_engine(self):
        lines = (BUILDER / "build.sh").read_text(encoding="utf-8").splitlines()
        self.assertEqual(len([line for line in lines if line and not line.startswith("#")]), 1)
        for path in (BUILDER / "build.sh", ROOT / "ci/build-fuzzers"):
            self.assertIsNone(re.search(r"-fsanitize|-fprofile|-O\d|clang|FuzzingEngine|AFL", path.read_text(encoding="utf-8")), path)

    def test_the_image_installs_what_the_build_uses_and_the_base_image_lacks(self):
        text = (BUILDER / "Dockerfile").read_text(encoding="utf-8")
        presets = (ROOT / "CMakePresets.json").read_text(encoding="utf-8")
        self.assertIn('"generator": "Ninja"', presets)
        for package in ("ninja-build", "python3"):
            self.assertIn(package, text)

    def test_the_project_names_the_language_and_three_sanitizers(self):
        text = (BUILDER / "project.yaml").read_text(encoding="utf-8")
        self.assertRegex(text, r"(?m)^language: c$")
        self.assertEqual(re.findall(r"(?m)^  - (\w+)$", text), ["address", "undefined", "memory"])
