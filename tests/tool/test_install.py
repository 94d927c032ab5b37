"""kmemfuzz installed: the tool finds its words in Python from where it lies, and they need no tree unless they say so."""

import os
import re
import shutil
import subprocess
import sys

import pytest
import report_fixture
from tool_fixture import ENVIRONMENT, EXAMPLE, EXAMPLE_SOUND, ROOT, SOUND, TOOL, USAGE, ToolTest


class TestInstalled(ToolTest):
    """A copy in a folder whose name has a blank, on a machine where the tree is gone."""

    @pytest.fixture(scope="class")
    def prefix(self, shared_folder):
        subprocess.run(["cmake", "--install", TOOL.parent, "--prefix", shared_folder / "a prefix"], check=True, capture_output=True)
        return shared_folder / "a prefix"

    @pytest.fixture(autouse=True)
    def set_up_installed(self, set_up_folder_test, prefix):
        self.use(prefix)

    def use(self, prefix):
        self.prefix = prefix
        self.tool = self.prefix / "bin" / "kmemfuzz"
        self.environment = {**os.environ, "KMEM_TREE": str(self.folder / "no tree"), "PYTHONDONTWRITEBYTECODE": "1",
                            "PYTHONPYCACHEPREFIX": ""}

    def use_copy(self):
        """Takes a copy of the programs, to be changed."""
        for name in ("bin", "lib"):
            shutil.copytree(self.prefix / name, self.folder / "a copy" / name)
        self.use(self.folder / "a copy")

    def run_installed(self, *arguments, **environment):
        """Runs the installed tool. Returns (exit code, standard output, standard error)."""
        return self.run_tool(*arguments, tool=self.tool, env={**self.environment, **environment})

    def test_a_word_in_c_and_one_in_python_run_from_there(self):
        self.write("example", EXAMPLE)
        assert self.run_installed("run", "example") == (SOUND, EXAMPLE_SOUND + "example\n", "")
        report_fixture.write_night(self.folder / "a night")
        code, output, errors = self.run_installed("report", "--campaign", "a night", "--out", "a report")
        assert (code, errors) == (SOUND, "")
        assert output == "a report/index.html\n"
        assert (self.folder / "a report" / "index.html").is_file()

    def test_the_two_files_are_those_of_the_tree(self):
        assert self.run_installed("two-files", "from there") == (SOUND, "", "")
        assert self.run_tool("two-files", "from here") == (SOUND, "", "")
        for name in ("kmemfuzz.c", "kmemfuzz.h"):
            assert (self.folder / "from there" / name).read_bytes() == (self.folder / "from here" / name).read_bytes()

    def test_arguments_and_exit_codes_pass_through(self):
        code, output, errors = self.run_installed("report", "--campaign", "no 'such' folder")
        assert (code, output) == (ENVIRONMENT, "")
        assert "no 'such' folder" in errors
        assert self.run_installed("report", "--bogus")[0] == USAGE
        assert re.search("^Usage: kmemfuzz report ", self.run_installed("help", "report")[1])

    def test_a_word_that_needs_the_tree_says_so(self):
        for word in ("board", "corpus", "soak"):
            assert self.run_installed(word) == (ENVIRONMENT, "", f"kmemfuzz {word}: it needs the source tree; say where "
                                                "that is with KMEM_TREE=FOLDER\n")
            assert re.search(f"^Usage: kmemfuzz {word} ", self.run_installed(word, "--help", KMEM_TREE=str(ROOT))[1])

    def test_a_capture_is_judged_without_the_tree(self):
        assert self.run_installed("pack", ROOT / "corpus/seeds/growth.ops", "-o", self.folder / "blob")[0] == SOUND
        (self.folder / "capture").write_text(self.run_installed("replay", self.folder / "blob")[1].replace("END 1", "END 1 1 0 0 0 0"))
        code, output, errors = self.run_installed("board", "--log", self.folder / "capture", self.folder / "blob")
        assert (code, errors) == (SOUND, "")
        assert "1 input, 12 checked operations: all sound" in output

    def test_a_campaign_without_its_target_is_the_environment(self):
        code, _, errors = self.run_installed("fuzz", "--for", "1s")
        assert code == ENVIRONMENT
        assert f"{self.prefix}/bin/heap_fuzzer is not there; put it beside kmemfuzz, or name its folder with --build" in errors

    def test_a_package_that_is_missing_is_named(self):
        self.use_copy()
        shutil.rmtree(self.prefix / "lib")
        code, output, errors = self.run_installed("report")
        assert (code, output) == (ENVIRONMENT, "")
        assert f"there is no fuzz/kmemfuzz/__main__.py in the tree {self.folder}/no tree; say where" in errors

    def test_the_word_is_the_process_that_was_started(self):
        self.use_copy()
        (self.prefix / "lib/kmemfuzz/report.py").write_text("import os\ndef main(arguments):\n    print(os.getpid(), *arguments)\n    return 0\n",
                                                            encoding="utf-8")
        with subprocess.Popen([self.tool, "report", "a b", ""], env=self.environment, stdout=subprocess.PIPE, text=True) as process:
            assert process.communicate()[0] == f"{process.pid} a b \n"

    def test_each_word_has_a_manual_page(self):
        words = re.findall(r"(?m)^  ([a-z][a-z-]*) .*  (\S.*)$", self.run_installed("help")[1])
        pages = self.prefix / "share/man/man1"
        assert len(words) > 15
        assert sorted(path.name for path in pages.iterdir()) == sorted(["kmemfuzz.1", *(f"kmemfuzz-{word}.1" for word, _ in words)])
        for word, summary in words:
            shown = self.show_page(pages / f"kmemfuzz-{word}.1")
            assert f"NAME\n       kmemfuzz-{word} - {summary}\n\nSYNOPSIS\n       kmemfuzz {word} " in shown
            assert "\n\nOPTIONS\n       -" in shown
        shown = self.show_page(pages / "kmemfuzz.1")
        assert "       run FILE|DIR... [OPTION...]\n              run programs and check every operation\n" in shown
        assert "EXIT STATUS\n       0 sound, 1 violation, 2 usage, 3 environment, 4 internal error.\n" in shown

    def show_page(self, path):
        """The text of a manual page, in which troff finds nothing wrong."""
        done = subprocess.run(["man", "--warnings", "--nj", "--nh", "-l", path], capture_output=True, text=True, check=True,
                              env={**os.environ, "LC_ALL": "C.UTF-8", "MANWIDTH": "200", "MAN_KEEP_FORMATTING": ""})
        assert done.stderr == ""
        return re.sub(r"\x1b\[[0-9]*m|.\x08", "", done.stdout)

    def test_a_package_is_installed_below_another_root(self):
        subprocess.run(["cmake", "--install", TOOL.parent, "--prefix", "/usr"], check=True, capture_output=True,
                       env={**os.environ, "DESTDIR": str(self.folder / "a root")})
        assert self.names(self.folder / "a root" / "usr") == self.names(self.prefix)

    @staticmethod
    def names(folder):
        return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


class TestWords(ToolTest):
    def test_the_tool_and_the_package_have_the_same_words(self):
        done = subprocess.run([sys.executable, ROOT / "fuzz/kmemfuzz", "no-such-word"], capture_output=True, text=True,
                              check=False)
        assert done.returncode == USAGE
        for word in done.stderr.split(": ")[1].split():
            assert re.search(f"^Usage: kmemfuzz {word} ", self.run_tool("help", word)[1])
