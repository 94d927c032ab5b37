"""Teaches gdb about heaps and runs: it prints our structures in words, draws the block map, and stops before an operation.
Load it with `source fuzz/gdb/kmem_gdb.py`, for an image on a board or for kmemfuzz on the host. It only reads: it never writes
to the memory of the process or calls its functions.

Commands: kmem-map, kmem-stop-before, kmem-where, kmem-fault; `help COMMAND` in gdb says more.
"""

import functools
import json
import pathlib
import re
import subprocess
import sys

import gdb
import gdb.printing

TREE = pathlib.Path(__file__).resolve().parents[2]
sys.path.append(str(TREE / "fuzz"))

from kmemfuzz.board import cause_name  # noqa: E402  pylint: disable=wrong-import-position

TOOL = TREE / "build/release/kmemfuzz"


# Words and layouts, which debug information does not have: kmemfuzz prints them.

def _words():
    """What `kmemfuzz oracles --json` prints: of the program being debugged, or, for an image, of the tree's kmemfuzz."""
    program = pathlib.Path(gdb.current_progspace().filename or "")
    tool = program if program.name == TOOL.name else TOOL
    try:
        return json.loads(subprocess.run([tool, "oracles", "--json"], stdin=subprocess.DEVNULL, capture_output=True,
                                         check=True).stdout)
    except (OSError, subprocess.CalledProcessError, ValueError) as error:
        raise gdb.GdbError(f"{tool} cannot name operations and oracles: {error}; build it: cmake --build --preset release") from error


WORDS = _words()
OPERATIONS, SIZE_BASES, THROUGHS = (WORDS["program"][name] for name in ("operations", "size_bases", "throughs"))
HEADER_SIZE, BLOCK_SIZE_MINIMUM = (WORDS["block"][name] for name in ("header_size", "size_minimum"))  # bytes
TAKEN = 1 << 8 * HEADER_SIZE - 1  # the most significant bit of a header
MISUSED_REQUEST = "64"  # bytes a misuse through realloc asks for when its text does not say


# Values.

def _evaluate(expression):
    """A value, or an error that a person understands."""
    try:
        return gdb.parse_and_eval(expression)
    except gdb.error as error:
        raise gdb.GdbError(f"{expression}: {error}") from error


def _pointee(value):
    """What a pointer points to; anything else is itself."""
    return value.dereference() if value.type.strip_typedefs().code == gdb.TYPE_CODE_PTR else value


def _struct_name(value):
    """The tag of a structure; None for anything else."""
    kind = value.type.strip_typedefs()
    return kind.tag if kind.code == gdb.TYPE_CODE_STRUCT else None


def _no_offset(value):
    """Is this the offset that stands for none, SIZE_MAX of the machine?"""
    return int(value) == (1 << 8 * value.type.sizeof) - 1


def _choice(table, index):
    """An entry of one of the program's tables; what is not known is said."""
    try:
        return int(gdb.parse_and_eval(table)[index])
    except gdb.error:
        return f"choice-{index}"


def _number(number):
    """A count or an alignment: in hexadecimal at the arithmetic edge."""
    return f"{number:#x}" if isinstance(number, int) and number > 99_999_999 else str(number)


def _size(size):
    """A struct size_operand as text."""
    base, amount = int(size["base"]), int(size["amount"])
    name = SIZE_BASES[base] if 0 <= base < len(SIZE_BASES) else f"base-{base}"
    return f"{name}{amount:+d}" if name and amount else name or str(amount)


def operation_text(operation):
    """A struct operation as its text says it, such as `alloc 0 largest+8`."""
    kind = int(operation["kind"])
    if not 0 <= kind < len(OPERATIONS):
        return f"no operation: kind {kind}"
    operands = OPERATIONS[kind]["operands"]
    words = [OPERATIONS[kind]["word"]]
    if "slot" in operands:
        words.append(str(int(operation["slot"])))
    if "alignment" in operands:
        words.append(_number(int(operation["alignment"])))
    if "count" in operands:
        count = _choice("program_counts", int(operation["choice"]))
        words.append(_number(count))
    if "size" in operands:
        words.append(_size(operation["size"]))
    if "step" in operands:
        words.append(str(int(operation["step"])))
    through = int(operation["through"])
    if through:
        words.append(THROUGHS[through] if through < len(THROUGHS) else f"through-{through}")
        if words[-1] in ("realloc", "alloc") and _size(operation["size"]) != MISUSED_REQUEST:
            words.append(_size(operation["size"]))
    return " ".join(words)


# Printers: what gdb prints of a structure.

def _kmem_text(heap):
    """struct kmem in a line."""
    pages, page_size = int(heap["page_count"]), int(heap["page_size"])
    text = (f"heap at {int(heap['base']):#x}, {pages} page{'' if pages == 1 else 's'} of {page_size} bytes, "
            f"{int(heap['taken_count'])} taken of {int(heap['taken_size'])} bytes, last call {heap['error']}")
    return text + (f" at offset {int(heap['error_offset'])}" if str(heap["error"]) == "KMEM_CORRUPT" else "")


def _block_text(block):
    """struct block, a header in its parts."""
    size = int(block["size"])
    return f"{'taken' if block['taken'] else 'free'}, {size} bytes" + ("" if _is_possible(size, size) else ", which cannot be true")


def _step_text(step):
    """struct step: its operation, and what that means in the heap's present state."""
    call = str(step["call"]).removeprefix("CALL_").lower().replace("_", " ")
    parts = [f"{int(step['index'])}: {operation_text(step['operation'])}"]
    if step["recovery"]:
        parts.append("freeing everything at the end")
    if call in ("free", "realloc"):
        parts.append(f"{call} of " + ("NULL" if step["null_pointer"] else f"offset {int(step['pointer_offset'])}"))
    elif call != "none":
        parts.append(call)
    if call == "calloc":
        parts.append(f"{int(step['count'])} times")
    if call not in ("none", "free", "coalesce"):
        parts.append(f"{int(step['size'])} bytes")
    if call == "alloc aligned":
        parts.append(f"alignment {int(step['alignment'])}")
    return ", ".join(parts) + _prediction(step["predicted"])


def _prediction(predicted):
    """What the model says comes of a step; nothing when it gives no pointer and frees none."""
    if int(predicted["refusal"]) != 0:
        return f"; must be refused: {str(predicted['refusal']).removeprefix('REFUSAL_').lower().replace('_', '-')}"
    if not _no_offset(predicted["offset"]):
        return f"; must give offset {int(predicted['offset'])}"
    return "" if _no_offset(predicted["freed_offset"]) else f"; must free offset {int(predicted['freed_offset'])}"


def _verdict_text(verdict):
    """struct verdict: the oracle and its three numbers."""
    number = int(verdict["oracle"])
    if number == 0:
        return "sound"
    oracle = WORDS["oracles"][number - 1] if number <= len(WORDS["oracles"]) else {"id": f"oracle {number}", "sentence": "?"}
    offset = int(verdict["offset"])
    offset -= (offset >> 63) << 64  # in front of the base it is negative
    return (f"{oracle['id']}: {oracle['sentence']} (offset {offset}, expected {int(verdict['expected'])}, "
            f"observed {int(verdict['observed'])})")


class Printer:
    """Prints a structure as a function says."""

    def __init__(self, value, text):
        self._value, self._text = value, text

    def to_string(self):
        return self._text(self._value)


def _make_printers():
    printers = gdb.printing.RegexpCollectionPrettyPrinter("kmem")
    for name, text in (("kmem", _kmem_text), ("block", _block_text), ("operation", operation_text), ("step", _step_text),
                       ("verdict", _verdict_text)):
        printers.add_printer(name, f"^{name}$", functools.partial(Printer, text=text))
    return printers


# The block map.

def _is_possible(size, room):
    """block_is_possible of src/block.h."""
    return size >= BLOCK_SIZE_MINIMUM and size % HEADER_SIZE == 0 and size <= room


class Heap:
    """The region of a heap, and, where an executor is at hand, which slot holds what."""

    def __init__(self, base, size, slots, payloads=None):
        self.payloads = payloads  # (offset, size, slot) of each, all that is known of a heap without a view; None: its headers are
        self.base = base
        self.size = size  # bytes
        self.slots = slots  # offset of a payload: its slot; None without an executor

    @staticmethod
    def of_kmem(kmem):
        """A struct kmem's, as its members have it."""
        return Heap(int(kmem["base"]), int(kmem["page_count"]) * int(kmem["page_size"]), None)

    @staticmethod
    def of_executor(executor):
        """An executor's, going by what it knows, as the heap's own members may be wrong."""
        slots = Heap._live_slots(executor)
        payloads = None
        if int(executor["subject"]["view"]) == 0:
            payloads = [(offset, int(executor["tables"]["slots"][slot]["size"]), slot) for offset, slot in sorted(slots.items())]
        return Heap(int(executor["region"]["base"]),
                    int(executor["given_pages"]) * int(executor["model"]["page_size"]), slots, payloads)

    @staticmethod
    def _live_slots(executor):
        tables = executor["tables"]
        live = {}
        for word in range((int(executor["slot_count"]) + 63) // 64):
            bits = int(tables["live_bits"][word])
            for slot in (64 * word + bit for bit in range(64) if bits >> bit & 1):
                live[int(tables["slots"][slot]["offset"])] = slot
        return live

    @staticmethod
    def find(expression):
        """The heap an expression names; without one, that of the run under way."""
        if expression:
            value = _pointee(_evaluate(expression))
            makers = {"kmem": Heap.of_kmem, "executor": Heap.of_executor}
            name = _struct_name(value)
            if name not in makers:
                raise gdb.GdbError(f"{expression} is neither a struct kmem nor a struct executor")
            return makers[name](value)
        try:
            executor = gdb.parse_and_eval("debug_executor")
        except gdb.error:
            executor = 0
        if int(executor) == 0:
            raise gdb.GdbError("no run is under way here: give a struct kmem, such as kmem-map *heap")
        return Heap.of_executor(executor.dereference())

    def blocks(self):
        """Every block up to the first impossible one, that included: (offset, size, taken, slot, what is wrong)."""
        if self.payloads is not None:
            yield from self._parts()
            return
        memory = gdb.selected_inferior()
        offset = 0
        while offset < self.size:  # each step is 16 bytes or more, or the walk ends
            try:
                header = int.from_bytes(memory.read_memory(self.base + offset, HEADER_SIZE).tobytes(), "little")
            except gdb.MemoryError:
                yield offset, 0, False, None, "the header cannot be read"
                return
            size, taken = header & ~TAKEN, header & TAKEN != 0
            possible = _is_possible(size, self.size - offset)
            slot = None if self.slots is None else self.slots.get(offset + HEADER_SIZE)
            yield offset, size, taken, slot, None if possible else "the size cannot be true"
            if not possible:
                return
            offset += size

    def _parts(self):
        """The same of a heap whose headers are unknown: payloads, and the parts between them as if they were free."""
        end = 0
        for offset, size, slot in [*self.payloads, (self.size, 0, None)]:
            if offset > end:
                yield end, offset - end, False, None, None
            if slot is not None:
                yield offset, size, True, slot, None
            end = max(end, offset + size)

    def picture(self):
        """In a line, as kmemfuzz draws it."""
        text = "|"
        for _, size, taken, slot, wrong in self.blocks():
            text += f"{'#' if taken else '.'}{size}{'' if slot is None else f' s{slot}'}|"
            if wrong:
                text += f" corrupt: {wrong}"
        return text


class MapCommand(gdb.Command):
    """Print the block map of a heap: kmem-map [EXPRESSION].

EXPRESSION is a struct kmem, a struct executor, or a pointer to one; without it, the heap of the run under way. A line
for each block: its offset from the heap's base and its size with header, in bytes, whether it is taken, and the slot
that holds it, where an executor is at hand. Of a heap of
another author, its payloads are known and nothing else. Ends at a header that cannot be true, and says so. Only reads."""

    def __init__(self):
        super().__init__("kmem-map", gdb.COMMAND_DATA, gdb.COMPLETE_EXPRESSION)

    def invoke(self, argument, _from_tty):
        heap = Heap.find(argument)
        free = "free" if heap.payloads is None else "other"
        counts = {False: [0, 0], True: [0, 0]}
        print(f"{'offset':>10} {'size':>10}  state  slot")
        for offset, size, taken, slot, wrong in heap.blocks():
            if wrong:
                print(f"{offset:>10} {size:>10}  {'taken' if taken else 'free'}   corrupt: {wrong}; "
                      "the walk ends here")
                return
            counts[taken][0] += 1
            counts[taken][1] += size
            line = f"{offset:>10} {size:>10}  {'taken' if taken else free:5}  {'' if slot is None else slot}"
            print(line.rstrip())
        print(f"{counts[True][0]} taken of {counts[True][1]} bytes, {counts[False][0]} {free} of {counts[False][1]} bytes, "
              f"base {heap.base:#x}")


# Stops.

def _argument(name):
    """An argument of the function a stop is in; an error elsewhere."""
    try:
        return gdb.newest_frame().read_var(name)
    except (gdb.error, ValueError) as error:
        raise gdb.GdbError(f"not stopped at a place that has a {name}: {error}") from error


class WhereCommand(gdb.Command):
    """Say at which operation the run is stopped, and draw the heap: kmem-where.

Works where kmem-stop-before stops: before an operation, where an oracle objects, and where an image ends."""

    def __init__(self):
        super().__init__("kmem-where", gdb.COMMAND_STATUS)

    def invoke(self, _argument_text, _from_tty):
        name = gdb.newest_frame().name()
        if name == "semihosting_exit":
            print(f"The image ends, with code {int(_argument('exit_code'))}; going on, the board is gone")
            return
        step = _argument("step").dereference()
        operation = f"operation {int(step['index'])}: {operation_text(step['operation'])}"
        if name == "debug_violation":
            print(f"Violation in {operation}\n  {_argument('verdict').dereference().format_string()}")
        else:
            print(f"Before {operation}{'  (freeing everything at the end)' if step['recovery'] else ''}")
        print(f"  {Heap.find('').picture()}")


class FaultCommand(gdb.Command):
    """Say what has trapped, and go back to the instruction that did: kmem-fault.

For a board that is stopped at trap_entry: the program counter is set to mepc, so that bt shows who did it. Going on
traps again."""

    def __init__(self):
        super().__init__("kmem-fault", gdb.COMMAND_STATUS)

    def invoke(self, _argument_text, _from_tty):
        cause, value, counter = (int(_evaluate(f"(unsigned long)${name}")) for name in ("mcause", "mtval", "mepc"))
        interrupt = cause >> 8 * gdb.lookup_type("long").sizeof - 1 != 0
        print(f"Trap: {'the watchdog' if interrupt else cause_name(cause)}, "
              f"address {value:#x}, at {counter:#x}")
        gdb.execute(f"set $pc = {counter:#x}")
        gdb.execute("frame")


def _is_there(place):
    """Can a breakpoint be set there?"""
    try:
        gdb.decode_line(place)
    except gdb.error:
        return False
    return True


def _stop_at(place, commands, condition=None, temporary=False):
    """A silent breakpoint that runs a command of ours."""
    gdb.execute(f"{'tbreak' if temporary else 'break'} {place}", to_string=True)  # without a line about it
    breakpoint_ = gdb.breakpoints()[-1]
    breakpoint_.silent = True
    breakpoint_.condition = condition
    breakpoint_.commands = commands
    return breakpoint_


class StopBeforeCommand(gdb.Command):
    """Stop a run before an operation: kmem-stop-before INDEX.

INDEX counts from 0. Also stops where an oracle objects, where a board traps in that operation or later, where its image
ends, and where a sanitizer ends the process.
`break debug_operation` stops before every operation. Then run, or continue on a board."""

    def __init__(self):
        super().__init__("kmem-stop-before", gdb.COMMAND_BREAKPOINTS)

    def invoke(self, argument, _from_tty):
        if not re.fullmatch(r"\d+", argument.strip()):
            raise gdb.GdbError("kmem-stop-before needs the number of an operation, from 0")
        if not _is_there("debug_operation"):
            raise gdb.GdbError("this program has no debug_operation: it is no replay image and not kmemfuzz")
        commands = ["kmem-where"]
        if _is_there("trap_entry"):
            trap = _stop_at("*trap_entry", "kmem-fault", temporary=True)
            trap.enabled = False  # one that comes earlier has not stopped the run
            commands.append(f"enable {trap.number}")
        if _is_there("semihosting_exit"):
            _stop_at("semihosting_exit", "kmem-where")  # after it the board is gone, and with it the connection
        _stop_at("debug_operation", "\n".join(commands), f"index == {argument}", temporary=True)
        _stop_at("debug_violation", "kmem-where")
        if _is_there("__sanitizer::Die"):
            _stop_at("__sanitizer::Die", "bt")


gdb.printing.register_pretty_printer(gdb.current_objfile(), _make_printers(), replace=True)
for command in (MapCommand, WhereCommand, FaultCommand, StopBeforeCommand):
    command()
