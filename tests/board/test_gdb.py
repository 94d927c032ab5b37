"""kmemfuzz board --gdb must stop before the operation that fails on the board, show the heap as it is there, reach the failure,
and leave nothing running. Needs the builds release, rv64 and rv32; ./ci/test target sees to them."""

import json
import os
import pathlib
import signal
import subprocess

import pytest
from board_fixture import KMEMFUZZ, PRESETS, SOUND, TIMEOUT, TREE, TargetTest, fault_program, target_command
# pylint: disable=wrong-import-order
from gdb_session import mapped_pictures, traced_pictures
from processes import processes_naming, wait_until, wait_until_busy, wait_until_none

LOOK = "kmem-map\nprint *step\ncontinue\n"


class Session(TargetTest):
    """A debugger that takes its commands from a file."""

    def program(self, content, name="program.ops"):
        """A program, in a file of this test's own."""
        return self.write(self.own(name), content)

    def debug(self, program, commands, *arguments, environment=None):
        """What kmemfuzz board --gdb prints and returns."""
        script = self.program(commands, "commands.gdb")
        return self.run_target("--gdb", "--gdb-commands", script, program, *arguments, environment=environment)

    def expect_stop(self, result, program, operation):
        """Requires a stop before this operation, with the heap that the host has there."""
        pictures = traced_pictures(KMEMFUZZ, program)
        self.expect(result, 0, f"Before operation {operation}: ", f"\n  {pictures[operation]}\n")
        self.assertEqual(mapped_pictures(result.stdout)[0], pictures[operation], result.stdout)


class TheStop(Session):
    """Where it is, and what is seen there."""

    def test_a_violation_is_stopped_at_before_its_operation_and_reached_by_going_on(self):
        for preset in PRESETS:
            for kind, oracle in (("GUARD_BYTE", "guards"), ("HEADER_ZERO", "refusal-named"),
                                 ("PAYLOAD_BYTE", "contents-kept")):
                with self.subTest(preset=preset, kind=kind):
                    program = self.program(fault_program(kind))
                    result = self.debug(program, LOOK + "print *verdict\n", "--configuration", preset, "--image", "faults")
                    self.expect_stop(result, program, 2)
                    self.expect(result, 0, "violation; stopping before operation 2",
                                "$1 = 2: alloc 2 163840", "must be refused: exhausted",
                                "Violation in operation 2: alloc 2 163840", f"$2 = {oracle}: ")

    def test_a_fault_is_stopped_at_before_its_operation_and_reached_with_its_stack(self):
        for preset in PRESETS:
            with self.subTest(preset=preset):
                program = self.program(fault_program("LOAD_NULL"))
                result = self.debug(program, LOOK + "bt\ncontinue\n", "--configuration", preset, "--image", "faults")
                self.expect_stop(result, program, 2)
                self.expect(result, 0, "fault; stopping before operation 2", "Trap: load access fault, address 0x18, at 0x8",
                            "#0  load (address=24)", "alloc (size=", "executor_run (", "The image ends, with code 1")

    def test_what_ends_without_a_word_is_stopped_at_before_the_operation_that_did_it(self):
        for kind, how in (("LOOP", "hang"), ("LOOP_DEAF", "dead"), ("SEMIHOSTING", "dead")):
            with self.subTest(kind=kind):
                result = self.debug(self.program(fault_program(kind)), "kmem-where\n", "--configuration", "rv64", "--image",
                                    "faults", "--watchdog", "0.3")
                self.expect(result, 0, f"{how}; stopping before operation 2", "Before operation 2: alloc 2 163840")

    def test_a_sound_program_is_stopped_at_its_start_and_runs_to_its_end(self):
        program = self.program(SOUND)
        result = self.debug(program, LOOK)
        self.expect_stop(result, program, 0)
        self.expect(result, 0, "on rv64: sound; stopping before operation 0", "The image ends, with code 0")

    def test_any_operation_can_be_asked_for_and_every_later_one_be_stopped_at(self):
        program = self.program(SOUND)
        for preset in PRESETS:
            with self.subTest(preset=preset):
                result = self.debug(program, "break debug_operation\n" + "kmem-map\ncontinue\n" * 3, "--operation", "2",
                                    "--configuration", preset)
                self.expect_stop(result, program, 2)
                self.assertEqual(mapped_pictures(result.stdout), traced_pictures(KMEMFUZZ, program)[2:5])

    def test_the_board_that_fails_is_the_one_debugged(self):
        program = self.program(SOUND)
        fails_on_rv32 = self.fake_emulator('"$REAL" "$@" | sed "s/^V 0 5 - /V 0 5 guards /; s/^END 1 1 0/END 1 0 1/"; exit 1', "rv32")
        result = self.debug(program, "", environment=fails_on_rv32)
        self.assertIn("on rv32: violation; stopping before operation 4", result.stderr)


class TheHeap(Session):
    """What kmem-map and the printers make of what is there."""

    def test_a_header_that_cannot_be_true_ends_the_map_which_says_so(self):
        for preset in PRESETS:
            with self.subTest(preset=preset):
                result = self.debug(self.program(fault_program("HEADER_ZERO")), "continue\nkmem-map\n", "--configuration",
                                    preset, "--image", "faults")
                self.expect(result, 0, "  |.0 s0| corrupt: the size cannot be true\n",
                            "         0          0  free   corrupt: the size cannot be true; the walk ends here\n")

    def test_a_heap_is_printed_in_a_line_and_mapped_without_an_executor(self):
        for preset in PRESETS:
            with self.subTest(preset=preset):
                result = self.debug(self.program(SOUND), "print *(struct kmem *)debug_executor->subject->view->heap\n"
                                    "kmem-map (struct kmem *)debug_executor->subject->view->heap\n", "--operation", "1", "--configuration",
                                    preset)
                self.expect(result, 0, "$1 = heap at 0x80400100, 4 pages of 256 bytes, 1 taken of 32 bytes, last call KMEM_OK")
                self.assertEqual(mapped_pictures(result.stdout), ["|#32|.992|"])


class TheEnd(Session):
    """Whatever ends a session, nothing of it is left."""

    def interrupted(self, number, whole_group):
        """A session in an endless loop that is sent a signal: (exit code, output)."""
        program = self.program(fault_program("LOOP"))
        reached = program.parent / f"going-on-{number}"
        script = self.program(f"python gdb.events.cont.connect(lambda _: open('{reached}', 'w').close())\ncontinue\nbt 1\n",
                              "commands.gdb")
        command = target_command("--configuration", "rv64", "--image", "faults", "--watchdog", "0.3", "--gdb", "--gdb-commands",
                                 script, program)
        process = subprocess.Popen(command, cwd=TREE, env=self.marked, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                   text=True, start_new_session=True)
        self.addCleanup(process.kill)
        wait_until(reached.exists, "the stop")
        wait_until_busy(",server=on,wait=off", self.folder)
        (os.killpg if whole_group else os.kill)(process.pid, number)
        output = process.communicate(timeout=TIMEOUT)[0]
        return process.returncode, output

    def expect_nothing_left(self):
        """Requires that no process and no file of the session is there."""
        wait_until_none(processes_naming, self.folder)
        self.assertEqual(list((TREE / "build/target").glob("*/gdb.socket")), [])

    def test_nothing_is_left_after_a_session(self):
        self.expect(self.debug(self.program(SOUND), ""), 0)
        self.expect_nothing_left()

    def test_an_interrupt_stops_the_program_on_the_board_and_not_the_session(self):
        code, output = self.interrupted(signal.SIGINT, whole_group=True)
        self.assertEqual(code, 0, output)
        self.assertIn("Program received signal SIGINT", output)
        self.assertIn("#0  damage_", output)
        self.expect_nothing_left()

    def test_nothing_is_left_when_the_command_is_ended(self):
        for number in (signal.SIGTERM, signal.SIGHUP):
            with self.subTest(signal=number):
                code, output = self.interrupted(number, whole_group=False)
                self.assertEqual(code, 3, output)
                self.expect_nothing_left()

    def test_commands_that_fail_are_an_error_and_leave_nothing(self):
        self.expect(self.debug(self.program(SOUND), "kmem-map nothing_of_the_kind\n"), 3, "nothing_of_the_kind",
                    "gdb-multiarch ended with code 1")
        self.expect_nothing_left()


class WrongUse(Session):
    """What cannot be debugged is refused, with what to do."""

    def test_a_missing_debugger_is_named_with_its_package(self):
        self.expect(self.debug(self.program(SOUND), "", environment=dict(self.marked, PATH=str(self.folder))), 3,
                    "gdb-multiarch is missing; install the Debian package gdb-multiarch")

    def test_only_one_program_can_be_debugged(self):
        self.program(SOUND)
        self.program(SOUND, "second.ops")
        folder = self.program(SOUND, "third.ops").parent
        self.expect(self.run_target("--gdb", folder), 2, f"--gdb takes one program; {folder} has 3")
        self.expect(self.run_target("--gdb", folder / "second.ops", folder / "third.ops"), 2, "--gdb takes one program")
        self.expect(self.run_target("--gdb", "--json", folder / "second.ops"), 2, "--gdb takes one program")

    def test_options_of_the_debugger_need_it_and_their_values(self):
        program = self.program(SOUND)
        self.expect(self.run_target("--operation", "1", program), 2, "--operation and --gdb-commands belong to --gdb")
        self.expect(self.run_target("--gdb", "--operation", "-1", program), 2, "'-1' is not a whole number")
        self.expect(self.run_target("--gdb", "--gdb-commands", self.folder / "none", program), 3, "none: there is no such file")


class FromTheTool(Session):
    """kmemfuzz board, from anywhere."""

    def run_tool(self, *arguments, folder, **environment):
        """Runs kmemfuzz board in a folder."""
        return subprocess.run([KMEMFUZZ, "board", *map(str, arguments)], cwd=folder, env=dict(os.environ, **environment),
                              capture_output=True, text=True, check=False, timeout=600)

    @pytest.mark.night
    def test_paths_are_relative_to_the_folder_the_command_is_given_in(self):
        program = self.program(SOUND)
        for folder, path in ((program.parent, "program.ops"), (program.parent.parent, f"{program.parent.name}/program.ops")):
            result = self.run_tool("--configuration", "rv64", "--json", path, folder=folder)
            self.expect(result, 0)
            self.assertEqual(json.loads(result.stdout)["configurations"][0]["sound"], 1)
        script = self.program("kmem-map\n", "commands.gdb")
        result = self.run_tool("program.ops", "--gdb", "--gdb-commands", script.name, folder=program.parent)
        self.expect_stop(result, program, 0)

    def test_exit_codes_are_those_of_the_replay_and_the_command_it_prints_can_be_repeated(self):
        program = self.program(fault_program("LOAD_NULL"))
        result = self.run_tool("--configuration", "rv64", "--image", "faults", program.name, folder=program.parent)
        command = f"{KMEMFUZZ} board --configuration rv64 --image faults {program}"
        self.expect(result, 1, "FAULT load access fault", command)
        again = subprocess.run(command.split(), cwd="/", capture_output=True, text=True, check=False, timeout=600)
        self.expect(again, 1, "FAULT load access fault")
        self.expect(self.run_tool("--no-such-option", folder=program.parent), 2, "--no-such-option")

    def test_a_tree_that_is_gone_is_named_with_what_to_do(self):
        self.expect(self.run_tool(folder="/", KMEM_TREE=str(self.folder)), 3,
                    f"there is no fuzz/kmemfuzz/__main__.py in the tree {self.folder}; say where the tree is with KMEM_TREE=FOLDER")

    def test_help_names_every_option(self):
        result = self.run_tool("--help", folder="/")
        self.expect(result, 0, "Usage: kmemfuzz board")
        options = subprocess.run(target_command("--help"), cwd=TREE, capture_output=True, text=True, check=True).stdout
        for option in set(pathlib.Path(TREE / "fuzz/kmemfuzz/board_command.py").read_text(encoding="utf-8").split('"')):
            if option.startswith("--") and option in options and option.isprintable() and " " not in option:
                self.assertIn(option, result.stdout)
