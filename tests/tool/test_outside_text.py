"""Whatever comes from outside is printed so that a terminal takes none of it for a command and no line is forged."""

import ast
import json
import os
import pathlib
import subprocess
import sys

import pytest
from kmemfuzz import outside_text
from kmemfuzz.outside_text import dump_json, excerpt, visible, visible_lines

TREE = pathlib.Path(__file__).resolve().parents[2]
LIBRARIES = (TREE / "ci/lib", TREE / "fuzz/kmemfuzz")

# (what comes from outside, how it is shown in one line)
SHOWN = (
    ("plain name.ops", "plain name.ops"),
    ("ü ж 漢 e\u0301 😀 'quoted' \\back", "ü ж 漢 e\u0301 😀 'quoted' \\back"),
    ("a\nkmemfuzz board: all sound", r"a\nkmemfuzz board: all sound"),
    ("\r\033[Kall sound", r"\r\x1b[Kall sound"),
    ("\033]0;title\a", r"\x1b]0;title\x07"),
    ("\x9b2J \x85 \x7f \0", r"\u009b2J \u0085 \x7f \x00"),
    ("line\u2028paragraph\u2029", r"line\u2028paragraph\u2029"),
    ("\u202egnp.exe \u2066x\u2069 \u200e \ufeff", r"\u202egnp.exe \u2066x\u2069 \u200e \ufeff"),
    ("\U000e0041", r"\U000e0041"),
    (b"bad\xff\xc3", r"bad\xff\xc3"),
    ("bad\udcff", r"bad\xff"),
    ("lone \ud800 and \udfff", r"lone \ud800 and \udfff"),
    (pathlib.Path("a\tb"), r"a\tb"),
    (ValueError("no\nsuch"), r"no\nsuch"),
)


class TestShown:
    """What is made of a text."""

    @pytest.mark.parametrize("text, expected", SHOWN)
    def test_a_text_is_one_line_in_which_nothing_commands_a_terminal(self, text, expected):
        assert visible(text) == expected
        assert visible(text).isprintable()
        visible(text).encode()

    def test_a_text_of_lines_keeps_its_newlines_and_tabs_and_nothing_else(self):
        assert visible_lines("a\n\tb\r\n\033[1mc\udcfe") == "a\n\tb\\r\n\\x1b[1mc\\xfe"

    def test_of_a_long_line_the_beginning_is_repeated_and_the_length_said(self):
        assert excerpt("V 1\0") == r"'V 1\x00'"
        assert excerpt("x" * 1000000) == f"'{'x' * 160}' (the first 160 of 1,000,000 characters)"


class TestJson:
    """JSON of texts from outside."""

    def test_it_is_ascii_that_holds_no_lone_surrogate_and_escapes_controls(self):
        text = dump_json({"bad\udcff": ["\ud800", ("a\nb\033", "ü😀")], "n": 1, "none": None})
        text.encode("ascii")
        assert json.loads(text) == {"bad\\xff": ["\\ud800", ["a\nb\033", "ü😀"]], "n": 1, "none": None}
        json.dumps(json.loads(text), ensure_ascii=False).encode()

    def test_a_figure_that_is_no_number_is_refused(self):
        pytest.raises(ValueError, dump_json, float("nan"))


class TestStreams:
    """Standard output of any encoding."""

    def test_a_character_that_the_output_cannot_encode_is_escaped(self):
        program = "from kmemfuzz import outside_text; outside_text.open_streams(); print(outside_text.visible('\\xfc \\u6f22 bad\\udcff'))"
        for environment in ({"PYTHONIOENCODING": "ascii"}, {"PYTHONIOENCODING": "ascii:strict"},
                            {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}):
            result = subprocess.run([sys.executable, "-c", program], cwd=LIBRARIES[0], env=dict(os.environ, **environment),
                                    capture_output=True, check=False)
            assert (result.returncode, result.stdout, result.stderr) == (0, b"\\xfc \\u6f22 bad\\xff\n", b"")


def is_shown(node):
    """Whether an expression is a call of a function that makes outside text fit to be printed."""
    return isinstance(node, ast.Call) and isinstance(node.func, (ast.Name, ast.Attribute)) and \
        (node.func.id if isinstance(node.func, ast.Name) else node.func.attr) in outside_text.__dict__


def raw_names(node, names):
    """Which of the names are used in an expression outside of such a call."""
    if is_shown(node):
        return
    if isinstance(node, ast.Name) and node.id in names:
        yield node
    for child in ast.iter_child_nodes(node):
        yield from raw_names(child, names)


def is_call_of(node, *names):
    """Whether it is a call of one of these functions, named as in the source."""
    return isinstance(node, ast.Call) and ast.unparse(node.func) in names


class TestSources:
    """The programs in ci/lib and the package."""

    def trees(self):
        """(file's name, its syntax) of each."""
        for path in sorted(path for folder in LIBRARIES for path in folder.glob("*.py")):
            yield path.name, ast.parse(path.read_text(encoding="utf-8"))

    def test_no_exception_is_printed_as_it_came(self):
        found = []
        for name, tree in self.trees():
            for handler in ast.walk(tree):
                if isinstance(handler, ast.ExceptHandler) and handler.name:
                    found += [f"{name}:{use.lineno}" for call in ast.walk(handler) if is_call_of(call, "print")
                              for argument in call.args for use in raw_names(argument, {handler.name})]
        assert found == []

    def test_no_json_is_printed_but_by_dump_json(self):
        assert [f"{name}:{node.lineno}" for name, tree in self.trees() if name != "outside_text.py" for node in ast.walk(tree)
                if is_call_of(node, "json.dumps", "json.dump")] == []

    def test_every_command_line_is_a_parser_that_shows_what_was_typed(self):
        assert [f"{name}:{node.lineno}" for name, tree in self.trees() for node in ast.walk(tree)
                if is_call_of(node, "argparse.ArgumentParser")] == []
