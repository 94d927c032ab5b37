"""Tests of fuzz/kmemfuzz/explanation.py: what becomes of a finding of a target that kmemfuzz does not know. The targets are scripts,
and the real ones print their steps.
"""

import base64
import contextlib
import json
import os
import pathlib
import re
import subprocess
import tempfile
from unittest import mock

import pytest
from kmemfuzz import explanation, fuzzer
import patched
from kmemfuzz.campaign import TARGETS
from kmemfuzz.corpus import PROGRAMS
from fuzzer_words import ABORT, SV39_VIOLATED, POISONED, SAVED, TEXT_VIOLATED, TIMED_OUT

ROOT = pathlib.Path(__file__).resolve().parents[2]
FUZZERS = ROOT / "build" / "fuzz"
# As a target on one file: fails by a rule when an x is in it, by another when there is a y, and prints steps when asked.
TARGET = r"""#!/bin/sh
for argument in "$@"; do last=$argument; done
echo "Running: $last" >&2
echo run >>"$(dirname "$0")/runs"
[ -n "$KMEM_STEPS" ] && echo "steps of $(wc -c <"$last") bytes" >&2
case $(cat "$last") in
*y*) echo 'VIOLATION text-printed-parses: A sentence.' >&2; exit 77 ;;
*x*) echo 'VIOLATION text-encoded-size: A sentence.' >&2; echo 'AddressSanitizer:DEADLYSIGNAL' >&2; exit 77 ;;
esac
exit 0
"""
# The same with a sanitizer's error in the parser, or in what it calls when a y comes after the x. No names when in haste.
STACKS = r"""#!/bin/sh
for argument in "$@"; do last=$argument; done
echo "Running: $last" >&2
case $(cat "$last") in
*x*y*) place=1a function=parse_size ;;
*x*) place=2b function=text_parse ;;
*) exit 0 ;;
esac
echo '==1==ERROR: AddressSanitizer: use-after-poison on address 0x7f17cc2002a0' >&2
case $ASAN_OPTIONS in
*symbolize=0*) echo hasty >>"$(dirname "$0")/runs"
    echo "    #0 0x5580c421451d  ($0+0x10) (BuildId: 77)" >&2
    echo "    #1 0x5580c421451d  ($0+0x$place) (BuildId: 77)" >&2 ;;
*) echo named >>"$(dirname "$0")/runs"
    echo "    #0 0x5580c421451d in memcpy /build/compiler-rt/lib/asan/asan_interceptors.cpp:3:4" >&2
    echo "    #1 0x5580c421451d in $function /home/me/fuzz/kmem/fuzz/program/text_parse.c:5:6" >&2 ;;
esac
exit 77
"""


class ExplanationTest:
    @pytest.fixture(autouse=True)
    def set_up_explanation_test(self, folder):
        self.folder = folder
        self.binary = self.folder / "text_fuzzer"
        self.write_target(TARGET)
        self.path = self.folder / "crash-0a0b"

    def write_target(self, script):
        self.binary.write_text(script, encoding="utf-8")
        self.binary.chmod(0o755)

    def explain(self, data, is_cut=lambda: False):
        """The explanation of a file with these bytes."""
        self.path.write_bytes(data)
        return explanation.explain(self.path, "text", self.binary, is_cut)

    def files(self):
        """What is beside the finding."""
        return sorted(path.name for path in self.folder.iterdir() if path.name.startswith(("crash", ".")))


class TestExplanation(ExplanationTest):
    def test_the_input_is_reduced_and_the_target_tells_about_that(self):
        finding = self.explain(b"one two x three")
        assert (finding["id"], finding["input"], finding["size_before"], finding["size_after"], finding["problem"]) == (
            "text-encoded-size", base64.b64encode(b"x").decode(), 15, 1, None)
        assert finding["report"] == "steps of 1 bytes\nVIOLATION text-encoded-size: A sentence."
        assert finding["text"] == f"""\
{self.path}: 15 bytes, reduced to 1

steps of 1 bytes
VIOLATION text-encoded-size: A sentence.

  input (where, bytes, characters)
       0  78                                               |x|
  base64  eA==

  replay  KMEM_STEPS=1 {self.binary} {self.path}.reduced

  written in {self.folder}/
    crash-0a0b.reduced: the reduced input, as the fuzzer takes it
    crash-0a0b.txt: this text
    crash-0a0b.json: the same for kmemfuzz report
"""

    def test_a_log_has_all_of_an_input_unless_it_is_very_long(self):
        assert explanation.carry(b"\0" * 4, "run it") == "  base64  AAAAAA==\n\n  replay  run it\n"
        assert "A" * 5460 in explanation.carry(bytes(4095), "run it")
        assert explanation.carry(bytes(4096), "run it") == "  base64  (left out, since it has 4096 bytes)\n\n  replay  run it\n"

    def test_all_is_written_beside_it_whole_and_the_finding_stays(self):
        finding = self.explain(b"a x")
        assert self.files() == ["crash-0a0b", "crash-0a0b.json", "crash-0a0b.reduced", "crash-0a0b.txt"]
        assert self.path.read_bytes() == b"a x"
        assert (self.folder / "crash-0a0b.reduced").read_bytes() == b"x"
        assert (self.folder / "crash-0a0b.txt").read_text(encoding="utf-8") == finding["text"]
        document = json.loads((self.folder / "crash-0a0b.json").read_text(encoding="utf-8"))
        assert (document["format"], document["target"]) == (explanation.FORMAT, "text")
        assert {name: document[name] for name in ("id", "input", "size_before", "size_after", "report", "replay")} == {
            name: finding[name] for name in ("id", "input", "size_before", "size_after", "report", "replay")}
        assert document["runs"] + 2 == len((self.folder / "runs").read_text().split())

    def test_the_replay_command_works_when_pasted(self):
        finding = self.explain(b"a x")
        done = subprocess.run(finding["replay"], shell=True, capture_output=True, text=True, check=False)
        assert done.returncode == 77
        assert finding["report"] in done.stderr

    def test_an_input_that_fails_in_another_way_is_no_smaller_version(self):
        finding = self.explain(b"xyz")
        assert (finding["id"], finding["input"]) == ("text-printed-parses", base64.b64encode(b"y").decode())

    def test_an_input_that_fails_by_the_same_sanitizer_in_another_function_is_no_smaller_version(self):
        self.write_target(STACKS)
        for data, reduced, function in ((b"one x two y", b"xy", "parse_size"), (b"one x two", b"x", "text_parse")):
            finding = self.explain(data)
            assert (finding["id"], base64.b64decode(finding["input"]).replace(b"0", b"")) == (f"asan: use-after-poison in {function}", reduced)
        assert "in text_parse " in finding["report"]

    def test_names_of_functions_are_looked_for_once_for_each_stack(self):
        self.write_target(STACKS)
        self.explain(b"one x two y")
        asked = (self.folder / "runs").read_text(encoding="utf-8").split()
        assert asked.count("named") == 2 + 1  # for each of two stacks, and for the report of the reduced input
        assert asked.count("hasty") > 8

    def test_it_is_known_where_the_code_lies_that_each_target_without_programs_tries(self):
        assert set(explanation.UNDER_TEST) == set(TARGETS) - set(PROGRAMS)
        for folder in {folder for folders in explanation.UNDER_TEST.values() for folder in folders}:
            assert (ROOT / folder).is_dir(), folder

    def test_a_reduced_input_that_then_fails_otherwise_is_dropped(self):
        # A target that prints steps fails otherwise, unless it is the file itself.
        self.write_target(TARGET.replace("[ -n", '[ -n "$KMEM_STEPS" ] && [ "$(wc -c <"$last")" -lt 3 ] && exit 0\n[ -n'))
        finding = self.explain(b"a x")
        assert (finding["size_after"], base64.b64decode(finding["input"])) == (3, b"a x")
        assert (self.folder / "crash-0a0b.reduced").read_bytes() == b"a x"
        assert ": 3 bytes, which cannot be made fewer\n" in finding["text"]

    def test_what_does_not_fail_again_is_not_explained(self):
        finding = self.explain(b"sound")
        assert finding == {
            "file": str(self.path), "id": None, "problem": f"it does not fail when {self.binary} runs it again"}
        assert self.files() == ["crash-0a0b"]

    def test_what_cannot_be_read_run_or_written_is_not_explained_and_says_why(self):
        self.binary.unlink()
        assert re.search("No such file or directory.*text_fuzzer", self.explain(b"x")["problem"])
        self.write_target(TARGET)
        with mock.patch("kmemfuzz.corpus.write_whole", side_effect=OSError(28, "No space left on device")):
            assert "No space left on device" in self.explain(b"x")["problem"]
        assert "No such file" in explanation.explain(self.folder / "gone", "text", self.binary, lambda: False)["problem"]

    def test_no_more_inputs_are_tried_than_it_may_take(self):
        with mock.patch("kmemfuzz.explanation.REDUCE_RUNS", 7):
            self.explain(b"a" * 500 + b"x")
        assert len((self.folder / "runs").read_text().split()) == 7 + 2
        with mock.patch("kmemfuzz.explanation.REDUCE_SECONDS", 0):
            assert self.explain(b"a x")["size_after"] == 3

    def test_when_nobody_waits_any_more_it_ends_and_nothing_half_done_is_there(self):
        runs = self.folder / "runs"

        def is_cut():
            return len(runs.read_text().split()) >= 5
        with pytest.raises(explanation.Cut):
            self.explain(b"a" * 500 + b"x", is_cut)
        assert len(runs.read_text().split()) == 5
        assert self.files() == ["crash-0a0b"]

    def test_an_earlier_explanation_is_replaced(self):
        self.explain(b"a x")
        finding = self.explain(b"a y")
        assert (self.folder / "crash-0a0b.txt").read_text(encoding="utf-8") == finding["text"]
        assert (self.folder / "crash-0a0b.reduced").read_bytes() == b"y"

    def test_an_empty_input_is_shown_as_such(self):
        self.write_target("#!/bin/sh\necho 'VIOLATION text-memory: A sentence.' >&2\nexit 77\n")
        assert "  input (where, bytes, characters)\n    (it is empty)\n" in self.explain(b"x")["text"]


class TestWords:
    BEFORE = "INFO: Running with entropic power schedule (0xFF, 100).\nINFO: Seed: 7\nx: Running 1 inputs 1 time(s) each.\nRunning: f\n"

    def test_of_a_rule_that_was_broken_there_is_what_the_target_says_and_nothing_of_libfuzzer(self):
        assert explanation.report_words(self.BEFORE + "another tree\n" + SV39_VIOLATED) == (
            "another tree\n\nVIOLATION sv39-satp: satp names the mode and the root.\n"
            "  operation 0: sv39_init(4 pages)")
        assert explanation.report_words(self.BEFORE + TEXT_VIOLATED).startswith("VIOLATION text-printed-parses: ")
        assert "\n" not in explanation.report_words(self.BEFORE + TEXT_VIOLATED)

    def test_of_a_death_there_are_the_steps_and_the_sanitizers_report_with_its_stack_but_not_libfuzzers_part_of_it(self):
        words = explanation.report_words(
            self.BEFORE + "  operation 1: sv39_unmap(0x0)\n" + POISONED.replace(SAVED, "") +
            "    #1 0x5580c in main (build/fuzz/x+0x16)\n    #2 0x55 in fuzzer::RunOneTest(x) f.c\n    #3 0x7f  (/lib/libc.so.6+0x3)\n"
            "MS: 0 ; base unit: 00\n0x2,0x41,\n\\002A\n\nShadow bytes around the buggy address:\n  0x7f: 00\n" + SAVED)
        assert words == ("  operation 1: sv39_unmap(0x0)\n"
                         "ERROR: AddressSanitizer: use-after-poison on address 0x7f17cc2002a0 at pc 0x5580\n"
                         "WRITE of size 8 at 0x7f17cc2002a0 thread T0\n"
                         "    #0 0x5580c421451d in kmem_zalloc src/kmem.c:313:18")

    def test_of_a_hang_there_is_the_step_it_hangs_in(self):
        words = explanation.report_words(self.BEFORE + "  operation 1: sv39_unmap(0x0)\n" + TIMED_OUT)
        assert words.startswith("  operation 1: sv39_unmap(0x0)\nALARM: working on the last Unit for 11 seconds\n"), words
        assert "ERROR: libFuzzer: timeout after 11 seconds" in words

    def test_a_signal_alone_is_told_with_its_stack(self):
        assert "in violation_FREE_MERGED fuzz/report/violation.c:17:1" in explanation.report_words(self.BEFORE + ABORT)

    def test_very_many_words_are_cut_in_the_middle(self):
        words = explanation.report_words(self.BEFORE + "first\n" + "line\n" * 10000 + "last\n")
        assert len(words) < explanation.REPORT_SIZE + 100
        assert re.search(r"(?s)^first\n.* characters are left out \.\.\..*\nlast$", words)

    def test_bytes_are_shown_with_where_they_are(self):
        assert explanation.dump(bytes(range(0x3e, 0x50))) == (
            "   0  3e 3f 40 41 42 43 44 45 46 47 48 49 4a 4b 4c 4d  |>?@ABCDEFGHIJKLM|\n"
            "  16  4e 4f                                            |NO|")


@pytest.mark.skipif(not (FUZZERS / "sv39_fuzzer").exists(), reason="needs the build of preset fuzz")
class TestSteps:
    """The real targets say what they do, when asked to."""

    def run_target(self, target, data, steps=True):
        """What a target prints for an input, libFuzzer's part left out."""
        environment = {name: value for name, value in {**os.environ, **fuzzer.ENVIRONMENT}.items() if name != "KMEM_STEPS"}
        if steps:
            environment["KMEM_STEPS"] = "1"
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder, "input")
            path.write_bytes(data)
            # To look for leaks libFuzzer may run an input again.
            done = subprocess.run([FUZZERS / f"{target}_fuzzer", "-detect_leaks=0", path], env=environment,
                                  capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stderr.partition("\nRunning: ")[2].partition("\n")[2].partition("Executed ")[0]

    def test_nothing_is_said_when_nobody_asks(self):
        for target in ("sv39", "text"):
            assert self.run_target(target, b"\x01" * 40, steps=False) == ""

    def test_the_sv39_target_shows_each_operation_and_what_came_of_it(self):
        assert self.run_target("sv39", b"\x01\x00\x00" b"\x00\x00\x00\x00" b"\x70\x00\x00\x00" b"\x79\x00\x00\x00"
                                         b"\x0e\x00\x00\x00" b"\x0e\x00\x00\x00") == """\
  operation 0: sv39_init(5 pages at physical 0x80000000)
  another tree is tried, made in the same way (way 0 of check_misused_init)
  operation 1: sv39_map(0x0, 0x80000000, 0x2)
  operation 2: sv39_map(0x0, 0x80000000, 0x2)
      -> refused: already-mapped
  operation 3: sv39_translate(0x0)
      -> 0x80000000, 0x2
  operation 4: scribble(the entry of level 0 of 0x0, damage 0x00)
      -> 0x200000c2 in place of 0x200000c3
  operation 5: repair
"""

    def test_the_text_target_shows_what_it_prints_and_why_what_does_not_parse_does_not(self):
        words = self.run_target("text", b"free 1\x80\\\nx")
        assert "a binary program of 10 bytes\n  prints " in words
        assert "\n    | kmem-program 2\n    | heap page=" in words
        assert ("\na text of 25 bytes\n    | kmem-program 1\n    | free 1\\x80\\\\\n    | x\n  does not parse: line 2, column " in
                words)

    def test_of_a_long_text_the_start_is_shown_and_how_much_is_left_out(self):
        words = self.run_target("text", b"x" * 5000)
        assert f"    | {'x' * (4096 - 15)}\n    ... 919 more bytes\n" in words, words[:300]


@pytest.mark.skipif(not (FUZZERS / "compile_commands.json").exists(), reason="needs the build of preset fuzz")
class TestPlanted:
    """Findings of the real targets, linked with a core that has a bug: a line of a file below src/, and what it becomes."""

    @pytest.fixture(autouse=True)
    def set_up_planted(self, folder):
        self.folder = folder

    def explain(self, target, file, line, wrong, data):
        """The explanation of an input of a target."""
        with contextlib.chdir(ROOT):  # where patched.py finds src/ and the builds
            copy = patched.make_copy(self.folder / "copy", None)
            source = (copy / "src" / file).read_text(encoding="utf-8")
            assert source.count(line) == 1
            (copy / "src" / file).write_text(source.replace(line, wrong), encoding="utf-8")
            binary, = patched.Build("fuzz", f"{target}_fuzzer").link(copy)
        (self.folder / "crash").write_bytes(data)
        return explanation.explain(self.folder / "crash", target, binary, lambda: False)

    def test_of_the_page_tables(self):
        finding = self.explain(
            "sv39", "riscv/sv39.c", "for (unsigned level = 0; level <= kept_level; level++) {",
            "for (unsigned level = 0; level < kept_level || level == 0; level++) {",
            b"\x31\x00\x00" b"\x00\x41\x07\x81" b"\x01\x09\x03\x02" b"\x09\x00\x00\x00" b"\x05\x00\x00\x00" b"\x06\x00\x00\x00")
        assert (finding["id"], base64.b64decode(finding["input"])) == ("sv39-table-page", b"\x01\0\0" b"\0\0\0\0" b"\x05\0\0\0")
        assert finding["report"] == """\
  operation 0: sv39_init(5 pages at physical 0x80000000)
  another tree is tried, made in the same way (way 0 of check_misused_init)
  operation 1: sv39_map(0x0, 0x80000000, 0x2)
  operation 2: sv39_unmap(0x0)

VIOLATION sv39-table-page: Every table is a taken run of one page of the allocator.
  operation 2: sv39_unmap(0x0)
  expected: 0x1 at address 0x0
  observed: 0x0
  should be mapped, in 1 table, 2 pages being free:
    nothing
  tables, from the root, page 0:
    [0] page 3, which is free"""

    def test_of_a_sanitizer_with_the_line_of_the_core(self):
        finding = self.explain(
            "sv39", "page.c", "    word *const words = run;\n",
            "    word *const words = pages->taken_count == 5 ? (word *)((uintptr_t)run + 1) : run;\n",
            b"\x10\x00\x00" b"\x09\x00\x00\x00" b"\x00\x41\x07\x81" b"\x05\x00\x00\x00")
        assert finding["id"].startswith("ubsan: store to misaligned address N for type 'word'"), finding["id"]
        assert base64.b64decode(finding["input"]) == b"\x01\0\0" b"\0\0\0\0"
        assert re.search(r"(?s)^  operation 0: sv39_init\(5 pages .*\n  operation 1: sv39_map\(.*/src/page\.c:\d+:\d+: "
                         r"runtime error: store to misaligned .*\n    #0 0x[0-9a-f]+ in page_zalloc .*\nSUMMARY: [^\n]*$",
                         finding["report"])
