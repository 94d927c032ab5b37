"""The package fuzz/kmemfuzz, for programs that run from this folder."""

import pathlib

__path__ = [str(pathlib.Path(__file__).resolve().parents[2] / "fuzz" / "kmemfuzz")]
