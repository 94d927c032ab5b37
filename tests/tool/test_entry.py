"""Tests of fuzz/kmemfuzz/entry.py and of ci/lib/common.sh: no accident ends a command with 1, which says that the heap is at fault.
"""

import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

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


class EntryTest(unittest.TestCase):
    """A copy of ci/lib with a program of our own in it."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.tree = pathlib.Path(folder.name) / "tree"
        self.library = self.tree / "ci" / "lib"
        for name in ("ci/lib", "fuzz/kmemfuzz"):
            shutil.copytree(ROOT / name, self.tree / name, ignore=shutil.ignore_patterns("__pycache__"))

    def write(self, text):
        """Makes the program."""
        (self.library / "example.py").write_text(text, encoding="utf-8")

    def run_shell(self, script, **variables):
        """Runs a script at the top of the tree. Returns (exit code, standard output, standard error)."""
        done = subprocess.run(["bash", "-c", script], cwd=self.tree, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              errors="surrogateescape", timeout=60, check=False, env=dict(os.environ, LC_ALL="C.UTF-8", **variables))
        return done.returncode, done.stdout, done.stderr

    def run_main(self, body, redirect="", **variables):
        """Runs a program whose main has this body."""
        self.write(PROGRAM.format(body))
        return self.run_shell(f"{sys.executable} ci/lib/example.py {redirect}", **variables)


class Python(EntryTest):
    def test_what_main_returns_is_the_exit_code(self):
        for code in (EXIT_SOUND, EXIT_VIOLATION, EXIT_USAGE, EXIT_ENVIRONMENT):
            self.assertEqual(self.run_main(f"return {code}"), (code, "", ""))
            self.assertEqual(self.run_main(f"sys.exit({code})"), (code, "", ""))

    def test_an_exception_is_an_internal_error_whose_trace_is_kept(self):
        code, output, errors = self.run_main("raise KeyError('a\\nb\\x1b[31m')")
        self.assertEqual((code, output), (EXIT_INTERNAL, ""))
        self.assertRegex(errors, r"^ci/example: internal error, a bug of ours: KeyError: .* at ci/lib/example\.py:4; its trace "
                                 r"is in \S+build/logs/internal-error-example\.log: please report both\n$")
        self.assertNotIn("\x1b", errors)
        self.assertIn("Traceback", (self.tree / "build/logs/internal-error-example.log").read_text(encoding="utf-8"))

    def test_the_trace_is_kept_in_the_temporary_folder_where_the_tree_cannot_be_written(self):
        (self.tree / "build").touch()
        temporary = self.tree / "temporary"
        temporary.mkdir()
        code, _, errors = self.run_main("raise RuntimeError('x')", TMPDIR=str(temporary))
        self.assertEqual(code, EXIT_INTERNAL)
        trace, = temporary.iterdir()
        self.assertIn(f"its trace is in {trace}:", errors)
        self.assertIn("RuntimeError: x", trace.read_text(encoding="utf-8"))

    def test_no_exit_code_is_an_internal_error(self):
        for body in ("pass", "return True", "sys.exit('words')"):
            self.assertEqual(self.run_main(body)[0], EXIT_INTERNAL, body)

    def test_an_exception_in_a_thread_is_an_internal_error(self):
        code, _, errors = self.run_main("t = threading.Thread(target=lambda: 1 / 0); t.start(); t.join(); return 0")
        self.assertEqual(code, EXIT_INTERNAL)
        self.assertIn("ZeroDivisionError", errors)

    def test_a_file_that_cannot_be_had_is_the_environment(self):
        (self.tree / "file").touch()
        for body, words in (("open('nothing')", "nothing: No such file"), ("os.mkdir('file/x')", "file/x: Not a directory"),
                            ("os.mkdir('\\udcff/x')", "\\xff/x: No such file"),
                            ("raise OSError(28, 'No space left on device')", "No space left on device"),
                            ("raise MemoryError", "memory"), ("raise KeyboardInterrupt", "interrupted")):
            code, _, errors = self.run_main(body)
            self.assertEqual(code, EXIT_ENVIRONMENT, errors)
            self.assertTrue(errors.startswith("ci/example: ") and words in errors and errors.count("\n") == 1, errors)

    def test_a_call_that_the_system_refuses_is_an_internal_error(self):
        self.assertEqual(self.run_main("os.close(1234)")[0], EXIT_INTERNAL)

    def test_standard_output_that_is_closed_or_full_is_the_environment(self):
        for body in ("print('x'); return 0", "print('x' * 100000); return 0", "print('x', flush=True); return 1"):
            for redirect in (">&-", ">/dev/full"):
                code, _, errors = self.run_main(body, redirect)
                self.assertEqual((code, errors.count("\n")), (EXIT_ENVIRONMENT, 1), (body, redirect, errors))
            reader, writer = os.pipe()
            os.close(reader)
            done = subprocess.run([sys.executable, self.library / "example.py"], stdin=subprocess.DEVNULL, stdout=writer,
                                  stderr=subprocess.PIPE, text=True, timeout=60, check=False)
            os.close(writer)
            self.assertEqual((done.returncode, done.stderr), (EXIT_ENVIRONMENT, "ci/example: what reads its output is gone\n"))

    def test_closed_standard_error_is_no_standard_output(self):
        self.assertEqual(self.run_main("print('x'); print('y', file=sys.stderr); return 0", "2>&-"), (EXIT_SOUND, "x\n", ""))

    def test_a_name_that_is_not_utf_8_can_be_printed(self):
        self.assertEqual(self.run_main("print('bad\\udcff'); return 0"), (EXIT_SOUND, "bad\\udcff\n", ""))

    def test_a_program_that_cannot_be_imported_is_an_internal_error(self):
        for text in ("import no_such_module\n", "def broken(:\n", "x = 1\n"):
            self.write(text)
            code, _, errors = self.run_shell("CALLER_FOLDER=. python3 ci/lib/begin.py example")
            self.assertEqual(code, EXIT_INTERNAL, errors)
            self.assertIn("internal error", errors)

    def test_every_program_begins_there(self):
        for path in (*(ROOT / "ci/lib").glob("*.py"), *(ROOT / "fuzz/kmemfuzz").glob("*.py")):
            text = path.read_text(encoding="utf-8")
            if "__main__" in text:
                self.assertRegex(text, r'if __name__ == "__main__":\n(    .*\n)*    enter\(', path.name)
            self.assertNotIn("Exit codes: 0", text, path.name)

    def test_help_names_the_internal_error(self):
        self.assertEqual(exit_codes("done", usage="wrong"), "Exit codes: 0 done, 2 wrong, 3 environment, 4 internal error.")
        self.assertEqual(self.run_shell(f". '{ROOT}/ci/lib/common.sh'; exit_codes done '' wrong")[1].strip(),
                         exit_codes("done", usage="wrong"))
        self.assertEqual(self.run_shell(f". '{ROOT}/ci/lib/common.sh'; exit_codes done failed")[1].strip(),
                         exit_codes("done", "failed"))


class Shell(EntryTest):
    COMMON = ". ci/lib/common.sh\n"

    def test_a_command_that_fails_unexpectedly_is_an_internal_error(self):
        for script in ("false", "x=$(false)", "f() { grep nothing /dev/null; }; f", "(exit 3)", "echo $no_such_variable", "exit 1", "{ true; } >/nowhere/x"):
            code, output, errors = self.run_shell(f"{self.COMMON}{script}\necho went on")
            self.assertEqual((code, output), (EXIT_INTERNAL, ""), script)
            self.assertEqual(errors.count("Internal error, a bug of ours: "), 1, errors)

    def test_a_code_is_passed_on_where_the_script_says_so(self):
        self.assertEqual(self.run_shell(f"{self.COMMON}(exit 3) || exit"), (EXIT_ENVIRONMENT, "", ""))
        self.assertEqual(self.run_shell(f"{self.COMMON}(exit 1) || exit")[0], EXIT_INTERNAL)
        self.assertEqual(self.run_shell(f"{self.COMMON}conclude 2 1"), (EXIT_VIOLATION, "2 passed, 1 failed\n", ""))

    def test_a_folder_or_log_that_cannot_be_made_is_the_environment(self):
        (self.tree / "file").touch()
        (self.tree / "logs/log").mkdir(parents=True)
        for script, name in (("make_folder file/x", "file/x"), ("keep_log file/x/log true", "file/x"),
                             ("keep_log logs/log true", "logs/log")):
            for wrapped in (script, f"if {script}; then echo went on; fi", f"if ! {script}; then :; fi; echo went on"):
                code, output, errors = self.run_shell(self.COMMON + wrapped)
                self.assertEqual((code, output), (EXIT_ENVIRONMENT, ""), wrapped)
                self.assertRegex(errors, rf"^.*{re.escape(name)} cannot be .*\n$")

    def test_standard_output_that_is_closed_or_full_is_the_environment(self):
        self.assertEqual(self.run_shell(f"({self.COMMON}) >&-"), (EXIT_ENVIRONMENT, "", "Standard output is closed\n"))
        code, _, errors = self.run_shell(f"({self.COMMON} print x) >/dev/full")
        self.assertEqual(code, EXIT_ENVIRONMENT)
        self.assertIn("Standard output cannot be written\n", errors)
