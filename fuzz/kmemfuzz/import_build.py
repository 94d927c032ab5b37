"""From events to operations: which slot holds what, what was freed already, what lies inside a live block or over one. Memory is
bounded by the live blocks; the operations go to a file as they come."""

import bisect
import collections
import heapq
import struct

from kmemfuzz import import_event
from kmemfuzz.import_event import ALIGNED, FREE, REALLOC, SIZE_MOST, LineError, Unshown

SLOTS_MOST = 4096
FAILED_MOST = (1 << 128) - 1  # of a count times a size
GIVEN_MOST = 1 << 48  # bytes that an allocator can have given
NEVER = 1 << 64  # a line
ZERO_SIZE_POINTER = 16  # what Linux gives for 0 bytes, each time
REMEMBERED = 1 << 16  # freed pointers, for a second free to be known as one
BUCKET_BITS = 16  # of an address that live blocks are found by

# Operations: what a record's code means, with its slot and value.
CODES = ("alloc {0} {1}", "zalloc {0} {1}", "aligned {0} {2} {1}", "realloc {0} {1}", "free {0}", "null", "double {0}",
         "interior {0} {1}", "misaligned {0} {1}", "foreign 0", "double {0} realloc", "interior {0} {1} realloc",
         "misaligned {0} {1} realloc", "foreign 0 realloc", "alloc {0} {2}", "realloc {0} {2}")
NULL, DOUBLE, INTERIOR, MISALIGNED, FOREIGN, THROUGH_REALLOC, FAILED, FAILED_REALLOC = 5, 6, 7, 8, 9, 4, 14, 15
RECORD = struct.Struct("<BHQQQ")  # code, slot, value, alignment (of what failed: the upper half of its size), line

NO_PAYLOAD, LEFT_OUT, STORED = -1, -2, -3  # in place of a slot
ALIGNMENTS = (*(1 << power for power in range(13)), 65536, 0, 24)  # of format 1
HEADER_SIZE = 8
BLOCK_LEAST = 16


def alignment_of(value):
    """What format 1 has for an alignment: the next one, or one that must be refused too."""
    if value in ALIGNMENTS:
        return value
    return 24 if value & (value - 1) else 65536


def block_size(size):
    """Bytes of a block for a request, in a heap such as kmem."""
    return (size + HEADER_SIZE + 7) & ~7 if size > BLOCK_LEAST - HEADER_SIZE else BLOCK_LEAST


class Addresses:
    """The starts of live blocks, in order: lists of those that share their upper bits."""

    def __init__(self):
        self._keys, self._buckets = [], {}

    def add(self, start):
        bucket = self._buckets.get(start >> BUCKET_BITS)
        if bucket is None:
            bucket = self._buckets[start >> BUCKET_BITS] = []
            bisect.insort(self._keys, start >> BUCKET_BITS)
        bisect.insort(bucket, start)

    def remove(self, start):
        bucket = self._buckets[start >> BUCKET_BITS]
        del bucket[bisect.bisect_left(bucket, start)]
        if not bucket:
            del self._buckets[start >> BUCKET_BITS]
            del self._keys[bisect.bisect_left(self._keys, start >> BUCKET_BITS)]

    def last_below(self, address):
        """The highest start below address; None: there is none."""
        bucket = self._buckets.get(address >> BUCKET_BITS, ())
        index = bisect.bisect_left(bucket, address)
        if index:
            return bucket[index - 1]
        index = bisect.bisect_left(self._keys, address >> BUCKET_BITS)
        return self._buckets[self._keys[index - 1]][-1] if index else None


class Live:
    """A live block."""
    __slots__ = ("slot", "size", "line", "kind", "alignment", "under", "over", "left")

    def __init__(self, slot, size, line, kind, alignment):
        self.slot, self.size, self.line, self.kind, self.alignment = slot, size, line, kind, alignment
        self.under = None  # the live block that was here before, in a log that gives memory twice
        self.over = None  # (a live block that this one lies over, what is to be said of it)
        self.left = NEVER  # the line where a realloc that others interrupt began to move it


class Notes:
    """Things said of lines, those of a kind together: by kind [count, first line, text]."""

    def __init__(self):
        self.kinds = {}
        self.count = 0

    def add(self, kind, line, text):
        self.count += 1
        known = self.kinds.get(kind)
        if known is None:
            self.kinds[kind] = [1, line, text]
        else:
            known[0] += 1
            if line < known[1]:
                known[1:] = line, text

    def lines(self):
        """(line, text) of each kind, in the order of the log."""
        for count, line, text in sorted(self.kinds.values(), key=lambda known: known[1]):
            yield line, text + (f" (and {count - 1:,} more such line{'s' * (count > 2)})" if count > 1 else "")


class Builder:
    """Takes events in turn, and writes records to a binary file, from the line `first` on."""

    def __init__(self, file, first=0):
        self._file, self._first = file, first
        self._live, self._addresses = {}, Addresses()
        self._freed, self._freed_before = {}, {}  # by pointer: (line, slot)
        self._elsewhere = set()  # pointers that lines which are left out got
        self._stored = {}  # where such lines stored pointers that the log does not show, and that are not freed; the oldest first
        self._unshown = {}  # by alignment: the pointers that the log does not show, of live blocks, the oldest first
        self._free_slots = []
        self._begun = first == 0
        self._live_size = 0
        self.slot_limit = 0  # slots that were used
        self.peak_size = 0  # bytes of blocks that were live at a time
        self.largest_size = 0
        self.operation_count = self.allocation_count = self.failed_count = self.left_out = 0
        self.has_aligned = False
        self.notes = Notes()

    # Records.

    def _write(self, code, slot, value, line, alignment=0):
        self._file.write(RECORD.pack(code, slot, value, alignment, line))
        self.operation_count += 1

    def _write_failed(self, code, slot, size, line):
        size = min(size, FAILED_MOST)
        self._write(code, slot, size & SIZE_MOST, line, size >> 64)

    def _take_slot(self):
        if self._free_slots:
            return heapq.heappop(self._free_slots)
        if self.slot_limit == SLOTS_MOST:
            return LEFT_OUT
        self.slot_limit += 1
        return self.slot_limit - 1

    def _begin(self):
        """At the first line that is wanted: what is live by then is allocated."""
        self._begun = True
        blocks = sorted((block for block in self._live.values() if block.slot != NO_PAYLOAD), key=lambda block: block.line)
        kept = blocks if len(blocks) <= SLOTS_MOST * 3 // 4 else blocks[-SLOTS_MOST // 2:]
        self.left_out += len(blocks) - len(kept)
        for block in blocks[:len(blocks) - len(kept)]:
            block.slot = LEFT_OUT
        self._live_size = 0
        self._freed, self._freed_before = {}, {}
        self.peak_size = self.largest_size = self.failed_count = 0
        self.notes = Notes()
        for block in kept:
            block.slot = self._take_slot()
            self._write_alloc(block)
        if kept:
            first = kept[0]
            self.notes.add("begin", first.line, f"{len(kept):,} block{'s' * (len(kept) > 1)} live at line {self._first} "
                           f"{'are' if len(kept) > 1 else 'is'} allocated first, with the size by then")

    def _write_alloc(self, block):
        self.allocation_count += 1
        self.largest_size = max(self.largest_size, block.size)
        self._grow(block_size(block.size))
        if block.kind == ALIGNED:
            self.has_aligned = True
            if alignment_of(block.alignment) != block.alignment:
                self.notes.add("alignment", block.line, f"a program has no alignment {block.alignment}: it becomes "
                               f"{alignment_of(block.alignment)}")
            self._grow(alignment_of(block.alignment))
            self._grow(-alignment_of(block.alignment))
        self._write(block.kind, block.slot, block.size, block.line, block.alignment)

    def _grow(self, size):
        self._live_size += size
        if self._live_size > self.peak_size:
            self.peak_size = self._live_size

    # Pointers.

    def _insert(self, where, block):
        """Makes a block live, and notes others that lie where it does."""
        twice = "the memory was given twice, or a free is missing in the log"
        under = self._live.get(where)
        if under is not None:
            block.under = under
            if where != ZERO_SIZE_POINTER or block.size or under.size:
                block.over = under, f"the block that line {under.line} got is live, and this line gets it again: {twice}"
        elif isinstance(where, int):
            before = self._addresses.last_below(where + (block.size or 1))
            if before is not None and before + (self._live[before].size or 1) > where:
                over = self._live[before]
                block.over = over, f"this block lies over that of line {over.line}, which is live: {twice}"
            self._addresses.add(where)
        self._live[where] = block
        self._forget(where)
        if isinstance(where, Unshown):
            self._unshown.setdefault(block.alignment, collections.deque()).append(where)

    def _forget(self, where):
        """A pointer is no longer one that was freed, or got from elsewhere."""
        if self._freed.pop(where, None) is None and self._freed_before:
            self._freed_before.pop(where, None)
        if self._elsewhere:
            self._elsewhere.discard(where)

    def _remember(self, where, line, slot):
        """That a pointer is freed."""
        self._freed[where] = (line, slot)
        if len(self._freed) > REMEMBERED:
            self._freed_before, self._freed = self._freed, {}

    def _is_unknown(self, where):
        """Whether no line so far has shown a pointer, which is not in a live block either."""
        return (isinstance(where, int) and where not in self._elsewhere and where not in self._freed and
                where not in self._freed_before and self._holder(where) is None)

    def _place_of(self, where):
        """Where a line may have stored a pointer that is freed; None. What came from there before may be there again."""
        if not self._stored:
            return None
        if self._is_unknown(where):
            return next(iter(self._stored))
        freed_line, slot = self._freed.get(where) or self._freed_before.get(where) or (NEVER, None)
        newest = next(reversed(self._stored))
        return newest if slot == STORED and self._stored[newest] > freed_line else None

    def _settle(self, block):
        """Says that a block lay over another, unless that one was being moved by then."""
        if block.over is not None:
            other, text = block.over
            block.over = None
            if other.left > block.line >= self._first:
                self.notes.add("overlap", block.line, text)

    def _remove(self, where, block, line, keeps_slot=False):
        top = self._live[where]
        if top is not block:
            while top.under is not block:
                top = top.under
            top.under = block.under
        elif block.under is not None:
            self._live[where] = block.under
        else:
            del self._live[where]
            if isinstance(where, int):
                self._addresses.remove(where)
            self._remember(where, line, block.slot)
        self._settle(block)
        if block.slot >= 0 and self._begun:
            self._live_size -= block_size(block.size)
            if not keeps_slot:
                heapq.heappush(self._free_slots, block.slot)

    def _holder(self, where):
        """(start, the live block) that a pointer points into; None."""
        if not isinstance(where, int):
            return None
        start = self._addresses.last_below(where)
        return (start, self._live[start]) if start is not None and start + self._live[start].size > where else None

    def _misuse(self, where, line, through):
        """A free or a realloc (through = THROUGH_REALLOC) of what is not live."""
        word = "resized" if through else "freed"
        freed = self._freed.get(where) or self._freed_before.get(where)
        holder = None if freed else self._holder(where)
        if freed is not None:
            self.notes.add(("double", through), line, f"{'resized, but ' if through else ''}freed already, on line {freed[0]}: it becomes double")
            code, slot, value = DOUBLE, max(freed[1], 0), 0
        elif holder is not None:
            start, block = holder
            distance = where - start
            code, value = (MISALIGNED, distance % 8 - 1) if distance % 8 else (INTERIOR, distance // 8)
            slot = block.slot
            self.notes.add((code, through), line, f"{word}, but {distance} byte{'s' * (distance != 1)} inside the block of line {block.line}: it becomes "
                           f"{'misaligned' if code == MISALIGNED else 'interior'}")
        else:
            self.notes.add(("foreign", through), line, f"{word}, but never allocated in this log"
                           f"{' as far as it is remembered' if self._freed_before else ''}: it becomes foreign")
            code, slot, value = FOREIGN, 0, 0
        if slot < 0 and code != DOUBLE:
            code = NULL if slot == NO_PAYLOAD else None
            through = 0
        if not self._begun:
            return
        if code is None:
            self.left_out += 1
        else:
            self._write(code + through, slot, value, line)

    def _find(self, where, line, word):
        """The live block at a pointer; None. A pointer that no line has shown is taken for one that a line did not show."""
        block = self._live.get(where)
        if block is None and self._unshown and self._is_unknown(where):
            for alignment in sorted(self._unshown, reverse=True):
                if where % (alignment or 1) == 0:
                    names = self._unshown[alignment]
                    block = self._live.pop(names.popleft())
                    if not names:
                        del self._unshown[alignment]
                    self._insert(where, block)
                    self.notes.add("unshown", line, f"{word}, but no line shows this pointer: it is taken for that of line {block.line}, which "
                                   "its line does not show")
                    break
        return block

    # Events.

    def _allocate(self, kind, where, size, alignment, line):
        if where is None and size:
            self.failed_count += 1
            self.notes.add("failed", line, f"the allocation of {size} byte{'s' * (size != 1)} failed in the log: it becomes one that fails")
            if self._begun:
                slot = self._take_slot()
                if slot >= 0:
                    self._write_failed(FAILED, slot, size, line)
                    heapq.heappush(self._free_slots, slot)
                else:
                    self.left_out += 1
            return
        block = Live(LEFT_OUT, size, line, kind, alignment)
        if size == 0:  # kmem gives NULL for it
            block.slot = NO_PAYLOAD
            if self._begun:
                slot = self._take_slot()
                if slot >= 0:
                    self._write(kind, slot, size, line, alignment)
                    heapq.heappush(self._free_slots, slot)
                else:
                    self.left_out += 1
                self.allocation_count += 1
            if where is None:
                return
        elif self._begun:
            block.slot = self._take_slot()
            if block.slot == LEFT_OUT:
                self.left_out += 1
            else:
                self._write_alloc(block)
        self._insert(where, block)

    def _free(self, where, line):
        if where is None:
            if self._begun:
                self._write(NULL, 0, 0, line)
            return
        block = self._find(where, line, "freed")
        if block is None:
            if where in self._elsewhere:
                self._elsewhere.discard(where)
                self.notes.add("elsewhere", line, "frees what a line that is left out got, and is left out too")
            elif (place := self._place_of(where)) is not None:
                self._remember(where, line, STORED)
                self.notes.add("stored", line, f"freed, but no line shows this pointer: it is taken for what line {self._stored.pop(place)} "
                               "stored, and left out as that line is")
            else:
                self._misuse(where, line, 0)
            return
        if self._begun:
            if block.slot >= 0:
                self._write(FREE, block.slot, 0, line)
            elif block.slot == NO_PAYLOAD:
                self._write(NULL, 0, 0, line)
            else:
                self.left_out += 1
        self._remove(where, block, line)

    def _resize(self, where, new, size, line, begun):
        block = None if where is None else self._find(where, line, "resized")
        if block is not None and begun:
            earlier = block
            while earlier is not None and earlier.line > begun:
                earlier = earlier.under
            block = earlier or block
            if new is not None or size == 0:
                block.left = begun
        if block is None:
            if where is not None and (new is None or where in self._freed or where in self._freed_before or self._holder(where)):
                self._misuse(where, line, THROUGH_REALLOC)
            elif where is not None:
                self.notes.add("resized", line, "resized, but never allocated in this log: it becomes an allocation of the new size")
            if new is not None or where is None:
                self._allocate(0, new, size, 0, line)
            return
        if block.slot == NO_PAYLOAD and size:
            if new is not None:
                self._remove(where, block, line)
            self._allocate(0, new, size, 0, line)
        elif size == 0:
            if self._begun:
                if block.slot >= 0:
                    self._write(REALLOC, block.slot, 0, line)
                else:
                    self._write(NULL, 0, 0, line)
            self._remove(where, block, line)
            if new is not None:
                self._insert(new, Live(NO_PAYLOAD, 0, line, 0, 0))
        elif new is None:
            self.failed_count += 1
            self.notes.add("failed realloc", line, f"the realloc to {size} byte{'s' * (size != 1)} failed in the log: it becomes one that fails")
            if self._begun and block.slot >= 0:
                self._write_failed(FAILED_REALLOC, block.slot, size, line)
            elif self._begun:
                self.left_out += 1
        else:
            self._move(where, new, block, size, line)

    def _move(self, where, new, block, size, line):
        slot = block.slot
        if self._begun:
            if slot >= 0:
                self._write(REALLOC, slot, size, line)
                self._grow(block_size(size))  # both are live for a moment
            else:
                self.left_out += 1
            self.largest_size = max(self.largest_size, size)
        self._remove(where, block, line, keeps_slot=True)
        self._insert(new, Live(slot, size, line, 0, 0))

    def take(self, event):
        """Takes an event. Raises LineError."""
        kind, old, new, size, alignment, line = event
        if not self._begun and line >= self._first:
            self._begin()
        if size > GIVEN_MOST and new is not None:
            self._leave_out(new)
            raise LineError("given", f"{size} bytes are more than any allocator can give", line)
        if kind == FREE:
            self._free(old, line)
        elif kind == REALLOC:
            self._resize(old, new, size, line, alignment)
        elif kind == import_event.LEFT_OUT:
            if old is None:
                self._leave_out(new)
            elif len(self._stored) < REMEMBERED:
                self._stored.setdefault(old, line)
        else:
            self._allocate(kind, new, size, alignment, line)

    def _leave_out(self, where):
        """A line that is left out got a pointer."""
        if where not in self._live and self._holder(where) is None:
            self._forget(where)
            if len(self._elsewhere) == REMEMBERED:
                self._elsewhere.clear()
            self._elsewhere.add(where)

    def finish(self):
        """Says what can be said only when no more events come."""
        for block in self._live.values():
            while block is not None:
                self._settle(block)
                block = block.under
