"""Tests of what kmemfuzz takes for a program: no command judges what is none, and none misses one in silence."""

import os
import re
import socket
import subprocess

import pytest
from tool_fixture import ENVIRONMENT, EXAMPLE, EXAMPLE_BYTES, EXAMPLE_SOUND, ROOT, SOUND, TOOL, USAGE, ToolTest

# Each command that takes one program, with FILE in its place.
COMMANDS = (("run", "FILE"), ("show", "FILE"), ("asm", "FILE", "-o", "out"), ("explain", "FILE", "-o", "out"),
            ("reduce", "FILE", "-o", "out"), ("keep", "FILE", "a-name"), ("pack", "FILE", "-o", "blob"))
FIRST_LINE = re.search(r'TEXT_SIGNATURE "(.*)"', (ROOT / "fuzz/text/text.h").read_text(encoding="utf-8"))[1]


def of(command, path):
    """A command on a file."""
    return [path if word == "FILE" else word for word in command]


class TestNoPrograms(ToolTest):
    """What is no program is refused by name, line and remedy, by every command."""

    @pytest.fixture(autouse=True)
    def set_up_no_programs(self, set_up_folder_test):
        (self.folder / "tree" / "corpus" / "regressions").mkdir(parents=True)
        self.environment = {**os.environ, "KMEM_TREE": str(self.folder / "tree")}

    def require_refused(self, path, line, text):
        """Requires that no command takes the file, and each says what its first line should be."""
        cut = text if len(text) <= 21 else text[:21] + "..."
        for command in COMMANDS:
            code, output, errors = self.run_tool(*of(command, path), env=self.environment)
            assert (code, output) == (USAGE, "")
            assert errors == (f"{path}:{line}:1: error: the first line must be '{FIRST_LINE}', not '{cut}'; "
                              "--bytes takes any file as bytes\n")
        assert list((self.folder / "tree/corpus/regressions").iterdir()) == []

    def test_documents_and_sources_are_no_programs(self):
        self.require_refused(ROOT / "README.md", 3, next(line for line in (ROOT / "README.md").read_text().splitlines()[1:]
                                                         if line))
        self.require_refused(ROOT / "src/kmem.h", 1, (ROOT / "src/kmem.h").read_text().splitlines()[0])

    def test_a_text_without_its_first_line_is_no_program(self):
        for name, text, line, shown in (("missing", "alloc 0 24\n", 1, "alloc 0 24"),
                                        ("blank", "\n\nalloc 0 24\n", 3, "alloc 0 24"),
                                        ("comment", "# heap\nalloc 0 24\n", 2, "alloc 0 24"),
                                        ("misspelt", "kmem-porgram 1\nalloc 0 24\n", 1, "kmem-porgram 1"),
                                        ("nothing", "\n\n", 2, "")):
            self.write(f"{name}.ops", text)
            self.require_refused(f"{name}.ops", line, shown)

    def test_comments_and_blank_lines_may_stand_before_the_first_line(self):
        self.write("a.ops", "# why\n\n" + EXAMPLE)
        self.require(SOUND, EXAMPLE_SOUND + "a.ops\n", "", "run", "a.ops")

    def test_any_file_can_be_forced_to_be_bytes(self):
        self.write("text", "alloc 0 24\n")
        for command in COMMANDS:
            code, _, errors = self.run_tool(*of(command, "text"), "--bytes", env=self.environment)
            assert (code, errors) == ((SOUND, "") if command[0] != "reduce" else
                             (USAGE, "text: error: the program is sound, so there is nothing to reduce; kmemfuzz run "
                              "text says so too\n"))
        self.write("program", EXAMPLE)
        assert EXAMPLE_SOUND not in self.run_tool("run", "program", "--bytes")[1]

    def test_files_named_as_fuzzers_name_them_are_bytes(self):
        for name in ("crash-1", "timeout-1", "oom-1", "leak-1", "slow-unit-1", "minimized-from-1", "0123456789" * 4,
                     "id:000000,src:000000,op:havoc"):
            self.write(name, "alloc 0 24\n")
            assert self.run_tool("run", name)[::2] == (SOUND, "")

    @pytest.mark.parametrize("command", (*COMMANDS, ("replay", "FILE")))
    def test_standard_input_that_is_closed_ends_with_3(self, command):
        done = subprocess.run(["sh", "-c", 'exec "$@" <&-', "sh", TOOL, *of(command, "-")], cwd=self.folder,
                              env=self.environment, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stdout) == (ENVIRONMENT, "")
        assert done.stderr == "kmemfuzz: cannot read standard input: Bad file descriptor\n"

    def test_what_is_empty_is_called_a_program_with_no_operation(self):
        self.write("empty", "")
        for path, name in (("empty", "empty"), ("-", "standard input")):
            code, output, errors = self.run_tool("run", path)
            assert (code, errors) == (SOUND, f"kmemfuzz: {name} is empty: a program with no operation\n")
            assert re.search(f"^sound  [0-9a-f]{{16}}     0 operations  {path}\n$", output)


class TestFolders(ToolTest):
    """A folder's run takes the programs in it, and says what it did with everything else."""

    def test_what_lies_beside_programs_is_left_out_and_listed(self):
        self.write("findings/crash-1", EXAMPLE_BYTES)
        for name, text in (("crash-1.c", "int main(void) {}\n"), ("crash-1.html", "<!doctype html>\n"),
                           ("crash-1.log", "INFO: Seed: 1\n"), ("notes/README.md", "# Notes\n")):
            self.write(f"findings/{name}", text)
        self.write("findings/crash-1.reduced", EXAMPLE_BYTES)
        self.write("findings/crash-1.reduced.ops", EXAMPLE)
        code, output, errors = self.run_tool("run", "findings")
        assert (code, errors) == (SOUND, "")
        assert output == ("".join(f"{EXAMPLE_SOUND}findings/crash-1{ending}\n" for ending in ("", ".reduced", ".reduced.ops"))
                          + "".join(f"left out  findings/{name}: no program\n"
                                    for name in ("crash-1.c", "crash-1.html", "crash-1.log", "notes/README.md"))
                          + "3 sound, 0 with violations, 0 unusable, 4 left out\n")
        assert self.run_tool("run", "findings", "--bytes")[1].endswith("\n7 sound, 0 with violations, 0 unusable\n")

    def test_a_program_that_is_misspelt_is_unusable_and_not_left_out(self):
        self.write("folder/a.ops", "kmem-porgram 1\n")
        self.write("folder/b.ops", EXAMPLE)
        code, output, errors = self.run_tool("run", "folder")
        assert (code, output) == (USAGE, f"{EXAMPLE_SOUND}folder/b.ops\n1 sound, 0 with violations, 1 unusable\n")
        assert re.search("^folder/a.ops:1:1: error: the first line must be ", errors)

    def make_strange_folder(self):
        """A folder with a program and everything that is no file."""
        self.write("folder/a", EXAMPLE)
        os.mkfifo(self.folder / "folder/pipe")
        (self.folder / "folder/again").symlink_to("a")
        (self.folder / "folder/self").symlink_to(".")
        (self.folder / "folder/zero").symlink_to("/dev/zero")
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(os.path.relpath(self.folder / "folder/socket"))  # its name has room for 107 bytes
        (self.folder / "elsewhere").mkdir()
        (self.folder / "elsewhere/up").symlink_to("../folder")
        (self.folder / "folder/way").symlink_to("../elsewhere")

    def test_pipes_devices_and_circles_are_left_out(self):
        self.make_strange_folder()
        self.require(SOUND, f"{EXAMPLE_SOUND}folder/a\n{EXAMPLE_SOUND}folder/again\n"
                     "left out  folder/pipe: a pipe\n"
                     "left out  folder/self: a link to a folder that contains it\n"
                     "left out  folder/socket: a socket\n"
                     "left out  folder/way/up: a link to a folder that contains it\n"
                     "left out  folder/zero: a device\n"
                     "2 sound, 0 with violations, 0 unusable, 5 left out\n", "", "run", "folder")
        code, output, _ = self.run_tool("run", "folder", "--json")
        assert code == SOUND
        assert '"file": "folder/pipe",\n      "uri": "folder/pipe",\n      "reason": "a pipe"' in output
        assert '"left_out": 5' in output

    def test_what_cannot_be_read_is_unusable_and_the_others_are_run(self):
        self.make_strange_folder()
        (self.folder / "folder/dangling").symlink_to("nowhere")
        (self.folder / "folder/loop").symlink_to("loop")
        code, output, errors = self.run_tool("run", "folder")
        assert (code, errors) == (ENVIRONMENT, "kmemfuzz: cannot read folder/dangling: No such file or directory\n"
                                  "kmemfuzz: cannot read folder/loop: Too many levels of symbolic links\n")
        assert output.splitlines()[-1] == "2 sound, 0 with violations, 2 unusable, 5 left out"
