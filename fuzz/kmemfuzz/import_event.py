"""What a line of a log says: events, each a tuple (kind, old, new, size, alignment, line). old is what is freed or resized, new what
was returned; a pointer is an int, a name a str, one that the log does not show an Unshown, and NULL is None. A REALLOC that lines of other threads interrupt has in place of
an alignment the line that it began on. LEFT_OUT: a line that is left out got a pointer, new, or stored one that the log does not show
where old points."""

import re

ALLOC, ZALLOC, ALIGNED, REALLOC, FREE, LEFT_OUT = range(6)
LINE_MOST = 1 << 16  # characters of a line
SIZE_MOST = (1 << 64) - 1

_HEXADECIMAL = re.compile(r"[0-9A-Fa-f]+")
_POINTER_DIGITS = (8, 12, 16)  # of 32 bits, of a Linux process, of 64 bits: in decimal these have 9 and 10, 14 and 15, 20
_NULLS = ("(nil)", "nil", "NULL", "(null)", "null", "0")


class Unshown:
    """The pointer of a block that a line allocates, but does not show: each equals only itself."""
    __slots__ = ("line",)

    def __init__(self, line):
        self.line = line


class LineError(Exception):
    """A line that cannot be used. Those of one kind are reported together."""

    def __init__(self, kind, text, line=None):
        super().__init__(text)
        self.kind, self.line = kind, line  # None: the line that is read


def pointer(text):
    """A pointer as programs print it: hexadecimal with 0x, a letter, or as many digits as %p without 0x has, else decimal. None: NULL.
    Raises LineError."""
    if text in _NULLS:
        return None
    try:
        if text[:2] in ("0x", "0X"):
            return int(text, 16) or None
        if text.isascii() and text.isdigit() and len(text) not in _POINTER_DIGITS and not (text[0] == "0" and len(text) >= 8):
            return int(text) or None
    except ValueError:
        pass
    if _HEXADECIMAL.fullmatch(text) and len(text) >= 6:
        return int(text, 16) or None
    raise LineError("pointer", f"'{text}' is no pointer: a number such as 0x5562b258e2a0 belongs there")


def number(text):
    """A size: decimal, or hexadecimal with 0x. Raises LineError."""
    try:
        value = int(text, 16) if text[:2] in ("0x", "0X") else int(text) if text.isascii() and text.isdigit() and len(text) < 40 else -1
    except ValueError:
        value = -1
    if not 0 <= value < 1 << 64:
        raise LineError("size", f"'{text}' is no size: a whole number of bytes belongs there")
    return value
