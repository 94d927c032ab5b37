"""The crashes of a campaign: which rule each breaks, and how many there are of each. libFuzzer's fork mode keeps the words
of a job that crashed to itself, so every input that was saved is run once more, in the background, and what that prints
is kept beside it as NAME.log."""

import os
import queue
import signal
import subprocess
import tempfile
import threading
import time

import corpus
import fuzzer

REPLAY_SECONDS = 15  # that running an input again may take; a hang would take for ever
EXAMINE_SECONDS = 60  # that examining what is left may take when a campaign has ended
LOG_SIZE = 1 << 20  # bytes of a run's output that are kept

UNEXAMINED = "unexamined"


def run_again(binary, artifact, environment=None):
    """Runs a target once on an input, with more of an environment when given. Returns (exit code, output); a run that does
    not end is aborted, which prints where it stands."""
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryFile() as output:
        process = subprocess.Popen([binary, *fuzzer.FLAGS, f"-artifact_prefix={folder}/", artifact],
                                   stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT,
                                   env=dict(os.environ, **{**fuzzer.ENVIRONMENT, **(environment or {})}),
                                   start_new_session=True)
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
    """The id of what a run ended in."""
    if code == 0:
        return fuzzer.UNREPEATED
    return fuzzer.parse_finding(output) or "unknown"


class Crashes:
    """The crashes so far. Examined by a thread of its own, one at a time."""

    def __init__(self, binary):
        self.binary = binary
        self.ids = {}  # of each artifact's path; in the order found
        self.failure = None  # what kept an examination from being done
        self._queue = queue.Queue()
        threading.Thread(target=self._work, daemon=True).start()

    def add(self, artifacts):
        """Takes files that a target was saved from, in order to examine them."""
        for artifact in artifacts:
            if artifact not in self.ids:
                self.ids[artifact] = UNEXAMINED
                self._queue.put(artifact)

    def _work(self):
        while True:
            artifact = self._queue.get()
            try:
                code, output = run_again(self.binary, artifact)
                self.ids[artifact] = identify(code, output)
                corpus.write_whole(artifact.with_name(artifact.name + ".log"), output.encode())
            except OSError as error:
                self.failure = error
            self._queue.task_done()

    def finish(self, stop):
        """Waits until all are examined, or until that takes too long or a second wish to stop arrives. What is not is
        kept and counted all the same."""
        deadline = time.monotonic() + EXAMINE_SECONDS
        while self._queue.unfinished_tasks and time.monotonic() < deadline and stop.count < 2:
            time.sleep(0.02)

    def counts(self):
        """How many crashes there are of each id, the most frequent first."""
        ids = list(self.ids.values())
        return {name: ids.count(name) for name in sorted(set(ids), key=lambda name: (-ids.count(name), name))}

    def names(self):
        """The names of the crashing files, by id."""
        result = {}
        for path, name in list(self.ids.items()):
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
