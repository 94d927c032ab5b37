"""The sanitizers of a board must see what they are there to see, say where it was, and leave the next input alone. Needs
the builds release, dev, rv64-sanitized and rv32-sanitized; ./ci/test target sees to them."""

import json
import re
import subprocess
import unittest

from board_fixture import HEAP, SANITIZED, SOUND, TREE, TargetTest, findings_about
from compilers import NM
# pylint: disable=wrong-import-order
from kmemfuzz import board, sanitizer

MISUSE = TREE / "fuzz/subjects/misuse.c"
MISUSE_REQUEST = 0xfb0000  # as in fuzz/subjects/misuse.h
KEEP_FRAMES = 8  # IMAGE_KEEP_FRAMES in fuzz/board/image.h

# Every kind of misuse, and what is found: AddressSanitizer's error and the access, or UBSan's error.
POISON, STACK, GLOBAL = "use-after-poison", "stack-buffer-overflow", "global-buffer-overflow"
EXPECTED = {
    "HEAP_WRITE_PAST": f"{POISON}, write of 1 byte",
    "HEAP_READ_PAST": f"{POISON}, read of 1 byte",
    "HEAP_WRITE_PAST_SLACK": f"{POISON}, write of 1 byte",
    "HEAP_WRITE_HEADER": f"{POISON}, write of 1 byte",
    "HEAP_READ_HEADER": f"{POISON}, read of 8 bytes",
    "HEAP_WRITE_TWO": f"{POISON}, write of 2 bytes",
    "HEAP_READ_TWO": f"{POISON}, read of 2 bytes",
    "HEAP_WRITE_STRADDLING": f"{POISON}, write of 4 bytes",
    "HEAP_READ_STRADDLING": f"{POISON}, read of 4 bytes",
    "HEAP_WRITE_FREED": f"{POISON}, write of 1 byte",
    "HEAP_READ_FREED": f"{POISON}, read of 1 byte",
    "HEAP_WRITE_MOVED": f"{POISON}, write of 1 byte",
    "HEAP_WRITE_SHRUNK": f"{POISON}, write of 1 byte",
    "HEAP_WRITE_FREE_SPACE": f"{POISON}, write of 1 byte",
    "HEAP_FREE_TWICE": "sound",
    "MEMSET_PAST": f"{POISON}, write of 14 bytes",
    "MEMCPY_TO_PAST": f"{POISON}, write of 14 bytes",
    "MEMCPY_FROM_PAST": f"{POISON}, read of 14 bytes",
    "MEMMOVE_PAST": f"{POISON}, read of 13 bytes",
    "STACK_WRITE_PAST": f"{STACK}, write of 1 byte",
    "STACK_READ_PAST": f"{STACK}, read of 1 byte",
    "STACK_WRITE_BEFORE": "stack-buffer-underflow, write of 1 byte",
    "STACK_WRITE_PAST_LARGE": f"{STACK}, write of 1 byte",
    "STACK_OUT_OF_SCOPE": "stack-use-after-scope, write of 1 byte",
    "STACK_SCRATCH": "sound",
    "GLOBAL_WRITE_PAST": f"{GLOBAL}, write of 1 byte",
    "GLOBAL_READ_PAST": f"{GLOBAL}, read of 1 byte",
    "CONSTANT_READ_PAST": f"{GLOBAL}, read of 1 byte",
    "WILD_READ": sanitizer.WILD,
    "WILD_WRITE": sanitizer.WILD,
    "WILD_MEMSET": sanitizer.WILD,
    "ADD_OVERFLOW": "add-overflow",
    "ADD_OVERFLOW_WIDE": "add-overflow",
    "SUB_OVERFLOW": "sub-overflow",
    "MUL_OVERFLOW": "mul-overflow",
    "NEGATE_OVERFLOW": "negate-overflow",
    "DIVISION_BY_ZERO": "divrem-overflow",
    "DIVISION_OVERFLOW": "divrem-overflow",
    "SHIFT_EXPONENT": "shift-out-of-bounds",
    "SHIFT_BASE": "shift-out-of-bounds",
    "ARRAY_INDEX": "out-of-bounds",
    "BOOL_VALUE": "invalid-value",
    "NULL_READ": "null-pointer",
    "NULL_WRITE": "null-pointer",
    "NULL_MEMBER": "null-pointer",
    "NULL_OFFSET": "pointer-overflow",
    "MISALIGNED_READ": "misaligned-pointer",
    "MISALIGNED_WRITE": "misaligned-pointer",
    "OBJECT_TOO_SMALL": "insufficient-space",
    "POINTER_OVERFLOW": "pointer-overflow",
    "ASSUMED_ALIGNMENT": "alignment-assumption",
    "FUNCTION_TYPE": "function-type-mismatch",
    "NONNULL_ARGUMENT": "nonnull-argument",
    "NONNULL_RETURN": "nonnull-return",
    "BUILTIN_ZERO": "invalid-builtin",
    "UNREACHABLE": "unreachable",
}

# What the report says of the operands.
VALUES = {
    "ADD_OVERFLOW": "2147483647 + 1, type 'int'",
    "ADD_OVERFLOW_WIDE": "-9223372036854775808 + -1, type 'int64_t' (aka 'long",
    "SUB_OVERFLOW": "-2147483648 - 1, type 'int'",
    "MUL_OVERFLOW": "2147483647 * 2, type 'int'",
    "NEGATE_OVERFLOW": "-(-2147483648), type 'int'",
    "DIVISION_BY_ZERO": "1 divided by 0, type 'int'",
    "DIVISION_OVERFLOW": "-2147483648 divided by -1, type 'int'",
    "SHIFT_EXPONENT": "1 shifted by 32 places, type 'int'",
    "SHIFT_BASE": "2147483647 shifted by 1 place, type 'int'",
    "ARRAY_INDEX": "index 14, type 'const unsigned char[13]'",
    "BOOL_VALUE": "2, type 'const bool'",
    "NULL_READ": "load of 'const int'",
    "NULL_WRITE": "store of 'int'",
    "NULL_MEMBER": "member-access of 'struct pair'",
    "NULL_OFFSET": "0x0 became 0x1",
    "MISALIGNED_READ": "at 0x80400159, not a multiple of 4",
    "MISALIGNED_WRITE": "at 0x80400159, not a multiple of 4",
    "OBJECT_TOO_SMALL": "where there is less",
    "POINTER_OVERFLOW": "0x80400158 became 0x8040014a",
    "ASSUMED_ALIGNMENT": "0x80400159 is not a multiple of 8, type 'void *'",
    "FUNCTION_TYPE": "type 'int (*)(const struct pair *)'",
    "NONNULL_ARGUMENT": "argument 1 is NULL",
    "NONNULL_RETURN": "NULL returned",
    "BUILTIN_ZERO": "a builtin that has no answer for 0",
    "UNREACHABLE": "a place that is never reached was",
}

# The misused line is not in the function of the kind, but in one it calls.
ELSEWHERE = {"NONNULL_RETURN": "give"}


def misuse_kinds():
    """The kinds of misuse, in the order of fuzz/subjects/misuse.h."""
    return re.findall(r"X\((\w+), ?\\?\s*\"", (TREE / "fuzz/subjects/misuse.h").read_text(encoding="utf-8"))


def misuse_program(kind):
    """A program that commits this misuse in operation 2."""
    return HEAP + f"alloc 0 24\nalloc 1 40\nalloc 2 {MISUSE_REQUEST + misuse_kinds().index(kind)}\nfree 0\n"


def lines_of(kind):
    """The lines of the function that commits a kind of misuse, as a range."""
    name = ELSEWHERE.get(kind, f"MISUSE({kind})")
    lines = MISUSE.read_text(encoding="utf-8").splitlines()
    first = next(i for i, line in enumerate(lines, 1) if name in line and line.endswith("{"))
    return range(first, next(i for i, line in enumerate(lines, 1) if i > first and line == "}"))


class MisuseTest(TargetTest):
    """Programs that commit misuse, and what the boards say of them."""

    needs = ["build/dev/kmem_misuse", *(f"build/{name}/misuse.elf" for name in SANITIZED)]

    @classmethod
    def run_misuse(cls, *arguments):
        """Runs kmemfuzz board on the misuse image, without its builds."""
        return cls.run_target("--image", "misuse", *arguments)

    def outcomes(self, configuration, programs, flags=0):
        """What one boot of the misuse image says of programs."""
        blob = self.pack(*programs)
        image = board.Image(board.Configuration(configuration, configuration, "misuse"), TREE)
        reader = board.Reader(0, len(programs), sanitized=True)
        for line in board.Boot(board.boot_command(image, blob, flags=flags), 10).lines():
            reader.take(line)
        self.assertEqual(len(reader.outcomes), len(programs), reader.error)
        return reader.outcomes


class Misuse(MisuseTest):
    """Every kind of misuse, each followed by a sound program; one run on both boards."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        for kind in misuse_kinds():
            cls.write(f"misuse/{kind}.1.ops", misuse_program(kind))
            cls.write(f"misuse/{kind}.2.ops", SOUND)
        result = cls.run_misuse("--json", cls.folder / "misuse")
        assert result.returncode == 1, result.stderr
        cls.report = json.loads(result.stdout)

    def finding(self, configuration, kind):
        """The one finding about a kind; None when there is none."""
        found = findings_about(self.report, configuration, kind)
        self.assertLessEqual(len(found), 1, f"{kind} on {configuration}: {found}")
        return found[0] if found else None

    def test_every_kind_of_misuse_is_expected_here(self):
        self.assertEqual(misuse_kinds(), list(EXPECTED))

    def test_each_is_found_for_what_it_is_with_its_input_and_operation(self):
        for configuration in SANITIZED:
            for kind, expected in EXPECTED.items():
                with self.subTest(configuration=configuration, kind=kind):
                    finding = self.finding(configuration, kind)
                    if expected == sanitizer.SOUND:
                        self.assertIsNone(finding)
                        continue
                    self.assertEqual(finding["finding"].split(" at ")[0], expected)
                    self.assertEqual(finding["operation"], 2)
                    self.assertEqual(finding["kind"], "fault" if kind in ("WILD_READ", "WILD_WRITE") else "report")

    def test_undefined_behaviour_is_found_in_the_line_it_is_in(self):
        for configuration in SANITIZED:
            for kind in VALUES:
                with self.subTest(configuration=configuration, kind=kind):
                    file, line, _ = self.finding(configuration, kind)["finding"].split(" at ")[1].split(":")
                    self.assertEqual(file, "fuzz/subjects/misuse.c")
                    self.assertIn(int(line), lines_of(kind))

    def test_a_bad_access_is_found_in_the_function_it_is_in(self):
        for configuration in SANITIZED:
            image = board.Image(board.Configuration(configuration, configuration, "misuse"), TREE)
            for kind, expected in EXPECTED.items():
                if kind not in VALUES and expected != sanitizer.SOUND:
                    with self.subTest(configuration=configuration, kind=kind):
                        counter = int(self.finding(configuration, kind)["target"]["program_counter"], 16)
                        self.assertIn(f"misuse_{kind}", image.place(counter - 1))

    def test_the_inputs_that_follow_still_run_and_are_sound_in_one_boot(self):
        sound = sum(expected == sanitizer.SOUND for expected in EXPECTED.values())
        for figures in self.report["configurations"]:
            self.assertEqual(figures["inputs"], 2 * len(EXPECTED))
            self.assertEqual(figures["sound"], len(EXPECTED) + sound)
            self.assertEqual(figures["boots"], 1)

    def test_the_replay_image_takes_the_same_requests_for_the_refusals_they_are(self):
        result = self.run_target("--configuration", "rv64-sanitized", self.folder / "misuse")
        self.assertEqual(result.returncode, 0, result.stdout)

    def test_everything_that_the_run_time_has_for_the_compiler_is_used_by_some_kind(self):
        for configuration in SANITIZED:
            library = TREE / f"build/{configuration}/src/riscv/libkmem_sanitizer.a"
            output = subprocess.run([NM, "--defined-only", "--extern-only", "--just-symbol-name", library],
                                    check=True, capture_output=True, text=True).stdout
            entries = {name for name in output.splitlines() if name.startswith(("__asan_", "__ubsan_"))}
            self.assertGreater(len(entries), 30)
            image = board.Image(board.Configuration(configuration, configuration, "misuse"), TREE)
            self.assertEqual(entries - set(image.symbols), set())  # the linker drops what nothing calls


class Frames(MisuseTest):
    """Frames that are given up with an input."""

    PROGRAMS = ([misuse_program("STACK_WRITE_PAST_LARGE")] + [misuse_program("STACK_SCRATCH")] * 300)

    def test_the_stack_of_an_input_that_was_given_up_is_clean_for_hundreds_of_others(self):
        for configuration in SANITIZED:
            outcomes = self.outcomes(configuration, self.PROGRAMS)
            self.assertEqual(sanitizer.finding_of_board(outcomes[0]), f"{STACK}, write of 1 byte")
            self.assertTrue(all(outcome.sound for outcome in outcomes[1:]))

    def test_without_the_cleaning_the_next_input_would_be_blamed(self):
        for configuration in SANITIZED:
            outcomes = self.outcomes(configuration, self.PROGRAMS, flags=KEEP_FRAMES)
            self.assertIn("stack-buffer", sanitizer.finding_of_board(outcomes[1]))

    def test_the_heap_of_an_input_that_was_given_up_is_poison_again_for_the_next(self):
        for configuration in SANITIZED:
            outcomes = self.outcomes(configuration, [misuse_program("HEAP_WRITE_PAST")] * 20 + [SOUND])
            findings = [sanitizer.finding_of_board(outcome) for outcome in outcomes]
            self.assertEqual(findings, [EXPECTED["HEAP_WRITE_PAST"]] * 20 + [sanitizer.SOUND])


class Reports(MisuseTest):
    """What a person is shown."""

    def expect_report(self, configuration, kind, *texts):
        """Requires texts in the report of a kind."""
        result = self.run_misuse("--configuration", configuration, self.write(f"{kind}.ops", misuse_program(kind)))
        self.expect(result, 1)
        for text in texts:
            self.assertIn(text, result.stdout)

    def test_a_write_past_a_payload_is_shown_with_address_shadow_function_and_line(self):
        line = next(i for i, text in enumerate(MISUSE.read_text(encoding="utf-8").splitlines(), 1)
                    if text.endswith("hide_pointer(address) = 1;"))
        for configuration in SANITIZED:
            self.expect_report(configuration, "HEAP_WRITE_PAST", f"on {configuration}: SANITIZER use-after-poison: a write of 1 byte",
                        "operation  2: alloc 2", "address    0x80400165, in the arena, 0x165 from its base",
                        "shadow     05: only the first 5 of these 8 bytes may be accessed; after them: a block's header",
                        "0x80400100  f7 00 00 00 f7 00 00 00 00 00 f7 00[05]f7 f7 f7",
                        f"write_at (fuzz/subjects/misuse.c:{line}), inlined in misuse_HEAP_WRITE_PAST",
                        "called by", "misuse (fuzz/subjects/misuse.c:",
                        "its sanitizers say the same: use-after-poison, write of 1 byte",
                        f"kmemfuzz board --configuration {configuration} --image misuse")

    def test_a_memory_function_is_shown_with_the_first_byte_that_is_bad(self):
        self.expect_report("rv64-sanitized", "MEMCPY_FROM_PAST", "a read of 14 bytes", "first bad  0x80400165, 13 bytes in")

    def test_an_address_without_shadow_is_shown_as_what_it_was_to_be_the_shadow_of(self):
        self.expect_report("rv32-sanitized", "WILD_READ", "FAULT load access fault",
                    "shadow of  0x18 to 0x1f, in the first pages, NULL among them",
                    "its sanitizers say the same: wild access")

    def test_undefined_behaviour_is_shown_with_its_operands_and_its_line(self):
        for configuration in SANITIZED:
            self.expect_report(configuration, "ADD_OVERFLOW_WIDE", VALUES["ADD_OVERFLOW_WIDE"], "line       fuzz/subjects/misuse.c:",
                        "its sanitizers say the same: add-overflow at fuzz/subjects/misuse.c:")

    def test_the_operands_of_every_kind_are_told(self):
        kinds = list(VALUES)
        for configuration in SANITIZED:
            for kind, outcome in zip(kinds, self.outcomes(configuration, [misuse_program(kind) for kind in kinds])):
                with self.subTest(configuration=configuration, kind=kind):
                    self.assertIn(VALUES[kind], sanitizer.title(outcome))


class HostFindings(unittest.TestCase):
    """What the host's sanitizers print is read for what it says."""

    def test_an_oracles_violation(self):
        self.assertEqual(sanitizer.finding_of_host("x.ops: VIOLATION free-merged: No two\n==1==ERROR: AddressSanitizer: ABRT on"),
                         "free-merged")

    def test_an_access(self):
        output = "==1==ERROR: AddressSanitizer: use-after-poison on address 0x7f at pc 0x5\nREAD of size 8 at 0x7f thread T0\n"
        self.assertEqual(sanitizer.finding_of_host(output), "use-after-poison, read of 8 bytes")

    def test_a_wild_access(self):
        self.assertEqual(sanitizer.finding_of_host("==1==ERROR: AddressSanitizer: SEGV on unknown address"), sanitizer.WILD)

    def test_undefined_behaviour_in_a_copy_of_the_core_is_in_the_core(self):
        output = f"{TREE}/build/planted/name/src/kmem.c:3:14: runtime error: shift exponent 63 is too large for 32-bit type 'int'\n"
        self.assertEqual(sanitizer.finding_of_host(output), "shift-out-of-bounds at src/kmem.c:3:14")

    def test_a_hang(self):
        self.assertEqual(sanitizer.finding_of_host("==1== ERROR: libFuzzer: timeout after 10 seconds"), sanitizer.HANG)

    def test_nothing(self):
        self.assertEqual(sanitizer.finding_of_host("sound\n"), sanitizer.SOUND)
