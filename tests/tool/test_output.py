"""Tests of `kmemfuzz run --json`: what machines learn of sound programs, of violations, of deaths and of
files that cannot be used.

The heaps are planted with bugs of tests/planted and linked with what build/dev holds: a death needs AddressSanitizer.
KMEM_PRESET names the build whose sound tool is tested (default: release).
"""

import json
import os
import re

import broken
from failures import HANGING, WRITES_TO_NULL
from tool_fixture import PRESET, SOUND, TOOL, USAGE, VIOLATION, ToolTest

TEXT = "kmem-program 1\nheap page=64 pages=4\nalloc 3 24\nfree 3\n"
RAW_NAME = b"caf\xe9 \"x\".ops"


class OutputTest(ToolTest):
    def write(self, name, contents=TEXT):
        return super().write(name, contents)

    def run_json(self, *arguments, tool=TOOL):
        """Runs with --json. Returns (exit code, the document)."""
        code, output, _ = self.run_tool("run", "--json", *arguments, tool=tool)
        return code, json.loads(output)


class TestJson(OutputTest):
    def test_a_sound_program_has_its_digest_and_its_operations(self):
        self.write("a.ops")
        code, document = self.run_json("a.ops")
        _, line, _ = self.run_tool("run", "a.ops")
        assert code == SOUND
        digest, operations = re.match(r"sound  ([0-9a-f]{16}) +(\d+) operation", line).groups()
        assert document == {"format": 1, "tool": "kmemfuzz", "version": document["version"],
                            "results": [{"file": "a.ops", "uri": "a.ops", "verdict": "sound", "digest": digest,
                                         "operations": int(operations)}], "left_out": [],
                            "totals": {"sound": 1, "violations": 0, "died": 0, "unusable": 0, "left_out": 0}}

    def test_a_violation_says_what_the_report_says(self):
        tool = broken.tool(PRESET, "merge-right-forgotten")
        self.write("a.ops")
        code, document = self.run_json("a.ops", tool=tool)
        result = document["results"][0]
        _, report, _ = self.run_tool("run", "a.ops", tool=tool)
        assert code == VIOLATION
        assert (result["verdict"], result["oracle"]) == ("violation", "free-merged")
        assert result["operation"] == {"index": 1, "text": "free 3", "recovery": False}
        for line in (f"VIOLATION {result['oracle']}: {result['sentence']}\n", f"  where      {result['where']}\n",
                     f"  expected   {result['expected']}\n", f"  observed   {result['observed']}\n"):
            assert line in report
        assert document["totals"]["violations"] == 1

    def test_a_violation_in_the_recovery_says_so(self):
        tool = broken.tool(PRESET, "merge-right-forgotten")
        self.write("a.ops", "kmem-program 1\nheap page=64 pages=4\nalloc 3 24\n")
        _, document = self.run_json("a.ops", tool=tool)
        assert document["results"][0]["operation"] == {"index": 1, "text": "free 3", "recovery": True}

    def test_a_heap_that_is_wrong_from_the_start_has_no_operation(self):
        tool = broken.tool(PRESET, "taken-bit-write-precedence")
        self.write("a.ops")
        _, document = self.run_json("a.ops", tool=tool)
        assert document["results"][0]["operation"] is None

    def test_a_death_is_a_result_with_the_function_it_happened_in_and_the_others_are_run(self):
        tool = broken.tool("dev", "zalloc-clears-one-word-more")
        self.write("a.ops", "kmem-program 1\nheap page=64 pages=4\nalloc 0 24\nzalloc 1 40\n")
        self.write("b.ops")
        code, document = self.run_json("a.ops", "b.ops", tool=tool)
        died, sound = document["results"]
        assert (code, sound["verdict"]) == (VIOLATION, "sound")
        assert (died["verdict"], died["oracle"]) == ("died", "sanitizer")
        assert died["operation"] == {"index": 1, "text": "zalloc 1 40", "recovery": False}
        assert (died["place"]["function"], died["place"]["file"]) == ("kmem_zalloc", "src/kmem.c")
        assert died["place"]["line"] > 100
        assert "AddressSanitizer" in died["report"]
        assert document["totals"] == {"sound": 1, "violations": 0, "died": 1, "unusable": 0, "left_out": 0}

    def test_a_hang_is_a_result(self):
        tool = broken.tool(PRESET, "walk-stands-still")
        self.write("a.ops", HANGING)
        code, document = self.run_json("a.ops", tool=tool)
        result = document["results"][0]
        assert (code, result["verdict"], result["oracle"]) == (VIOLATION, "died", "hang")
        assert (result["operation"]["text"], result["place"]) == ("free 1", None)

    def test_a_signal_without_a_sanitizer_is_named(self):
        tool = broken.tool(PRESET, WRITES_TO_NULL)
        self.write("a.ops", "kmem-program 1\nheap page=64 pages=4\nzalloc 0 40\n")
        code, document = self.run_json("a.ops", tool=tool)
        result = document["results"][0]
        assert (code, result["verdict"], result["oracle"]) == (VIOLATION, "died", "signal")
        assert result["signal"] == "Segmentation fault"

    def test_a_file_that_cannot_be_used_is_in_the_document_and_in_the_exit_code(self):
        self.write("typo.ops", "kmem-program 1\naloc 0 24\n")
        self.write("b.ops")
        code, document = self.run_json("typo.ops", "b.ops")
        assert code == USAGE
        assert document["results"][0] == {"file": "typo.ops", "uri": "typo.ops", "verdict": "unusable"}
        assert document["totals"] == {"sound": 1, "violations": 0, "died": 0, "unusable": 1, "left_out": 0}

    def test_a_name_that_is_not_utf_8_can_be_had_from_the_uri(self):
        path = os.path.join(os.fsencode(self.folder), RAW_NAME)
        with open(path, "wb") as file:
            file.write(TEXT.encode())
        _, document = self.run_json(RAW_NAME)
        result = document["results"][0]
        assert result["file"] == "caf\ufffd \"x\".ops"
        assert result["uri"] == "caf%E9%20%22x%22.ops"

    def test_only_the_oracles_chosen_are_asked(self):
        tool = broken.tool(PRESET, "merge-right-forgotten")
        self.write("a.ops")
        _, document = self.run_json("a.ops", "--without", "free-merged,placement,recovery", tool=tool)
        assert document["results"][0]["verdict"] == "sound"

    def test_a_failing_program_is_added_with_what_it_is_reduced_to_when_asked(self):
        tool = broken.tool(PRESET, "merge-right-forgotten")
        self.write("a.ops")
        self.write("b.ops", "kmem-program 1\nnull\n")
        _, document = self.run_json("a.ops", "b.ops", "--reduce", tool=tool)
        failing, sound = document["results"]
        assert failing["program"] == {"operations": 2, "text": self.run_tool("show", "a.ops")[1]}
        assert failing["reduced"] == {
            "operations": 1, "text": "kmem-program 1\nheap page=32 pages=1 growth=0 slots=16\nalloc 0 1\n",
            "operation": {"index": 1, "text": "free 0", "recovery": True}, "where": "the free block at offset 16, right after another",
            "expected": "one free block of 32 bytes", "observed": "a second block of 16 bytes"}
        assert (sound["verdict"], "program" in sound, "reduced" in sound) == ("sound", False, False)
        _, document = self.run_json("a.ops", tool=tool)
        assert {"program", "reduced"} & set(document["results"][0]) == set()
        self.require_misuse("run", "--reduce belongs to --json", "a.ops", "--reduce")

    def test_json_and_trace_do_not_go_together(self):
        self.write("a.ops")
        code, output, errors = self.run_tool("run", "--json", "--trace", "a.ops")
        assert (code, output) == (USAGE, "")
        assert "--trace and --json both want standard output" in errors


del OutputTest  # it is no test by itself
