"""Tests of fuzz/kmemfuzz/series.py: a series has whole lines only, whatever happens to those who write it.
"""

import contextlib
import fcntl
import io
import json
import os
import threading
from unittest import mock

import pytest
from kmemfuzz import series

FIGURES = {"target": "heap", "build": "memory", "jobs": 2, "seed": 7, "seconds": 1.5, "executions": 100, "executions_per_second": 67,
           "checked_operations": 4400, "coverage_edges": 60, "features": 300, "inputs_in_use": 20}


class SeriesTest:
    @pytest.fixture(autouse=True)
    def set_up_series_test(self, folder):
        self.folder = folder
        self.path = self.folder / series.NAME

    def line(self, **changes):
        """A line's object."""
        return {**series.entry("run-1", FIGURES, {"free-merged": ["crash-1"]}), **changes}


class TestWriting(SeriesTest):
    def test_what_is_appended_is_read(self):
        series.append(self.folder, self.line())
        series.append(self.folder, self.line(seconds=2, executions=200))
        assert series.read(self.path) == ([self.line(), self.line(seconds=2, executions=200)], False)

    def test_a_line_has_what_the_documents_say(self):
        assert list(self.line()) == ["run", "target", "build", "jobs", "seed", "seconds", "executions", "checked_operations",
                                     "coverage_edges", "features", "inputs_in_use", "findings"]

    def test_a_line_that_a_killed_writer_left_half_is_taken_away_by_the_next(self):
        series.append(self.folder, self.line())
        for rest in (b'{"run": "run-0", "targ', b"{", b"\xff\xfe"):
            with open(self.path, "ab") as file:
                file.write(rest)
            assert series.read(self.path) == ([self.line()], True)
            series.append(self.folder, self.line(seconds=3))
            assert series.read(self.path) == ([self.line(), self.line(seconds=3)], False)
            self.path.write_bytes(self.path.read_bytes().split(b"\n")[0] + b"\n")

    def test_a_first_line_that_is_cut_off_leaves_an_empty_series(self):
        self.path.write_bytes(b'{"run"')
        assert series.read(self.path) == ([], True)
        series.append(self.folder, self.line())
        assert series.read(self.path) == ([self.line()], False)

    def test_what_a_full_disk_cuts_off_is_taken_back(self):
        series.append(self.folder, self.line())
        real = series.os.write
        with mock.patch.object(series.os, "write", lambda descriptor, text: real(descriptor, text[:10])):
            with pytest.raises(OSError, match="only a part of a line"):
                series.append(self.folder, self.line(seconds=2))
        assert series.read(self.path) == ([self.line()], False)

    def test_a_line_too_long_to_be_taken_back_is_refused(self):
        with pytest.raises(OSError, match="longer than"):
            series.append(self.folder, self.line(findings={"x": ["y" * series.TAIL_SIZE]}))
        assert not self.path.exists()

    def test_writers_at_the_same_time_leave_whole_lines(self):
        def write(run):
            for number in range(50):
                series.append(self.folder, self.line(run=run, seconds=number))
        writers = [threading.Thread(target=write, args=(f"run-{number}",)) for number in range(4)]
        for writer in writers:
            writer.start()
        for writer in writers:
            writer.join()
        lines, cut = series.read(self.path)
        assert not cut
        for number in range(4):
            assert [line["seconds"] for line in lines if line["run"] == f"run-{number}"] == list(range(50))

    def test_the_file_is_locked_from_the_look_at_its_end_until_the_line_is_written(self):
        series.append(self.folder, self.line())
        looked = []

        def require_lock(real):
            def call(descriptor, *arguments):
                with open(self.path, "rb") as other, pytest.raises(BlockingIOError):
                    fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
                looked.append(real)
                return real(descriptor, *arguments)
            return call
        with mock.patch.object(series.os, "pread", require_lock(os.pread)), \
                mock.patch.object(series.os, "write", require_lock(os.write)):
            series.append(self.folder, self.line(seconds=2))
        assert len(looked) == 2
        assert series.read(self.path) == ([self.line(), self.line(seconds=2)], False)

    def test_lines_come_each_second_at_first_and_less_often_later(self):
        record = series.Series(self.folder)
        for tenth in range(0, 36_000):
            record.note(tenth / 10, lambda: {**FIGURES, "seconds": tenth / 10})  # pylint: disable=cell-var-from-loop
        times = [line["seconds"] for line in series.read(self.path)[0]]
        assert times[:3] == [0, 1, 2]
        gaps = [after - before for before, after in zip(times, times[1:])]
        assert 0.99 < min(gaps) and max(gaps) < 10.11, (min(gaps), max(gaps))
        assert len(times) < 500

    def test_a_series_that_cannot_be_written_is_said_once_and_costs_nothing_else(self):
        record = series.Series(self.folder / "missing")
        with contextlib.redirect_stderr(io.StringIO()) as errors:
            record.add(FIGURES, {})
            record.add(FIGURES, {})
        assert errors.getvalue().count("missing/series.jsonl cannot be written") == 1

    def test_each_finding_is_named_once_and_again_when_its_id_has_changed(self):
        record = series.Series(self.folder)
        for findings in ({}, {"unexamined": ["crash-1"]}, {"unexamined": ["crash-1"], "hang": ["timeout-2"]},
                         {"free-merged": ["crash-1"], "hang": ["timeout-2"]}, {"free-merged": ["crash-1"], "hang": ["timeout-2"]}):
            record.add(FIGURES, findings)
        lines = series.read(self.path)[0]
        assert [line["findings"] for line in lines] == [
            {}, {"unexamined": ["crash-1"]}, {"hang": ["timeout-2"]}, {"free-merged": ["crash-1"]}, {}]
        assert series.count_found(lines) == [(0, 0), (1, 1), (2, 2), (2, 2), (2, 2)]

    def test_a_line_of_an_older_campaign_is_read_by_its_name_of_then(self):
        line = self.line()
        series.append(self.folder, {"corpus_files" if name == "inputs_in_use" else name: value for name, value in line.items()})
        assert series.read(self.path) == ([line], False)

    def test_a_campaign_s_last_line_has_what_it_fuzzed_with_and_what_it_kept(self):
        series.append(self.folder, series.entry("run", {**FIGURES, "inputs_in_use": 231, "files_kept": 7}, {}))
        line, = series.read(self.path)[0]
        assert (line["inputs_in_use"], line["files_kept"]) == (231, 7)

    def test_thousands_of_findings_at_once_make_lines_that_are_no_longer(self):
        record = series.Series(self.folder)
        names = [f"crash-{number:040x}" for number in range(5000)]
        with contextlib.redirect_stderr(io.StringIO()) as errors:
            record.add(FIGURES, {"ubsan: " + 60 * "x": names[:3000]})
            record.add(FIGURES, {"ubsan: " + 60 * "x": names[:3000], "hang": names[3000:]})
            for _ in range(100):
                record.add({**FIGURES, "seconds": 9}, {"ubsan: " + 60 * "x": names[:3000], "hang": names[3000:]})
        assert errors.getvalue() == ""
        lines, cut = series.read(self.path)
        assert (cut, series.count_found(lines)[-1], lines[-1]["seconds"]) == (False, (5000, 2), 9)
        assert max(map(len, self.path.read_bytes().split(b"\n"))) < series.TAIL_SIZE // 2
        assert sorted(name for line in lines for files in line["findings"].values() for name in files) == names


class TestReading(SeriesTest):
    def test_every_kind_of_damage_is_named_with_its_line_and_the_fix(self):
        cases = [("is not JSON", "{]"), ("is not JSON", ""), ("is not JSON", "\x00" * 20), ("is not an object", "[]"),
                 ("has no 'run', a name", json.dumps(self.line(run=""))),
                 ("has no 'target', a name", json.dumps(self.line(target=3))),
                 ("has no 'build', a name", json.dumps(self.line(build=""))),
                 ("has no 'build', a name", json.dumps(self.line(build=None))),
                 ("has no 'findings', lists", json.dumps(self.line(findings=[]))),
                 ("has no 'findings', lists", json.dumps(self.line(findings={"x": 3}))),
                 ("has no 'findings', lists", json.dumps(self.line(findings={"x": [3]})))]
        cases += [(f"has no '{name}', a whole number", json.dumps(self.line(**{name: value})))
                  for name in (*series.COUNTS, "jobs", "seed") for value in (-1, 1.5, "7", None, True)]
        cases += [("has no 'seconds', a number", json.dumps(self.line(seconds=value)))
                  for value in (-1, "1", None, float("nan"), float("inf"), True)]
        for problem, text in cases:
            self.path.write_text(f"{json.dumps(self.line())}\n{text}\n", encoding="utf-8")
            with pytest.raises(series.SeriesError) as complaint:
                series.read(self.path)
            assert str(complaint.value).startswith(f"{self.path}:2: this line {problem}"), str(complaint.value)
            assert "remove it" in str(complaint.value)

    def test_a_line_that_names_no_build_is_of_the_fuzz_build(self):
        line = self.line()
        del line["build"]
        series.append(self.folder, line)
        assert series.read(self.path) == ([{**line, "build": "fuzz"}], False)

    def test_members_it_does_not_know_are_no_damage(self):
        series.append(self.folder, self.line(more=1))
        assert series.read(self.path) == ([self.line(more=1)], False)
