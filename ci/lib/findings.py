"""What a campaign has found, explained: each file that the fuzzer saved is given to `kmemfuzz explain`, which reduces it
and writes its files beside it. Findings that fail in the same way and are reduced to the same program are one."""

import json
import os
import signal
import subprocess
import sys

import fuzzer

EXIT_SOUND, EXIT_VIOLATION = range(2)


def _run(command, seconds):
    """Runs a command in a process group of its own, which is ended when it takes longer. Returns its code, or None
    when it took longer, standard output and standard error."""
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                               text=True, errors="replace", start_new_session=True,
                               env=dict(os.environ, **fuzzer.ENVIRONMENT))
    try:
        output, errors = process.communicate(timeout=seconds)
        return process.returncode, output, errors
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        output, errors = process.communicate()
        return None, output, errors


def explain(artifact, tool, seconds):
    """One finding, explained. Its members:

    file          the file that the fuzzer saved
    id            how it fails, such as "free-merged" or "use-after-poison in kmem_zalloc"; None: it is not explained
    program       the reduced program as text
    operations    (before, after) reduction
    files         what kmemfuzz has written, by kind: reduced, text, c, html
    text          the explanation for a person
    problem       why it is not explained; None when it is
    """
    finding = {"file": str(artifact), "id": None, "program": None, "operations": None, "files": {}, "text": "",
               "problem": None}
    # What was written for the same file by an earlier campaign is written anew.
    code, output, errors = _run([str(tool), "explain", "--json", "--force", str(artifact)], seconds)
    try:
        document = json.loads(output)
    except ValueError:
        document = {}
    if code is None:
        finding["problem"] = f"kmemfuzz explain did not end within {seconds} s"
    elif code == EXIT_SOUND and document.get("verdict") == "sound":
        finding["problem"] = "it is sound when kmemfuzz runs it"
    elif "id" in document:
        finding.update({name: document[name] for name in ("id", "program", "files", "text")},
                       operations=(document["operations_before"], document["operations_after"]))
        if code != EXIT_VIOLATION:
            print(f"ci/fuzz: no files were written for {artifact}:\n{errors.strip()}", file=sys.stderr)
    else:
        finding["problem"] = f"kmemfuzz explain ended with code {code}: {errors.strip() or 'it said nothing'}"
    return finding


def explain_findings(artifacts, tool, seconds):
    """Explains files that a fuzzer of the heap has saved, each once and in this order; each may take so many seconds.
    Returns the findings, as explain describes them, with one more member, `duplicate_of`: the file of the first finding
    with the same id and the same reduced program; None when it is the first, or not explained."""
    findings = []
    first = {}  # file by (id, program)
    for artifact in dict.fromkeys(str(artifact) for artifact in artifacts):
        finding = explain(artifact, tool, seconds)
        finding["duplicate_of"] = None
        if finding["problem"] is None:
            original = first.setdefault((finding["id"], finding["program"]), finding["file"])
            finding["duplicate_of"] = original if original != finding["file"] else None
        findings.append(finding)
    return findings


def show(finding, stream):
    """Prints a finding for a person; of one that is the same as another it says of which. Returns whether it is
    explained; when not, it says why."""
    if finding["problem"]:
        print(f"{finding['file']} is not explained: {finding['problem']}\n", file=stream, flush=True)
    elif finding["duplicate_of"]:
        print(f"{finding['file']}: {finding['id']}, the same as {finding['duplicate_of']}", file=stream, flush=True)
    else:
        print(finding["text"], end="", file=stream, flush=True)
    return finding["problem"] is None


def summary(finding):
    """What the closing summary of a campaign has of an explained finding."""
    return {name: finding[name] for name in ("id", "file", "program", "files", "duplicate_of")}
