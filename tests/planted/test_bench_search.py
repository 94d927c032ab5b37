"""Tests of ci/lib/bench_search.py: how it counts, that a bug never found is shown as such, and that it can fail."""

import json
import pathlib
from unittest import mock

import bench_search as search
import patched
import planted
import pytest

CAP = 1000


def runs(bug, way, *executions):
    """The runs of a bug by one way, from seed 1 on; None: not found."""
    return [search.Run(bug, way, seed, None if count is None else "placement", CAP if count is None else count)
            for seed, count in enumerate(executions, 1)]


def make_patch(name):
    """A Patch as tests need it."""
    return planted.Patch(name, pathlib.Path(f"{name}.patch"), "It errs.", "here", ("placement",), None)


class TestFigures:
    def test_the_median_is_over_the_seeds(self):
        assert search.cell(runs("a", "bytes", 9, 5, 700), CAP) == "3/3 9"

    def test_a_bug_never_found_is_more_than_the_cap(self):
        assert search.cell(runs("a", "bytes", None, None, None), CAP) == "0/3 >1,000"

    def test_a_bug_found_in_its_last_execution_is_found(self):
        assert search.cell(runs("a", "bytes", CAP), CAP) == "1/1 1,000"

    def test_a_bug_missed_by_most_seeds_has_no_median_below_the_cap(self):
        assert search.cell(runs("a", "bytes", 5, None, None), CAP) == "1/3 >1,000"
        assert search.cell(runs("a", "bytes", 5, 7, None), CAP) == "2/3 7"

    def test_ways_are_compared_by_the_median_bug(self):
        examined = {"a": runs("a", "bytes", 100) + runs("a", "both", 4), "b": runs("b", "bytes", None) + runs("b", "both", 10),
                    "c": runs("c", "bytes", 200) + runs("c", "both", 5)}
        figures = search.summarise(examined, CAP)
        assert (figures["both"]["median"], figures["both"]["times_fewer"], figures["both"]["in_every_seed"]) == (5, 40.0, 3)
        assert (figures["bytes"]["sum"], figures["bytes"]["sum_is_least"], figures["bytes"]["in_every_seed"]) == (1300, True, 2)
        assert search.summary("deep", examined, CAP).splitlines() == [
            "deep: bytes: 2 of 3 found in every seed; median bug 200, all together >1,300, the worst >1,000",
            "deep: both: 3 of 3 found in every seed; median bug 5, all together 19, the worst 10; 40.0 times fewer than bytes in the "
            "median"]


class TestVerdict:
    def judge(self, examined, complete=False, oracles=("placement",)):
        patches = [make_patch(name)._replace(oracles=oracles) for name in examined]
        return search.judge(examined, set(examined), patches, {"runs": CAP}, complete)

    def test_a_deep_bug_that_bytes_miss_is_no_problem(self):
        assert self.judge({"a": runs("a", "bytes", None) + runs("a", "both", 5)}) == []

    def test_a_deep_bug_that_a_sure_way_misses_in_one_seed_is(self):
        for way in search.SURE:
            assert self.judge({"a": runs("a", way, 5, None)}) == [f"a, {way}, seed 2: not found in 1,000 executions"]

    def test_another_oracle_is_a_problem(self):
        problem, = self.judge({"a": runs("a", "bytes", 5)}, oracles=("growth",))
        assert "a, bytes, seed 1: caught by placement, but its patch names growth" in problem

    def test_sound_code_that_is_found_wrong_is_a_problem(self):
        control = make_patch("(unpatched)")._replace(path=None)
        for count, problems in ((None, 0), (5, 1)):
            examined = {"(unpatched)": runs("(unpatched)", "both", count)}
            assert len(search.judge(examined, set(), [control], {"runs": CAP}, False)) == problems

    def test_too_small_a_gain_over_all_deep_bugs_is_a_problem(self):
        examined = {"a": runs("a", "bytes", 100) + runs("a", "both", 6)}
        assert self.judge(examined) == []
        problem, = self.judge(examined, complete=True)
        assert problem.startswith("both needs only 16.7 times fewer executions than bytes")
        assert self.judge({"a": runs("a", "bytes", 100) + runs("a", "both", 5)}, complete=True) == []


class TestMeasurement:
    """main(), with fuzzers that find a bug by `both` only."""

    @pytest.fixture(autouse=True)
    def set_up_measurement(self, folder, monkeypatch, capsys):
        monkeypatch.chdir(folder)
        self.capsys, self.fuzzers = capsys, []
        pathlib.Path("deep").mkdir()
        for name in ("a", "b"):
            pathlib.Path("deep", f"{name}.patch").write_text("Bug: It errs.\n\n--- a\n", encoding="ascii")

    def fuzz(self, _program, folder, way, seed, settings):
        """As search.fuzz."""
        self.fuzzers.append((folder.name, way, seed))
        if way == "both" and not folder.name.startswith("("):
            return 77, f"VIOLATION placement: It errs.\nstat::number_of_executed_units: {seed + planted.UNMADE}\n"
        return 0, f"stat::number_of_executed_units: {settings['runs']}\n"

    def run_main(self, *arguments, fuzz=None):
        def make_copy(path, _patch):
            path.mkdir(parents=True, exist_ok=True)
            return path
        patches = [make_patch(name)._replace(path=pathlib.Path("deep", f"{name}.patch")) for name in ("a", "b")]
        build = mock.Mock(fingerprint=lambda: "build", link=lambda _: ["fuzzer"])
        self.fuzzers.clear()
        with mock.patch.multiple(planted, DEEP=pathlib.Path("deep"), PATCHES=pathlib.Path("none"), read_oracles=dict,
                                 read_patches=lambda folder, _: patches if folder == planted.DEEP else []), \
                mock.patch.multiple(patched, Build=lambda *_, **__: build, make_copy=make_copy, fixed_addresses=list), \
                mock.patch.object(search, "fuzz", fuzz or self.fuzz):
            code = search.main(["--runs", "1000", "--seeds", "2", "--jobs", "1", *arguments])
        return code, *self.capsys.readouterr()

    def test_a_bug_never_found_is_shown_as_such_and_fails(self):
        code, output, _ = self.run_main("--ways", "generator,both")
        assert code == 1
        assert ["a", "0/2", ">1,000", "2/2", "2"] in [line.split() for line in output.splitlines()]
        assert "WRONG  b, generator, seed 2: not found in 1,000 executions" in output
        assert output.splitlines()[-1] == "2 patches: 10 runs; 4 wrong"

    def test_bugs_found_in_every_seed_are_sound(self):
        code, output, _ = self.run_main("--ways", "bytes,both")
        assert (code, "500.0 times fewer than bytes" in output) == (0, True), output
        assert output.splitlines()[-1] == "2 patches: 10 runs; all as it must be"

    def test_each_bug_is_run_by_every_way_from_every_seed_and_the_sound_code_once(self):
        self.run_main("--ways", "bytes,both")
        assert self.fuzzers == [(name, way, seed) for name in ("a", "b") for way in ("bytes", "both") for seed in (1, 2)] + [
            ("(unpatched)", "bytes", 1), ("(unpatched)", "both", 1)]

    def test_what_was_interrupted_goes_on_where_it_was(self):
        def interrupted(*arguments):
            if len(self.fuzzers) == 3:
                raise KeyboardInterrupt
            return self.fuzz(*arguments)
        code, _, errors = self.run_main("--ways", "both", fuzz=interrupted)
        assert (code, "interrupted; what was found so far is in build/search" in errors) == (3, True)
        self.run_main("--ways", "both")
        assert self.fuzzers == [("b", "both", 2), ("(unpatched)", "both", 1)]
        self.run_main("--ways", "both")
        assert self.fuzzers == []

    def test_a_changed_bug_or_cap_is_run_again(self):
        self.run_main("--ways", "both", "--only", "a")
        pathlib.Path("deep", "a.patch").write_text("Bug: It is wrong.\n\n--- a\n", encoding="ascii")
        self.run_main("--ways", "both", "--only", "a")
        assert self.fuzzers == []
        pathlib.Path("deep", "a.patch").write_text("Bug: It is wrong.\n\n--- b\n", encoding="ascii")
        self.run_main("--ways", "both", "--only", "a")
        assert self.fuzzers == [("a", "both", 1), ("a", "both", 2)]
        self.run_main("--ways", "both", "--only", "a", "--runs", "999")
        assert len(self.fuzzers) == 3

    def test_a_fuzzer_that_ends_for_no_known_reason_ends_the_benchmark(self):
        code, _, errors = self.run_main(fuzz=lambda *_: (1, "no such way\n"))
        assert (code, "the fuzzer ended for no known reason" in errors) == (3, True)
        assert pathlib.Path("build/search/a.log").read_text(encoding="utf-8") == "no such way\n"

    def test_json_has_every_run(self):
        _, output, _ = self.run_main("--ways", "both", "--json")
        document = json.loads(output)
        assert document["sets"]["deep"]["bugs"]["a"][1] == {
            "bug": "a", "way": "both", "seed": 2, "caught_by": "placement", "executions": 2}
        assert document["sets"]["deep"]["summary"]["both"]["median"] == 2

    def test_an_unknown_way_or_bug_is_refused(self):
        for arguments, words in ((("--ways", "bits"), "there is no way 'bits'"), (("--only", "c"), "no patch named c")):
            with pytest.raises(SystemExit) as end:
                self.run_main(*arguments)
            assert end.value.code == 2
            assert words in self.capsys.readouterr().err
