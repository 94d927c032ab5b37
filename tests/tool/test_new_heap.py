"""kmemfuzz new-heap: what it writes names all that a heap may have, and compiles as it is and with everything in it."""

import re
import subprocess

import pytest
from compilers import CLANG
from tool_fixture import ENVIRONMENT, ROOT, SOUND, USAGE, ToolTest

LINE = re.compile(r"// (\.(\w+) = .*?,) // (.*)")  # of what is optional: the member, and what it is
PROTOTYPE = re.compile(r"[\w *]*\([^()]*\)(?=: )")
WARNINGS = ["-Wall", "-Wextra", "-Wpedantic", "-Werror", "-fsyntax-only", f"-I{ROOT}/fuzz/include"]


def members_of(struct):
    """The names of a struct's members in the header, in their order."""
    header = (ROOT / "fuzz/execute/subject.h").read_text(encoding="utf-8")
    body = re.search(rf"^struct {struct} {{\n(.*?)^}};", header, re.MULTILINE | re.DOTALL).group(1)
    declarations = re.sub(r"/\*.*?\*/", "", body, flags=re.DOTALL).split(";")[:-1]
    return [re.search(r"\(\*(\w+)\)|(\w+)\s*$", declaration).group(1, 2) for declaration in declarations]


class TestNewHeap(ToolTest):
    def compile(self, *command):
        done = subprocess.run(command, cwd=self.folder, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr

    def test_it_writes_a_file_and_says_what_comes_next(self):
        (self.folder / "a folder").mkdir()
        assert self.run_tool("new-heap", "a folder/my_pool") == (
            SOUND, "a folder/my_pool.c: make its three functions call your heap, and set the facts. Then, with your heap's own "
            "sources:\n  kmemfuzz fuzz 'a folder/my_pool.c' --sources \"../kernel/heap.c\"\n", "")
        text = (self.folder / "a folder/my_pool.c").read_text(encoding="utf-8")
        assert ' *     kmemfuzz fuzz my_pool.c --sources "../kernel/heap.c"\n' in text
        assert 'name = "my_pool"' in text
        assert "my_heap" not in text

    @pytest.mark.parametrize("struct", ["subject", "subject_facts"])
    def test_every_member_and_fact_has_a_line_in_the_order_of_the_header(self, struct):
        self.run_tool("new-heap", "my_heap")
        text = (self.folder / "my_heap.c").read_text(encoding="utf-8")
        table = text[text.index("struct subject table"):]
        facts = re.search(r" \.facts = {\n(.*?)\n    },", table, re.DOTALL)
        part = facts.group(1) if struct == "subject_facts" else table.replace(facts.group(1), "")
        names = [function or value for function, value in members_of(struct)]
        assert len(names) > 15
        assert re.findall(r"^ +(?:// )?\.(\w+) = ", part, re.MULTILINE) == [name for name in names if name != "view"]

    @pytest.mark.parametrize("compiler", [("gcc", "my_heap.c", "-std=c11"), (CLANG, "my_heap.c", "-std=c11"),
                                          ("g++", "my_heap.cpp", "-std=c++20", "-Wno-missing-field-initializers")])
    def test_it_compiles_as_it_is_and_with_every_line(self, compiler):
        program, name, *flags = compiler
        self.run_tool("new-heap", name)
        self.compile(program, name, *flags, *WARNINGS)
        path = self.folder / name
        text = path.read_text(encoding="utf-8")
        words = {member: said for _, member, said in LINE.findall(text)}
        declarations = [f"{PROTOTYPE.match(said).group()};" for said in words.values() if PROTOTYPE.match(said)]
        assert len(declarations) == 13
        declarations += ["static char array[4096];", "static const struct subject_names names = {0};",
                         words["known"].partition(": ")[2]]
        full = LINE.sub(lambda line: f"{line.group(1)} // {line.group(3)}", text)
        assert "// ." not in full
        before, table, after = full.partition("static const struct subject table")
        path.write_text("\n".join([before, *declarations, table + after]), encoding="utf-8")
        self.compile(program, name, *flags, *WARNINGS)

    def test_a_file_that_is_there_stays_as_it_is(self):
        self.write("my_heap.c", "mine")
        (self.folder / "link.c").symlink_to("nowhere")
        for name in ("my_heap", "my_heap.c", "link"):
            code, output, errors = self.run_tool("new-heap", name)
            assert (code, output) == (USAGE, "")
            assert "exists; choose another name" in errors
        assert (self.folder / "my_heap.c").read_text(encoding="utf-8") == "mine"
        assert not (self.folder / "nowhere").exists()

    @pytest.mark.parametrize("name", ["my-heap", "1heap", "a b", "", ".", "/", "heap.h", ".c", "h\x1bp"])
    def test_what_is_no_identifier_is_refused(self, name):
        code, output, errors = self.run_tool("new-heap", name)
        assert (code, output) == (USAGE, "")
        assert "is no name for a heap" in errors
        assert "\x1b" not in errors
        assert self.names() == []

    def test_a_folder_that_is_missing_or_cannot_be_written_is_the_environment(self):
        self.write("file", "")
        for name in ("nowhere/my_heap", "file/my_heap", "/proc/my_heap"):
            code, output, errors = self.run_tool("new-heap", name)
            assert (code, output) == (ENVIRONMENT, "")
            assert f"{name}.c: " in errors
