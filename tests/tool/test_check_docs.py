"""ci/check-docs must notice what is wrong in a document: a checker that cannot fail proves nothing."""

import io
import json
import os
import re
import subprocess
import sys
import tempfile

import check_docs
import document_blocks
import document_walks
import pictures
import pytest
import reference
from document_names import Commands

KMEMFUZZ = """#!/bin/sh
case "$*" in
--help) echo "  run      FILE   run programs"; echo "  oracles  [--json]  list them; kmemfuzz --version" ;;
"run --help") echo "  --trace   print every operation"; echo "  --way a|b  or so; --help" ;;
*--help) echo "no options" ;;
"oracles --json") echo '{"oracles": [{"id": "first", "sentence": "The first rule.", "offset": "the heap"},
                  {"id": "second", "sentence": "The second rule.", "offset": "the byte at {offset}"}]}' ;;
"run sound") echo "sound"; echo "1 operation" ;;
"show "*) (cat "$2"; shift 4; echo "show $*") >"$4" ;;
*) echo "violation"; exit 1 ;;
esac
"""

CI_COMMAND = r"""#!/bin/sh
printf 'Usage: ci/fuzz [OPTION...]\n\nFuzzes: a\nheap.\n\n  --for TIME  how long\n'
[ "$1" = --help ] || echo ran >>ran
"""

RUST = "fn f() {\n    if x {\n        y\n    }\n}\n"
RULES = 'X(PARSES, "text-parses", \\\n  "A text parses.") \\\nX(OTHER, "text-other", "Another.")\n'
REFERENCE = "".join(f"<!-- made: {name} -->\n<!-- end -->\nbelow\n" for name in ("words", "programs", "oracles", "sv39", "text")
                    ).replace("below\n", "", 4)


class TestCheckDocs:
    """Each test writes one document into a tree of its own, and asks what is found wrong with it."""

    @pytest.fixture(autouse=True)
    def set_up_check_docs(self, folder):
        self.tree = folder
        for pattern in check_docs.DOCUMENTS:
            self.write(pattern.replace("*", "other"), "# A heading\n")
        self.write("src/kernel.h", "int in_the_kernel(void);\n")
        self.write("ci/fuzz", CI_COMMAND, executable=True)
        self.write("CMakePresets.json", json.dumps({"configurePresets": [{"name": "dev"}]}))
        self.tool = self.write("build/release/kmemfuzz", KMEMFUZZ, executable=True)

    def write(self, name, text, executable=False):
        """Makes a file of the tree; returns its path."""
        path = self.tree / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        if executable:
            os.chmod(path, 0o755)
        return path

    def failures(self, text, with_reference=False):
        """What is found wrong when README.md is this text."""
        self.write("README.md", text)
        return check_docs.check_tree(self.tree, self.tool, with_reference).failures

    def assert_sound(self, text):
        """Nothing is wrong with a document, and something of it was checked."""
        self.write("README.md", text)
        tally = check_docs.check_tree(self.tree, self.tool, with_reference=False)
        assert tally.failures == []
        assert tally.passed > 0

    def assert_wrong(self, text, *parts):
        """One thing is wrong with a document, and the words for it contain these parts."""
        failures = self.failures(text)
        assert len(failures) == 1, failures
        for part in parts:
            assert part in failures[0]

    @pytest.mark.parametrize("text", (
        "# Top\n\n[a](docs/other.md) [b](docs/other.md#a-heading) [c](#top) [d](https://example.org)\n",
        "# Add `it`\n\n# Add it\n\n[x](#add-it) [y](#add-it-1)\n",
        "`./ci/fuzz --for 10m`, `kmemfuzz run FILE --trace`, `--trace`, `src/kernel.h`, `src/*.h`\n"
        "`cmake --preset dev`, `kmemfuzz`, `kmemfuzz --version`, ci/fuzz\n",
        "```rust from=src/a.rs\nif x {\n    y\n}\n```\n",
        "```console\n$ kmemfuzz run sound\nsound\n1 operation\n$ true\n```\n",
        "```console\n$ seq 5\n1\n...\n5\n$ seq 2\n1\n...\n2\n```\n",
        "```console\n$ kmemfuzz run bad\nviolation\n$ echo $?\n1\n```\n",
        "```console\n$ build/dev/kmemfuzz run sound\nsound\n1 operation\n```\n",
        "```text file=x.ops\none\n```\n\n```console\n$ cat x.ops\none\n```\n",
        '```c\n#include "kernel.h"\nint f(void) { return in_the_kernel(); }\n```\n'),
        ids=("links", "numbered anchors", "names", "a quotation, indented otherwise", "output", "three dots", "the code before",
             "the tool of another preset", "a saved block", "C"))
    def test_what_is_right_is_sound(self, text):
        self.write("src/a.rs", RUST)
        self.assert_sound(text)

    @pytest.mark.parametrize("text, parts", (
        ("# Top\n\nSee [this](docs/none.md).\n", ("README.md:3:", "docs/none.md")),
        ("[x](../)\n", ("does not exist",)),
        ("[x](docs/other.md#no-such)\n", ("#no-such",)),
        ("# Top\n\n[x](#topp)\n", ("#topp",)),
        ("[x](#top)\n\n```text\n# Top\n```\n", ("#top",)),
        ("Run `./ci/fuss`.\n", ("ci/fuss",)),
        ("Run ci/fuss.\n", ("ci/fuss",)),
        ("```sh\n./ci/fuss\n```\n", ("ci/fuss",)),
        ("`kmemfuzz ruin FILE`\n", ("no command ruin",)),
        ("`kmemfuzz run FILE --trance`\n", ("--trance",)),
        ("`./ci/fuzz --fort 10m`\n", ("--fort",)),
        ("`--trance`\n", ("--trance",)),
        ("`kmemfuzz run --for 10m`\n", ("kmemfuzz run has no option --for",)),
        ("```sh\ncmake --preset deaf\n```\n", ("deaf",)),
        ("`src/colonel.h`\n", ("src/colonel.h",)),
        ("`src/*.py`\n", ("src/*.py",)),
        ("```rust from=src/a.rs\nif x {\ny\n}\n```\n", ("README.md:2:", "src/a.rs has no such lines")),
        ("```rust from=src/a.rs\nfn f() {\n        y\n```\n", ("README.md:2:", "src/a.rs has no such lines")),
        ("```rust from=src/a.rs\nfn f() {\n    if z {\n```\n", ("README.md:2:", "src/a.rs has no such lines")),
        ("```rust from=src/none.rs\nx\n```\n", ("README.md:2:", "src/none.rs")),
        ("```sh\ntrue\necho why; exit 3\n```\n", ("README.md:3:", "code 3", "why")),
        ("```console\n$ kmemfuzz run sound\nsound\n2 operations\n```\n", ("README.md:2:", "1 operation")),
        ("```console\n$ kmemfuzz run sound\nsound\n```\n", ("1 operation",)),
        ("```console\n$ kmemfuzz run sound\n```\n", ("1 operation",)),
        ("```console\n$ true\nsound\n```\n", ("prints something else",)),
        ("```console\n$ seq 5\n1\n...\n6\n```\n", ("prints something else",)),
        ("```console\nkmemfuzz run sound\n```\n", ("no line that begins with",)),
        ("```console planted=none\n$ true\n```\n", ("none.patch: does-not-apply",)),
        ("```c\nint f(void) { return in_the_kernel(); }\n```\n", ("README.md:2:", "does not compile"))),
        ids=("file", "folder", "anchor elsewhere", "anchor", "heading in a block", "command in code", "command in words", "command in a block",
             "word", "option of a word", "option of a command", "option", "option of another word", "preset", "path", "pattern",
             "lines at another depth", "lines that go in further", "lines that differ", "lines of no file", "block that fails", "more output",
             "less output", "no output", "output of nothing", "three dots", "block without a command", "planted bug", "C"))
    def test_what_is_wrong_is_reported(self, text, parts):
        self.write("src/a.rs", RUST)
        self.write("tests/planted/none.patch", "--- a/src/kernel.h\n+++ b/src/kernel.h\n@@ -1,1 +1,1 @@\n-no\n+yes\n")
        self.assert_wrong(text, *parts)

    def test_lines_that_end_with_0_are_sound_and_see_what_those_before_made(self):
        self.assert_sound("```sh\n# a comment\nmkdir made\ntest -d made \\\n  -a -f src/kernel.h\n```\n")
        assert not (self.tree / "made").exists()

    def test_long_commands_are_not_run(self):
        self.assert_sound("```sh\n./ci/fuzz --for 2h\n```\n")
        assert not (self.tree / "ran").exists()

    def test_a_command_that_takes_too_long_is_reported(self, monkeypatch):
        monkeypatch.setattr(document_blocks, "TIMEOUT_SECONDS", 1)
        self.assert_wrong("```sh\nsleep 30\n```\n", "NOT_RUN")

    def test_a_fragment_of_c_is_not_compiled(self):
        assert self.failures("```c fragment\nx = y\n```\n") == []

    # The reference.

    def reference_problem(self, change=lambda text: text):
        """What is wrong with a reference that was made and then changed."""
        self.write("docs/reference.md", REFERENCE)
        self.write("fuzz/libfuzzer/text_fuzzer.c", RULES)
        self.write("fuzz/libfuzzer/sv39_fuzzer.c", RULES.replace("text", "sv39"))
        self.write("invariants/sv39_invariant.h", "")
        commands = Commands(self.tree, self.tool)
        text = change(reference.made(self.tree, commands))
        self.write("docs/reference.md", text)
        return reference.problem_of(self.tree, commands), text

    def test_a_reference_as_it_is_made_is_sound_and_has_every_command_and_rule(self):
        problem, text = self.reference_problem()
        assert problem is None
        for line in ("| `kmemfuzz run FILE` | run programs | `--trace` `--way a\\|b` |", "| `ci/fuzz` | fuzzes | `--for TIME` |",
                     "| `first` | The first rule. | the heap |", "| `text-parses` | A text parses. |", "below"):
            assert text.splitlines().count(line) == 1, text

    @pytest.mark.parametrize("right, wrong, part", [
        ("The first rule", "A first rule", "The first rule"),
        ("| `second` | The second rule. | the byte at {offset} |\n", "", "The second rule"),
        ("`--trace`", "", "--trace"),
        ("| fuzzes |", "| bakes |", "ci/fuzz"),
        ("A text parses", "It parses", "A text parses"),
        ("<!-- made: words -->", "", "no table words"),
    ])
    def test_a_stale_reference_is_reported_with_what_it_should_say(self, right, wrong, part):
        problem, _ = self.reference_problem(lambda text: text.replace(right, wrong))
        assert part in problem
        assert any(part in failure for failure in self.failures("# Top\n", with_reference=True))

    @pytest.mark.parametrize("path, text, lost", [
        ("build/release/kmemfuzz", KMEMFUZZ.replace("[--json]  list", "[--json] list"), "oracles"),
        ("build/release/kmemfuzz", re.sub(r"\[.\"id\".*\]", "[]", KMEMFUZZ, flags=re.DOTALL), "oracles"),
        ("ci/fuzz", "#!/bin/sh\necho no Python >&2\nexit 3\n", "ci/fuzz"),
        ("fuzz/libfuzzer/text_fuzzer.c", "", "text"),
    ], ids=("a word", "all oracles", "a command", "all rules"))
    def test_a_reference_without_a_row_for_all_there_is_is_no_reference(self, path, text, lost):
        self.reference_problem()
        self.write(path, text, executable=True)
        assert reference.problem_of(self.tree, Commands(self.tree, self.tool)) == f"docs/reference.md would have no row for {lost}"

    # The whole.

    def test_a_document_that_is_missing_is_reported(self):
        (self.tree / "CHANGELOG.md").unlink()
        self.assert_wrong("# Top\n", "CHANGELOG.md")

    def test_every_page_of_a_folder_is_checked(self):
        names = ("docs/a.md", "docs/b.md", "docs/other.md")
        for name in names:
            self.write(name, "[Nothing](nowhere.md)\n")
        failures = self.failures("# Top\n")
        assert [failure.partition(":")[0] for failure in failures] == list(names)

    # Pictures. The stub draws a program as its text and the options.

    SHOWN = "![It.](docs/pictures/a.svg)\n"
    DRAWN = "# picture operations=1-2\nalloc 0 1\nshow --operations 1-2\n"

    def draw(self, drawn=DRAWN):
        """A picture that README.md can show."""
        self.write("docs/pictures/a.ops", self.DRAWN.rpartition("show")[0])
        self.write("docs/pictures/a.svg", drawn)

    def test_a_picture_that_its_program_gives_is_sound(self):
        self.draw()
        self.assert_sound(self.SHOWN)

    def test_a_stale_picture_is_reported_and_drawn_again(self):
        self.draw("old\n")
        self.assert_wrong(self.SHOWN, "docs/pictures/a.svg:1: it is stale")
        scratch = document_blocks.Scratch(self.tree, self.tool, self.tree / "scratch")
        assert pictures.write(self.tree, scratch) == [pictures.FOLDER / "a.svg"]
        assert pictures.write(self.tree, scratch) == []
        self.assert_sound(self.SHOWN)

    def test_a_picture_that_is_missing_or_not_shown_is_reported(self):
        self.draw()
        self.assert_wrong("# Nothing\n", "docs/pictures/a.svg:1: no document shows it")
        (self.tree / "docs/pictures/a.svg").unlink()
        assert any("it is stale" in failure for failure in self.failures("# Nothing\n"))

    def test_a_picture_that_no_program_draws_is_reported(self):
        self.write("docs/pictures/b.svg", "b")
        self.assert_wrong("# Top\n", "docs/pictures/b.svg:1: there is no program that draws it")

    def test_a_program_that_does_not_say_how_it_is_drawn_is_reported(self):
        for line in ("alloc 0 1", "# picture planted", "# picture operations=x", "# picture operations=1 planted=a"):
            self.write("docs/pictures/a.ops", line + "\n")
            self.assert_wrong("# Top\n", "the first line must be '# picture [planted=BUG]")

    # Walks: a document is followed in a clone of the tree, which is made a repository.

    def walk(self, text):
        """What is found wrong when README.md, which is not committed yet, is followed."""
        self.write(".gitignore", "/build/\n")
        subprocess.run("git init -q && git add -A && git -c user.name=a -c user.email=a@b commit -qm a", shell=True, cwd=self.tree, check=True)
        self.write("README.md", text)
        tally = check_docs.Tally(at_once=True)
        document_walks.follow(self.tree, ["README.md"], tally)
        return tally

    def test_a_walk_runs_all_commands_in_one_environment_and_a_clean_clone(self, monkeypatch, capsys):
        monkeypatch.setattr(tempfile, "tempdir", str(self.write("build/a b/c", "").parent))
        tally = self.walk("```sh\nexport WORD=kept\n./ci/fuzz --for 2h\n```\n\n"
                          "```console walk planted=none\n$ echo $WORD; cat ran; ls build\nkept\nran\nls: cannot access 'build': No such file or directory\n"
                          "$ rm ran; git status --short\n$ echo 12.3 s, 45 inputs/s\n0.1 s, 7 inputs/s\n```\n")
        assert (tally.failures, tally.passed) == ([], 5)
        assert not (self.tree / "ran").exists()
        assert capsys.readouterr().out.startswith("$ export WORD=kept\n$ ./ci/fuzz --for 2h\n$ echo $WORD; cat ran")

    def test_what_takes_too_long_ends_with_all_that_it_has_started(self, monkeypatch):
        monkeypatch.setattr(document_walks, "TIMEOUT_SECONDS", 0.5)
        os.mkfifo(self.tree / "left")
        left = os.open(self.tree / "left", os.O_RDONLY | os.O_NONBLOCK)  # its end comes when no process holds it
        tally = self.walk(f"```sh\n(sleep 60; echo left) >{self.tree}/left 2>&1 & wait\n```\n")
        os.set_blocking(left, True)
        assert os.read(left, 1) == b""
        os.close(left)
        assert [failure.rpartition("' ")[2] for failure in tally.failures] == ["took more than 0.5 s"]

    def test_a_walk_reports_what_fails_or_prints_something_else(self, monkeypatch):
        monkeypatch.setattr(sys, "stdout", io.StringIO())
        monkeypatch.setattr(sys, "stderr", sys.stdout)
        tally = self.walk("```sh\n./ci/fuss\n```\n\n```console\n$ echo 1\n2\n```\n")
        assert re.findall(r"^\$ .*|^FAILED  README.md:\d", sys.stdout.getvalue(), re.MULTILINE) == [
            "$ ./ci/fuss", "FAILED  README.md:2", "$ echo 1", "FAILED  README.md:6"]
        assert [failure.split(" ")[0] for failure in tally.failures] == ["README.md:2:", "README.md:6:"]

    def test_a_block_that_only_a_walk_runs_is_reported_in_a_document_that_none_follows(self):
        text = "```console walk\n$ echo 1\n2\n```\n"
        self.assert_sound(text)  # README.md is followed
        self.write("docs/other.md", f"# A heading\n\n{text}")
        assert self.failures("")[0].startswith("docs/other.md:4: --walk alone runs this block")

    @pytest.mark.parametrize("command, typed", [
        ("./ci/fuzz --for 2h --target pages   # x", "./ci/fuzz --for 5s --target pages   # x"),
        ("./ci/fuzz", "./ci/fuzz --for 5s "),
        ("make && kmemfuzz fuzz a.c | head", "make && kmemfuzz fuzz a.c --for 5s | head"),
        ("./ci/fuzz --until-crash", "./ci/fuzz --until-crash"),
        ("kmemfuzz fuzz --help; kmemfuzz smoke", "kmemfuzz fuzz --help; kmemfuzz smoke"),
    ])
    def test_only_campaigns_are_shortened(self, command, typed):
        assert document_walks.shortened(command) == typed
