"""Tests of subjects that abort: a failed assertion of theirs is a finding with file, line and text, in every build and by every
command; and of ends that are no subject's doing, which are no violation."""

import json
import os
import re
import signal
import subprocess

import broken
import pytest
from tool_fixture import ENVIRONMENT, EXAMPLE, PRESET, ROOT, SOUND, USAGE, VIOLATION, ToolTest

_ZALLOC = "void *kmem_zalloc(struct kmem *heap, size_t size) {"
ASSERTS = (_ZALLOC, f"#include <assert.h>\n{_ZALLOC}\n    assert(size != 40);")
ABORTS = (_ZALLOC, f"#include <stdlib.h>\n{_ZALLOC}\n    if (size == 40) {{ abort(); }}")
TRAPS = (_ZALLOC, f"{_ZALLOC}\n    if (size == 40) {{ __builtin_trap(); }}")
PROGRAM = "kmem-program 1\nheap page=64 pages=4\nalloc 0 24\nzalloc 1 40\n"
INTERNAL = 4
SANITIZED = ROOT / "build/dev/kmemfuzz"


class TestAborts(ToolTest):
    @pytest.fixture(autouse=True)
    def set_up_aborts(self, set_up_folder_test):
        self.write("a.ops", PROGRAM)

    def run_json(self, tool):
        """The one result of the program."""
        code, output, _ = self.run_tool("run", "a.ops", "--json", tool=tool)
        assert code == VIOLATION
        return json.loads(output)["results"][0]

    def line_of(self, tool, words):
        """The number of the line of the broken core that says so."""
        lines = (tool.parent / "src/kmem.c").read_text(encoding="utf-8").splitlines()
        return next(number for number, line in enumerate(lines, 1) if words in line)

    @pytest.mark.parametrize("preset", sorted({PRESET, "dev"}))
    def test_a_failed_assertion_has_file_line_and_text_in_every_build(self, preset):
        tool = broken.tool(preset, ASSERTS)
        line = self.line_of(tool, "assert(size != 40);")
        result = self.run_json(tool)
        assert (result["oracle"], result["signal"], result["assertion"]) == ("signal", "Aborted", "size != 40")
        assert result["place"] == {"function": "kmem_zalloc", "file": "src/kmem.c", "line": line}
        assert result["operation"]["text"] == "zalloc 1 40"
        code, output, errors = self.run_tool("run", "a.ops", tool=tool)
        assert code == VIOLATION
        assert re.search(rf"src/kmem\.c:{line}: .*kmem_zalloc.*: Assertion `size != 40' failed\.\n", errors)
        assert "\n  operation  1: zalloc 1 40\n" in errors
        code, output, errors = self.run_tool("explain", "a.ops", "--force", tool=tool)
        assert (code, errors) == (VIOLATION, "")
        assert f"SIGABRT in kmem.c:{line}\n" in output
        assert re.search(rf"\n  where +kmem_zalloc, src/kmem\.c:{line}\n", output)
        assert re.search(r"\n  assertion +size != 40\n", output)
        assert "reduced to 1\n" in output
        self.run_tool("sarif", "out", "a.ops", "--force", tool=tool)
        sarif = json.loads((self.folder / "out").read_text())["runs"][0]["results"][0]
        assert "\nassertion: size != 40\n" in sarif["message"]["text"]
        place = sarif["locations"][0]["physicalLocation"]
        assert (place["artifactLocation"]["uri"], place["region"]["startLine"]) == ("src/kmem.c", line)

    @pytest.mark.parametrize("bug, name, words", ((ABORTS, "SIGABRT", "abort();"), (TRAPS, "SIGILL", "__builtin_trap();")))
    def test_an_abort_and_a_trap_have_the_place_of_the_call_under_a_sanitizer(self, bug, name, words):
        tool = broken.tool("dev", bug)
        place = self.run_json(tool)["place"]
        assert place == {"function": "kmem_zalloc", "file": "src/kmem.c", "line": self.line_of(tool, words)}
        assert f"{name} in kmem_zalloc" in self.run_tool("explain", "a.ops", "--force", tool=tool)[1]
        code, _, errors = self.run_tool("run", "a.ops", tool=tool)
        assert code == VIOLATION
        assert "\n  operation  1: zalloc 1 40\n" in errors

    def test_what_a_fuzzer_prints_of_an_assertion_has_file_line_and_text(self):
        folder = broken.tree("fuzz", ASSERTS, "heap_fuzzer")
        done = subprocess.run([folder / "heap_fuzzer", self.folder / "a.ops"], capture_output=True, text=True, check=False,
                              cwd=self.folder, env={**os.environ, "ASAN_OPTIONS": "handle_abort=1"})
        assert done.returncode != SOUND
        assert re.search(r"src/kmem\.c:\d+: .*Assertion `size != 40' failed\.", done.stderr)
        assert re.search(r"#\d+ 0x[0-9a-f]+ in kmem_zalloc .*/src/kmem\.c:\d+", done.stderr)


class TestNotTheSubjects(ToolTest):
    """Ends that say nothing of the heap."""

    @pytest.mark.skipif(not SANITIZED.exists(), reason="build it: cmake --build --preset dev")
    def test_a_sanitizer_that_cannot_start_ends_with_3(self):
        self.write("a.ops", EXAMPLE)
        for variable, value in (("ASAN_SYMBOLIZER_PATH", "/nonexistent"), ("ASAN_OPTIONS", "nonsense"),
                                ("ASAN_OPTIONS", "detect_stack_use_after_return=perhaps")):
            code, output, errors = self.run_tool("run", "a.ops", tool=SANITIZED, env={**os.environ, variable: value})
            assert (code, output) == (ENVIRONMENT, "")
            assert "ERROR: " in errors

    def test_a_signal_outside_the_subject_is_an_internal_error(self):
        for tool in {ROOT / "build" / PRESET / "kmemfuzz", SANITIZED}:
            process = subprocess.Popen([tool, "show", "-"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                       stderr=subprocess.PIPE, text=True)
            process.stdin.write("kmem-program 1\n")
            process.stdin.flush()
            self.await_reading(process)
            process.send_signal(signal.SIGABRT)
            _, errors = process.communicate(timeout=60)
            assert process.returncode == INTERNAL, errors
            assert re.search("(?m)^kmemfuzz: internal error, a bug of ours: .* outside the subject; please report ", errors)

    def await_reading(self, process):
        """Until the process waits for more of its input: from then on its handlers are in place."""
        reading = ""
        while not reading.startswith("0 0x0 "):
            with open(f"/proc/{process.pid}/syscall", encoding="ascii") as file:
                reading = file.read()

    def test_words_leak_no_memory_where_leaks_are_looked_for(self):
        """Looking takes far longer than starting the tool, so it has to be asked for."""
        self.write("a.ops", PROGRAM)
        self.write("sound/a.ops", PROGRAM)
        self.write("b.ops", "aloc 0 1\n")
        failing = broken.tool("dev", ASSERTS)
        options = {**os.environ, "ASAN_OPTIONS": "detect_leaks=1"}
        for tool, arguments, expected in (
                (failing, "run a.ops", VIOLATION), (failing, "reduce a.ops -o reduced", SOUND), (failing, "explain a.ops --force", VIOLATION),
                (SANITIZED, "run a.ops", SOUND), (SANITIZED, "run sound --json", SOUND), (SANITIZED, "run b.ops", USAGE),
                (SANITIZED, "oracles", SOUND), (SANITIZED, "show a.ops --map", SOUND),
                (SANITIZED, "show a.ops --svg picture --html page", SOUND), (SANITIZED, "show a.ops --c", SOUND), (SANITIZED, "sarif results a.ops", SOUND),
                (SANITIZED, "asm a.ops -o bytes", SOUND), (SANITIZED, "pack a.ops -o blob", SOUND), (SANITIZED, "replay blob", SOUND),
                (SANITIZED, "smoke --programs 5", SOUND), (SANITIZED, "prove --bytes 32 --depth 2", SOUND)):
            code, _, errors = self.run_tool(*arguments.split(), tool=tool, env=options)
            assert (code, "LeakSanitizer" in errors) == (expected, False), errors
