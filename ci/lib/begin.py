"""Begins a command in ci/ whose work a module of this folder does: begin.py MODULE ARGUMENT... (fuzz/kmemfuzz/begin.py)."""

import importlib
import os
import pathlib
import sys

from kmemfuzz import begin, command_line
from kmemfuzz.entry import enter


def main(name, *arguments):
    """Runs the module; returns its exit code."""
    command_line.CALLER = pathlib.Path(os.environ["CALLER_FOLDER"])
    return begin.begin(importlib.import_module(name), arguments)


if __name__ == "__main__":
    enter(f"ci/{sys.argv[1].replace('_', '-')}", main, *sys.argv[1:])
