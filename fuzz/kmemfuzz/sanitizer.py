"""Puts a board's sanitizer report into words, and compares it with what the host's sanitizers say.

A finding is a text that is equal on both when both found the same: an oracle's id; an AddressSanitizer error with the access; a
UBSan error with its place; "hang"; "sound"; or "wild access": on the host a segmentation fault, and on a board a fault (such an
address has no shadow) or an access that the run time refused."""

import os
import re

SHADOW_ROW = 16  # LINE_SHADOW_ROW in fuzz/execute/line.h
GRANULE = 8  # bytes of memory for a byte of shadow

SOUND, HANG, WILD = "sound", "hang", "wild access"

# Values of the shadow, as src/riscv/sanitizer/shadow.h has them.
_SHADOW = {
    0x00: "may be accessed", 0xf1: "below the first variable of a frame", 0xf2: "between two variables of a frame",
    0xf3: "above the last variable of a frame", 0xf8: "a variable out of its scope",
    0xf7: "a block's header, free memory, or more than was asked for", 0xf9: "after a global variable",
    0xff: "no memory of the image",
}

# How the host words what src/riscv/sanitizer/undefined.c names; the first that matches.
_UNDEFINED = (
    ("shift-out-of-bounds", r"shift exponent|left shift of"),
    ("out-of-bounds", r"index .* out of bounds for type"),
    ("invalid-value", r"load of value .*, which is not a valid value"),
    ("add-overflow", r"signed integer overflow: \S+ \+ "),
    ("sub-overflow", r"signed integer overflow: \S+ - "),
    ("mul-overflow", r"signed integer overflow: \S+ \* "),
    ("negate-overflow", r"negation of"),
    ("divrem-overflow", r"division "),
    ("pointer-overflow", r"applying (non-)?zero offset|addition of unsigned offset|subtraction of unsigned offset|"
                         r"pointer index expression"),
    ("function-type-mismatch", r"call to function .* through pointer to incorrect function type"),
    ("alignment-assumption", r"assumption of .* alignment"),
    ("nonnull-argument", r"null pointer passed as argument"),
    ("nonnull-return", r"null pointer returned from function"),
    ("invalid-builtin", r"passing zero to"),
    ("unreachable", r"execution reached an unreachable program point"),
    ("null-pointer", r"null pointer"),
    ("misaligned-pointer", r"misaligned address"),
    ("insufficient-space", r"insufficient space"),
)

_VIOLATION = re.compile(r"^(?:.*: )?VIOLATION ([a-z-]+): ", re.MULTILINE)
_RUNTIME_ERROR = re.compile(r"^(\S+?):(\d+):(\d+): runtime error: (.*)$", re.MULTILINE)
_ADDRESS = re.compile(r"ERROR: AddressSanitizer: ([\w-]+)")
_REFUSED = re.compile(r"AddressSanitizer: CHECK failed: asan_poisoning")  # poison where nothing can be poisoned
_ACCESS = re.compile(r"^(READ|WRITE) of size (\d+) at ", re.MULTILINE)
_TIMEOUT = re.compile(r"ERROR: libFuzzer: (timeout|out-of-memory)")
_COPY = re.compile(r".*\bbuild/planted/[^/]+/")  # where a patched core is compiled


def _access(access, size):
    return f"{access} of {size} byte{'s' if size != 1 else ''}"


def _place(file, line, column):
    """A place in the sources, whichever copy of them was compiled."""
    return f"{_COPY.sub('', os.path.relpath(file))}:{line}:{column}"


def finding_of_host(output):
    """The finding in what a process under the host's sanitizers has printed; SOUND when there is none."""
    match = _VIOLATION.search(output)
    if match:
        return match.group(1)
    match = _RUNTIME_ERROR.search(output)
    if match:
        file, line, column, text = match.groups()
        error = next((name for name, pattern in _UNDEFINED if re.search(pattern, text)), "undefined behaviour")
        return f"{error} at {_place(file, line, column)}"
    if _TIMEOUT.search(output):
        return HANG
    if _REFUSED.search(output):
        return WILD
    match = _ADDRESS.search(output)
    if match is None:
        return SOUND
    if match.group(1) == "SEGV":
        return WILD
    access = _ACCESS.search(output)
    return match.group(1) + (f", {_access(access.group(1).lower(), int(access.group(2)))}" if access else "")


def finding_of_board(outcome):
    values = outcome.values
    if outcome.kind == "verdict":
        return SOUND if outcome.sound else values["oracle"]
    if outcome.kind == "undefined":
        return f"{values['error']} at {_place(values['file'], values['file_line'], values['column'])}"
    if outcome.kind == "address" and not values["error"].startswith("wild-"):
        return f"{values['error']}, {_access(values['access'], values['size'])}"
    if outcome.kind == "address" or (outcome.kind == "fault" and values["cause"] in (1, 5, 7)):  # access faults
        return WILD
    return outcome.kind


# In words.

def title(outcome):
    values = outcome.values
    if outcome.kind == "address":
        return f"SANITIZER {values['error']}: a {_access(values['access'], values['size'])}"
    return f"SANITIZER {values['error']}: {_undefined(values)}"


def _undefined(values):
    left, right, kind = values["left"], values["right"], values["type"]
    pointer = f"{left & (1 << 64) - 1:#x}"
    of_type = "" if kind == "-" else f", type {kind}"
    return {
        "add-overflow": f"{left} + {right}{of_type}", "sub-overflow": f"{left} - {right}{of_type}",
        "mul-overflow": f"{left} * {right}{of_type}", "negate-overflow": f"-({left}){of_type}",
        "divrem-overflow": f"{left} divided by {right}{of_type}",
        "shift-out-of-bounds": f"{left} shifted by {right} place{'s' * (right != 1)}{of_type}",
        "out-of-bounds": f"index {left}{of_type}", "invalid-value": f"{left}{of_type}",
        "null-pointer": f"{values['access']} of {kind}",
        "misaligned-pointer": f"{values['access']} of {kind} at {pointer}, not a multiple of {right}",
        "insufficient-space": f"{values['access']} of {kind} at {pointer}, where there is less",
        "alignment-assumption": f"{pointer} is not a multiple of {right}{of_type}",
        "pointer-overflow": f"{pointer} became {right & (1 << 64) - 1:#x}",
        "function-type-mismatch": f"a call of {pointer}{of_type}", "nonnull-argument": f"argument {left} is NULL",
        "nonnull-return": "NULL returned", "invalid-builtin": "a builtin that has no answer for 0",
        "unreachable": "a place that is never reached was",
    }.get(values["error"], f"{left}, {right}{of_type}")


def details(outcome, image):
    """What was accessed and what its shadow says, or where it was written, line by line."""
    values = outcome.values
    if outcome.kind == "undefined":
        return [f"  line       {_place(values['file'], values['file_line'], values['column'])}"]
    lines = [f"  address    {values['address']:#x}, in {image.region(values['address'])}"]
    if values["bad"] != values["address"]:
        count = values["bad"] - values["address"]
        lines.append(f"  first bad  {values['bad']:#x}, {count} byte{'s' * (count != 1)} in")
    return lines + _shadow(values, image)


def _shadow(values, image):
    """Three rows of shadow, each with the address its first byte stands for, and what the marked byte means."""
    if values["shadow"] == "-":
        return ["  shadow     none: no memory of the image"]
    shadow = bytes.fromhex(values["shadow"])
    own = values["bad"] // GRANULE + image.symbols["shadow_offset"]
    position = SHADOW_ROW + own % SHADOW_ROW
    value = shadow[position]
    means = (f"only the first {value} of these 8 bytes may be accessed; after them: "
             f"{_SHADOW.get(shadow[position + 1], 'unknown')}" if 0 < value < GRANULE else _SHADOW.get(value, "unknown"))
    lines = [f"  shadow     {value:02x}: {means}"]
    for row in range(0, len(shadow), SHADOW_ROW):
        address = (own - own % SHADOW_ROW - SHADOW_ROW + row - image.symbols["shadow_offset"]) * GRANULE
        cells = [f" {byte:02x}" for byte in shadow[row:row + SHADOW_ROW]] + [" "]
        if row <= position < row + SHADOW_ROW:
            cells[position - row] = f"[{value:02x}"
            cells[position - row + 1] = "]" + cells[position - row + 1][1:]
        lines.append(f"             {address:#x} {''.join(cells)}".rstrip())
    return lines


def shadowed(address, image):
    """For the address of a fault: the first of the 8 bytes it would be the shadow of, were there any; None in an image
    without sanitizers, and for an address that is no shadow of anything."""
    if not image.has_sanitizers or address < image.symbols["shadow_offset"]:
        return None
    return (address - image.symbols["shadow_offset"]) * GRANULE
