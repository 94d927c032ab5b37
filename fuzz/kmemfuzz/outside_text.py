"""Makes text from outside fit to print, such as file names and what a board, a fuzzer or another program wrote: nothing in it
can move the cursor, set a title, reverse a line or imitate one of our lines.

Print everything that was not written here through visible, visible_lines, excerpt, shell_word or dump_json."""

import io
import json
import os
import re
import shlex
import sys

EXCERPT_SIZE = 160  # characters of one line of outside text that an error repeats

_SURROGATES = range(0xD800, 0xE000)
_ESCAPED_BYTES = range(0xDC80, 0xDD00)  # what surrogateescape makes of a byte that is not UTF-8
_NAMED = {"\n": r"\n", "\r": r"\r", "\t": r"\t"}


def _escape(character):
    """A character as ASCII: \\n, a byte as \\x1b or \\xff, anything else as \\u202e or \\U000e0001."""
    code = ord(character)
    if character in _NAMED:
        return _NAMED[character]
    if code in _ESCAPED_BYTES:
        return f"\\x{code - 0xDC00:02x}"
    if code < 0x80:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def _text(value):
    return os.fsdecode(value) if isinstance(value, bytes) else str(value)


def visible(value):
    """A value in one line: what is no letter, mark, digit, sign or blank is escaped; so are controls, newlines, bytes that
    are not UTF-8 and what changes the direction of writing. A backslash stays one, so that names can be copied."""
    text = _text(value)
    return text if text.isprintable() else "".join(c if c.isprintable() else _escape(c) for c in text)


def visible_lines(value):
    """The same for a text of several lines: newlines and tabs stay."""
    return re.sub(r"[^\n\t]+", lambda match: visible(match[0]), _text(value))


def excerpt(value):
    """A line in quotation marks, cut if it is long."""
    text = _text(value)
    more = f" (the first {EXCERPT_SIZE} of {len(text):,} characters)" if len(text) > EXCERPT_SIZE else ""
    return f"'{visible(text[:EXCERPT_SIZE])}'{more}"


def shell_word(value):
    """A path as a word of a command that is printed, to be copied into bash."""
    text = _text(value)
    if text.isprintable():
        return shlex.quote(text)
    return "$'" + "".join("\\" + c if c in "\\'" else c if c.isprintable() else _escape(c) for c in text) + "'"


def _without_surrogates(value):
    if isinstance(value, str):
        return "".join(_escape(c) if ord(c) in _SURROGATES else c for c in value)
    if isinstance(value, dict):
        return {_without_surrogates(key): _without_surrogates(member) for key, member in value.items()}
    if isinstance(value, (list, tuple)):
        return [_without_surrogates(member) for member in value]
    return value


def dump_json(value, indent=2):
    """A value as JSON in ASCII that every reader takes. A byte of a name that is not UTF-8 is the four characters \\xff: a lone
    surrogate, which json.dumps would write, is refused or replaced by other languages' readers."""
    return json.dumps(_without_surrogates(value), indent=indent, allow_nan=False)


def open_streams():
    """From now on, standard output and standard error escape characters that they cannot encode."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a closed one is None
            stream.reconfigure(errors="backslashreplace")
