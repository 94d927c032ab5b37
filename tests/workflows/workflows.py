"""Reads the workflows of both hosts, and says which of our rules they break. Nothing is run here, and nothing is asserted."""

import itertools
import json
import pathlib
import re
from typing import NamedTuple

import yaml

TREE = pathlib.Path(__file__).resolve().parents[2]
GITHUB = pathlib.Path(".github/workflows")
GITLAB = pathlib.Path(".gitlab-ci.yml")
LONGEST_MINUTES = 360  # a host ends jobs after this
# The only permissions to write, as workflow, job and name. Such a job runs nothing of ours.
WRITES = {("pull-request.yml", "results", "security-events"), ("nightly.yml", "results", "security-events")}
GITLAB_LONGEST_MINUTES = 180  # GitLab's shared runners do
GITLAB_WORDS = ("workflow", "stages", "default", "variables")  # all other words at the top are jobs

_RELEASE = re.compile(r"uses: +([\w.-]+(?:/[\w.-]+)+)@([0-9a-f]{40}) # (v\d+(?:\.\d+)*)$")
_COMMAND = re.compile(r"\./ci/[a-z-]+(?= |$)|build/([a-z-]+)/kmemfuzz [a-z]+(?= |$)")
_KEPT = re.compile(r"code=0; (.+) \|\| code=\$\?")  # GitLab's: fails the job at its end
_BUILDS = {"fuzz": "./ci/fuzz", "release": "./ci/replay"}  # what else than ./ci/build has built a preset when it ends
_DANGEROUS_EVENTS = ("pull_request_target", "workflow_run")  # they run with secrets what a fork has sent


class Unreadable(Exception):
    """A workflow says something that only its host can know."""


class Step(NamedTuple):
    """One command that a workflow runs, and the environment it gives it."""

    place: str  # workflow, job and name of the step
    command: str
    environment: dict


class Workflow(NamedTuple):
    """A workflow of GitHub's."""

    name: str
    text: str
    content: dict

    @property
    def events(self):
        """What starts it. In YAML 1.1 the key "on" is the truth."""
        events = self.content[True]
        return events if isinstance(events, dict) else {event: None for event in events}

    @property
    def jobs(self):
        """Its jobs by name."""
        return self.content["jobs"]


def parse_workflow(name, text):
    """A workflow of GitHub's from its text."""
    return Workflow(name, text, yaml.safe_load(text))


def read_workflows(tree=TREE):
    """All workflows of GitHub's, in the order in which their steps build on one another."""
    paths = sorted((tree / GITHUB).iterdir(), key=lambda path: (path.name == "nightly.yml", path.name))
    return [parse_workflow(path.name, path.read_text(encoding="utf-8")) for path in paths]


def steps_of(job):
    """The steps of a job."""
    return job.get("steps", [])


def matrix_rows(job):
    """Every combination of a job's matrix, each of which is a job of the run."""
    matrix = job.get("strategy", {}).get("matrix", {})
    return matrix.get("include") or [dict(zip(matrix, values)) for values in itertools.product(*matrix.values())]


def written_artifacts(step, matrix):
    """The names of the artifacts that a step may write; what ClusterFuzzLite names by target ends with a star."""
    action, given = step.get("uses", "").partition("@")[0], step.get("with", {})
    if action == "actions/upload-artifact":
        return [re.sub(r"\$\{\{ matrix\.(\w+) \}\}", lambda match: str(matrix[match[1]]), given["name"])]
    if action == "google/clusterfuzzlite/actions/build_fuzzers" and given.get("upload-build"):
        sanitizer = given["sanitizer"].replace("${{ matrix.sanitizer }}", matrix.get("sanitizer", ""))
        return [f"cifuzz-build-{sanitizer}-*"]
    if action == "google/clusterfuzzlite/actions/run_fuzzers":
        return {"batch": ["cifuzz-corpus-*", "crashes-*"], "code-change": ["crashes-*"], "prune": ["cifuzz-corpus-*"],
                "coverage": ["cifuzz-coverage-latest"]}[given["mode"]]
    return []


def check_artifacts(workflow):
    """Artifacts cannot be changed: of two jobs of a run that write one, what the second has is lost."""
    writers = {}
    for name, job in workflow.jobs.items():
        for matrix in matrix_rows(job):
            for artifact in sorted({artifact for step in steps_of(job) for artifact in written_artifacts(step, matrix)}):
                writers.setdefault(artifact, []).append(" ".join([name, *map(str, matrix.values())]))
    return [f"the artifact {artifact} is written by each of: {', '.join(jobs)}" for artifact, jobs in writers.items() if len(jobs) > 1]


def check_clusterfuzzlite(name, job):
    """What ClusterFuzzLite needs to be told on a private repository, and to report hangs."""
    problems = []
    for step in steps_of(job):
        if step.get("uses", "").startswith("google/clusterfuzzlite/"):
            if "github-token" not in step["with"]:
                problems.append(f"job {name} gives step {step['name']} no github-token, without which a private repository is not read")
            if step["with"].get("mode") in ("batch", "code-change") and step.get("env", {}).get("REPORT_TIMEOUTS") != "true":
                problems.append(f"job {name} drops hangs: REPORT_TIMEOUTS is not true")
    return problems


def first_of_matrix(job):
    """The values of the first combination of a job's matrix."""
    matrix = job.get("strategy", {}).get("matrix", {})
    if "include" in matrix:
        return matrix["include"][0]
    return {name: values[0] for name, values in matrix.items()}


def value_of(text, matrix):
    """A value of an environment, of which expressions may be the whole. Those of the host's own are of no use here."""
    match = re.fullmatch(r"\$\{\{ (?:inputs\.\w+ \|\| )?matrix\.(\w+) \}\}", str(text))
    if match:
        return str(matrix[match.group(1)])
    if "${{" in str(text):
        raise Unreadable(f"the value '{text}' depends on the host")
    return str(text)


def github_steps(workflow):
    """Every command of a workflow, each with the first values of its matrix."""
    for name, job in workflow.jobs.items():
        matrix = first_of_matrix(job)
        for step in steps_of(job):
            if "run" in step:
                merged = {**workflow.content.get("env", {}), **job.get("env", {}), **step.get("env", {})}
                environment = {key: value_of(value, matrix) for key, value in merged.items()}
                yield Step(f"{workflow.name}, {name}, {step.get('name')}", step["run"], environment)


def gitlab_jobs(content):
    """The jobs of GitLab's file by name. What begins with a dot is no job."""
    return {name: job for name, job in content.items() if name not in GITLAB_WORDS and not name.startswith(".")}


def gitlab_commands(job):
    """Every command that a job of GitLab's runs, without what keeps an exit code for the job's end."""
    script = job["script"]
    if script and script[-1] == 'exit "$code"':
        script = [_KEPT.sub(r"\1", command) for command in script[:-1]]
    return [*script, *job.get("after_script", [])]


def check_after_script(name, job):
    """GitLab ignores how what runs after a script ends. So that may only report, or list what ci/fuzz has failed by."""
    is_fuzzing = any("./ci/fuzz " in command for command in job["script"])
    return [f"job {name} runs '{command}' where nothing fails: after the script" for command in job.get("after_script", [])
            if not re.match(r"\S+/kmemfuzz report " + (r"|\S+/kmemfuzz junit " if is_fuzzing else ""), command)]


def check_command(command, tree):
    """What is wrong with a command: an empty list when nothing is."""
    match = _COMMAND.match(command)
    if not match:
        return [f"'{command}' does not begin with a command of this tree"]
    if not match.group(1) and not (tree / match.group(0)).is_file():
        return [f"there is no {match.group(0)} in this tree"]
    problems = []
    if "\n" in command.strip() or re.search(r"[;|&<`]|\$\(", command):
        problems.append(f"'{command}' is more than one command: put it into ci/")
    if "${{" in command:
        problems.append(f"'{command}' pastes an expression into a shell: hand it over in env")
    if "--for " in command and '--for "$FUZZ_TIME"' not in command:
        problems.append(f"'{command}' has a duration of its own: it belongs into FUZZ_TIME")
    return problems


def check_built(commands):
    """A problem for each command of a job that uses a build which none of those before it has made."""
    problems = []
    for number, command in enumerate(commands):
        match = _COMMAND.match(command)
        preset = match and match.group(1)
        if preset and not any(earlier.startswith(_BUILDS.get(preset, "./ci/build")) or
                              (earlier.startswith("./ci/build ") and preset in earlier.split())
                              for earlier in commands[:number]):
            problems.append(f"nothing builds {preset} for '{command}': begin with ./ci/build {preset}")
    return problems


def build_presets(tree=TREE):
    """The presets that can be built."""
    presets = json.loads((tree / "CMakePresets.json").read_text(encoding="utf-8"))
    return [preset["name"] for preset in presets["buildPresets"]]


def check_permissions(workflow, name, job):
    """A job says what it may do, and may do no more than it needs."""
    permissions = job.get("permissions")
    if not isinstance(permissions, dict):
        return [f"job {name} has no list of permissions"]
    problems = []
    for scope, level in permissions.items():
        if level != "read" and (workflow.name, name, scope) not in WRITES:
            problems.append(f"job {name} may {level} {scope}")
    if "write" in permissions.values() and any("run" in step for step in steps_of(job)):
        problems.append(f"job {name} runs our commands with the permission to write")
    return problems


def check_job(workflow, name, job, tree):
    """What is wrong with one job."""
    problems = check_permissions(workflow, name, job)
    minutes = job.get("timeout-minutes")
    if not isinstance(minutes, int) or not 0 < minutes <= LONGEST_MINUTES:
        problems.append(f"job {name} has no timeout-minutes of {LONGEST_MINUTES} at most")
    if "schedule" in workflow.events and "needs" not in job and "github.event.repository.fork" not in job.get("if", ""):
        problems.append(f"job {name} would start on a fork by itself")
    problems += check_clusterfuzzlite(name, job)
    problems += check_built([step["run"] for step in steps_of(job) if "run" in step])
    for step in steps_of(job):
        if "run" in step:
            problems += check_command(step["run"], tree)
            if workflow.content.get("defaults", {}).get("run", {}).get("shell") != "bash" or "shell" in step:
                problems.append(f"job {name} runs a shell other than bash -eo pipefail")
        elif step["uses"].startswith("actions/checkout@") and step.get("with", {}).get("persist-credentials") is not False:
            problems.append(f"job {name} leaves the token in the checkout: persist-credentials: false")
    return problems


def check_workflow(workflow, tree=TREE):
    """What is wrong with a workflow: an empty list when nothing is."""
    problems = []
    if workflow.content.get("permissions") != {}:
        problems.append("permissions are not empty for the whole workflow")
    if not workflow.content.get("concurrency", {}).get("group"):
        problems.append("there is no concurrency group")
    problems += [f"{event} runs what a fork has sent with our secrets" for event in _DANGEROUS_EVENTS
                 if event in workflow.events]
    if "secrets." in workflow.text:
        problems.append("a secret is used")
    for number, line in enumerate(workflow.text.splitlines(), start=1):
        if "uses:" in line and not line.lstrip().startswith("#") and not _RELEASE.search(line):
            problems.append(f"line {number} names no commit with its release: uses: OWNER/NAME@COMMIT # vN")
    problems += check_artifacts(workflow)
    for name, job in workflow.jobs.items():
        problems += check_job(workflow, name, job, tree)
    return problems


def pins(workflows):
    """The commits and releases each repository of actions is pinned to, over all workflows."""
    found = {}
    for workflow in workflows:
        for match in filter(None, map(_RELEASE.search, workflow.text.splitlines())):
            repository = "/".join(match.group(1).split("/")[:2])
            found.setdefault(repository, set()).add(match.group(2, 3))
    return found


def gitlab_minutes(job):
    """The minutes that a job of GitLab's may take; None when it does not say so in minutes."""
    match = re.fullmatch(r"(\d+) minutes", str(job.get("timeout")))
    return int(match[1]) if match else None


def check_gitlab(content, github_commands, tree=TREE):
    """What is wrong with GitLab's file: an empty list when nothing is."""
    problems = []
    for name, job in gitlab_jobs(content).items():
        problems += [f"job {name} has no {word}" for word in ("timeout", "rules") if word not in job]
        problems += check_built(gitlab_commands(job)) + check_after_script(name, job)
        minutes = gitlab_minutes(job)
        if minutes is None and "timeout" in job:
            problems.append(f"job {name} has a timeout of '{job['timeout']}': write it as N minutes")
        elif minutes and minutes > GITLAB_LONGEST_MINUTES:
            problems.append(f"job {name} may take {minutes} minutes, and a shared runner stops it at {GITLAB_LONGEST_MINUTES}")
        for command in gitlab_commands(job):
            problems += check_command(command, tree)
            if command not in github_commands:
                problems.append(f"job {name} runs '{command}', which no workflow of GitHub's does")
    return problems
