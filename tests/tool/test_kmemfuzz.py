"""Tests of the kmemfuzz tool as those who type its commands see it: what it prints, what it writes, how it ends.

KMEM_PRESET names the build whose tool is tested (default: release).
"""

import json
import os
import random
import re
import shutil
import subprocess

import broken
import pytest
from tool_fixture import (
    ENVIRONMENT, EXAMPLE, EXAMPLE_BYTES, EXAMPLE_SOUND, EXAMPLE_TRACE, PRESET, ROOT, SOUND, TIMEOUT, TOOL, USAGE, VIOLATION, ToolTest)

NOBODY = 65534  # a user who may not do everything, for tests of permissions when root runs them

COMMANDS = ("run", "smoke", "prove", "explain", "reduce", "show", "keep", "asm", "oracles", "pack", "replay")
PACKAGE = ("new-heap", "fuzz", "build", "corpus", "board", "two-files", "report", "soak", "sarif", "junit", "summary", "import")  # the words in Python
ORACLES = (
    "region walk-ends block-size block-tiling free-merged taken-is-live live-is-taken counters inside alignment "
    "disjoint guards placement refusal-named refusal-untouched growth usable-size poison damage-inside damage-reported "
    "damage-untouched start-refused contents-kept contents-zeroed contents-moved recovery "
    "impossible-size own-check liveness leak resize-failed zero-size refit gives-back walk free-bytes repeatable "
    "bounded assertion stray-store").split()


def random_bytes(seed, size):
    """The same bytes for the same seed, none of which begin a program in text."""
    return random.Random(seed).randbytes(size)


class TestRun(ToolTest):
    def test_a_text_gives_one_line_with_digest_operations_and_name(self):
        self.write("example.ops", EXAMPLE)
        code, output, errors = self.run_tool("run", "example.ops")
        assert (code, errors) == (SOUND, "")
        assert output == EXAMPLE_SOUND + "example.ops\n"

    def test_the_same_program_as_bytes_gives_the_same_digest(self):
        self.write("example", EXAMPLE_BYTES)
        self.require(SOUND, EXAMPLE_SOUND + "example\n", "", "run", "example")

    def test_a_dash_is_standard_input_text_or_bytes(self):
        for program in (EXAMPLE.encode(), EXAMPLE_BYTES):
            self.require(SOUND, EXAMPLE_SOUND + "-\n", "", "run", "-", stdin=program)

    def test_an_empty_file_is_a_program_without_operations(self):
        self.write("empty", b"")
        code, output, _ = self.run_tool("run", "empty")
        assert code == SOUND
        assert re.search(r"^sound  [0-9a-f]{16}     0 operations  empty\n$", output)

    def test_several_files_are_run_in_the_order_given_and_counted(self):
        self.write("b", EXAMPLE)
        self.write("a", EXAMPLE_BYTES)
        self.require(SOUND, f"{EXAMPLE_SOUND}b\n{EXAMPLE_SOUND}a\n2 sound, 0 with violations, 0 unusable\n", "", "run", "b",
                     "a")

    def test_a_folder_means_all_programs_below_it_in_the_order_of_their_names(self):
        for name in ("inputs/b", "inputs/a/2", "inputs/a/10", "inputs/C"):
            self.write(name, EXAMPLE)
        code, output, _ = self.run_tool("run", "inputs")
        assert code == SOUND
        assert re.findall(r"operations  (.*)", output) == ["inputs/C", "inputs/a/10", "inputs/a/2", "inputs/b"]
        assert output.endswith("\n4 sound, 0 with violations, 0 unusable\n")

    def test_hidden_files_and_folders_in_a_folder_are_passed_over(self):
        for name in ("inputs/seen", "inputs/.hidden", "inputs/.git/config"):
            self.write(name, EXAMPLE)
        _, output, _ = self.run_tool("run", "inputs")
        assert output == EXAMPLE_SOUND + "inputs/seen\n"
        self.require(SOUND, EXAMPLE_SOUND + "inputs/.hidden\n", "", "run", "inputs/.hidden")

    def test_a_folder_without_a_program_ends_with_2(self):
        (self.folder / "inputs" / "deeper").mkdir(parents=True)
        self.write("notes/a.md", "# Notes\n")
        for folder, left_out in (("inputs", ""), ("notes", "left out  notes/a.md: no program\n")):
            for command in (("run",), ("pack", "-o", "blob")):
                self.require(USAGE, "",
                             f"{left_out}kmemfuzz: there is no program in {folder}; name a folder that holds some, "
                             "such as corpus/seeds\n", *command, folder)

    def test_a_missing_file_ends_with_3(self):
        self.require(ENVIRONMENT, "", "kmemfuzz: cannot read missing: No such file or directory\n", "run", "missing")

    @pytest.mark.skipif(not os.path.exists("/proc/self/mem"), reason="needs a file that cannot be read, even by root")
    def test_a_file_that_cannot_be_read_ends_with_3_and_the_others_are_run(self):
        self.write("example", EXAMPLE)
        code, output, errors = self.run_tool("run", "/proc/self/mem", "example")
        assert code == ENVIRONMENT
        assert output == EXAMPLE_SOUND + "example\n1 sound, 0 with violations, 1 unusable\n"
        assert errors == "kmemfuzz: cannot read /proc/self/mem: Input/output error\n"

    def require_permission_denied(self, path, mode):
        """Runs `inputs` with path set to mode, as a user who is bound by it."""
        self.write("inputs/example", EXAMPLE)
        shutil.copy(TOOL, self.folder / "tool")
        self.folder.chmod(0o755)
        (self.folder / path).chmod(mode)
        user = {"user": NOBODY} if os.geteuid() == 0 else {}
        try:
            self.require(ENVIRONMENT, "", f"kmemfuzz: cannot read {path}: Permission denied\n", "run", "inputs",
                         tool=self.folder / "tool", **user)
        finally:
            (self.folder / path).chmod(0o755)

    def test_a_file_without_permission_ends_with_3(self):
        self.require_permission_denied("inputs/example", 0o000)

    def test_a_folder_without_permission_ends_with_3(self):
        self.require_permission_denied("inputs", 0o000)

    def test_a_text_with_an_error_ends_with_2_and_names_line_column_and_mend(self):
        self.write("typo.ops", "kmem-program 1\naloc 0 24\n")
        self.require(USAGE, "", "typo.ops:2:1: error: unknown operation 'aloc'; did you mean 'alloc'?\n", "run", "typo.ops")

    def test_a_text_with_an_error_does_not_keep_the_others_from_running(self):
        self.write("typo.ops", "kmem-program 1\naloc 0 24\n")
        self.write("example", EXAMPLE)
        code, output, _ = self.run_tool("run", "typo.ops", "example")
        assert code == USAGE
        assert output == EXAMPLE_SOUND + "example\n1 sound, 0 with violations, 1 unusable\n"

    def test_the_worst_of_several_outcomes_is_the_exit_code(self):
        self.write("typo.ops", "kmem-program 1\naloc 0 24\n")
        self.write("folder/example", EXAMPLE)
        code, _, errors = self.run_tool("run", "typo.ops", "/proc/self/mem", "folder")
        assert code == ENVIRONMENT
        assert len(errors.splitlines()) == 2

    def test_garbage_of_every_length_is_a_program_and_sound(self):
        for size in range(65):
            self.write(f"inputs/{size:02}", random_bytes(size, size))
        code, output, errors = self.run_tool("run", "inputs", "--bytes")
        assert (code, errors) == (SOUND, "kmemfuzz: inputs/00 is empty: a program with no operation\n")
        assert output.splitlines()[-1] == "65 sound, 0 with violations, 0 unusable"

    def test_one_byte_repeated_is_a_program_and_sound(self):
        for byte in range(256):
            self.write(f"inputs/{byte:02x}", bytes([byte]) * 61)
        code, output, errors = self.run_tool("run", "inputs", "--bytes")
        assert (code, errors) == (SOUND, "")
        assert output.splitlines()[-1] == "256 sound, 0 with violations, 0 unusable"

    def test_random_bytes_are_programs_and_sound(self):
        for seed in range(200):
            self.write(f"inputs/{seed:03}", random_bytes(1000 + seed, 500))
        code, _, errors = self.run_tool("run", "inputs")
        assert (code, errors) == (SOUND, "")

    def test_a_megabyte_of_garbage_is_run_to_its_end(self):
        self.write("large", random_bytes(1, 1_000_000))
        code, output, _ = self.run_tool("run", "large")
        assert code == SOUND
        assert re.search(r" 124\d{3} operations  large\n$", output)

    def test_the_same_run_prints_the_same(self):
        for seed in range(30):
            self.write(f"inputs/{seed:03}", random_bytes(seed, 300))
        for options in ([], ["--trace"]):
            first = self.run_tool("run", "inputs", *options)
            assert first[0] == SOUND
            assert self.run_tool("run", "inputs", *options) == first

    def test_another_build_gives_the_same_digests(self):
        others = [preset for preset in ("dev", "release") if preset != PRESET]
        others = [path for path in (ROOT / "build" / preset / "kmemfuzz" for preset in others) if path.exists()]
        if not others:
            pytest.skip("no other build is there")
        for seed in range(100):
            self.write(f"inputs/{seed:03}", random_bytes(seed, 300))
        ours = self.run_tool("run", "inputs", ROOT / "corpus")
        for other in others:
            assert self.run_tool("run", "inputs", ROOT / "corpus", tool=other) == ours

    def test_an_unknown_option_is_named_before_any_file_is_looked_for(self):
        self.require_misuse("run", "there is no option '--bogus'", "--bogus", "file")
        self.require_misuse("run", "there is no option '--bogus'", "missing", "--bogus")

    def test_no_file_is_a_wrong_argument(self):
        self.require_misuse("run", "it needs a file, or a folder with files in it")


class TestTrace(ToolTest):
    def test_every_operation_its_outcome_the_heap_and_the_digest_are_printed(self):
        code, output, errors = self.run_tool("run", "-", "--trace", stdin=EXAMPLE.encode())
        assert (code, errors) == (SOUND, "")
        assert output == EXAMPLE_TRACE + EXAMPLE_SOUND + "-\n"

    def test_a_longer_program_begins_with_the_trace_of_a_shorter(self):
        lines = EXAMPLE.splitlines(keepends=True)
        _, shorter, _ = self.run_tool("run", "-", "--trace", stdin="".join(lines[:5]).encode())
        _, longer, _ = self.run_tool("run", "-", "--trace", stdin="".join(lines).encode())
        assert longer.splitlines()[:6] == shorter.splitlines()[:6]


class TestOracleOptions(ToolTest):
    @pytest.fixture(autouse=True)
    def set_up_oracle_options(self, set_up_folder_test):
        self.write("example", EXAMPLE)

    def test_the_digest_does_not_depend_on_which_oracles_are_asked(self):
        for options in (["--only", "placement"], ["--without", "placement"], ["--only", "region,recovery"],
                        ["--without", ",".join(ORACLES)]):
            self.require(SOUND, EXAMPLE_SOUND + "example\n", "", "run", *options, "example")

    @pytest.mark.parametrize("oracle", ORACLES)
    def test_every_oracle_can_be_asked_alone_and_left_out(self, oracle):
        for option in ("--only", "--without"):
            self.require(SOUND, EXAMPLE_SOUND + "example\n", "", "run", "example", option, oracle)

    def test_a_violation_is_of_an_oracle_that_is_asked(self):
        tool = broken.tool("release", "merge-right-forgotten")
        self.write("unmerged", "kmem-program 1\nheap page=64 pages=4\nalloc 0 24\nfree 0\n")
        for options, oracle in (([], "free-merged"), (["--only", "free-merged"], "free-merged"), (["--only", "recovery"], "recovery"),
                                (["--without", "free-merged"], "recovery"), (["--only", "placement"], None),
                                (["--without", "free-merged,recovery"], None)):
            code, output, _ = self.run_tool("run", *options, "unmerged", tool=tool)
            named = re.search(r"VIOLATION ([a-z-]+): ", output)
            assert (code, named and named[1]) == ((SOUND, None) if oracle is None else (VIOLATION, oracle))

    @pytest.mark.parametrize("ids, unknown", (("nothing", "nothing"), ("placement,nothing", "nothing"), (",", ""),
                                             ("placement,", ""), ("placement recovery", "placement recovery"),
                                             ("place", "place"), ("Placement", "Placement")))
    def test_an_unknown_oracle_is_named(self, ids, unknown):
        for option in ("--only", "--without"):
            complaint = f"kmemfuzz run: there is no oracle '{unknown}'; kmemfuzz oracles lists them\n"
            self.require(USAGE, "", complaint, "run", option, ids, "example")

    def test_the_ids_may_not_be_left_out(self):
        for option in ("--only", "--without"):
            for ids in ((), ("",)):
                self.require_misuse("run", f"{option} needs the ids of oracles, separated by commas", "example", option, *ids)


class TestArguments(ToolTest):
    """Options are what getopt_long makes of them, for every word."""

    @pytest.fixture(autouse=True)
    def set_up_arguments(self, set_up_folder_test):
        self.write("example", EXAMPLE)
        self.write("-x", EXAMPLE)

    def test_a_value_may_stand_in_the_same_argument(self):
        self.require(SOUND, EXAMPLE_SOUND + "example\n", "", "run", "--only=region,recovery", "example")
        self.require(SOUND, "", "", "asm", "example", "-oout")
        assert (self.folder / "out").read_bytes() == EXAMPLE_BYTES

    def test_an_option_may_be_shortened_while_it_is_clear(self):
        self.require(SOUND, EXAMPLE_SOUND + "example\n", "", "run", "--on", "region", "example")
        self.require_misuse("run", "there is no option '--o' (did you mean --only or --operation?)", "--o", "region", "example")

    def test_after_two_dashes_there_is_no_option(self):
        self.require(SOUND, EXAMPLE_SOUND + "-x\n", "", "run", "--", "-x")
        self.require_misuse("show", "'--c' is one argument too many", "--", "-x", "--c")
        self.require(SOUND, "", "", "asm", "-o", "out", "--", "-x")

    def test_a_flag_takes_no_value(self):
        for option in ("--force", "--help"):
            self.require_misuse("show", f"{option} takes no value", f"{option}=yes", "example")

    def test_options_may_stand_after_operands_in_every_environment(self):
        self.require(SOUND, EXAMPLE_SOUND + "example\n", "", "run", "example", "--only", "region",
                     env={**os.environ, "POSIXLY_CORRECT": "1"})

    def test_help_lists_every_option_that_is_taken(self):
        for command in COMMANDS:
            options = re.findall(r"^  (-\S+)( [A-Z]+)?  ", self.run_tool(command, "--help")[1], re.MULTILINE)
            assert ("--help", "") in options
            for option, value in options[:-1]:
                complaint = f"{option} takes no value" if not value else f"{option} needs "
                ending = "=" if option.startswith("--") else ""
                code, _, errors = self.run_tool(command, option + ending) if ending else self.run_tool(command, option)
                assert code == USAGE
                assert f"kmemfuzz {command}: {complaint}" in errors


class TestShowAndAsm(ToolTest):
    def test_asm_writes_the_bytes_the_documentation_says(self):
        self.write("example.ops", EXAMPLE)
        self.require(SOUND, "", "", "asm", "example.ops", "-o", "example")
        assert (self.folder / "example").read_bytes() == EXAMPLE_BYTES

    def test_show_prints_the_text_that_the_bytes_were_made_from(self):
        self.require(SOUND, EXAMPLE, "", "show", "-", stdin=EXAMPLE_BYTES)

    def test_show_prints_a_text_without_its_comments_and_spacing(self):
        spaced = EXAMPLE.replace(" ", "   ").replace("kmem-program   1", "kmem-program 1").replace("\n", "  # why\n")
        spaced = spaced.replace("kmem-program 1  # why", "kmem-program 1", 1)
        self.require(SOUND, EXAMPLE, "", "show", "-", stdin=spaced.encode())

    @pytest.mark.parametrize("seed", range(40))
    def test_text_and_bytes_go_round(self, seed):
        self.write("input", random_bytes(seed, 1 + seed * 7))
        self.require(SOUND, "", "", "asm", "input", "-o", "bytes", "--force")
        code, text, _ = self.run_tool("show", "bytes")
        assert code == SOUND
        self.require(SOUND, text, "", "show", "input")
        self.require(SOUND, text, "", "show", "-", stdin=text.encode())
        self.require(SOUND, "", "", "asm", "-", "-o", "again", "--force", stdin=text.encode())
        assert (self.folder / "again").read_bytes() == (self.folder / "bytes").read_bytes()

    @pytest.mark.parametrize("seed", range(20))
    def test_garbage_its_bytes_and_its_text_run_alike(self, seed):
        self.write("input", random_bytes(seed, 200))
        self.require(SOUND, "", "", "asm", "input", "-o", "bytes", "--force")
        self.write("text", self.run_tool("show", "input")[1])
        _, output, _ = self.run_tool("run", "input", "bytes", "text")
        digests = re.findall(r"^sound  ([0-9a-f]{16})", output, re.MULTILINE)
        assert (len(digests), len(set(digests))) == (3, 1)

    def test_a_text_with_an_error_is_neither_shown_nor_written(self):
        self.write("typo.ops", "kmem-program 1\nalloc 0\n")
        for arguments in (["show", "typo.ops"], ["asm", "typo.ops", "-o", "out"]):
            code, output, errors = self.run_tool(*arguments)
            assert (code, output) == (USAGE, "")
            assert re.search(r"^typo\.ops:2:\d+: error: .+\n$", errors)
        assert self.names() == ["typo.ops"]

    def test_a_missing_file_is_neither_shown_nor_written(self):
        for arguments in (["show", "missing"], ["asm", "missing", "-o", "out"]):
            self.require(ENVIRONMENT, "", "kmemfuzz: cannot read missing: No such file or directory\n", *arguments)
        assert self.names() == []

    def test_a_folder_is_no_program(self):
        self.require(ENVIRONMENT, "", "kmemfuzz: cannot read .: Is a directory\n", "show", ".")

    def test_an_existing_file_is_replaced_only_with_force(self):
        self.write("example.ops", EXAMPLE)
        self.write("out", b"precious")
        self.require(USAGE, "", "kmemfuzz: out exists; choose another name, or --force to replace it\n", "asm", "example.ops",
                     "-o", "out")
        assert (self.folder / "out").read_bytes() == b"precious"
        assert self.names() == ["example.ops", "out"]
        self.require(SOUND, "", "", "asm", "--force", "example.ops", "-o", "out")
        assert (self.folder / "out").read_bytes() == EXAMPLE_BYTES
        assert self.names() == ["example.ops", "out"]

    def test_a_file_can_take_the_place_of_what_it_was_made_from(self):
        self.write("example", EXAMPLE)
        self.require(SOUND, "", "", "asm", "example", "-o", "example", "--force")
        assert (self.folder / "example").read_bytes() == EXAMPLE_BYTES

    def test_what_cannot_be_written_ends_with_3_and_leaves_nothing_behind(self):
        self.write("example.ops", EXAMPLE)
        (self.folder / "folder").mkdir()
        for path, force, reason in (("example.ops/out", [], "Not a directory"),
                                    ("missing/out", [], "No such file or directory"),
                                    ("folder", ["--force"], "Is a directory"),
                                    ("x" * 300, [], "File name too long")):
            self.require(ENVIRONMENT, "", f"kmemfuzz: cannot write {path}: {reason}\n",
                         "asm", "example.ops", "-o", path, *force)
            assert self.names() == ["example.ops", "folder"]

    @pytest.mark.parametrize("arguments, complaint", (([], "it takes a program and -o OUT"),
                                                      (["a"], "it takes a program and -o OUT"),
                                                      (["-o", "out"], "it takes a program and -o OUT"),
                                                      (["a", "-o"], "-o needs the name of the file to write"),
                                                      (["a", "b", "-o", "out"], "'b' is one argument too many"),
                                                      (["a", "--bogus", "-o", "out"], "there is no option '--bogus'")))
    def test_wrong_arguments_of_asm(self, arguments, complaint):
        self.require_misuse("asm", complaint, *arguments)

    @pytest.mark.parametrize("arguments, complaint", (([], "it takes a program"), (["a", "b"], "'b' is one argument too many"),
                                                      ([""], "an argument is empty where a name belongs"),
                                                      (["a", "--svg", "b", "--svg", "c"], "--svg is given twice"),
                                                      (["--bogus"], "there is no option '--bogus'")))
    def test_wrong_arguments_of_show(self, arguments, complaint):
        self.require_misuse("show", complaint, *arguments)


class TestTool(ToolTest):
    def test_oracles_lists_every_id_with_its_sentence(self):
        code, output, errors = self.run_tool("oracles")
        assert (code, errors) == (SOUND, "")
        assert [line.split()[0] for line in output.splitlines()] == ORACLES
        for line in output.splitlines():
            assert re.search(r"^[a-z-]+ +[A-Z].*\.$", line)

    def test_oracles_json_has_what_a_verdict_says_with_the_units_in_braces(self):
        code, output, errors = self.run_tool("oracles", "--json")
        assert (code, errors) == (SOUND, "")
        rows = {row.pop("id"): row for row in json.loads(output)["oracles"]}
        assert tuple(rows) == tuple(ORACLES)
        assert rows["free-merged"] == {
            "sentence": "No two adjacent blocks are both free.", "offset": "the free block at {offset}, right after another",
            "expected": "one free block of {bytes}", "observed": "a second block of {bytes}"}

    def test_oracles_takes_no_arguments(self):
        self.require_misuse("oracles", "'more' is one argument too many", "more")

    def run_with_closed(self, closed, *arguments):
        """Runs the tool with some of its standard files closed, as in "<&- 2>&-"."""
        command = ["/bin/sh", "-c", f'exec "$0" "$@" {closed}', TOOL, *arguments]
        done = subprocess.run(command, capture_output=True, cwd=self.folder, timeout=TIMEOUT, check=False)
        return done.returncode, done.stdout.decode(), done.stderr.decode()

    def test_a_run_is_the_same_where_standard_input_and_error_are_closed(self):
        self.write("program.ops", EXAMPLE)
        usual = self.run_tool("run", "program.ops", "--json")
        assert usual[0] == SOUND
        for closed in ("<&-", "2>&-", "<&- 2>&-"):
            assert self.run_with_closed(closed, "run", "program.ops", "--json") == usual, closed

    def test_where_standard_output_is_closed_it_cannot_be_written(self):
        self.write("program.ops", EXAMPLE)
        for command in (("run", "program.ops", "--json"), ("show", "program.ops", "--map"), ("oracles",)):
            for closed in (">&-", "<&- >&-"):
                assert self.run_with_closed(closed, *command) == (
                    ENVIRONMENT, "", "kmemfuzz: standard output could not be written\n"), (closed, command)
            assert self.run_with_closed("<&- >&- 2>&-", *command) == (ENVIRONMENT, "", ""), command

    def test_help_lists_every_command_and_the_exit_codes(self):
        code, output, errors = self.run_tool("--help")
        assert (code, errors) == (SOUND, "")
        assert set(re.findall(r"^  ([a-z-]+) .*  [a-z]", output, re.MULTILINE)) == {*COMMANDS, *PACKAGE}
        assert "Exit codes: 0 sound, 1 violation, 2 usage, 3 environment, 4 internal error." in output
        for arguments in (["-h"], ["help"]):
            assert self.run_tool(*arguments) == (code, output, errors)

    def test_help_of_every_command_has_its_usage_its_exit_codes_and_an_example(self):
        for command in (*PACKAGE, "corpus prune", "corpus merge", "corpus status"):
            code, output, errors = self.run_tool(*command.split(), "--help")
            assert (code, errors) == (SOUND, "")
            assert re.search(rf"^Usage: kmemfuzz {command} .*\n\n[A-Z](.|\n)*\nExit codes: 0 (.|\n)*\nExample:\n  kmemfuzz {command}\b", output)
        for command in COMMANDS:
            for arguments in ([command, "--help"], [command, "-h"], [command, "file", "--help"], ["help", command]):
                code, output, errors = self.run_tool(*arguments)
                assert (code, errors) == (SOUND, "")
                assert re.search(rf"^Usage: kmemfuzz {command} ", output)
                assert re.search(rf"Exit codes: 0 (.|\n)*\n\nExample:\n  kmemfuzz {command}\b", output)

    def test_version_names_the_projects_version_and_the_formats(self):
        project = re.search(r"project\(kmem VERSION (\S+)", (ROOT / "CMakeLists.txt").read_text(encoding="utf-8"))
        header = (ROOT / "fuzz" / "program" / "program.h").read_text(encoding="utf-8")
        program_format = re.search(r"PROGRAM_VERSION\s*=?\s*(\d+)", header)
        self.require(SOUND, f"kmemfuzz {project.group(1)}, program format {program_format.group(1)}\n", "", "--version")

    def test_no_command_prints_the_help_as_an_error(self):
        _, help_text, _ = self.run_tool("--help")
        self.require(USAGE, "", help_text)

    def test_an_unknown_command_or_option_is_named(self):
        for name, nearest in (("walk", ""), ("expain", " (did you mean explain?)"), ("--bogus", ""), ("", ""), ("ru", " (did you mean run?)"), ("RUN", ""),
                              ("re", " (did you mean reduce or report or replay?)"), ("h.c", ": a heap's file stands after one, as in kmemfuzz fuzz h.c"), ("x" * 1000, "")):
            complaint = f"kmemfuzz: there is no word '{name}'{nearest}\nUsage: kmemfuzz WORD [HEAP.c] [ARGUMENT...]\nkmemfuzz --help says more.\n"
            self.require(USAGE, "", complaint, name)
            self.require(USAGE, "", complaint, "help", name)

    @pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs a device that is always full")
    def test_output_that_cannot_be_written_ends_with_3(self):
        self.write("example", EXAMPLE)
        for arguments in (["run", "example"], ["run", "example", "--trace"], ["show", "example"], ["oracles"],
                          ["--help"], ["run", "--help"], ["--version"]):
            with open("/dev/full", "wb") as full:
                done = subprocess.run([TOOL, *arguments], stdout=full, stderr=subprocess.PIPE, cwd=self.folder,
                                      timeout=TIMEOUT, check=False)
                assert done.returncode == ENVIRONMENT
                assert done.stderr == b"kmemfuzz: standard output could not be written\n"

    def test_no_command_leaves_files_behind(self):
        self.write("example", EXAMPLE)
        for arguments in (["run", "example"], ["show", "example"], ["oracles"], ["--help"]):
            assert self.run_tool(*arguments)[0] == SOUND
        assert [name for name in self.names() if not name.endswith(".profraw")] == ["example"]
