"""Tests of fuzz/kmemfuzz/reduction.py: inputs become smaller, keep failing, and no input is tried twice. What fails is decided by a
function here; no target runs.
"""

import pathlib
import random
import re

from kmemfuzz import reduction
from kmemfuzz.campaign import TARGETS
from kmemfuzz.corpus import PROGRAMS

ROOT = pathlib.Path(__file__).resolve().parents[2]
SEEDS = range(20)
FIRST, SECOND = b"\x05\x01\x02\x03", b"\x06\x01\x02\x03"  # operations


def noise(seed, size):
    """Bytes of a seed."""
    return random.Random(seed).randbytes(size)


def operations_of(data):
    """The operations of an input of the page tables' target, behind its header."""
    return [data[at:at + 4] for at in range(3, len(data) - 3, 4)]


class TestReduction:
    def reduce(self, data, target, fails, is_over=lambda: False):
        """The reduced input, and those that were tried. data must fail, and what comes of it too; no input is tried twice."""
        tried = []

        def note(candidate):
            tried.append(candidate)
            return fails(candidate)
        assert fails(data)
        reduced = reduction.reduce(data, reduction.SHAPES[target], note, is_over)
        assert fails(reduced)
        assert len(tried) == len(set(tried))
        assert data not in tried
        return reduced, tried

    def test_what_comes_behind_the_failure_is_left_out_and_so_is_what_comes_before_and_does_not_matter(self):
        for seed in SEEDS:
            data = noise(seed, 3) + bytes([7, 0, 0, 0]) * 40 + FIRST + noise(seed, 300) + SECOND + noise(seed, 90)

            def fails(candidate):
                operations = operations_of(candidate)
                return FIRST in operations and SECOND in operations[operations.index(FIRST):]
            assert self.reduce(data, "sv39", fails)[0] == b"\0\0\0" + FIRST + SECOND

    def test_operations_stay_whole(self):
        data = noise(1, 3 + 4 * 60)
        needed = [data[at:at + 4] for at in (3 + 4 * 17, 3 + 4 * 41)]

        def fails(candidate):
            return set(needed) <= {candidate[at:at + 4] for at in range(3, len(candidate), 4)}
        reduced, _ = self.reduce(data, "sv39", fails)
        assert reduced == b"\0\0\0" + b"".join(needed)

    def test_a_number_becomes_the_smallest_below_16_that_will_do(self):
        for needed in range(16):
            reduced, _ = self.reduce(bytes([0xff, 0xff, 0xff]), "sv39", lambda data, least=needed: len(data) == 3
                                     and data[0] >= least)
            assert reduced == bytes([needed, 0, 0])

    def test_a_byte_loses_the_bits_that_do_not_matter(self):
        reduced, _ = self.reduce(b"\xff\xff\xff", "sv39", lambda data: len(data) == 3 and data[1] & 0x48 == 0x48)
        assert reduced == b"\0\x48\0"

    def test_a_header_of_which_nothing_matters_goes(self):
        assert self.reduce(noise(1, 90), "sv39", lambda data: True)[0] == b""
        assert self.reduce(noise(1, 90), "sv39", lambda data: data[:1] >= b"\x03")[0] == b"\x03"

    def test_a_text_keeps_its_characters_and_the_rest_becomes_zeros(self):
        data = b"alloc 0 24\nfree 17\nrealloc 1 5\n"
        assert self.reduce(data, "text", lambda data: b"free " in data and len(data) > 7)[0] == b"000free "

    def test_findings_that_differ_in_what_does_not_matter_are_reduced_to_the_same(self):
        def fails(candidate):
            kinds = [operation[0] & 15 for operation in operations_of(candidate)]
            return candidate[0] % 64 > 0 and any(6 <= kind <= 8 for kind in kinds)
        found = set()
        for seed in SEEDS:
            data = noise(seed, 120)
            if fails(data):
                found.add(self.reduce(data, "sv39", fails)[0])
        assert found == {b"\x01\0\0" b"\x06\0\0\0"}

    def test_what_is_counted_may_go_when_the_count_goes_with_it(self):
        def fails(candidate):  # an operation is about the last of the runs that were allocated before it
            count = 0
            for operation in operations_of(candidate):
                if operation[0] == 6 and count > 0 and operation[1] == count - 1:
                    return True
                count += operation[0] == 0
            return False
        data = b"\x07\0\0" + b"\0\0\0\0" * 9 + b"\x06\x08\0\0"
        assert self.reduce(data, "sv39", fails)[0] == b"\0\0\0" b"\0\0\0\0" b"\x06\0\0\0"

    def test_nothing_more_is_tried_when_time_is_over(self):
        for limit in (0, 1, 5, 17):
            tried = []

            def fails(candidate):
                tried.append(candidate)
                return len(candidate) > 20
            reduced = reduction.reduce(noise(2, 200), reduction.SHAPES["text"], fails, lambda most=limit: len(tried) >= most)
            assert len(tried) == limit
            assert len(reduced) > 20

    def test_an_input_of_which_everything_matters_stays(self):
        for target in reduction.SHAPES:
            for size in (0, 1, 2, 3, 4, 100):
                data = noise(3, size)
                assert self.reduce(data, target, lambda candidate, whole=data: candidate == whole)[0] == data

    def test_whatever_fails_is_reduced_with_a_bounded_number_of_tries(self):
        for seed in SEEDS:
            chance = random.Random(seed)
            verdicts = {}
            data = noise(seed, 64)
            verdicts[data] = True
            _, tried = self.reduce(data, "sv39", lambda candidate: verdicts.setdefault(candidate, chance.random() < 0.3))
            assert len(tried) < 20000


class TestShapes:
    def test_there_is_one_for_each_target_that_runs_no_programs(self):
        assert set(reduction.SHAPES) == set(TARGETS) - set(PROGRAMS)

    def test_the_sizes_of_operations_are_those_of_the_targets(self):
        for target in ("sv39",):
            header = (ROOT / "fuzz" / target / f"{target}_operation.h").read_text(encoding="utf-8")
            size = re.search(rf"#define {target.upper()}_OPERATION_SIZE +(\d+)", header).group(1)
            source = (ROOT / "fuzz" / "libfuzzer" / f"{target}_fuzzer.c").read_text(encoding="utf-8")
            assert reduction.SHAPES[target].unit_size == int(size)
            assert f"unsigned char header[{reduction.SHAPES[target].header_size}] = " in source
