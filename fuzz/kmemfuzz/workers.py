"""The workers of a campaign. Each runs one libFuzzer process after another; all work on one folder of inputs, and look there every
second for what the others found. libFuzzer ends at the first input that fails, having saved it, with its report in the log."""

import os
import signal
import subprocess
import time

from kmemfuzz import child, fuzzer

STOP_SECONDS = 10  # that workers may take to end when asked to: for the input they run, and the report of a crash
OUTPUT_SIZE = 1 << 20  # bytes of a process's output that are kept: the last


class Worker:
    """One place, the process in it, and what that has said so far."""

    def __init__(self, command, log, **more):
        self.log = log
        self.process = None
        self.stumbled = set()  # the inputs that have ended its processes before they fuzzed
        self.coverage = self.features = self.corpus_size = 0
        self.edges = 0  # that can be covered
        self.finished_executions = self.executions = 0  # of the processes before, and of this one
        self.has_begun = False  # whether the process has come to inputs of its own
        self._offset = 0
        self._command, self._more = command, more

    def start(self):
        """Starts a process in this place. Raises OSError when it cannot be started."""
        self.finished_executions += self.executions
        self.executions, self.has_begun, self._offset = 0, False, 0
        with open(self.log, "wb") as log:
            self.process = child.start(self._command, stdout=subprocess.DEVNULL, stderr=log, **self._more)

    def has_ended(self):
        """Whether there was a process, and has ended."""
        return self.process is not None and self.process.poll() is not None

    def read(self):
        """Reads what the process has said since the last call."""
        with open(self.log, "rb") as file:
            file.seek(self._offset)
            new = file.read()
        whole = new[:new.rfind(b"\n") + 1]
        self._offset += len(whole)
        for line in whole.decode(errors="replace").splitlines():
            self.has_begun = self.has_begun or fuzzer.is_begin(line)
            self.edges = self.edges or fuzzer.parse_edges(line)
            figures = fuzzer.parse_progress(line)
            if figures:
                self.executions = figures[0]
                self.coverage, self.features, self.corpus_size = map(
                    max, zip((self.coverage, self.features, self.corpus_size), figures[1:]))
            self.executions = max(self.executions, fuzzer.parse_total(line))

    def output(self):
        """The end of what the process has said."""
        with open(self.log, "rb") as file:
            file.seek(max(0, os.fstat(file.fileno()).st_size - OUTPUT_SIZE))
            return file.read().decode(errors="replace")


class Workers:
    def __init__(self, binary, jobs, work, inputs, lock):
        """work is a folder of this campaign's own; inputs are folders to start from; lock is a handle that stays open as long
        as any process lives."""
        corpus, artifacts = work / "corpus", work / "artifacts"
        for folder in (corpus, artifacts):
            folder.mkdir()
        self._statistics = work / "statistics"
        environment = dict(os.environ, KMEM_STATISTICS=str(self._statistics.absolute()), **fuzzer.ENVIRONMENT)
        environment.pop("KMEM_STEPS", None)  # no one wants the steps of every input of a campaign
        # No -seed: it would make all of them do the same.
        command = [binary, *fuzzer.FLAGS, "-reload=1", "-print_final_stats=1", f"-artifact_prefix={artifacts}/", corpus, *inputs]
        self._places = [Worker(command, work / f"worker-{number}.log", env=environment, pass_fds=[lock])
                        for number in range(1, jobs + 1)]
        self._lost = []
        self._counted = 0, 0
        self.restarts = 0

    def start(self):
        """Starts them. Raises OSError when they cannot be started."""
        for worker in self._places:
            worker.start()

    def restart(self, worker):
        """Starts another process in the place of one that has ended."""
        self.restarts += 1
        worker.start()

    def lose(self, worker):
        self._lost.append(worker)

    def lost_count(self):
        return len(self._lost)

    def are_left(self):
        return len(self._lost) < len(self._places)

    def read(self):
        """Reads what they have said since the last call. Returns those that have ended since they were started, all of whose
        words have been read."""
        ended = [worker for worker in self._places if worker not in self._lost and worker.has_ended()]
        for worker in self._places:
            if worker.process:
                worker.read()
        return ended

    def outputs(self):
        return [worker.output() for worker in self._places if worker.process]

    def counts(self):
        """(executions, checked operations) so far; never fewer than before, whatever a dying process left unsaid."""
        executions, operations, _ = fuzzer.read_statistics(self._statistics)
        said = sum(worker.finished_executions + worker.executions for worker in self._places)
        self._counted = max(self._counted[0], executions, said), max(self._counted[1], operations)
        return self._counted

    def best(self, name):
        """The largest value of a figure that any worker has."""
        return max(getattr(worker, name) for worker in self._places)

    def stop(self):
        """Ends all processes, in good order if they do so in time. Returns the workers that had ended by themselves, as read."""
        ended = self.read()
        running = [worker for worker in self._places if worker.process and worker not in [*ended, *self._lost]]
        for worker in running:
            worker.process.send_signal(signal.SIGUSR1)  # libFuzzer ends by it when the input that runs is done
        deadline = time.monotonic() + STOP_SECONDS
        while not all(worker.has_ended() for worker in running) and time.monotonic() < deadline:
            time.sleep(0.02)
        for worker in running:
            child.end(worker.process)
        self.read()
        return ended
