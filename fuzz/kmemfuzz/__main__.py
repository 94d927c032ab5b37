"""The words of kmemfuzz that are Python: `python3 -m kmemfuzz WORD ARGUMENT...`, or this file in place of the module."""

import os
import pathlib
import sys

TREE = pathlib.Path(__file__).resolve().parents[2]

os.execv(TREE / "ci/target", [str(TREE / "ci/target"), *sys.argv[2:]])
