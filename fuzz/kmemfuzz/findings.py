"""Explains the crashes of a campaign. `kmemfuzz explain` reduces those that are programs and writes their files; explanation.py
explains the others. Crashes that fail in the same way and reduce to the same input are one finding."""

import base64
import json
import os
import pathlib
import subprocess
import sys
import time

from kmemfuzz import child, fuzzer, results, tree
from kmemfuzz.command_line import EXIT_SOUND, EXIT_VIOLATION
from kmemfuzz.explanation import CARRIED_SIZE, Cut, carry
from kmemfuzz.outside_text import shell_word, visible, visible_lines

CHOSEN_FROM = 200  # inputs of one id, the smallest, that are reduced to tell bugs apart
CHOOSE_SECONDS = 60  # that this may take
POLL_SECONDS = 0.1  # between looks at whether someone still waits


def _never():
    return False


def _run(command, seconds, is_cut):
    """Runs a command, which is ended when it takes longer or no one waits for it any more. Returns its code, or None when
    it took longer, standard output and standard error. Raises Cut."""
    process = child.start(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, errors="replace",
                            env=dict(os.environ, **fuzzer.ENVIRONMENT))
    deadline = time.monotonic() + seconds
    try:
        while time.monotonic() < deadline:
            if is_cut():
                raise Cut
            try:
                output, errors = process.communicate(timeout=POLL_SECONDS)
                return process.returncode, output, errors
            except subprocess.TimeoutExpired:
                continue
        return None, "", ""
    finally:
        child.end(process)
        process.stdout.close()
        process.stderr.close()


def _carry_program(path, tool):
    """(input, replay, words) of a file with a program: as explain_program has them; words are for a log. Nothing of each when
    it cannot be read; no input when a log has no room for it."""
    try:
        data = pathlib.Path(path).read_bytes()
    except (OSError, ValueError):  # ValueError: no file can have that name
        return None, None, ""
    replay = f"{tree.command(tool, 'run')} {shell_word(path)}"
    return base64.b64encode(data).decode() if len(data) < CARRIED_SIZE else None, replay, carry(data, replay)


def _is_explanation(document):
    """Whether a document is what kmemfuzz explain prints of a finding."""
    return (isinstance(document, dict) and all(isinstance(document.get(name), str) for name in ("id", "program", "text"))
            and all(type(document.get(name)) is int for name in ("operations_before", "operations_after"))
            and isinstance(document.get("files"), dict) and all(isinstance(path, str) for path in document["files"].values()))


def explain_program(artifact, tool, seconds, is_cut=_never):
    """One finding of a target that runs programs, explained. Its members:

    file          the file that the fuzzer saved
    id            how it fails, such as "free-merged" or "use-after-poison in kmem_zalloc"; None: it is not explained
    program       the reduced program as text
    operations    (before, after) reduction
    input         the reduced program in base64; None when it could not be written, or is too long for a log
    replay        the command that runs it; None when it could not be written
    files         what kmemfuzz has written, by kind: reduced, text, c, html
    text          the explanation for a person
    problem       why it is not explained; None when it is

    Raises Cut when is_cut() becomes true."""
    finding = {"file": str(artifact), "id": None, "program": None, "operations": None, "input": None, "replay": None,
               "files": {}, "text": "", "problem": None}
    # An earlier campaign may have written files for it; --force replaces them.
    code, output, errors = _run([str(tool), "explain", "--json", "--force", str(artifact)], seconds, is_cut)
    try:
        document = json.loads(output)
    except (ValueError, RecursionError):
        document = None
    if code is None:
        finding["problem"] = f"kmemfuzz explain did not end within {seconds} s"
    elif code == EXIT_SOUND and isinstance(document, dict) and document.get("verdict") == "sound":
        finding["problem"] = "it is sound when kmemfuzz runs it"
    elif _is_explanation(document):
        finding.update({name: document[name] for name in ("id", "program", "files", "text")},
                       operations=(document["operations_before"], document["operations_after"]))
        finding["input"], finding["replay"], words = _carry_program(finding["files"].get("reduced", artifact), tool)
        finding["text"] += f"\n{words}" if words else ""
        if code != EXIT_VIOLATION:
            print(f"kmemfuzz fuzz: no files were written for {visible(artifact)}:\n{visible_lines(errors.strip())}", file=sys.stderr)
    else:
        finding["problem"] = f"kmemfuzz explain ended with code {code}: {errors.strip() or 'it said nothing'}"
    return finding


def choose(files, tool, count, is_cut=_never):
    """Which of the inputs of one id are explained, at most count: the first of each bug, where reducing them all tells which is
    which, and then others; in their order. Raises Cut."""
    if len(files) <= count:
        return files
    tried = files[:CHOSEN_FROM]
    _, output, _ = _run([str(tool), "run", "--json", "--reduce", "--", *tried], CHOOSE_SECONDS, is_cut)
    try:
        bugs = results.distinct(json.loads(output)["results"], results.without_format)
    except (ValueError, KeyError, RecursionError):
        return files[:count]
    first = [bug[0]["file"] for bug in bugs][:count]
    chosen = {*first, *[file for file in files if file not in first][:count - len(first)]}
    return [file for file in files if file in chosen]


def explain_findings(artifacts, explain):
    """Explains files that a fuzzer has saved by explain(file), each once and in this order. Yields each finding as soon as
    it is explained, with one more member, `duplicate_of`: the file of the first finding with the same id that is reduced to
    the same; None when it is the first, or not explained."""
    first = {}  # file by (id, what it is reduced to)
    for artifact in dict.fromkeys(str(artifact) for artifact in artifacts):
        finding = explain(artifact)
        finding["duplicate_of"] = None
        if finding["problem"] is None:
            reduced = results.without_format(finding["program"]) if "program" in finding else finding["input"]
            original = first.setdefault((finding["id"], reduced), finding["file"])
            finding["duplicate_of"] = original if original != finding["file"] else None
        yield finding


def show(finding, stream):
    """Prints a finding for a person; of one that is the same as another it says of which. Returns whether it is
    explained; when not, it says why."""
    if finding["problem"]:
        print(f"{visible(finding['file'])} is not explained: {visible_lines(finding['problem'])}\n", file=stream, flush=True)
    elif finding["duplicate_of"]:
        print(f"{visible(finding['file'])}: {visible(finding['id'])}, the same as "
              f"{visible(finding['duplicate_of'])}", file=stream, flush=True)
    else:
        print(visible_lines(finding["text"]), end="", file=stream, flush=True)
    return finding["problem"] is None


SUMMARISED = ("id", "file", "program", "size_before", "size_after", "input", "report", "replay", "files", "duplicate_of")


def summary(finding):
    """The members of an explained finding that a campaign's closing summary has."""
    return {name: finding[name] for name in SUMMARISED if name in finding}
