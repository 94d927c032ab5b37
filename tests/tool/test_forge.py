"""Tests of `kmemfuzz sarif`, `junit` and `summary`: what a forge shows of programs that fail, of those that cannot be used, and of
those that are sound.

The heaps are planted with bugs of tests/planted; a death is of build/dev, which has AddressSanitizer. KMEM_PRESET names the build
whose sound tool is tested (default: release).
"""

import json
import os
import pathlib
import re
import types
import xml.etree.ElementTree as ET

import broken
import sarif_rules
from folders import write_script
from kmemfuzz import corpus_command, results, summary
from tool_fixture import ENVIRONMENT, PRESET, ROOT, SOUND, TOOL, USAGE, VIOLATION, ToolTest

TEXT = "kmem-program 1\nheap page=64 pages=4\nalloc 3 24\nfree 3\n"
LONG = "kmem-program 2\nheap page=64 pages=4\n" + 50 * "null\n" + "alloc 3 24\nfree 3\nnull\n"  # the same bug
OTHER = "kmem-program 1\nheap page=64 pages=4\nalloc 0 24\nzalloc 1 40\n"
REDUCED = "kmem-program 1\nheap page=32 pages=1 growth=0 slots=16\nalloc 0 1\n"
SENTENCE = "free-merged: No two adjacent blocks are both free."
DOCUMENTS = "https://example.org/docs"


def unmerged():
    return broken.tool(PRESET, "merge-right-forgotten")


def line_of(function):
    """The line of src/kmem.c on which a function begins."""
    lines = (ROOT / "src/kmem.c").read_text("utf-8").splitlines()
    number, = (number for number, line in enumerate(lines, 1) if re.match(rf"\w.*\b{function}\(.*\{{$", line))
    return number


class ForgeTest(ToolTest):
    def run_sarif(self, code, *arguments, tool=TOOL, **environment):
        """Runs kmemfuzz sarif, which must end with this code. Returns the run in the file, whose form has been checked."""
        ended, _, errors = self.run_tool("sarif", "out.sarif", "--force", *arguments, tool=tool,
                                         env={**os.environ, "KMEM_DOCUMENTS_URI": DOCUMENTS, **environment})
        assert ended == code, errors
        document = json.loads((self.folder / "out.sarif").read_text("utf-8"))
        sarif_rules.check(document)
        assert [name for name in os.listdir(self.folder) if name.startswith("out.sarif")] == ["out.sarif"]
        return document["runs"][0]


class TestSarif(ForgeTest):
    def test_sound_programs_give_a_valid_log_without_results(self):
        self.write("a.ops", TEXT)
        run = self.run_sarif(SOUND, "a.ops")
        assert (run["results"], run["invocations"]) == ([], [{"executionSuccessful": True}])

    def test_there_is_a_rule_for_every_oracle_with_its_sentence_and_one_for_every_way_to_die(self):
        self.write("a.ops", TEXT)
        run = self.run_sarif(SOUND, "a.ops")
        rules = {rule["id"]: rule["shortDescription"]["text"] for rule in run["tool"]["driver"]["rules"]}
        sentences = self.sentences()
        assert {key: rules[key] for key in sentences} == sentences
        assert set(rules) - set(sentences) == {"sanitizer", "signal", "hang", "exit"}
        described = {rule["id"]: rule["fullDescription"]["text"] for rule in run["tool"]["driver"]["rules"]}
        assert described["walk-ends"].endswith(" ends. Where: the header at offset N. Expected: a size of at least N bytes. Observed: a size of N bytes.")
        assert not [text for text in described.values() if re.search(r"[{}]| (?:of|least|most) bytes", text)]

    def test_links_are_those_of_the_repository_that_runs_it_and_none_where_that_is_not_known(self):
        self.write("a.ops", TEXT)
        forges = (
            ({"KMEM_DOCUMENTS_URI": DOCUMENTS + "/"}, DOCUMENTS),
            ({"KMEM_DOCUMENTS_URI": "", "GITHUB_SERVER_URL": "https://github.com", "GITHUB_REPOSITORY": "a/kmem", "GITHUB_SHA": "1f"},
             "https://github.com/a/kmem/blob/1f/docs"),
            ({"KMEM_DOCUMENTS_URI": "", "GITHUB_REPOSITORY": "", "CI_PROJECT_URL": "https://gitlab.com/a/kmem", "CI_COMMIT_SHA": "2e"},
             "https://gitlab.com/a/kmem/-/blob/2e/docs"))
        for environment, documents in forges:
            driver = self.run_sarif(SOUND, "a.ops", **environment)["tool"]["driver"]
            assert driver["informationUri"] == f"{documents}/output.md"
            assert {rule["helpUri"] for rule in driver["rules"]} == {f"{documents}/reference.md"}
        assert (ROOT / "docs/reference.md").read_text("utf-8")
        unknown = dict.fromkeys(("KMEM_DOCUMENTS_URI", "GITHUB_REPOSITORY", "CI_PROJECT_URL"), "")
        assert "file://" not in json.dumps(self.run_sarif(SOUND, "a.ops", **unknown))

    def test_a_bug_is_one_result_however_many_programs_find_it(self):
        for number in range(3):
            self.write(f"{number}.ops", (TEXT, LONG, TEXT)[number])
        result, = self.run_sarif(VIOLATION, "0.ops", "1.ops", "2.ops", tool=unmerged())["results"]
        assert "\nfound by 0.ops and 2 more inputs\n" in result["message"]["text"]

    def test_reduced_programs_that_differ_in_numbers_alone_are_one_bug(self):
        program = "kmem-program 1\nheap page=32 pages={}\naligned {} {} {}\n"
        found = [{"oracle": "aligned", "reduced": {"text": program.format(*its)}} for its in ((1, 0, 16, 1), (2, 3, 128, 25))]
        assert len(results.distinct(found)) == 1
        assert len(results.distinct([found[0], {**found[0], "reduced": {"text": "kmem-program 1\nalloc 0 1\n"}}])) == 2
        assert len(results.distinct([found[0], {**found[0], "oracle": "guards"}])) == 2

    def test_two_rules_are_two_results_and_each_has_the_fingerprint_of_its_rule_and_reduced_program(self):
        self.write("a.ops", TEXT)
        self.write("b.ops", LONG)
        first, = self.run_sarif(VIOLATION, "a.ops", tool=unmerged())["results"]
        again, = self.run_sarif(VIOLATION, "b.ops", tool=unmerged())["results"]
        assert again["partialFingerprints"] == first["partialFingerprints"]
        assert again["locations"] == first["locations"]
        tool = broken.tool(PRESET, "double-free-accepted")
        self.write("c.ops", "kmem-program 1\nheap page=64 pages=4\nalloc 0 24\nfree 0\ndouble 0\n")
        other, = self.run_sarif(VIOLATION, "c.ops", tool=tool)["results"]
        assert other["partialFingerprints"] != first["partialFingerprints"]

    def test_a_violation_is_an_error_in_the_function_of_the_core_that_was_called(self):
        self.write("a.ops", TEXT)
        result, = self.run_sarif(VIOLATION, "a.ops", tool=unmerged())["results"]
        assert (result["ruleId"], result["level"]) == ("free-merged", "error")
        location, = result["locations"]
        assert location["physicalLocation"]["artifactLocation"] == {"uri": "src/kmem.c"}
        assert location["physicalLocation"]["region"]["startLine"] == line_of("kmem_free")
        assert location["logicalLocations"] == [{"name": "kmem_free", "kind": "function"}]
        message = result["message"]["text"]
        assert message.startswith(f"{SENTENCE}\noperation 1: free 0 (freeing everything at the end)\nwhere: the free block at offset 16,")
        assert message.endswith(f"\nreduced from 2 operations:\n\n{REDUCED}"), message

    def test_a_heap_that_is_wrong_from_the_start_is_wrong_where_it_starts(self):
        self.write("a.ops", TEXT)
        result, = self.run_sarif(VIOLATION, "a.ops", tool=broken.tool(PRESET, "taken-bit-write-precedence"))["results"]
        assert result["locations"][0]["logicalLocations"] == [{"name": "kmem_init", "kind": "function"}]

    def test_a_program_of_the_repository_is_a_related_place_and_one_of_elsewhere_is_not(self):
        self.write("a.ops", TEXT)
        program = ROOT / "corpus/seeds/first_fit.ops"
        result, = self.run_sarif(VIOLATION, program, "a.ops", tool=unmerged())["results"]
        place, = result["relatedLocations"]
        assert place["physicalLocation"]["artifactLocation"] == {"uri": "corpus/seeds/first_fit.ops"}
        assert "\nfound by " in result["message"]["text"] and "/first_fit.ops and 1 more input: [the program](1)\n" in result["message"]["text"]
        result, = self.run_sarif(VIOLATION, "a.ops", tool=unmerged())["results"]
        assert "relatedLocations" not in result

    def test_a_name_is_no_link_of_a_message_and_no_placeholder(self):
        self.write("a[b](1)\\{0}.ops", TEXT)
        result, = self.run_sarif(VIOLATION, "a[b](1)\\{0}.ops", tool=unmerged())["results"]
        assert "\nfound by a\\[b\\](1)\\\\{{0}}.ops\n" in result["message"]["text"]

    def test_the_help_of_a_rule_holds_the_reduced_program_and_the_command_that_runs_it(self):
        self.write("a.ops", LONG)
        tool = unmerged()
        rules = {rule["id"]: rule["help"] for rule in self.run_sarif(VIOLATION, "a.ops", tool=tool)["tool"]["driver"]["rules"]}
        command = rules["free-merged"]["markdown"].split("```sh\n")[1].split("\n```")[0]
        assert f"\n{command}" in rules["free-merged"]["text"]
        assert f"]({DOCUMENTS}/reference.md)" in rules["free-merged"]["markdown"]
        assert "```" not in rules["guards"]["markdown"]
        (self.folder / "kmemfuzz").symlink_to(tool)
        code, output, _ = self.run_command("bash", "-c", command, env={**os.environ, "PATH": f"{self.folder}:{os.environ['PATH']}"})
        assert (code, f"VIOLATION {SENTENCE}" in output) == (VIOLATION, True)

    def test_a_death_names_the_function_and_the_line_of_the_core(self):
        self.write("a.ops", OTHER)
        result, = self.run_sarif(VIOLATION, "a.ops", tool=broken.tool("dev", "zalloc-clears-one-word-more"))["results"]
        assert result["ruleId"] == "sanitizer"
        place, = result["locations"]
        assert place["logicalLocations"] == [{"name": "kmem_zalloc", "kind": "function"}]
        assert place["physicalLocation"]["artifactLocation"] == {"uri": "src/kmem.c"}
        line = place["physicalLocation"]["region"]["startLine"]
        assert line > line_of("kmem_zalloc")
        assert f"\nwhere: kmem_zalloc, src/kmem.c:{line}\n" in result["message"]["text"]

    def test_a_line_is_printed_for_each_bug(self):
        self.write("a b.ops", TEXT)
        self.write("c.ops", "kmem-program 1\nnull\n")
        code, output, errors = self.run_tool("sarif", "x", "a b.ops", "c.ops", tool=unmerged())
        assert (code, output, errors) == (VIOLATION, f"src/kmem.c:{line_of('kmem_free')}: {SENTENCE}\n", "")

    def test_a_file_that_cannot_be_used_makes_the_run_unsuccessful(self):
        self.write("typo.ops", "kmem-program 1\naloc 0 24\n")
        run = self.run_sarif(USAGE, "typo.ops")
        assert (run["results"], run["invocations"]) == ([], [{"executionSuccessful": False}])


class TestJunit(ForgeTest):
    def cases(self, code, *arguments, **more):
        assert self.run_tool("junit", "out.xml", "--force", *arguments, **more)[0] == code
        top = ET.parse(self.folder / "out.xml").getroot()
        suite, = top
        assert (top.tag, suite.tag, suite.attrib) == ("testsuites", "testsuite", top.attrib)
        assert float(top.get("time")) > 0
        cases = {case.get("name"): case for case in suite}
        assert len(cases) == len(suite)
        for name, kind in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
            assert int(top.get(name)) == len(suite.findall(f"testcase/{kind}"))
        assert int(top.get("tests")) == len(suite)
        return cases

    def test_every_program_of_a_folder_is_a_test_and_what_is_none_is_skipped(self):
        for name, text in (("sound.ops", "kmem-program 1\nnull\n"), ("fails.ops", TEXT), ("typo.ops", "kmem-program 1\naloc\n"),
                           ("notes.md", "# Notes\n")):
            self.write(f"programs/deep/{name}", text)
        cases = self.cases(USAGE, "programs", tool=unmerged())
        assert {name.removeprefix("programs/deep/"): [child.tag for child in case] for name, case in cases.items()} == {
            "sound.ops": [], "fails.ops": ["failure"], "typo.ops": ["error"], "notes.md": ["skipped"]}
        fails = cases["programs/deep/fails.ops"]
        assert (fails.get("classname"), fails.get("file")) == ("programs.deep", "programs/deep/fails.ops")
        failure, = fails
        assert (failure.get("type"), failure.get("message")) == ("free-merged", SENTENCE)
        assert failure.text.endswith(f"\n\nreduced from 2 operations; to run it again:\nkmemfuzz run - <<'END'\n{REDUCED}END")

    def test_sound_programs_are_tests_that_pass_each_by_its_whole_path(self):
        for name in ("a.ops", "x/a.ops", "x/x/a.ops"):
            self.write(name, TEXT)
        cases = self.cases(SOUND, "a.ops", "x/a.ops", "x/../x/a.ops", "x/x/a.ops")
        assert [(name, case.get("file"), len(case)) for name, case in cases.items()] == [
            (name, name, 0) for name in ("a.ops", "x/a.ops", "x/../x/a.ops", "x/x/a.ops")]

    def test_a_name_that_no_xml_may_hold_is_escaped(self):
        (self.folder / os.fsdecode(b"caf\xe9<\x1b&\"x\".ops")).write_text("kmem-program 1\nnull\n", encoding="utf-8")
        assert list(self.cases(SOUND, ".")) == ['caf\ufffd<\\x1b&"x".ops']


class TestSummary(ForgeTest):
    def test_sound_programs_are_one_line(self):
        self.write("a.ops", TEXT)
        self.require(SOUND, "## kmemfuzz: 1 program, all sound\n", "", "summary", "a.ops")

    def test_a_bug_has_its_place_its_picture_its_program_and_the_command_that_runs_it(self):
        self.write("a.ops", TEXT)
        self.write("b.ops", LONG)
        self.write("c.ops", "kmem-program 1\nnull\n")
        for more in ((), ("--comment",)):
            code, output, errors = self.run_tool("summary", "a.ops", "b.ops", "c.ops", *more, tool=unmerged())
            assert (code, errors) == (VIOLATION, "")
            assert output.startswith("## kmemfuzz: 1 distinct bug in 2 of 3 programs\n\n"
                                     f"### {SENTENCE}\n\n`kmem_free` in `src/kmem.c:{line_of('kmem_free')}`, found by `a.ops` and 1 more input\n\n"
                                     f"```text\nVIOLATION {SENTENCE}\n"), output
            assert "\n> 1  free 0    |................................|\n" in output
            assert output.endswith(f"\nReduced; this runs it again:\n\n```sh\nkmemfuzz run - <<'END'\n{REDUCED}END\n```\n")
            assert "written" not in output

    def test_names_cannot_break_out_of_their_place(self):
        name = "a`b\n# c<img>.ops"
        self.write(name, TEXT)
        _, output, _ = self.run_tool("summary", name, tool=unmerged())
        assert ", found by `` a`b\\n# c<img>.ops ``\n" in output

    def test_what_a_forge_would_not_take_is_left_out_and_counted(self):
        def bug(number):
            program = {"operations": 900, "text": "kmem-program 1\n" + 900 * f"alloc {number} 24\n"}
            return {"oracle": f"rule-{number}", "sentence": "No.", "operation": None, "file": f"{number}.ops", "program": program}
        run = {"results": [bug(number) for number in range(2000)],
               "totals": {"sound": 0, "violations": 2000, "died": 0, "unusable": 0}}
        for limit in (summary.COMMENT_SIZE, 20_000):
            text = summary.text_of(run, "/bin/false", limit)
            assert len(text.encode()) <= limit
            left = int(re.search(r"\n\n(\d+) more are left out here\.\n\Z", text).group(1))
            assert text.count("\n### ") == 2000 - left
            assert 1 <= text.count("```sh\n") < text.count("\n### ")

    def test_a_program_that_could_not_be_run_is_named(self):
        self.write("a.ops", TEXT)
        self.write("b.ops", "kmem-program 1\naloc\n")
        _, output, _ = self.run_tool("summary", "a.ops", "b.ops")
        assert output == "## kmemfuzz: 1 program, all sound; 1 could not be run\n\nCould not be run, and the log says why: `b.ops`\n"
        run = {"results": [{"file": f"{number}.ops", "verdict": "unusable"} for number in range(12)],
               "totals": {"sound": 1, "violations": 0, "died": 0, "unusable": 12}}
        assert summary.text_of(run, "/bin/false", summary.JOB_SIZE).endswith("`8.ops`, `9.ops` and 2 more\n")

    def test_a_picture_that_takes_too_long_is_left_out(self, monkeypatch):
        monkeypatch.setattr(summary, "PICTURE_SECONDS", 0.01)
        write_script(self.folder / "slow", "#!/bin/sh\nexec sleep 600\n")
        bug = {"oracle": "rule", "sentence": "No.", "operation": None, "where": "here", "file": "a.ops",
               "program": {"operations": 1, "text": "kmem-program 1\nnull\n"}}
        text = summary.text_of({"results": [bug], "totals": {"sound": 0, "violations": 1, "died": 0, "unusable": 0}},
                               self.folder / "slow", summary.JOB_SIZE)
        assert "\n```text\nwhere: here\n```\n" in text

    def test_a_block_ends_where_its_text_does(self):
        assert results.block("text", "a\n```\nb") == "````text\na\n```\nb\n````"
        assert results.code("a``b") == "``` a``b ```"


class TestTogether(ForgeTest):
    def test_one_run_gives_all_three(self):
        self.write("a.ops", TEXT)
        self.write("summary", "before\n")
        self.run_sarif(VIOLATION, "--junit", "junit", "--summary", "summary", "a.ops", tool=unmerged())
        _, output, _ = self.run_tool("summary", "a.ops", tool=unmerged())
        assert (self.folder / "summary").read_text("utf-8") == f"before\n{output}"
        assert self.run_tool("junit", "alone", "a.ops", tool=unmerged())[0] == VIOLATION
        together, alone = ((self.folder / name).read_text("utf-8") for name in ("junit", "alone"))
        assert re.sub(r' time="[0-9.]+"', "", together) == re.sub(r' time="[0-9.]+"', "", alone)
        code, _, errors = self.run_tool("sarif", "new", "--junit", "junit", "a.ops")
        assert (code, ": junit exists; choose another name, or --force to replace it\n" in errors) == (USAGE, True)

    def test_findings_that_are_sound_by_now_are_removed_and_of_others_the_reduced_programs_that_are(self, monkeypatch):
        sound = "kmem-program 1\nnull\n"
        for name, text in (("crash-a", LONG), ("crash-a.reduced", TEXT), ("crash-a.log", "said"), ("crash-b", sound), ("crash-b.reduced", sound),
                           ("crash-b.log", "said"), ("crash-c", LONG), ("crash-c.reduced", sound), ("crash-c.html", ""), ("crash-d", TEXT)):
            self.write(f"findings/{name}", text)
        monkeypatch.setattr(results, "places", lambda _: (self.folder, self.folder))
        monkeypatch.setattr(results.corpus, "KMEMFUZZ", pathlib.Path(unmerged()))
        assert results.settle() == 1
        assert sorted(os.listdir(self.folder / "findings")) == ["crash-a", "crash-a.log", "crash-a.reduced", "crash-c", "crash-d"]

    def test_findings_that_could_not_be_judged_stay_and_are_no_success(self, monkeypatch):
        self.write("findings/crash-a", "kmem-program 1\nnull\n")
        monkeypatch.setattr(results, "places", lambda _: (self.folder, self.folder))
        monkeypatch.setattr(results.corpus, "KMEMFUZZ", pathlib.Path("/bin/false"))
        assert corpus_command.main(["settle"]) == ENVIRONMENT
        assert os.listdir(self.folder / "findings") == ["crash-a"]


class TestErrors(ForgeTest):
    def test_a_summary_that_cannot_be_written_is_the_environment(self):
        self.write("a.ops", TEXT)
        code, _, errors = self.run_tool("sarif", "out", "a.ops", "--summary", ".")
        assert (code, errors.endswith("cannot be written: Is a directory\n")) == (ENVIRONMENT, True), errors

    def test_an_existing_file_is_replaced_only_with_force(self):
        self.write("a.ops", TEXT)
        self.write("out", "mine")
        for word in ("sarif", "junit"):
            code, _, errors = self.run_tool(word, "out", "a.ops")
            assert code == USAGE
            assert ": out exists; choose another name, or --force to replace it\n" in errors
            assert (self.folder / "out").read_text("utf-8") == "mine"

    def test_what_is_no_regular_file_stays_and_a_link_is_written_through(self):
        self.write("a.ops", TEXT)
        os.mkfifo(self.folder / "pipe")
        (self.folder / "link").symlink_to("target")
        for word in ("sarif", "junit"):
            code, _, errors = self.run_tool(word, "pipe", "--force", "a.ops")
            assert (code, "pipe is no regular file" in errors) == (USAGE, True)
            assert (self.folder / "pipe").is_fifo()
            assert self.run_tool(word, "link", "--force", "a.ops")[0] == SOUND
            assert (self.folder / "link").is_symlink() and (self.folder / "target").is_file()

    def test_a_run_that_writes_nothing_leaves_no_file_of_an_earlier_one(self):
        self.write("out", "of an earlier run")
        (self.folder / "empty").mkdir()
        assert self.run_tool("sarif", "out", "--force", "empty")[0] == USAGE
        assert not (self.folder / "out").exists()

    def test_a_missing_file_is_reported_and_all_others_are_in_the_document(self):
        self.write("a.ops", TEXT)
        tool = unmerged()
        for word in ("sarif", "junit", "summary"):
            out = [] if word == "summary" else ["out", "--force"]
            code, output, errors = self.run_tool(word, *out, "missing.ops", "a.ops", tool=tool)
            text = (self.folder / "out").read_text("utf-8") if out else output
            assert (code, errors) == (ENVIRONMENT, "kmemfuzz: cannot read missing.ops: No such file or directory\n")
            assert SENTENCE in text

    def test_a_file_that_cannot_be_written_ends_with_2_when_it_is_in_no_folder_and_with_3_when_it_has_no_name(self):
        self.write("a.ops", TEXT)
        for word in ("sarif", "junit"):
            for out, code in (("missing/out", USAGE), (".", USAGE), (300 * "x", ENVIRONMENT)):
                assert self.run_tool(word, out, "a.ops")[0] == code, out

    def test_a_file_needs_a_name(self):
        for word in ("sarif", "junit"):
            code, _, errors = self.run_tool(word)
            assert (code, errors.startswith(f"kmemfuzz {word}: it needs OUT\n")) == (USAGE, True)


class TestPlaces:
    """Where a bug is, of a heap whose sources are not ours."""

    def test_a_definition_is_found_however_it_is_laid_out(self, tmp_path):
        source = tmp_path / "heap.cpp"
        for text, line in (("void *\nkalloc(void)\n{\n}\n", 2), ("std::vector<int> kalloc(int size) {\n}\n", 1),
                           ("/* as in\nint kalloc(void) {\n*/\nint kalloc(void) {\n}\n", 4), ("\f\x1c\r\nint kalloc(void) {\r\n}\n", 2),
                           ("int other(void) {\n    return kalloc(1);\n}\nint kalloc(int a) {\n}\n", 4)):
            source.write_text(text, encoding="utf-8", newline="")
            assert results._definition([source], "kalloc") == (source, line, "kalloc")  # pylint: disable=protected-access

    def test_paths_of_a_submodule_are_relative_to_what_the_forge_has_checked_out(self, tmp_path, monkeypatch):
        (tmp_path / "lib/.git").mkdir(parents=True)
        source = tmp_path / "lib" / os.fsdecode(b"caf\xe9.c")
        monkeypatch.setattr(results.heap, "CURRENT", types.SimpleNamespace(source=source))
        for name in ("GITHUB_WORKSPACE", "CI_PROJECT_DIR"):
            monkeypatch.delenv(name, raising=False)
        assert results.in_repository(source) == "caf%E9.c"
        monkeypatch.setenv("CI_PROJECT_DIR", str(tmp_path))
        assert results.in_repository(source) == "lib/caf%E9.c"


del ForgeTest  # it is no test by itself
