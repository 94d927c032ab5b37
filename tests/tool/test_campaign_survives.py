"""What a campaign survives with all that was found before and during it: signals, kill -9 at any moment, a full disk, a
folder that cannot be written, another campaign on the same corpus. By doing it to campaigns whose libFuzzer is a script,
and, for kill -9, to a real one.
"""

import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from unittest import mock

import pytest
from kmemfuzz import campaign_folder
from campaign_tree import SLOW_TOOL, TIMEOUT, TOOL, CampaignTree, name_of
from folders import BESIDE, FolderTest, copy_commands, write_script
from fuzzer_words import VIOLATED
from processes import end_processes_in, processes_in, wait_until, wait_until_none

ROOT = pathlib.Path(__file__).resolve().parents[2]
SOUND, VIOLATION, USAGE, ENVIRONMENT = range(4)
RUNS_ON = "runs_on\n"
FINDS_AND_CRASHES = "finds one; crashes second; runs_on\n"
IS_DEAF = "trap '' INT TERM HUP USR1; runs_on\n"


class TestSignals(CampaignTree):
    def interrupt(self, behaviour, *arguments, signals=(signal.SIGINT,), whole_group=False, **more):
        """Interrupts a campaign once libFuzzer runs. Returns as finish does."""
        process = self.start(behaviour, "--for", "1h", *arguments, **more)
        self.wait_until_ready()
        for number in signals:
            (os.killpg if whole_group else os.kill)(process.pid, number)
        return self.finish(process)

    @pytest.mark.parametrize("number", (signal.SIGINT, signal.SIGTERM, signal.SIGHUP))
    def test_each_signal_ends_it_with_a_summary_and_keeps_all(self, number):
        shutil.rmtree(self.base, ignore_errors=True)
        code, output, errors = self.interrupt(FINDS_AND_CRASHES, signals=(number,))
        assert code == VIOLATION, errors
        self.require_kept(inputs=[b"one"], crashes=[b"second"])
        self.require_summary(output, 1)

    def test_ctrl_c_again_and_again_changes_nothing(self):
        code, output, _ = self.interrupt(IS_DEAF, signals=(signal.SIGINT,) * 5, whole_group=True,
                                         settings={"workers.STOP_SECONDS": 0.5})
        assert code == SOUND
        self.require_summary(output, 0)

    def test_the_json_says_that_it_was_interrupted(self):
        code, output, _ = self.interrupt(RUNS_ON, "--json")
        assert (code, json.loads(output)["interrupted"]) == (SOUND, True)

    def test_a_worker_in_the_middle_of_reporting_a_crash_is_let_finish(self):
        code, output, _ = self.interrupt('trap "sleep 0.3; crashes late" USR1; runs_on\n', "--json")
        assert (code, json.loads(output)["crashes"]) == (VIOLATION, {"free-merged": 1})
        self.require_kept(crashes=[b"late"])

    def test_while_the_seeds_are_prepared_nothing_is_cut_short_and_the_summary_appears(self):
        self.write("build/fuzz/kmemfuzz", SLOW_TOOL)
        process = self.start(RUNS_ON, "--for", "1h")
        wait_until((self.tree / "preparing").exists, "the seeds to be prepared")
        os.killpg(process.pid, signal.SIGINT)
        code, output, errors = self.finish(process)
        assert code == ENVIRONMENT
        assert "kmemfuzz fuzz: it was stopped before it executed anything\n" in errors
        self.require_summary(output, 0)

    def test_while_the_corpus_is_merged_the_merge_is_finished(self):
        self.write("merging", ": >merges; sleep 0.7\n")
        process = self.start(FINDS_AND_CRASHES, "--for", "1s")
        wait_until((self.tree / "merges").exists, "the corpus to be merged")
        os.killpg(process.pid, signal.SIGTERM)
        code, output, _ = self.finish(process)
        assert code == VIOLATION
        self.require_kept(inputs=[b"one"], crashes=[b"second"])
        self.require_summary(output, 1)

    @pytest.mark.parametrize("number", ("INT", "TERM", "HUP"))
    def test_a_signal_kept_for_the_campaign_since_before_it_began_ends_it_before_it_fuzzes(self, number):
        prefix = ["env", f"--block-signal={number}", "sh", "-c", f'kill -{number} $$; exec "$@"', "sh"]
        code, output, errors = self.run_campaign(RUNS_ON, "--for", "1h", prefix=prefix)
        assert (code, output, errors) == (ENVIRONMENT, "", "Stopped before the fuzzing began\n")


class TestKilled(CampaignTree):
    """kill -9 of the campaign's process, which can do nothing about it."""

    def kill(self, behaviour, name, seconds="1h"):
        """Kills a campaign once a file of that name is there; all that it started must end too."""
        temporary = self.tree / "temporary"
        temporary.mkdir(exist_ok=True)
        process = self.start(behaviour, "--for", seconds, env=dict(os.environ, TMPDIR=str(temporary)))
        wait_until((self.tree / name).exists, name)
        process.kill()
        process.communicate()
        self.require_nothing_runs()
        assert list(temporary.iterdir()) == []  # what it needed for a moment lies in its own folder

    def require_continuation(self, inputs=(), crashes=()):
        """The next campaign must start, have all of it in its place when it ends, and leave nothing behind."""
        code, output, errors = self.run_until_ready("finds more; runs_on\n")
        assert code == (VIOLATION if crashes else SOUND), errors
        self.require_kept(inputs=[*inputs, b"more"], crashes=crashes)
        assert list((self.base / "running").iterdir()) == []
        self.require_summary(output, 1 if crashes else 0)

    def test_while_it_fuzzes(self):
        self.kill(FINDS_AND_CRASHES, "ready")
        self.require_continuation(inputs=[b"one"], crashes=[b"second"])

    def test_again_and_again(self):
        for data in ("a", "b", "c"):
            self.kill(f"finds {data}; runs_on\n", "ready")
        self.require_continuation(inputs=[b"a", b"b", b"c"])

    def test_while_it_prepares(self):
        self.write("build/fuzz/kmemfuzz", SLOW_TOOL)
        self.kill(RUNS_ON, "preparing")
        self.require_continuation()

    def test_between_the_start_of_a_process_and_its_tie_to_the_campaign(self):
        tie = "lambda parent, tie=child.tie: (os.kill(parent, 9), time.sleep(0.2), tie(parent))"
        process = self.start(RUNS_ON, "--for", "1h", settings={"child.tie": tie})
        process.communicate()
        assert process.returncode == -signal.SIGKILL
        self.require_nothing_runs()
        assert not (self.tree / "ready").exists()
        self.require_continuation()

    def test_while_it_merges(self):
        self.run_until_ready("finds before; runs_on\n")
        self.write("merging", ": >merges; sleep 1\n")
        self.kill("finds one; runs_on\n", "merges", "1s")
        self.write("merging", ":\n")
        self.require_continuation(inputs=[b"before", b"one"])

    def test_while_it_runs_an_input_again(self):
        fuzzer = (self.build / "heap_fuzzer").read_text(encoding="utf-8")
        self.write("build/fuzz/heap_fuzzer", fuzzer.replace("cat violated >&2; exit 77", ": >examines; exec sleep 600"))
        self.kill("finds one; saves second; runs_on\n", "examines", "1s")
        self.require_kept(inputs=[], crashes=[b"second"])
        self.write("build/fuzz/heap_fuzzer", fuzzer)
        self.require_continuation(inputs=[b"one"], crashes=[b"second"])

    def test_while_it_explains(self):
        self.write("build/fuzz/kmemfuzz", TOOL.replace("explain) ", 'explain) mktemp >/dev/null; : >explains; exec sleep 600; '))
        self.kill("crashes second; runs_on\n", "explains", "1s")
        self.write("build/fuzz/kmemfuzz", TOOL)
        self.require_continuation(crashes=[b"second"])

    def test_between_a_workers_report_and_its_collection(self):
        dies = ("lambda folders: [] if not any(path.stat().st_size for path in (folders.work / 'artifacts').iterdir()) "
                "else os.kill(os.getpid(), signal.SIGKILL)")
        process = self.start(FINDS_AND_CRASHES, "--for", "1h", settings={"campaign_folder.Folders.take_artifacts": dies})
        process.communicate()
        self.require_nothing_runs()
        code, output, _ = self.run_until_ready(RUNS_ON, "--json")
        assert (code, json.loads(output)["crashes"]) == (VIOLATION, {"free-merged": 1})
        self.require_kept(inputs=[b"one"], crashes=[b"second"])
        assert ((self.findings / f"crash-{name_of(b'second')}.log").read_text(encoding="utf-8").splitlines()[:2] ==
                VIOLATED.splitlines()[:2])

    def test_an_input_that_was_half_written_is_not_taken_for_a_whole_one(self):
        whole = name_of(b"half and more")
        self.kill(f'finds one; printf half >"$first/{whole}"; printf half >"$prefix/crash-{whole}"; runs_on\n', "ready")
        self.require_continuation(inputs=[b"one"])  # and every name in the corpus is that of its contents


class TestUntold(CampaignTree):
    """Findings whose explanation was cut short are explained by the next campaign."""

    SLOW = TOOL.replace("explain) ", "explain) while [ -e slow ]; do : >explaining; sleep 0.05; done; ")

    @pytest.fixture(autouse=True)
    def set_up_untold(self, set_up_campaign_tree):
        self.write("build/fuzz/kmemfuzz", self.SLOW)
        self.write("slow", "")

    def start_explaining(self, behaviour="crashes one; runs_on\n", *arguments):
        """Starts a campaign, and waits until it explains."""
        process = self.start(behaviour, "--for", "1s", *arguments)
        wait_until((self.tree / "explaining").exists, "what was found to be explained")
        return process

    def require_told(self, *crashes):
        """The next campaign explains these and the one after it nothing."""
        (self.tree / "slow").unlink()
        code, output, errors = self.run_campaign(RUNS_ON, "--for", "1s", "--json")
        assert code == VIOLATION
        assert {1: "1 finding of campaigns that were killed: this one explains it at its end\n",
                2: "2 findings of campaigns that were killed: this one explains them at its end\n"}[len(crashes)] in errors
        assert {(its["file"], its["program"]) for its in json.loads(output)["findings"]} == {
            (f"build/campaign/heap/findings/crash-{name_of(data)}", "small") for data in crashes}
        code, output, errors = self.run_campaign(RUNS_ON, "--for", "1s", "--json")
        assert (code, json.loads(output)["findings"]) == (SOUND, [])
        assert "that were killed" not in errors
        assert list((self.base / "running").iterdir()) == []

    def test_by_kill_9_which_leaves_no_process(self):
        process = self.start_explaining("finds two; crashes one; crashes second; runs_on\n")
        process.kill()
        process.communicate()
        self.require_nothing_runs()
        self.require_kept(inputs=[b"two"], crashes=[b"one", b"second"])
        self.require_told(b"one", b"second")

    def test_by_ctrl_c_which_says_so_and_sums_up(self):
        process = self.start_explaining()
        os.killpg(process.pid, signal.SIGINT)
        code, output, errors = self.finish(process)
        assert code == VIOLATION
        assert ("\nkmemfuzz fuzz: stopped before 1 finding was explained; the next campaign explains the rest. All are in "
                "build/campaign/heap/findings\n") in errors
        self.require_summary(output, 1)
        self.require_told(b"one")

    def test_by_a_second_ctrl_c(self):
        process = self.start("crashes one; runs_on\n", "--for", "1h")
        self.wait_until_ready()
        os.kill(process.pid, signal.SIGINT)
        wait_until((self.tree / "explaining").exists, "what was found to be explained")
        os.kill(process.pid, signal.SIGINT)
        code, output, _ = self.finish(process)
        assert code == VIOLATION
        self.require_summary(output, 1)
        self.require_told(b"one")

    def test_the_first_ctrl_c_alone_lets_it_be_explained(self):
        (self.tree / "slow").unlink()
        process = self.start("crashes one; runs_on\n", "--for", "1h")
        self.wait_until_ready()
        os.kill(process.pid, signal.SIGINT)
        _, _, errors = self.finish(process)
        assert "VIOLATION as explained" in errors
        assert "stopped before" not in errors

    def test_again_and_again(self):
        for _ in range(2):
            process = self.start_explaining()
            process.kill()
            process.communicate()
            self.require_nothing_runs()
            (self.tree / "explaining").unlink(missing_ok=True)
        self.require_told(b"one")

    def test_of_a_target_that_explains_itself(self):
        script = (self.build / "sv39_fuzzer").read_text(encoding="utf-8")
        self.write("build/fuzz/sv39_fuzzer", script.replace(
            "cat violated", 'case $last in *input) while [ -e slow ]; do : >explaining; sleep 0.05; done ;; esac; cat violated'))
        process = self.start_explaining("crashes one; runs_on\n", "--target", "sv39")
        os.kill(process.pid, signal.SIGTERM)
        (self.tree / "slow").unlink()
        _, output, errors = self.finish(process)
        assert "stopped before 1 finding was explained" in errors
        self.require_summary(output, 1)
        _, output, _ = self.run_campaign(RUNS_ON, "--for", "1s", "--target", "sv39", "--json")
        assert [(its["id"], its["size_after"]) for its in json.loads(output)["findings"]] == [("free-merged", 0)]

    def test_what_was_found_is_left_to_it_while_another_campaign_still_explains(self):
        process = self.start_explaining()
        second = self.start(RUNS_ON, "--for", "1s", "--json")
        output, errors = second.communicate(timeout=TIMEOUT)
        assert (second.returncode, json.loads(output)["findings"]) == (SOUND, []), errors
        (self.tree / "slow").unlink()
        _, _, errors = self.finish(process)
        assert "VIOLATION as explained" in errors

    def test_a_finding_that_was_removed_meanwhile_is_not_missed(self):
        process = self.start_explaining()
        process.kill()
        process.communicate()
        self.require_nothing_runs()
        for path in self.findings.iterdir():
            path.unlink()
        code, _, errors = self.run_campaign(RUNS_ON, "--for", "1s")
        assert code == SOUND, errors
        assert list((self.base / "running").iterdir()) == []


class TestTwoAtOnce(CampaignTree):
    def test_both_keep_what_they_find_and_neither_takes_the_others_folder_over(self):
        first = self.start('finds one; crashes first; : >begun; while [ ! -e other ]; do sleep 0.05; done; runs_on\n',
                           "--for", "1h")
        wait_until((self.tree / "begun").exists, "the first to run")
        second = self.start("finds two; crashes second; : >other; runs_on\n", "--for", "1s")
        code, output, errors = second.communicate(timeout=TIMEOUT) and (second.returncode, "", "")
        assert code == VIOLATION, (output, errors)
        assert len(list((self.base / "running").iterdir())) == 1
        os.kill(first.pid, signal.SIGINT)
        assert self.finish(first)[0] == VIOLATION
        self.require_kept(inputs=[b"one", b"two"], crashes=[b"first", b"second"])

    def test_both_may_end_at_the_same_moment(self):
        behaviour = "finds $$; for i in 1 2 3 4 5; do finds same$i; done; : >ready-$$; runs_on\n"
        campaigns = [self.start(behaviour, "--for", "1h") for _ in range(2)]
        wait_until(lambda: len(list(self.tree.glob("ready-*"))) == 2, "both to run")
        for process in campaigns:
            os.kill(process.pid, signal.SIGINT)
        for process in campaigns:
            output, errors = process.communicate(timeout=TIMEOUT)
            assert (process.returncode, "Traceback" in errors) == (SOUND, False), output + errors
        self.require_kept(inputs=[f"same{i}".encode() for i in range(1, 6)])
        assert len(self.names(self.corpus)) == 7

    def test_what_a_campaign_on_another_corpus_has_left_is_left_to_one_on_that(self):
        process = self.start("finds one; runs_on\n", "--for", "1h", "--corpus", "mine")
        self.wait_until_ready()
        process.kill()
        process.communicate()
        self.run_until_ready(RUNS_ON)
        assert self.names(self.corpus) == set()
        self.run_until_ready(RUNS_ON, "--corpus", "mine")
        assert self.names(self.tree / "mine") == {name_of(b"one")}


class TestFolders(FolderTest):
    """Moments between two steps of another campaign, made to happen."""

    @pytest.fixture(autouse=True)
    def set_up_folders(self, set_up_folder_test, monkeypatch):
        monkeypatch.setattr(campaign_folder, "CAMPAIGNS", self.folder)
        self.folders = campaign_folder.Folders("heap")
        self.running = self.folder / "heap" / "running"

    def test_a_folder_that_another_campaign_removes_before_it_is_locked_is_made_anew(self):
        removed = []
        real = os.open

        def remove_and_open(path, *arguments, **more):
            if not removed and pathlib.Path(path).is_dir() and pathlib.Path(path).parent == self.running:
                removed.append(pathlib.Path(path))
                shutil.rmtree(path)
            return real(path, *arguments, **more)
        with mock.patch.object(campaign_folder.os, "open", remove_and_open):
            self.folders.prepare()
        os.close(self.folders.lock)
        assert len(removed) == 1
        assert self.folders.work not in removed
        assert list(self.running.iterdir()) == [self.folders.work]

    def test_a_folder_whose_note_goes_between_two_looks_at_it_is_one_that_has_found_nothing(self):
        (self.running / "other").mkdir(parents=True)
        with mock.patch.object(campaign_folder.pathlib.Path, "exists", lambda _path: True):
            assert self.folders.take_over("no binary is needed") == []
        assert list(self.running.iterdir()) == []


@pytest.mark.skipif(subprocess.run(["unshare", "-rm", "mount", "-t", "tmpfs", "tmpfs", "/mnt"], capture_output=True,
                                   check=False).returncode, reason="needs a namespace in which a filesystem may be mounted")
class TestDisk(CampaignTree):
    """On a small disk of its own, which lasts as long as one shell."""

    def run_on_disk(self, behaviour, before, after="", size="8m"):
        """Runs a campaign, and shell commands before and after it, where build/campaign is a disk of that size. Returns
        (the campaign's code, what was said)."""
        self.write("behaviour", behaviour)
        (self.tree / "build" / "campaign").mkdir(exist_ok=True)
        script = (f'set -e; mount -t tmpfs -o size={size} tmpfs build/campaign; mkdir -p {self.corpus}; {before}\n'
                  f'set +e; "$@"; echo "code $?"\n{after}')
        done = subprocess.run(["unshare", "-rm", "sh", "-c", script, "sh", *self.command("--for", "1h")], cwd=self.tree,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              timeout=TIMEOUT, check=False)
        assert "Traceback" not in done.stdout
        assert "\ncode " in done.stdout
        return int(done.stdout.rpartition("\ncode ")[2].split()[0]), done.stdout

    OLD = f"printf old >build/campaign/heap/corpus/{name_of(b'old')}"
    SHOW = "echo corpus; cat build/campaign/heap/corpus/*; echo; echo running; cat build/campaign/heap/running/*/corpus/*"

    def test_a_disk_that_fills_up_ends_it_with_3_says_so_and_the_corpus_is_whole(self):
        fills = 'finds one; head -c 20000000 /dev/zero >"$first/../big"; runs_on\n'
        code, said = self.run_on_disk(fills, self.OLD, self.SHOW)
        assert code == ENVIRONMENT, said
        assert re.search(r"kmemfuzz fuzz: .*only 0 MiB are free where build/campaign/heap/running/\w+ is; a campaign needs "
                         r"\d+ MiB\. Make room, and start it again: it continues\n", said)
        assert "kmemfuzz fuzz: nothing found is lost:" in said
        assert said.endswith("corpus\nold\nrunning\none"), said

    def test_a_disk_that_is_full_already_is_said_at_once(self):
        code, said = self.run_on_disk(RUNS_ON, f"{self.OLD}; head -c 7900000 /dev/zero >build/campaign/big",
                                      "cat build/campaign/heap/corpus/*")
        assert code == ENVIRONMENT, said
        assert "only 0 MiB are free" in said
        assert said.endswith("\nold"), said

    def test_a_disk_that_cannot_be_written_is_said_at_once(self):
        code, said = self.run_on_disk(RUNS_ON, f"{self.OLD}; mount -o remount,ro build/campaign",
                                      "cat build/campaign/heap/corpus/*")
        assert code == ENVIRONMENT, said
        assert re.search(r"kmemfuzz fuzz: .*Read-only file system: .*build/campaign/heap", said)
        assert said.endswith("\nold"), said


class TestBeforeTheCampaign:
    """ci/fuzz while it sets up and builds: programs that block take the place of the real ones."""

    def run_ci_fuzz(self, stubs, *arguments, during=None):
        """Runs ci/fuzz where scripts take the place of programs; during(process, tree) is called meanwhile. Returns
        (code, output, errors, the names of those that ran)."""
        with tempfile.TemporaryDirectory() as folder:
            tree = pathlib.Path(folder)
            copy_commands(tree, "ci", "cmake", "fuzz/kmemfuzz")
            for name, text in {"apt-get": "exit 100", "cmake": "exit 0",
                               **stubs}.items():
                write_script(tree / "programs" / name, f"#!/bin/sh\n: >ran-{name}\n{text}\n")
            environment = dict(os.environ, PATH=f"{tree / 'programs'}:{os.environ['PATH']}", **BESIDE)
            process = subprocess.Popen(["ci/fuzz", *arguments], cwd=tree, env=environment, start_new_session=True,
                                       stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
            try:
                if during:
                    during(process, tree)
                output, errors = process.communicate(timeout=TIMEOUT)
                wait_until_none(processes_in, tree)
            finally:
                end_processes_in(tree)
            return process.returncode, output, errors, {path.name for path in tree.glob("ran-*")}

    def require_stop(self, blocking, send):
        """Interrupts ci/fuzz while the program of that name runs."""
        def interrupt(process, tree):
            wait_until(lambda: (tree / "blocking").exists() or process.poll() is not None, f"{blocking} to run")
            assert process.poll() is None
            send(process.pid, signal.SIGINT)
        code, output, errors, _ = self.run_ci_fuzz({blocking: ": >blocking; exec sleep 600"}, during=interrupt)
        assert (code, output) == (ENVIRONMENT, "")
        assert errors.count("Stopped before the fuzzing began\n") == 1
        assert "failed" not in errors

    def test_nothing_is_left_of_a_set_up(self):
        self.require_stop("dpkg-query", os.killpg)

    def test_nothing_is_left_of_a_build(self):
        self.require_stop("cmake", os.killpg)

    def test_nothing_is_left_of_a_build_when_ci_fuzz_alone_is_told(self):
        self.require_stop("cmake", os.kill)

    def test_a_signal_in_the_first_moments_of_the_shell_is_not_lost_nor_silent(self):
        shell = f'case $* in ci/fuzz*) kill -TERM $$ ;; esac; exec {shutil.which("bash")} "$@"'
        code, output, errors, ran = self.run_ci_fuzz({"bash": shell}, "--for", "1h")
        assert (code, output) == (ENVIRONMENT, ""), errors
        assert "Stopped before the fuzzing began\n" in errors
        assert "ran-cmake" not in ran

    def test_wrong_arguments_end_it_before_anything_is_set_up(self):
        code, output, errors, ran = self.run_ci_fuzz({}, "--for", "soon")
        assert (code, output) == (USAGE, "")
        assert "'soon' is not a duration" in errors
        assert ran == set()


@pytest.mark.skipif(not (ROOT / "build" / "fuzz" / "text_fuzzer").exists(), reason="needs the build of preset fuzz")
class TestRealFuzzerKilled:
    """kill -9 of a campaign with the real libFuzzer: when it has a folder, when it fuzzes, when it has found something. Nothing
    found before may be gone."""

    def test_inputs_only_ever_grow_in_number_and_each_is_whole(self, folder):
        tree = folder
        copy_commands(tree, "ci", "fuzz/kmemfuzz")
        (tree / "build").mkdir()
        (tree / "build" / "fuzz").symlink_to(ROOT / "build" / "fuzz")
        held = tree / "build" / "campaign" / "text" / "corpus"
        known = set()

        def names():
            found = set()
            for path in held.glob("[0-9a-f]*") if held.exists() else ():
                assert path.name == name_of(path.read_bytes())
                found.add(path.name)
            return found

        def start(*arguments):
            script = ("import sys; sys.path.insert(0, 'fuzz'); from kmemfuzz import campaign; "
                      "campaign.prepare_build = lambda preset, stop: 0; sys.exit(campaign.main(sys.argv[1:]))")
            return subprocess.Popen([sys.executable, "-B", "-c", script, "--target", "text", "--jobs", "1", *arguments],
                                    cwd=tree, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                    text=True, start_new_session=True)
        for moment in ("running/*", "running/*/worker-1.log", "running/*/corpus/*"):
            before = set(held.parent.glob(moment))
            process = start("--for", "1h")
            wait_until(lambda: set(held.parent.glob(moment)) - before, moment)  # pylint: disable=cell-var-from-loop
            process.kill()
            process.communicate()
            wait_until_none(processes_in, tree)
            assert known <= names()
            known = names()
        output, errors = (process := start("--for", "2s", "--json")).communicate(timeout=TIMEOUT)
        assert process.returncode == SOUND, errors
        assert known < names()
        assert json.loads(output)["files_kept"] == len(names())
        assert list((held.parent / "running").iterdir()) == []
