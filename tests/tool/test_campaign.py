"""Tests of fuzz/kmemfuzz/campaign.py: its arguments, what it shows, how it ends, and what it leaves. libFuzzer is a script here;
tests/tool/test_violation.py has the real one. What a campaign survives is tested in test_campaign_survives.py.
"""

import argparse
import contextlib
import io
import json
import os
import pathlib
import re
import shutil
import signal
import types

import pytest
from kmemfuzz import campaign, campaign_status, command_line, series
from campaign_tree import FUZZER, TOOL, CampaignTree, name_of
from fuzzer_words import SV39_VIOLATED
from terminal import open_terminal, read_terminal

SOUND, VIOLATION, USAGE, ENVIRONMENT = range(4)
RUNS_ON = "runs_on\n"
FOUND_IN_A_JOB = "finds one; finds two; runs_on\n"
CRASHES_TWICE = "crashes one; crashes second; runs_on\n"


class TestArguments:
    def test_durations(self):
        for text, seconds in (("90", 90), ("60s", 60), ("10m", 600), ("2h", 7200), ("1", 1), ("007s", 7)):
            assert command_line.parse_duration(text) == seconds

    @pytest.mark.parametrize("text", ("", "0", "0s", "-1", "1.5h", "s", "10 m", "10d", "1h30m", "10M", "ten", "10s\n"))
    def test_what_is_no_duration(self, text):
        with pytest.raises(argparse.ArgumentTypeError) as complaint:
            command_line.parse_duration(text)
        assert str(complaint.value) == f"'{text}' is not a duration; write it like 60s, 10m or 2h"

    def test_a_duration_that_no_clock_can_hold_is_refused(self):
        for digits in (10, 400, 5000):
            with pytest.raises(argparse.ArgumentTypeError) as complaint:
                command_line.parse_duration("9" * digits + "h")
            assert str(complaint.value) == f"a duration of {digits} digits; at most 9 are allowed"
        assert command_line.parse_duration("9" * 9 + "h") == 3600 * (10**9 - 1)

    def test_numbers_above_0(self):
        assert [command_line.parse_positive(text) for text in ("1", "42", "007")] == [1, 42, 7]
        for text in ("", "0", "-1", "+1", "1.0", "many", "1e3", "1" * 10, "9" * 5000, "\u00b2", "\u0663"):
            with pytest.raises(argparse.ArgumentTypeError):
                command_line.parse_positive(text)

    def test_without_arguments_it_fuzzes_the_heap_for_a_minute_on_every_processor(self):
        options = campaign.parse_arguments([])
        assert (options.seconds, options.jobs, options.target, options.corpus, options.until_crash, options.build,
                options.json) == (60, os.cpu_count(), "heap", None, False, pathlib.Path("build/fuzz"), False)

    @pytest.mark.parametrize("arguments", (["--for", "0s"], ["--jobs", "0"], ["--jobs", "x"], ["--target", "x"], ["--x"],
                                          ["file"], ["--for", "9" * 400], ["--corpus"], ["--corpus", __file__],
                                          ["--campaign", __file__], ["--build"]))
    def test_wrong_arguments_end_with_2(self, arguments):
        with contextlib.redirect_stderr(io.StringIO()) as errors:
            with pytest.raises(SystemExit) as end:
                campaign.parse_arguments(arguments)
            assert end.value.code == USAGE
            assert "Usage: kmemfuzz fuzz" in errors.getvalue()

    def test_a_build_without_the_target_ends_with_3(self):
        with contextlib.redirect_stderr(io.StringIO()) as errors, pytest.raises(SystemExit) as end:
            campaign.parse_arguments(["--build", "ci"])
        assert (end.value.code, errors.getvalue()) == (
            ENVIRONMENT, "kmemfuzz fuzz: --build ci holds no heap_fuzzer; ./ci/engine builds one\n")


class TestFigures:
    def test_numbers_are_short(self):
        for number, text in ((0, "0"), (7, "7"), (999, "999"), (1000, "1.0k"), (1234, "1.2k"), (99_900, "99.9k"),
                             (99_960, "100k"), (123_456, "123k"), (999_499, "999k"), (999_600, "1.0M"),
                             (4_200_000, "4.2M"), (10**9, "1.0G"), (10**12, "1T")):
            assert campaign_status.human(number) == text

    def test_numbers_have_at_most_four_characters_and_a_unit(self):
        number = 1
        while number < 10**15:
            assert re.search(r"^[\d.]{1,4}[kMGT]?$", campaign_status.human(number))
            number += number // 50 + 1

    FIGURES = {"seconds": 12.3, "executions_per_second": 14990, "checked_operations_per_second": 703436,
               "coverage_edges": 100, "edges": 324, "features": 684, "inputs_in_use": 236, "crashes": {"free-merged": 3, "hang": 1},
               "restarts": 0, "workers_lost": 0}

    def test_the_status_is_one_line_with_all_figures(self):
        options = types.SimpleNamespace(seconds=60, target="heap")
        assert campaign_status.status_line(self.FIGURES, options) == (
            "12s, 48s left  crashes free-merged 3, hang 1  15.0k executions/s  coverage 100/324  703k checked operations/s  "
            "236 inputs in use  features 684")

    @pytest.mark.parametrize("width, line", (
        (100, "12s, 48s left  crashes free-merged 3, hang 1  15.0k executions/s  coverage 100/324"),
        (80, "12s, 48s left  crashes free-merged 3, hang 1  15.0k executions/s"),
        (63, "12s, 48s left  crashes free-merged 3, hang 1"),
        (40, "12s, 48s left  crashes 4"),
        (20, "12s, 48s left  crash")))
    def test_what_a_narrow_terminal_has_no_room_for_is_left_out_whole_and_the_time_and_the_crashes_last(self, width, line):
        options = types.SimpleNamespace(seconds=60, target="heap")
        assert campaign_status.status_line(self.FIGURES, options, width) == line

    def test_coverage_without_a_known_denominator_is_a_number_alone(self):
        options = types.SimpleNamespace(seconds=60, target="heap")
        assert "  coverage 100  " in campaign_status.status_line({**self.FIGURES, "edges": 0}, options)

    def test_the_status_says_how_often_a_worker_was_started_again_and_how_many_came_to_nothing(self):
        options = types.SimpleNamespace(seconds=60, target="heap")
        figures = {**self.FIGURES, "restarts": 4, "workers_lost": 1}
        line = campaign_status.status_line(figures, options)
        assert "hang 1  workers lost 1  15.0k" in line
        assert line.endswith("  restarts 4")

    @pytest.mark.parametrize("target", campaign.TARGETS)
    def test_only_targets_that_run_programs_count_checked_operations(self, target):
        options = types.SimpleNamespace(seconds=60, target=target)
        assert ("checked operations" in campaign_status.status_line(self.FIGURES, options)) == (
            target in ("heap", "kernel", "pages"))

    def test_no_time_is_left_when_it_is_over(self):
        options = types.SimpleNamespace(seconds=10, target="heap")
        assert "12s, 0s left" in campaign_status.status_line(self.FIGURES, options)


class TestEnd(CampaignTree):
    def test_it_ends_when_its_time_is_over_with_a_summary(self):
        code, output, _ = self.run_campaign(RUNS_ON, "--for", "1s")
        assert code == SOUND
        self.require_summary(output, 0)

    def test_what_running_jobs_have_found_is_in_the_corpus(self):
        code, output, _ = self.run_until_ready(FOUND_IN_A_JOB, "--json")
        assert (code, json.loads(output)["added"]) == (SOUND, 2)
        self.require_kept(inputs=[b"one", b"two"])
        assert list((self.base / "running").iterdir()) == []

    def test_the_next_one_starts_from_what_the_first_has_found(self):
        self.run_until_ready(FOUND_IN_A_JOB)
        self.run_until_ready('finds three; ls "$before" >started; runs_on\n')
        assert set((self.tree / "started").read_text(encoding="utf-8").split()) == {name_of(b"one"), name_of(b"two")}
        self.require_kept(inputs=[b"one", b"two", b"three"])

    def test_when_the_set_cover_fails_all_inputs_are_kept(self):
        self.write("merging", "exit 1\n")
        code, _, errors = self.run_until_ready(FOUND_IN_A_JOB)
        assert code == SOUND
        assert "all inputs are kept, because choosing among them failed" in errors
        self.require_kept(inputs=[b"one", b"two"])

    def test_crashes_do_not_end_it_and_all_are_kept_counted_by_id_and_reported_once(self):
        code, output, errors = self.run_until_said(r"(?m)^\d+s, \d+s left  crashes free-merged 2  .*  restarts 2$", CRASHES_TWICE)
        assert code == VIOLATION
        self.require_kept(crashes=[b"one", b"second"])
        assert "\nFound: free-merged (2 crashes)\n" in errors
        smaller, larger = (f"build/campaign/heap/findings/crash-{name_of(data)}" for data in (b"one", b"second"))
        assert (f"\n{smaller}: VIOLATION as explained\n\n  base64  b25l\n\n  replay  build/fuzz/kmemfuzz run {smaller}\n"
                f"{larger}: free-merged, the same as {smaller}\n") in errors
        assert "\n  crashes             2 in build/campaign/heap/findings: free-merged 2\n" in output
        self.require_summary(output, 1)

    def test_a_try_out_keeps_all_that_it_makes_in_a_folder_of_its_own(self):
        code, output, _ = self.run_until_ready("crashes one; finds two; runs_on\n", "--campaign", "try", "--json")
        found = self.tree / "try/findings" / f"crash-{name_of(b'one')}"
        assert code == VIOLATION
        assert [its["file"] for its in json.loads(output)["findings"]] == [f"try/findings/{found.name}"]
        assert found.read_bytes() == b"one"
        assert (self.tree / "try/corpus" / name_of(b"two")).read_bytes() == b"two"
        assert (self.tree / "try" / series.NAME).is_file()
        assert not self.base.exists()

    def test_findings_are_in_the_json_with_what_explains_them(self):
        _, output, _ = self.run_until_ready("crashes one; runs_on\n", "--json")
        file = f"build/campaign/heap/findings/crash-{name_of(b'one')}"
        assert json.loads(output)["findings"] == [
            {"id": "free-merged", "file": file, "program": "small", "input": "b25l",
             "replay": f"build/fuzz/kmemfuzz run {file}", "files": {"c": f"{file}.c"}, "duplicate_of": None}]

    def test_what_cannot_be_explained_is_told_in_the_fuzzers_own_words(self):
        for tool in (TOOL.replace('"violation"', '"sound"').replace("exit 1", "exit 0"),
                     TOOL.replace("explain) ", "explain) exec sleep 600; ")):
            self.write("build/fuzz/kmemfuzz", tool)
            code, output, errors = self.run_until_ready("crashes one; runs_on\n",
                                                        settings={"campaign.EXPLAIN_SECONDS": 0.5})
            assert code == VIOLATION
            assert "VIOLATION free-merged: No two adjacent blocks are both free." in errors
            self.require_summary(output, 1)

    def test_what_a_crash_said_is_kept_beside_it(self):
        self.run_until_ready(CRASHES_TWICE)
        assert "VIOLATION free-merged" in (self.findings / f"crash-{name_of(b'one')}.log").read_text(encoding="utf-8")

    def test_until_crash_ends_at_the_first(self):
        code, output, _ = self.run_campaign("finds three; crashes one; runs_on\n", "--for", "1h", "--until-crash", "--json")
        figures = json.loads(output)
        assert (code, figures["crashes"]) == (VIOLATION, {"free-merged": 1})
        self.require_kept(inputs=[b"three"], crashes=[b"one"])

    def test_a_crash_that_does_not_happen_again_is_kept_with_what_it_said(self):
        self.write("build/fuzz/heap_fuzzer", self.script_with("cat violated >&2; exit 77", "exit 0"))
        code, output, _ = self.run_until_ready("crashes one; runs_on\n", "--json")
        assert (code, json.loads(output)["crashes"]) == (VIOLATION, {"free-merged": 1})

    def test_an_input_of_which_nothing_was_said_is_run_again(self):
        script = (self.build / "heap_fuzzer").read_text(encoding="utf-8")
        for replay, name in (("cat violated >&2; exit 77", "free-merged"), ("exit 0", "unrepeated"), ("exit 1", "unknown"),
                             ("exec sleep 600", "hang")):
            shutil.rmtree(self.base, ignore_errors=True)
            self.write("build/fuzz/heap_fuzzer", script.replace("cat violated >&2; exit 77", replay))
            code, output, _ = self.run_until_ready("saves one; runs_on\n", "--json",
                                                   settings={"crashes.REPLAY_SECONDS": 0.5})
            assert (code, json.loads(output)["crashes"]) == (VIOLATION, {name: 1})

    def script_with(self, old, new):
        """The script that is libFuzzer, changed."""
        script = (self.build / "heap_fuzzer").read_text(encoding="utf-8")
        assert old in script
        return script.replace(old, new)

    def test_no_target_tells_its_steps_in_a_campaign_whatever_the_environment_says(self):
        self.run_until_ready('echo "steps: $KMEM_STEPS" >told; runs_on\n', env=dict(os.environ, KMEM_STEPS="1"))
        assert (self.tree / "told").read_text(encoding="utf-8") == "steps: \n"

    # The target of the page tables on one file: it fails when an x is in it.
    SV39_REPLAY = 'case $(cat "$last") in *x*) cat violated >&2; exit 77 ;; esac; exit 0'

    def test_findings_of_the_other_targets_are_reduced_explained_and_told_to_be_the_same(self):
        self.write("violated", "Running: it\nanother tree\n" + SV39_VIOLATED)
        self.write("build/fuzz/sv39_fuzzer", self.script_with("cat violated >&2; exit 77", self.SV39_REPLAY))
        code, output, errors = self.run_until_ready("crashes abcx; crashes deeabcdxf; runs_on\n", "--target", "sv39", "--json")
        assert code == VIOLATION
        assert "\nFound: sv39-satp (2 crashes)\n" in errors
        first, second = (f"build/campaign/sv39/findings/crash-{name_of(data)}" for data in (b"abcx", b"deeabcdxf"))
        assert (f"\n{first}: 4 bytes, which cannot be made fewer\n\nanother tree\n\nVIOLATION sv39-satp: satp "
                "names the mode and the root.\n  operation 0: sv39_init(4 pages)\n\n  input") in errors
        assert f"\n  replay  KMEM_STEPS=1 build/fuzz/sv39_fuzzer {first}.reduced\n" in errors
        assert f"\n{second}: sv39-satp, the same as {first}\n" in errors
        found = json.loads(output)["findings"]
        assert [(its["id"], its["file"], its["input"], its["size_before"], its["size_after"], its["duplicate_of"])
                for its in found] == [("sv39-satp", first, "AAAAeA==", 4, 4, None),
                                      ("sv39-satp", second, "AAAAeA==", 9, 4, first)]
        for its in found:
            assert its["files"] == {
                "reduced": f"{its['file']}.reduced", "text": f"{its['file']}.txt", "json": f"{its['file']}.json"}
            assert (self.tree / its["files"]["reduced"]).read_bytes() == b"\0\0\0x"
            assert its["report"] in (self.tree / its["files"]["text"]).read_text(encoding="utf-8")

    @pytest.mark.parametrize("target", ("kernel", "pages"))
    def test_findings_of_another_layer_are_explained_by_its_own_tool(self, target):
        self.write("build/fuzz/kmemfuzz", TOOL.replace("explain) ", "explain) exit 4; "))
        self.write(f"build/fuzz/{target}_kmemfuzz", TOOL.replace('"small"', f'"small {target}"'))
        crashes = "".join(f"crashes {'x' * size}; " for size in range(1, 7))
        code, output, errors = self.run_until_ready(crashes + "runs_on\n", "--target", target, "--json")
        found = json.loads(output)["findings"]
        assert (code, {its["program"] for its in found}) == (VIOLATION, {f"small {target}"})
        assert found[0]["replay"] == f"build/fuzz/{target}_kmemfuzz run {found[0]['file']}"
        assert (f"1 more crash of this kind is in build/campaign/{target}/findings; build/fuzz/{target}_kmemfuzz explain FILE "
                "explains each\n") in errors

    def test_of_each_kind_the_five_smallest_are_explained(self):
        self.write("violated", SV39_VIOLATED)
        self.write("build/fuzz/sv39_fuzzer", self.script_with("cat violated >&2; exit 77", self.SV39_REPLAY))
        crashes = [b"x" * size for size in range(4, 11)]
        behaviour = "".join(f"crashes {data.decode()}; " for data in crashes)
        code, output, errors = self.run_until_ready(behaviour + "runs_on\n", "--target", "sv39", "--json")
        assert code == VIOLATION
        assert [its["size_before"] for its in json.loads(output)["findings"]] == [4, 5, 6, 7, 8]
        assert ("\n2 more crashes of this kind are in build/campaign/sv39/findings; KMEM_STEPS=1 build/fuzz/sv39_fuzzer "
                "FILE explains each\n") in errors
        assert list((self.tree / "build/campaign/sv39/running").iterdir()) == []

    def test_what_the_other_targets_do_not_repeat_is_told_with_a_command_to_try(self):
        self.write("build/fuzz/sv39_fuzzer", self.script_with("cat violated >&2; exit 77", "exit 0"))
        code, _, errors = self.run_until_ready("crashes one; runs_on\n", "--target", "sv39")
        assert code == VIOLATION
        assert "is not explained: it does not fail when build/fuzz/sv39_fuzzer runs it again\n" in errors
        assert "\n  base64  b25l\n\n  replay  build/fuzz/sv39_fuzzer build/campaign/sv39/findings/crash-" in errors

    def test_a_libfuzzer_that_ends_is_no_violation_and_what_it_said_is_shown(self):
        code, output, errors = self.run_campaign("finds one; echo 'ERROR: it cannot be' >&2; exit 1\n", "--for", "1h")
        assert code == ENVIRONMENT
        assert "kmemfuzz fuzz: a worker ended with code 1 without saving an input; it said:\n" in errors
        assert "ERROR: it cannot be" in errors
        self.require_summary(output, 0)
        self.require_kept(inputs=[b"one"])

    def test_a_campaign_that_executes_nothing_ends_with_3_and_says_what_the_workers_said(self):
        code, output, errors = self.run_campaign("echo 'what it says'; echo 'and complains' >&2; exec sleep 600\n", "--for", "1s",
                                                 before="", settings={"campaign.START_SECONDS": 5})
        assert code == ENVIRONMENT
        assert "\nkmemfuzz fuzz: nothing was executed; the workers said:\nand complains\n" in errors
        assert "\n  executions          0 (0/s)\n" in output

    def test_workers_that_end_at_once_end_the_campaign_with_3_and_are_not_started_again(self):
        process = self.start("echo one >>starts; echo 'no such flag' >&2; exit 1\n", "--for", "1h", "--jobs", "3", "--json",
                             before="")
        code, output, errors = self.finish(process)
        figures = json.loads(output)
        assert (code, figures["executions"], figures["workers_lost"], figures["restarts"]) == (ENVIRONMENT, 0, 3, 0)
        assert (self.tree / "starts").read_text(encoding="utf-8") == "one\n" * 3
        assert "kmemfuzz fuzz: a worker ended with code 1 without saving an input; it said:\nno such flag\n" in errors

    def test_a_worker_that_was_killed_is_started_again_but_the_campaign_is_not_sound(self):
        code, output, errors = self.run_until_ready("[ -e killed ] || { executes; : >killed; kill -9 $$; }; runs_on\n", "--json")
        figures = json.loads(output)
        assert (code, figures["executions"], figures["restarts"], figures["workers_lost"]) == (ENVIRONMENT, 200, 1, 0)
        assert "kmemfuzz fuzz: a worker ended with code -9 without saving an input" in errors

    def test_an_input_to_start_from_that_fails_is_a_finding_and_the_others_are_fuzzed(self):
        fails = '[ -e "$last/seeds-b.ops" ] && { saved=${prefix}crash-$(sha1sum <"$last/seeds-b.ops" | cut -c1-40); ' \
                'cp "$last/seeds-b.ops" "$saved"; dies; }; '
        seed = (self.tree / "corpus/seeds/b.ops").read_bytes()
        process = self.start(fails + 'begins; ls "$last" >left; runs_on\n', "--for", "1h", "--json", before="")
        self.wait_until_ready()
        os.kill(process.pid, signal.SIGINT)
        code, output, _ = self.finish(process)
        figures = json.loads(output)
        assert (code, figures["crashes"], figures["restarts"], figures["workers_lost"]) == (VIOLATION, {"free-merged": 1}, 1, 0)
        self.require_kept(crashes=[seed])
        assert (self.tree / "left").read_text(encoding="utf-8") == "regressions-a\n"
        assert (self.tree / "corpus/seeds/b.ops").read_bytes() == seed

    def test_a_target_that_fails_on_what_no_worker_can_do_without_ends_the_campaign_and_the_figures_show_it(self):
        process = self.start('saves ""; dies\n', "--for", "1h", "--jobs", "2", before="")
        code, output, errors = self.finish(process)
        assert code == VIOLATION
        assert "\n  executions          0 (0/s)\n" in output
        assert "\n  workers             restarted 2 times; 2 of 2 lost\n" in output
        assert "nothing was executed" in errors
        self.require_summary(output, 1)

    def test_a_target_that_is_not_there_is_no_violation(self):
        (self.build / "heap_fuzzer").unlink()
        code, output, errors = self.run_campaign(RUNS_ON)
        assert (code, output) == (ENVIRONMENT, "")
        assert "kmemfuzz fuzz: build/fuzz/heap_fuzzer is not there; preset fuzz builds it\n" in errors

    def test_targets_of_another_build_add_to_the_same_corpus_and_findings(self):
        self.write("elsewhere/heap_fuzzer", FUZZER)
        (self.build / "heap_fuzzer").unlink()
        code, output, _ = self.run_until_ready("finds one; crashes two; runs_on\n", "--build", "elsewhere")
        assert code == VIOLATION
        self.require_summary(output, 1)
        self.require_kept(inputs=[b"one"], crashes=[b"two"])

    @pytest.mark.parametrize("target", ("heap", "kernel", "pages"))
    def test_the_committed_programs_are_seeds_but_for_the_large_ones(self, target):
        self.run_until_ready('ls "$last" >started; runs_on\n', "--target", target)
        assert (self.tree / "started").read_text(encoding="utf-8").split() == ["regressions-a", "seeds-b.ops"]

    @pytest.mark.parametrize("target", ("sv39", "text"))
    def test_targets_that_run_no_programs_start_without_seeds(self, target):
        self.run_until_ready('ls "$last" >started; runs_on\n', "--target", target)
        assert (self.tree / "started").read_text(encoding="utf-8") == ""


class TestStatus(CampaignTree):
    LINE = (r"\d+s, \d+s left  crashes none  \d+ executions/s  coverage 8/20  0 checked operations/s  1 input in use  "
            r"features 9")

    def test_without_a_terminal_each_status_is_a_line(self):
        _, _, errors = self.run_until_said(f"(?m)^{self.LINE}$", RUNS_ON)
        assert "\r" not in errors

    def test_on_a_terminal_the_status_replaces_itself_and_is_gone_in_the_end(self):
        ours, theirs = open_terminal()
        process = self.start(RUNS_ON, "--for", "1h", stderr=theirs, env=dict(os.environ, COLUMNS="200"))
        os.close(theirs)
        shown = read_terminal(ours, rf"\r\x1b\[K{self.LINE}", lambda: os.kill(process.pid, signal.SIGINT))
        assert self.finish(process)[0] == SOUND
        assert re.search(rf"\r\x1b\[K{self.LINE}\r\x1b\[KStopping: finishing jobs, merging\r\n", shown.decode())
        assert shown.endswith(b"\r\x1b[K"), shown

    def test_a_stop_is_answered_before_the_jobs_have_ended_and_the_summary_says_after_how_long(self):
        with open(self.tree / "said", "wb") as stream:
            process = self.start("trap 'until grep -q ^Stopping: said; do sleep 0.05; done; exit 0' USR1; " + RUNS_ON,
                                 "--for", "1h", stderr=stream, settings={"workers.STOP_SECONDS": 600})
        self.wait_until_ready()
        os.kill(process.pid, signal.SIGINT)
        _, output, _ = self.finish(process)
        assert re.search(r"\nFuzzed the heap target with 1 worker, stopped after \d+ s of 3600\n", output)

    def test_the_series_ends_with_the_figures_of_the_summary(self):
        _, output, _ = self.run_until_ready(RUNS_ON, "--json")
        lines, cut = series.read(self.base / series.NAME)
        figures = json.loads(output)
        assert not cut
        assert len({line["run"] for line in lines}) == 1
        names = ("target", "build", "seconds", "files_kept", *series.COUNTS)
        assert {name: lines[-1][name] for name in names} == {name: figures[name] for name in names}

    def test_the_series_says_in_which_build_each_campaign_ran(self):
        other = self.tree / "build" / "engines" / "memory"
        other.parent.mkdir()
        shutil.copytree(self.build, other)
        self.run_until_ready(RUNS_ON)
        self.run_until_ready(RUNS_ON, "--build", "build/engines/memory/")
        builds = {line["run"]: line["build"] for line in series.read(self.base / series.NAME)[0]}
        assert list(builds.values()) == ["fuzz", "memory"]
