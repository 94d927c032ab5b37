"""Tests of ci/lib/fuzzer_files.py, ci/lib/fuzzer_trace.py and ci/lib/seed_corpus.py, and of the dictionaries we ship.
"""

import pathlib
import subprocess
import sys
import tempfile
import unittest
import zipfile

from kmemfuzz import fuzzer
import fuzzer_files
import fuzzer_trace
import seed_corpus

ROOT = pathlib.Path(__file__).resolve().parents[2]
SOUND, _, USAGE, ENVIRONMENT = range(4)
PROGRAM_HEADER = bytes([2] + [0] * 15)  # docs/programs.md: format 2's, with the useful values


class FilesTest(unittest.TestCase):
    """A folder to put files in."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def write(self, name, contents):
        """A file in the folder. Returns its path."""
        path = self.folder / name
        path.write_bytes(contents if isinstance(contents, bytes) else contents.encode("utf-8"))
        return path

    def write_zip(self, entries):
        """A zip file of (name, contents). Returns its path."""
        with zipfile.ZipFile(self.folder / "seeds.zip", "w") as archive:
            for name, contents in entries:
                archive.writestr(name, contents)
        return self.folder / "seeds.zip"


class DictionaryTest(FilesTest):
    """What engines take for a dictionary."""

    def test_words_names_escapes_and_comments_are_read(self):
        path = self.write("a.dict", '# words\n\n"alloc "\nkeyword="a\\x00\\xfF"\nkey@2="q\\"\\\\"\n')
        self.assertEqual(fuzzer_files.read_dictionary(path), ([b"alloc ", b"a\x00\xff", b'q"\\'], []))

    def test_each_slip_is_named_with_its_line(self):
        for text in ('"open\n', "word\n", '""\n', '"\\n"\n', '"\\x0"\n', '"a"b"\n', '"\u00e9"\n', "1x=\"a\"\n"):
            with self.subTest(text=text):
                tokens, problems = fuzzer_files.read_dictionary(self.write("a.dict", '"first"\n' + text))
                self.assertEqual(tokens, [b"first"])
                self.assertEqual([problem.split(": ")[0] for problem in problems], ["a.dict:2"])

    def test_an_entry_that_stands_twice_and_no_entry_at_all_are_named(self):
        self.assertIn("twice", fuzzer_files.read_dictionary(self.write("a.dict", '"a"\n"\\x61"\n'))[1][0])
        self.assertIn("no entry", fuzzer_files.read_dictionary(self.write("a.dict", "# nothing\n"))[1][0])


class OptionsTest(FilesTest):
    """What ClusterFuzz takes for options."""

    def test_numbers_are_read_and_other_sections_let_be(self):
        path = self.write("a.options", "[libfuzzer]\nmax_len = 1024\ntimeout=10\n[asan]\ndetect_leaks = 0\n")
        self.assertEqual(fuzzer_files.read_options(path), ({"max_len": 1024, "timeout": 10}, []))

    def test_each_slip_is_named(self):
        for text, complaint in (("max_len = 4\n", "no section headers"), ("[libfuzer]\n", "no section [libfuzer]"),
                                ("[asan]\n", "no section [libfuzzer]"), ("[libfuzzer]\nmaxlen = 4\n", "no flag maxlen"),
                                ("[libfuzzer]\nmax_len = many\n", "max_len is a number"),
                                ("[libfuzzer]\nartifact_prefix = 1\n", "no flag artifact_prefix"),
                                ("[libfuzzer]\nmax_len = 1\nmax_len = 2\n", "already exists"),
                                ("[libfuzzer]\ndict = gone.dict\n", "no dictionary gone.dict"),
                                ("[libfuzzer]\ndict = ../a.dict\n", "no dictionary ../a.dict")):
            with self.subTest(text=text):
                problems = fuzzer_files.read_options(self.write("a.options", text))[1]
                self.assertIn(complaint, " ".join(problems))


class SeedsTest(FilesTest):
    """What is in a seed corpus."""

    def test_every_seed_is_read(self):
        path = self.write_zip([("a", b"1"), ("folder/b", b"")])
        self.assertEqual(fuzzer_files.read_seeds(path, 10), ({"a": b"1", "folder/b": b""}, []))

    def test_each_slip_is_named(self):
        for entries, complaint in (([], "holds no seed"), ([("../a", b"1")], "unpacked elsewhere"),
                                   ([("/a", b"1")], "unpacked elsewhere"), ([("a", bytes(11))], "11 bytes; at most 10")):
            with self.subTest(entries=entries):
                self.assertIn(complaint, " ".join(fuzzer_files.read_seeds(self.write_zip(entries), 10)[1]))

    def test_a_file_that_is_missing_no_zip_or_damaged_is_named(self):
        self.assertEqual(fuzzer_files.read_seeds(self.folder / "gone.zip", 10)[1], ["there is no gone.zip"])
        self.assertIn("not a zip file", fuzzer_files.read_seeds(self.write("no.zip", "text"), 10)[1][0])
        path = self.write_zip([("a", b"contents")])
        path.write_bytes(path.read_bytes().replace(b"contents", b"Contents"))
        self.assertIn("Bad CRC-32", fuzzer_files.read_seeds(path, 10)[1][0])


class SeedCorpusTest(FilesTest):
    """Packing."""

    def pack(self, *folders):
        """Packs folders with the command. Returns (exit code, path of the zip file, standard error)."""
        output = self.folder / "out.zip"
        done = subprocess.run([sys.executable, ROOT / "ci/lib/seed_corpus.py", output, *folders], capture_output=True,
                              text=True, check=False)
        return done.returncode, output, done.stderr

    def test_seeds_of_equal_names_in_two_folders_are_both_packed(self):
        for name in ("one", "two"):
            (self.folder / name).mkdir()
            (self.folder / name / "seed").write_text(name, encoding="utf-8")
        code, output, _ = self.pack(self.folder / "one", self.folder / "two", self.folder / "gone")
        self.assertEqual(code, SOUND)
        self.assertEqual(fuzzer_files.read_seeds(output, 10), ({"one-seed": b"one", "two-seed": b"two"}, []))

    def test_the_same_seeds_make_the_same_bytes(self):
        (self.folder / "one").mkdir()
        seed = self.folder / "one" / "seed"
        seed.write_text("1", encoding="utf-8")
        first = self.folder / "first.zip"
        seed_corpus.pack(first, [self.folder / "one"])
        seed.write_text("1", encoding="utf-8")
        seed.touch()
        self.assertEqual(self.pack(self.folder / "one")[1].read_bytes(), first.read_bytes())

    def test_no_seed_at_all_is_an_error(self):
        self.assertEqual(self.pack(self.folder / "gone")[0], ENVIRONMENT)
        self.assertEqual(subprocess.run([sys.executable, ROOT / "ci/lib/seed_corpus.py"], capture_output=True,
                                        check=False).returncode, USAGE)


class TraceTest(unittest.TestCase):
    """What strace writes."""

    TRACE = r"""
17 openat(AT_FDCWD, "/etc/ld.so.cache", O_RDONLY|O_CLOEXEC) = 3
17 openat(AT_FDCWD, "left.log", O_WRONLY|O_CREAT, 0644) = -1 EACCES (Permission denied)
17 open("/home/a/../b", O_RDWR) = 3
18 rename("/x/old", "/x/new") = 0
18 mkdir("/x/O_CREAT", 0777) = 0
18 openat(AT_FDCWD, "/x/O_WRONLY", O_RDONLY) = 4
18 execve("/x/program", ["program"], 0x7ff /* 20 vars */) = 0
18 unlinkat(4, "gone", 0) = 0
18 +++ exited with 0 +++
"""

    def test_paths_written_to_and_looked_at_are_told_apart(self):
        written, seen = fuzzer_trace.touched(self.TRACE, "/here")
        self.assertEqual(written, {"/here/left.log", "/home/b", "/x/old", "/x/new", "/x/O_CREAT", "/here/gone"})
        self.assertEqual(seen - written, {"/etc/ld.so.cache", "/x/O_WRONLY"})


class ShippedTest(unittest.TestCase):
    """What stands in the tree for every engine."""

    def test_every_dictionary_is_sound_and_belongs_to_a_target(self):
        paths = sorted((ROOT / "fuzz/data/dictionaries").iterdir())
        self.assertTrue(paths)
        for path in paths:
            with self.subTest(path=path.name):
                self.assertEqual(fuzzer_files.read_dictionary(path)[1], [])
                self.assertTrue((ROOT / "fuzz/libfuzzer" / f"{path.stem}.c").is_file())

    def test_the_options_say_what_our_own_campaigns_say(self):
        flags, problems = fuzzer_files.read_options(ROOT / "fuzz/data/fuzzer.options")
        self.assertEqual(problems, [])
        self.assertEqual({f"-{key}={value}" for key, value in flags.items()}, set(fuzzer.FLAGS))

    def test_every_folder_of_seeds_belongs_to_a_target(self):
        for path in (ROOT / "fuzz/data/seeds").iterdir():
            self.assertTrue((ROOT / "fuzz/libfuzzer" / f"{path.name}.c").is_file(), path.name)

    def test_each_operation_of_the_heap_s_dictionary_is_the_one_that_stands_above_it(self):
        lines = (ROOT / "fuzz/data/dictionaries/heap_fuzzer.dict").read_text(encoding="utf-8").splitlines()[1:]
        self.assertGreater(len(lines), 20)
        with tempfile.TemporaryDirectory() as folder:
            program = pathlib.Path(folder) / "program"
            expected = [comment.removeprefix("# ") for comment in lines[::2]]
            tokens = [fuzzer_files.parse_token(entry.strip('"')) for entry in lines[1::2]]
            self.assertEqual({len(token) for token in tokens}, {8})
            program.write_bytes(PROGRAM_HEADER + b"".join(tokens))
            shown = subprocess.run([ROOT / "build/release/kmemfuzz", "show", program], capture_output=True, text=True,
                                   check=True).stdout
        self.assertEqual([line for line in shown.splitlines() if not line.startswith(("kmem-program", "heap"))], expected)
