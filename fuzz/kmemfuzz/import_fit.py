"""The heap that an imported program needs: first fit, as kmem does it, on the largest heap there is; a smaller one gives the same
addresses as long as it holds them all. Its free blocks are found by a tree of the largest below each node."""

from kmemfuzz.import_build import BLOCK_LEAST, HEADER_SIZE, RECORD, alignment_of, block_size
from kmemfuzz.import_event import ALIGNED, FREE, REALLOC

PAGE_LEAST, PAGE_MOST, PAGES_MOST = 32, 4096, 512
REGION_MOST = PAGE_MOST * PAGES_MOST
UNIT = 8  # bytes
UNITS = REGION_MOST // UNIT
LEAST = BLOCK_LEAST // UNIT
LITERAL_MOST = (1 << 24) - 1


def scaled(size, scale):
    return -(-size // scale)


def records_of(file):
    """The records in a file, from its start."""
    file.seek(0)
    while chunk := file.read(RECORD.size * 4096):
        yield from RECORD.iter_unpack(chunk)


class Full(Exception):
    """The largest heap is full."""


class Layout:
    """Where blocks lie; in units. What lies after the last block is free, and in no tree."""

    def __init__(self, skew):
        self._skew = skew  # of the heap's base, in bytes above a multiple of every alignment
        self._tree = [0] * (2 * UNITS)  # of a leaf: the size of the free block that starts there
        self._ends = {}  # of these: start by end
        self._taken = {}  # by slot: (start, size)
        self._top = 0
        self.end = 0  # the highest top there was

    def _set(self, start, size):
        tree, at = self._tree, start + UNITS
        tree[at] = size
        while at > 1:
            other = tree[at ^ 1]
            at >>= 1
            if other > size:
                size = other
            if tree[at] == size:
                return
            tree[at] = size

    def _find(self, size, start=0):
        """The lowest free block from start on with so many units; None: what follows the last block."""
        tree = self._tree
        if start == 0:
            if tree[1] < size:
                return None
            at = 1
        else:
            at = start + UNITS
            if tree[at] >= size:
                return start
            while at & 1 or tree[at + 1] < size:
                at >>= 1
                if at == 0:
                    return None
            at += 1
        while at < UNITS:
            at *= 2
            if tree[at] < size:
                at += 1
        return at - UNITS

    def _add(self, start, end):
        self._set(start, end - start)
        self._ends[end] = start

    def _drop(self, start):
        """Takes a free block out of the tree; returns its end."""
        end = start + self._tree[start + UNITS]
        self._set(start, 0)
        del self._ends[end]
        return end

    def _release(self, start, size):
        """Makes units free, and merges them with their neighbours. Returns where that free block starts."""
        end = start + size
        if end < self._top and self._tree[end + UNITS]:
            end = self._drop(end)
        if start in self._ends:
            start = self._ends[start]
            self._drop(start)
        if end == self._top:
            self._top = start
        else:
            self._add(start, end)
        return start

    def _put(self, slot, hole, start, size):
        """Takes units of a free block; hole None: of what follows the last block."""
        if hole is None:
            if start + size > UNITS:
                raise Full
            if start > self._top:
                self._add(self._top, start)
            size = UNITS - start if UNITS - start - size < LEAST else size
            self._top = start + size
            self.end = max(self.end, self._top)
        else:
            end = self._drop(hole)
            if start > hole:
                self._add(hole, start)
            if end - start - size >= LEAST:
                self._add(start + size, end)
            else:
                size = end - start
        self._taken[slot] = (start, size)

    def alloc(self, slot, size):
        units = block_size(size) // UNIT
        hole = self._find(units)
        self._put(slot, hole, self._top if hole is None else hole, units)

    def _aligned_start(self, hole, alignment):
        """The lowest place in a free block whose payload is aligned, and before which nothing is left or a block."""
        front = self._skew + hole * UNIT
        payload = -(-(front + HEADER_SIZE) // alignment) * alignment
        while payload - HEADER_SIZE != front and payload - HEADER_SIZE < front + BLOCK_LEAST:
            payload += alignment
        return (payload - HEADER_SIZE - self._skew) // UNIT

    def aligned(self, slot, size, alignment):
        if alignment & (alignment - 1) or alignment == 0:
            return
        alignment = max(alignment, UNIT)
        units = block_size(size) // UNIT
        hole = self._find(units)
        while hole is not None:
            start = self._aligned_start(hole, alignment)
            if start + units <= hole + self._tree[hole + UNITS]:
                break
            hole = self._find(units, hole + 1)
        self._put(slot, hole, self._aligned_start(self._top, alignment) if hole is None else start, units)

    def free(self, slot):
        if slot in self._taken:
            self._release(*self._taken.pop(slot))

    def resize(self, slot, size):
        if size == 0:
            self.free(slot)
            return
        if slot not in self._taken:
            self.alloc(slot, size)
            return
        start, old = self._taken[slot]
        units = block_size(size) // UNIT
        end = start + old
        room = UNITS - start if end == self._top else old + self._tree[end + UNITS]
        if units == old:
            return
        if units <= room:
            hole = self._release(start, old)
            self._put(slot, None if hole == self._top else hole, start, units)
        else:
            self.alloc(slot, size)
            self._release(start, old)


def lay_out(records, scale, page_size):
    """Bytes that the records need of a heap. Raises Full."""
    layout = Layout(page_size)
    for code, slot, value, alignment, _ in records:
        if code == FREE:
            layout.free(slot)
        elif code < 2 and value:
            layout.alloc(slot, scaled(value, scale))
        elif code == REALLOC:
            layout.resize(slot, scaled(value, scale))
        elif code == ALIGNED and value:
            layout.aligned(slot, scaled(value, scale), alignment_of(alignment))
    return layout.end * UNIT


def _choose(file, scale, has_aligned, room):
    """(bytes in a page, pages) of the smallest heap, in the smallest pages; None: none is large enough."""
    page = PAGE_LEAST
    while page <= PAGE_MOST:
        try:
            size = lay_out(records_of(file), scale, page) * room
        except Full:
            return None
        while page < PAGE_MOST and page * PAGES_MOST < size and not has_aligned:
            page *= 2
        if room > 1:
            size = min(size, PAGE_MOST * PAGES_MOST)
        if page * PAGES_MOST >= size:
            return page, max(-(-size // page), 1)
        page *= 2
    return None


def choose(file, builder, scale, room=1):
    """(bytes in a page, pages, what sizes are divided by) of the heap for the records in a file; scale None: the least power of two
    with which they fit. room: how many times as large as kmem needs it. None: they do not fit."""
    factor = scale or 1
    while scale is None and (builder.peak_size > REGION_MOST * factor or block_size(scaled(builder.largest_size, factor)) > REGION_MOST):
        factor *= 2
    while factor < 1 << 64:
        chosen = _choose(file, factor, builder.has_aligned, room)
        if chosen or scale is not None:
            return chosen and (*chosen, factor)
        factor *= 2
    return None
