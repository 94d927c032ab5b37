"""The kernel in Rust must end as it has to on both boards, and show what docs/kernels.md shows; without its lock four harts must
break the heap. Needs the builds rv64 and rv32; Rust, and core for the boards, is fetched and built once."""

import concurrent.futures
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

import demo
import rust_kernel
import rust_toolchain
from folders import write_script
from kmemfuzz import board
from test_demo import TREE, run_demo, shown_output

HARTS = ["    20000 operations: [1-9][0-9]+ payloads are live, and sound"] * 3 + ["    all are freed"]


class TheKernel(unittest.TestCase):
    """On the boards."""

    @classmethod
    def setUpClass(cls):
        try:
            rust_toolchain.toolchain()
        except rust_toolchain.NoPackages as reason:
            raise unittest.SkipTest(f"the kernel in Rust: {reason}") from reason
        with concurrent.futures.ThreadPoolExecutor() as pool:
            list(pool.map(rust_toolchain.sysroot, board.EMULATORS))

    def test_it_writes_what_the_documents_show(self):
        result = run_demo("rust")
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        self.assertEqual(result.stdout, shown_output("./ci/demo rust"))

    def test_it_runs_on_the_32_bit_board_and_ends_out_of_memory(self):
        result = run_demo("rust", "--board", "rv32")
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        self.assertRegex(result.stdout, "\n".join(HARTS))
        self.assertRegex(result.stdout, r"The checker: \d+ blocks, \d+ taken, \d+ bytes in them: sound\.\n")
        self.assertRegex(result.stdout, "alloc_error: 1048576 bytes aligned to 4096 were refused, with .* blocks taken\n$")

    def test_without_the_lock_four_harts_break_the_heap_and_it_says_so(self):
        for name in board.EMULATORS:
            with self.subTest(name):
                output, problem = demo.run_image(rust_kernel.build(name, is_locked=False), name, 4, 120)
                self.assertRegex(output.decode(), r"\n    WRONG: (the checker: [a-z-]+ at offset |\d+ payloads )|\na trap\n")
                self.assertEqual(problem, "the emulator ended with code 1")

    def test_an_image_of_these_sources_is_not_built_again(self):
        image = rust_kernel.build("rv64")
        before = image.stat().st_mtime_ns
        self.assertEqual(rust_kernel.build("rv64").stat().st_mtime_ns, before)


class TheToolchain(unittest.TestCase):
    """Where the commands it asks are scripts."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def script(self, name, text):
        write_script(pathlib.Path(self.folder, name), f"#!/bin/bash\n{text}\n")

    def ask(self, expression, path=None):
        """The last line that an expression makes a new Python say, with the scripts first on its PATH."""
        program = f"import sys; sys.path[:0] = ['ci/lib', 'fuzz']; import pathlib, rust_toolchain; print({expression})"
        path = path or f"{self.folder}:{os.environ['PATH']}"
        result = subprocess.run([sys.executable, "-c", program], cwd=TREE, env=dict(os.environ, PATH=path), check=False,
                                capture_output=True, text=True, timeout=60)
        return (result.stdout + result.stderr).splitlines()[-1]

    def test_the_host_uses_cargo_and_rustc_of_the_path_when_they_are_new_enough(self):
        for name in ("cargo", "rustc"):
            self.script(name, f"echo {name} 1.68.2")
        self.assertEqual(self.ask("rust_toolchain.host()"), self.folder)

    def test_older_ones_or_one_that_is_missing_are_not_used(self):
        stub = "rust_toolchain.toolchain = lambda: 'ours'"
        for version in ("echo cargo 1.67.1", "echo error: no default toolchain >&2; exit 1"):
            self.script("cargo", version)
            self.script("rustc", "echo rustc 1.80.0")
            with self.subTest(version):
                self.assertEqual(self.ask(f"[exec({stub!r}), rust_toolchain.host()][1]"), "ours")

    def test_a_system_without_the_packages_is_named(self):
        work = f"rust_toolchain._apt(pathlib.Path({self.folder!r}))"
        self.assertEqual(self.ask(work, path=self.folder), "rust_toolchain.NoPackages: this system has no apt-get")
        self.script("apt-cache", "exit 0")
        self.script("apt-get", f'printf "%s\\n" "$*" >>"{self.folder}/asked"')
        self.assertEqual(self.ask(work), "rust_toolchain.NoPackages: apt has no package rustc-web")
        with open(f"{self.folder}/asked", encoding="utf-8") as asked:
            self.assertRegex(asked.read(), re.escape(f"Dir::State::Lists={self.folder}/lists ") + ".* update\n$")
