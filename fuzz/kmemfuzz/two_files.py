"""kmemfuzz two-files: makes kmemfuzz.c and kmemfuzz.h, which are all that a firmware or a unit test of your own needs to run
programs on your heap.

kmemfuzz.h is the subject's header and the calls of fuzz/two_files/entry.h. kmemfuzz.c is the freestanding sources in one file:
every function static, every variable that files share with a prefix, and what several files name alike renamed in each."""

import collections
import pathlib
import re

from kmemfuzz import heap
from kmemfuzz.command_line import EXIT_SOUND, Parser, add_caller, end_missing, exit_codes, place_paths

HEADERS = ("fuzz/execute/subject.h", "fuzz/two_files/entry.h")  # of kmemfuzz.h
SOURCES = (
    "fuzz/two_files/compiler.c",
    *(f"fuzz/program/{name}.c" for name in ("program", "program_1", "program_2", "blob")),
    "fuzz/generate/generate.c", "fuzz/generate/edits.c", "fuzz/generate/mutate.c", "fuzz/generate/packed.c",
    *(f"fuzz/execute/{name}.c" for name in (
        "arena", "pattern", "model", "state", "oracle", "oracle_text", "guard", "call", "growth", "resolve", "contents",
        "unseen", "judge", "executor", "line")),
    *(f"fuzz/two_files/{name}.c" for name in ("without_view", "run", "replay", "smoke")),
    "fuzz/libfuzzer/mutator.c", "fuzz/libfuzzer/two_files_fuzzer.c",
)
FUZZING = "#if defined(KMEMFUZZ_LIBFUZZER) && KMEMFUZZ_LIBFUZZER"  # around what only a fuzz target has
PREFIX = "kmemfuzz_"
# Names that others know: they stay as they are.
PUBLIC = re.compile(r"kmemfuzz_\w+|subject_(more|failed|under_test)|LLVMFuzzer\w+|__\w+|mem(cpy|move|set|cmp)")

_TOKEN = re.compile(r"""
    (?P<directive>^\#ifdef\ __cplusplus\n(?:extern\ "C"\ \{|\})\n\#endif | ^[ \t]*\#(?:\\\n|/\*.*?\*/|[^\n])*)
  | (?P<comment>/\*.*?\*/) | (?P<text>"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*') | (?P<name>[A-Za-z_]\w*)
  | (?P<number>\.?[0-9][\w.]*) | (?P<space>\s+) | (?P<mark>->|.)""", re.VERBOSE | re.DOTALL | re.MULTILINE)
_NO_CODE = ("comment", "space", "directive")
_INCLUDE = re.compile(r'^#include "(.*)"\n', re.MULTILINE)
_SYSTEM = re.compile(r"^#include <(std(?:bool|def|int)\.h)>\n", re.MULTILINE)
_ATTRIBUTE = re.compile(r"__attribute__\s*\(\s*\((?:[^()]|\([^()]*\))*\)\s*\)")


def tokens(text):
    """(kind, text) of each token, all of the text."""
    return [(match.lastgroup, match.group()) for match in _TOKEN.finditer(text)]


class Declaration:
    """A declaration or definition outside of functions, the tokens first to last of a file: what it names, and how."""

    def __init__(self, parts, first, last):
        self.first = first
        self.last = last
        code = [text for kind, text in parts[first:last + 1] if kind not in _NO_CODE]
        text = re.sub(" +", " ", _ATTRIBUTE.sub("", " ".join(code)))
        head = text.split(" {")[0].rstrip(" ;")
        function = re.match(r"(?!typedef |_Static_assert |extern )[^(=]+ (\w+) \([^=]*\)$", head)
        self.function = function and function.group(1)
        self.has_body = "{" in code
        self.is_static = "static" in head.split()
        self.types = re.findall(r"\b(?:struct|union|enum) (\w+) \{", text) + re.findall(r"^typedef .*?(\w+) ;$", text)
        if not function and re.match(r"enum\b[^;]*\{", text):
            self.types += re.findall(r"[{,] (\w+)(?= [=,}])", text)  # its values
        while text != (text := re.sub(r"\{[^{}]*\} ", "", text)):
            pass  # until no braces are left
        variable = re.match(r"(?!typedef |_Static_assert )[^(=]*?(?<!struct )(?<!union )(?<!enum )\b(\w+)(?: \[[^=]*\])*(?: =.*)? ;$",
                            text)
        self.variable = variable.group(1) if variable and not function else None


def declarations(parts):
    """Those of a file, in order."""
    found = []
    first = None
    depth = 0
    for i, (kind, text) in enumerate(parts):
        if kind in _NO_CODE:
            continue
        first = i if first is None else first
        if kind == "mark":
            depth += (text in "([{") - (text in ")]}")
        if depth == 0 and (text == ";" or (text == "}" and _is_function(parts[first:i]))):
            found.append(Declaration(parts, first, i))
            first = None
    return found


def _is_function(parts):
    """Are these, up to a closing brace, a function with its body?"""
    head = re.split(r"[={]", "".join(text for kind, text in parts if kind not in ("comment", "directive")), maxsplit=1)[0]
    return _ATTRIBUTE.sub("", head).rstrip().endswith(")")


class File:
    """A source or a header, on its way into the one file."""

    def __init__(self, path):
        self.path = path
        text = (heap.SOURCES / path).read_text(encoding="utf-8")
        self.included = _INCLUDE.findall(text)
        self.system = _SYSTEM.findall(text)
        text = _SYSTEM.sub("", _INCLUDE.sub("", text))
        self.parts = tokens(text.strip() + "\n")
        self.declarations = declarations(self.parts)

    @property
    def is_source(self):
        return self.path.endswith(".c")

    def own_names(self):
        """What a source names for itself: functions, variables, types."""
        names = {declaration.function or declaration.variable for declaration in self.declarations if declaration.is_static}
        names.update(name for declaration in self.declarations for name in declaration.types)
        return names - {None}

    def macros(self):
        return re.findall(r"^#\s*define (\w+)", "".join(f"\n{text}" for kind, text in self.parts if kind == "directive"),
                          re.MULTILINE)

    def write(self, defined, renamed):
        """The text of it: functions static, those that nobody defines left out, names changed."""
        output = []
        for i, (kind, text) in enumerate(self.parts):
            if kind == "name" and self.parts[i - 1][1] not in (".", "->"):
                text = renamed.get(text, text)
            elif kind == "directive":
                text = re.sub(r"(?<![\w.>])[A-Za-z_]\w*", lambda match: renamed.get(match.group(), match.group()), text)
            output.append(text)
        for declaration in self.declarations:
            name = declaration.function
            if not name or declaration.is_static or PUBLIC.fullmatch(name):
                continue
            if name in defined:
                output[declaration.first] = "LOCAL " + output[declaration.first]
            else:
                first = declaration.first
                while first > 0 and self.parts[first - 1][0] in ("comment", "space"):
                    first -= 1
                output[first:declaration.last + 1] = [""] * (declaration.last + 1 - first)
        text = "".join(output)
        if self.is_source:
            text += "".join(f"#undef {name}\n" for name in dict.fromkeys(self.macros()) if f"#undef {name}\n" not in text)
        return text


def collect():
    """The files in order, each after what it includes, without those of kmemfuzz.h."""
    files = {}

    def add(path):
        if path in HEADERS or path in files:
            return
        file = File(path)
        if file.is_source:
            files[path] = file  # takes no part in a circle
        for included in file.included:
            add(included)
        files.pop(path, None)
        files[path] = file

    for path in SOURCES:
        add(path)
    return list(files.values())

PREAMBLE = """
#define LOCAL static __attribute__((unused))

#ifdef __cplusplus /* what is C here has its meaning in C++, and a compiler's warning of it none */
#define _Static_assert static_assert
#pragma GCC diagnostic ignored "-Wextra"
#pragma GCC diagnostic ignored "-Wmissing-field-initializers"
#pragma GCC diagnostic ignored "-Wshadow" /* a function may have a structure's name */
#ifdef __clang__
#pragma GCC diagnostic ignored "-Wc99-designator"
#endif
#endif
"""


def make_source():
    """The text of kmemfuzz.c."""
    files = collect()
    defined = {declaration.function for file in files for declaration in file.declarations
               if declaration.function and declaration.has_body}
    shared = {declaration.variable: PREFIX + declaration.variable for file in files for declaration in file.declarations
              if declaration.variable and not declaration.is_static and not PUBLIC.fullmatch(declaration.variable)}
    used = collections.Counter(name for file in files for name in {text for kind, text in file.parts if kind == "name"})
    system = sorted({name for file in files for name in file.system})
    text = "".join(f"#include <{name}>\n" for name in system) + PREAMBLE
    for file in files:
        stem = pathlib.Path(file.path).stem
        own = {name: f"{name}_of_{stem}" for name in file.own_names() if used[name] > 1} if file.is_source else {}
        written = file.write(defined, {**shared, **own})
        if file.path.startswith("fuzz/libfuzzer/"):
            written = f"{FUZZING}\n{written}#endif\n"
        text += f"\n/* {file.path} */\n\n{written}"
    return text


def make_header():
    """The text of kmemfuzz.h."""
    texts = [(heap.SOURCES / path).read_text(encoding="utf-8") for path in HEADERS]
    return "\n".join(_INCLUDE.sub("", text) for text in texts)


def parse_arguments(arguments):
    parser = Parser(
        prog="kmemfuzz two-files", example="kmemfuzz two-files firmware/tests",
        description="Writes kmemfuzz.c and kmemfuzz.h: all that a firmware or a unit test of yours needs to run programs on your "
                    "heap. The header says how.",
        epilog=exit_codes("written"))
    parser.add_argument("folder", type=pathlib.Path, metavar="DIR", help="where to write them, in place of any that are there")
    add_caller(parser)
    options = parser.parse_args(arguments)
    place_paths(parser, options, "folder")
    if heap.SOURCES is None:
        end_missing(parser, "the sources are not there: install kmemfuzz in full, or run it in its tree")
    if options.folder.exists() and not options.folder.is_dir():
        parser.error(f"{options.folder} is not a folder")
    return options


def main(arguments):
    options = parse_arguments(arguments)
    options.folder.mkdir(parents=True, exist_ok=True)
    for name, use, text in (("kmemfuzz.h", "It belongs to kmemfuzz.c.", make_header()),
                            ("kmemfuzz.c", "kmemfuzz.h says how to use it.", f'#include "kmemfuzz.h"\n{make_source()}')):
        (options.folder / name).write_text(f"/* Made by kmemfuzz two-files from its sources: do not edit. {use} */\n{text}",
                                           encoding="utf-8")
    return EXIT_SOUND
