"""Tests of ci/lib/bench_reduce.py: the crashes it makes are as long as asked for and fail as before.
"""

import random
from unittest import mock

import bench_reduce as reduction
import pytest

HEADER = bytes(reduction.HEADER_SIZE)
CULPRIT = b"\x07crashed"  # an operation that fails
POISON = 0xff  # the first byte of an operation that fails in another way


def operations(program):
    """A program's operations."""
    body = program[reduction.HEADER_SIZE:]
    return [body[i:i + reduction.OPERATION_SIZE] for i in range(0, len(body), reduction.OPERATION_SIZE)]


def failure_of(_tool, program, _folder):
    """The failure of a subject that fails at the culprit, and otherwise at any poison."""
    for index, operation in enumerate(operations(program)):
        if operation == CULPRIT:
            return "culprit", index
        if operation[0] == POISON:
            return "poison", index
    return None


class TestPadding:
    def pad(self, count, draw=None):
        with mock.patch.object(reduction, "failure_of", failure_of):
            return reduction.pad("tool", HEADER + CULPRIT, count, draw or random.Random(1), "folder")

    def test_a_crash_gets_as_many_operations_as_asked_for_and_fails_last(self):
        program = self.pad(150)
        assert len(operations(program)) == 150
        assert failure_of(None, program, None) == ("culprit", 149)

    def test_the_same_seed_gives_the_same_crash(self):
        assert self.pad(40, random.Random(3)) == self.pad(40, random.Random(3))

    def test_what_changes_the_failure_is_not_put_in(self):
        draw = mock.Mock()
        draw.randbytes = lambda size: bytes([POISON]) * size
        draw.randint = lambda least, most: least
        with pytest.raises(reduction.NoCrash, match="it takes no 3 operations"):
            self.pad(3, draw)


class TestTable:
    def test_a_line_has_the_figures_of_both(self):
        lines = reduction.table([reduction.Figures("bug", "placement", 150, 4, 35, 1175, 17.4, 40, 8.5),
                                 reduction.Figures("other", "hang", 150, 2, 23, 30, 90.0, None, None)]).splitlines()
        assert lines[1].split() == ["bug", "placement", "150", "4", "1,175", "17", "40", "8,500"]
        assert lines[2].split() == ["other", "hang", "150", "2", "30", "90", "-", "-"]
