"""Tests of all commands in ci/ and of all words in Python: help and wrong arguments are answered before anything is set up or built.
"""

import os
import pathlib
import re
import shutil
import subprocess
import sys

import pytest
from folders import BESIDE, copy_commands

ROOT = pathlib.Path(__file__).resolve().parents[2]
TIMEOUT = 60  # seconds; it takes less than one, but machines are busy
SOUND, VIOLATION, USAGE, ENVIRONMENT = range(4)
BEGIN = "#!/bin/sh\necho \"$0 $*\" >>began\n"

WORDS = ("board", "corpus", "junit", "new-heap", "report", "sarif", "soak", "summary", "two-files")  # of kmemfuzz; fuzz is also ci/fuzz
FULL = {name: f"kmemfuzz {name}" for name in (*WORDS, "fuzz")}

# What is wrong, and what must be said of it. nothing is a folder without files.
WRONG = (
    (["board", "nothing"], "there is nothing to run in nothing; name a file, or a folder"),
    (["board", "--configuration", "rv16"], "rv64-sanitized"),
    (["replay", "nothing"], "ci/replay: it takes no argument 'nothing'"),
    (["check-freestanding", "program"], "ci/check-freestanding: it takes no argument 'program'"),
    (["lint", "--deep", "program"], "ci/lint: it takes no argument 'program'"),
    (["determinism", "nothing"], "there is nothing to run in nothing"),
    (["fuzz", "--for", "soon"], "'soon' is not a duration"),
    (["planted", "--only", "no-bug", "double-free-accepted"], "there is no patch named no-bug in tests/planted"),
    (["planted", "--only", "no-bug", "--canaries"], "there is no patch named no-bug in tests/planted/canaries"),
    (["detection", "--only", "no-bug"], "there is no patch named no-bug"),
    (["harness", "--only", "no-bug"], "there is no patch named no-bug in tests/harness"),
    (["bench", "reduce", "--only", "no-bug"], "there is no patch named no-bug"),
    (["bench", "speed"], "there is nothing called 'speed' to measure"),
    (["bench", "--rounds", "0"], "'0' is not a whole number above 0"),
    (["coverage", "--html", "nothing"], "nothing is there already"),
    (["demo", "--board", "rv32", "virtual"], "virtual is for rv64"),
    (["soak", "--hours", "0"], "'0' is not a whole number above 0"),
    (["new-heap", "my-heap"], "'my-heap' is no name for a heap: it is to be an identifier in C, such as my_heap"),
    (["two-files", "program"], "program is not a folder"),
    (["engine", "thread"], "there is no engine 'thread'; there are: address undefined memory coverage afl"),
    (["engine"], "there is no engine ''"),
    (["build"], "it needs a preset; there are: dev "),
    (["setup", "all"], "there is no set 'all'; there are: fuzz gcc board test"),
    (["build-fuzzers"], "CC is not set"),
    (["fuzz", "--campain", "x"], "there is no option '--campain' (did you mean --campaign?)"),
    (["report", "more"], "'more' is one argument too many"),
    (["corpus"], "it needs prune|merge|settle|status"),
    (["mutants", "--samples"], "(did you mean --sample?)"),
    (["build", "no-preset"], "there is no preset 'no-preset' to build"),
    (["test", "no-step"], "there is no step 'no-step'"),
    (["corpus", "merge", "program"], "program is not a folder"),
    (["fuzz", "--corpus", "program"], "--corpus program is not a folder"),
    (["report", "--campaign", "program"], "--campaign program is not a folder"),
    (["check-fuzzers", "program"], "program is not a folder"),
)

# What is named and is not there.
MISSING = (
    (["board", "nowhere"], "there is no nowhere"),
    (["board", "--blob", "nowhere"], "--blob nowhere: there is no such file"),
    (["board", "--gdb", "program", "--gdb-commands", "nowhere"], "--gdb-commands nowhere: there is no such file"),
    (["determinism", "nowhere"], "there is no nowhere"),
    (["determinism", "program", "--build", "nothing"], "--build nothing holds no heap_fuzzer"),
    (["fuzz", "--build", "nothing", "--target", "pages"], "--build nothing holds no pages_fuzzer; ./ci/engine"),
    (["corpus", "merge", "nowhere"], "there is no folder nowhere"),
    (["bench", "target", "--baseline", "nowhere"], "there is no baseline nowhere"),
    (["report", "--campaign", "nowhere"], "there is no folder nowhere"),
    (["check-fuzzers", "nowhere"], "there is no folder nowhere"),
    (["check-docs", "--kmemfuzz", "nowhere"], "there is no nowhere; build it"),
)

# The same typed in another folder, in which there is a file: FOLDER stands for its path.
ELSEWHERE = (
    (["fuzz", "--corpus", "file"], "--corpus FOLDER/file is not a folder"),
    (["fuzz", "--build", "nowhere"], "--build FOLDER/nowhere holds no heap_fuzzer"),
    (["determinism", "nowhere"], "there is no FOLDER/nowhere"),
    (["determinism", "file", "--build", "nowhere"], "--build FOLDER/nowhere holds no heap_fuzzer"),
    (["corpus", "merge", "file"], "FOLDER/file is not a folder"),
    (["coverage", "--html", "file"], "FOLDER/file is there already"),
    (["board", "nowhere"], "there is no FOLDER/nowhere"),
    (["board", "--blob", "nowhere"], "--blob FOLDER/nowhere: there is no such file"),
    (["bench", "target", "--baseline", "nowhere"], "there is no baseline FOLDER/nowhere"),
    (["report", "--campaign", "nowhere"], "there is no folder FOLDER/nowhere"),
    (["report", "--campaign", "/tmp/../nowhere"], "there is no folder /nowhere"),
    (["check-fuzzers", "nowhere"], "there is no folder FOLDER/nowhere"),
    (["check-docs", "--kmemfuzz", "nowhere"], "there is no FOLDER/nowhere"),
)


class TestCommands:
    """A copy of ci/ in which setting up and building leave a note."""

    @pytest.fixture(autouse=True, scope="class")
    def make_copy(self, request, shared_folder):
        cls = request.cls
        cls.tree = shared_folder / "tree"
        programs = shared_folder / "programs"
        copy_commands(cls.tree, "ci", "fuzz/kmemfuzz")
        shutil.copy(ROOT / "CMakePresets.json", cls.tree)
        (cls.tree / "tests" / "planted").mkdir(parents=True)
        (cls.tree / "tests" / "planted" / "double-free-accepted.patch").touch()
        (cls.tree / "nothing").mkdir()
        (cls.tree / "program").write_text("kmem-program 1\n", encoding="utf-8")
        programs.mkdir()
        cls.write(programs / "cmake", f"#!/bin/sh\ncase $1 in --list-presets*) exec {shutil.which('cmake')} \"$@\" ;; esac\n"
                  f"{BEGIN}")
        cls.commands = [*sorted(path.name for path in (cls.tree / "ci").iterdir() if path.is_file()), *WORDS]
        cls.environment = dict(os.environ, PATH=f"{programs}:{os.environ['PATH']}", **BESIDE)

    @staticmethod
    def write(path, text):
        """Makes a file that can be run."""
        path.write_text(text, encoding="utf-8")
        path.chmod(0o755)

    def run_command(self, name, *arguments, folder=None):
        """Runs a command, typed in the top of the tree or in a folder; fails when that begins with anything. Returns (exit
        code, all output)."""
        if name != "setup":
            self.write(self.tree / "ci" / "setup", BEGIN)
        else:
            shutil.copy(ROOT / "ci" / "setup", self.tree / "ci" / "setup")
        folder = folder or self.tree
        top = pathlib.Path(os.path.relpath(self.tree, folder))
        command = [sys.executable, top / "fuzz/kmemfuzz", name] if name in WORDS else [top / "ci" / name]
        done = subprocess.run([*command, *arguments], cwd=folder, env=self.environment, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=TIMEOUT, check=False)
        assert not (self.tree / "began").exists(), f"{name} has begun: {done.stdout}"
        assert "Traceback" not in done.stdout
        return done.returncode, done.stdout

    @staticmethod
    def require_style(name, output):
        """What is wrong comes first, then the usage, then where help is."""
        first, usage, last = re.fullmatch(r"(.+)\n(Usage: (?:.+\n)+?)(.+ --help says more\.)\n", output).groups()
        full = FULL.get(name, f"ci/{name}")
        assert all(line.startswith(full) for line in (first, usage.removeprefix("Usage: "), last)), output

    def test_help_needs_no_build(self):
        for name in self.commands:
            for option in ("--help", "-h"):
                code, output = self.run_command(name, option)
                assert code == SOUND, output
                assert FULL.get(name, f"ci/{name}") in output

    def test_an_option_that_is_none_is_answered_at_once(self):
        for name in self.commands:
            code, output = self.run_command(name, "--no-such-option")
            assert code == USAGE, output
            self.require_style(name, output)

    @pytest.mark.parametrize("expected, cases", ((USAGE, WRONG), (ENVIRONMENT, MISSING)))
    def test_wrong_arguments_and_those_that_name_what_is_not_there_are_answered_at_once_each_with_its_code(self, expected, cases):
        for (name, *arguments), words in cases:
            code, output = self.run_command(name, *arguments)
            assert code == expected, output
            assert words in output
            if expected == USAGE:
                self.require_style(name, output)

    def test_paths_are_relative_to_where_they_are_typed_in_every_command(self):
        folder = self.tree / "deep"
        folder.mkdir()
        (folder / "file").write_text("kmem-program 1\n", encoding="utf-8")
        for (name, *arguments), words in ELSEWHERE:
            code, output = self.run_command(name, *arguments, folder=folder)
            assert code in (USAGE, ENVIRONMENT), output
            assert words.replace("FOLDER", str(folder)) in output

    @pytest.mark.parametrize("path", ("nowhere", "/tmp/nowhere/x", "nothing/../nowhere"))
    def test_at_the_top_of_the_tree_a_path_is_named_as_it_was_typed(self, path):
        for name, *arguments in (["report", "--campaign"], ["check-fuzzers"], ["determinism"], ["corpus", "merge"]):
            assert f" {path}" in self.run_command(name, *arguments, path)[1]

    def test_with_right_arguments_it_does_begin(self):
        with pytest.raises(AssertionError, match="board has begun"):
            self.run_command("board", "program")
        (self.tree / "began").unlink()
