"""ci/target must see everything that can go wrong on a board, name it, and go on. Needs the builds release, rv64 and
rv32; ./ci/test target sees to them."""

import json
import os
import pathlib
import re
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import time
import unittest

TREE = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(TREE / "ci" / "lib"))

import board  # noqa: E402  pylint: disable=wrong-import-position

TARGET = [sys.executable, str(TREE / "ci/lib/target.py")]
KMEMFUZZ = TREE / "build/release/kmemfuzz"
PRESETS = ("rv64", "rv32")
HEAP = "kmem-program 1\nheap page=256 pages=4 growth=2 slots=16\n"
SOUND = HEAP + "alloc 0 24\nrealloc 0 100\nalloc 1 8\nfree 0\nfree 1\n"
FAULT_REQUEST = 0xfa0000  # as in fuzz/target/faults.h

LOAD, STORE, FETCH = 5, 7, 1  # access faults, as mcause has them

# Every kind of damage: what becomes of it, and for a fault its causes and, where it is known, its address.
EXPECTED = {
    "LOAD_NULL": ("fault", {LOAD}, 0x18),
    "STORE_NULL": ("fault", {STORE}, 0x18),
    "LOAD_UNMAPPED": ("fault", {LOAD}, 0x88000000),
    "STORE_UNMAPPED": ("fault", {STORE}, 0x88000123),
    "CALL_NULL": ("fault", {FETCH}, 0),
    "JUMP_HEAP": ("fault", {FETCH}, None),
    "ATOMIC_MISALIGNED": ("fault", {4, 6}, None),
    "ILLEGAL_INSTRUCTION": ("fault", {2}, None),
    "ECALL": ("fault", {11}, None),
    "EBREAK": ("fault", {3}, None),
    "LOOP": ("hang", None, None),
    "LOOP_DEAF": ("dead", "not even its own watchdog", None),
    "STACK_POINTER": ("fault", {STORE}, 0x40),
    "STACK_OVERRUN": ("fault", {STORE}, None),
    "RETURN_ADDRESS": ("fault", {FETCH}, 0x41414140),
    "STORE_BEFORE": ("fault", {STORE}, 0x801fefff),
    "STORE_PAST": ("fault", {STORE}, None),
    "STORE_TEXT": ("fault", {STORE}, 0x80000100),
    "STORE_CONSTANT": ("fault", {STORE}, None),
    "STORE_CORPUS": ("fault", {STORE}, 0x84000020),
    "STORE_DEVICE": ("fault", {STORE}, 0x10005000),
    "HEADER_ZERO": ("violation", "refusal-named", None),
    "GUARD_BYTE": ("violation", "guards", None),
    "PAYLOAD_BYTE": ("violation", "contents-kept", None),
    "TRAP_VECTOR": ("dead", "not even its own watchdog", None),
    "SEMIHOSTING": ("dead", "the emulator ended with code 0", None),
    "STORE_RESERVED": ("sound", None, None),
    "LOAD_RESERVED": ("sound", None, None),
}

# The same where the heap lies in virtual memory: what is not mapped is a page fault, before any protection is asked.
VIRTUAL = ("rv64-mapped", "rv64-lazy")
PAGE_FAULT = {LOAD: 13, STORE: 15}
HEAP_END = 0x40201000  # of HEAP's pages, which fit in one of the machine's
EXPECTED_VIRTUAL = {kind: (category, {PAGE_FAULT.get(cause, cause) for cause in what} if category == "fault" else what,
                           address)
                    for kind, (category, what, address) in EXPECTED.items()}
EXPECTED_VIRTUAL["ATOMIC_MISALIGNED"] = ("fault", {4, 6, 15}, None)
EXPECTED_VIRTUAL["STORE_RESERVED"] = ("fault", {15}, HEAP_END)
EXPECTED_VIRTUAL["LOAD_RESERVED"] = ("fault", {13}, HEAP_END)


def image_of(name, image="replay"):
    """An image of a configuration as this tree builds it, wherever the test runs."""
    return board.Image(board.CONFIGURATIONS[name]._replace(image=image), TREE)


def fault_kinds():
    """The kinds of damage, in the order of fuzz/target/faults.h."""
    return re.findall(r"X\((\w+), \"", (TREE / "fuzz/target/faults.h").read_text(encoding="utf-8"))


def fault_program(kind):
    """A program that does this damage in operation 2."""
    return HEAP + f"alloc 0 24\nalloc 1 40\nalloc 2 {FAULT_REQUEST + fault_kinds().index(kind)}\nfree 0\n"


class Folder(unittest.TestCase):
    """A test with a folder of its own."""

    @classmethod
    def setUpClass(cls):
        images = [TREE / f"build/{preset}/{image}.elf" for preset in PRESETS for image in ("replay", "faults")]
        images += [TREE / f"build/rv64/{image}-{mode}.elf" for image in ("replay", "faults") for mode in ("mapped", "lazy")]
        missing = [path for path in (KMEMFUZZ, *images) if not path.exists()]
        assert not missing, f"not built: {missing}; run ./ci/test target"
        cls.folder = pathlib.Path(tempfile.mkdtemp())
        cls.addClassCleanup(shutil.rmtree, cls.folder)

    @classmethod
    def write(cls, name, content):
        """Makes a file; returns its path."""
        path = cls.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    @staticmethod
    def run_target(*arguments, environment=None, tree=TREE):
        """Runs ci/target without its builds."""
        command = [TARGET[0], str(tree / "ci/lib/target.py"), *map(str, arguments)]
        return subprocess.run(command, cwd=tree, env=environment, capture_output=True, text=True, check=False,
                              timeout=300)

    def expect(self, result, code, *texts):
        """Requires an exit code, and texts in what was printed on either stream."""
        output = result.stdout + result.stderr
        self.assertEqual(result.returncode, code, output)
        for text in texts:
            self.assertIn(text, output)

    def fake_emulator(self, script, preset="rv64"):
        """An environment in which the emulator is a script; $REAL is the real one."""
        name = board.EMULATORS[preset]
        path = self.write(f"{self.id().rsplit('.', 1)[1]}/{name}", f"#!/bin/bash\nset -o pipefail\n"
                                                                  f"REAL={shutil.which(name)}\n{script}\n")
        path.chmod(0o755)
        return dict(os.environ, PATH=f"{path.parent}:{os.environ['PATH']}")


class TheCorpus(Folder):
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
        blob = self.folder / "writes.blob"
        subprocess.run([KMEMFUZZ, "pack", *[self.write("writes.ops", SOUND)] * 300, "-o", blob], check=True,
                       capture_output=True)
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
        blob = self.folder / "trace.blob"
        subprocess.run([KMEMFUZZ, "pack", self.write("trace.ops", SOUND), "-o", blob], check=True, capture_output=True)
        host = subprocess.run([KMEMFUZZ, "replay", blob, "--trace"], check=True, capture_output=True, text=True).stdout
        expected = [line.split(" ")[2:] for line in host.splitlines() if line.startswith("T ")]
        self.assertEqual(len(expected), 5)
        for preset in PRESETS:
            image = image_of(preset, "replay")
            self.assertEqual(board.trace(image, blob, 0, 2.0), expected)

    def test_start_and_count_choose_inputs_without_packing_again(self):
        blob = self.folder / "chosen.blob"
        subprocess.run([KMEMFUZZ, "pack", "corpus/seeds", "-o", blob], cwd=TREE, check=True, capture_output=True)
        for preset in PRESETS:
            image = image_of(preset, "replay")
            lines = list(board.Boot(board.boot_command(image, blob, start=3, count=2), 10).lines())
            self.assertEqual([line.split(" ")[:2] for line in lines[1:3]], [["V", "3"], ["V", "4"]])
            self.assertEqual(lines[3:], ["END 2 2 0 0 0 0"])


class Damage(Folder):
    """Every kind of damage, each followed by a sound program; one run on both boards."""

    configurations = PRESETS
    expected = EXPECTED

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        for kind in fault_kinds():
            cls.write(f"damage/{kind}.1.ops", fault_program(kind))
            cls.write(f"damage/{kind}.2.ops", SOUND)
        chosen = [word for name in cls.configurations for word in ("--configuration", name)]
        result = cls.run_target(*chosen, "--image", "faults", "--json", "--watchdog", "0.5", cls.folder / "damage")
        assert result.returncode == 1, result.stderr
        cls.report = json.loads(result.stdout)

    def finding(self, name, kind):
        """The one finding in a configuration about a kind of damage."""
        found = [finding for finding in self.report["findings"]
                 if finding["configuration"] == name and finding["file"].endswith(f"/{kind}.1.ops")]
        self.assertEqual(len(found), 1, f"{kind} on {name}: {found}")
        return found[0]

    def test_every_kind_of_damage_is_expected_here(self):
        self.assertEqual(fault_kinds(), list(self.expected))

    def test_each_is_reported_for_what_it_is_with_its_input_and_operation(self):
        for name in self.configurations:
            for kind, (category, what, address) in self.expected.items():
                if category == "sound":
                    continue
                with self.subTest(configuration=name, kind=kind):
                    finding = self.finding(name, kind)
                    target = finding["target"]
                    self.assertEqual(finding["kind"], category)
                    self.assertEqual(finding["host"]["kind"], "sound")
                    if category != "dead":
                        self.assertEqual(finding["operation"], 2)
                    if category == "fault":
                        self.assertIn(int(target["cause"], 16), what)
                        self.assertIn(address, (None, int(target["value"], 16)))
                    elif category == "violation":
                        self.assertEqual(target["oracle"], what)
                    elif category == "dead":
                        self.assertIn(what, target["reason"])

    def test_the_inputs_that_follow_still_run_and_are_sound(self):
        seen = sum(category != "sound" for category, _, _ in self.expected.values())
        for figures in self.report["configurations"]:
            self.assertEqual(figures["inputs"], 2 * len(self.expected))
            self.assertEqual(figures["sound"], 2 * len(self.expected) - seen)
        self.assertEqual(len(self.report["findings"]), 2 * seen)

    def test_only_what_the_image_does_not_survive_costs_boots(self):
        dead = sum(category == "dead" for category, _, _ in self.expected.values())
        for figures in self.report["configurations"]:
            self.assertEqual(figures["dead"], dead)
            self.assertIn(figures["boots"], (1 + 2 * dead, 2 + 2 * dead))  # the first may have kept verdicts back

    def test_the_replay_image_takes_the_same_requests_for_the_refusals_they_are(self):
        self.expect(self.run_target("--configuration", self.configurations[0], self.folder / "damage"), 0, "all sound")


class DamageInVirtualMemory(Damage):
    """The same with the heap in virtual memory, in both modes: no page is lost, whatever an input was given up for."""

    configurations = VIRTUAL
    expected = EXPECTED_VIRTUAL

    def test_the_pages_an_abandoned_input_had_are_told(self):
        for name in VIRTUAL:
            memory = self.finding(name, "LOAD_NULL")["memory"]
            self.assertEqual(memory, {"start": 0x40200000, "reserved": 1, "granted": 1, "mapped": 1,
                                      "page_faults": int(name == "rv64-lazy")})


class VirtualMemory(Folder):
    """The heap in virtual memory, mapped as it grows or as it is touched."""

    def pages_of(self, name, program):
        """What one program uses, run in a configuration."""
        result = self.run_target("--configuration", name, "--json", self.write("pages.ops", program))
        self.expect(result, 0)
        return json.loads(result.stdout)["configurations"][0]["pages"]

    def test_a_lazy_heap_leaves_most_pages_of_the_seed_that_touches_few_unmapped(self):
        program = (TREE / "corpus/seeds/pages_untouched.ops").read_text(encoding="utf-8")
        lazy = self.pages_of("rv64-lazy", program)
        mapped = self.pages_of("rv64-mapped", program)
        self.assertEqual((mapped["reserved"], mapped["granted"], mapped["mapped"]), (65, 33, 33))
        # That with the guard; the heap's first two; two where each aligned payload's header ends one and it starts one.
        self.assertEqual(lazy, {"reserved": 65, "granted": 33, "mapped": 7, "mapped_most": 7, "page_faults": 7})

    def test_growth_maps_pages_and_lazily_only_those_that_are_touched(self):
        # Besides the program's pages there is the one with the guard in front. 40968 bytes are 24696 more than are free.
        growing = "kmem-program 1\nheap page=4096 pages=4 growth=40 slots=16\nalloc 0 100\nalloc 1 40960\n"
        self.assertEqual(self.pages_of("rv64-mapped", growing),
                         {"reserved": 45, "granted": 12, "mapped": 12, "mapped_most": 12, "page_faults": 0})
        quiet = "kmem-program 1\nheap page=4096 pages=40 growth=8 slots=16\nalloc 0 100\naligned 1 4096 8\n"
        self.assertEqual(self.pages_of("rv64-mapped", quiet),
                         {"reserved": 49, "granted": 41, "mapped": 41, "mapped_most": 41, "page_faults": 0})
        self.assertEqual(self.pages_of("rv64-lazy", quiet),
                         {"reserved": 49, "granted": 41, "mapped": 3, "mapped_most": 3, "page_faults": 3})

    def test_a_store_past_the_mapped_end_is_told_as_one_with_operation_and_line(self):
        source = (TREE / "fuzz/target/faults.c").read_text(encoding="utf-8").splitlines()
        line = next(i for i, text in enumerate(source, 1) if "page_behind(heap) = ARENA_DIRT" in text)
        kind = FAULT_REQUEST + fault_kinds().index("STORE_RESERVED")
        heap = "kmem-program 1\nheap page=4096 pages=4 growth={} slots=16\n"
        path = self.write("past.ops", heap.format(4) + f"alloc 0 20000\nalloc 1 {kind}\nfree 0\n")
        last = self.write("last.ops", heap.format(1) + f"alloc 0 20000\nalloc 1 {kind}\nfree 0\n")
        for name in VIRTUAL:
            self.expect(self.run_target("--configuration", name, "--image", "faults", path), 1,
                        f"{path} on {name}: FAULT store page fault", f"operation  1: alloc 1 {kind}",
                        "address    0x40206000, past the mapped end of the heap, 0x40206000\n",
                        f"damage (fuzz/target/faults.c:{line})", f"--configuration {name} --image faults {path}")
            self.expect(self.run_target("--configuration", name, "--image", "faults", last), 1,
                        "past the mapped end of the heap, 0x40206000, and past what is reserved")

    def test_a_trace_is_written_by_requests_whose_memory_is_mapped(self):
        program = HEAP + "alloc 0 24\nfree 0\n" * 600  # more lines than the image's buffer holds
        blob = self.folder / "trace.blob"
        subprocess.run([KMEMFUZZ, "pack", self.write("long.ops", program), "-o", blob], check=True, capture_output=True)
        host = subprocess.run([KMEMFUZZ, "replay", blob, "--trace"], check=True, capture_output=True, text=True).stdout
        expected = [line.split(" ")[2:] for line in host.splitlines() if line.startswith("T ")]
        self.assertEqual(len(expected), 1200)
        for name in VIRTUAL:
            self.assertEqual(board.trace(image_of(name), blob, 0, 2.0), expected)

    def test_the_largest_blob_is_mapped_too(self):
        large = self.write("large", b"\1" * (32 * 1024 * 1024 - 300))
        kernel = next((TREE / "corpus/large").glob("*.ops"))  # needs all pages there are
        blob = self.folder / "large.blob"
        subprocess.run([KMEMFUZZ, "pack", kernel, large, "-o", blob], check=True, capture_output=True)
        lines = list(board.Boot(board.boot_command(image_of("rv64-lazy"), blob, count=1), 30).lines())
        self.assertEqual(lines[1].split(" ")[3:5], ["513", "513"])
        self.assertEqual(lines[-1], "END 1 1 0 0 0 0")

    def test_an_input_without_its_memory_line_is_not_believed(self):
        environment = self.fake_emulator("\"$REAL\" \"$@\" | grep -v ^M")
        self.expect(self.run_target("--configuration", "rv64-lazy", self.write("sound.ops", SOUND), environment=environment),
                    3, "input 0 has no M line")

    def test_a_page_that_is_not_given_back_is_an_error_of_the_image(self):
        tree = self.folder / "leak"
        shutil.copytree(TREE, tree, ignore=shutil.ignore_patterns("build", ".git", "__pycache__"))
        source = tree / "src/riscv/virtual_heap.c"
        text = source.read_text(encoding="utf-8")
        change = text.replace("unmap_pages(heap, 0, heap->granted_count)", "unmap_pages(heap, 1, heap->granted_count)")
        self.assertNotEqual(text, change)
        source.write_text(change, encoding="utf-8")
        subprocess.run(["cmake", "--preset", "rv64"], cwd=tree, check=True, capture_output=True)
        subprocess.run(["cmake", "--build", "--preset", "rv64", "--target", "replay-mapped"], cwd=tree, check=True,
                       capture_output=True)
        blob = self.folder / "leak.blob"
        subprocess.run([KMEMFUZZ, "pack", self.write("sound.ops", SOUND), "-o", blob], check=True, capture_output=True)
        boot = board.Boot(board.boot_command(board.Image(board.CONFIGURATIONS["rv64-mapped"], tree), blob), 30)
        self.assertIn("ERROR 26 pages or tables were not given back when the input ended", list(boot.lines()))
        self.assertEqual(boot.code, 26)


class Deaths(Folder):
    """Verdicts kept back by an image that dies are lost, and nothing else is."""

    def replay(self, *programs):
        """Replays these programs on the 64-bit board, in the fault-injection image; returns the replay."""
        paths = [self.write(f"{self.id().rsplit('.', 1)[1]}/{i:03}.ops", program) for i, program in enumerate(programs)]
        blob = self.folder / f"{self.id().rsplit('.', 1)[1]}.blob"
        subprocess.run([KMEMFUZZ, "pack", *paths, "-o", blob], check=True, capture_output=True)
        replay = board.Replay(image_of("rv64", "faults"), blob, 0.3)
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


class Reports(Folder):
    """What a person is shown."""

    def test_a_fault_is_shown_with_operation_address_function_line_and_the_command_that_repeats_it(self):
        source = (TREE / "fuzz/target/faults.c").read_text(encoding="utf-8").splitlines()
        line = next(i for i, text in enumerate(source, 1) if "unimp" in text)
        path = self.write("illegal.ops", fault_program("ILLEGAL_INSTRUCTION"))
        for preset in PRESETS:
            self.expect(self.run_target("--configuration", preset, "--image", "faults", path), 1,
                        f"{path} on {preset}: FAULT illegal instruction",
                        f"operation  2: alloc 2 {FAULT_REQUEST + fault_kinds().index('ILLEGAL_INSTRUCTION')}",
                        f"damage_processor (fuzz/target/faults.c:{line})", "only the target fails",
                        f"replay     ./ci/target --configuration {preset} --image faults {path}")

    def test_a_stack_overrun_is_told_by_the_page_it_ran_into(self):
        path = self.write("overrun.ops", fault_program("STACK_OVERRUN"))
        self.expect(self.run_target("--configuration", "rv64", "--image", "faults", path), 1, "in the guard page below the stack",
                    "recurse (fuzz/target/faults.c:")

    def test_a_violation_that_only_the_target_has_is_explained_with_its_values(self):
        path = self.write("guard.ops", fault_program("GUARD_BYTE"))
        self.expect(self.run_target("--configuration", "rv32", "--image", "faults", path), 1, "VIOLATION guards: The guard bytes",
                    "expected   0xa5", "observed   0x5a", "only the target fails")

    def test_a_hang_is_told_by_the_loop_it_hangs_in(self):
        path = self.write("loop.ops", fault_program("LOOP"))
        self.expect(self.run_target("--configuration", "rv64", "--image", "faults", "--watchdog", "0.3", path), 1, "HANG",
                    "damage_processor (fuzz/target/faults.c:")

    def test_a_digest_that_differs_is_followed_to_its_operation(self):
        change = r"sed -E -e 's/^(V 0 .*).$/\1x/' -e 's/^(T 0 [2-9] .*).$/\1x/' -e y/x/0/"
        environment = self.fake_emulator(f'"$REAL" "$@" | {change}')
        path = self.write("differs.ops", SOUND)
        lines = subprocess.run([KMEMFUZZ, "run", path, "--trace"], capture_output=True, text=True, check=True).stdout
        self.assertNotIn("0\n", re.findall(r"digest \w+(\w\n)", lines)[2])  # or the change would change nothing
        self.expect(self.run_target("--configuration", "rv64", path, environment=environment), 1, "DIFFERENCE",
                    "operation  2: alloc 1 8", "target     offset", "host       offset")

    def test_a_bug_of_the_core_is_found_on_the_target_with_the_hosts_report(self):
        tree = self.folder / "planted"
        shutil.copytree(TREE, tree, ignore=shutil.ignore_patterns("build", ".git", "__pycache__"))
        patch = TREE / "tests/planted/merge-right-forgotten.patch"
        subprocess.run(["patch", "-p1", "--batch", "-i", patch], cwd=tree, check=True, capture_output=True)
        for preset, target in (("release", "kmemfuzz"), ("rv64", "replay")):
            subprocess.run(["cmake", "--preset", preset], cwd=tree, check=True, capture_output=True)
            subprocess.run(["cmake", "--build", "--preset", preset, "--target", target], cwd=tree, check=True,
                           capture_output=True)
        result = self.run_target("--configuration", "rv64", "corpus/seeds", tree=tree)
        self.expect(result, 1, "on rv64: VIOLATION free-merged", "host       the same", "last operations", "  heap (# taken")


class Blobs(Folder):
    """A blob that cannot be replayed is named, by the image, by the host, and by ci/target."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.blob = cls.folder / "good.blob"
        subprocess.run([KMEMFUZZ, "pack", cls.write("sound.ops", SOUND), "-o", cls.blob], check=True, capture_output=True)
        cls.good = cls.blob.read_bytes()

    def expect_blob_error(self, content, error, text):
        """Requires that a blob is refused, by both boards with the code of this error, with this text."""
        path = self.write(f"{self.id().rsplit('.', 1)[1]}.blob", content)
        names = re.findall(r"X\((\w+),", (TREE / "fuzz/target/blob.h").read_text(encoding="utf-8"))
        for preset in PRESETS:
            image = image_of(preset, "replay")
            result = subprocess.run(board.boot_command(image, path), capture_output=True, text=True, check=False,
                                    timeout=60)
            code = 30 + names.index(error)
            self.assertEqual((result.returncode, result.stdout.split(" ")[:2]), (code, ["ERROR", str(code)]))
            self.assertIn(text, result.stdout)
        self.expect(self.run_target("--configuration", "rv64", "--blob", path), 3, "the image cannot replay", text)
        if error != "MISSING":
            host = subprocess.run([KMEMFUZZ, "replay", path], capture_output=True, text=True, check=False)
            self.assertEqual(host.returncode, 2)
            self.assertIn(text, host.stderr)

    def reseal(self, content):
        """The content with the checksum it should have."""
        total = 0
        for i, word in enumerate(struct.unpack(f"<{len(content) // 8}Q", content)):
            if i != 3:
                total = (((total << 5 | total >> 59) & (1 << 64) - 1) ^ word) * 0x9e3779b97f4a7c15 & (1 << 64) - 1
        return content[:24] + struct.pack("<Q", total) + content[32:]

    def test_a_good_blob_is_replayed_and_its_inputs_named_by_number_where_the_names_are_lost(self):
        self.assertEqual(self.reseal(self.good), self.good)
        path = self.write("nameless.blob", self.good)
        self.expect(self.run_target("--blob", path), 0, "all sound")

    def test_an_empty_blob_is_replayed(self):
        content = self.reseal(b"KMEMBLOB" + struct.pack("<IIQQ", 1, 0, 40, 0) + b"KMEMTAIL")
        image = image_of("rv64", "replay")
        boot = board.Boot(board.boot_command(image, self.write("empty.blob", content)), 10)
        self.assertEqual(list(boot.lines()), ["BOOT 1 64 0 0 0", "END 0 0 0 0 0 0"])
        self.assertEqual(boot.code, 0)

    def test_a_missing_blob(self):
        image = image_of("rv64", "replay")
        result = subprocess.run(board.boot_command(image, None), capture_output=True, text=True, check=False, timeout=60)
        self.assertEqual((result.returncode, result.stdout.split(":")[0]), (31, "ERROR 31 there is no blob"))
        self.expect(self.run_target("--blob", self.folder / "none"), 3, "there is no blob")

    def test_a_blob_of_zeros(self):
        self.expect_blob_error(bytes(64), "MISSING", "nothing had been loaded")

    def test_a_foreign_file(self):
        self.expect_blob_error(b"This is something else." * 10, "FOREIGN", "does not begin with KMEMBLOB")

    def test_another_version(self):
        content = self.good[:8] + struct.pack("<I", 2) + self.good[12:]
        self.expect_blob_error(self.reseal(content), "VERSION", "another format version")

    def test_a_truncated_blob(self):
        for size in (40, len(self.good) - 8):
            with self.subTest(size=size):
                self.expect_blob_error(self.good[:size], "TRUNCATED", "cut short")

    def test_a_blob_larger_than_the_board_has_room_for(self):
        content = self.good[:16] + struct.pack("<Q", (32 << 20) + 8) + self.good[24:]
        self.expect_blob_error(content, "TOO_LARGE", "larger than the 32 MiB")

    def test_a_damaged_blob_wherever_the_bit_is(self):
        for offset in (12, 24, 33, len(self.good) - 12):
            with self.subTest(offset=offset):
                content = bytearray(self.good)
                content[offset] ^= 4
                self.expect_blob_error(bytes(content), "DAMAGED", "checksum")

    def test_an_index_that_leads_outside(self):
        for entry in ((40, 1 << 31), (0, 8), (44, 1), (len(self.good), 0), (0xfffffff8, 16)):
            with self.subTest(entry=entry):
                content = self.good[:32] + struct.pack("<II", *entry) + self.good[40:]
                self.expect_blob_error(self.reseal(content), "INDEX", "outside it")

    def test_more_inputs_than_the_blob_has_bytes(self):
        content = self.good[:12] + struct.pack("<I", 0xffffffff) + self.good[16:]
        self.expect_blob_error(self.reseal(content), "INDEX", "outside it")

    def test_a_start_behind_the_last_input(self):
        image = image_of("rv32", "replay")
        result = subprocess.run(board.boot_command(image, self.blob, start=2), capture_output=True, text=True, check=False,
                                timeout=60)
        self.assertEqual(result.returncode, 22)
        self.assertIn("lies behind the last", result.stdout)

    def test_pack_refuses_what_a_board_has_no_room_for(self):
        large = self.write("large", b"\1" * (33 << 20))
        result = subprocess.run([KMEMFUZZ, "pack", large, "-o", self.folder / "large.blob"], capture_output=True, text=True,
                                check=False)
        self.assertEqual(result.returncode, 2)
        self.assertIn("more than 32 MiB", result.stderr)
        self.assertFalse((self.folder / "large.blob").exists())


class Output(Folder):
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

    def test_an_interrupt_ends_the_emulator_too_and_leaves_nothing_behind(self):
        path = self.write("deaf.ops", fault_program("LOOP_DEAF"))
        note = self.folder / "emulator"
        environment = self.fake_emulator(f'echo $$ >{note}.new && mv {note}.new {note}; exec "$REAL" "$@"')
        before = set((TREE / "build/target").iterdir())
        with subprocess.Popen([*TARGET, "--configuration", "rv64", "--image", "faults", "--watchdog", "100", path], cwd=TREE,
                              env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
            deadline = time.monotonic() + 30
            while not note.exists() and time.monotonic() < deadline:
                time.sleep(0.05)
            emulator = int(note.read_text(encoding="ascii"))
            process.send_signal(signal.SIGINT)
            _, errors = process.communicate(timeout=30)
        self.assertEqual((process.returncode, errors), (3, "ci/target: interrupted\n"))
        self.assertRaises(ProcessLookupError, os.kill, emulator, 0)
        self.assertLessEqual({entry for entry in (TREE / "build/target").iterdir() if entry.is_dir()}, before)

    def test_no_semihosting_is_said_on_the_console(self):
        for preset in PRESETS:
            command = [board.find_emulator(preset), *board.FLAGS, "-serial", "stdio", "-kernel",
                       TREE / f"build/{preset}/replay.elf"]
            result = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60,
                                    stdin=subprocess.DEVNULL)
            self.assertEqual(result.returncode, 21)
            self.assertIn("ERROR 21 no semihosting", result.stdout)


class NoLibrary(Folder):
    """Nothing is linked but what is in the tree."""

    def test_a_division_that_the_machine_has_no_instruction_for_does_not_link(self):
        source = self.write("division.c", "unsigned long long a, b;\nvoid trap_handle(void *f) { (void)f; }\n"
                                          "int main(void) { return (int)(a / b); }\n")
        commands = json.loads((TREE / "build/rv32/compile_commands.json").read_text(encoding="utf-8"))
        flags = next(entry["command"] for entry in commands if entry["file"].endswith("/board.c")).split()
        flags = [flag for flag in flags if flag.startswith(("--target", "-m"))]
        result = subprocess.run(["clang-19", *flags, "-O2", "-ffreestanding", "-fuse-ld=lld", "-nostdlib", "-static", "-T",
                                 TREE / "src/riscv/link.ld", source, TREE / "build/rv32/src/riscv/libkmem_board.a", "-o",
                                 self.folder / "division.elf"], capture_output=True, text=True, check=False)
        self.assertNotEqual(result.returncode, 0)
        self.assertEqual(re.findall("undefined symbol: (.*)", result.stderr), ["__udivdi3"])

    def test_the_images_hold_no_symbol_of_a_compiler_runtime(self):
        for preset in PRESETS:
            for image in ("replay", "faults"):
                symbols = image_of(preset, image).symbols
                self.assertFalse([name for name in symbols if re.match(r"__.*(div|mod|mul|float|atomic)", name)])


class Usage(Folder):
    """The command line."""

    def test_wrong_arguments_are_usage_errors(self):
        for arguments in (["--configuration", "rv16"], ["--nonsense"], ["--watchdog", "0"], ["--blob", "x", "y"]):
            self.expect(self.run_target(*arguments), 2, "usage:")

    def test_a_text_with_an_error_is_a_usage_error(self):
        self.expect(self.run_target(self.write("wrong.ops", HEAP + "allok 0 24\n")), 2, ":3:1: error:")

    def test_a_path_that_is_not_there_is_named(self):
        none = self.folder / "none"
        self.expect(self.run_target(none), 2, f"error: there is no {none}\n")
        self.expect(self.run_target("--blob", none), 2, f"error: --blob {none}: there is no such file\n")
        self.expect(self.run_target("--gdb", "--gdb-commands", none, self.write("sound.ops", SOUND)), 2,
                    f"error: --gdb-commands {none}: there is no such file\n")

    def test_a_folder_without_programs_is_named_with_what_to_name_in_its_place(self):
        empty = self.write("empty/.hidden", SOUND).parent
        self.expect(self.run_target("corpus/seeds", empty), 2, f"error: there is nothing to run in {empty}; name a file, or a folder")

    def test_a_missing_emulator_is_named_with_its_package(self):
        (self.folder / "bin").mkdir()
        (self.folder / "bin/llvm-nm-19").symlink_to(shutil.which("llvm-nm-19"))
        environment = dict(os.environ, PATH=str(self.folder / "bin"))
        self.expect(self.run_target(self.write("sound.ops", SOUND), environment=environment), 3,
                    "qemu-system-riscv64 is missing; install the Debian package qemu-system-misc")

    def test_help_names_every_exit_code(self):
        self.expect(self.run_target("--help"), 0, "0 all sound and equal", "3 environment")


if __name__ == "__main__":
    unittest.main()
