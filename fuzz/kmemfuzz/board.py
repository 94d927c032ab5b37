"""Boots an image on an emulated board, reads its lines, and notices when it has died."""

import functools
import os
import pathlib
import shutil
import struct
import time
from typing import NamedTuple

from kmemfuzz import child, heap, llvm, tree
from kmemfuzz.board_lines import LINE_SIZE, BadLine, EnvironmentFailure, Outcome, Reader
from kmemfuzz.outside_text import excerpt, visible

MEMORY = "128M"  # as src/riscv/link.ld draws it
XLEN = {"rv64": 64, "rv32": 32}
EMULATORS = {"rv64": "qemu-system-riscv64", "rv32": "qemu-system-riscv32"}
FLAGS = ["-M", "virt", "-m", MEMORY, "-display", "none", "-monitor", "none", "-bios", "none"]
# Not -nographic, which makes standard output non-blocking: output would be lost without a word.
SEMIHOSTING = ["-serial", "none", "-semihosting-config", "enable=on,target=native"]

TOOL_SECONDS = 60.0  # far more than one of llvm's tools takes for an image
STALL_SECONDS = 1.0  # what it may be silent for, on top of two inputs that the watchdog stops
START_SECONDS = 30.0  # the most an emulator may take to its first line, on a busy machine too
TRACE = 1  # IMAGE_TRACE in fuzz/board/image.h
FLUSH = 2  # IMAGE_FLUSH
DEBUG = 4  # IMAGE_DEBUG
TRAP_OUTSIDE = 23  # IMAGE_TRAP

_CAUSES = {
    0: "instruction address misaligned", 1: "instruction access fault", 2: "illegal instruction", 3: "breakpoint",
    4: "load address misaligned", 5: "load access fault", 6: "store address misaligned", 7: "store access fault",
    8: "environment call from user mode", 9: "environment call from supervisor mode",
    11: "environment call", 12: "instruction page fault", 13: "load page fault", 15: "store page fault",
}


def cause_name(cause):
    return _CAUSES.get(cause, f"cause {cause:#x}")


class Configuration(NamedTuple):
    """One way to replay: which image, built how. Its board is what its preset begins with."""
    name: str
    preset: str
    image: str
    memory: str = ""  # where the heap lies: mapped or lazy, as fuzz/board/memory_virtual.c says; empty: in RAM

    @property
    def board(self):
        """rv64 or rv32."""
        return self.preset.split("-")[0]


# Every configuration the whole corpus is replayed in.
CONFIGURATIONS = {configuration.name: configuration for configuration in (
    Configuration("rv64", "rv64", "replay"),
    Configuration("rv32", "rv32", "replay"),
    Configuration("rv64-mapped", "rv64", "replay", "mapped"),
    Configuration("rv64-lazy", "rv64", "replay", "lazy"),
    Configuration("rv64-sanitized", "rv64-sanitized", "replay"),
    Configuration("rv32-sanitized", "rv32-sanitized", "replay"),
)}


# Those in which a heap of one's own is replayed; what maps pages for it is made for kmem.
HEAP_CONFIGURATIONS = {name: configuration for name, configuration in CONFIGURATIONS.items() if not configuration.memory}


def configurations():
    """By name, those in which the current heap is replayed."""
    return HEAP_CONFIGURATIONS if heap.CURRENT else CONFIGURATIONS


class Symbols(dict):
    """Addresses by name, of an image in which each that is asked for must be."""

    def __init__(self, path, addresses):
        super().__init__(addresses)
        self._path = path

    def __missing__(self, name):
        raise EnvironmentFailure(f"{self._path} is not an image of this tree: it has no symbol {name}; build it again")


class Image:
    """An image of a configuration, and what its symbols say."""

    def __init__(self, configuration, top=pathlib.Path()):
        self.configuration = configuration
        name = "-".join(filter(None, (configuration.image, configuration.memory)))
        self.path = top / tree.build_folder(configuration.preset) / f"{name}.elf"
        if not self.path.is_file():
            raise EnvironmentFailure(f"there is no image {self.path}; build it: cmake --build --preset "
                                     f"{configuration.preset}")

    @functools.cached_property
    def symbols(self):
        output = _tool_output("llvm-nm", "--defined-only", self.path)
        return Symbols(self.path, ((name, int(address, 16)) for address, _, name in (
            line.split() for line in output.splitlines())))

    @property
    def has_sanitizers(self):
        """Is it an image that can report what they find?"""
        return "sanitizer_start" in self.symbols

    def place(self, address):
        """The function and the line an address belongs to, such as 'kmem_alloc (src/kmem.c:120)'."""
        if not self.symbols["text_start"] <= address < self.symbols["constants_start"]:
            return "not in the image's text"
        output = _tool_output("llvm-symbolizer", "--obj", self.path, "--output-style=GNU", "--inlines", "--functions", hex(address))
        lines = output.splitlines()
        frames = list(zip(lines[::2], lines[1::2]))  # what was inlined comes first; its line may be unknown, 0
        known = [frame for frame in frames if frame[0] != "??" and not frame[1].endswith(":0")] or frames
        if not known or known[0][0] == "??":
            return "no line is known for it"
        function, line = known[0]
        caller = f", inlined in {frames[-1][0]}" if frames[-1][0] != function else ""
        return f"{function} ({os.path.relpath(line.split(' (discriminator')[0])}){caller}"

    def region(self, address):
        """What lies at an address, as src/riscv/link.ld draws it."""
        borders = [("the first pages, NULL among them", 0), ("a device", 0x1000), ("text", "text_start"),
                   ("a constant", "constants_start"), ("data", "trap_stack_bottom"),
                   ("the guard page below the stack", "data_end"), ("the stack", "stack_bottom"),
                   ("unused memory in front of the arena", "stack_top"), ("the arena", "arena_start"),
                   ("unused memory after the arena", "arena_end"), ("the control words", "control_words"),
                   ("the corpus", "blob_start")]
        found = borders[0][0]
        for name, border in borders:
            start = border if isinstance(border, int) else self.symbols[border]
            if address >= start:
                found = f"the arena, {address - start - 4096:#x} from its base" if name == "the arena" else name
        if self.configuration.memory:
            if found == "a device" and address >= 0x40000000:
                return "virtual memory that is not the heap's"
            found = "the physical pages" if found.startswith("the arena") else found
        if self.symbols["shadow_start"] <= address < self.symbols["shadow_end"]:
            return "the sanitizers' shadow"
        return "nothing, or what the image has no use for" if address >= self.symbols["shadow_start"] else found


def _tool_output(program, *arguments):
    try:
        result = child.run([llvm.place(program), *arguments], TOOL_SECONDS)
    except llvm.Lacking as error:
        raise EnvironmentFailure(str(error)) from error
    if result.returncode != 0:
        raise EnvironmentFailure(f"{program} failed: {excerpt(result.stderr.strip())}")
    return result.stdout


def find_emulator(board):
    path = shutil.which(EMULATORS[board])
    if path is None:
        raise EnvironmentFailure(f"{EMULATORS[board]} is missing; install the Debian package qemu-system-misc")
    return path


def boot_command(image, blob, start=0, count=0, flags=0, watchdog_ms=0, profile=None):
    """The command that boots an image on inputs start.. of a blob; one that is measured learns where its profile goes."""
    control = image.symbols["control_words"]
    words = [(count << 32) | start, (watchdog_ms << 32) | flags]
    command = [find_emulator(image.configuration.board), *FLAGS, *SEMIHOSTING, "-kernel", str(image.path)]
    for index, word in enumerate(words):
        command += ["-device", f"loader,addr={control + 8 * index:#x},data={word:#x},data-len=8"]
    # A comma in a file name would end it, were it not doubled.
    if blob is not None:
        name = str(blob).replace(",", ",,")
        command += ["-device", f"loader,addr={image.symbols['blob_start']:#x},force-raw=on,file={name}"]
    if profile is not None:
        name = str(profile).replace(",", ",,")
        command += ["-semihosting-config", f"{SEMIHOSTING[-1]},arg=profile={name}"]
    return command


class Boot:
    """One boot, from power on until the emulator ends or nothing has come from it for too long."""

    def __init__(self, command, stall_seconds):
        self.stalled = False
        self.held = False  # the emulator has ended, but something it has started holds its output
        self.code = None
        self.errors = ""
        self.rest = ""  # what came after the last whole line
        self._stall_seconds = stall_seconds
        self._child = child.Child(command)

    def lines(self):
        """Every whole line the image writes. Raises BadLine, and EnvironmentFailure when all boots are ended."""
        pending = b""
        patience = START_SECONDS
        try:
            while chunk := self._child.read(patience):
                patience = self._stall_seconds
                *whole, pending = (pending + chunk).split(b"\n")
                for line in (*whole, pending):
                    if len(line) > LINE_SIZE:
                        raise BadLine(f"a line that is longer than any: {excerpt(line)}")
                for line in whole:
                    yield line.decode("ascii", errors="surrogateescape")
        except TimeoutError:
            self.stalled = True
            self.held = self._child.has_ended()
        except child.Stopped as error:
            raise EnvironmentFailure(str(error)) from error
        finally:
            self.rest = pending.decode("ascii", errors="surrogateescape")
            self.close()

    def close(self):
        """Ends the emulator, however far it is, with what it has started."""
        self.code = self._child.end()
        self.errors = self._child.errors.decode(errors="surrogateescape").strip()

    def ending(self):
        if self.held:
            return "the emulator has ended, but a process that it started still holds its output open"
        if self.stalled:
            return f"it printed nothing for {self._stall_seconds:g} s, and even its watchdog did not stop it"
        words = f"was ended by signal {-self.code}" if self.code < 0 else f"ended with code {self.code}"
        return f"the emulator {words}" + (f": {excerpt(self.errors)}" if self.errors else "")


class Replay:
    """All inputs of a blob on one image, in as few boots as it survives."""

    def __init__(self, image, blob, watchdog_seconds=2.0, report=lambda done, total: None, profile=None):
        self.image = image
        self.blob = blob
        self._profile = profile
        self.outcomes = []
        self.boots = 0
        self.errors = []  # what the emulators of boots that did as they should have said on standard error, each once
        self.first_verdict_seconds = None  # of the first boot
        self.seconds = 0.0
        self._watchdog_ms = int(watchdog_seconds * 1000)
        self._stall_seconds = watchdog_seconds * 2 + STALL_SECONDS
        self._report = report

    def run(self):
        """Replays all. Raises EnvironmentFailure when the output cannot be trusted to be whole."""
        started = time.monotonic()
        try:
            while not self._boot_once():
                pass
        except EnvironmentFailure as error:
            raise failure_of(self.image, error) from error
        self.seconds = time.monotonic() - started
        return self.outcomes

    def _boot_once(self):
        """Boots at the first input without an outcome. Returns whether that was the last boot."""
        first = len(self.outcomes)
        # The first boot may keep verdicts back for a moment, for the sake of speed. Once one has died none does: so it
        # is known which input the next death is of.
        flags = FLUSH if self.boots > 0 else 0
        total = blob_count(self.blob)
        boot = Boot(boot_command(self.image, self.blob, start=first, flags=flags, watchdog_ms=self._watchdog_ms,
                                 profile=self._profile), self._stall_seconds)
        started = time.monotonic()
        self.boots += 1
        reader = Reader(first, total, XLEN[self.image.configuration.board], bool(self.image.configuration.memory),
                        self.image.has_sanitizers)
        try:
            for line in boot.lines():
                reader.take(line)
                if reader.outcomes:
                    if self.first_verdict_seconds is None:
                        self.first_verdict_seconds = time.monotonic() - started
                    self._report(reader.due, total)
        finally:
            if boot.code is None:
                boot.close()
        self.outcomes += reader.outcomes
        require_start(reader, boot)
        if reader.end is None:
            self._survive(boot, reader, total)
            return False
        require_end(reader, boot)
        if boot.errors and boot.errors not in self.errors:
            self.errors.append(boot.errors)
        return True

    def _survive(self, boot, reader, total):
        """The image has died. Its input is the first without an outcome; but damage may show only later, so that one
        is booted alone first, unless it was the first of this boot already."""
        due = len(self.outcomes)
        if due == total:
            raise EnvironmentFailure("the image's output is not whole: every input has its line, but the END line is "
                                     f"missing; {boot.ending()}")
        if not reader.outcomes:
            reason = boot.ending()
            if reader.trap is not None:
                counter = reader.trap["program_counter"]
                reason = (f"a trap in the image's own code: {cause_name(reader.trap['cause'])}, address "
                          f"{reader.trap['value']:#x}, at {counter:#x} {self.image.place(counter)}")
            self.outcomes.append(Outcome.dead(due, reason))


def failure_of(image, error):
    """The same failure with the configuration it is of, and for a line that is wrong what that means."""
    words = "the image's output cannot be trusted: " if isinstance(error, BadLine) else ""
    return EnvironmentFailure(f"{image.configuration.name}: {words}{error}")


def blob_count(blob):
    """How many inputs a blob says it has (fuzz/program/blob.h); 0 when it is too short to say."""
    with open(blob, "rb") as file:
        header = file.read(16)
    return struct.unpack_from("<I", header, 12)[0] if len(header) == 16 else 0


def require_start(reader, boot):
    """Raises EnvironmentFailure unless the image has begun to run inputs, and has found nothing wrong itself."""
    if reader.error is not None and not (reader.trap and reader.error["code"] == TRAP_OUTSIDE):
        raise EnvironmentFailure(f"the image cannot replay: {visible(reader.error['text'])} (its exit code "
                                 f"{reader.error['code']})")
    if not reader.booted:
        raise EnvironmentFailure(f"the image did not start: {boot.ending()}")


def require_end(reader, boot):
    """Raises EnvironmentFailure unless nothing came after the END line, and the emulator ended as that implies."""
    if boot.rest:
        raise EnvironmentFailure(f"the image's output cannot be trusted: after its last line came {excerpt(boot.rest)}")
    if boot.stalled or boot.code != reader.end_code:
        raise EnvironmentFailure(f"the image's output cannot be trusted: its last line says that all has been run, after which "
                                 f"the emulator ends with code {reader.end_code}, but {boot.ending()}")


def trace(image, blob, index, watchdog_seconds, flags=TRACE):
    """The steps of one input on the target, as Reader has them. With DEBUG none is lost when it dies."""
    boot = Boot(boot_command(image, blob, index, 1, flags, int(watchdog_seconds * 1000)),
                watchdog_seconds * 2 + STALL_SECONDS)
    reader = Reader(index, None, XLEN[image.configuration.board], bool(image.configuration.memory), image.has_sanitizers)
    try:
        for line in boot.lines():
            reader.take(line)
        require_start(reader, boot)
    except EnvironmentFailure as error:
        raise failure_of(image, error) from error
    finally:
        if boot.code is None:
            boot.close()
    return reader.steps
