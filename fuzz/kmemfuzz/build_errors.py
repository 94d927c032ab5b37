"""Why a heap of one's own does not build, from what CMake, compilers and linkers have printed of it."""

import itertools
import re

# What a person does not care for: the commands that ninja has run, and its own words.
_CHATTER = re.compile(r"^(\[\d+/\d+\] |ninja: |FAILED: |: && |/\S+/(cmake|clang|llvm-|ld)\S* |cd .* && )")
_UNDEFINED = re.compile(r"undefined symbol: (.+)\n>>> referenced by (?:\S+ \((.+)\)|(\S+))")
_TWICE = re.compile(r"([^/\n]+?)(?:\.o)?:[^:\n]*: multiple definition of `(?:__odr_asan_gen_)?(.+?)'; .*?/([^/\n]+?)\.o:")
_DUPLICATE = re.compile(r"duplicate symbol: (.+)\n>>> defined at (\S+)(?:.*\n)+?>>> defined at (\S+)")
TABLE = "subject_under_test"


def _undefined(log):
    """What nothing defines, and where it is called."""
    calls = {}
    for name, full, short in _UNDEFINED.findall(log):
        calls.setdefault(name, full or short)
    if TABLE in calls:
        return f"it defines no {TABLE}; its last line is to be: const struct subject *const {TABLE} = &table;"
    lines = [f"    {name}, called at {place}" for name, place in calls.items()]
    return "\n".join(["nothing defines", *lines, 'Name the sources that do: --sources "FILE..."']) if lines else None


def _twice(log):
    """What is defined twice, and where."""
    found = {name: (one, two) for name, one, two in _DUPLICATE.findall(log)}
    found |= {name: (one, two) for two, name, one in _TWICE.findall(log)}
    lines = [f"{name} is defined twice, in {one} and in {two}{': a heap has one table' if name == TABLE else ''}"
             for name, (one, two) in found.items()]
    return "\n".join(lines)


def explain(log):
    """What went wrong, in words for a person."""
    said = _twice(log) or _undefined(log)
    if said:
        return said
    lines = [line for line, _ in itertools.groupby(line for line in log.splitlines() if not _CHATTER.match(line))]
    return "\n".join(lines).strip() or log.strip()
