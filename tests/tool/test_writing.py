"""Tests of files that kmemfuzz writes: whole or not at all, on any filesystem and under any limit."""

import os
import resource
import subprocess

from tool_fixture import ENVIRONMENT, EXAMPLE, EXAMPLE_BYTES, SOUND, TOOL, USAGE, ToolTest

# A filesystem that lacks what is named, put before the C library. Compiled where it is needed.
POOR_FILESYSTEM = """
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <unistd.h>
#ifdef NO_LINKS
int link(const char *from, const char *to) { (void)from; (void)to; errno = EPERM; return -1; }
#endif
int renameat2(int a, const char *from, int b, const char *to, unsigned flags)
    { (void)a; (void)from; (void)b; (void)to; (void)flags; errno = EINVAL; return -1; }
"""


def limit_files(size):
    """Lets no file become larger, in the child it is called in. Python ignores the signal that says so; others die of it."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))


class TestWriting(ToolTest):
    def test_a_file_that_may_not_grow_is_an_error_and_nothing_is_left_behind(self):
        self.write("large", "kmem-program 1\n" + "null\n" * 2000)
        for command in (("asm", "large", "-o", "out"), ("pack", "large", "-o", "out"), ("show", "large", "--svg", "out"),
                        ("asm", "large", "-o", "large", "--force")):
            done = subprocess.run([TOOL, *command], cwd=self.folder, preexec_fn=lambda: limit_files(1000),
                                  capture_output=True, restore_signals=True, text=True, check=False)
            assert (done.returncode, done.stdout, done.stderr) == (
                ENVIRONMENT, "", f"kmemfuzz: cannot write {'large' if '--force' in command else 'out'}: "
                "File too large\n")
            assert self.names() == ["large"]
        assert (self.folder / "large").stat().st_size > 10000

    def test_standard_output_that_may_not_grow_is_an_error(self):
        self.write("large", "kmem-program 1\n" + "null\n" * 2000)
        with open(self.folder / "shown", "wb") as file:
            done = subprocess.run([TOOL, "show", "large"], cwd=self.folder, preexec_fn=lambda: limit_files(1000), stdout=file,
                                  stderr=subprocess.PIPE, text=True, check=False)
        assert (done.returncode, done.stderr) == (ENVIRONMENT, "kmemfuzz: standard output could not be written\n")

    def test_a_filesystem_without_hard_links_can_be_written(self):
        self.write("program", EXAMPLE)
        self.write("poor.c", POOR_FILESYSTEM)
        for flags in ((), ("-DNO_LINKS",)):
            library = f"poor{len(flags)}.so"
            subprocess.run(["gcc", "-shared", "-fPIC", *flags, "poor.c", "-o", library], cwd=self.folder, check=True)
            environment = {**os.environ, "LD_PRELOAD": str(self.folder / library)}
            out = f"out{len(flags)}"
            before = self.names()
            self.require(SOUND, "", "", "asm", "program", "-o", out, env=environment)
            assert (self.folder / out).read_bytes() == EXAMPLE_BYTES
            self.write(out, "old")
            self.require(USAGE, "", f"kmemfuzz: {out} exists; choose another name, or --force to replace it\n", "asm",
                         "program", "-o", out, env=environment)
            assert (self.folder / out).read_bytes() == b"old"
            self.require(SOUND, "", "", "asm", "program", "-o", out, "--force", env=environment)
            assert self.names() == sorted([*before, out])

    def test_a_name_as_long_as_names_may_be_can_be_written(self):
        self.write("program", EXAMPLE)
        self.require(SOUND, "", "", "asm", "program", "-o", "o" * 255)
        assert self.names() == ["o" * 255, "program"]
