"""The tree and its campaigns wherever they are: names of folders with every printable character, with such as are not ASCII,
and with bytes that are not UTF-8. With the real CMake, and the real libFuzzer, which starts processes of its own.
"""

import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import urllib.request

import pytest
from campaign_tree import LIBRARY, RUNNER, TIMEOUT, name_of
from tool_fixture import build_sooner

ROOT = pathlib.Path(__file__).resolve().parents[2]
PRINTABLE = "".join(map(chr, range(32, 127))).replace("/", "")
NAMES = {"printable": f"-{PRINTABLE}", "controls": "two\nlines\tand \x1b[31m", "utf-8": "ünï 漢字 \u202e",
         "not utf-8": os.fsdecode(b"bad\xff\xfe")}


@pytest.mark.skipif(not (ROOT / "build" / "fuzz" / "text_fuzzer").exists(), reason="needs the build of preset fuzz")
class TestPlaces:
    @pytest.mark.parametrize("name", NAMES.values(), ids=NAMES)
    def test_a_campaign_works_wherever_its_tree_its_build_its_corpus_and_temporary_files_are(self, name, folder):
        tree = folder / name
        build, held, temporary = (tree / f"{name} {end}" for end in ("build", "corpus", "temporary"))
        for made in (build, temporary):
            made.mkdir(parents=True)
        shutil.copy(ROOT / "build" / "fuzz" / "text_fuzzer", build)
        command = [sys.executable, "-B", "-c", RUNNER, LIBRARY, "{}", "--for", "1s", "--target", "text", "--jobs", "2",
                   "--json", f"--build={build.name}", f"--corpus={held.name}"]
        done = subprocess.run(command, cwd=tree, env=dict(os.environ, TMPDIR=str(temporary)), check=False,
                              stdin=subprocess.DEVNULL, capture_output=True, timeout=TIMEOUT)
        assert done.returncode == 0, done.stderr
        figures = json.loads(done.stdout)
        assert figures["executions"] > 0
        assert figures["added"] > 0
        assert b"all inputs are kept" not in done.stderr  # the set cover ran, too
        assert [path.name for path in held.iterdir() if path.name != name_of(path.read_bytes())] == []
        assert len(list(held.iterdir())) == figures["files_kept"]
        assert list(temporary.iterdir()) == []
        assert list((tree / "build/campaign/text/running").iterdir()) == []


class TestTrees:
    REFUSED = [*';"\\\n|[]', "$(", "${"]  # by CMake

    def copy(self, folder, name, *patterns):
        """Makes a copy of these files of the tree in a folder of that name."""
        tree = pathlib.Path(folder, name)
        for path in (path for pattern in patterns for path in ROOT.glob(pattern) if path.is_file()):
            (tree / path.relative_to(ROOT)).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, tree / path.relative_to(ROOT))
        return tree

    def run_in(self, tree, *command):
        """Runs a command there. Returns (code, output, errors)."""
        done = subprocess.run(command, cwd=tree, stdin=subprocess.DEVNULL, capture_output=True, timeout=1200, check=False)
        return done.returncode, done.stdout, done.stderr.decode(errors="replace")

    @pytest.mark.night
    def test_it_builds_in_a_folder_of_any_name_that_is_not_refused(self, folder):
        name = "".join(character for kind in NAMES.values() for character in kind if character not in self.REFUSED)
        assert not [refused for refused in self.REFUSED if refused in name]
        tree = self.copy(folder, name, "CMake*", "cmake/*", "src/**/*", "invariants/*", "fuzz/**/*", "tests/CMakeLists.txt",
                         "tests/unit/*", "tests/subjects/**/*", "corpus/seeds/*", "docs/output.md")
        build_sooner(tree)
        for command in (("cmake", "--preset", "release"), ("ninja", "-C", "build/release", "kmemfuzz")):
            code, output, errors = self.run_in(tree, *command)
            assert code == 0, output.decode(errors="replace")[-3000:] + errors
        kmemfuzz = tree / "build" / "release" / "kmemfuzz"
        code, _, errors = self.run_in(folder, kmemfuzz, "sarif", "results.sarif", tree / "corpus" / "seeds")
        assert code == 0, errors
        uri = json.loads(self.run_in(folder, kmemfuzz, "oracles", "--json")[1])["documents"]
        assert urllib.request.url2pathname(uri.removeprefix("file://")) == os.fsencode(tree / "docs").decode(errors="replace")

    def test_a_name_that_cmake_cannot_take_is_refused_before_anything_is_configured(self):
        for refused in self.REFUSED:
            with tempfile.TemporaryDirectory() as folder:
                tree = self.copy(folder, f"a{refused}b", "CMake*", "ci/**/*")
                for command in (["ci/fuzz", "--for", "1s"], ["ci/build", "release"]):
                    code, output, errors = self.run_in(tree, *command)
                    assert (code, output) == (3, b""), errors
                    assert re.fullmatch(r"The path of this tree, .*, has one of .* in it, which CMake cannot take; move the tree\n",
                                        errors)
                if refused != "\\":  # takes it for a slash, and finds nothing
                    code, _, errors = self.run_in(tree, "cmake", "--preset", "release")
                    assert "kmem: the path of the tree, '" in errors
                assert not (tree / "build" / "logs").exists()
