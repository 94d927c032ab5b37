"""A board's output is believed only when every line of it, its end and the emulator's exit code are as an image makes them;
anything else is code 3 with a line that says what came from where. Needs the builds release, rv64 and rv32; ./ci/test target
sees to them."""

import json
import os
import signal
import subprocess
import unittest
from unittest import mock

import pytest
from board_fixture import SOUND, TIMEOUT, TREE, TargetTest, image_of, target_command
# pylint: disable=wrong-import-order
from kmemfuzz import board, board_finding, board_lines, child
from kmemfuzz.board_lines import BadLine, Reader
from folders import FolderTest
from processes import processes_naming, wait_until

BOOT = "BOOT 1 64 2 0 2"
V0, V1 = "V 0 5 - 0 0 0 a30b", "V 1 6 free-merged 20 30 40 b4"
PLACE = "80001234 80001238 80049000"
S0 = f"S 0 2 heap-buffer-overflow write 80200130 1 80200130 {PLACE} " + "f7" * 48
U0 = f"U 0 2 add-overflow - src/kmem.c 10 4 'unsigned\tint' 7fffffff -1 {PLACE}"

# Lines that no image writes, each where an input's line is due.
BAD = (
    # numbers that int takes
    "V 0 1_0 - 0 0 0 a", "V 0 +5 - 0 0 0 a", "V 0 -5 - 0 0 0 a", "V 0  5 - 0 0 0 a", "V 0 \u0665 - 0 0 0 a",
    "V 0 ５ - 0 0 0 a",
    "V 0 5 - 0x0 0 0 a", "V 0 5 - 0 0 0 A", "V 0 5 - 0 0 0 \u00e4", "V 0 5 - 0 0 0 -a", "V 00 5 - 0 0 0 a", "V 0 5 - 0 0 0 0a",
    # and others
    "V 0 5 - zz 0 0 a", "V 0 five - 0 0 0 a", f"V 0 {'9' * 5000} - 0 0 0 a", f"V 0 5 - {'f' * 17} 0 0 a", "V 99 5 - 0 0 0 a",
    f"V {'9' * 10} 5 - 0 0 0 a", "V 1 5 - 0 0 0 a", "V 0 5 - 0 0 0", "V 0 5 - 0 0 0 a b", "V 0 5 - 0 0 0 a ", "V", "V 0 5",
    "V 0 5 - 0 0 0 a\0", "V 0 5 - 0 0 0 a\r", "V 0 5 \033[2J 0 0 0 a", "V 0 5 FREE 0 0 0 a", "V 0 5  0 0 0 a", "v 0 5 - 0 0 0 a",
    f"F 0 2 5 zz {PLACE}", "F 0 2 5 18 1 2", f"H 0 x {PLACE}", "H 0 2 1 2 3 4",
    S0[:-1], S0[:-1] + "z", S0 + "f7", S0.replace("f7" * 48, ""), S0.replace("write", "\033"), S0.replace(" 1 ", " one "),
    U0.replace("10 4", "10 -4"), U0.replace("-1", "--1"), U0.replace("src/kmem.c", "src/\u202ekmem.c"),
    U0.replace("src/kmem.c", ""), "U 0 2",
    "T 0 zz 0 a", "T 0 1 0 a", "T 1 0 0 a", "T 0 0 g a", "T 0 0 - -", "M 0 40400000 1 1 1 0", "M 0 zz 1 1 1 0",
    "TRAP zz", "TRAP 5", "TRAP 5 0 0 0", "ERROR", "ERROR 5", "ERROR five text", "ERROR 5 \033]0;title\a", "ERROR 99999999999 text",
    BOOT, "BOOT", "END", "END 2 2 0 0 0 0", "END 0 0 0 0 0", "END 0 0 0 0 0 0 0", "END zero 0 0 0 0 0", "END 0 0 0 0 0 +0",
    "", " ", "\0", "hello", "\u00ff\ud800", "VIOLATION", "\udcff", "x" * 1000,
)


class Lines(unittest.TestCase):
    """Line by line."""

    def reader(self, *lines, **more):
        """What has taken these lines."""
        reader = Reader(0, 2, 64, sanitized=True, **more)
        for line in (BOOT, *lines):
            reader.take(line)
        return reader

    def test_what_an_image_writes_is_taken_with_its_values(self):
        reader = self.reader("T 0 0 8 7dea", "T 0 1 - 0", V0, V1, "END 2 1 1 0 0 0")
        self.assertEqual([outcome.category for outcome in reader.outcomes], ["sound", "violation"])
        self.assertEqual(reader.outcomes[1].values, {"operations": 6, "oracle": "free-merged", "offset": 0x20, "expected": 0x30,
                                                     "observed": 0x40, "digest": 0xb4})
        self.assertEqual((reader.steps, reader.end_code), ([["0", "8", "7dea"], ["1", "-", "0"]], 1))
        reports = self.reader(S0, U0.replace("U 0", "U 1")).outcomes
        self.assertEqual((reports[0].values["size"], reports[1].values["type"], reports[1].values["right"]),
                         (1, "'unsigned int'", -1))
        stopped = self.reader(f"F 0 2 5 18 {PLACE}", f"H 1 0 {PLACE}", "END 2 0 0 1 1 0")
        self.assertEqual([outcome.kind for outcome in stopped.outcomes], ["fault", "hang"])
        self.assertEqual(self.reader("ERROR 26 a page is lost").error, {"code": 26, "text": "a page is lost"})

    def test_an_end_implies_the_exit_code_that_an_image_ends_with(self):
        self.assertEqual(self.reader(V0, V0.replace("V 0", "V 1"), "END 2 2 0 0 0 0").end_code, 0)
        for line in (V1.replace("V 1", "V 0"), f"F 0 2 5 18 {PLACE}", f"H 0 0 {PLACE}", S0):
            reader = self.reader(line)
            counts = ["1"] + [str(int(reader.outcomes[0].category == name)) for name in board_lines.CATEGORIES]
            reader.take(f"END {' '.join(counts)}")
            self.assertEqual(reader.end_code, 1)

    def test_a_line_that_no_image_writes_is_refused_and_repeated_in_one_printable_line(self):
        for line in BAD:
            with self.subTest(line=line):
                with self.assertRaises(BadLine) as caught:
                    self.reader(line)
                text = str(caught.exception)
                self.assertTrue(text.isprintable(), text)
                self.assertLess(len(text), 400)

    def test_a_line_is_refused_where_it_may_not_be(self):
        for lines in ([V0, V0], [V0, V1, "V 2 5 - 0 0 0 a"], ["END 0 0 0 0 0 0", V0], ["END 0 0 0 0 0 0", "END 0 0 0 0 0 0"],
                      ["ERROR 26 lost", V0], [f"TRAP 5 18 {PLACE}", V0], ["T 0 0 8 a", "T 0 0 8 a"]):
            with self.subTest(lines=lines):
                self.reader(*lines[:-1])
                self.assertRaises(BadLine, self.reader, *lines)
        for line in (V0, "END 0 0 0 0 0 0", "M 0 0 0 0 0 0", "BOOT 2 64 2 0 2", "BOOT 1 32 2 0 2", "BOOT 1 64 3 0 3",
                     "BOOT 1 64 2 1 2", "BOOT 1 64 4294967295 0 4294967295"):
            with self.subTest(first=line):
                self.assertRaises(BadLine, Reader(0, 2, 64).take, line)

    def test_in_virtual_memory_each_input_has_one_line_about_its_memory_in_front(self):
        memory = "M 0 40400000 765 728 513 0"
        self.assertEqual(self.reader(memory, V0, virtual=True).outcomes[0].memory.mapped, 513)
        for lines in ([V0], [memory, memory], [memory.replace("M 0", "M 1")], [memory, V0, V1], [memory, "END 0 0 0 0 0 0"]):
            self.assertRaises(BadLine, self.reader, *lines, virtual=True)

    def test_an_image_without_sanitizers_reports_nothing_of_theirs(self):
        reader = Reader(0, 2, 64)
        reader.take(BOOT)
        self.assertRaises(BadLine, reader.take, S0)

    def test_the_longest_line_of_an_image_is_shorter_than_the_bound(self):
        text = (TREE / "fuzz/execute/line.h").read_text(encoding="utf-8")
        self.assertLess(int(text.partition("LINE_SIZE ")[2].partition("size_t)")[2].partition(")")[0]), board_lines.LINE_SIZE)


PROGRAM = "printf '%s\\n' 'BOOT 1 64 2 0 2' 'V 0 5 - 0 0 0 a30b'"  # of a script that is an emulator, up to its second input
WHOLE = f"{PROGRAM} 'V 1 5 - 0 0 0 a30b' 'END 2 2 0 0 0 0'"
FAILED = f"{PROGRAM} 'V 1 5 guards 0 0 0 a30b' 'END 2 1 1 0 0 0'"

# An emulator, and what must be said of it.
REFUSED = (
    (f"{WHOLE}; exit 7", "but the emulator ended with code 7"),
    (f"{WHOLE}; exit 1", "but the emulator ended with code 1"),
    (f"{FAILED}; exit 0", "ends with code 1, but the emulator ended with code 0"),
    (f"{FAILED}; exit 2", "but the emulator ended with code 2"),
    (f"{WHOLE}; kill -9 $$", "was ended by signal 9"),
    (f"{WHOLE}; echo \"qemu: $(printf '\\033[31m')gone\" >&2; exit 7", "ended with code 7: 'qemu: \\x1b[31mgone'"),
    (f"{WHOLE}; printf x; exit 0", "after its last line came 'x'"),
    (f"{WHOLE}; echo; exit 0", "a line of no known kind: ''"),
    (f"{WHOLE}; echo V 2 5 - 0 0 0 a; exit 0", "a line after its last: 'V 2 5 - 0 0 0 a'"),
    (f"{PROGRAM}; printf '%s\\n' 'V 1 _5 - 0 0 0 a'", "a line that begins with V and is none of its kind: 'V 1 _5 - 0 0 0 a'"),
    (f"{PROGRAM}; printf '%s\\n' 'TRAP zz' 'ERROR 23 x'; exit 23", "begins with TRAP"),
    ("echo ERROR 5; exit 5", "begins with ERROR and is none of its kind: 'ERROR 5'"),
    ("echo ERROR 31 there is no blob; exit 31", "the image cannot replay: there is no blob (its exit code 31)"),
    ("printf 'BOOT 1 64 2 0 2\\377\\0\\n'", "begins with BOOT and is none of its kind: 'BOOT 1 64 2 0 2\\xff\\x00'"),
    ("yes | tr -d '\\n'", "a line that is longer than any: 'yyyy"),
    ("yes", "a line of no known kind: 'y'"),
    ("echo BOOT 1 64 4000000000 0 4000000000; exit 0", "with inputs 4000000000 where it is 2"),
    ("exit 0", "the image did not start: the emulator ended with code 0"),
)


# The same where nothing more comes.
SILENT = (
    (f"{WHOLE}; exec sleep 1000", "it printed nothing for 0.2 s"),
    (f"{WHOLE}; exec >&- 2>&-; sleep 1000", "it printed nothing for 0.2 s"),
    (f"sleep 1000 & {WHOLE}; exit 0", "a process that it started still holds its output open"),
    (f"setsid sleep 1000 & {WHOLE}; exit 0", "a process that it started still holds its output open"),
)


class Comparison(unittest.TestCase):
    """What a board prints of an input, with what the host prints."""

    def test_a_line_that_is_not_the_hosts_is_a_finding(self):
        def outcome(line):
            return board_lines.Outcome("verdict", line=line, **board_lines.parse_line(line)[1])
        for line, finding in ((V0, False), (V0.replace("a30b", "a30c"), True), (V0.replace(" 5 ", " 6 "), True)):
            self.assertIs(board_finding.is_finding(outcome(line), outcome(V0), 64), finding, f"{line}, another line than {V0}")


class End(FolderTest):
    """The last line, of an image that is not there."""

    def replay(self, lines):
        """What comes of a blob of one program on a board that prints these lines."""
        blob = self.folder / "blob"
        blob.write_bytes(bytes(12) + bytes([1, 0, 0, 0]))
        image = mock.Mock(has_sanitizers=False, configuration=board.CONFIGURATIONS["rv64"])
        with mock.patch.object(board, "boot_command", return_value=["printf", lines]):
            return board.Replay(image, blob).run()

    def test_all_outcomes_without_an_end_are_not_believed(self):
        lines = f"BOOT 1 64 1 0 1\n{V0}\n"
        assert len(self.replay(f"{lines}END 1 1 0 0 0 0\n")) == 1
        with pytest.raises(board_lines.EnvironmentFailure, match="the END line is missing"):
            self.replay(lines)


class Emulators(TargetTest):
    """Emulators that are scripts."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.programs = [cls.write(f"two/{name}.ops", SOUND) for name in "ab"]

    def replay(self, script):
        """Replays two programs on the 64-bit board with an emulator that is this script."""
        environment = self.fake_emulator(script)
        blob = self.pack(*self.programs)
        with mock.patch.dict(os.environ, environment):
            replay = board.Replay(image_of("rv64"), blob, 0.1)
            replay.run()
        return replay

    def require_refused(self, script, words):
        """Requires that a replay is refused with its configuration and these words, in one line."""
        with self.subTest(script=script):
            with self.assertRaises(board.EnvironmentFailure) as caught:
                self.replay(script)
            self.assertIn(words, str(caught.exception))
            self.assertTrue(str(caught.exception).startswith("rv64: "), caught.exception)
            self.assertTrue(str(caught.exception).isprintable())

    def test_an_output_or_an_end_that_no_image_makes_is_refused_with_the_configuration_and_what_came(self):
        for script, words in REFUSED:
            self.require_refused(script, words)

    def test_an_emulator_that_does_not_end_or_whose_child_holds_its_output_is_not_waited_for(self):
        with mock.patch.object(board, "STALL_SECONDS", 0.0):
            for script, words in SILENT:
                self.require_refused(script, words)
        self.end_sleepers()

    def end_sleepers(self):
        """Ends what has left an emulator's group, and requires that nothing else is left."""
        for number, command in processes_naming("sleep", f"KMEM_TEST={self.folder}").items():
            if os.getsid(number) == number or command.startswith("setsid"):
                os.kill(number, signal.SIGKILL)
        wait_until(lambda: not processes_naming("sleep", f"KMEM_TEST={self.folder}"), "the end of what emulators have started")

    def test_what_an_image_makes_is_believed(self):
        self.assertEqual([outcome.sound for outcome in self.replay(f"{WHOLE}; exit 0").outcomes], [True, True])
        self.assertEqual([outcome.category for outcome in self.replay(f"{FAILED}; exit 1").outcomes], ["sound", "violation"])

    def test_a_last_line_without_its_end_is_none_and_its_input_is_booted_again(self):
        once = self.own("once")
        replay = self.replay(f'if mkdir {once} 2>/dev/null; then "$REAL" "$@" | head -c 60; else "$REAL" "$@"; fi')
        self.assertEqual(([outcome.sound for outcome in replay.outcomes], replay.boots), ([True, True], 2))

    def test_an_emulator_whose_child_holds_its_standard_error_is_not_waited_for(self):
        replay = self.replay('"$REAL" "$@"; code=$?; sleep 1000 >&- & exit $code')
        self.assertEqual([outcome.sound for outcome in replay.outcomes], [True, True])
        self.end_sleepers()

    def expect_code_3(self, script, *texts):
        """Requires code 3 and one line on standard error of kmemfuzz board with an emulator that is this script."""
        result = self.run_target("--configuration", "rv64", "--watchdog", "0.1", *self.programs,
                                 environment=self.fake_emulator(script))
        self.expect(result, 3, *texts)
        self.assertEqual((result.stdout, result.stderr.count("\n")), ("", 1), result.stderr)

    def test_the_command_ends_with_code_3_and_one_line(self):
        self.expect_code_3("echo ERROR 5; exit 5", "kmemfuzz board: rv64: the image's output cannot be trusted: ")
        self.expect_code_3(f"{WHOLE}; exit 7", "kmemfuzz board: rv64: the image's output cannot be trusted: ")
        self.expect_code_3(f"{PROGRAM} 'V 1 5 no-such-oracle 0 0 0 a' 'END 2 1 1 0 0 0'; exit 1",
                           "kmemfuzz board: rv64: the image's output cannot be trusted: there is no oracle 'no-such-oracle'")

    def test_what_the_emulator_of_a_sound_replay_says_is_repeated_and_changes_nothing(self):
        environment = self.fake_emulator('printf "warning: \\033[31mold\\n" >&2; exec "$REAL" "$@"')
        result = self.run_target("--configuration", "rv64", *self.programs, environment=environment)
        self.expect(result, 0, "all sound")
        self.assertEqual(result.stderr, "kmemfuzz board: rv64: the emulator says: 'warning: \\x1b[31mold'\n")

    def test_a_request_to_end_is_answered_while_a_child_of_the_emulator_holds_the_pipes(self):
        for leave in ("", "setsid "):  # in the emulator's group, and not
            note = self.own("note")
            environment = self.fake_emulator(f"{leave}sleep 1000 & touch {note}; exit 0")
            command = target_command("--configuration", "rv64", "--watchdog", "100", *self.programs)
            with subprocess.Popen(command, cwd=TREE, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                  text=True) as process:
                wait_until(note.exists, "the emulator")
                note.unlink()
                process.send_signal(signal.SIGTERM)
                self.assertEqual(process.communicate(timeout=TIMEOUT), ("", "kmemfuzz board: interrupted\n"))
            self.assertEqual(process.returncode, 3)
            self.end_sleepers()


class Children(unittest.TestCase):
    """Any program that is run."""

    def test_a_program_that_does_not_end_in_time_is_an_error_that_names_it(self):
        for script in ("sleep 1000", "sleep 1000 & exit 0", "exec >&- 2>&-; sleep 1000", "while echo; do :; done"):
            with self.subTest(script=script), self.assertRaises(TimeoutError) as caught:
                child.run(["bash", "-c", script], 0.2)
            self.assertEqual(str(caught.exception), "bash did not end within 0.2 s")

    def test_code_and_outputs_are_as_the_program_left_them(self):
        result = child.run(["bash", "-c", "echo out; printf 'err\\377' >&2; exit 5"], TIMEOUT)
        self.assertEqual((result.returncode, result.stdout, result.stderr), (5, "out\n", "err\udcff"))
        self.assertEqual(len(child.run(["head", "-c", "1000000", "/dev/zero"], TIMEOUT).stdout), 1000000)


class Names(TargetTest):
    """Names of programs that a terminal or a reader of JSON would take for something else."""

    NAMES = (b"bad\xff.ops", b"line\nrv64  9 inputs: all sound.ops", b"\033]0;title\a.ops", "\u202espo.ops".encode(), b"it's.ops")
    SHOWN = ("bad\\xff.ops", "line\\nrv64  9 inputs: all sound.ops", "\\x1b]0;title\\x07.ops", "\\u202espo.ops", "it's.ops")

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        folder = cls.folder / "names"
        folder.mkdir()
        for name in cls.NAMES:
            (folder / os.fsdecode(name)).write_text(SOUND, encoding="ascii")
        cls.blob_paths = folder

    def change_digests(self):
        """An environment in which each verdict of the board differs from the host's."""
        return self.fake_emulator("\"$REAL\" \"$@\" | sed -E 's/^(V .*)[0-9a-f]$/\\1g/; y/g/1/; s/^(V .*)..$/\\1ff/'")

    def test_a_finding_of_any_name_is_shown_in_one_line_and_its_command_can_be_copied(self):
        shown = {"PYTHONIOENCODING": self.SHOWN, "LC_ALL": (*self.SHOWN[:3], "\\xe2\\x80\\xaespo.ops", self.SHOWN[4])}
        for environment in ({"PYTHONIOENCODING": "ascii"}, {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}):
            result = self.run_target("--configuration", "rv64", self.blob_paths,
                                     environment=dict(self.change_digests(), **environment))
            self.expect(result, 1, *(f"{self.blob_paths}/{shown} on rv64: DIFFERENCE" for shown in shown[next(iter(environment))]))
            self.assertTrue(all(line.isprintable() for line in result.stdout.split("\n")))
        for line in result.stdout.splitlines():
            if line.startswith("  replay"):
                word = line.partition("--configuration rv64 ")[2]
                self.assertTrue(subprocess.run(["bash", "-c", f"test -f {word}"], check=False).returncode == 0, line)

    def test_json_of_findings_of_any_name_is_valid_and_free_of_surrogates(self):
        result = self.run_target("--json", "--configuration", "rv64", self.blob_paths, environment=self.change_digests())
        self.expect(result, 1)
        files = {finding["file"].rpartition("/")[2] for finding in json.loads(result.stdout)["findings"]}
        self.assertEqual(files, {os.fsdecode(name).replace("\udcff", "\\xff") for name in self.NAMES})
        json.dumps(json.loads(result.stdout), ensure_ascii=False).encode()

    def test_wrong_arguments_of_any_name_are_repeated_in_one_line(self):
        for name, shown in zip(self.NAMES[:4], self.SHOWN):
            result = subprocess.run([*target_command(), os.path.join(os.fsencode(self.folder), name)], cwd=TREE,
                                    env=self.marked, capture_output=True, text=True, check=False)
            self.assertEqual((result.returncode, result.stderr), (3, f"kmemfuzz board: there is no {self.folder}/{shown}\n"))

    def test_a_working_folder_that_cannot_be_made_is_named(self):
        tree = self.own("tree")
        (tree / "build").mkdir(parents=True)
        (tree / "build/target").write_text("a file", encoding="ascii")
        result = subprocess.run(target_command(self.write("sound.ops", SOUND)), cwd=tree,
                                env=self.marked, capture_output=True, text=True, check=False)
        self.expect(result, 3, "kmemfuzz board: build/target cannot be made or written to")
        self.assertEqual(result.stderr.count("\n"), 1)
