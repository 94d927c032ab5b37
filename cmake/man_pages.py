"""Writes the manual pages of an installed tool, from its own help: man_pages.py KMEMFUZZ FOLDER makes FOLDER/kmemfuzz.1 and
FOLDER/kmemfuzz-WORD.1 for each word."""

import os
import pathlib
import re
import subprocess
import sys

HEADINGS = {"options": "OPTIONS", "positional arguments": "ARGUMENTS", "example": "EXAMPLES", "exit codes": "EXIT STATUS"}

TREE = pathlib.Path(__file__).resolve().parents[1]  # of which words need some even for their help


def say(tool, *arguments):
    """What the tool prints."""
    environment = {**os.environ, "COLUMNS": "100", "KMEM_TREE": str(TREE), "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run([tool, *arguments], env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True,
                          check=True).stdout


def escape(text):
    """A line of text for troff."""
    return re.sub("^(?=[.'])", r"\\&", text.replace("\\", r"\e").replace("-", r"\-"))


def lines_of(paragraph):
    """A paragraph without its indentation: definitions as terms with their text below, other text as it is to be filled."""
    made = []
    for line in paragraph:
        term = re.fullmatch(r" {2,4}(\S(?:.*?\S)?)(?:  +(\S.*))?", line)
        if term:
            made += [".TP", rf"\fB{escape(term[1])}\fR", *([escape(term[2])] if term[2] else [])]
        else:
            made.append(escape(line.strip()))
    return made


def page(name, text, summary, version, others):
    """The page of a help text."""
    usage, *paragraphs = (part.splitlines() for part in re.split(r"\n\n+|\n(?=Exit codes:)", text.strip()))
    made = [f'.TH {name.upper()} 1 "" "{version}"', ".SH NAME", rf"{escape(name)} \- {escape(summary)}", ".SH SYNOPSIS",
            *map(escape, " ".join(usage).split(": ", 1)[1].split()), ".SH DESCRIPTION"]
    for paragraph in paragraphs:
        head, _, rest = paragraph[0].partition(":")
        heading = HEADINGS.get(head.lower())
        if heading:
            paragraph = [rest, *paragraph[1:]] if rest else paragraph[1:]
        elif head.startswith("  -"):
            heading = "OPTIONS"
        made.append(f".SH {heading}" if heading else ".PP")
        if heading == "EXAMPLES":
            made += [".nf", *(escape(line.strip()) for line in paragraph), ".fi"]
        elif paragraph != [summary]:
            made += lines_of(paragraph)
    return "\n".join([*made, ".SH SEE ALSO", ", ".join(f"{escape(other)}(1)" for other in others if other != name), ""])


def main(tool, folder):
    version = say(tool, "--version").split(",")[0]
    introduction, overview = say(tool, "help").split("\n\n", 1)
    rows = re.compile(r"(?m)^  ([a-z][a-z-]*) +(\S.*?)  +(\S.*)$")
    summaries = {f"kmemfuzz-{word}": (word, summary) for word, _, summary in rows.findall(overview)}
    pathlib.Path(folder).mkdir(parents=True, exist_ok=True)

    def write(name, text, summary, others):
        pathlib.Path(folder, f"{name}.1").write_text(page(name, text, summary, version, others), encoding="utf-8")

    write("kmemfuzz", rows.sub(r"  \1 \2  \3", overview), introduction.split(": ")[0].removeprefix("kmemfuzz "), summaries)
    for name, (word, summary) in summaries.items():
        write(name, say(tool, "help", word), summary, ["kmemfuzz"])


if __name__ == "__main__":
    main(*sys.argv[1:])
