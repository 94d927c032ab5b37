"""Tests of kmemfuzz corpus and fuzz/kmemfuzz/corpus.py, on copies of the committed corpus and with the real libFuzzer; and of the
committed corpus itself, which must stay within its bound.

Needs the build of preset fuzz.
"""

import contextlib
import io
import fcntl
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import threading
from unittest import mock

import pytest
from kmemfuzz import corpus, corpus_command
from folders import FolderTest, write_script
from processes import WAIT_SECONDS, processes_in, wait_until_none

ROOT = pathlib.Path(__file__).resolve().parents[2]
ENVIRONMENT = 3
REPLACEMENTS = 300  # of a folder that is looked at all the while
FUZZER = ROOT / corpus_command.FUZZER


def contents(folder):
    """Name and bytes of every file below a folder."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


class CorpusTest:
    """A copy of the committed corpus, below build/ since a new one is renamed from there."""

    @pytest.fixture(autouse=True)
    def set_up_corpus_test(self, monkeypatch):
        monkeypatch.chdir(ROOT)
        with tempfile.TemporaryDirectory(dir=ROOT / "build") as name:
            self.folder = pathlib.Path(name)
            self.committed = self.folder / "corpus"
            shutil.copytree(ROOT / "corpus", self.committed)
            self.minimised = self.committed / "minimised"
            yield

    def features(self):
        """What all but the large programs reach, by libFuzzer's own count."""
        return corpus.measure(FUZZER, *(self.committed / name for name in corpus.SEED_FOLDERS))

    def change(self, *folders):
        """prune or merge. Returns what it prints."""
        with contextlib.redirect_stdout(io.StringIO()) as output:
            corpus_command.change(self.committed, folders)
        return output.getvalue()


class TestPrune(CorpusTest):
    def test_what_reaches_nothing_new_goes_and_the_features_stay(self):
        before = self.features()
        for name in ("first_fit", "growth"):  # seeds reach it already
            corpus.add(self.minimised, *corpus.canonical([self.committed / "seeds" / f"{name}.ops"]))
        count = len(corpus.inputs(self.minimised))
        assert f"-> {before[0]:,} edges, {before[1]:,} features\n" in self.change()
        assert self.features() == before
        assert len(corpus.inputs(self.minimised)) <= count - 2

    def test_seeds_and_regressions_stay_byte_for_byte_even_when_they_reach_nothing_new(self):
        shutil.copy(self.committed / "seeds" / "first_fit.ops", self.committed / "regressions" / "again.ops")
        before = {name: contents(self.committed / name) for name in ("seeds", "regressions", "large")}
        self.change()
        assert {name: contents(self.committed / name) for name in before} == before

    def test_names_are_those_of_canonical_contents(self):
        (self.minimised / "of-a-person").write_bytes((self.committed / "seeds" / "realloc.ops").read_bytes()
                                                     if (self.committed / "seeds" / "realloc.ops").exists() else b"\1")
        self.change()
        paths = corpus.inputs(self.minimised)
        held = [path.read_bytes() for path in paths]
        assert [path.name for path in paths] == [corpus.content_name(data) for data in held]
        assert held == corpus.canonical(paths)

    def require_untouched(self, complaint):
        """prune must fail with these words, and leave everything as it was."""
        before = contents(self.committed)
        with pytest.raises(corpus.CorpusError, match=complaint):
            self.change()
        assert contents(self.committed) == before

    def test_a_corpus_that_would_reach_less_is_not_put_in_place(self):
        def lose_all(_binary, _output, _candidates):
            pass
        with mock.patch.object(corpus, "set_cover", lose_all):
            self.require_untouched("would reach .* It is left as it was")

    @pytest.mark.parametrize("bound", ("MAXIMUM_FILE_COUNT", "MAXIMUM_SIZE"))
    def test_a_corpus_beyond_its_bound_is_not_put_in_place(self, bound):
        with mock.patch.object(corpus_command, bound, 5):
            self.require_untouched("the bound is .* It is left as it was")

    def test_a_program_that_kills_the_target_is_never_chosen(self):
        def refuse(*_arguments, **_more):
            return 77, "VIOLATION free-merged"
        with mock.patch.object(corpus, "run_fuzzer", refuse):
            self.require_untouched("failed on")


class TestMerge(CorpusTest):
    def test_what_reaches_something_new_is_taken_in_from_folders_and_queues_of_afl(self):
        before = self.features()
        taken = corpus.inputs(self.minimised)
        plain, queue = self.folder / "plain", self.folder / "afl" / "main" / "queue"
        for folder in (plain, queue, queue.parent / "crashes"):
            folder.mkdir(parents=True)
        (queue.parent / "fuzzer_stats").write_text("execs_done : 1\n", encoding="utf-8")
        (queue.parent / "crashes" / "README.txt").write_text("not an input", encoding="utf-8")
        for number, path in enumerate(taken):
            path.rename(plain / path.name if number % 2 else queue / f"id:{number:06},src:000000,op:havoc,rep:2")
        assert self.features()[1] < before[1]
        said = self.change(plain, self.folder / "afl")
        assert f"{len(taken)} inputs taken in from " in said
        assert self.features() == before

    def test_a_folder_that_is_not_there_ends_with_3(self):
        with contextlib.redirect_stderr(io.StringIO()) as errors, pytest.raises(SystemExit) as end:
            corpus_command.parse_arguments(["merge", str(self.folder / "nothing")])
        assert end.value.code == ENVIRONMENT
        assert "there is no folder " in errors.getvalue()


class TestSafety(CorpusTest):
    def make_new(self, *names):
        """Makes a folder of these files to put in the place of another. Returns its path."""
        new = self.folder / "new"
        new.mkdir()
        for name in names:
            (new / name).write_bytes(b"new")
        return new

    def test_a_replaced_folder_is_the_new_one_and_the_old_one_is_gone(self):
        new = self.make_new("only")
        corpus.replace(self.minimised, new)
        assert os.listdir(self.minimised) == ["only"]
        assert not new.exists()

    def test_a_replaced_folder_is_at_every_moment_the_old_or_the_new_one(self):
        whole = {frozenset(os.listdir(self.minimised))}
        seen, done, aside = set(), threading.Event(), []

        def look():
            while not done.is_set():
                try:
                    seen.add(frozenset(os.listdir(self.minimised)))
                except OSError as error:
                    seen.add(str(error))

        def set_aside(folder):  # and do not remove: who has opened it may still be reading
            aside.append(folder.rename(self.folder / f"aside-{len(aside)}"))
        watcher = threading.Thread(target=look)
        watcher.start()
        with mock.patch.object(corpus.shutil, "rmtree", set_aside):
            for number in range(REPLACEMENTS):
                names = (f"{number}-a", f"{number}-b")
                whole.add(frozenset(names))
                corpus.replace(self.minimised, self.make_new(*names))
        done.set()
        watcher.join()
        assert len(aside) == REPLACEMENTS
        assert seen - whole == set()
        assert len(seen) > 1

    @pytest.mark.parametrize("mask", (0o022, 0o077, 0o002))
    def test_the_umask_says_who_may_read_what_is_written(self, mask, folder):
        before = os.umask(mask)
        try:
            corpus.write_whole(folder / "file", b"data")
        finally:
            os.umask(before)
        assert (folder / "file").stat().st_mode & 0o777 == 0o666 & ~mask

    def test_a_file_that_cannot_be_written_whole_is_not_there(self):
        with mock.patch("os.replace", side_effect=OSError(28, "No space left on device")):
            with pytest.raises(OSError):
                corpus.add(self.folder, b"data")
        assert [path for path in self.folder.iterdir() if path.is_file()] == []

    def test_a_lock_on_a_folder_that_was_replaced_meanwhile_is_taken_on_the_new_one(self):
        opened = threading.Event()
        lock = fcntl.flock
        held = []

        def flock(handle, operation):
            opened.set()
            lock(handle, operation)

        def enter():
            with corpus.locked(self.minimised):
                handle = os.open(self.minimised, os.O_RDONLY)
                try:
                    lock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    held.append(False)
                except BlockingIOError:
                    held.append(True)
                os.close(handle)
        waiter = threading.Thread(target=enter, daemon=True)
        with corpus.locked(self.minimised), mock.patch.object(corpus.fcntl, "flock", flock):
            waiter.start()
            assert opened.wait(WAIT_SECONDS)  # the old one, whose lock it now waits for
            corpus.replace(self.minimised, self.make_new("only"))
        waiter.join(WAIT_SECONDS)
        assert held == [True]


class TestCommitted:
    def test_the_committed_corpus_is_within_its_bound(self):
        corpus_command.require_bound(corpus.inputs(ROOT / "corpus" / "minimised"))

    def test_status_counts_what_is_there(self):
        done = subprocess.run([sys.executable, "fuzz/kmemfuzz", "corpus", "status"], cwd=ROOT, capture_output=True, text=True,
                              check=True)
        paths = corpus.inputs(ROOT / "corpus" / "minimised")
        assert re.search(rf"(?m)^corpus/minimised +{len(paths)} +{corpus_command.size_of(paths):,} +\d+ +\d+$", done.stdout)


class TestHangs(FolderTest):
    """Programs that do not end are ended, with what they have started."""

    def hanging(self):
        return write_script(self.folder / "hangs", f"#!/bin/sh\ncd {self.folder}\nsleep 1000 &\nwait\n")

    def test_a_target_is(self):
        with pytest.raises(corpus.CorpusError, match="took more than 0.2 s"):
            corpus.run_fuzzer(self.hanging(), seconds=0.2)
        wait_until_none(processes_in, self.folder)

    def test_a_heap_of_ones_own_is_and_all_programs_stay(self, monkeypatch):
        monkeypatch.setattr(corpus, "KMEMFUZZ", self.hanging())
        monkeypatch.setattr(corpus, "TRY_OUT_SECONDS", 0.2)
        self.write("seeds/a", "1")
        assert corpus.drop_unjudged(self.folder / "seeds") == 1
        wait_until_none(processes_in, self.folder)
