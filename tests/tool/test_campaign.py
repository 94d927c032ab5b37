"""Tests of ci/lib/fuzzer.py, ci/lib/campaign.py and ci/lib/bench_heap.py: what they read, what they print, and that a
campaign ends in good order whatever its workers do and whenever it is interrupted. The workers here are scripts.

Run: python3 tests/tool/test_campaign.py
"""

import argparse
import contextlib
import io
import json
import os
import pathlib
import pty
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import time
import types
import unittest
from unittest import mock

ROOT = pathlib.Path(__file__).resolve().parents[2]
LIBRARY = ROOT / "ci" / "lib"
sys.path.insert(0, str(LIBRARY))
sys.dont_write_bytecode = True  # the tree is not for litter

import bench_heap as bench  # pylint: disable=wrong-import-position  # noqa: E402
import campaign  # pylint: disable=wrong-import-position  # noqa: E402
import fuzzer  # pylint: disable=wrong-import-position  # noqa: E402

SOUND, VIOLATION, USAGE, ENVIRONMENT = range(4)
TIMEOUT = 60  # seconds a campaign of scripts may take on a busy machine before it counts as hanging

# What libFuzzer and the sanitizers print, with the addresses and most of the stacks left out.
INITED = "#2\tINITED cov: 8 ft: 8 corp: 1/1b exec/s: 0 rss: 33Mb\n"
NEW = ("#36942\tNEW    cov: 102 ft: 1423 corp: 512/39Kb lim: 1024 exec/s: 18471 rss: 61Mb L: 61/1024 MS: 2 "
       "ShuffleBytes-CrossOver-\n")
REDUCE = "#42\tREDUCE cov: 55 ft: 83 corp: 8/545b lim: 1024 exec/s: 0 rss: 35Mb L: 73/135 MS: 1 EraseBytes-\n"
PULSE = "#65536\tpulse  cov: 102 ft: 1423 corp: 512/39Kb lim: 1024 exec/s: 21845 rss: 62Mb\n"
DONE = "#100000\tDONE   cov: 104 ft: 1501 corp: 544/41Kb lim: 1024 exec/s: 20000 rss: 62Mb\n"
OTHER_LINES = (
    "INFO: Running with entropic power schedule (0xFF, 100).\n", "INFO: -max_len is not provided\n", "",
    "\tNEW_FUNC[1/2]: 0x55b6310ee638 in kmem_free src/kmem.c:347\n", "Done 100000 runs in 5 second(s)\n",
    "    #3 0x55b6310e82bf in violation_FREE_MERGED fuzz/report/violation.c:17:1\n",
    "stat::number_of_executed_units: 100000\n")
SAVED = "artifact_prefix='findings/'; Test unit written to findings/crash-9e52b38f\nBase64: HBwc\n"
ABORT = ("AddressSanitizer:DEADLYSIGNAL\n=====\n"
         "==9860==ERROR: AddressSanitizer: ABRT on unknown address 0x2684 (pc 0x7f)\n"
         "    #3 0x55b6310e82bf in violation_FREE_MERGED fuzz/report/violation.c:17:1\n==9860==ABORTING\n")
VIOLATED = ("VIOLATION free-merged: No two adjacent blocks are both free.\n  heap       13 pages of 32 bytes\n" +
            ABORT + SAVED)
PAGE_VIOLATED = ("\npage allocator: page-zeroed: Every byte of a zeroed run is 0.\n  operation 3: zalloc 2\n" +
                 ABORT + SAVED)
TEXT_VIOLATED = ("text_fuzzer: print_then_parse: it does not hold that printing a program and parsing that\n" +
                 ABORT + SAVED)
POISONED = ("=====\n==10841==ERROR: AddressSanitizer: use-after-poison on address 0x7f17cc2002a0 at pc 0x5580\n"
            "WRITE of size 8 at 0x7f17cc2002a0 thread T0\n"
            "    #0 0x5580c421451d in kmem_zalloc src/kmem.c:313:18\n" + SAVED)
UNDEFINED = ("src/kmem.c:313:9: runtime error: store to misaligned address 0x7f17cc2002a1 for type 'uint64_t', which "
             "requires 8 byte alignment\n0x7f17cc2002a1: note: pointer points here\n"
             "SUMMARY: UndefinedBehaviorSanitizer: undefined-behavior src/kmem.c:313:9\n" + SAVED)
TIMED_OUT = ("ALARM: working on the last Unit for 11 seconds\n"
             "       and the timeout value is 10 (use -timeout=N to change)\n"
             "artifact_prefix='findings/'; Test unit written to findings/timeout-1a2b\n"
             "==77== ERROR: libFuzzer: timeout after 11 seconds\nSUMMARY: libFuzzer: timeout\n")
OUT_OF_MEMORY = ("==77== ERROR: libFuzzer: out-of-memory (used: 2056Mb; limit: 2048Mb)\n"
                 "artifact_prefix='findings/'; Test unit written to findings/oom-1a2b\n")
INTERRUPTED = "==10877== libFuzzer: run interrupted; exiting\n"


def processes_naming(text):
    """The command lines of all processes in which text occurs, this one excepted."""
    found = []
    for path in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
        try:
            command = path.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue  # it has ended
        if text in command and path.parent.name != str(os.getpid()):
            found.append(command)
    return found


def wait_until(happened, what):
    """Waits until happened() is true, at most TIMEOUT seconds."""
    deadline = time.monotonic() + TIMEOUT
    while not happened():
        if time.monotonic() > deadline:
            raise AssertionError(f"waited in vain until {what}")
        time.sleep(0.02)


class FuzzerOutput(unittest.TestCase):
    def test_status_lines_give_executions_coverage_features_and_corpus_size(self):
        for line, progress in ((INITED, (2, 8, 8, 1)), (NEW, (36942, 102, 1423, 512)), (REDUCE, (42, 55, 83, 8)),
                               (PULSE, (65536, 102, 1423, 512)), (DONE, (100000, 104, 1501, 544))):
            self.assertEqual(fuzzer.parse_progress(line), progress)

    def test_other_lines_give_nothing(self):
        for line in OTHER_LINES:
            self.assertIsNone(fuzzer.parse_progress(line), line)

    def test_a_finding_has_the_id_of_what_stopped_the_target(self):
        for output, finding in ((VIOLATED, "free-merged"), (PAGE_VIOLATED, "page-zeroed"),
                                (TEXT_VIOLATED, "print_then_parse"), (POISONED, "asan: use-after-poison"),
                                (TIMED_OUT, "hang"), (OUT_OF_MEMORY, "hang")):
            self.assertEqual(fuzzer.parse_finding(INITED + NEW + output), finding)

    def test_undefined_behaviour_is_the_same_finding_at_another_address(self):
        finding = fuzzer.parse_finding(UNDEFINED)
        self.assertEqual(finding, "ubsan: store to misaligned address N for type 'uint64_t', which req")
        self.assertEqual(fuzzer.parse_finding(UNDEFINED.replace("7f17cc2002a1", "7fcb2ea002b3")), finding)

    def test_an_overflow_is_the_same_finding_with_other_numbers(self):
        first, second = (f"kmem.c:9:1: runtime error: unsigned integer overflow: {a} + {b} cannot be represented"
                         for a, b in ((18446744073709551615, 8), (18446744073709551608, 16)))
        self.assertEqual(fuzzer.parse_finding(first), fuzzer.parse_finding(second))

    def test_a_run_that_found_nothing_gives_no_finding(self):
        for output in ("", INITED + NEW + DONE, INITED + INTERRUPTED, *OTHER_LINES):
            self.assertIsNone(fuzzer.parse_finding(output))
            self.assertIsNone(fuzzer.parse_artifact(output))

    def test_the_violations_id_counts_before_the_abort_it_ends_in(self):
        self.assertEqual(fuzzer.parse_finding(ABORT), "asan: ABRT")
        self.assertEqual(fuzzer.parse_finding(VIOLATED), "free-merged")

    def test_the_saved_file_is_named(self):
        self.assertEqual(fuzzer.parse_artifact(INITED + VIOLATED), "findings/crash-9e52b38f")
        self.assertEqual(fuzzer.parse_artifact(TIMED_OUT), "findings/timeout-1a2b")
        self.assertIsNone(fuzzer.parse_artifact(INITED + ABORT))


class Statistics(unittest.TestCase):
    def read(self, contents):
        """What read_statistics makes of a file with these contents."""
        with tempfile.NamedTemporaryFile() as file:
            file.write(contents)
            file.flush()
            return fuzzer.read_statistics(file.name)

    def test_a_whole_file_gives_its_three_counters(self):
        self.assertEqual(self.read(struct.pack("=3Q", 5, 1 << 40, 7)), (5, 1 << 40, 7))

    def test_what_is_behind_them_is_ignored(self):
        self.assertEqual(self.read(struct.pack("=3Q", 5, 6, 7) + b"more"), (5, 6, 7))

    def test_a_missing_or_a_short_file_gives_zeros(self):
        self.assertEqual(fuzzer.read_statistics("/nonexistent/statistics"), (0, 0, 0))
        self.assertEqual(fuzzer.read_statistics("/"), (0, 0, 0))
        for size in (0, 1, 8, 23):
            self.assertEqual(self.read(b"\x01" * size), (0, 0, 0))


class Arguments(unittest.TestCase):
    def test_durations(self):
        for text, seconds in (("90", 90), ("60s", 60), ("10m", 600), ("2h", 7200), ("1", 1), ("007s", 7)):
            self.assertEqual(campaign.parse_duration(text), seconds)

    def test_what_is_no_duration(self):
        for text in ("", "0", "0s", "-1", "1.5h", "s", "10 m", "10d", "1h30m", "10M", "ten", "10s\n"):
            with self.subTest(text=text), self.assertRaises(argparse.ArgumentTypeError) as complaint:
                campaign.parse_duration(text)
            self.assertEqual(str(complaint.exception), f"'{text}' is no duration; write it like 60s, 10m or 2h")

    def test_numbers_above_0(self):
        self.assertEqual([campaign.parse_positive(text) for text in ("1", "42", "007")], [1, 42, 7])
        for text in ("", "0", "-1", "+1", "1.0", "many", "1e3"):
            with self.subTest(text=text), self.assertRaises(argparse.ArgumentTypeError):
                campaign.parse_positive(text)

    def test_without_arguments_it_fuzzes_the_heap_for_a_minute_on_every_processor(self):
        options = campaign.parse_arguments([])
        self.assertEqual((options.seconds, options.jobs, options.target, options.corpus, options.json),
                         (60, os.cpu_count(), "heap", None, False))
        self.assertGreater(options.seed, 0)

    def test_wrong_arguments_end_with_2(self):
        for arguments in (["--for", "0s"], ["--jobs", "0"], ["--jobs", "x"], ["--seed", "-1"], ["--target", "x"],
                          ["--x"], ["file"], ["--corpus"]):
            with self.subTest(arguments=arguments), contextlib.redirect_stderr(io.StringIO()) as errors:
                with self.assertRaises(SystemExit) as end:
                    campaign.parse_arguments(arguments)
                self.assertEqual(end.exception.code, USAGE)
                self.assertIn("usage: ci/fuzz", errors.getvalue())


class Figures(unittest.TestCase):
    def test_numbers_are_short(self):
        for number, text in ((0, "0"), (7, "7"), (999, "999"), (1000, "1.0k"), (1234, "1.2k"), (99_900, "99.9k"),
                             (99_960, "100k"), (123_456, "123k"), (999_499, "999k"), (999_600, "1.0M"),
                             (4_200_000, "4.2M"), (10**9, "1.0G"), (10**12, "1T")):
            self.assertEqual(campaign.human(number), text)

    def test_numbers_have_at_most_four_characters_and_a_unit(self):
        number = 1
        while number < 10**15:
            self.assertRegex(campaign.human(number), r"^[\d.]{1,4}[kMGT]?$")
            number += number // 50 + 1

    FIGURES = {"seconds": 12.3, "executions_per_second": 14990, "checked_operations_per_second": 703436,
               "coverage_edges": 100, "features": 684, "corpus_files": 236}

    def test_the_status_is_one_line_with_all_figures(self):
        options = types.SimpleNamespace(seconds=60, target="heap")
        self.assertEqual(campaign.status_line(self.FIGURES, options),
                         "12s, 48s left  15.0k executions/s  703k checked operations/s  coverage 100  features 684  "
                         "corpus 236")

    def test_only_the_heap_target_counts_checked_operations(self):
        options = types.SimpleNamespace(seconds=60, target="page")
        self.assertNotIn("operations", campaign.status_line(self.FIGURES, options))

    def test_no_time_is_left_when_it_is_over(self):
        options = types.SimpleNamespace(seconds=10, target="heap")
        self.assertIn("12s, 0s left", campaign.status_line(self.FIGURES, options))

    def test_counts_are_summed_over_the_workers_and_coverage_is_the_best(self):
        workers = [types.SimpleNamespace(counts=lambda: (10, 200), coverage=5, features=9, corpus_size=3),
                   types.SimpleNamespace(counts=lambda: (30, 400), coverage=7, features=8, corpus_size=2)]
        options = types.SimpleNamespace(target="heap", seed=1, jobs=2)
        figures = campaign.measure(workers, time.monotonic() - 10, options)
        self.assertEqual((figures["executions"], figures["checked_operations"]), (40, 600))
        self.assertEqual((figures["executions_per_second"], figures["checked_operations_per_second"]), (4, 60))
        self.assertEqual((figures["coverage_edges"], figures["features"], figures["corpus_files"]), (7, 9, 3))


# The workers of the campaigns below. Each is told by its seed, the campaign's plus its number, what to do.
WORKER = """#!/bin/sh
for argument in "$@"; do
    case $argument in
    -seed=*) number=${argument#-seed=} ;;
    esac
done
printf '#2\\tINITED cov: 8 ft: 9 corp: 1/1b exec/s: 0 rss: 33Mb\\n' >&2
: >"ready-$number"
. "./worker-$number"
"""
ENDS_AT_ONCE = "exit 0\n"
ENDS_SOON = "sleep 0.5; exit 0\n"
RUNS_ON = "trap 'exit 72' INT TERM; while :; do sleep 0.05; done\n"
RUNS_ON_WITHOUT_HANDLER = "exec sleep 600\n"
IS_DEAF = "trap '' INT TERM; while :; do sleep 0.05; done\n"
FINDS_SOON = "sleep 0.5; cat violated >&2; exit 77\n"
FINDS_WHEN_STOPPED = "trap 'cat violated >&2; exit 77' INT; while :; do sleep 0.05; done\n"
IS_BROKEN = "echo 'ERROR: The required directory does not exist' >&2; exit 1\n"

# `kmemfuzz asm IN -o OUT` and `kmemfuzz explain --json --force FILE`.
TOOL = """#!/bin/sh
case $1 in
asm) cp "$2" "$4" ;;
explain) printf '{"verdict": "violation", "id": "free-merged", "program": "small", "operations_before": 2,
  "operations_after": 1, "files": {"c": "%s.c"}, "text": "%s: VIOLATION as explained\\\\n"}' "$4" "$4"; exit 1 ;;
esac
"""
TOOL_SLOW_TO_PREPARE = TOOL.replace("asm) ", "asm) : >preparing; sleep 0.7; ")
TOOL_THAT_HANGS = TOOL.replace("explain) ", "explain) exec sleep 600; ")
TOOL_THAT_FINDS_NOTHING = TOOL.replace("exit 1", "exit 0").replace('"violation"', '"sound"')

RUNNER = """
import json, sys
sys.path.insert(0, sys.argv.pop(1))
import campaign
for name, value in json.loads(sys.argv.pop(1)).items():
    setattr(campaign, name, value)
campaign.STATUS_SECONDS = {True: 0.2, False: 0.2}
sys.exit(campaign.main())
"""
SEED = 100


class Campaign(unittest.TestCase):
    """Campaigns whose workers are scripts, in a tree of the test's own."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.tree = pathlib.Path(folder.name)
        self.addCleanup(self.end_what_is_left)
        self.build = self.tree / "build" / "fuzz"
        self.build.mkdir(parents=True)
        self.corpus = self.tree / "inputs"
        for name in ("seeds/b.ops", "regressions/a", "large/c.ops", "minimised/README.md"):
            (self.tree / "corpus" / name).parent.mkdir(parents=True, exist_ok=True)
            (self.tree / "corpus" / name).write_text("kmem-program 1\n", encoding="utf-8")
        (self.tree / "violated").write_text(VIOLATED, encoding="utf-8")
        self.write_script("kmemfuzz", TOOL)
        for target in campaign.TARGETS:
            self.write_script(f"{target}_fuzzer", WORKER)

    def end_what_is_left(self):
        """Ends the processes that a campaign which failed its test has left in this test's tree."""
        for path in pathlib.Path("/proc").glob("[0-9]*/cwd"):
            with contextlib.suppress(OSError):
                if os.readlink(path) == str(self.tree):
                    os.kill(int(path.parent.name), signal.SIGKILL)

    def write_script(self, name, text):
        """Puts a script where a build would have put a program."""
        (self.build / name).write_text(text, encoding="utf-8")
        (self.build / name).chmod(0o755)

    def start(self, *workers, arguments=(), settings=None, prefix=(), **more):
        """Starts a campaign with the given workers, in a session of its own as a terminal would have it."""
        for number, behaviour in enumerate(workers):
            (self.tree / f"worker-{SEED + number}").write_text(behaviour, encoding="utf-8")
        command = [*prefix, sys.executable, "-B", "-c", RUNNER, LIBRARY, json.dumps(settings or {}),
                   "--seed", str(SEED), "--jobs", str(len(workers)), "--corpus", self.corpus, *arguments]
        streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **more}
        return subprocess.Popen(command, cwd=self.tree, stdin=subprocess.DEVNULL, text=True, start_new_session=True,
                                **streams)

    def wait_for_workers(self, count):
        """Waits until that many workers run."""
        for number in range(count):
            wait_until((self.tree / f"ready-{SEED + number}").exists, f"worker {number} runs")

    def finish(self, process):
        """Waits for the campaign's end, after which nothing may be left of it. Returns (code, output, errors)."""
        try:
            output, errors = process.communicate(timeout=TIMEOUT)
        finally:
            process.kill()
        self.assertEqual(processes_naming(str(self.tree)), [])
        with self.assertRaises(ProcessLookupError):
            os.killpg(process.pid, 0)
        self.assertNotIn("Traceback", errors or "")
        return process.returncode, output, errors

    def run_campaign(self, *workers, **more):
        """start and finish."""
        return self.finish(self.start(*workers, **more))

    def require_summary(self, output, violations):
        """The closing summary must have been printed, once and last."""
        self.assertEqual(output.count("\nFuzzed the "), 1, output)
        self.assertTrue(output.endswith(f"\n  violations          {violations}\n"), output)


class CampaignEnd(Campaign):
    def test_all_workers_reach_the_end_of_their_time(self):
        code, output, _ = self.run_campaign(ENDS_SOON, ENDS_SOON)
        self.assertEqual(code, SOUND)
        self.require_summary(output, 0)

    def test_one_that_ends_a_moment_before_the_others_does_not_end_them(self):
        code, output, _ = self.run_campaign(ENDS_AT_ONCE, "sleep 0.5; : >ended; exit 0\n", arguments=["--json"])
        self.assertEqual((code, json.loads(output)["interrupted"]), (SOUND, False))
        self.assertTrue((self.tree / "ended").exists())

    def test_what_another_finds_after_one_has_ended_is_reported(self):
        code, output, errors = self.run_campaign(ENDS_AT_ONCE, FINDS_SOON)
        self.assertEqual(code, VIOLATION)
        self.assertIn("\nFound: free-merged\n", errors)
        self.require_summary(output, 1)

    def test_one_that_goes_on_long_after_its_time_is_stopped(self):
        code, output, _ = self.run_campaign(ENDS_AT_ONCE, RUNS_ON, arguments=["--for", "1s", "--json"],
                                            settings={"GRACE_SECONDS": 0.5})
        self.assertEqual((code, json.loads(output)["interrupted"]), (SOUND, False))

    def test_one_that_is_deaf_to_being_told_is_killed(self):
        code, output, _ = self.run_campaign(ENDS_AT_ONCE, IS_DEAF, arguments=["--for", "1s"],
                                            settings={"GRACE_SECONDS": 0.2, "STOP_SECONDS": 0.5})
        self.assertEqual(code, SOUND)
        self.require_summary(output, 0)

    def test_the_first_finding_ends_all_workers(self):
        code, output, errors = self.run_campaign(RUNS_ON, FINDS_SOON, RUNS_ON_WITHOUT_HANDLER,
                                                 arguments=["--for", "1h"])
        self.assertEqual(code, VIOLATION)
        self.assertEqual(errors.count("Found: "), 1)
        self.assertIn("\nfindings/crash-9e52b38f: VIOLATION as explained\n", errors)
        self.require_summary(output, 1)

    def test_the_same_file_found_by_two_workers_is_reported_twice(self):
        code, output, errors = self.run_campaign(FINDS_SOON, FINDS_WHEN_STOPPED)
        self.assertEqual(code, VIOLATION)
        self.assertEqual(errors.count("Found: free-merged"), 2)
        self.require_summary(output, 2)

    def test_a_worker_that_cannot_work_is_no_violation_and_what_it_said_is_shown(self):
        code, output, errors = self.run_campaign(RUNS_ON, IS_BROKEN)
        self.assertEqual(code, ENVIRONMENT)
        self.assertIn("a worker ended with code 1 and found nothing; it said:", errors)
        self.assertIn("ERROR: The required directory does not exist", errors)
        self.require_summary(output, 0)

    def test_a_target_that_is_not_there_is_no_violation(self):
        (self.build / "heap_fuzzer").unlink()
        code, output, errors = self.run_campaign(RUNS_ON, RUNS_ON)
        self.assertEqual((code, output), (ENVIRONMENT, ""))
        self.assertIn("ci/fuzz: a worker could not be started: ", errors)

    def test_a_corpus_that_is_a_file_is_no_violation(self):
        self.corpus.write_text("", encoding="utf-8")
        code, output, errors = self.run_campaign(RUNS_ON)
        self.assertEqual((code, output), (ENVIRONMENT, ""))
        self.assertIn("ci/fuzz: the campaign's folders could not be prepared: ", errors)

    def test_an_explanation_that_hangs_is_ended(self):
        self.write_script("kmemfuzz", TOOL_THAT_HANGS)
        (self.tree / "violated").write_text(TIMED_OUT, encoding="utf-8")
        code, output, errors = self.run_campaign(FINDS_SOON, settings={"EXPLAIN_SECONDS": 0.5})
        self.assertEqual(code, VIOLATION)
        self.assertIn("\nFound: hang\n", errors)
        self.require_summary(output, 1)

    def test_a_file_that_is_sound_gives_way_to_the_fuzzers_own_words(self):
        self.write_script("kmemfuzz", TOOL_THAT_FINDS_NOTHING)
        code, _, errors = self.run_campaign(FINDS_SOON)
        self.assertEqual(code, VIOLATION)
        self.assertIn("VIOLATION free-merged: No two adjacent blocks are both free.", errors)

    def test_the_other_targets_show_the_fuzzers_own_words_and_how_to_replay(self):
        (self.tree / "violated").write_text(PAGE_VIOLATED, encoding="utf-8")
        code, _, errors = self.run_campaign(FINDS_SOON, arguments=["--target", "page"])
        self.assertEqual(code, VIOLATION)
        self.assertIn("\nFound: page-zeroed\n", errors)
        self.assertIn("page allocator: page-zeroed: Every byte of a zeroed run is 0.", errors)
        self.assertIn("\n  replay  build/fuzz/page_fuzzer findings/crash-9e52b38f\n", errors)

    def test_findings_are_in_the_json(self):
        code, output, _ = self.run_campaign(FINDS_SOON, arguments=["--json"])
        self.assertEqual(code, VIOLATION)
        self.assertEqual(json.loads(output)["findings"],
                         [{"id": "free-merged", "file": "findings/crash-9e52b38f", "program": "small",
                           "files": {"c": "findings/crash-9e52b38f.c"}, "duplicate_of": None}])

    def test_the_committed_programs_are_seeds_but_for_the_large_ones(self):
        self.run_campaign(ENDS_AT_ONCE)
        seeds = self.tree / "build" / "campaign" / "heap" / "seeds"
        self.assertEqual(sorted(path.name for path in seeds.iterdir()), ["regressions-a", "seeds-b.ops"])

    def test_the_other_targets_start_without_seeds(self):
        self.run_campaign(ENDS_AT_ONCE, arguments=["--target", "text"])
        self.assertEqual(list((self.tree / "build" / "campaign" / "text" / "seeds").iterdir()), [])


class CampaignStatus(Campaign):
    def test_without_a_terminal_each_status_is_a_line(self):
        _, _, errors = self.run_campaign("sleep 1; exit 0\n")
        self.assertRegex(errors, r"(?m)^\d+s, \d+s left  \d+ executions/s  0 checked operations/s  coverage 8  "
                                 r"features 9  corpus 1$")
        self.assertNotIn("\r", errors)

    def test_on_a_terminal_the_status_replaces_itself_and_is_gone_in_the_end(self):
        ours, theirs = pty.openpty()
        process = self.start("sleep 1; exit 0\n", stderr=theirs)
        os.close(theirs)
        shown = b""
        with contextlib.suppress(OSError):  # how the end of a terminal reads
            while chunk := os.read(ours, 4096):
                shown += chunk
        os.close(ours)
        self.assertEqual(self.finish(process)[0], SOUND)
        self.assertRegex(shown.decode(), r"\r\x1b\[K\d+s, \d+s left  [^\n]*corpus 1\r\x1b\[K")
        self.assertTrue(shown.endswith(b"\r\x1b[K"), shown)


class CampaignInterrupted(Campaign):
    def interrupt(self, *workers, signals=(signal.SIGINT,), whole_group=True, **more):
        """Interrupts a campaign once its workers run. Returns as finish does."""
        process = self.start(*workers, arguments=["--for", "1h", *more.pop("arguments", [])], **more)
        self.wait_for_workers(len(workers))
        for number in signals:
            (os.killpg if whole_group else os.kill)(process.pid, number)
        return self.finish(process)

    def test_ctrl_c_ends_all_workers_and_the_summary_appears(self):
        code, output, errors = self.interrupt(RUNS_ON, RUNS_ON, RUNS_ON_WITHOUT_HANDLER)
        self.assertEqual(code, SOUND)
        self.assertNotIn("Found", errors)
        self.require_summary(output, 0)

    def require_end_by(self, number):
        """A signal to the campaign's own process alone."""
        code, output, _ = self.interrupt(RUNS_ON, RUNS_ON, signals=(number,), whole_group=False)
        self.assertEqual(code, SOUND)
        self.require_summary(output, 0)

    def test_sigint_to_the_campaign_alone_does_the_same(self):
        self.require_end_by(signal.SIGINT)

    def test_sigterm_does_the_same(self):
        self.require_end_by(signal.SIGTERM)

    def test_sighup_does_the_same(self):
        self.require_end_by(signal.SIGHUP)

    def test_ctrl_c_again_and_again_changes_nothing(self):
        code, output, _ = self.interrupt(RUNS_ON, IS_DEAF, signals=(signal.SIGINT,) * 5,
                                         settings={"STOP_SECONDS": 0.5})
        self.assertEqual(code, SOUND)
        self.require_summary(output, 0)

    def test_the_json_says_that_it_was_interrupted(self):
        code, output, _ = self.interrupt(RUNS_ON, arguments=["--json"])
        self.assertEqual((code, json.loads(output)["interrupted"]), (SOUND, True))

    def test_after_one_worker_has_ended_it_ends_the_others(self):
        code, output, _ = self.interrupt(ENDS_AT_ONCE, RUNS_ON)
        self.assertEqual(code, SOUND)
        self.require_summary(output, 0)

    def test_what_is_found_in_the_last_moment_is_reported(self):
        code, output, errors = self.interrupt(RUNS_ON, FINDS_WHEN_STOPPED)
        self.assertEqual(code, VIOLATION)
        self.assertIn("\nFound: free-merged\n", errors)
        self.require_summary(output, 1)

    def test_a_signal_that_ci_fuzz_keeps_for_the_campaign_ends_it_with_a_summary(self):
        for number in ("INT", "TERM", "HUP"):
            with self.subTest(signal=number):
                prefix = ["env", f"--block-signal={number}", "sh", "-c", f'kill -{number} $$; exec "$@"', "sh"]
                code, output, errors = self.run_campaign(RUNS_ON, RUNS_ON, arguments=["--for", "1h"], prefix=prefix)
                self.assertEqual(code, SOUND, errors)
                self.require_summary(output, 0)

    def test_while_the_seeds_are_prepared_nothing_is_cut_short_and_the_summary_appears(self):
        self.write_script("kmemfuzz", TOOL_SLOW_TO_PREPARE)
        process = self.start(RUNS_ON, arguments=["--for", "1h"])
        wait_until((self.tree / "preparing").exists, "the seeds are prepared")
        os.killpg(process.pid, signal.SIGINT)
        code, output, _ = self.finish(process)
        self.assertEqual(code, SOUND)
        self.require_summary(output, 0)

    def test_while_the_finding_is_explained_the_report_and_the_summary_appear(self):
        self.write_script("kmemfuzz", TOOL.replace("explain) ", "explain) : >explaining; sleep 0.7; "))
        process = self.start(FINDS_SOON)
        wait_until((self.tree / "explaining").exists, "the finding is explained")
        os.killpg(process.pid, signal.SIGINT)
        code, output, errors = self.finish(process)
        self.assertEqual(code, VIOLATION)
        self.assertIn("VIOLATION as explained", errors)
        self.require_summary(output, 1)

    def test_workers_that_someone_else_ends_have_found_nothing(self):
        process = self.start(RUNS_ON, arguments=["--for", "1h"])
        self.wait_for_workers(1)
        for path in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
            with contextlib.suppress(OSError):
                if f"{self.corpus}".encode() in path.read_bytes() and b"heap_fuzzer" in path.read_bytes():
                    os.kill(int(path.parent.name), signal.SIGTERM)
        code, output, _ = self.finish(process)
        self.assertEqual(code, SOUND)
        self.require_summary(output, 0)


class InterruptedBeforeTheCampaign(unittest.TestCase):
    """Ctrl-C while ci/fuzz sets up and builds: programs that block take the place of the real ones."""

    def require_stop(self, blocking):
        """Interrupts ci/fuzz while the program of that name runs."""
        with tempfile.TemporaryDirectory() as folder:
            tree = pathlib.Path(folder)
            shutil.copytree(ROOT / "ci", tree / "ci", ignore=shutil.ignore_patterns("__pycache__"))
            (tree / "programs").mkdir()
            for name, text in (("dpkg-query", "printf installed"), ("cmake", "exit 0")):
                script = tree / "programs" / name
                text = ": >blocking; exec sleep 600" if name == blocking else text
                script.write_text(f"#!/bin/sh\n{text}\n", encoding="utf-8")
                script.chmod(0o755)
            environment = dict(os.environ, PATH=f"{tree / 'programs'}:{os.environ['PATH']}")
            process = subprocess.Popen(["ci/fuzz", "--for", "1h"], cwd=tree, env=environment, start_new_session=True,
                                       stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                       text=True)
            wait_until((tree / "blocking").exists, f"{blocking} runs")
            os.killpg(process.pid, signal.SIGINT)
            output, errors = process.communicate(timeout=TIMEOUT)
            self.assertEqual((process.returncode, output), (ENVIRONMENT, ""))
            self.assertEqual(errors.count("Stopped before the fuzzing began\n"), 1)
            self.assertNotIn("failed", errors)
            with self.assertRaises(ProcessLookupError):
                os.killpg(process.pid, 0)

    def test_nothing_is_left_of_a_set_up(self):
        self.require_stop("dpkg-query")

    def test_nothing_is_left_of_a_build(self):
        self.require_stop("cmake")


class Bench(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        build = mock.patch.object(bench, "BUILD", self.folder)
        build.start()
        self.addCleanup(build.stop)

    def write_script(self, name, text):
        """Puts a script where the build would have put a program."""
        (self.folder / name).write_text(f"#!/bin/sh\n{text}\n", encoding="utf-8")
        (self.folder / name).chmod(0o755)

    def run_main(self, *arguments):
        """Runs the command line. Returns (exit code, standard output, standard error)."""
        with mock.patch.object(sys, "argv", ["ci/bench", *arguments]), \
                contextlib.redirect_stdout(io.StringIO()) as output, \
                contextlib.redirect_stderr(io.StringIO()) as errors:
            try:
                code = bench.main()
            except SystemExit as end:
                code = end.code
        return code, output.getvalue(), errors.getvalue()

    def test_costs_are_read_by_live_blocks(self):
        self.write_script("kmem_bench", "echo 10 400000 377; echo 100 40000 2059; echo 1000 4000 18264")
        self.assertEqual(bench.measure_costs(), {10: 377, 100: 2059, 1000: 18264})

    def test_a_target_runs_with_the_shared_flags_and_its_counters_are_read(self):
        counters = "".join(f"\\{byte:03o}" for byte in struct.pack("=3Q", 5, 60, 7))
        self.write_script("heap_fuzzer", f"echo \"$@\" >arguments; printf '{counters}' >\"$KMEM_STATISTICS\"")
        previous = os.getcwd()
        os.chdir(self.folder)
        self.addCleanup(os.chdir, previous)
        seconds, *counts = bench.run_target("heap_fuzzer", 42, "seeds", self.folder)
        self.assertGreaterEqual(seconds, 0)
        self.assertEqual(counts, [5, 60, 7])
        arguments = (self.folder / "arguments").read_text(encoding="utf-8").split()
        for flag in (*fuzzer.FLAGS, "-seed=1", "-runs=42", "seeds"):
            self.assertIn(flag, arguments)

    def test_processor_time_is_that_of_the_command(self):
        busy = "import time\nwhile time.process_time() < 0.2: pass"
        self.assertGreaterEqual(bench.processor_seconds([sys.executable, "-c", busy], os.environ), 0.2)
        self.assertLess(bench.processor_seconds(["sleep", "0.3"], os.environ), 0.2)

    def test_a_command_that_fails_is_not_measured(self):
        with self.assertRaises(subprocess.CalledProcessError):
            bench.processor_seconds(["false"], os.environ)

    FIGURES = {"empty_executions_per_second": 1234567, "operations_per_input": 45.6,
               "nanoseconds_per_checked_operation": {16: 120, 1024: 3456}}

    def test_figures_are_printed_for_people_and_as_json(self):
        with mock.patch.object(bench, "measure", lambda rounds, runs: dict(self.FIGURES, rounds=rounds, runs=runs)):
            code, output, _ = self.run_main("--rounds", "2", "--runs", "30", "--json")
            self.assertEqual(code, SOUND)
            self.assertEqual(json.loads(output)["nanoseconds_per_checked_operation"], {"16": 120, "1024": 3456})
            self.assertEqual((json.loads(output)["rounds"], json.loads(output)["runs"]), (2, 30))
            code, output, _ = self.run_main()
            self.assertEqual(code, SOUND)
            self.assertRegex(output, r"(?m)^empty_executions_per_second +1,234,567$")
            self.assertRegex(output, r"(?m)^nanoseconds_per_checked_operation at 1,024 +3,456$")

    def test_what_cannot_be_measured_ends_with_3(self):
        with mock.patch.object(campaign, "prepare_seeds"):
            code, output, errors = self.run_main("--rounds", "1", "--runs", "1")
        self.assertEqual((code, output), (ENVIRONMENT, ""))
        self.assertRegex(errors, "^ci/bench: ")

    def test_wrong_arguments_end_with_2(self):
        for arguments in (["--rounds", "0"], ["--runs", "x"], ["--x"]):
            self.assertEqual(self.run_main(*arguments)[0], USAGE)


if __name__ == "__main__":
    unittest.main()
