"""The workflows of GitHub and GitLab. They obey our rules, a workflow that breaks a rule is reported, and every command
they run is run here once, in the shell and with the environment the host gives it, only shorter. So nothing of them is
untried but the hosting.

What a command would change is set aside meanwhile: the campaigns in build/, and the committed corpus. No campaign may
run in this tree at the same time."""

import contextlib
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

from kmemfuzz import board, campaign
import workflows
import yaml

TREE = workflows.TREE
SECONDS = 900  # that a step may take on a busy machine; on an idle one the slowest takes about 20
SHORT = {"FUZZ_TIME": "5s"}
LEFT_MINUTES = 25  # of a job that fuzzes, for what it does besides

# Commands that ci/test runs in steps of its own; running them here would do it twice. Where it says another than ours,
# they differ in nothing but what is written.
RUN_BY_CI_TEST = {
    "./ci/test": None,  # would start this test again
    "./ci/test night": None,  # the same
    "./ci/replay": "ci/replay",
    "build/release/kmemfuzz board": "build/release/kmemfuzz board",
    "./ci/coverage --html build/campaign/coverage --json >build/campaign/coverage.json": "ci/coverage",
    "./ci/coverage --target": "ci/coverage --target",
    "./ci/planted --json >build/campaign/planted.json": "ci/planted",
}

ALL = workflows.read_workflows()
# GitLab has no page for the summary of a run, so there one word writes what sarif also does on GitHub.
GITLAB_ALONE = workflows.Step(workflows.GITLAB.name, "build/fuzz/kmemfuzz junit --force build/results.xml", {})
STEPS = [*(step for workflow in ALL for step in workflows.github_steps(workflow)), GITLAB_ALONE]
DISTINCT = [step for number, step in enumerate(STEPS)
            if step.command not in (earlier.command for earlier in STEPS[:number])]
GITLAB = yaml.safe_load((TREE / workflows.GITLAB).read_text(encoding="utf-8"))


def yaml_files():
    """Every YAML file of ours."""
    listed = subprocess.run(["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.yml", "*.yaml"], cwd=TREE,
                            capture_output=True, text=True, check=True).stdout.split()
    return [name for name in listed if (TREE / name).is_file()]


class Lint(unittest.TestCase):
    """Whether the files are well written."""

    def test_yamllint_has_nothing_to_say_about_any_file(self):
        done = subprocess.run(["yamllint", "--strict", *yaml_files()], cwd=TREE, capture_output=True, text=True, check=False)
        self.assertEqual((done.returncode, done.stdout), (0, ""))

    def test_the_files_include_the_workflows_of_both_hosts(self):
        self.assertLessEqual({".gitlab-ci.yml", ".github/workflows/pull-request.yml", ".github/workflows/nightly.yml",
                              ".clusterfuzzlite/project.yaml"}, set(yaml_files()))

    def test_yamllint_objects_to_a_key_given_twice(self):
        done = subprocess.run(["yamllint", "--strict", "-"], input="a: 1\na: 2\n", cwd=TREE, capture_output=True, text=True,
                              check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn("key-duplicates", done.stdout)

    def test_shellcheck_has_nothing_to_say_about_any_command(self):
        for step in DISTINCT:
            done = subprocess.run(["shellcheck", "--shell=bash", "-"], input=step.command + "\n", capture_output=True,
                                  text=True, check=False)
            self.assertEqual((done.returncode, done.stdout), (0, ""), step.place)


class Rules(unittest.TestCase):
    """Whether they obey our rules, and whether the rules would be heard."""

    def test_every_workflow_obeys_every_rule(self):
        for workflow in ALL:
            with self.subTest(workflow.name):
                self.assertEqual(workflows.check_workflow(workflow), [])

    def test_gitlab_runs_the_same_commands_by_the_same_rules(self):
        self.assertEqual(workflows.check_gitlab(GITLAB, [step.command for step in STEPS]), [])

    def test_every_action_has_one_release_in_all_workflows(self):
        for repository, releases in workflows.pins(ALL).items():
            self.assertEqual(len(releases), 1, repository)

    def test_every_preset_that_is_built_exists_and_gitlab_builds_the_same(self):
        job = next(workflow for workflow in ALL if workflow.name == "pull-request.yml").jobs["build"]
        presets = job["strategy"]["matrix"]["preset"]
        self.assertLessEqual(set(presets), set(workflows.build_presets()))
        self.assertLessEqual({configuration.preset for configuration in board.CONFIGURATIONS.values()}, set(presets))
        self.assertEqual(GITLAB["build"]["parallel"]["matrix"], [{"PRESET": presets}])

    def test_a_night_fuzzes_every_target_on_both_hosts(self):
        job = next(workflow for workflow in ALL if workflow.name == "nightly.yml").jobs["fuzz"]
        rows = {row["target"]: row["time"] for row in job["strategy"]["matrix"]["include"]}
        self.assertEqual(sorted(rows), sorted(campaign.TARGETS))
        gitlab = {}
        for row in GITLAB["night"]["parallel"]["matrix"]:
            for target in [row["TARGET"]] if isinstance(row["TARGET"], str) else row["TARGET"]:
                gitlab[target] = row["FUZZ_TIME"]
        self.assertEqual(sorted(gitlab), sorted(rows))
        for times, minutes in ((rows, job["timeout-minutes"]), (gitlab, workflows.gitlab_minutes(GITLAB["night"]))):
            for time in times.values():  # what is left is for the build and for findings
                self.assertLessEqual(campaign.parse_duration(time) / 60 + LEFT_MINUTES, minutes)

    def test_a_job_that_a_shared_runner_of_gitlab_would_stop_is_told(self):
        content = {"test": {"script": [], "rules": [], "timeout": "181 minutes"}}
        self.assertEqual(workflows.check_gitlab(content, []), ["job test may take 181 minutes, and a shared runner stops it at 180"])
        for timeout in ("3 hours", "3h 30m"):
            content["test"]["timeout"] = timeout
            self.assertEqual(workflows.check_gitlab(content, []), [f"job test has a timeout of '{timeout}': write it as N minutes"])

    def test_a_pull_request_reads_the_corpus_that_a_night_writes(self):
        def paths(name, action):
            workflow = next(workflow for workflow in ALL if workflow.name == name)
            step = next(step for step in workflow.jobs["fuzz"]["steps"] if action in step.get("uses", ""))
            return step["with"]["path"].replace("${{ matrix.target }}", "heap"), step["with"]["key"].split("$")[0]

        written, key = paths("nightly.yml", "cache/save")  # a cache is found by its paths as well as by its key
        self.assertEqual(paths("nightly.yml", "cache/restore"), (written, key))
        self.assertEqual(paths("pull-request.yml", "cache/restore"), (written, key + "heap-"))

    BROKEN = {
        "a job without a time limit": ("    timeout-minutes: 90\n", "", "job test has no timeout-minutes of 360 at most"),
        "a job that may run for ever": ("timeout-minutes: 90", "timeout-minutes: 9000", "job test has no timeout-minutes"),
        "a job without permissions": ("    permissions:\n      contents: read\n    strategy", "    strategy",
                                      "job build has no list of permissions"),
        "a job that may write": ("      contents: read\n    strategy", "      contents: write\n    strategy",
                                 "job build may write contents"),
        "permissions for all jobs": ("permissions: {}", "permissions: read-all", "permissions are not empty"),
        "no concurrency group": ("\nconcurrency:\n  group", "\nno_concurrency:\n  group", "there is no concurrency group"),
        "an action by its tag": ("actions/checkout@93cb6efe18208431cddfb8368fd83d5badbf9bfd # v5.0.1", "actions/checkout@v5",
                                 "names no commit with its release"),
        "an action by a commit without its release": (" # v6.0.0", "", "names no commit with its release"),
        "a command that is not there": ("./ci/replay", "./ci/repaly", "there is no ./ci/repaly in this tree"),
        "a command that is not ours": ("./ci/replay", "make replay", "'make replay' does not begin with a command"),
        "a word of a build that is not there": ("build/release/kmemfuzz board", "build/fuzz/kmemfuzz board", "nothing builds fuzz for"),
        "two commands in a step": ("./ci/replay", "./ci/replay && ./ci/lint", "is more than one command"),
        "an expression in a shell": ('"$PRESET"', "${{ matrix.preset }}", "pastes an expression into a shell"),
        "a duration in a command": ('--for "$FUZZ_TIME"', "--for 5m", "has a duration of its own"),
        "another shell": ("    shell: bash", "    shell: sh", "runs a shell other than bash -eo pipefail"),
        "a token left behind": ("persist-credentials: false", "persist-credentials: true", "leaves the token"),
        "a secret": ("FUZZ_TIME: 5m", "TOKEN: ${{ secrets.TOKEN }}", "a secret is used"),
        "secrets for a fork": ("  pull_request:\n", "  pull_request_target:\n", "runs what a fork has sent with our secrets"),
        "our commands with the permission to write": ("      - uses: actions/download-artifact@",
                                                      "      - run: ./ci/replay\n      - uses: actions/download-artifact@",
                                                      "runs our commands with the permission to write"),
        "a night on a fork": ("  workflow_dispatch:\n", "  schedule:\n    - cron: '0 1 * * *'\n",
                              "job build would start on a fork by itself"),
    }

    def test_a_workflow_that_breaks_a_rule_is_told_which(self):
        text = next(workflow for workflow in ALL if workflow.name == "pull-request.yml").text
        for name, (before, after, problem) in self.BROKEN.items():
            with self.subTest(name):
                self.assertIn(before, text)
                broken = workflows.parse_workflow("pull-request.yml", text.replace(before, after))
                problems = workflows.check_workflow(broken)
                self.assertTrue(any(problem in told for told in problems), problems)

    SANITIZERS = "    strategy:\n      matrix:\n        sanitizer: [address, memory]\n    steps:\n"
    BROKEN_CLUSTERFUZZLITE = {
        "three corpora of one name": ("    steps:\n", SANITIZERS, "cifuzz-corpus-* is written by each of: fuzz address, fuzz memory"),
        "crashes of one name": ("    steps:\n", SANITIZERS, "crashes-* is written by each of: fuzz address, fuzz memory"),
        "no token to read a private repository": ("          github-token: ${{ github.token }}\n", "", "step Build no github-token"),
        "hangs that are dropped": ("REPORT_TIMEOUTS", "REPORT_OOMS", "job fuzz drops hangs"),
    }

    def test_a_workflow_of_clusterfuzzlite_that_would_lose_something_is_told_what(self):
        text = next(workflow for workflow in ALL if workflow.name == "cflite_batch.yml").text
        for name, (before, after, problem) in self.BROKEN_CLUSTERFUZZLITE.items():
            with self.subTest(name):
                self.assertIn(before, text)
                problems = workflows.check_workflow(workflows.parse_workflow("cflite_batch.yml", text.replace(before, after, 1)))
                self.assertTrue(any(problem in told for told in problems), problems)

    def test_two_jobs_may_not_write_one_artifact_and_a_matrix_may_if_its_value_is_in_the_name(self):
        nightly = next(workflow for workflow in ALL if workflow.name == "nightly.yml")
        broken = nightly.text.replace("name: campaign-${{ matrix.target }}\n", "name: report\n")
        self.assertNotEqual(broken, nightly.text)
        self.assertEqual(workflows.check_artifacts(nightly), [])
        self.assertEqual(workflows.check_artifacts(workflows.parse_workflow("nightly.yml", broken)), [
            "the artifact report is written by each of: fuzz heap 4h, fuzz kernel 30m, fuzz pages 30m, fuzz sv39 30m, fuzz text 30m, judge"])

    def test_a_pull_request_is_fuzzed_with_every_sanitizer_that_a_night_chooses_from_in_the_same_way(self):
        night = next(workflow for workflow in ALL if workflow.name == "cflite_batch.yml")
        sanitizers = night.events["workflow_dispatch"]["inputs"]["sanitizer"]["options"]
        self.assertEqual(sanitizers, yaml.safe_load((TREE / ".clusterfuzzlite/project.yaml").read_text(encoding="utf-8"))["sanitizers"])
        texts = {workflow.content["env"]["SANITIZER"]: workflow.text for workflow in ALL if workflow.name.startswith("cflite_pr_")}
        self.assertEqual(sorted(texts), sorted(sanitizers))
        alike = {text.replace(f"name: ClusterFuzzLite {sanitizer}\n", "").replace(f"  SANITIZER: {sanitizer}\n", "")
                 for sanitizer, text in texts.items()}
        self.assertEqual(len(alike), 1)
        # Each schedule but one is named where the sanitizer is chosen, and that one is of the first.
        named = re.findall(r"schedule == '([^']+)' && '(\w+)'", night.content["env"]["SANITIZER"])
        crons = [row["cron"] for row in night.events["schedule"]]
        self.assertEqual((crons[1:], sanitizers[1:]), tuple(map(list, zip(*named))))

    def test_those_that_replace_the_corpus_of_clusterfuzzlite_wait_for_each_other(self):
        writers = [workflow for workflow in ALL if re.search(r"mode: (?:batch|prune)$", workflow.text, re.MULTILINE)]
        self.assertEqual([workflow.name for workflow in writers], ["cflite_batch.yml", "cflite_cron.yml"])
        for workflow in writers:
            self.assertEqual(workflow.content["concurrency"], {"group": "ClusterFuzzLite corpus", "cancel-in-progress": False})

    def test_a_night_drops_findings_before_its_own_are_there(self):
        steps = [step["name"] for step in next(workflow for workflow in ALL if workflow.name == "nightly.yml").jobs["judge"]["steps"] if "name" in step]
        order = ["Get the findings of the nights before", "Drop the findings that are sound by now", "Get the campaigns",
                 "Keep the findings for the next night"]
        self.assertEqual([name for name in steps if name in order], order)

    def test_a_job_of_gitlab_that_breaks_a_rule_is_told_which(self):
        commands = [step.command for step in STEPS]
        content = {"test": {"script": ["./ci/lint", "./ci/nosuch"]}}
        self.assertEqual(workflows.check_gitlab(content, commands), [
            "job test has no timeout", "job test has no rules",
            "job test runs './ci/lint', which no workflow of GitHub's does",
            "there is no ./ci/nosuch in this tree", "job test runs './ci/nosuch', which no workflow of GitHub's does"])

    def test_what_gitlab_runs_after_a_script_judges_nothing(self):
        text = 'build/fuzz/kmemfuzz junit --force build/results.xml'
        problem = f"job judge runs '{text}' where nothing fails: after the script"
        job = {"script": ["./ci/build fuzz"], "after_script": [text, "build/fuzz/kmemfuzz report --out build/report"]}
        self.assertEqual(workflows.check_after_script("judge", job), [problem])
        self.assertEqual(workflows.check_after_script("judge", {**job, "script": ['./ci/fuzz --for "$FUZZ_TIME"']}), [])

    def test_a_carried_finding_fails_the_judge_of_gitlab_after_all_was_judged(self):
        folder = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))
        (folder / "build/campaign").mkdir(parents=True)
        ran = {}
        for code in (1, 0):
            for command in ("ci/build", "ci/determinism", "ci/coverage", "ci/planted", "ci/test", "build/fuzz/kmemfuzz"):
                (folder / command).parent.mkdir(parents=True, exist_ok=True)
                (folder / command).write_text(f'#!/bin/sh\necho "$0 $*" >>ran\n[ "$1" != junit ] || exit {code}\n', encoding="utf-8")
                (folder / command).chmod(0o755)
            done = subprocess.run(["bash", "-eo", "pipefail", "-c", "\n".join(GITLAB["judge"]["script"])], cwd=folder, check=False)
            self.assertEqual(done.returncode, code)
            ran[code] = (folder / "ran").read_text(encoding="utf-8").splitlines()
            (folder / "ran").unlink()
        self.assertEqual((ran[1], ran[1][-1]), (ran[0], "./ci/test night"))

    def test_a_value_that_only_the_host_knows_is_not_made_up(self):
        with self.assertRaises(workflows.Unreadable):
            workflows.value_of("${{ github.sha }}", {})

    def test_what_is_left_out_is_run_by_ci_test(self):
        script = (TREE / "ci/test").read_text(encoding="utf-8")
        self.assertLessEqual(set(RUN_BY_CI_TEST), {step.command for step in STEPS})
        not_run = [command for command in filter(None, RUN_BY_CI_TEST.values())
                   if not re.search(rf"(?m)(^ *|&& ){re.escape(command)}( &&|$)", script)]
        self.assertEqual(not_run, [])

    def test_both_hosts_give_the_same_environment(self):
        variables = {key: str(value) for key, value in GITLAB["variables"].items()}
        for workflow in ALL:
            if list(workflows.github_steps(workflow)):
                self.assertEqual({key: str(value) for key, value in workflow.content["env"].items()}, variables)

    @unittest.skipIf(os.getuid() != 0, "only root can give a folder to another user")
    def test_that_environment_lets_git_read_a_checkout_of_another_user(self):
        variables = {key: str(value) for key, value in GITLAB["variables"].items()}
        with tempfile.TemporaryDirectory() as folder:
            bare = {"PATH": os.environ["PATH"], "HOME": folder, "GIT_CONFIG_NOSYSTEM": "1"}
            subprocess.run(["git", "init", "--quiet", folder], env=bare, check=True)
            os.chown(folder, 1001, 1001)
            codes = [subprocess.run(["git", "-C", folder, "ls-files"], env=environment, capture_output=True,
                                    check=False).returncode for environment in (bare, {**bare, **variables})]
        self.assertEqual(codes, [128, 0])


@contextlib.contextmanager
def preserved(path, kept, empty):
    """Keeps a folder as it is, whatever is done to it meanwhile; for that time it is a copy or, if so asked, not there. A
    run that is killed leaves the folder as kept, and the next run puts it back."""
    def restore():
        if kept.exists():
            shutil.rmtree(path, ignore_errors=True)
            kept.rename(path)
        elif empty:
            shutil.rmtree(path, ignore_errors=True)

    if kept.exists():
        restore()
    if path.exists():
        path.rename(kept)
        if not empty:
            shutil.copytree(kept, path)
    try:
        yield
    finally:
        restore()


class Preserved(unittest.TestCase):
    """Whether a folder survives what a command does to it."""

    def setUp(self):
        folder = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))
        self.path, self.kept = folder / "corpus", folder / "kept"
        self.path.mkdir()
        (self.path / "old").touch()

    def names(self):
        """What is in the folder."""
        return [path.name for path in self.path.iterdir()]

    def test_a_folder_that_is_changed_is_as_it_was_afterwards(self):
        with preserved(self.path, self.kept, False):
            self.assertEqual(self.names(), ["old"])
            (self.path / "old").rename(self.path / "new")
        self.assertEqual((self.names(), self.kept.exists()), (["old"], False))

    def test_a_folder_that_is_to_be_empty_is_not_there_meanwhile(self):
        with preserved(self.path, self.kept, True):
            self.assertFalse(self.path.exists())
            self.path.mkdir()
        self.assertEqual((self.names(), self.kept.exists()), (["old"], False))

    def test_what_a_killed_run_has_left_is_put_back(self):
        self.path.rename(self.kept)
        self.path.mkdir()
        (self.path / "new").touch()
        with preserved(self.path, self.kept, False):
            self.assertEqual(self.names(), ["old"])
        self.assertEqual((self.names(), self.kept.exists()), (["old"], False))


class Steps(unittest.TestCase):
    """Runs the steps, in the order of the workflows, on campaigns that begin with nothing."""

    @classmethod
    def setUpClass(cls):
        (TREE / "build").mkdir(exist_ok=True)
        for name, empty in (("build/campaign", True), ("corpus/minimised", False)):
            kept = TREE / f"build/{name.replace('/', '-')}-kept"
            cls.enterClassContext(preserved(TREE / name, kept, empty))

    def run_step(self, step):
        """Runs a step as GitHub's runner does."""
        environment = {**os.environ, "GITHUB_STEP_SUMMARY": os.devnull, **step.environment, **{key: SHORT[key] for key in SHORT if key in step.environment}}
        done = subprocess.run(["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step.command], cwd=TREE,
                              env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, errors="replace", timeout=SECONDS, check=False)
        self.assertEqual(done.returncode, 0, f"{step.place}: {step.command}\n{done.stdout[-3000:]}")
        written = re.search(r"(\S+\.sarif)\b", step.command)
        if written:
            document = json.loads((TREE / written.group(1)).read_text(encoding="utf-8"))
            self.assertEqual((document["version"], document["runs"][0]["results"]), ("2.1.0", []))

    def test_sarif_has_one_result_for_a_finding_and_takes_the_reduced_program(self):
        findings = TREE / "build/campaign/heap/findings"
        kept = TREE / "build/findings-kept"
        with preserved(findings, kept, True), tempfile.TemporaryDirectory() as folder:
            findings.mkdir(parents=True)
            for name in ("a", "a.reduced", "a.reduced.ops", "a.html", "b"):
                (findings / name).write_text("kmem-program 1\nno such line\n", encoding="utf-8")
            out = pathlib.Path(folder) / "out.sarif"
            done = subprocess.run([sys.executable, TREE / "fuzz/kmemfuzz", "sarif", out], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                  stderr=subprocess.PIPE, text=True, timeout=SECONDS, check=False)
            document = json.loads(out.read_text(encoding="utf-8"))
        self.assertEqual(done.returncode, 2, done.stderr)
        self.assertIs(document["runs"][0]["invocations"][0]["executionSuccessful"], False)
        named = sorted(set(re.findall(r"findings/([a-z.]+):", done.stderr)))
        self.assertEqual(named, ["a.reduced", "b"], done.stderr)

    def test_a_step_that_fails_fails_its_test_with_its_output(self):
        step = workflows.Step("a workflow", "./ci/build nosuch | cat", {})
        with self.assertRaisesRegex(AssertionError, "there is no preset 'nosuch' to build"):
            self.run_step(step)


def add_step_tests():
    """A test for each command, so that each that fails is named."""
    for number, step in enumerate(step for step in DISTINCT if step.command not in RUN_BY_CI_TEST):
        words = re.sub(r"\W+", "_", step.command).strip("_")
        setattr(Steps, f"test_step_{number:02}_runs_{words}", lambda self, step=step: self.run_step(step))


add_step_tests()
