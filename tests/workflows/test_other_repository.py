"""action.yml and kmemfuzz.gitlab-ci.yml in another repository, which holds a kernel's heap and a Makefile: every step is run, as the hosts
do, with the values of the examples in docs/continuous.md and less time. A sound heap passes, and the next run starts from what a
night has learnt; a broken one fails, with the file of that repository named."""

import json
import pathlib
import re
import shutil
import subprocess
import xml.etree.ElementTree as ET

import hosts
import pytest
import sarif_rules
import workflows
import yaml
from folders import write_script

TREE = workflows.TREE
KERNEL = pathlib.Path(__file__).parent / "kernel"
ACTION_TEXT = (TREE / "action.yml").read_text(encoding="utf-8")
ACTION = yaml.safe_load(ACTION_TEXT)
SHORT = "4s"
ASKS = "while (*link != NULL && (*link)->size < need)"  # which the broken heap does not
CORPUS = "fuzz/my_heap.fuzz/corpus"
FINDINGS = "fuzz/my_heap.fuzz/findings"


def examples():
    """The examples of docs/continuous.md, as YAML."""
    text = (TREE / "docs/continuous.md").read_text(encoding="utf-8")
    section = text.split("\n## In your repository\n")[1].split("\n## ")[0]
    return [yaml.safe_load(block) for block in re.findall(r"```yaml\n(.*?)```", section, re.DOTALL)]


WORKFLOW, INCLUDING, SECOND = examples()
GITLAB = yaml.safe_load((TREE / INCLUDING["include"][0]["file"]).read_text(encoding="utf-8"))
STEP = WORKFLOW["jobs"]["fuzz"]["steps"][-1]


class TestRules:
    """What the files have in common with our own workflows, and what they do not run."""

    def test_actions_are_pinned_to_the_releases_of_our_workflows(self):
        action = workflows.parse_workflow("action.yml", ACTION_TEXT)
        assert all(len(releases) == 1 for releases in workflows.pins([*workflows.read_workflows(), action]).values())
        used = [step["uses"] for step in ACTION["runs"]["steps"] if "uses" in step]
        assert len(used) == len(re.findall(r"(?m)uses: \S+@[0-9a-f]{40} # v\d\S*$", ACTION_TEXT)) == 6

    def test_no_expression_is_pasted_into_a_shell_and_every_shell_is_bash(self):
        for step in ACTION["runs"]["steps"]:
            if "run" in step:
                assert step["shell"] == "bash"
                assert "${{" not in step["run"]

    @pytest.mark.parametrize("command", [step["run"] for step in ACTION["runs"]["steps"] if "run" in step] + [
        line for part in ("before_script", "script") for line in GITLAB[".kmemfuzz"][part]])
    def test_shellcheck_has_nothing_to_say(self, command):
        done = subprocess.run(["shellcheck", "--shell=bash", "--exclude=SC2154", "-"], input=command + "\n", capture_output=True, text=True,
                              check=False)
        assert (done.returncode, done.stdout) == (0, "")

    def test_both_hosts_run_the_same_words(self):
        commands = [step.get("run", "") for step in ACTION["runs"]["steps"]] + GITLAB[".kmemfuzz"]["script"]
        names = re.findall(r'fuzz/kmemfuzz" (\w+) "\$(?:KMEMFUZZ_)?SUBJECT"', " ".join(" ".join(commands).split()))
        assert names == ["build", "corpus", "run", "fuzz", "sarif", "build", "corpus", "run", "fuzz", "junit"]

    def test_the_example_gives_inputs_that_there_are_and_is_pinned(self):
        assert set(STEP["with"]) <= set(ACTION["inputs"])
        assert {name for name, about in ACTION["inputs"].items() if about.get("required")} <= set(STEP["with"])
        assert STEP["uses"].endswith(f"/kmem@{INCLUDING['include'][0]['ref']}")
        checkout = WORKFLOW["jobs"]["fuzz"]["steps"][0]["uses"]
        assert checkout in (TREE / ".github/workflows/nightly.yml").read_text(encoding="utf-8")
        assert INCLUDING["variables"].items() >= {"KMEMFUZZ_SUBJECT": STEP["with"]["subject"], "KMEMFUZZ_SOURCES": STEP["with"]["sources"],
                                                  "KMEMFUZZ_CFLAGS": STEP["with"]["cflags"]}.items()

    @pytest.mark.parametrize("event, given, minutes", [("pull_request", {}, "5m"), ("schedule", {}, "1h"), ("push", {"night": "true"}, "1h"),
                                                       ("schedule", {"for": "9m"}, "9m")])
    def test_the_time_depends_on_what_starts_it(self, folder, event, given, minutes):
        said = {"Build the heap": "true", "Fuzz": 'echo "time $FUZZ_TIME"'}
        action = {**ACTION, "runs": {"steps": [{**step, "run": said[step["name"]]} for step in ACTION["runs"]["steps"]
                                               if step["name"] in said]}}
        done = hosts.GitHub(folder / "host").run(action, TREE, folder, event, given)
        assert done.output.endswith(f"Fuzz: 0\ntime {minutes}\n")

    def test_after_a_failure_only_a_step_that_asks_for_that_runs(self, folder):
        steps = [{"name": name, "run": command, **more} for name, command, more in (
            ("fails", "false", {}), ("plain", "true", {}), ("of a night", "true", {"if": "${{ inputs.night == 'true' }}"}),
            ("asks", "true", {"if": "${{ !cancelled() && inputs.night == 'true' }}"}))]
        done = hosts.GitHub(folder / "host").run({**ACTION, "runs": {"steps": steps}}, TREE, folder, "schedule", {"night": "true"})
        assert (done.failed, done.ran) == (True, ["fails", "asks"])

    def test_the_example_of_a_second_heap_has_jobs_and_variables_that_there_are(self):
        for job, time in zip(SECOND.values(), ("5m", "1h")):
            assert job["extends"] in GITLAB
            assert set(job["variables"]) <= {*INCLUDING["variables"], *GITLAB["variables"], "KMEMFUZZ_TIME"}
            assert job["variables"]["KMEMFUZZ_TIME"] == time

    @pytest.mark.parametrize("event, head, given, shown", [
        ("pull_request", "kernels/small", {}, True), ("pull_request", "a/fork", {}, False), ("schedule", "", {}, True),
        ("schedule", "", {"code-scanning": "false"}, False)])
    def test_alerts_are_shown_where_that_is_allowed_and_wanted(self, folder, event, head, given, shown):
        steps = {step["name"]: step for step in ACTION["runs"]["steps"]}
        action = {**ACTION, "runs": {"steps": [steps["Name what belongs to the heap"], {**steps["Build the heap"], "run": "true"},
                                               steps["Show what fails"]]}}
        host = hosts.GitHub(folder / "host")
        host.refused = ("github/codeql-action/upload-sarif",)  # which alone does not fail the job
        done = host.run(action, TREE, folder, event, {**STEP["with"], **given}, head)
        assert ("Show what fails" in done.ran, done.failed) == (shown, False)

    @pytest.mark.parametrize("user, said", [("0", "ci/setup fuzz\n"), ("1000", "sudo ci/setup fuzz\n")])
    def test_packages_are_installed_as_root(self, folder, user, said):
        for name, text in (("bin/id", f"echo {user}"), ("bin/sudo", 'echo -n "sudo "; "$@"'), ("ci/setup", 'echo "ci/setup $*"')):
            write_script(folder / name, f"#!/bin/sh\n{text}\n")
        step = next(step for step in ACTION["runs"]["steps"] if step["name"].startswith("Install"))
        done = subprocess.run(["bash", "-eo", "pipefail", "-c", step["run"]], capture_output=True, text=True, check=True,
                              env={"PATH": f"{folder}/bin:/usr/bin:/bin", "GITHUB_ACTION_PATH": str(folder)})
        assert done.stdout == said

    def test_a_night_of_gitlab_fuzzes_for_longer_within_its_limit(self):
        jobs = {name: hosts.GitLab.job_of(GITLAB, name) for name in ("kmemfuzz", "kmemfuzz-night")}
        assert [(job["variables"]["KMEMFUZZ_TIME"], job["timeout"]) for job in jobs.values()] == [("5m", "30 minutes"), ("1h", "120 minutes")]
        change, (corpus, findings) = (job["cache"] for job in jobs.values())
        assert [cache["policy"] for cache in (change, corpus, findings)] == ["pull", "pull-push", "pull-push"]
        assert {**corpus, "policy": "pull", "when": None} == {**change, "when": None}
        assert findings["key"] != corpus["key"]  # a change gets all that is kept under a key


@pytest.fixture(name="tree", scope="module")
def _tree(tmp_path_factory):
    """This tree as hosts hand it out: a repository at a release, and what is checked out of it."""
    place = tmp_path_factory.mktemp("hosts") / "kmem"
    hosts.copy_tree(TREE, place)
    for command in (["init", "--quiet"], ["add", "--all"], ["commit", "--quiet", "--message", "a release"],
                    ["tag", INCLUDING["variables"]["KMEMFUZZ_REF"]]):
        subprocess.run(["git", "-c", "user.name=a", "-c", "user.email=a@b", *command], cwd=place, check=True)
    yield place
    shutil.rmtree(place.parent)


class Repository:
    """A repository of others' on a host."""

    def __init__(self, folder, host):
        self.folder, self.host, self.count = folder, host(folder / "host"), 0
        self.text = (KERNEL / "kernel/heap.c").read_text(encoding="utf-8")

    def check_out(self):
        """What a run finds there."""
        self.count += 1
        workspace = self.folder / f"run-{self.count}" / "small"
        shutil.copytree(KERNEL, workspace)
        (workspace / "kernel/heap.c").write_text(self.text, encoding="utf-8")
        subprocess.run(["git", "init", "--quiet"], cwd=workspace, check=True)
        return workspace

    def forget_to_ask(self):
        """Breaks the heap: where nothing is large enough it follows NULL."""
        broken = self.text.replace(ASKS, "while ((*link)->size < need)")
        assert broken != self.text
        self.text = broken

    def kept(self, name, below):
        """The names of the files of an artifact's folder."""
        return {path.name for path in (self.host.artifacts / name / below).glob("*")}


class TestGitHub:
    """action.yml."""

    @pytest.fixture(autouse=True)
    def set_up_github(self, tree, folder):
        self.tree, self.repository = tree, Repository(folder, hosts.GitHub)

    def run_action(self, event, action=ACTION, **given):
        """A run of the action on what is checked out."""
        self.workspace = self.repository.check_out()
        inputs = {**STEP["with"], "for": SHORT, **given}
        return self.repository.host.run(action, self.tree, self.workspace, event, inputs)

    def results(self):
        """What the SARIF file has that was shown; its links are to the documents of the action's own release."""
        path = self.repository.host.artifacts / "kmemfuzz-my_heap/fuzz/my_heap.fuzz/build/results.sarif"
        document = json.loads(path.read_text(encoding="utf-8"))
        sarif_rules.check(document)
        run, = document["runs"]
        assert run["tool"]["driver"]["informationUri"] == "https://github.com/OWNER/kmem/blob/v0.2.0/docs/output.md"
        return run["results"]

    def test_a_sound_heap_passes_and_the_next_night_starts_from_what_this_one_learnt(self):
        subprocess.run(["make", "kernel.a"], cwd=self.repository.check_out(), check=True, stdout=subprocess.DEVNULL)
        done = self.run_action("schedule")
        assert not done.failed, done.output
        assert done.ran == [step["name"] for step in ACTION["runs"]["steps"]]
        assert self.results() == []
        learnt = self.repository.kept("kmemfuzz-my_heap", CORPUS)
        assert learnt
        assert [done.values[name] for name in ("corpus", "findings")] == [CORPUS, FINDINGS]

        change = self.run_action("pull_request")  # which starts from that too, and keeps nothing
        assert not change.failed, change.output
        assert not [name for name in change.ran if "for the next night" in name or name == "Get the findings of the nights"]
        assert {path.name for path in (self.workspace / CORPUS).iterdir()} >= learnt
        assert len([*self.repository.host.cache.iterdir()]) == 2  # the corpus, and the findings

        assert not self.run_action("schedule").failed
        assert {path.name for path in (self.workspace / CORPUS).iterdir()} >= learnt
        assert len([*self.repository.host.cache.iterdir()]) == 4

    def test_a_broken_heap_fails_and_is_named_by_a_file_of_the_repository(self):
        self.repository.forget_to_ask()
        done = self.run_action("pull_request", **{"code-scanning": "false"})
        assert done.failed
        assert "Show what fails" not in done.ran
        assert re.search(r"(?m)^Fuzz: 1$", done.output), done.output
        assert [name for name in self.repository.kept("kmemfuzz-my_heap", FINDINGS) if name.startswith("crash-")]
        results = self.results()
        assert results
        line = self.repository.text[:self.repository.text.index("while ((*link)->size")].count("\n") + 1
        for result in results:
            place, = [place["physicalLocation"] for place in result["locations"]]
            assert (place["artifactLocation"]["uri"], place["region"]["startLine"]) == ("kernel/heap.c", line)
            related, = [place["physicalLocation"] for place in result["relatedLocations"]]
            assert (self.workspace / related["artifactLocation"]["uri"]).is_file()
        summary = self.repository.host.summary.read_text(encoding="utf-8")
        assert f"in `kernel/heap.c:{line}`, found by `fuzz/my_heap.fuzz/" in summary
        cases = ET.parse(self.repository.host.artifacts / "kmemfuzz-my_heap/fuzz/my_heap.fuzz/build/results.xml").getroot()
        assert int(cases.get("failures")) >= 1

    def test_what_a_night_found_is_an_alert_of_the_next_ones_until_it_is_sound(self):
        sound = self.repository.text
        self.repository.forget_to_ask()
        assert self.run_action("schedule").failed
        found = self.results()
        assert found
        def fuzzing(command):
            return {**ACTION, "runs": {**ACTION["runs"], "steps": [{**step, "run": command} if step["name"] == "Fuzz" else step
                                                                   for step in ACTION["runs"]["steps"]]}}
        blind = fuzzing("true")
        assert self.run_action("schedule", action=blind).failed
        assert self.results() == found
        self.repository.text = sound
        once = fuzzing(f"printf 'kmem-program 1\\nnull\\n' >{FINDINGS}/crash-once")  # which does not happen again
        for action, left in ((once, {"crash-once"}), (blind, set())):
            done = self.run_action("schedule", action=action)
            assert not done.failed, done.output
            assert self.results() == []
            assert {path.name for path in (self.workspace / FINDINGS).iterdir()} == left

    def test_a_heap_that_does_not_compile_fails_with_what_the_compiler_said(self):
        self.repository.text += "int unfinished("
        done = self.run_action("schedule")
        assert done.failed
        assert "kernel/heap.c:" in done.output
        assert done.ran[-1] == "Build the heap"


class TestGitLab:
    """kmemfuzz.gitlab-ci.yml."""

    @pytest.fixture(autouse=True)
    def set_up_gitlab(self, tree, folder):
        self.tree, self.repository = tree, Repository(folder, hosts.GitLab)
        self.content = {**GITLAB}
        for name in ("kmemfuzz", "kmemfuzz-night"):
            self.content[name] = {**GITLAB[name], "variables": {"KMEMFUZZ_TIME": SHORT}}

    def run_job(self, name):
        """A run of a job on what is checked out."""
        self.workspace = self.repository.check_out()
        return self.repository.host.run(self.content, name, self.workspace,
                                        {**INCLUDING["variables"], "KMEMFUZZ_URL": f"file://{self.tree}"})

    def test_a_sound_heap_passes_and_a_change_starts_from_what_a_night_learnt(self):
        done = self.run_job("kmemfuzz-night")
        assert not done.failed, done.output
        learnt = self.repository.kept("kmemfuzz-night", CORPUS)
        assert learnt
        done = self.run_job("kmemfuzz")
        assert not done.failed, done.output
        assert {path.name for path in (self.workspace / CORPUS).iterdir()} >= learnt

    def test_a_broken_heap_fails_and_its_findings_are_kept(self):
        self.repository.forget_to_ask()
        done = self.run_job("kmemfuzz-night")
        assert done.failed
        assert "kernel/heap.c:" in done.output
        assert [name for name in self.repository.kept("kmemfuzz-night", FINDINGS) if name.startswith("crash-")]
        assert self.repository.kept("kmemfuzz-night", "fuzz/my_heap.fuzz/build") == {"results.xml"}
        assert len([*self.repository.host.cache.iterdir()]) == 2  # the corpus, and the findings

    def test_what_a_night_found_fails_the_next_ones_until_it_is_sound(self):
        sound = self.repository.text
        self.repository.forget_to_ask()
        script = GITLAB[".kmemfuzz"]["script"]
        blind = [line.replace(' fuzz "$KMEMFUZZ_SUBJECT" --for', ' run "$KMEMFUZZ_SUBJECT" || : --for') for line in script]
        assert blind != script
        assert self.run_job("kmemfuzz-night").failed
        self.content[".kmemfuzz"] = {**GITLAB[".kmemfuzz"], "script": blind}
        done = self.run_job("kmemfuzz-night")
        assert done.failed
        assert [name for name in self.repository.kept("kmemfuzz-night", FINDINGS) if name.startswith("crash-")]
        self.repository.text = sound
        done = self.run_job("kmemfuzz-night")
        assert not done.failed, done.output
        assert not any((self.workspace / FINDINGS).iterdir())
