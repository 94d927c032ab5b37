"""Tests of kmemfuzz reduce as those who type it see it: with bugs planted in the core, whose crashes it makes small, and
with everything that is no crash.

Needs the presets release and fuzz built. Run: python3 tests/tool/test_reduce.py
"""

import json
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "ci" / "lib"))

import patched  # pylint: disable=wrong-import-position  # noqa: E402

SOUND, VIOLATION, USAGE, ENVIRONMENT = range(4)
TIMEOUT = 120  # seconds: a tool that takes longer hangs
HEALTHY = ROOT / "build" / "release" / "kmemfuzz"

# Each fails in the middle of much that has nothing to do with it.
HISTORY = "alloc 0 24\nzalloc 1 largest-64\nrealloc 0 40\ncoalesce\nfree 1\nalloc 3 17\nnull\ncalloc 5 3 8\n"
UNMERGED = f"kmem-program 1\nheap page=64 pages=8 growth=3 slots=64\n{HISTORY}free 3\nfree 0\nalloc 9 8\n"
ZEROED = f"kmem-program 1\nheap page=64 pages=8\n{HISTORY}zalloc 9 56\nfree 0\n"

# The same with another allocator: what is left of them.
UNMERGED_REDUCED = "kmem-program 1\nheap page=32 pages=1 growth=0 slots=16\nalloc 0 1\n"
ZEROED_REDUCED = "kmem-program 1\nheap page=32 pages=1 growth=0 slots=16\nzalloc 0 1\n"


def run(tool, *arguments, stdin=b"", folder=None):
    """Runs the tool. Returns (exit code, standard output, standard error)."""
    done = subprocess.run([tool, *arguments], cwd=folder, input=stdin, capture_output=True, timeout=TIMEOUT,
                          check=False)
    return done.returncode, done.stdout.decode(), done.stderr.decode()


class ReduceTest(unittest.TestCase):
    """A temporary folder to work in."""

    maxDiff = None

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def write(self, name, text):
        """A file in the folder."""
        path = self.folder / name
        path.write_bytes(text.encode())
        return path

    def files(self):
        """The names of all files in the folder."""
        return sorted(path.name for path in self.folder.iterdir())


class BrokenCore(ReduceTest):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.addClassCleanup(os.chdir, os.getcwd())
        os.chdir(ROOT)
        build = patched.Build("fuzz", "kmemfuzz")
        cls.tools = {}
        for bug in ("merge-right-forgotten", "zalloc-clears-one-word-more", "walk-stands-still"):
            work = pathlib.Path(folder.name) / bug
            cls.tools[bug], = build.link(patched.make_copy(work, pathlib.Path(f"tests/planted/{bug}.patch")))
        cls.unmerging, cls.clearing, cls.hanging = cls.tools.values()

    def test_a_violation_is_reduced_and_shown_with_its_figures(self):
        source = self.write("crash.ops", UNMERGED)
        target = self.folder / "small"
        code, output, errors = run(self.unmerging, "reduce", source, "-o", target)
        self.assertEqual((code, errors), (SOUND, ""))
        first, program = output.split("\n", 1)
        self.assertRegex(first, r"^free-merged: 11 operations become 1, 77 bytes become 17; \d+ replays, \d+ ms$")
        self.assertEqual(program, UNMERGED_REDUCED)
        self.assertEqual(target.read_bytes(), bytes.fromhex("0100000000000000000000" "000000010000"))
        self.assertEqual(run(self.unmerging, "run", target)[0], VIOLATION)

    def test_a_name_in_ops_is_written_as_text(self):
        source = self.write("crash", UNMERGED)
        code, _, _ = run(self.unmerging, "reduce", source, "-o", self.folder / "small.ops")
        self.assertEqual((code, (self.folder / "small.ops").read_text()), (SOUND, UNMERGED_REDUCED))

    def test_a_sanitizer_s_report_is_reduced_and_not_printed(self):
        source = self.write("crash.ops", ZEROED)
        code, output, errors = run(self.clearing, "reduce", source, "-o", self.folder / "small")
        self.assertEqual((code, errors), (SOUND, ""))
        self.assertRegex(output, r"^use-after-poison in \w+: 10 operations become 1, ")
        self.assertTrue(output.endswith(ZEROED_REDUCED), output)

    def test_a_hang_is_reduced(self):
        source = self.write("crash.ops", "kmem-program 1\nheap pages=4\nalloc 0 24\nalloc 1 24\nnull\nfree 0\nfree 1\n")
        code, output, errors = run(self.hanging, "reduce", source, "-o", self.folder / "small")
        self.assertEqual((code, errors), (SOUND, ""))
        self.assertRegex(output, r"^hang: 5 operations become 2, ")

    def test_standard_input_is_taken(self):
        code, _, errors = run(self.unmerging, "reduce", "-", "-o", self.folder / "small", stdin=UNMERGED.encode())
        self.assertEqual((code, errors), (SOUND, ""))

    def test_the_same_file_gives_the_same_bytes(self):
        source = self.write("crash.ops", UNMERGED)
        for name in ("one", "two"):
            self.assertEqual(run(self.unmerging, "reduce", source, "-o", self.folder / name)[0], SOUND)
        self.assertEqual((self.folder / "one").read_bytes(), (self.folder / "two").read_bytes())

    def test_what_is_reduced_stays_as_it_is(self):
        source = self.write("crash.ops", UNMERGED_REDUCED)
        self.assertEqual(run(self.unmerging, "reduce", source, "-o", self.folder / "small.ops")[0], SOUND)
        self.assertEqual((self.folder / "small.ops").read_text(), UNMERGED_REDUCED)

    def test_figures_can_be_had_as_json(self):
        source = self.write("crash.ops", UNMERGED)
        code, output, _ = run(self.unmerging, "reduce", source, "-o", self.folder / "small", "--json")
        figures = json.loads(output)
        self.assertEqual(code, SOUND)
        self.assertGreater(figures.pop("milliseconds"), 0)
        self.assertGreater(figures.pop("replays"), 2)
        self.assertEqual(figures, {"failure": "free-merged", "operations_before": 11, "operations_after": 1,
                                   "size_before": 77, "size_after": 17})

    def test_a_file_that_exists_is_kept_unless_forced(self):
        source = self.write("crash.ops", UNMERGED)
        target = self.write("small", "precious")
        code, output, errors = run(self.unmerging, "reduce", source, "-o", target)
        self.assertEqual((code, output), (USAGE, ""))
        self.assertIn("small exists; choose another name, or --force to replace it", errors)
        self.assertEqual(target.read_text(), "precious")
        self.assertEqual(run(self.unmerging, "reduce", source, "-o", target, "--force")[0], SOUND)
        self.assertNotEqual(target.read_text(errors="replace"), "precious")

    def test_a_file_that_cannot_be_written_is_named_and_nothing_is_left(self):
        source = self.write("crash.ops", UNMERGED)
        code, output, errors = run(self.unmerging, "reduce", source, "-o", self.folder / "no" / "small")
        self.assertEqual((code, output), (ENVIRONMENT, ""))
        self.assertIn("no/small: No such file or directory", errors)
        self.assertEqual(self.files(), ["crash.ops"])


class NoCrash(ReduceTest):
    def assert_refused(self, expected_code, message, *arguments):
        """The command must end so, and write nothing."""
        before = self.files()
        code, output, errors = run(HEALTHY, "reduce", *arguments, folder=self.folder)
        self.assertEqual((code, output), (expected_code, ""))
        self.assertIn(message, errors)
        self.assertEqual(self.files(), before)

    def test_a_sound_program_is_said_to_be_sound(self):
        self.write("sound.ops", UNMERGED)
        self.assert_refused(USAGE, "sound.ops: error: the program is sound, so there is nothing to reduce it by; "
                                   "kmemfuzz run sound.ops says so too\n", "sound.ops", "-o", "small")

    def test_a_missing_file_is_named(self):
        self.assert_refused(ENVIRONMENT, "cannot read gone: No such file or directory", "gone", "-o", "small")

    def test_an_error_in_a_text_is_placed(self):
        self.write("typo.ops", "kmem-program 1\naloc 0 24\n")
        self.assert_refused(USAGE, "typo.ops:2:1: error: unknown operation 'aloc'", "typo.ops", "-o", "small")

    def test_wrong_arguments_are_explained(self):
        for arguments, message in (((), "it takes a program that fails and -o OUT"),
                                   (("a",), "it takes a program that fails and -o OUT"),
                                   (("a", "-o"), "-o needs the name of the file to write"),
                                   (("a", "b", "-o", "c"), "'b' is one argument too many"),
                                   (("--fast", "a", "-o", "c"), "there is no option '--fast'")):
            with self.subTest(arguments):
                self.assert_refused(USAGE, message, *arguments)

    def test_help_has_an_example(self):
        code, output, errors = run(HEALTHY, "reduce", "--help")
        self.assertEqual((code, errors), (SOUND, ""))
        self.assertIn("Usage: kmemfuzz reduce FILE -o OUT [--force] [--json]\n", output)
        self.assertIn("Example:\n  kmemfuzz reduce crash-1a2b -o crash.ops\n", output)


if __name__ == "__main__":
    unittest.main()
