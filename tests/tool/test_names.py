"""Tests of names: kmemfuzz works on every path, and no name that it prints acts on a terminal or forges a line."""

import json
import os
import re
import shutil
import string
import subprocess

import broken
import pytest
from tool_fixture import (ENVIRONMENT, EXAMPLE, EXAMPLE_BYTES, EXAMPLE_SOUND, PRESET, ROOT, SOUND, TOOL, USAGE, VIOLATION,
                          ToolTest)

PRINTABLE = "".join(sorted(set(string.printable) - set(string.whitespace) - {"/"})) + " "
FORGED = "sound  0000000000000000     9 operations  forged"
HOSTILE = os.fsencode(f"a\x1b]0;title\x07\r\n{FORGED}\n\t\u202e\x9b31m") + b"\xff"
SHOWN = f"a\\x1b]0;title\\x07\\r\\n{FORGED}\\n\\t\\u202e\\u009b31m\\xff"
UNMERGED = "kmem-program 1\nheap page=64 pages=4\nalloc 3 24\nfree 3\n"
BUG = "merge-right-forgotten"
LOG = b"a 1 24\nf 1\n"

# Every place that prints something from outside: what it is, the files there are, the command (HOSTILE stands for the name),
# the exit code. With a bug planted, when the last member says so.
PLACES = (
    ("a sound program", {HOSTILE: EXAMPLE_BYTES}, ["run", HOSTILE], SOUND, False),
    ("an empty program", {HOSTILE: b""}, ["run", HOSTILE], SOUND, False),
    ("a trace", {HOSTILE: EXAMPLE_BYTES}, ["run", HOSTILE, "--trace"], SOUND, False),
    ("a missing program", {}, ["run", HOSTILE], ENVIRONMENT, False),
    ("a text with an error", {HOSTILE: b"kmem-program 1\nallok\n"}, ["run", HOSTILE], USAGE, False),
    ("a text in which words are hostile", {HOSTILE: b"kmem-program 1\nallok" + HOSTILE}, ["run", HOSTILE], USAGE, False),
    ("no program", {HOSTILE: b"text\n"}, ["run", HOSTILE], USAGE, False),
    ("a folder", {b"d/" + HOSTILE: EXAMPLE_BYTES, b"d/b": EXAMPLE_BYTES}, ["run", "d"], SOUND, False),
    ("what is left out", {b"d/" + HOSTILE: b"text\n", b"d/b": EXAMPLE_BYTES}, ["run", "d"], SOUND, False),
    ("what is left out of a blob", {b"d/" + HOSTILE: b"text\n", b"d/b": EXAMPLE_BYTES}, ["pack", "d", "-o", "o"], SOUND, False),
    ("a folder without a program", {HOSTILE + b"/b": b"text\n"}, ["run", HOSTILE], USAGE, False),
    ("a violation", {HOSTILE: UNMERGED.encode()}, ["run", HOSTILE], VIOLATION, True),
    ("a folder of violations", {b"d/" + HOSTILE: UNMERGED.encode(), b"d/b": b"\1"}, ["run", "d"], VIOLATION, True),
    ("a SARIF file that exists", {b"a": EXAMPLE_BYTES, HOSTILE: b""}, ["sarif", HOSTILE, "a"], USAGE, False),
    ("oracles", {b"a": EXAMPLE_BYTES}, ["run", "a", "--only", HOSTILE], USAGE, False),
    ("the number of an operation", {b"a": EXAMPLE_BYTES}, ["run", "a", "--gdb", "--operation", HOSTILE], USAGE, False),
    ("commands for gdb", {b"a": EXAMPLE_BYTES}, ["run", "a", "--gdb", "--gdb-commands", HOSTILE], USAGE, False),
    ("a program that cannot be shown", {}, ["show", HOSTILE], ENVIRONMENT, False),
    ("a C file", {HOSTILE: EXAMPLE_BYTES}, ["show", HOSTILE, "--c"], SOUND, False),
    ("a map", {HOSTILE: EXAMPLE_BYTES}, ["show", HOSTILE, "--map"], SOUND, False),
    ("a picture that exists", {b"a": EXAMPLE_BYTES, HOSTILE: b""}, ["show", "a", "--svg", HOSTILE], USAGE, False),
    ("bytes that exist", {b"a": EXAMPLE_BYTES, HOSTILE: b""}, ["asm", "a", "-o", HOSTILE], USAGE, False),
    ("bytes that cannot be written", {b"a": EXAMPLE_BYTES}, ["asm", "a", "-o", HOSTILE + b"/o"], ENVIRONMENT, False),
    ("bytes in a folder's place", {b"a": EXAMPLE_BYTES, HOSTILE + b"/b": b""}, ["asm", "a", "-o", HOSTILE], ENVIRONMENT, False),
    ("an explanation of what is sound", {HOSTILE: EXAMPLE_BYTES}, ["explain", HOSTILE], SOUND, False),
    ("an explanation", {HOSTILE: UNMERGED.encode()}, ["explain", HOSTILE], VIOLATION, True),
    ("an explanation that exists", {b"a": UNMERGED.encode(), HOSTILE + b".c": b""}, ["explain", "a", "-o", HOSTILE], VIOLATION, True),
    ("a reduction of what is sound", {HOSTILE: EXAMPLE_BYTES}, ["reduce", HOSTILE, "-o", "o"], USAGE, False),
    ("a reduction that exists", {b"a": UNMERGED.encode(), HOSTILE: b""}, ["reduce", "a", "-o", HOSTILE], USAGE, True),
    ("a regression's program", {}, ["keep", HOSTILE, "name"], ENVIRONMENT, False),
    ("a regression's name", {b"a": EXAMPLE_BYTES}, ["keep", "a", HOSTILE], USAGE, False),
    ("a log with errors", {HOSTILE: b"a 1 24\nq\n"}, ["import", HOSTILE, "-o", "o"], USAGE, False),
    ("a log with hostile words", {b"a": b"a 1 24\n" + HOSTILE + b" 2\n"}, ["import", "a", "-o", "o"], USAGE, False),
    ("a log of no format", {HOSTILE: b"hello\n"}, ["import", HOSTILE, "-o", "o"], USAGE, False),
    ("a log that is skipped", {HOSTILE: b"a x\n"}, ["import", HOSTILE, "-o", "o", "--skip", "--format", "plain"], USAGE, False),
    ("a format", {b"a": LOG}, ["import", "a", "-o", "o", "--format", HOSTILE], USAGE, False),
    ("an import that exists", {b"a": LOG, HOSTILE: b""}, ["import", "a", "-o", HOSTILE], USAGE, False),
    ("what is no blob", {HOSTILE: b"text"}, ["replay", HOSTILE], USAGE, False),
    ("a command", {}, [HOSTILE], USAGE, False),
    ("an option", {}, ["run", b"--" + HOSTILE], USAGE, False),
    ("one argument too many", {}, ["show", "a", HOSTILE], USAGE, False),
)


class TestHostile(ToolTest):
    def make(self, files):
        """Fills an empty folder."""
        for path in self.folder.iterdir():
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        for name, content in files.items():
            path = os.path.join(os.fsencode(self.folder), name)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "wb") as file:
                file.write(content)

    def run_raw(self, tool, arguments, **more):
        """(exit code, standard output, standard error), as bytes."""
        done = subprocess.run([os.fsencode(tool), *map(os.fsencode, arguments)], stdin=subprocess.DEVNULL,
                              capture_output=True, cwd=self.folder, check=False, **more)
        return done.returncode, done.stdout, done.stderr

    def require_harmless(self, printed):
        """Requires that a terminal takes nothing of it for a command, and that no line is another's."""
        text = printed.decode()  # so it is UTF-8
        assert [c for c in text if c != "\n" and not c.isprintable()] == [], text
        assert FORGED not in text.splitlines()

    @pytest.mark.parametrize("what, files, arguments, code, is_broken", PLACES)
    def test_no_name_acts_on_a_terminal_or_forges_a_line(self, what, files, arguments, code, is_broken):
        self.make(files)
        ended, output, errors = self.run_raw(broken.tool(PRESET, BUG) if is_broken else TOOL, arguments)
        assert ended == code, output + errors
        self.require_harmless(output + errors)

    def test_a_name_is_shown_with_its_odd_bytes_in_numbers(self):
        self.make({HOSTILE: EXAMPLE_BYTES})
        assert self.run_raw(TOOL, ["run", HOSTILE]) == (SOUND, f"{EXAMPLE_SOUND}{SHOWN}\n".encode(), b"")

    def test_the_tree_and_the_tool_may_have_such_names(self):
        self.make({HOSTILE + b"/a": UNMERGED.encode()})
        for command in (["keep", HOSTILE + b"/a", "name"], ["board"], ["run", HOSTILE + b"/a", "--gdb"]):
            code, output, errors = self.run_raw(TOOL, command, env={**os.environ, "KMEM_TREE": os.fsdecode(HOSTILE)})
            assert code == ENVIRONMENT
            self.require_harmless(output + errors)
            assert SHOWN.encode() in errors
        tool = os.path.join(os.fsencode(self.folder), HOSTILE, b"tool")
        shutil.copy(broken.tool(PRESET, BUG), tool)
        code, output, errors = self.run_raw(tool, ["run", HOSTILE + b"/a"])
        assert code == VIOLATION
        self.require_harmless(output + errors)

    def test_a_name_in_json_is_utf_8_and_its_uri_has_every_byte(self):
        for name in (HOSTILE, b"\xff\xfe", b"\"\\/", "\u00e4\u20ac\U0001f600".encode()):
            self.make({b"d/" + name.replace(b"/", b""): EXAMPLE_BYTES, b"d/left-" + name.replace(b"/", b""): b"text\n"})
            code, output, _ = self.run_raw(TOOL, ["run", "d", "--json"])
            assert code == SOUND
            document = json.loads(output.decode("utf-8"))
            uri = document["results"][0]["uri"]
            raw = re.sub(rb"%(..)", lambda match: bytes.fromhex(match[1].decode()), uri.encode())
            assert raw == b"d/" + name.replace(b"/", b"")
            assert len(document["left_out"]) == 1
            self.require_harmless(re.sub(rb"\\u[0-9a-f]{4}", b"", output).replace("\u202e".encode(), b"").replace(b"\xc2\x9b",
                                                                                                                  b""))


class TestEveryPath(ToolTest):
    """Every printable character in a path works, with every command."""

    def test_every_printable_character_in_a_file_s_name(self):
        names = [f"d/a{character}b" for character in PRINTABLE] + [f"d/a{PRINTABLE}b"]
        for name in names:
            self.write(name, EXAMPLE_BYTES)
        code, output, errors = self.run_tool("run", "d")
        assert (code, errors) == (SOUND, "")
        assert output.splitlines()[:-1] == [f"{EXAMPLE_SOUND}{name}" for name in sorted(names)]
        shown = self.run_tool("show", names[0])[1]
        code, output, errors = self.run_tool("run", *names)
        assert (code, errors) == (SOUND, "")
        assert output.splitlines()[:-1] == [f"{EXAMPLE_SOUND}{name}" for name in names]
        for name in (names[-1], "d/a'b", 'd/a"b', "d/a\\b", "d/a%b"):
            self.require(SOUND, shown, "", "show", name)
            self.require(SOUND, "", "", "asm", name, "-o", f"{name}.o")
            assert (self.folder / f"{name}.o").read_bytes() == EXAMPLE_BYTES
            self.require(SOUND, "", "", "show", name, "--html", f"{name}.html", "--svg", f"{name}.svg")
            assert self.run_tool("pack", name, "-o", f"{name}.blob")[0] == SOUND
            assert self.run_tool("replay", f"{name}.blob")[0] == SOUND
            self.write(f"{name}.log", LOG)
            assert self.run_tool("import", f"{name}.log", "-o", f"{name}.ops")[0] == SOUND
            assert self.run_tool("sarif", f"{name}.sarif", f"{name}.ops")[0] == SOUND

    def test_the_command_that_runs_a_file_again_can_be_pasted(self):
        tool = broken.tool(PRESET, BUG)
        for character in PRINTABLE + "\n\t\x1b\u00e4\u202e":
            name = f"a{character}b"
            self.write(name, UNMERGED)
            code, output, _ = self.run_tool("run", name, "--without", "placement", tool=tool)
            assert code == VIOLATION
            replay = re.search(r"^  replay  (.*)$", output, re.MULTILINE)[1]
            assert self.run_command("bash", "-c", replay)[:2] == (VIOLATION, output)

    def test_every_printable_character_in_the_names_of_what_explain_and_reduce_write(self):
        tool = broken.tool(PRESET, BUG)
        name = f"a{PRINTABLE}b"
        self.write(name, UNMERGED)
        assert self.run_tool("explain", name, tool=tool)[0] == VIOLATION
        assert self.run_tool("reduce", name, "-o", f"{name}.less", tool=tool)[0] == SOUND
        assert self.names() == sorted(
            [name] + [f"{name}{ending}" for ending in (".c", ".html", ".less", ".reduced", ".reduced.ops")])
        tree = self.folder / f"tree{PRINTABLE}"
        (tree / "corpus/regressions").mkdir(parents=True)
        code, output, _ = self.run_tool("keep", name, "kept", tool=tool, env={**os.environ, "KMEM_TREE": str(tree)})
        assert code == SOUND
        run = re.search(r"until kmemfuzz run (.*) says it is sound", output)[1]
        assert self.run_command("bash", "-c", f"{TOOL} run {run}")[0] == SOUND

    @pytest.mark.skipif(not shutil.which("gdb-multiarch"), reason="ci/setup installs it")
    def test_the_debugger_finds_a_program_and_a_tree_of_any_name(self):
        for name in ("a b", "a'b", 'a"b', "a\\b", "a$b", "a;b", "a*b", "a#b", f"a{PRINTABLE}b"):
            self.write(name, EXAMPLE)
            tree = self.folder / f"tree {name}"
            tree.symlink_to(ROOT)
            self.write("commands", "kmem-map\n")
            code, output, errors = self.run_tool("run", name, "--gdb", "--operation", "1", "--gdb-commands", "commands",
                                                 env={**os.environ, "KMEM_TREE": str(tree)})
            assert code == SOUND, errors
            assert "#32 s0" in output
