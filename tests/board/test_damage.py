"""kmemfuzz board must see everything that an input can do to a board, name it, and go on. Needs the builds release, rv64 and
rv32; ./ci/test target sees to them."""

import json
import re
import subprocess

import patched
from board_fixture import (
    FAULT_REQUEST, KMEMFUZZ, PRESETS, SOUND, TREE, VIRTUAL, TargetTest, fault_kinds, fault_program, findings_about)

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
    "LOOP_DEAF": ("dead", "even its watchdog did not stop it", None),
    "STACK_POINTER": ("fault", {STORE}, 0x40),
    "STACK_OVERRUN": ("fault", {STORE}, None),
    "RETURN_ADDRESS": ("fault", {FETCH}, 0x41414140),
    "STORE_BEFORE": ("fault", {STORE}, 0x803fefff),
    "STORE_PAST": ("fault", {STORE}, None),
    "STORE_TEXT": ("fault", {STORE}, 0x80000100),
    "STORE_CONSTANT": ("fault", {STORE}, None),
    "STORE_CORPUS": ("fault", {STORE}, 0x84000020),
    "STORE_DEVICE": ("fault", {STORE}, 0x10005000),
    "HEADER_ZERO": ("violation", "refusal-named", None),
    "GUARD_BYTE": ("violation", "guards", None),
    "PAYLOAD_BYTE": ("violation", "contents-kept", None),
    "TRAP_VECTOR": ("dead", "even its watchdog did not stop it", None),
    "SEMIHOSTING": ("dead", "the emulator ended with code 0", None),
    "STORE_RESERVED": ("sound", None, None),
    "LOAD_RESERVED": ("sound", None, None),
}

# The same where the heap lies in virtual memory: what is not mapped is a page fault, before any protection is asked.
PAGE_FAULT = {LOAD: 13, STORE: 15}
HEAP_END = 0x40401000  # of HEAP's pages, which fit in one of the machine's
EXPECTED_VIRTUAL = {kind: (category, {PAGE_FAULT.get(cause, cause) for cause in what} if category == "fault" else what,
                           address)
                    for kind, (category, what, address) in EXPECTED.items()}
EXPECTED_VIRTUAL["ATOMIC_MISALIGNED"] = ("fault", {4, 6, 15}, None)
EXPECTED_VIRTUAL["STORE_RESERVED"] = ("fault", {15}, HEAP_END)
EXPECTED_VIRTUAL["LOAD_RESERVED"] = ("fault", {13}, HEAP_END)


class Damage(TargetTest):
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
        found = findings_about(self.report, name, kind)
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
            self.assertEqual(memory, {"start": 0x40400000, "reserved": 1, "granted": 1, "mapped": 1,
                                      "page_faults": int(name == "rv64-lazy")})


class Reports(TargetTest):
    """What a person is shown."""

    def test_a_fault_is_shown_with_operation_address_function_line_and_the_command_that_repeats_it(self):
        source = (TREE / "fuzz/board/faults.c").read_text(encoding="utf-8").splitlines()
        line = next(i for i, text in enumerate(source, 1) if "unimp" in text)
        path = self.write("illegal.ops", fault_program("ILLEGAL_INSTRUCTION"))
        for preset in PRESETS:
            self.expect(self.run_target("--configuration", preset, "--image", "faults", path), 1,
                        f"{path} on {preset}: FAULT illegal instruction",
                        f"operation  2: alloc 2 {FAULT_REQUEST + fault_kinds().index('ILLEGAL_INSTRUCTION')}",
                        f"damage_processor (fuzz/board/faults.c:{line})", "only the target fails",
                        f"replay     build/release/kmemfuzz board --configuration {preset} --image faults {path}")

    def test_a_stack_overrun_is_told_by_the_page_it_ran_into(self):
        path = self.write("overrun.ops", fault_program("STACK_OVERRUN"))
        self.expect(self.run_target("--configuration", "rv64", "--image", "faults", path), 1, "in the guard page below the stack",
                    "recurse (fuzz/board/faults.c:")

    def test_a_violation_that_only_the_target_has_is_explained_with_its_values(self):
        path = self.write("guard.ops", fault_program("GUARD_BYTE"))
        self.expect(self.run_target("--configuration", "rv32", "--image", "faults", path), 1, "VIOLATION guards: The guard bytes",
                    "expected   0xa5", "observed   0x5a", "only the target fails")

    def test_a_hang_is_told_by_the_loop_it_hangs_in(self):
        path = self.write("loop.ops", fault_program("LOOP"))
        self.expect(self.run_target("--configuration", "rv64", "--image", "faults", "--watchdog", "0.3", path), 1, "HANG",
                    "damage_processor (", "fuzz/board/faults.c:")  # as it is seen from the tree that the image was built in

    def test_a_digest_that_differs_is_followed_to_its_operation(self):
        change = r"sed -E -e 's/^(V 0 .*).$/\1x/' -e 's/^(T 0 [2-9] .*).$/\1x/' -e y/x/0/"
        environment = self.fake_emulator(f'"$REAL" "$@" | {change}')
        path = self.write("differs.ops", SOUND)
        lines = subprocess.run([KMEMFUZZ, "run", path, "--trace"], capture_output=True, text=True, check=True).stdout
        self.assertNotIn("0\n", re.findall(r"digest \w+(\w\n)", lines)[2])  # or the change would change nothing
        self.expect(self.run_target("--configuration", "rv64", path, environment=environment), 1, "DIFFERENCE",
                    "operation  2: alloc 1 8", "target     offset", "host       offset")

    def test_a_bug_of_the_core_is_found_on_the_target_with_the_hosts_report(self):
        tree = self.copy_tree()
        patched.apply_patch(tree, TREE / "tests/planted/merge-right-forgotten.patch")
        for preset, program in (("release", "kmemfuzz"), ("rv64", "replay.elf")):
            self.link(tree, preset, program)
        result = self.run_target("--configuration", "rv64", "corpus/seeds", tree=tree)
        self.expect(result, 1, "on rv64: VIOLATION free-merged", "host       the same", "last operations", "  heap (# taken")
