"""Makes an input of a fuzz target smaller, byte by byte, as long as it still fails, without running anything itself. For targets
whose inputs are no programs: kmemfuzz reduces those."""

from typing import NamedTuple


class Shape(NamedTuple):
    """What the inputs of a target are made of: a header, then units of one size, any of which may be missing. Bytes may be
    numbers and bits, of which fewer are better, or else characters, of which 0 is as plain as any."""

    header_size: int
    unit_size: int
    is_text: bool


# The sizes are those in fuzz/sv39/sv39_operation.h.
SHAPES = {
    "sv39": Shape(header_size=3, unit_size=4, is_text=False),
    "text": Shape(header_size=0, unit_size=1, is_text=True),
}
SMALL = 16  # numbers below this are all tried, so that findings which differ in one are reduced to the same


class _Reducer:
    """One reduction. best fails; every other input is tried once."""

    def __init__(self, data, shape, fails, is_over):
        self.best = data
        self.shape = shape
        self._fails = fails
        self._is_over = is_over
        self._tried = {data}

    def accept(self, candidate):
        """Takes a candidate that fails. Returns whether it does; when time is over, or it was tried before, it does not."""
        if candidate in self._tried or self._is_over():
            return False
        self._tried.add(candidate)
        if self._fails(candidate):
            self.best = candidate
            return True
        return False

    def unit_count(self):
        """Units of the best input, the last perhaps cut short."""
        return max(0, -(-(len(self.best) - self.shape.header_size) // self.shape.unit_size))

    def without(self, first, count):
        """The best input without these units."""
        start = self.shape.header_size + first * self.shape.unit_size
        return self.best[:start] + self.best[start + count * self.shape.unit_size:]

    def shorten(self):
        """Leaves out what comes after the failure, by halving: targets end there. Each turn halves what is left."""
        low, high = 0, self.unit_count()
        while low < high:
            middle = (low + high) // 2
            if self.accept(self.best[:self.shape.header_size + middle * self.shape.unit_size]):
                high = middle
            else:
                low = middle + 1

    def remove(self):
        """Leaves out units, at first many at a time, from the end to the start."""
        size = max(1, self.unit_count() // 2)
        while True:
            for first in range(max(0, self.unit_count() - size), -1, -size):
                self.accept(self.without(first, size))
            if size == 1:
                return
            size //= 2

    def shift(self):
        """Leaves out a unit of few, and has a later one count one less: its second byte says which of the things that are
        there it is about, one of which is then missing."""
        for first in range(self.unit_count() - 1, -1, -1):
            for later in range(first, min(self.unit_count() - 1, SMALL)):
                candidate = bytearray(self.without(first, 1))
                at = self.shape.header_size + later * self.shape.unit_size + 1
                if at < len(candidate) and candidate[at] > 0:
                    candidate[at] -= 1
                    if self.accept(bytes(candidate)):
                        break

    def cut_end(self):
        """Leaves out bytes at the end: of a unit that is not whole, or of the header, of which missing ones are 0."""
        while self.best and self.accept(self.best[:-1]):
            pass

    def make_plain(self):
        """Replaces bytes, one after another, by plainer ones: the smallest number that will do, or fewer bits."""
        for index in range(len(self.best)):
            def replace(byte, at=index):
                return self.accept(self.best[:at] + bytes([byte]) + self.best[at + 1:])
            if self.shape.is_text:
                replace(ord("0"))
            elif not any(replace(byte) for byte in range(min(self.best[index], SMALL))):
                for bit in range(7, -1, -1):
                    if self.best[index] >> bit & 1:
                        replace(self.best[index] & ~(1 << bit))


def reduce(data, shape, fails, is_over):
    """The smallest input found that fails. data fails; fails(candidate) says whether another does, and is asked about each
    at most once; no more are tried once is_over() is true. Ends: each round but the last makes the input shorter, or a
    byte of it plain or less."""
    reducer = _Reducer(data, shape, fails, is_over)
    reducer.shorten()
    before = None
    while before != reducer.best:
        before = reducer.best
        reducer.remove()
        if not shape.is_text:
            reducer.shift()
        reducer.cut_end()
        reducer.make_plain()
    return reducer.best
