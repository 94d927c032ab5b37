"""kmemfuzz smoke: programs of a seed, the same everywhere, and the first that fails explained."""

import os
import re
import subprocess

import broken
import pytest
from tool_fixture import ENVIRONMENT, ROOT, SOUND, TIMEOUT, USAGE, VIOLATION, ToolTest

NEED = "    const size_t need = block_size_for(request);\n"
KILLED = "kmemfuzz: a process was killed from outside\n"


class TestSmoke(ToolTest):
    def test_sound_programs_are_counted_and_the_same_each_time(self):
        code, output, errors = self.run_tool("smoke", "--programs", "200", "--seed", "3")
        assert (code, errors) == (SOUND, "")
        assert re.fullmatch(r"sound: 200 programs of seed 3, \d+ operations\n", output)
        assert self.run_tool("smoke", "--programs", "200", "--seed", "3")[1] == output
        assert self.run_tool("smoke", "--programs", "200", "--seed", "4")[1] != output
        assert not list(self.folder.iterdir())

    def test_statistics_are_of_operations_of_which_few_do_nothing(self):
        output = self.run_tool("smoke", "--programs", "300", "--statistics")[1]
        shares = {name: float(share) for name, share in re.findall(r"^    ([a-z ]+?) +([\d.]+) %$", output, re.MULTILINE)}
        assert list(shares) == ["changed", "no room", "misuse", "nothing"]
        assert abs(sum(shares.values()) - 100) < 0.3
        assert shares["nothing"] < 10
        assert shares["changed"] > 50
        assert len(re.findall(r"^    (?:edit|kind|size|sum|resize|percent) +[a-z ]+? +\d+$", output, re.MULTILINE)) == 52

    def test_every_program_is_run(self):
        tool = broken.tool("release", "alloc-returns-null")
        for number in range(4):
            code, output, _ = self.run_tool("smoke", "--from", str(number), "--programs", "1", tool=tool)
            assert (code, output.partition(" by ")[0]) == (VIOLATION, f"Program {number} of seed 1 fails")

    def test_any_number_of_jobs_runs_the_same_programs(self):
        outputs = {self.run_tool("smoke", "--programs", "300", "--statistics", "--jobs", jobs)[1] for jobs in ("1", "2", "7")}
        assert len(outputs) == 1

    @pytest.mark.parametrize("rare", ("return NULL;", "__builtin_trap();"))
    @pytest.mark.parametrize("jobs", ("1", "2", "7"))
    def test_the_first_that_fails_or_dies_is_found_by_any_number_of_jobs(self, jobs, rare):
        tool = broken.tool("release", (NEED, f"    if (request > 1000 && request % 997 == 77) {{\n        {rare}\n    }}\n{NEED}"))
        found = self.run_tool("smoke", "--jobs", jobs, tool=tool)[1].partition(" fails by ")[0]
        number = re.fullmatch(r"Program (\d+) of seed 1", found)[1]
        assert int(number) > 64
        assert self.run_tool("smoke", "--programs", number, "--jobs", "1", tool=tool)[0] == SOUND

    def test_when_a_process_is_killed_the_others_end(self):
        kills = "    if (open(\"killed\", O_CREAT | O_EXCL, 0600) >= 0) {\n        kill(getppid(), SIGKILL);\n    }\n"
        code, output, errors = self.run_tool("smoke", "--programs", "100000000", "--jobs", "2", tool=self.tool_that(kills))
        assert (code, output, errors) == (ENVIRONMENT, "", KILLED)

    def test_what_was_found_is_explained_although_another_process_is_killed(self):
        kills = """\
    if (access("found", F_OK) == 0 && open("killed", O_CREAT | O_EXCL, 0600) >= 0) {
        kill(getppid(), SIGKILL);
    }
    if (request % 97 == 13) {
        if (open("found", O_CREAT | O_EXCL, 0600) >= 0) {
            for (int i = 0; i < 1000 && access("killed", F_OK) != 0; i++) {
                usleep(10000);
            }
        }
        return NULL;
    }
"""
        code, output, errors = self.run_tool("smoke", "--jobs", "2", tool=self.tool_that(kills))
        assert (code, errors) == (VIOLATION, f"{KILLED}kmemfuzz: not all programs in front of the one that fails were run\n")
        assert re.match(r"Program \d+ of seed 1 fails by ", output)
        assert "It did not fail again" not in output

    def test_no_program_is_run_in_the_process_that_was_started(self):
        tool = self.tool_that(f"    if (getppid() == {os.getpid()}) {{\n        __builtin_trap();\n    }}\n")
        code, output, errors = self.run_tool("smoke", "--programs", "300", "--statistics", "--jobs", "1", tool=tool)
        assert (code, errors) == (SOUND, "")
        assert output == self.run_tool("smoke", "--programs", "300", "--statistics")[1]

    @staticmethod
    def tool_that(does):
        """One whose heap does this as well when it is asked for memory."""
        declared = ("int open(const char *, int, ...), access(const char *, int), kill(int, int), getppid(void), usleep(unsigned);\n"
                    "enum { O_CREAT = 0100, O_EXCL = 0200, SIGKILL = 9, F_OK = 0 };\n")
        return broken.tool("release", (NEED, "    " + declared + does + NEED))

    def test_a_failure_that_does_not_come_again_is_one_all_the_same(self):
        remembers = "    static int calls;\n    const size_t need = block_size_for(request) * (++calls % 1000 != 0);\n"
        tool = broken.tool("release", (NEED, remembers))
        code, output, _ = self.run_tool("smoke", tool=tool)
        assert (code, output.splitlines()[-1]) == (
            VIOLATION, "It did not fail again: the heap does not depend on its program alone.")

    def test_what_cannot_be_done_is_said(self):
        for arguments, words in ((["--programs", "0"], "--programs needs a number above 0"), (["--seed", "x"], "--seed needs"),
                                 (["--jobs", "65"], "--jobs takes 64 at most"),
                                 (["program"], "program")):
            code, output, errors = self.run_tool("smoke", *arguments)
            assert (code, output) == (USAGE, "")
            assert words in errors


FOREIGN = ROOT / "build/fuzz/tests/subjects/foreign_kmemfuzz"


class TestOtherHeaps(ToolTest):
    """A heap of tests/subjects, with one of its defects; in the build that has sanitizers."""

    def smoke(self, heap, defect, *arguments, lacks=""):
        done = subprocess.run([FOREIGN, "smoke", *arguments], cwd=self.folder, capture_output=True, text=True, errors="replace",
                              env={**os.environ, "SUBJECT": heap, "SUBJECT_DEFECT": str(defect), "SUBJECT_LACKS": lacks}, timeout=TIMEOUT, check=False)
        return done.returncode, done.stdout, done.stderr

    @pytest.mark.parametrize("heap", ("buddy_heap", "cpp_heap", "more_heap"))
    def test_a_sound_one_is_not_accused(self, heap):
        code, output, errors = self.smoke(heap, 0, "--programs", "300")
        assert (code, errors) == (SOUND, "")
        assert output.startswith("sound: ")

    @pytest.mark.parametrize(("heap", "defect"), (("buddy_heap", 1), ("class_heap", 2), ("port_heap", 2), ("tlsf_heap", 3)))
    def test_the_first_program_that_fails_is_saved_and_explained(self, heap, defect):
        code, output, errors = self.smoke(heap, defect, "--programs", "500")
        assert (code, errors) == (VIOLATION, ""), output
        number = re.match(r"Program (\d+) of seed 1 fails by .*; it is in smoke-1-\1\n\n", output)[1]
        name = f"smoke-1-{number}"
        assert f"\n{name}: " in output
        assert {path.name for path in self.folder.iterdir()} >= {name, f"{name}.reduced", f"{name}.reduced.ops"}
        assert self.smoke(heap, defect, "--from", number, "--programs", "1")[1] == output
        if number != "0":
            assert self.smoke(heap, defect, "--programs", number)[0] == SOUND

    def test_a_heap_that_never_starts_is_not_sound(self):
        code, output, errors = self.smoke("list_heap", 0, "--programs", "5", lacks="memory")
        assert (code, output) == (USAGE, ""), errors
        assert re.search(r"nothing was judged: list heap never started, in 5 regions; ", errors)
