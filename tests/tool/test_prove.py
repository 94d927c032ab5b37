"""kmemfuzz prove: every layout of a small heap, and every operation or short sequence from each."""

import contextlib
import os
import pathlib
import re
import signal
import subprocess
import time

import pytest
from broken import tool
from tool_fixture import ENVIRONMENT, ROOT, SOUND, TIMEOUT, TOOL, USAGE, VIOLATION, ToolTest

# Bytes, layouts, and what allocating each size of block and freeing each payload comes to.
PLAIN = ((64, 55, 543), (72, 102, 1131), (96, 665, 9830), (128, 8074, 159051))


def children(process):
    """Those of a process that has one thread."""
    return [int(child) for child in pathlib.Path(f"/proc/{process}/task/{process}/children").read_text(encoding="utf-8").split()]


class TestSoundHeaps(ToolTest):
    @pytest.mark.parametrize("size,layouts,transitions", PLAIN)
    @pytest.mark.parametrize("jobs", ("1", "2"))
    def test_all_layouts_are_reached_and_every_transition_is_done(self, size, layouts, transitions, jobs):
        code, output, errors = self.run_tool("prove", "--bytes", str(size), "--alphabet", "plain", "--jobs", jobs)
        assert (code, errors) == (SOUND, "")
        words = {"1": "1 job", "2": "2 jobs"}[jobs]
        assert re.fullmatch(rf"{size} bytes: {layouts} layouts, \d+ KB of memory, {words}\n"
                            rf"sound: {layouts} layouts, {transitions} transitions \(.*\)\n", output)
        assert not list(self.folder.iterdir())

    def counted(self, *arguments):
        code, output, errors = self.run_tool("prove", *arguments)
        assert (code, errors) == (SOUND, "")
        return int(re.search(r"sound: \d+ layouts, (\d+) ", output)[1])

    def test_the_full_alphabet_does_the_same_with_any_number_of_jobs(self):
        counts = [self.counted("--bytes", "64", "--jobs", jobs) for jobs in ("1", "2", "7")]
        assert counts[0] > 50_000
        assert len(set(counts)) == 1

    @pytest.mark.parametrize("size,length,count", (("128", "0", 14_250_313), ("64", "3", 4_172_860)))
    def test_as_many_are_done_as_the_documentation_says(self, size, length, count):
        assert self.counted("--bytes", size, "--depth", length) == count

    def test_all_sequences_are_done_from_every_layout(self):
        counts = [self.counted("--bytes", "32", "--depth", length, "--jobs", jobs) for length, jobs in ("11", "21", "22", "31")]
        assert counts[1] == counts[2]
        assert counts[0] * 20 < counts[1] < counts[3] / 20
        assert self.counted("--bytes", "32", "--depth", "2", "--alphabet", "plain") < counts[1]

    def test_sequences_of_one_are_the_full_alphabet_but_for_the_five_misuses_of_what_no_call_has_freed(self):
        assert self.counted("--bytes", "16", "--depth", "1", "--alphabet", "full") == self.counted("--bytes", "16") - 5

    def test_what_cannot_be_done_is_said(self):
        for arguments, words in (([], "--bytes needs"), (["--bytes", "60"], "it is no multiple of the heap's grain"),
                                 (["--bytes", "8"], "it has no room for a block"), (["--bytes", "264"], "it has more than 32 grains"),
                                 (["--bytes", "64", "--alphabet", "x"], "--alphabet takes"), (["--bytes", "64", "--jobs", "65"], "--jobs"),
                                 (["--bytes", "64", "--depth", "9"], "--depth takes 8 at most"),
                                 (["--bytes", "192", "--memory", "1"], "192 bytes have 1190674 layouts"), (["--bytes", "64", "x"], "x")):
            code, output, errors = self.run_tool("prove", *arguments)
            assert (code, output) == (USAGE, "")
            assert words in errors

    def test_an_interrupt_ends_it_and_says_how_far_it_has_come(self):
        with subprocess.Popen([TOOL, "prove", "--bytes", "192"], cwd=self.folder, text=True, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, start_new_session=True) as child:
            assert child.stdout.readline().startswith("192 bytes: 1190674 layouts, 1163 KB of memory, ")
            os.killpg(child.pid, signal.SIGINT)
            output, errors = child.communicate(timeout=TIMEOUT)
        assert (child.returncode, output) == (ENVIRONMENT, "")
        assert re.fullmatch(r"kmemfuzz: interrupted: \d+ of 1190674 layouts, \d+ transitions, all sound\n", errors)

    def test_a_process_that_is_killed_from_outside_is_no_violation(self):
        with subprocess.Popen([TOOL, "prove", "--bytes", "192", "--jobs", "2"], cwd=self.folder, text=True, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE) as process:
            while process.poll() is None:
                for child in children(process.pid)[:1]:
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(child, signal.SIGKILL)
            output, errors = process.communicate(timeout=TIMEOUT)
        assert process.returncode == ENVIRONMENT
        assert output.count("\n") == 1
        assert re.fullmatch(r"kmemfuzz: a process was killed from outside: \d+ of 1190674 layouts, \d+ transitions, all sound\n", errors)


FREE = "enum kmem_error kmem_free(struct kmem *heap, void *pointer) {\n"


class TestBugs(ToolTest):
    def prove(self, bug, *arguments):
        """What a tool with that bug in its heap says, and the program it writes, as text."""
        done = subprocess.run([tool("release", bug), "prove", *arguments], cwd=self.folder, capture_output=True, text=True,
                              errors="replace", timeout=TIMEOUT, check=False)
        assert done.stderr == ""
        name = f"prove-{arguments[1]}"
        program = self.run_tool("show", name)[1] if done.returncode == VIOLATION else None
        return done.returncode, done.stdout, program

    def operations(self, program):
        return program.splitlines()[2:]

    @pytest.mark.parametrize("jobs", ("1", "2"))
    def test_a_violation_comes_as_a_shortest_program_and_is_explained(self, jobs):
        code, output, program = self.prove("double-free-accepted", "--bytes", "64", "--jobs", jobs)
        assert code == VIOLATION
        assert "A program of 3 operations fails: it is in prove-64\n\nprove-64: 3 operations, which cannot be made fewer" in output
        assert [line.split()[0] for line in self.operations(program)] == ["alloc", "free", "double"]

    def test_output_goes_where_it_is_wanted(self):
        (self.folder / "found").mkdir()
        done = subprocess.run([tool("release", "double-free-accepted"), "prove", "--bytes", "64", "-o", "found"], cwd=self.folder,
                              capture_output=True, text=True, timeout=TIMEOUT, check=False)
        assert done.returncode == VIOLATION
        assert (self.folder / "found/prove-64").exists()

    def test_what_kills_the_process_is_found_with_its_program(self):
        dies = (FREE, FREE + "    if (heap->taken_count == 3) {\n        __builtin_trap();\n    }\n")
        code, output, program = self.prove(dies, "--bytes", "64", "--alphabet", "plain")
        assert code == VIOLATION
        assert [line.split()[0] for line in self.operations(program)] == ["alloc"] * 3 + ["free"]
        assert "SIGILL" in output

    def test_a_start_that_kills_the_process_is_found_as_well(self):
        code, output, program = self.prove("start-accepts-null", "--bytes", "64")
        assert (code, self.operations(program)) == (VIOLATION, [])
        assert "A program of 0 operations fails" in output

    def test_what_was_found_before_an_interrupt_is_explained(self):
        hangs_or_fails = (FREE, FREE + "    if (heap->taken_count == 1) {\n        if (kmem_usable_size(heap, pointer) == 8) {\n"
                          "            for (;;) {\n            }\n        }\n        return KMEM_OK;\n    }\n")
        arguments = ("prove", "--bytes", "32", "--alphabet", "plain", "--jobs", "2")
        with subprocess.Popen([tool("release", hangs_or_fails), *arguments], cwd=self.folder, text=True, stdout=subprocess.PIPE,
                              start_new_session=True) as process:
            process.stdout.readline()
            since = time.monotonic()
            while time.monotonic() < since + 1:  # one process hangs, the other has found its violation
                since = since if len(children(process.pid)) == 1 else time.monotonic()
                time.sleep(0.02)
            os.killpg(process.pid, signal.SIGINT)
            output = process.communicate(timeout=TIMEOUT)[0]
        assert process.returncode == VIOLATION
        assert output.startswith("A program of 2 operations fails: it is in prove-32\n")

    def test_a_heap_that_depends_on_more_than_its_layout_is_a_violation_without_a_program(self):
        start = "    const struct kmem_page_source none = {.extend = NULL, .context = NULL, .page_limit = 0};\n"
        wears_out = (start, start + "    static unsigned calls;\n    if (++calls > 6) {\n        return KMEM_BAD_REGION;\n    }\n")
        done = subprocess.run([tool("release", wears_out), "prove", "--bytes", "64", "--alphabet", "plain", "--jobs", "1"],
                              cwd=self.folder, capture_output=True, text=True, timeout=TIMEOUT, check=False)
        assert (done.returncode, done.stderr) == (VIOLATION, "")
        assert "\nAn operation fails from a layout that none leads to again: " in done.stdout
        assert done.stdout.endswith("The layout has taken blocks at 0 (24 bytes)\n")

    @pytest.mark.parametrize("change,oracle", (("if (heap->base[7] != 0) heap->base[8] ^= 1", "contents-kept"),
                                               ("heap->base[-1] ^= 1", "guards"), ("heap->taken_size ^= 8", "counters")))
    def test_a_refused_call_that_changes_anything_judged_is_found(self, change, oracle):
        misuse = (FREE, FREE + f"    if (pointer != NULL && kmem_usable_size(heap, pointer) == 0) {{\n        {change};\n    }}\n")
        code, output, _ = self.prove(misuse, "--bytes", "32", "--jobs", "1")
        assert code == VIOLATION
        assert f"\nVIOLATION {oracle}:" in output

    def test_a_size_that_is_wrong_once_after_a_refused_call_is_found(self):
        error = "    const enum kmem_error error = locate(heap, pointer, &location, &corrupt_offset);\n    return error == KMEM_OK ?"
        wrong_once = (error, error.replace("    return", "    if (heap->error == KMEM_DOUBLE_FREE && heap->error_offset == 0) {\n"
                                           "        ((struct kmem *)heap)->error_offset = 1;\n        return 8;\n    }\n    return"))
        code, output, program = self.prove(wrong_once, "--bytes", "32", "--jobs", "1")
        assert code == VIOLATION
        assert "\nVIOLATION usable-size:" in output
        assert [line.split()[0] for line in self.operations(program)] == ["alloc", "free", "double"]

    def test_what_needs_more_live_blocks_than_fit_is_not_found(self):
        assert self.prove("deep/taken-count-of-six-bits", "--bytes", "64")[0] == SOUND

    def test_what_is_hidden_longer_than_a_step_needs_sequences(self):
        bug = "deep/hint-survives-shrink"
        assert self.prove(bug, "--bytes", "48")[0] == SOUND
        code, output, program = self.prove(bug, "--bytes", "48", "--depth", "3")
        assert code == VIOLATION
        assert "\nVIOLATION " in output
        assert len(self.operations(program)) == 4


def variables(source):
    """What the object file of a file of src/ can keep from call to call, outside what it is given."""
    said = subprocess.run(["nm", ROOT / f"build/release/src/CMakeFiles/kmem.dir/{source}.o"], capture_output=True, text=True, check=True)
    return re.findall(r" [BbCDdGgSs] (\S+)", said.stdout)


class TestWholeHeaps:
    def test_a_heap_that_is_put_back_into_a_state_keeps_nothing_outside_it(self):
        assert not variables("kmem.c")
        assert variables("kernel.c")  # which is not put back


class TestOtherHeaps(ToolTest):
    """Heaps with larger pages, which get their small heap at the end of one; and one without a view."""

    @pytest.mark.parametrize("program,size,layouts", (("kernel_kmemfuzz", 48, 16), ("pages_kmemfuzz", 3 * 4096, 13)))
    def test_layers_are_proved_as_well(self, program, size, layouts):
        done = subprocess.run([ROOT / "build/fuzz" / program, "prove", "--bytes", str(size)], cwd=self.folder, capture_output=True,
                              text=True, timeout=TIMEOUT, check=False)
        assert (done.returncode, done.stderr) == (SOUND, "")
        assert f"\nsound: {layouts} layouts, " in done.stdout

    def own(self, heap, defect):
        return subprocess.run([ROOT / "build/fuzz/tests/subjects/foreign_kmemfuzz", "prove", "--bytes", "96"], cwd=self.folder,
                              capture_output=True, text=True, timeout=TIMEOUT, check=False,
                              env={**os.environ, "SUBJECT": heap, "SUBJECT_DEFECT": str(defect)})

    def test_a_first_fit_heap_without_a_view_is_brought_to_each_layout_by_its_calls(self):
        assert "\nsound: 16 layouts, " in self.own("fit_heap", 0).stdout
        done = self.own("fit_heap", 2)
        assert done.returncode == VIOLATION
        assert "A program of 4 operations fails: it is in" in done.stdout
        assert "prove-96: 4 operations, which cannot be made fewer" in done.stdout

    def test_a_heap_that_declares_no_policy_is_refused(self):
        done = self.own("list_heap", 0)
        assert done.returncode == USAGE
        assert "the heap declares no first fit policy" in done.stderr
