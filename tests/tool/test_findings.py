"""Tests of fuzz/kmemfuzz/findings.py: what a campaign has found is explained, and what is the same is said to be. The tools
here are scripts; test_explain.py runs the real one. Findings of other targets than the heap's: test_explanation.py.
"""

import functools
import io
import json
import pathlib
import re

import pytest
from kmemfuzz import explanation, findings
from kmemfuzz.outside_text import dump_json

SECONDS = 60  # more than a script takes on a busy machine

# `kmemfuzz explain --json --force FILE`: the file's name says how it fails and what it is reduced to, ID:PROGRAM.
EXPLAINS = """#!/bin/sh
echo "$@" >>"$(dirname "$0")/calls"
name=$(basename "$4")
printf '{"verdict": "violation", "id": "%s", "program": "%s", "operations_before": 9, "operations_after": 1,
    "files": {"c": "%s.c"}, "text": "%s explained\\\\n"}' "${name%%:*}" "${name#*:}" "$4" "$name"
exit 1
"""


class TestFindings:
    @pytest.fixture(autouse=True)
    def set_up_findings(self, folder):
        self.folder = folder
        self.tool = self.folder / "kmemfuzz"
        self.write_tool(EXPLAINS)

    def write_tool(self, text):
        self.tool.write_text(text, encoding="utf-8")
        self.tool.chmod(0o755)

    def explain(self, *artifacts, seconds=SECONDS):
        """The findings, and what is shown of them."""
        explain = functools.partial(findings.explain_program, tool=self.tool, seconds=seconds)
        found = list(findings.explain_findings(artifacts, explain))
        stream = io.StringIO()
        for finding in found:
            findings.show(finding, stream)
        return found, stream.getvalue()

    def test_a_finding_has_its_id_its_reduced_program_and_its_files(self):
        found, shown = self.explain("in/free-merged:small")
        assert found == [{"file": "in/free-merged:small", "id": "free-merged", "program": "small", "operations": (9, 1),
                          "input": None, "replay": None, "files": {"c": "in/free-merged:small.c"}, "problem": None,
                          "text": "free-merged:small explained\n", "duplicate_of": None}]
        assert shown == "free-merged:small explained\n"

    def write_reducing_tool(self, size):
        """A tool that writes a reduced program of so many bytes beside the file."""
        self.write_tool(EXPLAINS.replace('"c": "%s.c"', '"reduced": "%s.reduced"').replace(
            "exit 1", f'head -c {size} /dev/zero >"$4.reduced"; exit 1'))

    def test_a_log_alone_is_enough_to_have_the_reduced_program_again(self):
        self.write_reducing_tool(5)
        path = self.folder / "free merged:small"
        found, shown = self.explain(path)
        assert (found[0]["input"], found[0]["replay"]) == ("AAAAAAA=", f"{self.tool} run '{path}.reduced'")
        assert shown == f"free merged:small explained\n\n  base64  AAAAAAA=\n\n  replay  {self.tool} run '{path}.reduced'\n"
        assert (findings.summary(found[0])["input"], findings.summary(found[0])["replay"]) == (
            found[0]["input"], found[0]["replay"])

    def test_a_log_is_not_filled_with_a_program_that_is_very_long(self):
        for size, left_out in ((4095, False), (4096, True), (1 << 20, True)):
            self.write_reducing_tool(size)
            found, shown = self.explain(self.folder / "x:1")
            assert (found[0]["input"] is None, f"base64  (left out, since it has {size} bytes)" in shown) == (left_out, left_out)
            assert len(shown) < 6000
            assert "\n  replay  " in shown

    def test_what_fails_alike_with_the_same_program_is_the_same_as_the_first(self):
        found, shown = self.explain("a/x:1", "b/x:1", "c/x:1")
        assert [finding["duplicate_of"] for finding in found] == [None, "a/x:1", "a/x:1"]
        assert shown == "x:1 explained\nb/x:1: x, the same as a/x:1\nc/x:1: x, the same as a/x:1\n"

    def test_another_id_or_another_program_is_another_finding(self):
        found, _ = self.explain("a/x:1", "a/x:2", "a/y:1")
        assert [finding["duplicate_of"] for finding in found] == [None, None, None]

    def test_the_same_program_in_another_format_is_the_same(self):
        programs = {"a": "kmem-program 1\nalloc 0 1\n", "b": "kmem-program 2\nalloc 0 1\n", "c": "kmem-program 2\nalloc 0 2\n"}
        found = findings.explain_findings(programs, lambda file: {
            "file": file, "id": "free-merged", "problem": None, "program": programs[file]})
        assert [finding["duplicate_of"] for finding in found] == [None, "a", None]

    def choose(self, files, count=2):
        return findings.choose(files, tool=self.tool, count=count)

    def test_of_many_of_one_kind_the_first_of_each_bug_is_explained_and_then_the_smallest(self):
        def result(file, function, program, number):
            return {"oracle": "sanitizer", "place": {"function": function}, "file": file,
                    "reduced": {"text": f"kmem-program {number}\n{program}\n"}}
        names = ["f:1", "f:11", "f:2", "g:1"]
        document = {"results": [result("f:1", "f", "alloc 0 1", 1), result("f:11", "f", "alloc 0 1", 2), result("f:2", "f", "alloc 0 2", 1),
                                result("g:1", "g", "alloc 0 1", 1)]}
        (self.folder / "document").write_text(json.dumps(document), encoding="utf-8")
        self.write_tool('#!/bin/sh\necho "$@" >>"$(dirname "$0")/calls"\ncat "$(dirname "$0")/document"\nexit 1\n')
        assert self.choose(names, count=3) == ["f:1", "f:2", "g:1"]
        assert (self.folder / "calls").read_text() == "run --json --reduce -- f:1 f:11 f:2 g:1\n"
        assert self.choose(names, count=2) == ["f:1", "f:2"]
        document["results"] = document["results"][:2]
        (self.folder / "document").write_text(json.dumps(document), encoding="utf-8")
        assert self.choose(names, count=3) == ["f:1", "f:11", "f:2"]

    def test_where_bugs_cannot_be_told_apart_the_smallest_are_explained(self):
        self.write_tool("#!/bin/sh\necho '{'\nexit 4\n")
        assert self.choose(["a", "b", "c"]) == ["a", "b"]
        self.tool.unlink()
        assert self.choose(["a", "b"]) == ["a", "b"]  # nothing is run for so few

    def test_a_file_named_twice_is_explained_once(self):
        found, _ = self.explain("a/x:1", "a/x:1")
        assert len(found) == 1
        assert (self.folder / "calls").read_text() == "explain --json --force a/x:1\n"

    def test_what_is_no_explanation_is_a_problem_and_never_a_crash(self):
        whole = {"verdict": "violation", "id": "free-merged", "program": "p", "operations_before": 9, "operations_after": 1,
                 "files": {}, "text": "t"}
        for document in (5, None, [], "id", ["id"], {"id": "free-merged"}, {**whole, "id": None}, {**whole, "text": 5},
                         {**whole, "files": ["c"]}, {**whole, "files": {"reduced": 5}}, {**whole, "operations_before": "9"}):
            self.write_tool(f"#!/bin/sh\necho '{json.dumps(document)}'\necho no words >&2\nexit 1\n")
            self.require_problem("kmemfuzz explain ended with code 1: no words")
        self.write_tool("#!/bin/sh\nhead -c 100000 /dev/zero | tr '\\0' '['\nexit 1\n")
        self.require_problem("kmemfuzz explain ended with code 1: it said nothing")

    @pytest.mark.parametrize("path", ("\ud800", "\0", "\udcff\033]0;title\a"))
    def test_an_explanation_is_shown_so_that_nothing_in_it_commands_a_terminal(self, path):
        document = {"verdict": "violation", "id": "free-merged", "program": "\ud800", "operations_before": 9,
                    "operations_after": 1, "files": {"reduced": path}, "text": "\033[31m\ud800\u202eexplained\n"}
        (self.folder / "document").write_text(json.dumps(document), encoding="ascii")
        self.write_tool('#!/bin/sh\ncat "$(dirname "$0")/document"\nexit 1\n')
        found, shown = self.explain("in/free-merged:small")
        assert (found[0]["input"], found[0]["problem"]) == (None, None)
        assert shown == "\\x1b[31m\\ud800\\u202eexplained\n"
        dump_json(findings.summary(found[0])).encode("ascii")

    def require_problem(self, problem, **options):
        found, shown = self.explain("a/x:1", "b/x:1", **options)
        for finding, name in zip(found, ("a/x:1", "b/x:1")):
            assert re.search(problem, finding["problem"])
            assert finding["duplicate_of"] is None
            assert re.search(f"{name} is not explained: {problem}\n", shown)

    def test_what_is_sound_is_not_explained(self):
        self.write_tool('#!/bin/sh\nprintf \'{"verdict": "sound"}\'\n')
        self.require_problem("it is sound when kmemfuzz runs it")

    def test_a_tool_that_does_not_end_is_ended(self):
        self.write_tool("#!/bin/sh\nsleep 600\n")
        self.require_problem("kmemfuzz explain did not end within 0.2 s", seconds=0.2)

    def test_a_tool_that_fails_is_quoted(self):
        self.write_tool("#!/bin/sh\necho 'no memory' >&2\nexit 3\n")
        self.require_problem("kmemfuzz explain ended with code 3: no memory")

    def test_a_tool_that_says_nothing_that_can_be_read_is_no_finding(self):
        self.write_tool("#!/bin/sh\necho '{'\nexit 1\n")
        self.require_problem("kmemfuzz explain ended with code 1: it said nothing")

    def test_nobody_has_to_wait_for_a_tool_and_nothing_is_left_of_it(self):
        self.write_tool('#!/bin/sh\necho $$ >"$(dirname "$0")/process"\nsleep 600\n')

        def is_cut():
            return (self.folder / "process").exists()
        with pytest.raises(explanation.Cut):
            findings.explain_program("a/x:1", self.tool, SECONDS, is_cut)
        process = int((self.folder / "process").read_text())
        assert not pathlib.Path(f"/proc/{process}/cmdline").exists()
