"""Tests of fuzz/kmemfuzz/entry.py and of ci/lib/common.sh: no accident ends a command with 1, which says that the heap is at fault.
"""

import os
import pathlib
import re
import subprocess
import sys

import pytest
from folders import BESIDE, copy_commands
from kmemfuzz.command_line import EXIT_ENVIRONMENT, EXIT_INTERNAL, EXIT_SOUND, EXIT_USAGE, EXIT_VIOLATION, exit_codes

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROGRAM = """\
import os, sys, threading
from kmemfuzz.entry import enter
def main():
    {}
if __name__ == "__main__":
    enter("ci/example", main)
"""


class EntryTest:
    """A copy of ci/lib with a program of our own in it."""

    @pytest.fixture(autouse=True)
    def set_up_entry_test(self, folder):
        self.tree = folder / "tree"
        self.library = self.tree / "ci" / "lib"
        copy_commands(self.tree, "ci/lib", "fuzz/kmemfuzz")

    def write(self, text):
        """Makes the program."""
        (self.library / "example.py").write_text(text, encoding="utf-8")

    def run_shell(self, script, **variables):
        """Runs a script at the top of the tree. Returns (exit code, standard output, standard error)."""
        done = subprocess.run(["bash", "-c", script], cwd=self.tree, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              errors="surrogateescape", timeout=60, check=False,
                              env=dict(os.environ, LC_ALL="C.UTF-8", **BESIDE, **variables))
        return done.returncode, done.stdout, done.stderr

    def run_main(self, body, redirect="", **variables):
        """Runs a program whose main has this body."""
        self.write(PROGRAM.format(body))
        return self.run_shell(f"{sys.executable} ci/lib/example.py {redirect}", **variables)


class TestPython(EntryTest):
    def test_what_main_returns_is_the_exit_code(self):
        for code in (EXIT_SOUND, EXIT_VIOLATION, EXIT_USAGE, EXIT_ENVIRONMENT):
            assert self.run_main(f"return {code}") == (code, "", "")
            assert self.run_main(f"sys.exit({code})") == (code, "", "")

    def test_an_exception_is_an_internal_error_whose_trace_is_kept(self):
        code, output, errors = self.run_main("raise KeyError('a\\nb\\x1b[31m')")
        assert (code, output) == (EXIT_INTERNAL, "")
        assert re.search(r"^ci/example: internal error, a bug of ours: KeyError: .* at ci/lib/example\.py:4; its trace "
                         r"is in \S+build/logs/internal-error-example\.log: please report both\n$", errors)
        assert "\x1b" not in errors
        assert "Traceback" in (self.tree / "build/logs/internal-error-example.log").read_text(encoding="utf-8")

    def test_the_trace_is_kept_in_the_temporary_folder_where_the_tree_cannot_be_written(self):
        (self.tree / "build").touch()
        temporary = self.tree / "temporary"
        temporary.mkdir()
        code, _, errors = self.run_main("raise RuntimeError('x')", TMPDIR=str(temporary))
        assert code == EXIT_INTERNAL
        trace, = temporary.iterdir()
        assert f"its trace is in {trace}:" in errors
        assert "RuntimeError: x" in trace.read_text(encoding="utf-8")

    def test_no_exit_code_is_an_internal_error(self):
        for body in ("pass", "return True", "sys.exit('words')"):
            assert self.run_main(body)[0] == EXIT_INTERNAL, body

    def test_an_exception_in_a_thread_is_an_internal_error(self):
        code, _, errors = self.run_main("t = threading.Thread(target=lambda: 1 / 0); t.start(); t.join(); return 0")
        assert code == EXIT_INTERNAL
        assert "ZeroDivisionError" in errors

    def test_a_file_that_cannot_be_had_is_the_environment(self):
        (self.tree / "file").touch()
        for body, words in (("open('nothing')", "nothing: No such file"), ("os.mkdir('file/x')", "file/x: Not a directory"),
                            ("os.mkdir('\\udcff/x')", "\\xff/x: No such file"),
                            ("raise OSError(28, 'No space left on device')", "No space left on device"),
                            ("raise MemoryError", "memory"), ("raise KeyboardInterrupt", "interrupted")):
            code, _, errors = self.run_main(body)
            assert code == EXIT_ENVIRONMENT, errors
            assert errors.startswith("ci/example: ") and words in errors and errors.count("\n") == 1, errors

    def test_a_call_that_the_system_refuses_is_an_internal_error(self):
        assert self.run_main("os.close(1234)")[0] == EXIT_INTERNAL

    def test_standard_output_that_is_closed_or_full_is_the_environment(self):
        for body in ("print('x'); return 0", "print('x' * 100000); return 0", "print('x', flush=True); return 1"):
            for redirect in (">&-", ">/dev/full"):
                code, _, errors = self.run_main(body, redirect)
                assert (code, errors.count("\n")) == (EXIT_ENVIRONMENT, 1), (body, redirect, errors)
            reader, writer = os.pipe()
            os.close(reader)
            done = subprocess.run([sys.executable, self.library / "example.py"], stdin=subprocess.DEVNULL, stdout=writer,
                                  stderr=subprocess.PIPE, text=True, timeout=60, check=False)
            os.close(writer)
            assert (done.returncode, done.stderr) == (EXIT_ENVIRONMENT, "ci/example: the reader of its output is gone\n")

    def test_closed_standard_error_is_no_standard_output(self):
        assert self.run_main("print('x'); print('y', file=sys.stderr); return 0", "2>&-") == (EXIT_SOUND, "x\n", "")

    def test_a_name_that_is_not_utf_8_can_be_printed(self):
        assert self.run_main("print('bad\\udcff'); return 0") == (EXIT_SOUND, "bad\\udcff\n", "")

    def test_a_program_that_cannot_be_imported_is_an_internal_error(self):
        for text in ("import no_such_module\n", "def broken(:\n", "x = 1\n"):
            self.write(text)
            code, _, errors = self.run_shell("CALLER_FOLDER=. python3 ci/lib/begin.py example")
            assert code == EXIT_INTERNAL, errors
            assert "internal error" in errors

    def test_every_program_begins_there(self):
        for path in (*(ROOT / "ci/lib").glob("*.py"), *(ROOT / "fuzz/kmemfuzz").glob("*.py")):
            text = path.read_text(encoding="utf-8")
            if "__main__" in text:
                assert re.search(r'if __name__ == "__main__":\n(    .*\n)*    enter\(', text), path.name
            assert "Exit codes: 0" not in text, path.name

    def test_help_names_the_internal_error(self):
        assert exit_codes("done", usage="wrong") == "Exit codes: 0 done, 2 wrong, 3 environment, 4 internal error."
        assert self.run_shell(f". '{ROOT}/ci/lib/common.sh'; exit_codes done '' wrong")[1].strip() == exit_codes(
            "done", usage="wrong")
        assert self.run_shell(f". '{ROOT}/ci/lib/common.sh'; exit_codes done failed")[1].strip() == exit_codes("done", "failed")


class TestShell(EntryTest):
    COMMON = ". ci/lib/common.sh\n"

    def test_a_command_that_fails_unexpectedly_is_an_internal_error(self):
        for script in ("false", "x=$(false)", "f() { grep nothing /dev/null; }; f", "(exit 3)", "echo $no_such_variable", "exit 1",
                       "{ true; } >/nowhere/x"):
            code, output, errors = self.run_shell(f"{self.COMMON}{script}\necho went on")
            assert (code, output) == (EXIT_INTERNAL, ""), script
            assert errors.count("Internal error, a bug of ours: ") == 1, errors

    def test_a_code_is_passed_on_where_the_script_says_so(self):
        assert self.run_shell(f"{self.COMMON}(exit 3) || exit") == (EXIT_ENVIRONMENT, "", "")
        assert self.run_shell(f"{self.COMMON}(exit 1) || exit")[0] == EXIT_INTERNAL
        assert self.run_shell(f"{self.COMMON}conclude 2 1") == (EXIT_VIOLATION, "2 passed, 1 failed\n", "")

    def test_a_folder_or_log_that_cannot_be_made_is_the_environment(self):
        (self.tree / "file").touch()
        (self.tree / "logs/log").mkdir(parents=True)
        for script, name in (("make_folder file/x", "file/x"), ("keep_log file/x/log true", "file/x"),
                             ("keep_log logs/log true", "logs/log")):
            for wrapped in (script, f"if {script}; then echo went on; fi", f"if ! {script}; then :; fi; echo went on"):
                code, output, errors = self.run_shell(self.COMMON + wrapped)
                assert (code, output) == (EXIT_ENVIRONMENT, ""), wrapped
                assert re.search(rf"^.*{re.escape(name)} cannot be .*\n$", errors)

    def test_standard_output_that_is_closed_or_full_is_the_environment(self):
        assert self.run_shell(f"({self.COMMON}) >&-") == (EXIT_ENVIRONMENT, "", "Standard output is closed\n")
        code, _, errors = self.run_shell(f"({self.COMMON} print x) >/dev/full")
        assert code == EXIT_ENVIRONMENT
        assert "Standard output cannot be written\n" in errors
