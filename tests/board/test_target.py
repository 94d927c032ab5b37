"""kmemfuzz board must replay the corpus on the boards with the host's digests, lose no verdict when an image dies, and believe no
output that is not whole. Needs the builds release, rv64 and rv32; ./ci/test target sees to them."""

import json
import os
import re
import shutil
import signal
import subprocess

from board_fixture import HEAP, PRESETS, SOUND, TIMEOUT, TREE, TargetTest, fault_program, image_of, target_command
from compilers import CLANG, NM
# pylint: disable=wrong-import-order
from kmemfuzz import board
from processes import processes_naming, wait_until, wait_until_none


class TheCorpus(TargetTest):
    """Sound programs."""

    def test_every_program_of_the_corpus_has_the_hosts_digest_in_every_configuration_in_one_boot_each(self):
        result = self.run_target("--json", "corpus")
        self.expect(result, 0)
        report = json.loads(result.stdout)
        files = sum(path.is_file() for path in (TREE / "corpus").rglob("[!.]*"))
        self.assertEqual([figures["configuration"] for figures in report["configurations"]], list(board.CONFIGURATIONS))
        for figures in report["configurations"]:
            self.assertGreaterEqual(figures["inputs"], 20)
            self.assertLessEqual(figures["inputs"], files)
            self.assertEqual(figures["sound"], figures["inputs"])
            self.assertEqual(figures["boots"], 1)
        self.assertEqual(report["findings"], [])

    def test_a_summary_says_what_was_compared(self):
        self.expect(self.run_target("--configuration", "rv32", self.write("sound.ops", SOUND)), 0,
                    "rv32  1 input, 5 checked operations: all sound, digests equal the host's")

    def test_the_last_line_counts_what_was_compared_in_all_configurations(self):
        result = self.run_target("--configuration", "rv64", "--configuration", "rv32", self.write("sound.ops", SOUND))
        self.assertEqual(result.stdout.splitlines()[-1],
                         "all 2 configurations  2 inputs, 10 checked operations: all sound, digests equal the host's")

    def test_verdicts_are_written_together_unless_the_image_is_told_to_keep_none_back(self):
        blob = self.pack(*[SOUND] * 300)
        for preset in PRESETS:
            for flags, least, most in ((0, 1, 150), (board.FLUSH, 300, 310)):
                with self.subTest(preset=preset, flags=flags):
                    writes = self.writes(board.boot_command(image_of(preset, "replay"), blob, flags=flags))
                    self.assertEqual(b"".join(writes).count(b"\nV "), 300)
                    self.assertTrue(least <= len(writes) <= most, len(writes))

    @staticmethod
    def writes(command):
        """What a command writes, write by write: its output is a pipe that keeps them apart."""
        ours, its = os.pipe2(os.O_DIRECT)
        with subprocess.Popen(command, stdout=its, stdin=subprocess.DEVNULL):
            os.close(its)
            with open(ours, "rb", buffering=0) as output:
                return list(iter(lambda: output.read(65536), b""))

    def test_a_trace_has_a_line_for_every_operation_and_equals_the_hosts(self):
        blob = self.pack(SOUND)
        expected = self.host_trace(blob)
        self.assertEqual(len(expected), 5)
        for preset in PRESETS:
            image = image_of(preset, "replay")
            self.assertEqual(board.trace(image, blob, 0, 2.0), expected)

    def test_start_and_count_choose_inputs_without_packing_again(self):
        blob = self.pack(TREE / "corpus/seeds")
        for preset in PRESETS:
            image = image_of(preset, "replay")
            lines = list(board.Boot(board.boot_command(image, blob, start=3, count=2), 10).lines())
            self.assertEqual([line.split(" ")[:2] for line in lines[1:3]], [["V", "3"], ["V", "4"]])
            self.assertEqual(lines[3:], ["END 2 2 0 0 0 0"])


class Deaths(TargetTest):
    """Verdicts kept back by an image that dies are lost, and nothing else is."""

    def replay(self, *programs):
        """Replays these programs on the 64-bit board, in the fault-injection image; returns the replay."""
        replay = board.Replay(image_of("rv64", "faults"), self.pack(*programs), 0.3)
        replay.run()
        return replay

    def kinds(self, replay):
        """What became of each input, in order; every index is its own."""
        self.assertEqual([outcome.index for outcome in replay.outcomes], list(range(len(replay.outcomes))))
        return ["sound" if outcome.sound else outcome.kind for outcome in replay.outcomes]

    def test_a_death_after_many_inputs_is_that_inputs_and_costs_at_most_three_boots(self):
        replay = self.replay(*[SOUND] * 40, fault_program("SEMIHOSTING"), *[SOUND] * 5)
        self.assertEqual(self.kinds(replay), ["sound"] * 40 + ["dead"] + ["sound"] * 5)
        self.assertLessEqual(replay.boots, 1 + 3)  # died; died, with nothing kept back; died at once; and the rest

    def test_every_death_after_the_first_costs_two_boots(self):
        death = fault_program("SEMIHOSTING")
        replay = self.replay(*([SOUND] * 9 + [death]) * 3, SOUND)
        self.assertEqual(self.kinds(replay), (["sound"] * 9 + ["dead"]) * 3 + ["sound"])
        self.assertLessEqual(replay.boots, 2 + 2 * 3)

    def test_the_first_input_dies_in_the_first_boot(self):
        replay = self.replay(fault_program("SEMIHOSTING"), SOUND)
        self.assertEqual((self.kinds(replay), replay.boots), (["dead", "sound"], 2))

    def test_the_second_input_dies_in_the_second_boot(self):
        replay = self.replay(SOUND, fault_program("SEMIHOSTING"), SOUND)
        self.assertEqual((self.kinds(replay), replay.boots), (["sound", "dead", "sound"], 3))


class Output(TargetTest):
    """Output that is not whole is an error, never a success."""

    def setUp(self):
        for name in ("a.ops", "b.ops", "c.ops"):
            self.write(f"three/{name}", SOUND)

    def expect_not_whole(self, script, *texts):
        """Requires exit code 3 with an emulator that is this script."""
        result = self.run_target("--configuration", "rv64", self.folder / "three", environment=self.fake_emulator(script))
        self.expect(result, 3, *texts)

    def test_a_missing_end_line(self):
        self.expect_not_whole('"$REAL" "$@" | grep -v ^END', "the END line is missing")

    def test_an_end_line_that_counts_something_else(self):
        self.expect_not_whole("\"$REAL\" \"$@\" | sed 's/^END 3 3/END 4 4/'", "adds up to 3 3 0 0 0 0")

    def test_a_lost_line(self):
        self.expect_not_whole("\"$REAL\" \"$@\" | sed '/^V 1/d'", "input 2 came where input 1 was due")

    def test_a_line_of_no_known_kind(self):
        self.expect_not_whole("echo hello; \"$REAL\" \"$@\"", "no known kind")

    def test_an_emulator_that_ends_before_it_begins(self):
        self.expect_not_whole("echo no such machine >&2; exit 1", "the image did not start", "no such machine")

    def test_an_image_of_another_version(self):
        self.expect_not_whole("\"$REAL\" \"$@\" | sed 's/^BOOT 1/BOOT 2/'", "another version")

    def test_an_emulator_that_is_stopped_half_way_is_started_again_where_it_was(self):
        once = self.folder / "once"
        script = f'if mkdir {once} 2>/dev/null; then "$REAL" "$@" | head -n 2; else "$REAL" "$@"; fi'
        result = self.run_target("--configuration", "rv64", self.folder / "three", environment=self.fake_emulator(script))
        self.expect(result, 0, "3 inputs", "2 boots")

    def end_by(self, number, emulator='"$REAL" "$@"'):
        """Ends the command by a signal while an emulator hangs, and waits until nothing runs. Returns (its exit code, what it
        printed as errors, the folders that it worked in)."""
        path = self.write("deaf.ops", fault_program("LOOP_DEAF"))
        note = self.own("emulator")
        environment = self.fake_emulator(f'echo "$@" >{note}.new && mv {note}.new {note}; exec {emulator}')
        environment["KMEM_TEST"] = mark = f"{self.folder}/ended-by-{number}"
        command = target_command("--configuration", "rv64", "--image", "faults", "--watchdog", "100", path)
        with subprocess.Popen(command, cwd=TREE, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              text=True) as process:
            wait_until(note.exists, "the emulator")
            work = {TREE / name for name in re.findall(r"build/target/[^/,= ]+", note.read_text(encoding="utf-8"))}
            self.assertEqual([folder.is_dir() for folder in work], [True])
            process.send_signal(number)
            _, errors = process.communicate(timeout=TIMEOUT)
        wait_until_none(processes_naming, mark)
        return process.returncode, errors, work

    def test_an_interrupt_ends_the_emulator_too_and_leaves_nothing_behind(self):
        code, errors, work = self.end_by(signal.SIGINT)
        self.assertEqual((code, errors), (3, "kmemfuzz board: interrupted\n"))
        self.assertEqual([folder for folder in work if folder.exists()], [])

    def test_no_emulator_outlives_a_command_that_is_killed(self):
        code, _, work = self.end_by(signal.SIGKILL, "sleep 1000")  # the real one would end of a closed output
        self.assertEqual(code, -signal.SIGKILL)
        for folder in work:
            shutil.rmtree(folder)

    def test_no_semihosting_is_said_on_the_console(self):
        for preset in PRESETS:
            command = [board.find_emulator(preset), *board.FLAGS, "-serial", "stdio", "-kernel",
                       TREE / f"build/{preset}/replay.elf"]
            result = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60,
                                    stdin=subprocess.DEVNULL)
            self.assertEqual(result.returncode, 21)
            self.assertIn("ERROR 21 no semihosting", result.stdout)


class NoLibrary(TargetTest):
    """Nothing is linked but what is in the tree."""

    def test_a_division_that_the_machine_has_no_instruction_for_does_not_link(self):
        source = self.write("division.c", "unsigned long long a, b;\nvoid trap_handle(void *f) { (void)f; }\n"
                                          "int main(void) { return (int)(a / b); }\n")
        commands = json.loads((TREE / "build/rv32/compile_commands.json").read_text(encoding="utf-8"))
        flags = next(entry["command"] for entry in commands if entry["file"].endswith("/board.c")).split()
        flags = [flag for flag in flags if flag.startswith(("--target", "-m"))]
        result = subprocess.run([CLANG, *flags, "-O2", "-ffreestanding", "-fuse-ld=lld", "-nostdlib", "-static", "-T",
                                 TREE / "src/riscv/link.ld", source, TREE / "build/rv32/src/riscv/libkmem_board.a", "-o",
                                 self.folder / "division.elf"], capture_output=True, text=True, check=False)
        self.assertNotEqual(result.returncode, 0)
        self.assertEqual(re.findall("undefined symbol: (.*)", result.stderr), ["__udivdi3"])

    def test_the_images_hold_no_symbol_of_a_compiler_runtime(self):
        for preset in PRESETS:
            for image in ("replay", "faults"):
                symbols = image_of(preset, image).symbols
                self.assertFalse([name for name in symbols if re.match(r"__.*(div|mod|mul|float|atomic)", name)])


class Usage(TargetTest):
    """The command line."""

    def test_wrong_arguments_are_usage_errors(self):
        for arguments in (["--configuration", "rv16"], ["--nonsense"], ["--watchdog", "0"], ["--blob", "x", "y"]):
            self.expect(self.run_target(*arguments), 2, "Usage:")

    def test_a_text_with_an_error_is_a_usage_error(self):
        self.expect(self.run_target(self.write("wrong.ops", HEAP + "allok 0 24\n")), 2, ":3:1: error:")

    def test_a_path_that_is_not_there_is_named(self):
        none = self.folder / "none"
        self.expect(self.run_target(none), 3, f"kmemfuzz board: there is no {none}\n")
        self.expect(self.run_target("--blob", none), 3, f"kmemfuzz board: --blob {none}: there is no such file\n")
        self.expect(self.run_target("--gdb", "--gdb-commands", none, self.write("sound.ops", SOUND)), 3,
                    f"kmemfuzz board: --gdb-commands {none}: there is no such file\n")

    def test_a_folder_without_programs_is_named_with_what_to_name_in_its_place(self):
        empty = self.write("empty/.hidden", SOUND).parent
        self.expect(self.run_target(empty), 2, f"kmemfuzz board: there is nothing to run in {empty}; name a file, or a folder")

    def test_a_folder_without_programs_may_stand_beside_others(self):
        empty = self.write("empty/.hidden", SOUND).parent
        self.expect(self.run_target(empty, self.write("sound.ops", SOUND), "--configuration", "rv64"), 0, "rv64  1 input, ")

    def test_a_missing_emulator_is_named_with_its_package(self):
        (self.folder / "bin").mkdir()
        (self.folder / "bin/llvm-nm").symlink_to(shutil.which(NM))
        environment = dict(os.environ, PATH=str(self.folder / "bin"))
        self.expect(self.run_target(self.write("sound.ops", SOUND), environment=environment), 3,
                    "qemu-system-riscv64 is missing; install the Debian package qemu-system-misc")

    def test_help_names_every_exit_code(self):
        self.expect(self.run_target("--help"), 0, "0 all sound and equal", "3 environment")
