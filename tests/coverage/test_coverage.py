"""The boards must give ci/coverage the truth, and it must see what they lack. Needs the builds coverage, rv64-coverage
and rv32-coverage; ./ci/test coverage sees to them."""

import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest
from unittest import mock

from kmemfuzz import board
import coverage
import coverage_target
import measurement
from folders import SharedFolderTest, write_script

TREE = pathlib.Path(__file__).resolve().parents[2]
HEAP = "kmem-program 1\nheap page=256 pages=4 growth=2 slots=16\n"
SMALL = HEAP + "alloc 0 24\nrealloc 0 100\nalloc 1 8\nfree 0\nfree 1\n"
HEADER_SIZE = 128  # bytes of a raw profile
BOARDS = tuple(coverage_target.BOARDS)


class MeasuredTest(SharedFolderTest):
    """Replays that are measured."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        before = os.getcwd()
        os.chdir(TREE)  # as ci/lib/common.sh does
        cls.addClassCleanup(os.chdir, before)
        missing = [path for path in (coverage_target.KMEMFUZZ, *(f"build/{name}-coverage/replay.elf" for name in BOARDS))
                   if not pathlib.Path(path).exists()]
        assert not missing, f"not built: {missing}; run ./ci/test coverage"
        cls.measured = {}

    @classmethod
    def pack(cls, name, *paths):
        """A blob of programs."""
        blob = cls.folder / f"{name}.blob"
        coverage_target.run_tool(os.devnull, "pack", *paths, "-o", blob, "--force")
        return blob

    @classmethod
    def replay(cls, blob, machine):
        """Replays a blob; returns its raw profile."""
        raw = cls.folder / f"{blob.stem}-{machine}.profraw"
        lines = coverage_target.run_tool(cls.folder / f"{blob.stem}-host.profraw", "replay", blob).splitlines()[:-1]
        if machine != "host":
            coverage_target.replay_on_board(coverage_target.BOARDS[machine], blob, raw, lines)
        return raw

    @classmethod
    def measure(cls, blob, *machines):
        """What the replays of a blob on these machines cover, merged; each is run once."""
        if (blob, machines) in cls.measured:
            return cls.measured[blob, machines]
        binaries = [coverage_target.KMEMFUZZ if name == "host" else f"build/{name}-coverage/replay.elf" for name in machines]
        files = coverage_target.measure_machine(binaries, [cls.replay(blob, name) for name in machines], cls.folder,
                                                f"{blob.stem}-{'-'.join(machines)}")
        cls.measured[blob, machines] = files
        return files

    def assert_same_counts(self, one, other):
        """Requires two measurements to agree in every count."""
        self.assertEqual(set(one), set(other))
        for name, file in one.items():
            self.assertEqual(vars(file), vars(other[name]), name)


class Counts(MeasuredTest):
    """What a board counts is what has run."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.corpus = cls.pack("corpus", "corpus")
        cls.small = cls.pack("small", cls.write("small.ops", SMALL))
        cls.host = cls.measure(cls.corpus, "host")

    def test_the_corpus_executes_every_line_and_branch_as_often_on_rv64_as_on_the_host(self):
        self.assertGreater(max(self.host["src/kmem.c"].lines.values()), 10000)
        self.assert_same_counts(self.host, self.measure(self.corpus, "rv64"))

    def test_where_no_size_passes_32_bits_both_boards_count_the_same_as_each_other_and_the_host_but_for_where_ram_ends(self):
        host = self.measure(self.small, "host")
        self.assert_same_counts(host, self.measure(self.small, "rv64"))
        there = self.measure(self.small, "rv32")
        for name, file in host.items():
            self.assertEqual(file.lines, there[name].lines)
            differing = [measurement.source_line(name, line) for (line, column), counts in file.branches.items()
                         if counts != there[name].branches[line, column]]
            self.assertEqual(differing, ["return before_wrap < PTRDIFF_MAX ? before_wrap : (size_t)PTRDIFF_MAX;"] *
                             (name == "src/kmem.c"))

    def test_a_small_program_is_counted_to_the_call(self):
        file = self.measure(self.small, "rv64")["src/kmem.c"]
        calls = {word: next(count for line, count in file.lines.items()
                            if measurement.source_line("src/kmem.c", line).startswith(word))
                 for word in ("void *kmem_alloc(", "void *kmem_realloc(", "void *kmem_zalloc(", "enum kmem_error kmem_free(")}
        at_start = 2  # of heaps that may not grow
        self.assertEqual(list(calls.values()), [at_start + 2, 1, 0, 2])

    def test_the_profiles_of_all_machines_add_up(self):
        parts = [self.host, *(self.measure(self.corpus, name) for name in BOARDS)]
        merged = self.measure(self.corpus, "host", *BOARDS)
        self.assertEqual(set(merged), set(self.host))
        for name, file in merged.items():
            for line, count in file.lines.items():
                self.assertEqual(count, sum(part[name].lines[line] for part in parts), f"{name}:{line}")

# ci/coverage with the profiles that the unit tests have left before.
REMEASURE = """
import sys
sys.path.insert(0, "ci/lib")
import coverage
coverage.run_everything = lambda binaries: sorted(coverage.RAW.glob("*.profraw"))
sys.exit(coverage.main(sys.argv[1:]))
"""


class Profiles(SharedFolderTest):
    """What a run has left is taken while it is of the same files."""

    def test_all_run_again_when_a_test_or_a_program_is_gone_or_another(self):
        binaries = [write_script(self.folder / name, "#!/bin/bash\nmkdir -p raw\nprintf x >>runs\n") for name in ("test_a", "test_b")]
        before = os.getcwd()
        os.chdir(self.folder)
        self.addCleanup(os.chdir, before)
        pathlib.Path("corpus").mkdir()
        pathlib.Path("corpus/program").write_bytes(b"x")
        for change, runs in ((lambda: None, 2), (lambda: None, 2), (lambda: pathlib.Path("corpus/program").unlink(), 4),
                             (lambda: binaries.pop(), 5), (lambda: binaries[0].touch(), 6), (lambda: None, 6)):
            change()
            with mock.patch.object(coverage, "RAW", self.folder / "raw"):
                coverage.run_everything(binaries)
            self.assertEqual(len(pathlib.Path("runs").read_text(encoding="utf-8")), runs)


class Gaps(MeasuredTest):
    """What the corpus covers on the host alone is named, and only what is explained is let pass."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        coverage.run_everything(coverage.host_binaries())
        cls.corpus = cls.pack("corpus", "corpus")
        cls.small = cls.pack("small", cls.write("small.ops", SMALL))

    def run_command(self, script=None, *arguments):
        """Runs ci/coverage --target without its builds and the unit tests, the profile of rv64 being changed by a script: it
        is file $RAW."""
        environment = dict(os.environ)
        if script is not None:
            name = board.EMULATORS["rv64"]
            path = write_script(self.own(name),
                                f'#!/bin/bash\nfor word in "$@"; do case $word in *arg=profile=*) RAW=${{word#*arg=profile=}} ;; esac; done\n'
                                f'{shutil.which(name)} "$@"\ncode=$?\n{script}\nexit $code\n')
            environment["PATH"] = f"{path.parent}:{environment['PATH']}"
        result = subprocess.run([sys.executable, "-B", "-c", REMEASURE, "--target", "--json", *map(str, arguments)],
                                env=environment, capture_output=True, text=True, check=False, timeout=300)
        return result.returncode, result.stdout, result.stderr

    def test_the_corpus_covers_on_the_boards_what_it_covers_on_the_host_and_all_is_covered_by_all(self):
        code, output, errors = self.run_command()
        self.assertEqual((code, errors), (0, ""))
        report = json.loads(output)
        self.assertEqual(report["problems"], [])
        self.assertEqual([(place["board"], place["file"]) for place in report["differences"]], [("rv32", "src/kmem.c")])
        self.assertEqual(report["boards"]["rv64"]["lines"], report["boards"]["rv64"]["lines_counted_equal"])
        self.assertGreater(report["boards"]["rv64"]["lines"], 300)
        for kind in measurement.KINDS:
            self.assertEqual(report["total"]["merged"][kind], report["total"]["merged"][f"{kind}_covered"])
            self.assertGreater(report["total"]["rv32"][f"{kind}_covered"], 0)

    def test_pages_show_every_measured_file_in_a_folder_that_must_be_new(self):
        pages = self.folder / "pages"
        code, output, errors = self.run_command(None, "--html", pages)
        self.assertEqual((code, errors), (0, ""))
        shown = {path.name for path in pages.rglob("*.html")} - {"index.html"}
        self.assertEqual(shown, {f"{pathlib.Path(row['file']).name}.html" for row in json.loads(output)["files"]})
        code, output, errors = self.run_command(None, "--html", pages)
        self.assertEqual((code, output), (2, ""))
        self.assertIn("pages is there already", errors)

    def test_a_board_that_runs_less_than_the_host_fails_with_every_line_named(self):
        raw = self.replay(self.small, "rv64")
        code, _, errors = self.run_command(f'cp {raw} "$RAW"')
        self.assertEqual(code, 1)
        zalloc = next(number for number, text in enumerate(pathlib.Path("src/kmem.c").read_text(encoding="utf-8").splitlines(), 1)
                      if text.startswith("void *kmem_zalloc("))
        self.assertIn(f"ci/coverage: src/kmem.c:{zalloc}: never executed on rv64, where the corpus has it so on the host", errors)
        self.assertRegex(errors, r"src/kmem\.c:\d+:\d+: never (true|false) on rv64")
        self.assertRegex(errors, r"src/kmem\.c:\d+:\d+: never decided by its condition \d alone on rv64")
        self.assertNotIn("on rv32", errors)

    def test_each_place_that_a_board_lacks_is_found_and_no_other(self):
        host = self.measure(self.corpus, "host")
        lacking = coverage_target.find_differences("rv64", host, self.measure(self.small, "rv64"))
        covered = sum(sum(file.places().values()) for file in host.values())
        small = sum(sum(file.places().values()) for file in self.measure(self.small, "host").values())
        self.assertEqual(len(lacking), covered - small)
        self.assertEqual(coverage_target.find_differences("rv64", self.measure(self.small, "host"), host), [])

    def test_a_whole_file_that_a_board_lacks_is_found(self):
        host = self.measure(self.small, "host")
        there = {name: file for name, file in host.items() if name != "invariants/verdict.h"}
        self.assertEqual([place["file"] for place in coverage_target.find_differences("rv64", host, there)],
                         ["invariants/verdict.h"] * sum(host["invariants/verdict.h"].places().values()))

    def test_an_explanation_counts_for_its_board_and_line_alone_and_must_be_needed(self):
        place = {"board": "rv32", "file": "src/a.c", "line": 3, "column": 9, "never": "true", "source": "if (x) {"}
        explained = {("rv32", "src/a.c", "if (x) {"): "because"}
        self.assertEqual(coverage_target.judge([dict(place)], explained), [])
        for change in ({"board": "rv64"}, {"file": "src/b.c"}, {"source": "if (y) {"}):
            problems = coverage_target.judge([{**place, **change}], explained)
            self.assertEqual(len(problems), 2)
            self.assertIn(":3:9: never true on ", problems[0])
            self.assertIn("explains what is covered or gone: rv32 | src/a.c | if (x) {", problems[1])

    def test_a_profile_that_was_cut_short_is_refused(self):
        code, output, errors = self.run_command('truncate -s -8 "$RAW"')
        self.assertEqual((code, output), (3, ""))
        self.assertRegex(errors, r"ci/coverage: llvm-profdata-19 merge failed: .*rv64\.profraw: invalid instrumentation profile data")

    def test_a_profile_of_another_format_is_refused(self):
        code, _, errors = self.run_command(r'''printf '\11' | dd of="$RAW" bs=1 seek=8 conv=notrunc status=none''')
        self.assertEqual(code, 3)
        self.assertIn("raw profile version mismatch", errors)

    def test_a_profile_of_other_code_is_refused(self):
        change = rf'''printf '\1\2\3\4' | dd of="$RAW" bs=1 seek={HEADER_SIZE + 8} conv=notrunc status=none'''
        code, _, errors = self.run_command(change)
        self.assertEqual(code, 3)
        self.assertIn("mismatch", errors)

    def test_a_profile_that_is_not_there_is_missed(self):
        code, _, errors = self.run_command('rm "$RAW"')
        self.assertEqual((code, errors), (3, "ci/coverage: the image of rv64 has left no profile\n"))

    def test_a_replay_that_is_not_the_hosts_is_not_measured(self):
        blob = self.pack("other", self.write("other.ops", HEAP + "alloc 0 25\n"))
        lines = coverage_target.run_tool(os.devnull, "replay", self.small).splitlines()[:-1]
        with self.assertRaisesRegex(measurement.MeasurementFailure, "kmemfuzz board --configuration rv32 says more"):
            coverage_target.replay_on_board(coverage_target.BOARDS["rv32"], blob, self.folder / "raw", lines)


class Images(MeasuredTest):
    """An image that cannot leave its profile says so, after its verdicts and in place of the END line."""

    def run_image(self, name, argument):
        """The lines and the code of an image with an argument."""
        blob = self.pack("small", self.write("small.ops", SMALL))
        command = board.boot_command(board.Image(coverage_target.BOARDS[name]), blob)
        command[command.index("-semihosting-config") + 1] += argument
        result = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
        return result.returncode, result.stdout.splitlines()

    def test_what_is_wrong_with_the_file_is_said_with_a_code_of_its_own(self):
        cases = (("", "no file for the profile: start QEMU with -semihosting-config ...,arg=profile=FILE"),
                 (",arg=profil=x", "no file for the profile: start QEMU with -semihosting-config ...,arg=profile=FILE"),
                 (f",arg=profile={self.folder}/none/x", "the host cannot make the profile's file"),
                 (",arg=profile=/dev/full", "the host has not taken the whole profile"),
                 (f",arg=profile={'x' * 600}", "the arguments of the image are too long"))
        for name in BOARDS:
            for argument, text in cases:
                with self.subTest(board=name, text=text):
                    code, lines = self.run_image(name, argument)
                    self.assertEqual((code, lines[-1]), (25, f"ERROR 25 {text}"))
                    self.assertEqual([line[:2] for line in lines], ["BO", "V ", "ER"])

    def test_a_file_that_is_there_is_made_anew(self):
        path = self.write("old.profraw", b"x" * 100000)
        self.assertEqual(self.run_image("rv64", f",arg=profile={path}")[0], 0)
        self.assertEqual(path.read_bytes(), self.replay(self.pack("small", self.write("small.ops", SMALL)), "rv64").read_bytes())

    def test_commas_and_spaces_in_the_files_name_are_kept(self):
        blob = self.pack("small", self.write("small.ops", SMALL))
        path = self.folder / "a, b.profraw"
        board.Replay(board.Image(coverage_target.BOARDS["rv32"]), blob, profile=path).run()
        self.assertTrue(path.is_file())


class Floor(unittest.TestCase):
    """What the host's own coverage must be."""

    def test_each_kind_has_a_floor(self):
        full = {kind + part: 1000 for kind in measurement.KINDS for part in ("", "_covered")}
        self.assertEqual(coverage.judge(full, [], {}), [])
        for kind in measurement.KINDS:
            self.assertRegex(coverage.judge({**full, f"{kind}_covered": 960}, [], {})[0], f"96.00 % of all {kind} are covered")

    def test_what_is_not_covered_is_named_for_each_kind(self):
        file = measurement.File()
        file.lines = {1: 0, 2: 5}
        file.branches = {(1, 7): [0, 3]}
        file.conditions = {(1, 9): [True, False]}
        self.assertEqual([measurement.describe(place) for place, covered in file.places().items() if not covered],
                         ["executed", "true", "decided by its condition 2 alone"])
        self.assertEqual(file.figures(), {"lines": 2, "lines_covered": 1, "branches": 2, "branches_covered": 1,
                                          "conditions": 2, "conditions_covered": 1})

    def test_an_explanation_with_a_part_too_few_is_named_by_its_line(self):
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "explained.txt"
            path.write_text("# comment\n\nsrc/a.c | if (x) {\n", encoding="utf-8")
            with self.assertRaisesRegex(measurement.MeasurementFailure, "explained.txt:3: a line has 3 parts"):
                measurement.read_explanations(path, 2)
