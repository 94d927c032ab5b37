"""The files of a campaign. It works in a folder of its own, build/campaign/TARGET/running/NAME, which it locks; what it finds is
there as files from the first moment, and harvest adds it to the corpus and the findings. A note of each finding stays until the
finding has been reported. If a campaign is killed, the next one harvests its folder and reports what it had not.

Inputs and findings are only ever added, each by a single rename, and a file leaves the working folder only after all of it has
arrived. So being killed, or a full disk, never loses anything."""

import fcntl
import os
import pathlib
import re
import shutil
import tempfile

from kmemfuzz import corpus, fuzzer, heap

CAMPAIGNS = pathlib.Path("build/campaign")
# libFuzzer stops in the middle of a file when a disk is full, and says nothing. So a campaign ends before it is.
MINIMUM_FREE_SIZE = 16 << 20

_ARTIFACT_NAME = re.compile(r"(crash|timeout|oom|leak|slow-unit)-([0-9a-f]{40})")


def log_of(finding):
    """Where what a finding's run has said is kept."""
    return finding.with_name(finding.name + ".log")


def places(target):
    """Where campaigns have their own files, and the folder with the corpus and the findings: a heap of one's own has those
    beside its file."""
    if heap.CURRENT is None:
        return CAMPAIGNS / target, CAMPAIGNS / target
    return pathlib.Path(os.path.relpath(heap.CURRENT.build / "campaign" / heap.CURRENT.name)), heap.CURRENT.place


def findings_of(campaign):
    """The folder of the findings of a campaign's folder."""
    beside = campaign / "findings"
    return beside if heap.CURRENT is None or beside.is_dir() else heap.CURRENT.folder / "findings"


class Folders:
    def __init__(self, target, corpus_folder=None, findings_folder=None, campaign_folder=None):
        self.base, place = places(target) if campaign_folder is None else (campaign_folder, campaign_folder)
        self.running = self.base / "running"
        self.corpus = corpus_folder or place / "corpus"
        self.findings = findings_folder or place / "findings"
        self.work = None
        self.lock = None

    def _unreported(self, work):
        """The notes of findings that a campaign has yet to report: empty files with their names."""
        return work / "unreported"

    @property
    def temporary(self):
        """For what this campaign and all that it starts need for a moment."""
        return self.work / "temporary"

    def prepare(self):
        """Makes all folders, and this campaign's own. Raises OSError when one cannot be made or written."""
        for folder in (self.running, self.corpus, self.findings):
            folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=folder):
                pass
        if heap.CURRENT is not None:
            heap.CURRENT.keep_settings()
        while self.work is None:
            work = pathlib.Path(tempfile.mkdtemp(dir=self.running))
            try:
                lock = os.open(work, os.O_RDONLY | os.O_DIRECTORY)
            except FileNotFoundError:  # another campaign took it for an abandoned one and has removed it
                continue
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:  # it is about to
                os.close(lock)
                continue
            if not work.exists():
                os.close(lock)
                continue
            self.work, self.lock = work, lock
        self._unreported(self.work).mkdir()
        self.temporary.mkdir()
        corpus.write_whole(self.work / "corpus-path", os.fsencode(self.corpus.absolute()))

    def require_space(self):
        """Raises OSError when a disk is as good as full."""
        for folder in (self.work or self.running, self.corpus, self.findings):
            status = os.statvfs(folder)
            free = status.f_bavail * status.f_frsize
            if free < MINIMUM_FREE_SIZE:
                raise OSError(28, f"only {free >> 20} MiB are free where {folder} is; a campaign needs "
                                  f"{MINIMUM_FREE_SIZE >> 20} MiB. Make room, and start it again: it continues")

    def snapshot(self):
        """The inputs so far, in a folder that stays as it is while others prune and add."""
        with corpus.locked(self.corpus):
            corpus.snapshot(self.corpus, self.work / "start")
        return self.work / "start"

    def _note(self, finding):
        """Notes in this campaign's own folder that a finding has yet to be reported."""
        (self._unreported(self.work) / finding.name).touch()

    def take_artifacts(self, work=None):
        """Moves crashes that are wholly written to the findings. Returns their paths there."""
        taken = []
        for path in sorted(((work or self.work) / "artifacts").glob("*-*")):
            match = _ARTIFACT_NAME.fullmatch(path.name)
            data = path.read_bytes()
            if not match or corpus.content_name(data) != match.group(2):
                continue  # still being written
            destination = self.findings / path.name
            if match.group(1) != "slow-unit":
                self._note(destination)
            if not destination.exists():
                corpus.write_whole(destination, data)
            path.unlink()
            if match.group(1) != "slow-unit":
                taken.append(destination)
        return taken

    def take_words(self, output):
        """Puts what a worker said when it ended beside the finding that ended it, which take_artifacts has taken. Returns the
        finding; None when there is none."""
        artifact = fuzzer.parse_artifact(output)
        finding = self.findings / pathlib.Path(artifact).name if artifact else None
        if not finding or not finding.exists():
            return None
        corpus.write_whole(log_of(finding), fuzzer.last_words(output).encode())
        return finding

    def set_aside(self, finding):
        """Takes an input that was found to fail from those that workers start from. It is in the findings."""
        name = finding.rpartition("-")[2]
        for folder in ("start", "seeds", "corpus"):
            for path in corpus.inputs(self.work / folder):
                if corpus.content_name(path.read_bytes()[:fuzzer.MAXIMUM_INPUT_SIZE]) == name:
                    path.unlink()

    def harvest(self, binary, work=None, lock=None, seconds=corpus.MERGE_SECONDS):
        """Brings to the corpus what a set cover needs of the inputs in a working folder; all of them when the set cover
        fails. Returns (how many were added, why the set cover failed or None)."""
        work, lock = work or self.work, lock or self.lock
        candidates, cover = work / "candidates", work / "cover"
        for folder in (candidates, cover):
            shutil.rmtree(folder, ignore_errors=True)
        candidates.mkdir()
        for path in (work / "corpus").glob("*"):
            data = path.read_bytes()
            if data:
                corpus.add(candidates, data)
        if heap.CURRENT is None and not any(candidates.iterdir()):
            return 0, None
        merged, failure, count = candidates, None, 0
        with corpus.locked(self.corpus):
            corpus.snapshot(self.corpus, cover)
            for path in corpus.inputs(work / "seeds"):
                if heap.CURRENT is None or path.name.startswith("regressions-"):
                    shutil.copyfile(path, cover / f"seed-{path.name}")
                else:  # the heap's author has no other copy of ours: what they reach belongs in the corpus
                    corpus.add(candidates, path.read_bytes())
            try:
                corpus.set_cover(binary, cover, candidates, fuzzer.MAXIMUM_INPUT_SIZE, [lock], seconds)
                merged = cover
            except corpus.CorpusError as error:
                failure = error
            known = {corpus.content_name(path.read_bytes()) for path in corpus.inputs(self.corpus)}
            for path in corpus.inputs(merged):
                # What is in the cover under another name is a seed, or came from the corpus.
                if path.name not in known and path.name == corpus.content_name(path.read_bytes()):
                    corpus.add(self.corpus, path.read_bytes())
                    count += 1
        return count, failure

    def _is_of_this_corpus(self, work):
        """Whether a working folder belongs to a campaign on the same corpus. One without a note has found nothing yet."""
        try:
            return (work / "corpus-path").read_bytes() == os.fsencode(self.corpus.absolute())
        except FileNotFoundError:
            return True

    def _take_unreported(self, work):
        """Takes over the notes of a campaign that was killed. Returns the findings, as far as they are still there."""
        findings = [self.findings / note.name for note in sorted(self._unreported(work).glob("*"))]
        findings = [finding for finding in findings if finding.exists()]
        for finding in findings:
            self._note(finding)
        return findings

    def take_over(self, binary):
        """Harvests what campaigns have left that were killed. Returns what they have found and not reported."""
        findings = []
        for work in sorted(self.running.iterdir()):
            if work == self.work or not self._is_of_this_corpus(work):
                continue
            try:
                lock = os.open(work, os.O_RDONLY | os.O_DIRECTORY)
            except OSError:
                continue  # it has just ended
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if not work.exists():
                    continue  # another campaign has taken it over
                findings += dict.fromkeys([*self._take_unreported(work), *self.take_artifacts(work)])
                for log in work.glob("worker-*.log"):
                    self.take_words(log.read_text(encoding="utf-8", errors="replace"))
                self.harvest(binary, work, lock)
                shutil.rmtree(work)
            except BlockingIOError:
                pass  # it runs
            finally:
                os.close(lock)
        return findings

    def clear(self):
        """Removes what has been harvested from this campaign's own folder. What has yet to be reported stays noted."""
        for path in self.work.iterdir():
            if path.is_dir() and path not in (self._unreported(self.work), self.temporary):
                shutil.rmtree(path, ignore_errors=True)

    def forget(self, findings):
        """Takes back the notes of findings that have been reported."""
        for finding in findings:
            (self._unreported(self.work) / pathlib.Path(finding).name).unlink(missing_ok=True)

    def discard(self):
        """Removes this campaign's own folder, in which nothing was found."""
        shutil.rmtree(self.work, ignore_errors=True)
        os.close(self.lock)

    def leave(self):
        """Removes this campaign's own folder, unless there is something left to report; then the next campaign does. Returns
        how many findings that are."""
        count = sum(1 for _ in self._unreported(self.work).glob("*"))
        if count == 0:
            shutil.rmtree(self.work, ignore_errors=True)
        os.close(self.lock)
        return count
