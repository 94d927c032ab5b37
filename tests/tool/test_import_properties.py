"""Properties of `kmemfuzz import`, on logs that Hypothesis makes up: the same ones each time.

KMEM_PRESET names the build whose tool is tested (default: release).
"""

import contextlib
import io
import re
import subprocess
import tempfile

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from kmemfuzz import import_formats, import_log
from kmemfuzz.import_build import RECORD, Addresses, block_size
from kmemfuzz.import_event import LineError
from kmemfuzz.import_fit import UNIT, Layout
from tool_fixture import SOUND, TOOL, USAGE

settings.register_profile("fixed", derandomize=True, database=None, deadline=None, suppress_health_check=list(HealthCheck))
settings.load_profile("fixed")

FORMATS = {form.name: form for form in import_formats.formats()}

# Steps of a history: (what, which of those that are live, size).
STEPS = st.lists(st.tuples(st.sampled_from("aaazrff"), st.integers(0, 30), st.integers(1, 300)), min_size=1, max_size=60)
# What lines are made of: words of every format, and what they are separated by.
FRAGMENTS = st.lists(st.sampled_from((
    "\n", "\n", " ", "a ", "z ", "r ", "f ", "1 ", "24", "0", "0x18", "0x40 ", "(nil)", "= Start\n", "@ a b:[0x1] ", "+ ", "- ", "< ", "> ", "! ",
    "malloc(", "calloc(", "realloc(", "free(", ", ", ") = ", ") = <void>\n", "a->", "[pid 17] ", "18 ", "<unfinished ...>\n",
    "<... malloc resumed> ", "<... free resumed> ) = <void>\n", "+++ exited +++\n", "0xffffffffffffffff", "kmalloc: ", "kfree: ", "ptr=0x10 ",
    "bytes_req=24 ", "pfn=1 ", "order=0 ", "mm_page_alloc: ", "Alloc(", "Free(", ")", "Breakpoint 1, kmalloc (size=24) at h.c:1\n",
    "(gdb) p kmalloc(8)\n", "Value returned is $1 = ", "$2 = (void *) 0x40\n", "(gdb) call kfree($1)\n", "Continuing.\n", "realloc ", " bytes ",
    "old ", "failed", "allocated ", "freed ", "-> 0x80 ", "#m:0x40;0x1-24\n", "#f:0;0x1-0x40\n", "traceFREE(",
    "24 bytes (@ 0x40) allocated", " freed by 0x1\n", "\x1b[0m", "\udcff", "a->malloc(24) = 0x40\n", "memalign(64, 24) = 0x80\n")), max_size=60)


def run_import(text, *arguments):
    """Imports a log in this process. Returns (exit code, the program, what was said)."""
    with tempfile.NamedTemporaryFile("w", encoding="utf-8", errors="surrogateescape", newline="") as log:
        log.write(text)
        log.flush()
        output, errors = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(output), contextlib.redirect_stderr(errors):
            code = import_log.main([log.name, "-o", "-", *arguments])
    return code, output.getvalue(), errors.getvalue()


def operations_of(program):
    return [re.sub(r" +# line.*", "", line) for line in program.splitlines() if "# line" in line]


def history(steps):
    """A history in which nothing fails: events (kind, old, new, size), and the operations it has to become."""
    live, free, slots, events, operations = [], [], 0, [], []
    for number, (kind, which, size) in enumerate(steps):
        new = 0x100000 + 0x1000 * number
        if kind in "az" or not live:
            kind = kind if kind in "az" else "a"
            slot = min(free, default=slots)
            if slot == slots:
                slots += 1
            else:
                free.remove(slot)
            live.append((new, slot))
            operations.append(f"{'zalloc' if kind == 'z' else 'alloc'} {slot} {size}")
            events.append((kind, None, new, size))
            continue
        old, slot = live.pop(which % len(live))
        if kind == "r":
            live.append((new, slot))
            operations.append(f"realloc {slot} {size}")
        else:
            free.append(slot)
            operations.append(f"free {slot}")
        events.append((kind, old, new, size))
    return events, operations


def by_ltrace(kind, old, new, size):
    return {"a": f"7 app->malloc({size}) = {new:#x}", "z": f"7 app->calloc(1, {size}) = {new:#x}",
            "r": f"7 app->realloc({old or 0:#x}, {size}) = {new:#x} <0.001>", "f": f"7 app->free({old or 0:#x}) = <void>"}[kind]


def by_valgrind(kind, old, new, size):
    return "--9-- " + {"a": f"malloc({size}) = {new:#X}", "z": f"calloc({size},1) = {new:#X}", "r": f"realloc({old or 0:#X},{size}) = {new:#X}",
                       "f": f"free({old or 0:#X})"}[kind].replace("0X", "0x")


def by_mtrace(kind, old, new, size):
    caller = "@ ./a b:(f+0x1)[0x2] "
    return {"a": f"{caller}+ {new:#x} {size:#x}", "z": f"{caller}+ {new:#x} {size:#x}",
            "r": f"{caller}< {old or 0:#x}\n{caller}> {new:#x} {size:#x}", "f": f"{caller}- {old or 0:#x}"}[kind]


def by_mbed(kind, old, new, size):
    return {"a": f"#m:{new:#x};0x1-{size}", "z": f"#c:{new:#x};0x1-1;{size}", "r": f"#r:{new:#x};0x1-{old or 0:#x};{size}",
            "f": f"#f:0x0;0x1-{old or 0:#x}"}[kind]


def by_gdb(kind, old, new, size):
    call = {"a": f"kmalloc (size={size})", "z": f"kcalloc (nmemb=1, size={size})", "r": f"krealloc (ptr=ptr@entry={old or 0:#x}, size={size})",
            "f": f"0x8020 in kfree (ptr={old or 0:#x} <pool+8>)"}[kind] + " at heap.c:10"
    stop = "Temporary breakpoint 1, " if size % 2 else 'Thread 2 "x" hit Breakpoint 3, '
    end = "main () at main.c:9" if kind == "f" else f"0x80 in main () at main.c:9\nValue returned is ${size} = (void *) {new:#x} <pool>"
    return f"(gdb) c\nContinuing.\n\n{stop}{call}\n10\t{{\n(gdb) finish\nRun till exit from #0  {call}\n{end}"


def by_words(kind, old, new, size):
    """In one of several ways."""
    new, old = f"{new:#x}", f"{old or 0:#x}"
    ways = {"a": ("Allocated {s} bytes at {n}", "heap: malloc size={s} ptr={n} pid=7", '{{"op":"malloc","ptr":"{n}","size":{s}}}', "alloc {n} {s}",
                  "{s} bytes allocated at {n} by 0x400 (2 bytes left)", "12.5 kmalloc(of {s}) -> {n} heap.c:12"),
            "z": ("calloc: 1 x {s} bytes @{n}", "zalloc {s}: {n}", "my_calloc count=1 size={s} -> {n}"),
            "r": ("Reallocated {o} to {n} ({s} bytes)", "realloc ptr={o} size={s} -> {n}", "reallocated {s} bytes from {o} to {n}",
                  "resize {o} from 9 to {s} bytes: {n}", "krealloc new={n} old={o} old_size=7 size={s}"),
            "f": ("Freed {o}", "free: ptr={o} size=9 by 0x400", "dealloc({o}, 9)", "{o} freed", "Freeing block at address {o}.")}[kind]
    return ways[size % len(ways)].format(o=old, n=new, s=size)


@settings(max_examples=90)
@given(STEPS, st.sampled_from((by_ltrace, by_valgrind, by_mtrace, by_mbed, by_gdb, by_words)))
def test_a_history_gives_the_same_operations_whatever_format_it_is_written_in(steps, written):
    events, operations = history(steps)
    if written is by_mtrace:
        operations = [line.replace("zalloc", "alloc") for line in operations]
    code, program, errors = run_import("".join(f"{written(*event)}\n" for event in events))
    assert (code, operations_of(program)) == (SOUND, operations), errors
    assert "note" not in errors
    # The largest heap that the program is given is one in which nothing fails.
    done = subprocess.run([TOOL, "run", "-", "--trace"], input=program, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.count("refused")) == (SOUND, 0)


@settings(max_examples=300)
@given(FRAGMENTS)
def test_any_line_is_read_or_reported_by_every_format(fragments):
    lines = "".join(fragments).split("\n")
    for form in FORMATS.values():
        reader = form.reader()
        for number, line in enumerate(lines, 1):
            with contextlib.suppress(LineError):
                events = reader.parse(number, line)
                assert events is None or all(len(event) == 6 and event[3] >= 0 for event in events)
        assert all(1 <= (event.line if isinstance(event, LineError) else event[5]) <= len(lines) for event in reader.finish())


@settings(max_examples=60)
@given(FRAGMENTS, st.sampled_from(((), ("--skip",), ("--last", "3", "--skip"), ("--from", "2", "--skip"))))
def test_any_log_becomes_a_program_that_runs_or_says_why_not(fragments, arguments):
    code, program, errors = run_import("".join(fragments), *arguments)
    assert errors
    if code == SOUND:
        done = subprocess.run([TOOL, "run", "-"], input=program, capture_output=True, text=True, errors="replace", check=False)
        assert done.returncode == SOUND, program + done.stderr
    else:
        assert (code, program) == (USAGE, "")


class Naive:
    """First fit as a list of blocks (start, size, slot or None), in units."""

    def __init__(self):
        self.blocks = [(0, 1 << 18, None)]
        self.end = 0

    def alloc(self, slot, size):
        units = block_size(size) // UNIT
        index = next(i for i, block in enumerate(self.blocks) if block[2] is None and block[1] >= units)
        start, room, _ = self.blocks[index]
        units = room if room - units < 2 else units
        self.blocks[index:index + 1] = [(start, units, slot)] + ([(start + units, room - units, None)] if room > units else [])
        self.end = max(self.end, start + units)

    def free(self, slot):
        merged = []
        for start, size, owner in self.blocks:
            owner = None if owner == slot else owner
            if merged and merged[-1][2] is None and owner is None:
                merged[-1] = (merged[-1][0], merged[-1][1] + size, None)
            else:
                merged.append((start, size, owner))
        self.blocks = merged


@settings(max_examples=300)
@given(STEPS)
def test_the_layout_is_that_of_a_plain_list_of_blocks(steps):
    layout, naive, live = Layout(32), Naive(), []
    for number, (kind, which, size) in enumerate(steps):
        if kind in "azr" or not live:
            layout.alloc(number, size)
            naive.alloc(number, size)
            live.append(number)
        else:
            slot = live.pop(which % len(live))
            layout.free(slot)
            naive.free(slot)
        assert layout.end == naive.end


@settings(max_examples=300)
@given(st.lists(st.integers(0, 1 << 20), max_size=60, unique=True), st.lists(st.integers(0, 1 << 20), max_size=20))
def test_the_block_before_an_address_is_that_of_a_sorted_list(starts, addresses):
    known = Addresses()
    for start in starts:
        known.add(start)
    for start in starts[::2]:
        known.remove(start)
    for address in addresses:
        assert known.last_below(address) == max((start for start in starts[1::2] if start < address), default=None)


def test_a_record_has_room_for_every_value():
    assert RECORD.unpack(RECORD.pack(15, 4095, (1 << 64) - 1, 65536, 1 << 40)) == (15, 4095, (1 << 64) - 1, 65536, 1 << 40)
