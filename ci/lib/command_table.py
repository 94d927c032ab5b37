"""Is every command in docs/commands.md? A table there has a row for each program in ci/ and for each word of kmemfuzz, which
begins with the command in backquotes."""

import pathlib
import re

DOCUMENT = pathlib.Path("docs/commands.md")
_ROW = re.compile(r"^\| *`(?:\./)?((?:ci/|kmemfuzz )[a-z][a-z-]*)", re.MULTILINE)


def commands_of(tree, subcommands):
    """Every command of a tree; subcommands are those that kmemfuzz lists."""
    files = sorted(path.name for path in (tree / "ci").iterdir() if path.is_file())
    return [*(f"ci/{name}" for name in files), *(f"kmemfuzz {name}" for name in subcommands)]


def problems_of(text, commands):
    """What is wrong with the tables in a text."""
    rows = set(_ROW.findall(text))
    return [f"no row of a table begins with `{command}`" for command in commands if command not in rows]
