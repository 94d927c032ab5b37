"""Runs libFuzzer targets: the flags that every run shares, and what the output means."""

import os
import re
import struct

# An input is at most this long, in bytes. Longer ones cost more and find no more.
MAXIMUM_INPUT_SIZE = 1024

FLAGS = [
    f"-max_len={MAXIMUM_INPUT_SIZE}",
    "-len_control=0",  # heaps need history: do not begin with inputs too short to have any
    "-timeout=10",
    "-rss_limit_mb=2048",
]

# Sanitizer options for every run: an abort in a violation function is reported with its stack. Freed memory is given out again
# after a megabyte, not after 256: what libFuzzer allocates for each input then stays in the cache, for a quarter less time.
ENVIRONMENT = {
    "ASAN_OPTIONS": "handle_abort=1:abort_on_error=0:detect_leaks=0:allocator_may_return_null=1:quarantine_size_mb=1",
    # In builds for others' engines the wrapping of unsigned numbers is traced; it is no error, and no words are lost on it.
    "UBSAN_OPTIONS": "print_stacktrace=1:silence_unsigned_overflow=1",
}

INTERRUPTED_EXIT_CODE = 72  # libFuzzer's, when SIGINT or SIGTERM ends it

UNREPEATED = "unrepeated"  # the finding when a violation did not happen again: the subject depends on more than its input

STATISTICS_FORMAT = "=3Q"  # as struct statistics in fuzz/host/statistics.h

_PROGRESS = re.compile(r"^#(\d+)\s.*?cov: (\d+) ft: (\d+) corp: (\d+)/")
_EDGES = re.compile(r"^INFO: Loaded \d+ PC tables? \((\d+) PCs\)")
_VIOLATION = re.compile(r"^VIOLATION ([a-z0-9-]+): ", re.MULTILINE)
_SANITIZER = re.compile(r"(?:ERROR: |^)(AddressSanitizer|libFuzzer): ([\w-]+)", re.MULTILINE)
_UNWRITTEN = re.compile(r"WARNING: MemorySanitizer: ([\w-]+)")  # it ends the process all the same
_UNREPEATED = re.compile(r"^VIOLATION that did not happen again", re.MULTILINE)
_UNDEFINED = re.compile(r"runtime error: (.*)$", re.MULTILINE)
_FRAME = re.compile(r"^    #(\d+) 0x[0-9a-f]+ (?: \((.*\+0x[0-9a-f]+)\)|in (.+?) (?:\S*/)?((?:src|invariants|fuzz)/\S+?):\d+)?")
_OWN_FRAME = re.compile(r"^    #(\d+) 0x[0-9a-f]+ in (.+?) (/\S+?):\d+(?::\d+)?$")
_BEGIN = re.compile(r"^#\d+\s+INITED\b")
_TOTAL = re.compile(r"^stat::number_of_executed_units:\s+(\d+)")
_CHATTER = re.compile(r"^stat::\w+:\s")
_ARTIFACT = re.compile(r"Test unit written to (.*)$", re.MULTILINE)


def read_statistics(path):
    """The counters a target keeps in its KMEM_STATISTICS file: (executions, operations, program operations)."""
    try:
        with open(path, "rb") as file:
            return struct.unpack(STATISTICS_FORMAT, file.read(struct.calcsize(STATISTICS_FORMAT)))
    except (OSError, struct.error):
        return (0, 0, 0)


def parse_progress(line):
    """(executions, coverage, features, corpus size) of a libFuzzer status line; None for any other line."""
    match = _PROGRESS.match(line)
    return tuple(int(group) for group in match.groups()) if match else None


def parse_edges(line):
    """How many edges a target has that can be covered, as libFuzzer says at its start; 0 for any other line."""
    match = _EDGES.match(line)
    return int(match.group(1)) if match else 0


def is_begin(line):
    """Whether libFuzzer says in a line that it has run what it was given, and begins with inputs of its own."""
    return _BEGIN.match(line) is not None


def parse_total(line):
    """The executions that libFuzzer names when it ends, as -print_final_stats asks for; 0 for any other line."""
    match = _TOTAL.match(line)
    return int(match.group(1)) if match else 0


def last_words(output):
    """What a process printed after its last status line; everything if it printed none."""
    words = []
    for line in output.splitlines():
        if _PROGRESS.match(line):
            words.clear()
        elif not _CHATTER.match(line):
            words.append(line)
    return "\n".join([*words, ""])


def find_rule(output):
    """The id of the oracle or rule that a target reports as broken; or None."""
    match = _VIOLATION.search(output)
    return match.group(1) if match else None


def parse_finding(output):
    """What stopped a target, as a short id: as find_rule, or 'ubsan: ...', 'msan: ...', 'asan: ...', 'hang'; or None."""
    rule = find_rule(output)
    if rule:
        return rule
    if _UNREPEATED.search(output):
        return UNREPEATED
    match = _UNDEFINED.search(output)
    if match:
        return "ubsan: " + re.sub(r"0x[0-9a-f]+|\b\d+\b", "N", match.group(1))[:60]
    match = _UNWRITTEN.search(output)
    if match:
        return f"msan: {match.group(1)}"
    match = _SANITIZER.search(output)
    if match:
        kind = match.group(2)
        return "hang" if kind in ("timeout", "out-of-memory") else f"asan: {kind}"
    return None


def is_sanitizers(name):
    """Whether an id names a kind of sanitizer error, of which a target may have several."""
    return name.startswith(("asan: ", "ubsan: ", "msan: "))


def _first_stack(output):
    """(place, function, file) of each frame of the first stack in a run's output, the innermost first: the place in the
    program where no symbols were looked for, the other two where it is a file of this tree; None for what is not known."""
    frames = []
    for match in filter(None, map(_FRAME.match, output.splitlines())):
        if match.group(1) == "0" and frames:
            break
        frames.append(match.groups()[1:])
    return frames


def stack_places(output):
    """The places in the program of the first stack in a run's output, which is without symbols; none when it has them."""
    return tuple(place for place, _, _ in _first_stack(output) if place)


def find_function(output, folders):
    """The innermost function of the first stack in a run's output whose file is below one of these folders of the tree; None
    when there is none, or there are no symbols."""
    return next((function for _, function, file in _first_stack(output) if file and file.startswith(folders)), None)


def find_own_function(output, folders):
    """The same for folders anywhere, given in full."""
    frames = [match.groups() for match in map(_OWN_FRAME.match, output.splitlines()) if match]
    end = next((number for number, frame in enumerate(frames) if number and frame[0] == "0"), None)
    return next((function for _, function, file in frames[:end] if file.startswith(folders)), None)


def identify(output, find):
    """What stopped a target, as parse_finding, with the function that find(output) finds: a sanitizer's errors of one kind are as
    many bugs as places. "unknown" when nothing is known."""
    name = parse_finding(output) or "unknown"
    function = find(output) if is_sanitizers(name) else None
    return name_in(name, function)


def name_in(name, function):
    return f"{name} in {function}" if function else name


def parse_artifact(output):
    """The file libFuzzer saved the failing input in; None when it saved none. (A slow input is saved, too.)"""
    files = [file for file in _ARTIFACT.findall(output) if not os.path.basename(file).startswith("slow-unit-")]
    return files[-1] if files else None
