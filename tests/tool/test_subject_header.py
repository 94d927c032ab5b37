"""Tests of kmemfuzz.h as the compilers of other people's projects see it, and of what its versions demand."""

import pathlib
import re
import subprocess

import pytest
from compilers import CLANG, CLANGXX

from folders import write_file

ROOT = pathlib.Path(__file__).resolve().parents[2]
HEADER = (ROOT / "fuzz/execute/subject.h").read_text()
VERSION = int(re.search(r"^#define SUBJECT_VERSION (\d+)$", HEADER, re.MULTILINE).group(1))
TABLE = """#include "kmemfuzz.h"

static const struct subject table = {"a heap"};
const struct subject *const subject_under_test = &table;
"""
WARNINGS = ("-Wall", "-Wextra", "-Wno-missing-field-initializers", "-Wpedantic", "-Werror")
COMPILERS = (["gcc", "-std=c11", "-ffreestanding"], ["gcc", "-std=gnu99", "-m32"], ["g++", "-std=c++11"], [CLANG, "-std=c11"],
             [CLANGXX, "-std=c++11"])


def compile_table(folder, text=TABLE, compiler=COMPILERS[0], include=ROOT / "fuzz/include", flags=()):
    """Compiles a subject's file as its author would. Returns the code and what the compiler said."""
    path = write_file(folder / "my_heap.c", text)
    done = subprocess.run([*compiler, *WARNINGS, f"-I{include}", *flags, "-fsyntax-only", path], cwd=folder, text=True,
                          capture_output=True, timeout=60, check=False)
    return done.returncode, done.stderr


@pytest.mark.parametrize("compiler", COMPILERS, ids=" ".join)
def test_every_compiler_takes_the_header_of_the_same_version(compiler, folder):
    versions = (f"-DKMEMFUZZ_SUBJECT={VERSION}", f"-DKMEMFUZZ_SUBJECT_TOOL={VERSION}")
    language = ("-x", "c++") if "++" in compiler[0] else ()
    assert compile_table(folder, compiler=compiler, flags=(*versions, *language)) == (0, "")


def test_a_file_that_says_no_version_is_taken(folder):
    assert compile_table(folder) == (0, "")


@pytest.mark.parametrize("version, says", [
    (VERSION - 1, "your file is written for an older kmemfuzz: see CHANGELOG.md for what to change"),
    (VERSION + 1, "your file is written for a newer kmemfuzz, as KMEMFUZZ_SUBJECT says: install that")])
def test_a_file_of_another_version_is_refused_with_what_to_do(version, says, folder):
    code, said = compile_table(folder, f"#define KMEMFUZZ_SUBJECT {version}\n{TABLE}")
    assert code != 0 and says in said
    assert "my_heap.c:2" in said, "the file that includes the header is named"


@pytest.mark.parametrize("version", [VERSION - 1, VERSION + 1])
def test_a_header_of_another_kmemfuzz_beside_the_file_is_named(version, folder):
    stale = write_file(folder / "kmemfuzz.h", HEADER)
    code, said = compile_table(folder, flags=(f"-DKMEMFUZZ_SUBJECT_TOOL={version}",))
    assert code != 0 and "this header is of another kmemfuzz than the one that runs: delete it" in said
    assert str(stale) in said, "the compiler takes the header beside the file, and names it"
