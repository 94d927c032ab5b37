"""The emulated board: boots an image, reads its lines, and notices when it has died."""

import functools
import os
import pathlib
import re
import selectors
import shutil
import subprocess
import time
from typing import NamedTuple

MEMORY = "128M"  # as src/riscv/link.ld draws it
EMULATORS = {"rv64": "qemu-system-riscv64", "rv32": "qemu-system-riscv32"}
FLAGS = ["-M", "virt", "-m", MEMORY, "-display", "none", "-monitor", "none", "-bios", "none"]
# Not -nographic, which makes standard output non-blocking: output would be lost without a word.
SEMIHOSTING = ["-serial", "none", "-semihosting-config", "enable=on,target=native"]

ARENA_SIZE = (2 << 20) + 4096  # ARENA_CAPACITY in fuzz/execute/arena.h: what a heap can reserve at most

START_SECONDS = 30.0  # the most an emulator may take to its first line, on a busy machine too
TRACE = 1  # IMAGE_TRACE in fuzz/target/image.h
FLUSH = 2  # IMAGE_FLUSH
DEBUG = 4  # IMAGE_DEBUG
FORMAT = 1  # IMAGE_FORMAT
TRAP_OUTSIDE = 23  # IMAGE_TRAP

_CAUSES = {
    0: "instruction address misaligned", 1: "instruction access fault", 2: "illegal instruction", 3: "breakpoint",
    4: "load address misaligned", 5: "load access fault", 6: "store address misaligned", 7: "store access fault",
    8: "environment call from user mode", 9: "environment call from supervisor mode",
    11: "environment call", 12: "instruction page fault", 13: "load page fault", 15: "store page fault",
}


class EnvironmentFailure(Exception):
    """Something the replay needs is not there or not as it must be: exit code 3."""


def cause_name(cause):
    """A value of mcause in words."""
    return _CAUSES.get(cause, f"cause {cause:#x}")


class Configuration(NamedTuple):
    """One way to replay: which image, built how. Its board is what its preset begins with."""
    name: str
    preset: str
    image: str
    memory: str = ""  # where the heap lies: mapped or lazy, as fuzz/target/memory_virtual.c says; empty: in RAM

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


class Image:
    """An image of a configuration, and what its symbols say."""

    def __init__(self, configuration, tree=pathlib.Path()):
        self.configuration = configuration
        name = "-".join(filter(None, (configuration.image, configuration.memory)))
        self.path = tree / "build" / configuration.preset / f"{name}.elf"
        if not self.path.is_file():
            raise EnvironmentFailure(f"there is no image {self.path}; build it: cmake --build --preset "
                                     f"{configuration.preset}")

    @functools.cached_property
    def symbols(self):
        """Address by name."""
        output = _tool_output(["llvm-nm-19", self.path], "llvm-19")
        return {name: int(address, 16) for address, _, name in (line.split() for line in output.splitlines())}

    def place(self, address):
        """The function and the line an address belongs to, such as 'kmem_alloc (src/kmem.c:120)'."""
        if not self.symbols["text_start"] <= address < self.symbols["constants_start"]:
            return "not in the image's text"
        output = _tool_output(["llvm-symbolizer-19", "--obj", self.path, "--output-style=GNU", "--inlines",
                               "--functions", hex(address)], "llvm-19")
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
                   ("unused memory behind the arena", "arena_end"), ("the control words", "control_words"),
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


def _tool_output(command, package):
    try:
        return subprocess.run([str(word) for word in command], check=True, capture_output=True, text=True).stdout
    except FileNotFoundError as error:
        raise EnvironmentFailure(f"{command[0]} is missing; install the Debian package {package}") from error
    except subprocess.CalledProcessError as error:
        raise EnvironmentFailure(f"{command[0]} failed: {error.stderr.strip()}") from error


def find_emulator(board):
    """The path of a board's emulator."""
    path = shutil.which(EMULATORS[board])
    if path is None:
        raise EnvironmentFailure(f"{EMULATORS[board]} is missing; install the Debian package qemu-system-misc")
    return path


def boot_command(image, blob, start=0, count=0, flags=0, watchdog_ms=0, profile=None):
    """The command that boots an image on inputs start.. of a blob; one that is measured is told where its profile goes."""
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

    _running = set()
    _stopping = False

    @classmethod
    def stop_all(cls):
        """Ends every emulator there is, and lets no other begin: the user has had enough."""
        cls._stopping = True
        for boot in list(cls._running):
            boot._process.kill()

    def __init__(self, command, stall_seconds):
        self.stalled = False
        self.code = None
        self.errors = ""
        self._stall_seconds = stall_seconds
        if Boot._stopping:
            raise EnvironmentFailure("interrupted")
        # In a session of its own, or an interrupt meant for this process would look like an image that has died.
        self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                         stderr=subprocess.PIPE, start_new_session=True)
        Boot._running.add(self)

    def lines(self):
        """Every whole line the image writes; a last one without its end is not one."""
        pending = b""
        patience = START_SECONDS
        output = self._process.stdout
        with selectors.DefaultSelector() as selector:
            selector.register(output, selectors.EVENT_READ)
            while True:
                if not selector.select(timeout=patience):
                    self.stalled = True
                    break
                chunk = os.read(output.fileno(), 65536)
                if not chunk:
                    break
                patience = self._stall_seconds
                *whole, pending = (pending + chunk).split(b"\n")
                for line in whole:
                    yield line.decode("ascii", errors="replace")
        self.close()

    def close(self):
        """Ends the emulator, however far it is."""
        if self.stalled or self._process.poll() is None:
            try:
                self._process.wait(timeout=0 if self.stalled else 1)
            except subprocess.TimeoutExpired:
                self._process.kill()
        self.errors = self._process.stderr.read().decode(errors="replace").strip()
        self.code = self._process.wait()
        self._process.stdout.close()
        self._process.stderr.close()
        Boot._running.discard(self)

    def ending(self):
        """How it ended, in words."""
        if self.stalled:
            return f"nothing came from it for {self._stall_seconds:g} s, not even its own watchdog"
        if self.code < 0:
            return f"the emulator was ended by signal {-self.code}"
        return f"the emulator ended with code {self.code}" + (f": {self.errors}" if self.errors else "")


class Memory(NamedTuple):
    """The virtual memory of an input's heap: where it starts, and pages of 4 KiB."""
    start: int
    reserved: int
    granted: int
    mapped: int
    page_faults: int

    @staticmethod
    def parse(line):
        """(index of the input, its memory) of an M line; None when it is no such line."""
        match = re.fullmatch(r"M (\d+) ([0-9a-f]+) (\d+) (\d+) (\d+) (\d+)", line)
        if match is None:
            return None
        index, start, *counts = match.groups()
        return int(index), Memory(int(start, 16), *map(int, counts))

    def place(self, address):
        """Where an address lies, as seen from the heap; None when it is far away."""
        if self.reserved == 0:  # there is no heap yet
            return None
        end = self.start + 4096 * self.granted
        if self.start <= address < end:
            return "in the heap's pages"
        if self.start - 4096 <= address < self.start:
            return "in front of the heap's pages"
        if end <= address < self.start + ARENA_SIZE:
            reserved = address < self.start + 4096 * self.reserved
            return f"past the mapped end of the heap, {end:#x}" + ("" if reserved else ", and past what is reserved")
        return None


class Outcome:
    """What became of one input."""

    # Line letter to kind, and the names of the numbers that follow it.
    _KINDS = {
        "V": ("verdict", ("index", "operations", "oracle", "offset", "expected", "observed", "digest")),
        "F": ("fault", ("index", "operation", "cause", "value", "program_counter", "ra", "sp")),
        "H": ("hang", ("index", "operation", "program_counter", "ra", "sp")),
        "S": ("address", ("index", "operation", "error", "access", "address", "size", "bad", "program_counter", "ra", "sp",
                          "shadow")),
        "U": ("undefined", ("index", "operation", "error", "access", "file", "file_line", "column", "type", "left", "right",
                            "program_counter", "ra", "sp")),
    }
    _DECIMAL = ("index", "operations", "operation", "file_line", "column")
    _TEXT = ("oracle", "error", "access", "file", "type", "shadow")  # their blanks come as tabs

    def __init__(self, kind, index, line="", **values):
        self.kind = kind  # "verdict", "fault", "hang", "dead"; of a sanitizer: "address", "undefined"
        self.index = index
        self.line = line
        self.values = values
        self.memory = None  # a Memory, from an image whose heap lies in virtual memory

    @staticmethod
    def parse(line):
        """The outcome a line tells of; None when it is no such line."""
        letter, *words = line.split(" ")
        if letter not in Outcome._KINDS:
            return None
        kind, names = Outcome._KINDS[letter]
        if len(words) != len(names):
            return None
        try:
            values = {name: word.replace("\t", " ") if name in Outcome._TEXT else
                      int(word, 10 if name in Outcome._DECIMAL else 16) for name, word in zip(names, words)}
        except ValueError:
            return None
        return Outcome(kind, line=line, **values)

    @staticmethod
    def dead(index, reason):
        """Of an input that the image did not survive."""
        return Outcome("dead", index, reason=reason)

    @property
    def sound(self):
        """Did it run to its end, with nothing found wrong?"""
        return self.kind == "verdict" and self.values["oracle"] == "-"

    @property
    def category(self):
        """Which of the END line's counts it is part of."""
        if self.kind == "verdict":
            return "sound" if self.sound else "violation"
        return "report" if self.kind in ("address", "undefined") else self.kind


CATEGORIES = ("sound", "violation", "fault", "hang", "report")


class Replay:
    """All inputs of a blob on one image, in as few boots as it survives."""

    def __init__(self, image, blob, watchdog_seconds=2.0, report=lambda done, total: None, profile=None):
        self.image = image
        self.blob = blob
        self._profile = profile
        self.outcomes = []
        self.boots = 0
        self.first_verdict_seconds = None  # of the first boot
        self.seconds = 0.0
        self._watchdog_ms = int(watchdog_seconds * 1000)
        self._stall_seconds = watchdog_seconds * 2 + 1
        self._report = report

    def run(self):
        """Replays all. Raises EnvironmentFailure when the output cannot be trusted to be whole."""
        started = time.monotonic()
        total = None
        while total is None or len(self.outcomes) < total:
            total, complete = self._boot_once(total)
            if complete:
                break
        self.seconds = time.monotonic() - started
        return self.outcomes

    def _boot_once(self, total):
        """Boots at the first input without an outcome. Returns (inputs in the blob, whether END came)."""
        first = len(self.outcomes)
        # The first boot may keep verdicts back for a moment, for the sake of speed. Once one has died none does: so it
        # is known which input the next death is of.
        flags = FLUSH if self.boots > 0 else 0
        boot = Boot(boot_command(self.image, self.blob, start=first, flags=flags, watchdog_ms=self._watchdog_ms,
                                 profile=self._profile),
                    self._stall_seconds)
        started = time.monotonic()
        self.boots += 1
        trap = None
        memory = None
        complete = False
        try:
            for line in boot.lines():
                outcome = Outcome.parse(line)
                word = line.split(" ", 1)[0]
                if outcome is not None:
                    outcome.memory = self._memory_of(outcome, memory)
                    self._add(outcome, started)
                    self._report(len(self.outcomes), total)
                elif word == "M":
                    memory = Memory.parse(line)
                elif word == "BOOT":
                    total = self._parse_boot(line)
                elif word == "END":
                    self._check_end(line, first)
                    complete = True
                elif word == "TRAP":
                    trap = line
                elif word == "ERROR":
                    self._fail_unless_trap(line)
                else:
                    raise EnvironmentFailure(f"the image wrote a line of no known kind: {line!r}")
        finally:
            if boot.code is None:
                boot.close()
        if total is None:
            raise EnvironmentFailure(f"the image did not start: {boot.ending()}")
        if not complete:
            self._survive(boot, first, total, trap)
        return total, complete

    def _memory_of(self, outcome, memory):
        """The memory of the M line that came last, which must be this input's, where the image writes them."""
        if not self.image.configuration.memory:
            return None
        if memory is None or memory[0] != outcome.index:
            raise EnvironmentFailure(f"the image's output is not whole: input {outcome.index} has no M line")
        return memory[1]

    def _add(self, outcome, started):
        if outcome.index != len(self.outcomes):
            raise EnvironmentFailure(f"the image's output is not whole: input {outcome.index} came where input "
                                     f"{len(self.outcomes)} was due")
        if self.first_verdict_seconds is None:
            self.first_verdict_seconds = time.monotonic() - started
        self.outcomes.append(outcome)

    @staticmethod
    def _parse_boot(line):
        match = re.fullmatch(r"BOOT (\d+) (\d+) (\d+) (\d+) (\d+)", line)
        if match is None or int(match.group(1)) != FORMAT:
            raise EnvironmentFailure(f"the image is of another version than this command: {line!r}")
        return int(match.group(3))

    def _check_end(self, line, first):
        outcomes = self.outcomes[first:]
        counts = [len(outcomes)] + [sum(outcome.category == name for outcome in outcomes) for name in CATEGORIES]
        if line.split(" ")[1:] != [str(count) for count in counts]:
            raise EnvironmentFailure(f"the image's output is not whole: its last line is {line!r}, but what came "
                                     f"before adds up to {' '.join(map(str, counts))}")

    @staticmethod
    def _fail_unless_trap(line):
        _, code, text = line.split(" ", 2)
        if int(code) != TRAP_OUTSIDE:
            raise EnvironmentFailure(f"the image cannot replay: {text} (its exit code {code})")

    def _survive(self, boot, first, total, trap):
        """The image has died. Its input is the first without an outcome; but damage may tell only later, so that one
        is booted alone first, unless it was the first of this boot already."""
        due = len(self.outcomes)
        if due == total:
            raise EnvironmentFailure("the image's output is not whole: every input has its line, but the END line is "
                                     f"missing; {boot.ending()}")
        if due == first:
            reason = boot.ending()
            if trap is not None:
                cause, value, counter = (int(word, 16) for word in trap.split(" ")[1:4])
                reason = (f"a trap in the image's own code: {cause_name(cause)}, address {value:#x}, at {counter:#x} "
                          f"{self.image.place(counter)}")
            self.outcomes.append(Outcome.dead(due, reason))


def trace(image, blob, index, watchdog_seconds, flags=TRACE):
    """The T lines of one input on the target, without their letter and index; with DEBUG none is lost when it dies."""
    command = boot_command(image, blob, index, 1, flags, int(watchdog_seconds * 1000))
    lines = list(Boot(command, watchdog_seconds * 2 + 1).lines())
    return [line.split(" ")[2:] for line in lines if line.startswith("T ")]
