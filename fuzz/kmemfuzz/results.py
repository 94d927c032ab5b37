"""What the words for a forge share (sarif, junit, summary): which programs are run, which failures are one bug, where in the
repository a bug is, and where the documents are."""

import contextlib
import json
import os
import pathlib
import re
import stat
import subprocess
import sys
import time
import urllib.parse

from kmemfuzz import corpus, heap, tree
from kmemfuzz.campaign_folder import places
from kmemfuzz.command_line import EXIT_ENVIRONMENT, EXIT_INTERNAL, Parser, add_caller, exit_codes
from kmemfuzz.outside_text import visible, visible_lines

# What each operation of a program calls; the others are frees.
_CALLS = {"alloc": "alloc", "zalloc": "zalloc", "calloc": "calloc", "aligned": "alloc_aligned", "realloc": "realloc",
          "coalesce": "coalesce", "usable": "usable_size", "extend": "extend"}
_EXAMPLES = {"sarif": "heap.sarif ", "junit": "heap.xml "}  # what each may write
_CORE = "src/kmem.c"
WRITTEN = ("out", "junit")  # options that name a file which is replaced


# What is run.

def make_parser(word, description, out):
    """The parser of a word that runs programs; out: whether it writes a file."""
    parser = Parser(
        prog=f"kmemfuzz {word}", example=f"kmemfuzz {word} {_EXAMPLES.get(word, '')}corpus",
        description=description + " Without FILE: the tree's corpus and what campaigns of the heap have found; of a finding that "
                                  "has been explained, the reduced program.",
        epilog=exit_codes("all sound", "something fails", "usage or a program that cannot be read"))
    if out:
        parser.add_argument("out", type=pathlib.Path, metavar="OUT", help="the file to write")
        parser.add_argument("--force", action="store_true", help="replace OUT if it exists")
    parser.add_argument("files", nargs="*", default=[], metavar="FILE|DIR", help="programs, or folders of them; - is standard input")
    parser.add_argument("--bytes", action="store_true", help="read every file as binary, whatever its name and contents")
    add_caller(parser)
    return parser


def _is_special(path):
    with contextlib.suppress(OSError):
        return not stat.S_ISREG(path.stat().st_mode)
    return False


def _place(parser, options, typed):
    """The path of a file to write, in full."""
    path = options.caller / typed
    if not path.parent.is_dir() or path.is_dir():
        parser.error(f"{typed} cannot be written: name a file, in a folder that is there")
    if _is_special(path):  # which a rename would replace
        parser.error(f"{typed} is no regular file")
    if path.exists() and not options.force:
        parser.error(f"{typed} exists; choose another name, or --force to replace it")
    return path


def parse(parser, arguments):
    options = parser.parse_intermixed_args(arguments)
    for name in WRITTEN:
        if getattr(options, name, None) is not None:
            setattr(options, name, _place(parser, options, getattr(options, name)))
    if not options.files and (tree.TREE is None if heap.CURRENT is None else not programs()):
        parser.error("it needs a file, or a folder with files in it")
    return options


def presets(options):
    return [] if options.files and heap.CURRENT is None else ["fuzz"]


def _findings():
    """The findings of campaigns of the heap, each with what it is replayed by: its reduced program, or itself."""
    findings = [path for path in sorted((places("heap")[1] / "findings").glob("*")) if "." not in path.name and path.is_file()]
    reduced = [path.with_name(f"{path.name}.reduced") for path in findings]
    return [(path, less if less.is_file() else path) for path, less in zip(findings, reduced)]


def programs():
    """What is run without FILE: the corpus, and of each finding the reduced program, or the finding itself."""
    place = places("heap")[1]
    committed = ["corpus"] if heap.CURRENT is None else [str(place / name) for name in ("corpus", "regressions")
                                                         if corpus.inputs(place / name)]
    return [*committed, *(str(replayed) for _, replayed in _findings())]


def _path_of(result):
    """The path that a result is of, as it was given."""
    return os.fsdecode(urllib.parse.unquote_to_bytes(result["uri"].removeprefix("file://")))


def settle():
    """Removes findings of campaigns that are sound by now: the explanation of one whose reduced program is, and it itself when
    that is sound too. Returns how many. Raises OSError when they were not judged, and then removes no more."""
    count = 0
    for is_explained in (True, False):
        found = [(path, replayed) for path, replayed in _findings() if (path != replayed) == is_explained]
        if not found:
            continue
        done = subprocess.run([corpus.KMEMFUZZ.absolute(), "run", "--json", "--", *(replayed for _, replayed in found)],
                              stdout=subprocess.PIPE, check=False)
        if not done.stdout or done.returncode == EXIT_INTERNAL:
            raise OSError(f"the findings were not judged: {corpus.KMEMFUZZ} run ended with {done.returncode}")
        verdicts = {_path_of(result): result["verdict"] for result in json.loads(done.stdout)["results"]}
        for path, replayed in found:
            if verdicts.get(str(replayed)) == "sound":
                for file in [*path.parent.glob(f"{path.name}.*"), *([] if is_explained else [path])]:
                    file.unlink()
                count += not is_explained
    return count


def tool(options):
    return tree.tool().absolute() if options.files else corpus.KMEMFUZZ.absolute()


def run(options):
    """(exit code, what `run --json --reduce` has printed); None in place of that when it printed nothing, and has said why.
    It also has the `seconds` that it took, and each result its `path`, in full."""
    command = [tool(options), "run", "--json", "--reduce", *(["--bytes"] if options.bytes else []), "--",
               *(options.files or programs())]
    folder = options.caller if options.files else pathlib.Path.cwd()
    for name in WRITTEN:
        if getattr(options, name, None) is not None:
            with contextlib.suppress(OSError):  # so that no file of an earlier run is taken for this one's
                os.unlink(os.path.realpath(getattr(options, name)))
    start = time.monotonic()
    done = subprocess.run(command, cwd=folder, stdout=subprocess.PIPE, check=False)
    if not done.stdout or done.returncode == EXIT_INTERNAL:
        return done.returncode, None
    document = {**json.loads(done.stdout), "seconds": time.monotonic() - start}
    for result in document["results"]:
        result["path"] = folder / _path_of(result)
    return done.returncode, document


def ask(options, *arguments):
    """What the tool prints as JSON, whether it ends with 0 or 1."""
    done = subprocess.run([tool(options), *arguments], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, check=False)
    return json.loads(done.stdout)


def _try_to(write_to, word, path):
    try:
        write_to(path)
    except OSError as error:
        print(f"kmemfuzz {word}: {visible(path)} cannot be written: {visible(error.strerror)}", file=sys.stderr)
        return False
    return True


def write(word, path, text):
    """Writes a file whole. Returns whether it could."""
    return _try_to(lambda path: corpus.write_whole(pathlib.Path(os.path.realpath(path)), text.encode()), word, path)


def append(word, path, text):
    """Writes to the end of a file, which need not be there. Returns whether it could."""
    def add(path):
        with open(path, "a", encoding="utf-8") as file:
            file.write(text)
    return _try_to(add, word, path)


NOT_WRITTEN = EXIT_ENVIRONMENT


# Which are one bug.

def program_of(result):
    """The program of a failure, as text: reduced, if it could be."""
    return (result.get("reduced") or result["program"])["text"]


def without_format(program):
    """The text of a program without its first line: the format that its bytes are in is no part of what goes wrong."""
    return re.sub(r"\Akmem-program \d+\n", "", program)


def shape_of(program):
    """The operations of a program, without slots and sizes: reduced programs of one bug often differ in those."""
    lines = [line for line in program.splitlines() if not line.startswith(("kmem-program ", "heap "))]
    return "\n".join(" ".join(re.findall(r"\b[a-z]+\b", line)) for line in lines)


def key_of(result, shape=shape_of):
    """What two failures of one bug have in common: the rule, the function, and the operations that they are reduced to."""
    return result["oracle"], (result.get("place") or {}).get("function") or "", shape(program_of(result))


def distinct(results, shape=shape_of):
    """The failures among results, a list for each bug: the first inputs' first. shape: what of a reduced program counts."""
    bugs = {}
    for result in results:
        if "oracle" in result:
            bugs.setdefault(key_of(result, shape), []).append(result)
    return list(bugs.values())


# Where a bug is.

def repository():
    """The folder that paths in a forge are relative to, in full."""
    if heap.CURRENT is None:
        return tree.TREE or heap.SOURCES or pathlib.Path.cwd()
    folder = heap.CURRENT.source.parent
    for name in ("GITHUB_WORKSPACE", "CI_PROJECT_DIR"):  # which may have the heap in a submodule
        top = os.path.realpath(os.environ.get(name) or os.devnull)
        if folder.is_relative_to(top):
            return pathlib.Path(top)
    return next((parent for parent in (folder, *folder.parents) if (parent / ".git").exists()),
                pathlib.Path.cwd() if folder.is_relative_to(pathlib.Path.cwd()) else folder)


def in_repository(path):
    """A file's path from the top of the repository, percent-encoded; None when it is not in there."""
    try:
        return urllib.parse.quote(os.fsencode(pathlib.Path(os.path.abspath(path)).relative_to(repository())))
    except ValueError:
        return None


def _lines(path):
    try:
        return path.read_text(encoding="utf-8", errors="replace").split("\n")  # reading has made all ends of lines one
    except OSError:
        return []


def _definition(files, name):
    """(file, line, function) of the function of this name; None when none of the files has it."""
    for path in files:
        text = re.sub(r"//.*|/\*(?s:.*?)\*/", lambda comment: re.sub(r"[^\n]", " ", comment[0]), "\n".join(_lines(path)))
        match = re.search(rf"^(?:[A-Za-z_][\w \t*&:<>,]*[\s*&])?({name})\s*\([^;{{}}]*\)[^;{{}}()=]*\{{", text, re.MULTILINE)
        if match:
            return path, text.count("\n", 0, match.start(1)) + 1, name
    return None


def _called(call):
    """(file, line, function) of what a call of a program calls: in kmem, in the sources of a heap of one's own, or where its table
    names it."""
    if heap.CURRENT is None:
        core = (tree.TREE or heap.SOURCES or pathlib.Path()) / _CORE
        return _definition([core], f"kmem_{call}" if call != "start" else "kmem_init") or (core, 1, None)
    sources = heap.CURRENT.sources()
    for number, line in enumerate(_lines(sources[0]), 1):
        match = re.match(rf"\s*\.{call}\s*=\s*&?(\w+)", line)
        if match:
            return _definition(sources, match.group(1)) or (sources[0], number, None)
    return sources[0], 1, None


def locate(result):
    """(uri, line, length of that line, function) of a failure in the repository: where the core died or an assertion failed; else
    the function of the core that the operation called; of a heap of one's own that has neither there, its file."""
    operation = result["operation"]
    place = result.get("place")
    call = "start" if operation is None else _CALLS.get(operation["text"].split()[0], "free")
    base = (tree.TREE or heap.SOURCES or pathlib.Path()) if heap.CURRENT is None else pathlib.Path.cwd()
    candidates = [(base / place["file"], place["line"], place["function"])] if place else []
    for file, line, function in [*candidates, _called(call)]:
        uri, lines = in_repository(file), _lines(file)
        if uri is not None and 1 <= line <= len(lines):
            return uri, line, len(lines[line - 1]), function
    return in_repository(heap.CURRENT.source) if heap.CURRENT else _CORE, 1, 0, None


def documents_of(oracles):
    """The URL of the documents at a forge, without a slash at the end; None when none is known."""
    environment = os.environ
    if environment.get("KMEM_DOCUMENTS_URI"):
        return environment["KMEM_DOCUMENTS_URI"].rstrip("/")
    if oracles["documents"].startswith("https://"):
        return oracles["documents"]
    if heap.CURRENT is None and environment.get("GITHUB_REPOSITORY"):
        return (f"{environment.get('GITHUB_SERVER_URL', 'https://github.com')}/{environment['GITHUB_REPOSITORY']}/blob/"
                f"{environment.get('GITHUB_SHA', 'HEAD')}/docs")
    if heap.CURRENT is None and environment.get("CI_PROJECT_URL"):
        return f"{environment['CI_PROJECT_URL']}/-/blob/{environment.get('CI_COMMIT_SHA', 'HEAD')}/docs"
    return None


# How it is run again.

def again(result):
    """The one command that runs what a failure is reduced to, with nothing but the tool: it holds the program."""
    command = "kmemfuzz run -" if heap.CURRENT is None else f"{heap.CURRENT.command('run')} -"
    return f"{command} <<'END'\n{program_of(result)}END"


def headline(result):
    return f"{result['oracle']}: {result['sentence']}"


def details(result):
    """Lines that say what was where, in the run of program_of(result)."""
    lines = []
    result = {**result, **result.get("reduced", {})}
    operation = result["operation"]
    if operation is not None:
        end = " (freeing everything at the end)" if operation["recovery"] else ""
        lines.append(f"operation {operation['index']}: {operation['text']}{end}")
    place = result.get("place")
    said = {"where": f"{place['function']}, {place['file']}:{place['line']}", **result} if place else result
    return lines + [f"{name}: {said[name]}" for name in ("signal", "where", "expected", "observed", "fact", "assertion", "fault")
                    if name in said]


def reduced_from(result):
    """How many operations a failure was reduced from, in words; none if it was not."""
    count = result["program"]["operations"]
    return f"reduced from {count} operation{'' if count == 1 else 's'}" if "reduced" in result else ""


def found_by(bug, quote=visible):
    """Which inputs a bug was found by, in a line; quote makes a name fit for that."""
    more = len(bug) - 1
    return f"found by {quote(bug[0]['file'])}" + (f" and {more} more input{'' if more == 1 else 's'}" if more else "")


# In Markdown.

def _ticks(text, least):
    return "`" * max(least, *(len(run) + 1 for run in re.findall("`+", text)), 1)


def code(text):
    """A text from outside in one line of Markdown, as it is."""
    ticks = _ticks(text, 1)
    return f"{ticks} {visible(text)} {ticks}" if "`" in text else f"{ticks}{visible(text)}{ticks}"


def block(language, text):
    """Lines from outside as a block of Markdown."""
    ticks = _ticks(text, 3)
    return f"{ticks}{language}\n{visible_lines(text)}\n{ticks}"
