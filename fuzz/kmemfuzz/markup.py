"""Builds HTML and SVG: whatever is not markup already is escaped, and control characters are shown."""

import html

from kmemfuzz.outside_text import visible_lines


class Markup(str):
    """Text that is markup already. Any other text is escaped where it is put into markup."""


def escape(value):
    """A value as markup."""
    return value if isinstance(value, Markup) else Markup(html.escape(visible_lines(value), quote=True))


def join(parts, between=""):
    """Parts, each escaped unless it is markup, as one."""
    return Markup(escape(between).join(escape(part) for part in parts))


VOID = ("br", "path", "line", "circle", "rect", "polyline")  # those that hold nothing: HTML's, and SVG's that we use


def element(name, *children, **attributes):
    """An element. An attribute's underscores are written as hyphens but for one at its end, which makes a keyword of
    Python's a name; one that is None or False is left out, and one that is True has no value."""
    text = "".join(
        f" {key.rstrip('_').replace('_', '-')}"
        + ("" if value is True else f'="{html.escape(visible_lines(value), quote=True)}"')
        for key, value in attributes.items() if value is not None and value is not False)
    if name in VOID:
        return Markup(f"<{name}{text}/>" if name != "br" else "<br>")
    return Markup(f"<{name}{text}>{join(children)}</{name}>")
