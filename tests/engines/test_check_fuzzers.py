"""Tests of ci/check-fuzzers: each of its checks must object to a target that is wrong in just that, and none to one that is
not. The targets are one program that misbehaves by its name, misbehaving_fuzzer.c.

Needs what ci/setup installs.
"""

import collections
import contextlib
import pathlib
import platform
import re
import shutil
import subprocess
import tempfile
import unittest
import zipfile
from unittest import mock

import check_fuzzers
import fuzzer_trace
from compilers import CLANG, LLD, OBJDUMP

ROOT = pathlib.Path(__file__).resolve().parents[2]
SOUND, FAILED, USAGE, ENVIRONMENT = range(4)
SOURCE = ROOT / "tests" / "engines" / "misbehaving_fuzzer.c"
TIMEOUT = 900  # seconds a command may take on a busy machine before it counts as hanging

OPTIONS = "[libfuzzer]\nmax_len = 1024\n"
DICTIONARY = 'name="word"\n"\\x00\\xff"\n'
SEEDS = {"one": b"1", "two": b"two"}

# The targets that are the sound one under another name: how each misbehaves, and the checks that must object.
BY_NAME = {
    "sound_fuzzer": set(),
    "wants_arguments_fuzzer": {"no-arguments"},
    "refuses_flags_fuzzer": {"value-profile", "fork", "short-inputs", "long-inputs", "len-control", "one-mutation", "ascii",
                             "no-entropic"},
    "refuses_dictionary_fuzzer": {"dictionary-used"},
    "crashes_on_large_fuzzer": {"any-length"},
    "crashes_on_empty_fuzzer": {"any-length"},
    "crashes_on_seed_fuzzer": {"seeds", "touches-nothing"},
    "writes_beside_itself_fuzzer": {"touches-nothing", "leaves-nothing"},
    "writes_in_current_folder_fuzzer": {"leaves-nothing"},
    "writes_elsewhere_fuzzer": {"touches-nothing"},
    "leaks_fuzzer": {"runner-options"},
    "looks_where_it_was_built_fuzzer": {"touches-nothing"},
}
# Those with something wrong beside them.
BY_FILE = {
    "no_zip_fuzzer": {"seed-corpus"},
    "empty_zip_fuzzer": {"seed-corpus"},
    "torn_zip_fuzzer": {"seed-corpus"},
    "long_seed_fuzzer": {"seed-corpus"},
    "bad_dictionary_fuzzer": {"dictionary"},
    "no_options_fuzzer": {"options"},
    "bad_options_fuzzer": {"options"},
    "not_executable_fuzzer": {"executable"},
}
# Those built in another way.
BY_BUILD = {
    "other_library_fuzzer": {"libraries"},
    "two_sanitizers_fuzzer": {"sanitizer"},
    "no_sanitizer_fuzzer": {"sanitizer"},
    "misnamed": {"name"},
    "other_machine_fuzzer": {"architecture"},
}


def compile_target(output, *flags):
    """Builds the program with these flags in place of AddressSanitizer's."""
    done = subprocess.run([CLANG, "-O0", "-g0", *flags, str(SOURCE), "-o", str(output)], capture_output=True, text=True,
                          check=False, timeout=TIMEOUT)
    if done.returncode != 0:
        raise AssertionError(done.stderr)


def write_zip(path, seeds):
    """A zip file of these seeds."""
    with zipfile.ZipFile(path, "w") as archive:
        for name, contents in seeds.items():
            archive.writestr(name, contents)


def furnish(folder, name):
    """Puts everything that belongs there beside a target."""
    (folder / f"{name}.options").write_text(OPTIONS, encoding="utf-8")
    (folder / f"{name}.dict").write_text(DICTIONARY, encoding="utf-8")
    write_zip(folder / f"{name}_seed_corpus.zip", SEEDS)


def check(*arguments):
    """(exit code, {target: {check: problem, or None}}, standard output, standard error) of ci/check-fuzzers."""
    done = subprocess.run(["ci/check-fuzzers", *map(str, arguments)], cwd=ROOT, capture_output=True, text=True, check=False,
                          timeout=TIMEOUT, stdin=subprocess.DEVNULL)
    results = collections.defaultdict(dict)
    for line in done.stdout.splitlines():
        match = re.match(r"^(ok|FAILED)\s+([\w-]+) ([\w-]+)(?:: (.*))?$", line)
        if match:
            results[match.group(2)][match.group(3)] = match.group(4)
    return done.returncode, results, done.stdout, done.stderr


class MachineTest(unittest.TestCase):
    """Which targets run where."""

    X86_64, I386, ARM, RISCV64, RISCV32, S390X = (2, 1, 62), (1, 1, 3), (1, 1, 40), (2, 1, 243), (1, 1, 243), (2, 2, 22)

    def objects_to(self, target, here):
        """Whether a target of one machine is refused where Python is of another."""
        with tempfile.TemporaryDirectory() as name:
            for file, (width, order, machine) in (("target", target), ("python", here)):
                header = b"\x7fELF" + bytes((width, order)) + bytes(12) + machine.to_bytes(2, "big" if order == 2 else "little")
                pathlib.Path(name, file).write_bytes(header)
            judged = check_fuzzers.Target(pathlib.Path(name), "target", None, None)
            with mock.patch.object(check_fuzzers, "HERE", f"{name}/python"), contextlib.suppress(check_fuzzers.Unjudged):
                judged.judge_architecture(pathlib.Path(name, "target"))
            (what, problem), = judged.results
            self.assertEqual(what, "architecture")
            return problem

    def test_a_target_of_this_machine_is_taken_and_on_x86_64_one_of_32_bits(self):
        for machine in (self.X86_64, self.I386, self.ARM, self.RISCV64, self.S390X):
            self.assertIsNone(self.objects_to(machine, machine))
        self.assertIsNone(self.objects_to(self.I386, self.X86_64))

    def test_a_target_of_another_machine_is_refused(self):
        for target, here in ((self.X86_64, self.I386), (self.RISCV32, self.RISCV64), (self.ARM, self.X86_64), (self.RISCV64, self.X86_64)):
            self.assertEqual(self.objects_to(target, here), f"it is built for the ELF machine {target[2]} of {32 * target[0]} bits, and this "
                                                            f"is the ELF machine {here[2]} of {32 * here[0]} bits")


class CallTest(unittest.TestCase):
    """Calls of a sanitizer are found in what is built for any machine."""

    CODE = "int second(int *all, int more) { return all[1] + more; }\nint main(int count, char **all) { return second((int *)all, count); }\n"
    CALLED = "void __ubsan_handle_add_overflow(void) {}\nvoid __ubsan_handle_type_mismatch_v1(void) {}\n"
    KINDS = {"signed-integer-overflow": 1, "signed-integer-overflow,alignment": 2}  # and how many calls come of them
    X86 = "objdump" if platform.machine() == "x86_64" else OBJDUMP  # what the checks call is this machine's
    MACHINES = {"x86_64-linux-gnu": X86, "i386-linux-gnu": X86, "aarch64-linux-gnu": OBJDUMP,
                "arm-linux-gnueabi": OBJDUMP, "riscv64-linux-gnu": OBJDUMP, "riscv32-unknown-elf": OBJDUMP,
                "s390x-linux-gnu": "s390x-linux-gnu-objdump"}  # and what takes their code apart here

    def count(self, machine, tool, kinds, folder):
        """The calls in a program that is built for a machine with these kinds of checks, and its code."""
        for file, text, flags in (("code", self.CODE, [f"-fsanitize={kinds}"]), ("called", self.CALLED, [])):
            subprocess.run([CLANG, f"--target={machine}", "-ffreestanding", "-fno-pic", "-w", *flags, "-c", "-xc", "-", "-o", file], cwd=folder,
                           input=text, text=True, check=True, timeout=TIMEOUT)
        subprocess.run([LLD, "-e", "main", "code", "called", "-o", "linked"], cwd=folder, check=True, timeout=TIMEOUT)
        done = subprocess.run([tool, "--disassemble", "--no-show-raw-insn", "linked"], cwd=folder, capture_output=True, text=True, check=True,
                              timeout=TIMEOUT)
        return check_fuzzers.CALL.findall(done.stdout), done.stdout

    def test_each_call_counts_once_and_nothing_else(self):
        with tempfile.TemporaryDirectory() as folder:
            for machine, tool in self.MACHINES.items():
                for kinds, count in self.KINDS.items():
                    with self.subTest(machine=machine, kinds=kinds):
                        found, code = self.count(machine, tool, kinds, folder)
                        self.assertEqual(found, ["ubsan"] * count, code)


class ChecksTest(unittest.TestCase):
    """One folder with every kind of misbehaving target in it, judged once."""

    maxDiff = None

    @classmethod
    def setUpClass(cls):
        holder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(holder.cleanup)
        cls.folder = folder = pathlib.Path(holder.name) / "built"
        folder.mkdir()
        address = ["-fsanitize=address,fuzzer", f'-DBUILT_IN="{folder}"']
        compile_target(folder / "sound_fuzzer", *address)
        for name in (*BY_NAME, *BY_FILE):
            if name != "sound_fuzzer":
                shutil.copy2(folder / "sound_fuzzer", folder / name)
        compile_target(folder / "two_sanitizers_fuzzer", "-fsanitize=address,undefined,fuzzer", "-DUNDEFINED", *address[1:])
        compile_target(folder / "no_sanitizer_fuzzer", "-fsanitize=fuzzer", *address[1:])
        compile_target(folder / "other_library_fuzzer", *address, "-Wl,--no-as-needed", "-lcmocka")
        shutil.copy2(folder / "sound_fuzzer", folder / "misnamed")
        image = bytearray((folder / "sound_fuzzer").read_bytes())
        image[18:20] = (243).to_bytes(2, "little")  # RISC-V
        (folder / "other_machine_fuzzer").write_bytes(image)
        (folder / "other_machine_fuzzer").chmod(0o755)
        for path in list(folder.iterdir()):
            furnish(folder, path.name)
        write_zip(folder / "crashes_on_seed_fuzzer_seed_corpus.zip", {"fatal": bytes(700)})
        (folder / "no_zip_fuzzer_seed_corpus.zip").unlink()
        write_zip(folder / "empty_zip_fuzzer_seed_corpus.zip", {})
        torn = folder / "torn_zip_fuzzer_seed_corpus.zip"
        torn.write_bytes(torn.read_bytes().replace(b"two", b"twO", 2).replace(b"twO", b"two", 1))
        write_zip(folder / "long_seed_fuzzer_seed_corpus.zip", {"long": bytes(2048)})
        (folder / "bad_dictionary_fuzzer.dict").write_text('"word\n', encoding="utf-8")
        (folder / "no_options_fuzzer.options").unlink()
        (folder / "bad_options_fuzzer.options").write_text("[libfuzzer]\nmaximum = 7\n", encoding="utf-8")
        (folder / "not_executable_fuzzer").chmod(0o644)
        (folder / "nobodys.dict").write_text(DICTIONARY, encoding="utf-8")
        (folder / "script_fuzzer").write_text("#!/bin/sh\n", encoding="utf-8")
        cls.code, cls.results, cls.output, cls.errors = check(folder, "--edges", "10")

    def failures(self, name):
        """The checks that object to a target."""
        return {check for check, problem in self.results[name].items() if problem is not None}

    def require(self, expected):
        """Each target fails just the checks it must."""
        untraced = {"touches-nothing", "runner-options"} if fuzzer_trace.refusal() else set()
        for name, checks in expected.items():
            with self.subTest(target=name):
                self.assertIn("name", self.results[name], self.output + self.errors)
                self.assertEqual(self.failures(name), checks - untraced, self.results[name])

    def test_a_target_that_misbehaves_fails_the_check_of_that_and_no_other(self):
        self.require(BY_NAME)

    def test_a_target_with_something_wrong_beside_it_fails_the_check_of_that_and_no_other(self):
        self.require(BY_FILE)

    def test_a_target_built_in_another_way_fails_the_check_of_that_and_no_other(self):
        self.require(BY_BUILD)

    def test_every_check_has_a_target_that_fails_it(self):
        checks = set(self.results["sound_fuzzer"])
        proved = set().union(*BY_NAME.values(), *BY_FILE.values(), *BY_BUILD.values())
        # The two that take a build of their own: see below.
        self.assertEqual(checks - proved, {"four-runs", "instrumented"})

    def test_what_belongs_to_no_target_is_named(self):
        self.assertIn("nobodys.dict lies beside no target", self.output)
        self.assertIn("script_fuzzer is named as a fuzz target and is none", self.output)

    def test_the_last_line_counts_and_the_code_says_that_something_failed(self):
        self.assertEqual(self.code, FAILED, self.errors)
        counts = [len(re.findall(rf"^{word}\s", self.output, re.MULTILINE)) for word in ("ok", "FAILED")]
        self.assertEqual(self.output.splitlines()[-1], f"{counts[0]} passed, {counts[1]} failed")

    def test_the_sound_target_alone_is_sound_and_stays_where_it_is_untouched(self):
        with tempfile.TemporaryDirectory() as name:
            folder = pathlib.Path(name)
            shutil.copy2(self.folder / "sound_fuzzer", folder)
            furnish(folder, "sound_fuzzer")
            before = check_fuzzers.snapshot(folder)
            code, _, output, errors = check(folder, "--edges", "10")
            self.assertEqual((code, errors), (SOUND, ""), output)
            self.assertEqual(check_fuzzers.snapshot(folder), before)
            code, results, _, _ = check(folder, "--edges", "100000")
            self.assertEqual(code, FAILED)
            self.assertEqual({check for check, problem in results["sound_fuzzer"].items() if problem}, {"instrumented"})

    def test_a_target_that_is_not_instrumented_and_one_that_crashes_fail_at_once(self):
        with tempfile.TemporaryDirectory() as name:
            folder = pathlib.Path(name)
            shutil.copy2(self.folder / "sound_fuzzer", folder / "crashes_fuzzer")
            subprocess.run([CLANG, "-O0", "-c", "-fsanitize=address", '-DBUILT_IN=""', str(SOURCE), "-o",
                            str(folder / "object")], check=True, timeout=TIMEOUT)
            subprocess.run([CLANG, "-fsanitize=address,fuzzer", str(folder / "object"), "-o",
                            str(folder / "plain_fuzzer")], check=True, timeout=TIMEOUT)
            (folder / "object").unlink()
            for target in ("crashes_fuzzer", "plain_fuzzer"):
                furnish(folder, target)
            code, results, output, _ = check(folder, "--edges", "10")
            self.assertEqual(code, FAILED)
            self.assertIsNotNone(results["crashes_fuzzer"]["four-runs"], output)
            self.assertIsNotNone(results["crashes_fuzzer"]["seeds"], output)
            self.assertIsNotNone(results["plain_fuzzer"]["instrumented"], output)

    def test_a_folder_without_targets_fails_and_one_that_is_not_there_is_an_environment_s_fault(self):
        with tempfile.TemporaryDirectory() as name:
            code, _, output, _ = check(name)
            self.assertEqual(code, FAILED)
            self.assertIn("there is no fuzz target in it", output)
            (pathlib.Path(name) / "sv39_fuzzer").write_bytes(b"LLVMFuzzerTestOneInput\0__afl_already_initialized_first\0")
            code, _, output, _ = check(name)
            self.assertEqual((code, output.splitlines()[-1]), (FAILED, "0 passed, 1 failed"))
            self.assertIn("sv39_fuzzer: built for AFL++", output)
        code, _, _, errors = check(pathlib.Path(name) / "gone", "--sanitizer", "memory")
        self.assertEqual(code, ENVIRONMENT)
        self.assertIn("./ci/engine memory builds one", errors)
        self.assertEqual(check("--bogus")[0], USAGE)
