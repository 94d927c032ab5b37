"""What a board of the user's own has printed is judged by the host's verdicts, and is sound only when nothing is missing. Needs the
builds release and rv64."""

import contextlib
import json
import subprocess

from board_fixture import HEAP, KMEMFUZZ, SOUND, TIMEOUT, TREE, TargetTest, image_of, target_command
# pylint: disable=wrong-import-order
from kmemfuzz import board, board_log, packed_corpus

COUNT = 6  # programs of the corpus here


class BoardLog(TargetTest):
    needs = ["build/rv64/replay.elf"]

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.names = [str(cls.write(f"programs/{i}.ops", SOUND + f"alloc 2 {8 * i}\n" * i)) for i in range(COUNT)]
        cls.blob = cls.folder / "corpus.blob"
        subprocess.run([KMEMFUZZ, "pack", *cls.names, "-o", cls.blob], check=True, capture_output=True)
        cls.lines = list(board.Boot(board.boot_command(image_of("rv64"), cls.blob), TIMEOUT).lines())
        assert cls.lines[0] == f"BOOT 1 64 {COUNT} 0 {COUNT}" and cls.lines[-1] == f"END {COUNT} {COUNT} 0 0 0 0"

    def judge(self, content, *more):
        """What is said of a capture: lines, or bytes."""
        if not isinstance(content, bytes):
            content = "".join(f"{line}\n" for line in content).encode()
        self.write(self.own("capture.txt"), content)
        return self.run_target("--log", self.own("capture.txt"), self.blob, *more)

    def on_board(self, index):
        """What the explanation of a finding begins with."""
        return f"{self.names[index]} on {self.own('capture.txt')}: "

    def changed(self, index, line):
        """The capture with another line for an input, and an END line that counts it."""
        lines = [*self.lines]
        lines[1 + index] = line
        category = {"V": 1, "F": 2, "H": 3}[line[0]]
        counts = [COUNT, COUNT - 1, 0, 0, 0, 0]
        counts[category + 1] = 1
        return [*lines[:-1], f"END {' '.join(map(str, counts))}"]

    def require_sound(self, content, *texts):
        """Requires that a capture is found whole and sound."""
        result = self.judge(content)
        self.expect(result, 0, f"capture.txt  {COUNT} inputs, ", "all sound, digests equal the host's", *texts)

    def require_incomplete(self, content, *texts):
        """Requires that a capture without findings is not green, and these words about it."""
        result = self.judge(content)
        self.expect(result, 3, "capture.txt  incomplete: ", "capture.txt is incomplete: ", *texts)

    # Whole.

    def test_a_whole_capture_is_sound(self):
        self.require_sound(self.lines, "(64 bits, 1 start, 0 other lines)")

    def test_the_programs_may_be_named_instead_of_their_blob(self):
        path = self.write(self.own("capture.txt"), "\n".join(self.lines))
        self.expect(self.run_target("--log", path, self.folder / "programs"), 0, "all sound")
        piped = subprocess.run(target_command("--log", "-", self.blob), cwd=TREE, input="\n".join(self.lines), env=self.marked,
                               capture_output=True, text=True, check=False, timeout=TIMEOUT)
        self.expect(piped, 0, f"-  {COUNT} inputs", "all sound")

    def test_what_a_uart_and_a_terminal_add_changes_nothing(self):
        for name, content in {
                "CR LF": "".join(f"{line}\r\n" for line in self.lines).encode(),
                "CR CR LF": "".join(f"{line}\r\r\n" for line in self.lines).encode(),
                "LF CR": "".join(f"{line}\n\r" for line in self.lines).encode(),
                "a time": "".join(f"[  12.{i:03}] {line}\n" for i, line in enumerate(self.lines)).encode(),
                "a level and colours": "".join(f"\033[32mI (314) kmem:{line} \033[0m\r\n" for line in self.lines).encode(),
                "NUL": b"\0\0" + b"".join(f"{line}\n\0".encode() for line in self.lines),
                "garbage at power on": b"\xff\xfe\x80~x\x01" + "".join(f"{line}\n" for line in self.lines).encode(),
                "no newline at the end": "\n".join(self.lines).encode(),
        }.items():
            with self.subTest(name):
                self.require_sound(content)

    def test_lines_of_the_firmware_in_between_are_counted_and_passed_over(self):
        lines = ["U-Boot 2024.01", *(text for line in self.lines for text in (line, "V: 3.3", "END of frame", "F 1")), "$ "]
        self.require_sound(lines, f"{1 + 3 * len(self.lines) + 1} other lines")

    # Not whole.

    def test_a_capture_that_ends_early_says_after_how_many_inputs_and_what_comes_next(self):
        for kept in range(COUNT):
            with self.subTest(kept=kept):
                self.require_incomplete(self.lines[:1 + kept], f"it ends after {kept} of {COUNT} inputs; the next is {self.names[kept]}")
        self.require_incomplete(self.lines[:-1], "its END line is missing")

    def test_a_cut_at_any_byte_is_never_sound(self):
        content = "\n".join(self.lines).encode()
        with contextlib.chdir(TREE):
            packed, host = packed_corpus.Corpus(self.blob, self.folder, KMEMFUZZ), packed_corpus.replay_on_host(self.blob)
        whole = [size for size in range(1 + len(content))
                 if board_log.Judgement(board_log.Capture("capture", content[:size]), packed, host).code == 0]
        self.assertEqual(whole, [len(content)])

    def test_a_last_line_without_an_end_is_not_believed(self):
        content = "\n".join(self.lines[:4]).encode()
        self.require_incomplete(content, f"it ends after 2 of {COUNT} inputs", f"is not believed: '{self.lines[3]}'")

    def test_lines_that_were_lost_or_damaged_in_the_middle_are_named(self):
        for index in range(COUNT - 1):
            lines = [*self.lines]
            lines[1 + index] = lines[1 + index][:7] + "\x15"
            self.require_incomplete(lines, f"1 of {COUNT} inputs has no line: {index}, counted from 0; the first is {self.names[index]}",
                                    f"line {2 + index}: cut or damaged: '{lines[1 + index][:7]}\\x15'")
        del lines[2:4]
        self.require_incomplete(lines, f"3 of {COUNT} inputs have no line: 1 to 2, 4, counted from 0")

    def test_a_digest_that_lost_its_end_is_no_difference(self):
        lines = [*self.lines[:3], self.lines[3][:-2], *self.lines[4:]]
        self.require_incomplete(lines, f"1 of {COUNT} inputs has no line: 2", f"line 4: cut or damaged: '{lines[3]}'")

    def test_two_lines_that_ran_into_one_are_not_both_believed(self):
        lines = [*self.lines[:2], self.lines[2] + self.lines[3], *self.lines[4:]]
        self.assertEqual(self.judge(lines).returncode, 3)

    def test_an_end_that_counts_something_else_is_no_end(self):
        for end in (f"END {COUNT} {COUNT - 1} 1 0 0 0", f"END {COUNT + 1} {COUNT + 1} 0 0 0 0"):
            self.require_incomplete([*self.lines[:-1], end], f"its END line counts {end[4:]}, and the lines before it {self.lines[-1][4:]}")

    def test_a_start_that_is_missing_is_no_loss(self):
        self.require_sound(self.lines[1:], "(1 start, 0 other lines)")

    def test_what_the_board_says_is_wrong_is_repeated(self):
        result = self.judge(["ERROR 36 the blob is damaged: its checksum is wrong"])
        self.expect(result, 3, "line 1: the board says: 'ERROR 36 the blob is damaged: its checksum is wrong'")

    # Started again.

    def test_a_board_that_started_again_and_then_ran_all_is_sound_and_the_start_is_told(self):
        self.require_sound([*self.lines[:3], *self.lines], f"line 4: the board started again when input 2 was due, {self.names[2]}", "2 starts")
        self.require_sound([*self.lines, *self.lines[:3]], "2 starts")

    def test_a_board_that_starts_again_and_again_at_an_input_is_killed_by_it(self):
        part = self.lines[:3]
        self.require_incomplete([*part, *part], f"line 4: the board started again when input 2 was due, {self.names[2]}")
        result = self.judge([*part, *part, *part])
        self.expect(result, 1, f"{self.on_board(2)}DEAD: ", "the board started again 2 times when this input was due",
                    f"incomplete: 3 of {COUNT} inputs", "1 dead")

    def test_a_start_without_its_first_line_is_noticed(self):
        self.require_sound([*self.lines[:3], *self.lines[1:]], "2 starts")

    def test_an_input_that_is_not_the_same_twice_is_a_difference(self):
        other = [line.replace("V 1 ", "V 1 ")[:-1] + ("0" if line[-1] != "0" else "1") if line.startswith("V 1 ") else line
                 for line in self.lines]
        for content in ([*self.lines, *other], [*other, *self.lines]):
            self.expect(self.judge(content), 1, f"{self.on_board(1)}DIFFERENCE", "1 difference")

    # Findings.

    def test_a_digest_that_is_not_the_hosts_is_a_difference(self):
        words = self.lines[4].split(" ")
        result = self.judge([*self.lines[:4], " ".join([*words[:-1], "abc"]), *self.lines[5:]])
        self.expect(result, 1, f"{self.on_board(3)}DIFFERENCE: sound on both machines, but not the same",
                    f"  board      {words[2]} operations, digest 0000000000000abc", f"  host       sound, digest {words[-1]:0>16}",
                    f"{self.names[3]} -o alone.blob --c alone.c", f"capture.txt  {COUNT} inputs", "1 difference")

    def test_a_violation_a_fault_and_a_hang_are_explained_in_the_words_of_the_boards(self):
        for line, title, detail in (("V 2 2 guards 20 30 40 abc", "VIOLATION guards: The guard bytes", "  operation  1: realloc 0 100"),
                                    ("F 2 0 7 18 80001234 80001238 80049000", "FAULT store access fault", "  operation  0: alloc 0 24"),
                                    ("H 2 2 80001234 80001238 80049000", "HANG: stopped by the watchdog", "  operation  2: alloc 1 8")):
            with self.subTest(line=line):
                result = self.judge(self.changed(2, line))
                self.expect(result, 1, f"{self.on_board(2)}{title}", detail, ": only the target fails")
                self.assertNotIn("incomplete", result.stdout + result.stderr)

    def test_a_failed_assertion_is_a_finding_about_the_program_that_was_due(self):
        result = self.judge([*self.lines[:4], "ERROR 28 a failed assertion in heap.c, line 53: size != 24"])
        self.expect(result, 1, f"{self.on_board(3)}DEAD: ", "  because    a failed assertion in heap.c, line 53: size != 24",
                    f"incomplete: 4 of {COUNT} inputs", "1 dead")
        self.require_incomplete([*self.lines[:4], "ERROR 27 something else"], f"it ends after 3 of {COUNT} inputs")

    def test_a_finding_in_a_capture_that_is_incomplete_is_still_one(self):
        result = self.judge(self.changed(2, "V 2 2 guards 20 30 40 abc")[:5])
        self.expect(result, 1, "VIOLATION guards", f"incomplete: 4 of {COUNT} inputs", "1 violation", f"it ends after 4 of {COUNT} inputs")

    def test_an_input_that_the_board_has_no_memory_for_is_counted_and_no_difference(self):
        lack = "V 2 0 no-memory 0 2000 1000 0"
        self.require_sound([*self.lines[:3], lack, *self.lines[4:]], "; 1 not run, as the board lacks the memory",
                           "the largest program not run needs 8,192 bytes, and 4,096 are there")
        none = [lack.replace("2", str(i), 1) for i in range(COUNT)]
        self.require_incomplete([self.lines[0], *none, self.lines[-1]], "the board ran none of the programs")

    def test_many_findings_are_explained_up_to_a_number(self):
        bad = [f"V {i} 1 guards 0 0 0 0" for i in range(12)]
        blob = self.pack(*[HEAP + "alloc 0 8\n"] * 12)
        path = self.write(self.own("capture.txt"), "\n".join(["BOOT 1 64 12 0 12", *bad, "END 12 0 12 0 0 0"]))
        self.expect(self.run_target("--log", path, blob), 1, "... and 2 more on ", "12 violations")

    # As JSON.

    def test_json_says_the_same(self):
        whole = json.loads(self.judge(self.lines, "--json").stdout)
        self.assertEqual((whole["log"]["complete"], whole["log"]["missing"], whole["findings"], whole["log"]["xlen"]), (True, [], [], 64))
        result = self.judge(self.changed(2, "V 2 2 guards 20 30 40 abc")[:5], "--json")
        self.assertEqual((result.returncode, result.stderr), (1, ""))
        part = json.loads(result.stdout)
        self.assertEqual((part["log"]["complete"], part["log"]["missing"], part["log"]["violations"]), (False, [4, 5], 1))
        self.assertIn(f"it ends after 4 of {COUNT} inputs", part["log"]["remarks"][0])
        finding, = part["findings"]
        self.assertEqual((finding["index"], finding["file"], finding["target"]["oracle"], finding["host"]["kind"]),
                         (2, self.names[2], "guards", "sound"))

    def test_the_page_shows_what_is_said_of_its_capture(self):
        page = (TREE / "docs/your-board.md").read_text(encoding="utf-8")
        capture = page.partition("```text file=capture.txt\n")[2].partition("```")[0]
        shown = page.partition("$ kmemfuzz board --log capture.txt corpus.blob\n")[2].partition("```")[0]
        blob = self.pack(*[TREE / f"corpus/seeds/{name}.ops" for name in ("growth", "first_fit", "realloc_moves")])
        result = self.run_target("--log", self.write(self.own("capture.txt"), capture), blob)
        said = (result.stdout + result.stderr).replace(f"{self.own('capture.txt')}", "capture.txt").replace(f"{TREE}/", "")
        self.assertEqual((result.returncode, said), (3, shown))

    # Wrong.

    def test_a_capture_of_another_blob_or_of_none_is_wrong_usage(self):
        other = [line.replace(f" {COUNT}", f" {COUNT + 1}") for line in self.lines]
        self.expect(self.judge(other), 2, f"line 1 speaks of {COUNT + 1} inputs, and ", f"has {COUNT} inputs: the board has run another blob")
        self.expect(self.judge([f"V {COUNT} 5 - 0 0 0 a"]), 2, f"it has a line for input {COUNT}, counted from 0")
        self.expect(self.judge([line.replace(" - ", "9 - ") for line in self.lines]), 2, "6 of 6 sound inputs have another number of operations")
        self.expect(self.judge(["BOOT 2" + self.lines[0][6:], *self.lines[1:]]), 2, "its lines are of format 2, and this command reads 1")
        for content in (b"", b"\0" * 1000, b"hello\n", "\n".join(f"V{line}" for line in self.lines).encode()):
            self.expect(self.judge(content), 2, "capture.txt has no line of a replay in it")

    def test_an_unknown_oracle_is_not_believed(self):
        self.expect(self.judge(self.changed(2, "V 2 2 no-such-oracle 20 30 40 abc")), 3, "there is no oracle 'no-such-oracle'")

    def test_wrong_arguments(self):
        self.expect(self.judge(self.lines, "--configuration", "rv64"), 2, "--log is about your own board")
        self.expect(self.run_target("--log", "none.txt", self.blob), 3, "--log none.txt: there is no such file")
        self.expect(self.run_target("--log", self.write(self.own("c"), "V"), self.write(self.own("b"), b"KMEMBLOB")), 2, "cut short")
