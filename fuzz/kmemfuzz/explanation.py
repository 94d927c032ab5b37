"""Explains a crash of a fuzz target whose inputs are no programs: reduces its input (reduction.py), has the target print each step on the
reduced input, and writes that next to the crash.

The files, each written whole: FILE.reduced, the input; FILE.txt, the explanation for you; FILE.json, for kmemfuzz report, which
is written last and so shows that the others are there."""

import base64
import functools
import pathlib
import re
import tempfile
import time

from kmemfuzz import corpus, crashes, fuzzer, heap, reduction
from kmemfuzz.outside_text import dump_json, shell_word, visible

FORMAT = "kmem-explanation 1"
REDUCE_SECONDS = 60  # that reducing one finding may take
REDUCE_RUNS = 2000  # inputs that may be tried for it
REPORT_SIZE = 16384  # characters of a target's words that are kept
CARRIED_SIZE = 4096  # bytes: a log has all of an input of fewer
DUMP_LINE_SIZE = 16  # bytes of an input in one line
STEPS_WANTED = "KMEM_STEPS=1"  # makes a target print what it does (fuzz/libfuzzer/steps.h)
# Finding the names of functions takes longer than running an input, and no one reads them while an input is reduced.
HASTY = {name: options + ":symbolize=0" for name, options in fuzzer.ENVIRONMENT.items()}

# Where the code lies that a target tries. It also runs the model and the target itself, in whose functions other bugs may show.
UNDER_TEST = {
    "sv39": ("src/",),
    "text": ("fuzz/program/",),
}

# What libFuzzer says of itself, and what AddressSanitizer adds to a stack.
_NOISE = re.compile(r"INFO: |.*: Running \d+ inputs|Running: |MS: |0x[0-9a-f]{1,2},|artifact_prefix=|Base64: |"
                    r"NOTE: libFuzzer has|      Combine libFuzzer|={5,}$|AddressSanitizer:DEADLYSIGNAL|"
                    r"    #\d+ 0x[0-9a-f]+ in (fuzzer::|main |__libc_start_|_start )|    #\d+ 0x[0-9a-f]+  \(")
_BYTES = re.compile(r"0x[0-9a-f]{1,2},")  # the input; the next line has the same as characters
_DEATH = re.compile(r"={5,}$|AddressSanitizer:|==\d+==")  # where a rule was broken, this says nothing more
_MACHINE = re.compile(r"Shadow bytes around|AddressSanitizer can not provide|Register values|==\d+==Register|==\d+==ABORTING")
_PROCESS = re.compile(r"^==\d+== ?", re.MULTILINE)


class Cut(Exception):
    """No one waits for explanations any more."""


def report_words(output):
    """The part of a run's output that explains the failure: the steps, and the rule that was broken or the sanitizer's report with
    its stack; without what libFuzzer says of itself."""
    is_rule = fuzzer.find_rule(output) is not None
    kept = []
    lines = output[output.find("\nRunning: ") + 1:].splitlines()
    for before, line in zip(["", *lines], lines):
        if _MACHINE.match(line) or (is_rule and _DEATH.match(line)):
            break
        if not _NOISE.match(line) and not _BYTES.match(before) and (line or (kept and kept[-1])):
            kept.append(line)
    text = _PROCESS.sub("", "\n".join(kept)).rstrip()
    if len(text) > REPORT_SIZE:
        half = REPORT_SIZE // 2
        text = f"{text[:half]}\n... {len(text) - 2 * half} characters are left out ...\n{text[-half:]}"
    return text


def dump(data):
    """Bytes in lines: where they are, in hexadecimal, and as characters where they are some."""
    lines = []
    for start in range(0, len(data), DUMP_LINE_SIZE):
        part = data[start:start + DUMP_LINE_SIZE]
        characters = "".join(chr(byte) if 32 <= byte < 127 else "." for byte in part)
        lines.append(f"{start:4}  {part.hex(' '):<{3 * DUMP_LINE_SIZE - 1}}  |{characters}|")
    return "\n".join(lines)


def find_function(target):
    """find(output): the function of the code under test that a target died in."""
    if heap.CURRENT is None:
        return functools.partial(fuzzer.find_function, folders=UNDER_TEST.get(target, ("src/",)))
    return functools.partial(fuzzer.find_own_function, folders=tuple(f"{path.parent}/" for path in heap.CURRENT.sources()))


class Failures:
    """How inputs of a target fail: their (id, function). What a sanitizer finds has one id for each kind of error; the
    innermost function of the code under test distinguishes two such errors. It is None where the id says enough, or no function
    is known."""

    def __init__(self, binary, target):
        self._binary = binary
        self._folders = UNDER_TEST[target]
        self._functions = {}  # by the places of a stack: names take long to find, and there are few different stacks

    def run(self, path, environment):
        """((id, function), output) of a run of a file."""
        code, output = crashes.run_again(self._binary, path, environment)
        name = crashes.identify(code, output)
        return (name, self._function(path, output) if fuzzer.is_sanitizers(name) else None), output

    def _function(self, path, output):
        places = fuzzer.stack_places(output)
        if not places:
            return fuzzer.find_function(output, self._folders)
        if places not in self._functions:
            self._functions[places] = fuzzer.find_function(crashes.run_again(self._binary, path)[1], self._folders)
        return self._functions[places]


def reduce(data, failure, target, failures, is_cut):
    """(the reduced input, how many inputs were tried): one that fails as data does, which is failure. Raises Cut."""
    runs = 0
    deadline = time.monotonic() + REDUCE_SECONDS
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder, "input")

        def fails(candidate):
            nonlocal runs
            runs += 1
            path.write_bytes(candidate)
            return failures.run(path, HASTY)[0] == failure

        def is_over():
            if is_cut():
                raise Cut
            return runs >= REDUCE_RUNS or time.monotonic() >= deadline
        return reduction.reduce(data, reduction.SHAPES[target], fails, is_over), runs


def carry(data, replay):
    """What of an input has to be in a log, so that nothing else is needed to have it again: its bytes in base64, unless they
    are very many, and the command that runs it."""
    text = base64.b64encode(data).decode() if len(data) < CARRIED_SIZE else f"(left out, since it has {len(data)} bytes)"
    return f"  base64  {text}\n\n  replay  {replay}\n"


def explanation_text(document, path, files):
    """The explanation for a person."""
    data = base64.b64decode(document["input"])
    before, after = document["size_before"], document["size_after"]
    indented = "\n".join("    " + line for line in dump(data).splitlines()) or "    (it is empty)"
    return (f"{visible(path)}: {before} byte{'' if before == 1 else 's'}, "
            f"{f'reduced to {after}' if after < before else 'which cannot be made fewer'}\n\n"
            f"{document['report']}\n\n"
            f"  input (where, bytes, characters)\n{indented}\n"
            f"{carry(data, document['replay'])}\n"
            f"  written in {visible(files['reduced'].parent)}/\n    {visible(files['reduced'].name)}: the reduced input, as the fuzzer takes it\n"
            f"    {visible(files['text'].name)}: this text\n    {visible(files['json'].name)}: the same for kmemfuzz report\n")


def explain(path, target, binary, is_cut):
    """One finding, explained. Its members, the first two and the last alone when it is not:

    file          the file that the fuzzer saved
    id            how it fails, such as "page-zeroed"; None: it is not explained
    input         the reduced input in base64
    size_before   bytes of the file, and
    size_after    of the reduced input
    report        what the target says when it runs the reduced input
    replay        the command that makes it say so
    files         what was written, by kind: reduced, text, json
    text          the explanation for a person
    problem       why it is not explained; None when it is

    Raises Cut when is_cut() becomes true."""
    finding = {"file": str(path), "id": None, "problem": None}
    try:
        finding.update(_explain(pathlib.Path(path), target, binary, is_cut))
    except OSError as error:
        finding["problem"] = str(error)
    return finding


def _explain(path, target, binary, is_cut):
    """The members of explain but the file. Raises OSError when something cannot be read, run or written."""
    data = path.read_bytes()
    failures = Failures(binary, target)
    failure, _ = failures.run(path, HASTY)
    if failure[0] == fuzzer.UNREPEATED:
        return {"problem": f"it does not fail when {binary} runs it again"}
    reduced, runs = reduce(data, failure, target, failures, is_cut)
    if is_cut():
        raise Cut
    files = {kind: path.with_name(path.name + ending) for kind, ending in
             (("reduced", ".reduced"), ("text", ".txt"), ("json", ".json"))}
    files["json"].unlink(missing_ok=True)  # an earlier campaign may have written it
    corpus.write_whole(files["reduced"], reduced)
    steps = dict([STEPS_WANTED.split("=")])
    again, output = failures.run(files["reduced"], steps)
    if again != failure:  # it failed otherwise while it was tried: the file itself is certain
        reduced = data
        corpus.write_whole(files["reduced"], reduced)
        _, output = failures.run(files["reduced"], steps)
    document = {"format": FORMAT, "target": target, "id": fuzzer.name_in(*failure), "size_before": len(data), "size_after": len(reduced),
                "runs": runs, "input": base64.b64encode(reduced).decode(), "report": report_words(output),
                "replay": f"{STEPS_WANTED} {shell_word(binary)} {shell_word(files['reduced'])}"}
    text = explanation_text(document, path, files)
    corpus.write_whole(files["text"], text.encode())
    corpus.write_whole(files["json"], (dump_json(document) + "\n").encode())
    return {**{member: document[member] for member in ("id", "input", "size_before", "size_after", "report", "replay")},
            "files": {kind: str(file) for kind, file in files.items()}, "text": text}
