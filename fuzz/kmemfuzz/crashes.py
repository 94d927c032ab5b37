"""The crashes of a campaign: which rule each breaks, and how many break each. A worker's words are kept beside its crash; an input
without them, as a full disk or kill -9 may leave it, is run again."""

import os
import signal
import subprocess
import tempfile
import time

from kmemfuzz import child, corpus, fuzzer
from kmemfuzz.campaign_folder import log_of

REPLAY_SECONDS = 15  # that running an input again may take; a hang would take for ever
EXAMINE_SECONDS = 60  # that running inputs again may take when a campaign has ended
LOG_SIZE = 1 << 20  # bytes of a run's output that are kept

UNEXAMINED = "unexamined"
UNREPEATED = "\nVIOLATION that did not happen again when the input was run by itself\n"


def run_again(binary, artifact, environment=None):
    """Runs a target once on an input, with more of an environment when given. Returns (exit code, output); a run that does
    not end is aborted, which prints where it stands."""
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryFile() as output:
        process = child.start([binary, *fuzzer.FLAGS, f"-artifact_prefix={folder}/", artifact], stdout=output,
                                stderr=subprocess.STDOUT, env=dict(os.environ, **{**fuzzer.ENVIRONMENT, **(environment or {})}))
        try:
            code = process.wait(timeout=REPLAY_SECONDS)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGABRT)
            try:
                code = process.wait(timeout=REPLAY_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                code = process.wait()
            output.seek(0)
            return code, output.read(LOG_SIZE).decode(errors="replace") + "\nERROR: libFuzzer: timeout\n"
        output.seek(0)
        return code, output.read(LOG_SIZE).decode(errors="replace")


def identify(code, output):
    """The id of how a run ended; a sanitizer's errors of one kind have the same."""
    if code == 0:
        return fuzzer.UNREPEATED
    return fuzzer.parse_finding(output) or "unknown"


class Crashes:
    """The findings so far."""

    def __init__(self, binary, find=lambda output: None):
        """find(output): the function of the code under test that a run died in."""
        self.binary = binary
        self.find = find
        self.ids = {}  # of each finding's path; in the order found

    def add(self, findings):
        """Takes findings, whatever is known of them."""
        for finding in findings:
            if finding not in self.ids:
                self.ids[finding] = UNEXAMINED
                self.examine(finding)

    def examine(self, finding):
        """Reads what a worker said of a finding, if that is there by now."""
        try:
            self.ids[finding] = fuzzer.identify(log_of(finding).read_text(encoding="utf-8", errors="replace"), self.find)
        except FileNotFoundError:
            pass

    def finish(self, stop):
        """Runs those again of which nothing is known, until that takes too long or a second wish to stop arrives. What is not
        examined is kept and counted all the same."""
        deadline = time.monotonic() + EXAMINE_SECONDS
        for finding in [finding for finding, name in self.ids.items() if name == UNEXAMINED]:
            if time.monotonic() >= deadline or stop.count >= 2:
                break
            code, output = run_again(self.binary, finding)
            corpus.write_whole(log_of(finding), (output + ("" if code else UNREPEATED)).encode())
            self.examine(finding)

    def counts(self):
        """How many findings there are of each id, the most frequent first."""
        ids = list(self.ids.values())
        return {name: ids.count(name) for name in sorted(set(ids), key=lambda name: (-ids.count(name), name))}

    def names(self):
        """The names of the files, by id."""
        result = {}
        for path, name in self.ids.items():
            result.setdefault(name, []).append(path.name)
        return result

    def findings(self):
        """One entry for each id: the id, the smallest file, and all files."""
        result = []
        for name in self.counts():
            files = sorted((path for path, its in self.ids.items() if its == name),
                           key=lambda path: (path.stat().st_size, path.name))
            result.append({"id": name, "file": str(files[0]), "count": len(files), "files": [str(f) for f in files]})
        return result
