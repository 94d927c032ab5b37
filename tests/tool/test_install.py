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

    @pytest.fixture(autouse=True)
    def set_up_installed(self, set_up_folder_test):
        self.prefix = self.folder / "a prefix"
        subprocess.run(["cmake", "--install", TOOL.parent, "--prefix", self.prefix], check=True, capture_output=True)
        self.tool = self.prefix / "bin" / "kmemfuzz"
        self.environment = {**os.environ, "KMEM_TREE": str(self.folder / "no tree"), "PYTHONDONTWRITEBYTECODE": "1"}

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

    def test_arguments_and_exit_codes_pass_through(self):
        code, output, errors = self.run_installed("report", "--campaign", "no 'such' folder")
        assert (code, output) == (ENVIRONMENT, "")
        assert "no 'such' folder" in errors
        assert self.run_installed("report", "--bogus")[0] == USAGE
        assert re.search("^usage: kmemfuzz report ", self.run_installed("help", "report")[1])

    def test_a_word_that_needs_the_tree_says_so(self):
        for word in ("board", "corpus", "soak"):
            assert self.run_installed(word) == (ENVIRONMENT, "", f"kmemfuzz {word}: it needs the source tree; say where "
                                                "that is with KMEM_TREE=FOLDER\n")
            assert re.search(f"^usage: kmemfuzz {word} ", self.run_installed(word, "--help", KMEM_TREE=str(ROOT))[1])

    def test_a_campaign_without_its_target_is_the_environment(self):
        code, _, errors = self.run_installed("fuzz", "--for", "1s")
        assert code == ENVIRONMENT
        assert f"{self.prefix}/bin/heap_fuzzer is not there; put it beside kmemfuzz, or name its folder with --build" in errors

    def test_a_package_that_is_missing_is_named(self):
        shutil.rmtree(self.prefix / "lib")
        code, output, errors = self.run_installed("report")
        assert (code, output) == (ENVIRONMENT, "")
        assert f"there is no fuzz/kmemfuzz/__main__.py in the tree {self.folder}/no tree; say where" in errors

    def test_the_word_is_the_process_that_was_started(self):
        (self.prefix / "lib/kmemfuzz/report.py").write_text("import os\ndef main(arguments):\n    print(os.getpid(), *arguments)\n    return 0\n",
                                                            encoding="utf-8")
        with subprocess.Popen([self.tool, "report", "a b", ""], env=self.environment, stdout=subprocess.PIPE, text=True) as process:
            assert process.communicate()[0] == f"{process.pid} a b \n"


class TestWords(ToolTest):
    def test_the_tool_and_the_package_have_the_same_words(self):
        done = subprocess.run([sys.executable, ROOT / "fuzz/kmemfuzz", "no-such-word"], capture_output=True, text=True,
                              check=False)
        assert done.returncode == USAGE
        for word in done.stderr.split(": ")[1].split():
            assert re.search(f"^usage: kmemfuzz {word} ", self.run_tool("help", word)[1])
