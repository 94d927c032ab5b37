"""A broken heap, from the first fuzzed byte to the report: the core is broken in one line, fuzzed and replayed, as a
developer would live through it; and the sound tree, of which nothing may be reported.

Needs what ci/setup installs.
"""

import base64
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import tempfile
import threading

import broken
import pytest
from failures import HANGS, WRITES_TO_NULL
from kmemfuzz.campaign import TARGETS
from kmemfuzz.corpus import PROGRAMS
from folders import FolderTest, write_file
from processes import processes_in, processes_naming, wait_until_none
from tool_fixture import copy_sources

ROOT = pathlib.Path(__file__).resolve().parents[2]
SOUND, VIOLATION, USAGE, ENVIRONMENT = range(4)
TIMEOUT = 240  # seconds a command may take on a busy machine before it counts as hanging


# One line of src/kmem.c each: what it says, and what it is made to say.
RIGHT_MERGE_FORGOTTEN = ("    write_block(heap, start, right_offset + right_size - start, false);\n",
                         "    write_block(heap, start, right_offset + 0 * right_size - start, false);\n")
ONE_WORD_TOO_MANY_ZEROED = ("    for (size_t i = 0; i < usable_size / sizeof *words; i++) {\n        words[i] = 0;\n",
                            "    for (size_t i = 0; i <= usable_size / sizeof *words; i++) {\n        words[i] = 0;\n")

# `free 0` leaves a free block of 32 bytes in front of the free rest of the heap.
UNMERGED = "kmem-program 1\nheap page=64 pages=4\nalloc 0 24\nfree 0\n"
ZEROED = "kmem-program 1\nheap page=64 pages=4\nalloc 0 24\nzalloc 1 40\n"

SUMMARY_KEYS = {
    "target", "build", "jobs", "seconds", "executions", "executions_per_second", "checked_operations",
    "checked_operations_per_second", "coverage_edges", "edges", "features", "inputs_in_use", "files_kept", "corpus", "crashes", "added", "findings_folder",
    "interrupted", "restarts", "workers_lost", "findings"}


def report_in(output):
    """The report of a violation in a program's output: from its first line to before the replay line."""
    match = re.search(r"VIOLATION .*?(?=\n  replay  )", output, re.DOTALL)
    return match.group(0) if match else None


def run(command, folder, **more):
    """Runs a command. Returns (exit code, standard output, standard error)."""
    done = subprocess.run(command, cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace",
                          timeout=TIMEOUT, check=False, **more)
    return done.returncode, done.stdout, done.stderr


class BrokenTree:
    """A folder with programs as in this tree, one line of the heap broken, linked once for the tests of a class."""

    BREAK = None
    PRESET = "fuzz"
    TARGETS = ("heap_fuzzer", "kmemfuzz")
    FUZZER_OPTIONS = ("-seed=1", "-runs=200000", "-max_len=1024")

    @pytest.fixture(autouse=True, scope="class")
    def build_broken_tree(self, request, shared_folder):
        cls = request.cls
        cls.tree = shared_folder
        build = cls.tree / "build" / cls.PRESET
        build.mkdir(parents=True)
        for name in cls.TARGETS:
            shutil.copy(broken.tree(cls.PRESET, cls.BREAK, *cls.TARGETS) / name, build)

    @pytest.fixture(autouse=True)
    def set_up_broken_tree(self, build_broken_tree):
        self.folder = pathlib.Path(tempfile.mkdtemp(dir=self.tree))  # for this test's own files
        self.tool = f"build/{self.PRESET}/kmemfuzz"

    def write(self, name, contents):
        """Makes a file in the test's folder. Returns its path from the tree's top."""
        (self.folder / name).write_text(contents, encoding="utf-8")
        return str((self.folder / name).relative_to(self.tree))

    def fuzz(self, name="first"):
        """Fuzzes from an empty corpus until something is found, in a folder of that name. Returns (exit code, output,
        file the input was saved in)."""
        folder = self.folder.relative_to(self.tree) / name
        (self.tree / folder / "corpus").mkdir(parents=True)
        code, _, output = run(["build/fuzz/heap_fuzzer", *self.FUZZER_OPTIONS, f"-artifact_prefix={folder}/",
                               folder / "corpus"], self.tree)
        saved = re.search(r"Test unit written to (\S+)", output)
        assert saved is not None, output
        return code, output, saved.group(1)


class TestViolation(BrokenTree):
    """An oracle finds the heap at fault."""

    BREAK = RIGHT_MERGE_FORGOTTEN

    def test_the_fuzzer_finds_it_from_nothing_and_reports_it(self):
        code, output, _ = self.fuzz()
        assert code != SOUND
        assert "\nVIOLATION free-merged: No two adjacent blocks are both free.\n" in output

    def test_the_fuzzer_finds_the_same_again_from_the_same_seed(self):
        found = []
        for name in ("first", "second"):
            _, output, saved = self.fuzz(name)
            found.append((report_in(output), (self.tree / saved).read_bytes()))
        assert found[0] == found[1]

    def test_the_stack_names_the_oracles_own_function(self):
        _, output, _ = self.fuzz()
        assert re.search(r"(?m)^ *#\d+ .* in violation_FREE_MERGED\b", output)

    def test_replaying_the_saved_file_prints_the_same_report_and_ends_with_1(self):
        _, output, saved = self.fuzz()
        code, replayed, errors = run([self.tool, "run", saved], self.tree)
        assert (code, errors) == (VIOLATION, "")
        assert replayed.startswith(f"{saved}: VIOLATION ")
        assert report_in(output) is not None
        assert report_in(replayed) == report_in(output)

    def test_the_fuzzers_replay_command_works_with_the_file_it_names(self):
        _, output, saved = self.fuzz()
        command = re.search(r"\n  replay  (.*) FILE \(the one the fuzzer names below\)\n", output).group(1)
        code, replayed, _ = run(f"{command} {saved}", self.tree, shell=True)
        assert code == VIOLATION
        assert report_in(replayed) == report_in(output)

    def test_the_report_says_what_where_and_what_came_before(self):
        path = self.write("unmerged.ops", UNMERGED)
        code, output, errors = run([self.tool, "run", path], self.tree)
        assert (code, errors) == (VIOLATION, "")
        assert output == f"""\
{path}: VIOLATION free-merged: No two adjacent blocks are both free.
  heap       4 pages of 64 bytes, growth by 0, 16 slots
  operation  1: free 0
  where      the free block at offset 32, right after another
  expected   one free block of 256 bytes
  observed   a second block of 224 bytes

  last operations (number, operation, what it did)
        0  alloc 0 24                   -> slot 0, offset 8
  >     1  free 0                       -> freed offset 8

  heap (# taken, . free, bytes with header, slot)
    before  |#32 s0|.224|
    after   |.32|.224|

  replay  {self.tool} run {path}
"""

    @pytest.mark.parametrize("name, options", (("plain.ops", []), ("two words.ops", []), ("it's $HOME & \"more\".ops", []),
                                               ("a" * 200 + ".ops", []), ("unmerged.ops", ["--without", "free-merged"]),
                                               ("unmerged.ops", ["--only", "placement,recovery", "--without", "placement"])))
    def test_the_replay_command_works_when_pasted_whatever_the_files_name_and_the_oracles_asked(self, name, options):
        path = self.write(name, UNMERGED)
        first = run([self.tool, "run", *options, path], self.tree)
        assert first[0] == VIOLATION
        command = re.search(r"\n  replay  (.*)\n$", first[1]).group(1)
        assert run(command, self.tree, shell=True) == first

    def test_the_trace_ends_with_the_report(self):
        path = self.write("unmerged.ops", UNMERGED)
        code, output, _ = run([self.tool, "run", "--trace", path], self.tree)
        assert code == VIOLATION
        assert re.search(r"^    0  alloc 0 24 .*\n       \|#32 s0\|\.224\|  digest [0-9a-f]{16}\n"
                         r"    1  free 0 .*\n       \|\.32\|\.224\|\n" + re.escape(path) + ": VIOLATION ", output)

    def test_one_violation_among_sound_programs_is_counted_and_ends_with_1(self):
        self.write("a.ops", "kmem-program 1\n")
        self.write("b.ops", UNMERGED)
        self.write("c.ops", "kmem-program 1\ncoalesce\n")
        code, output, _ = run([self.tool, "run", self.folder], self.tree)
        assert code == VIOLATION
        assert output.splitlines()[-1] == "2 sound, 1 with violations, 0 unusable"


@pytest.mark.night
class TestCampaign:
    """A campaign in a copy of this tree with a broken heap, which it builds."""

    @pytest.fixture(autouse=True, scope="class")
    def copy_tree(self, request, shared_folder):
        tree = request.cls.tree = copy_sources(shared_folder, "ci", "tests/subjects")
        for name, old, new in (("src/kmem.c", *RIGHT_MERGE_FORGOTTEN),
                               ("CMakePresets.json", '{ "name": "fuzz", "configurePreset": "fuzz" }', # and with nothing else
                                '{ "name": "fuzz", "configurePreset": "fuzz", "targets": ["heap_fuzzer", "kmemfuzz"] }')):
            text = (tree / name).read_text(encoding="utf-8")
            assert old in text
            write_file(tree / name, text.replace(old, new))

    def explanation(self, file):
        """What kmemfuzz explain prints for a file, whatever was written for it before."""
        code, output, errors = run(["build/fuzz/kmemfuzz", "explain", "--force", file], self.tree)
        assert (code, errors) == (VIOLATION, "")
        return output

    def test_it_ends_with_1_prints_the_explanation_of_each_and_leaves_the_files_it_names(self):
        code, output, errors = run(["./ci/fuzz", "--for", "5s"], self.tree)
        assert code == VIOLATION, errors
        count, = re.findall(r"  crashes             (\d+) in build/campaign/heap/findings: free-merged \1\n", output)
        assert output.endswith("\n  distinct bugs       1\n"), output
        found = f"\nFound: free-merged ({count} crashes)\n\n" if int(count) > 1 else "\nFound: free-merged\n\n"
        said = errors.partition(found)[2]
        assert re.search(r"^build/campaign/heap/findings/crash-[0-9a-f]{40}: \d+ operations?, (reduced to 1|which cannot be made fewer)\n", said), errors
        first = said.partition(":")[0]
        reduced = base64.b64encode((self.tree / f"{first}.reduced").read_bytes()).decode()
        explained = self.explanation(first) + f"\n  base64  {reduced}\n\n  replay  build/fuzz/kmemfuzz run {first}.reduced\n"
        assert said[:len(explained)] == explained
        rest = said[len(explained):].splitlines()
        others = [f"{path}: free-merged, the same as {first}" for path in re.findall(r"(?m)^(\S+): free-merged, the same", said)]
        more = int(count) - 1 - len(others)
        if more:
            crashes = "crash of this kind is" if more == 1 else "crashes of this kind are"
            others.append(f"{more} more {crashes} in build/campaign/heap/findings; build/fuzz/kmemfuzz explain FILE explains each")
        assert rest == others
        assert len(list((self.tree / "build/campaign/heap/findings").glob("crash-" + 40 * "[0-9a-f]"))) == int(count)
        wait_until_none(processes_in, self.tree)

    def test_its_json_names_one_finding_and_its_duplicates_with_their_files(self):
        code, output, _ = run(["./ci/fuzz", "--for", "1h", "--jobs", "1", "--until-crash", "--json"], self.tree)
        assert code == VIOLATION
        figures = json.loads(output)
        assert set(figures) == SUMMARY_KEYS
        first, *others = figures["findings"]
        assert (first["id"], first["duplicate_of"]) == ("free-merged", None)
        for finding in others:
            assert (finding["id"], finding["duplicate_of"], finding["program"].splitlines()[1:]) == (
                "free-merged", first["file"], first["program"].splitlines()[1:])
        assert len({finding["file"] for finding in figures["findings"]}) == len(others) + 1
        for finding in figures["findings"]:
            assert set(finding["files"]) == {"reduced", "text", "c", "html"}
            for path in (finding["file"], *finding["files"].values()):
                assert (self.tree / path).is_file(), path
        reduced = (self.tree / first["files"]["text"]).read_text(encoding="utf-8")
        assert first["program"] == reduced
        code, replayed, _ = run(["build/fuzz/kmemfuzz", "run", first["files"]["text"]], self.tree)
        assert code == VIOLATION
        assert ": VIOLATION free-merged: " in replayed


class TestSanitizerReport(BrokenTree):
    """AddressSanitizer finds the heap at fault, in the middle of an operation."""

    BREAK = ONE_WORD_TOO_MANY_ZEROED

    def require_last_words(self, output, path):
        """The sanitizer's report, and after it where the run stood."""
        report, death, words = output.partition("\nDIED in the subject: the report above says why, this says where\n")
        assert death, output
        assert "ERROR: AddressSanitizer: " in report
        assert re.search(r"#0 .* in kmem_zalloc ", report)
        assert re.search(r"^  operation  \d+: (zalloc|calloc) ", words)
        assert re.search(r"\n  last operations \(number, operation, what it did\)\n(   .*\n)*"
                         r"  >  *\d+  (zalloc|calloc) [^>]*\n", words)
        assert re.search(r"\n  heap \(.*\), in the middle of the operation\n +\|[#.]", words)
        assert words.endswith(f"\n  replay  {self.tool} run {path}\n"), words

    def test_the_fuzzer_finds_it_from_nothing_and_its_replay_prints_where_it_died(self):
        code, output, saved = self.fuzz()
        assert code != SOUND
        assert re.search(r"ERROR: AddressSanitizer: ", output)
        code, _, replayed = run([self.tool, "run", saved], self.tree)
        assert code == VIOLATION
        self.require_last_words(replayed, saved)

    def test_the_last_words_name_the_operation_those_before_it_and_the_replay_command(self):
        path = self.write("zeroed.ops", ZEROED)
        code, output, errors = run([self.tool, "run", path], self.tree)
        assert (code, output) == (VIOLATION, "")
        self.require_last_words(errors, path)
        words = errors.partition("\nDIED ")[2]
        assert "\n  operation  1: zalloc 1 40\n" in words
        assert "\n        0  alloc 0 24                   -> slot 0, offset 8\n" in words

    def test_the_replay_command_works_when_pasted(self):
        path = self.write("two words.ops", ZEROED)
        _, _, errors = run([self.tool, "run", path], self.tree)
        command = re.search(r"\n  replay  (.*)\n$", errors).group(1)
        code, _, again = run(command, self.tree, shell=True)
        assert code == VIOLATION
        assert again.partition("\nDIED ")[2] == errors.partition("\nDIED ")[2]

    def test_the_steps_before_it_are_traced(self):
        path = self.write("zeroed.ops", ZEROED)
        code, output, errors = run([self.tool, "run", path, "--trace"], self.tree)
        assert code == VIOLATION
        assert re.search(r"^    0  alloc 0 24 .*\n       \|#32 s0\|\.224\|  digest [0-9a-f]{16}\n$", output)
        self.require_last_words(errors, path)


class TestProcessorFault(BrokenTree):
    """The processor stops the heap, in a build without sanitizers."""

    BREAK = WRITES_TO_NULL
    PRESET = "release"
    TARGETS = ("kmemfuzz",)

    def test_the_signal_is_named_with_where_the_run_stood_and_it_ends_with_1(self):
        path = self.write("zeroed.ops", ZEROED)
        code, output, errors = run([self.tool, "run", path], self.tree)
        assert (code, output) == (VIOLATION, "")
        assert errors.startswith(f"\nSignal {int(signal.SIGSEGV)}: the subject was stopped by the processor\n"
                                 "\nDIED in the subject: "), errors
        assert "\n  operation  1: zalloc 1 40\n" in errors
        assert errors.endswith(f"\n  replay  {self.tool} run {path}\n"), errors

    def test_what_was_sound_before_is_still_told(self):
        sound = self.write("a.ops", "kmem-program 1\n")
        code, output, _ = run([self.tool, "run", sound, self.write("b.ops", ZEROED)], self.tree)
        assert code == VIOLATION
        assert re.search(f"^sound  [0-9a-f]{{16}}     0 operations  {re.escape(sound)}\n$", output)


class TestHang(BrokenTree):
    """The heap does not return."""

    BREAK = HANGS
    PRESET = "release"
    TARGETS = ("kmemfuzz",)

    def test_run_says_so_with_where_it_stood_and_ends_with_1(self):
        path = self.write("zeroed.ops", ZEROED)
        code, output, errors = run([self.tool, "run", path], self.tree)
        assert (code, output) == (VIOLATION, "")
        assert errors.startswith("\nHang: an operation did not return, or the whole run took far too long\n"
                                 "\nDIED in the subject: "), errors
        assert "\n  operation  1: zalloc 1 40\n" in errors


class TestSoundTree(FolderTest):
    """The campaign on this tree itself, on a corpus of the test's own."""

    @pytest.fixture(autouse=True)
    def set_up_sound_tree(self, set_up_folder_test):
        self.corpus = self.folder / "corpus"
        self.environment = dict(os.environ, KMEM_TEST=str(self.folder))  # by which all that it starts is found

    def fuzz(self, *options):
        """Runs ci/fuzz for 4 seconds with one worker; nothing of it may be left. Returns (exit code, standard output,
        standard error)."""
        result = run(["./ci/fuzz", "--for", "4s", "--jobs", "1", "--corpus", self.corpus, *options], ROOT,
                     env=self.environment)
        wait_until_none(processes_naming, self.folder)
        return result

    def require_summary(self, target):
        """Fuzzes a target; nothing may be found, and all figures must be there."""
        self.corpus = self.folder / target
        code, output, errors = self.fuzz("--target", target, "--json")
        assert code == SOUND, errors
        figures = json.loads(output)
        assert set(figures) == SUMMARY_KEYS
        assert (figures["target"], figures["jobs"]) == (target, 1)
        assert (figures["findings"], figures["interrupted"]) == ([], False)
        assert figures["corpus"] == str(self.corpus)
        for key in ("seconds", "executions", "executions_per_second", "coverage_edges", "features"):
            assert figures[key] > 0, key
        if target not in PROGRAMS:  # whose committed corpus may leave nothing to find in so short a time
            assert figures["files_kept"] > 0
        assert len(list(self.corpus.iterdir())) == figures["files_kept"]
        if target in PROGRAMS:
            assert figures["checked_operations"] > figures["executions"]
            assert figures["checked_operations_per_second"] > 0

    @pytest.mark.parametrize("target", TARGETS)
    def test_no_target_finds_anything_and_each_sums_up_in_json(self, target):
        self.require_summary(target)

    def test_the_summary_for_people_has_all_figures(self):
        code, output, errors = self.fuzz()
        assert code == SOUND, errors
        assert re.search(r"""^
Fuzzed the heap target for \d+ s with 1 worker
  executions          [\d,]+ \([\d,]+/s\)
  checked operations  [\d,]+ \([\d,]+/s\)
  coverage            \d+/\d+ edges, \d+ features
  inputs in use       \d+; \d+ added to .*, which holds \d+
  crashes             none
  distinct bugs       0
$""", output)

    def test_a_status_is_logged_without_a_terminal_and_ctrl_c_ends_all_workers_with_a_summary(self):
        process = subprocess.Popen(
            ["./ci/fuzz", "--for", "10m", "--jobs", "2", "--corpus", self.corpus], cwd=ROOT, env=self.environment,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True)
        watchdog = threading.Timer(TIMEOUT, process.kill)
        watchdog.start()
        status = None
        for line in process.stderr:
            if " left " in line:
                status = line
                break
        assert status is not None, "it ended without a status line"
        assert re.search(r"^\d\ds, \d+s left  crashes none  [\d.]+[kMG]? executions/s  coverage \d+/\d+  "
                         r"[\d.]+[kMG]? checked operations/s  \d+ inputs in use  features \d+\n$", status)
        os.killpg(process.pid, signal.SIGINT)  # what a terminal does
        output, errors = process.communicate()
        watchdog.cancel()
        assert (process.returncode, errors) == (SOUND, "Stopping: finishing jobs, merging\n")
        assert re.search(r"\nFuzzed the heap target with 2 workers, stopped after \d\d s of 600\n", output)
        assert re.search(r"\n  distinct bugs       0\n$", output)
        wait_until_none(processes_naming, self.folder)

    @pytest.mark.parametrize("arguments, complaint", ((["--for", "soon"], "'soon' is not a duration; write it like 60s, 10m or 2h"),
                                                      (["--target", "stack"], "invalid choice: 'stack'"),
                                                      (["--bogus"], "there is no option '--bogus'")))
    def test_wrong_arguments_end_with_2_and_say_what_is_wrong(self, arguments, complaint):
        code, output, errors = run(["./ci/fuzz", *arguments], ROOT)
        assert (code, output) == (USAGE, "")
        assert "Usage: kmemfuzz fuzz " in errors
        assert complaint in errors

    def test_help_needs_no_build(self):
        for option in ("--help", "-h"):
            code, output, errors = run(["./ci/fuzz", option], ROOT)
            assert (code, errors) == (SOUND, "")
            assert "--for TIME" in output
            assert "Exit codes: 0 nothing found, 1 a violation, 2 usage, 3 environment, 4 internal error." in " ".join(
                output.split())
