"""Makes the tables in docs/reference.md: commands from what their --help prints, oracles from `kmemfuzz oracles --json`, and the
rules of other fuzz targets from where they are defined. Each stands between two comments, <!-- made: NAME --> and <!-- end -->."""

import json
import pathlib
import re
import subprocess

from document_blocks import Broken

DOCUMENT = pathlib.Path("docs/reference.md")
RULES = {"sv39": ("invariants/sv39_invariant.h", "fuzz/libfuzzer/sv39_fuzzer.c"), "text": ("fuzz/libfuzzer/text_fuzzer.c",)}
_MADE = re.compile(r"(?s)(<!-- made: ([\w-]+) -->\n)(?:(?!<!--).)*(<!-- end -->)")
_RULE = re.compile(r'X\(\w+,\s*"([\w-]+)",\s*"([^"]*)"')
_OPTION = re.compile(r"(?m)^  (?:-h, )?(-\S+(?: \S+)*)")


def table(head, rows):
    """A table in Markdown."""
    lines = [[cell.replace("|", r"\|") for cell in row] for row in rows]
    return "".join(f"| {' | '.join(row)} |\n" for row in (head, ["---"] * len(head), *lines))


def options_of(text):
    """The options that a help text explains, each once, with what they take."""
    return " ".join(f"`{option}`" for option in dict.fromkeys(_OPTION.findall(text)) if option != "--help")


def row_of_word(line, text):
    """The row of a line of `kmemfuzz help`."""
    word, arguments, summary = line
    return [f"`kmemfuzz {word} {arguments}`".replace(" [OPTION...]", ""), summary, options_of(text)]


def row_of_program(name, text):
    """The row of a program in ci/: its usage, the first sentence below, its options."""
    usage, _, rest = text.strip().partition("\n")
    usage = usage.removeprefix("Usage: ").split(";")[0]
    if usage.startswith("kmemfuzz "):
        return [f"`{name}`", f"the same as `{' '.join(usage.split()[:2])}`, also when nothing is built yet", ""]
    sentence = re.split(r"[.:;](?=\s|$)", " ".join(rest.split()), maxsplit=1)[0]
    return [f"`{usage}`".replace(" [OPTION...]", ""), sentence[:1].lower() + sentence[1:], options_of(text)]


def tables_of(tree, commands):
    """Every table, by its name; commands are those of the tree (document_names). Raises Broken when one would lack a word, or all."""
    words = re.findall(r"(?m)^  ([a-z][a-z-]*) +(\S.*?)  +(\S.*)$", commands.help_of([commands.kmemfuzz]))
    programs = sorted(f"ci/{path.name}" for path in (tree / "ci").iterdir() if path.is_file())
    listed = subprocess.run([commands.kmemfuzz, "oracles", "--json"], stdout=subprocess.PIPE, text=True, check=True).stdout
    oracles = [list(oracle.values()) for oracle in json.loads(listed)["oracles"]]
    head = ["command", "does", "options"]
    tables = {
        "words": table(head, [row_of_word(line, commands.help_of([commands.kmemfuzz, line[0]])) for line in words]),
        "programs": table(head, [row_of_program(name, commands.help_of([name])) for name in programs]),
        "oracles": table(["oracle", "what it demands", "offset", "expected", "observed"], [[f"`{row[0]}`", *row[1:]] for row in oracles]),
    }
    for target, paths in RULES.items():
        text = "".join((tree / path).read_text(encoding="utf-8") for path in paths)
        tables[target] = table(["rule", "what it demands"], [(f"`{name}`", rule) for name, rule in _RULE.findall(text.replace("\\\n", ""))])
    lost = set(commands.subcommands) - {word for word, _, _ in words}
    lost |= {name for name in programs if name not in commands.help_of([name]) and "Usage: kmemfuzz " not in commands.help_of([name])}
    lost |= {name for name, text in tables.items() if text.count("\n") < 3}
    if lost:
        raise Broken(f"docs/reference.md would have no row for {', '.join(sorted(lost))}")
    return tables


def made(tree, commands):
    """The document as it should be. Raises KeyError where it wants a table that is none, and Broken."""
    tables = tables_of(tree, commands)
    return _MADE.sub(lambda match: f"{match[1]}\n{tables[match[2]]}\n{match[3]}", (tree / DOCUMENT).read_text(encoding="utf-8"))


def problem_of(tree, commands):
    """What is wrong with the document; None when nothing is."""
    if not (tree / DOCUMENT).is_file():
        return "it is not there"
    text = (tree / DOCUMENT).read_text(encoding="utf-8")
    lacking = {"words", "programs", "oracles", *RULES} - {name for _, name, _ in _MADE.findall(text)}
    if lacking:
        return f"it has no table {', '.join(sorted(lacking))}"
    try:
        lines, right = set(text.splitlines()), made(tree, commands)
    except Broken as failure:
        return str(failure)
    stale = [line for line in right.splitlines() if line not in lines]
    return None if right == text else "\n".join(["it is stale; ./ci/docs --tables makes it:", *stale[:5]])
