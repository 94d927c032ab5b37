"""The processes of a campaign: libFuzzer in its fork mode, which runs one job after another on every worker, and a guard
that ends them all when the campaign is killed. Knows nothing of what is done with what they find.

Jobs write what they find to files of their own at once. So the way to end libFuzzer is to stop it and take those files;
ended in its own way, it throws away what running jobs have found."""

import os
import pathlib
import re
import signal
import subprocess
import time

import fuzzer
from guarded import Guarded

STOP_SECONDS = 10  # that jobs may take to end when told to: for the input they run, and the report of a crash

_JOB = re.compile(r"^#(\d+): cov: (\d+) ft: (\d+) corp: (\d+) exec/s:? \d+ oom/timeout/crash: (\d+)/(\d+)/(\d+)",
                  re.MULTILINE)

class Tail:
    """The new lines of a growing file."""

    def __init__(self, path):
        self.path = path
        self.offset = 0

    def lines(self):
        """Whole lines written since the last call."""
        try:
            with open(self.path, "rb") as file:
                file.seek(self.offset)
                new = file.read()
        except OSError:
            return []
        whole = new[:new.rfind(b"\n") + 1]
        self.offset += len(whole)
        return whole.decode(errors="replace").splitlines()


class Workers:
    """A campaign's processes, and what their output has said so far."""

    def __init__(self, binary, jobs, work, inputs, lock):
        """Starts them. work is a folder of this campaign's own; inputs are folders to start from; lock is a handle that
        stays open as long as any process lives. Raises OSError when they cannot be started."""
        self.temporary = work / "jobs"
        self.corpus = work / "corpus"
        self.artifacts = work / "artifacts"
        for folder in (self.temporary, self.corpus, self.artifacts):
            folder.mkdir()
        self.statistics_path = work / "statistics"
        self.log = Tail(work / "fuzzer.log")
        self.job_logs = {}
        self.job_executions = {}
        self.finished_executions = self.coverage = self.features = self.corpus_size = 0
        environment = dict(os.environ, KMEM_STATISTICS=str(self.statistics_path.absolute()),
                           TMPDIR=str(self.temporary.absolute()), **fuzzer.ENVIRONMENT)
        environment.pop("KMEM_STEPS", None)  # of each input of a campaign nobody wants to hear all
        # No -seed: every job would inherit it, and do what the others do.
        command = [binary, *fuzzer.FLAGS, f"-fork={jobs}", "-ignore_crashes=1", "-ignore_timeouts=1", "-ignore_ooms=1",
                   f"-artifact_prefix={self.artifacts}/", self.corpus, *inputs]
        with open(work / "fuzzer.log", "wb") as log:
            self.guarded = Guarded(command, [lock], stdout=subprocess.DEVNULL, stderr=log, env=environment)
        self.process, self.group = self.guarded.process, self.guarded.group

    def is_running(self):
        """Whether libFuzzer has yet to end. It does not end by itself, but when something is wrong."""
        return self.process.poll() is None

    def read(self):
        """Reads what the output says since the last call."""
        for line in self.log.lines():
            match = _JOB.match(line)
            if match:
                figures = [int(group) for group in match.groups()]
                self.finished_executions = figures[0]
                self.coverage, self.features, self.corpus_size = (
                    max(pair) for pair in zip((self.coverage, self.features, self.corpus_size), figures[1:4]))
        logs = set(self.temporary.glob("*/[0-9]*.log"))
        for path in logs - self.job_logs.keys():
            self.job_logs[path] = Tail(path)
        for path in self.job_logs.keys() - logs:  # the job has ended, and libFuzzer's own figure has its executions
            del self.job_logs[path]
            self.job_executions.pop(path, None)
        for path, log in self.job_logs.items():
            for progress in filter(None, map(fuzzer.parse_progress, log.lines())):
                self.job_executions[path] = progress[0]
                self.coverage = max(self.coverage, progress[1])
                self.features = max(self.features, progress[2])
                self.corpus_size = max(self.corpus_size, progress[3])

    def counts(self):
        """(executions, checked operations) so far."""
        executions, operations, _ = fuzzer.read_statistics(self.statistics_path)
        return max(executions, self.finished_executions + sum(self.job_executions.values())), operations

    def _job_processes(self):
        """How many processes of the group run, besides the first."""
        running = 0
        for path in pathlib.Path("/proc").glob("[0-9]*/stat"):
            try:
                state, _, group = path.read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()[:3]
            except (OSError, ValueError):
                continue  # it has ended
            running += int(group) == self.group and state not in "ZX" and int(path.parent.name) != self.group
        return running

    def stop(self):
        """Ends all processes, jobs in good order if they do so in time, and reads the rest of their output."""
        if self.is_running():
            os.kill(self.group, signal.SIGSTOP)  # or it would begin new jobs
            for folder in self.temporary.glob("libFuzzerTemp.*"):
                try:
                    (folder / "STOP").write_bytes(b"\1")  # what libFuzzer itself tells its jobs by
                except OSError:
                    continue  # a full disk: they are killed
            deadline = time.monotonic() + STOP_SECONDS
            while self._job_processes() and time.monotonic() < deadline:
                time.sleep(0.02)
        self.guarded.end()
        self.read()

    def output(self):
        """Everything libFuzzer has printed, but for its jobs."""
        return self.log.path.read_text(encoding="utf-8", errors="replace")
