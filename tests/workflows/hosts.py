"""Runs the steps of an action, or a job of GitLab, in another repository as their hosts do: with what the host's own actions do
to files, a cache and a folder of artifacts."""

import os
import pathlib
import re
import shutil
import subprocess
from typing import NamedTuple

SECONDS = 900  # that a step may take on a busy machine
_TOKEN = re.compile(r"\s*('[^']*'|&&|\|\||[=!]=|[!()]|[a-z_]\w*(?:\.[\w-]+)*)", re.IGNORECASE)
_FUNCTIONS = {"cancelled": "False", "always": "True", "success": "(not host.failed)", "failure": "host.failed"}
_OPERATORS = {"&&": " and ", "||": " or ", "!": " not ", "==": "==", "!=": "!=", "(": "(", ")": ")"}


class Done(NamedTuple):
    """What came of a run."""

    failed: bool
    output: str
    ran: list  # the names of the steps that did
    values: dict  # what the steps have put out


def _python(expression):
    """One of GitHub's expressions in Python, of whose values && and || have the same."""
    text, place = "", 0
    while place < len(expression.rstrip()):
        match = _TOKEN.match(expression, place)
        if not match:
            raise ValueError(f"'{expression}' is no expression that is known here")
        token, place = match[1], match.end()
        if token in _FUNCTIONS and expression.startswith("()", place):
            text, place = text + _FUNCTIONS[token], place + 2
        else:
            text += _OPERATORS.get(token) or (token if token.startswith("'") else f"host.value({token!r})")
    return text.strip()


class Host:
    """What runs share: a cache and artifacts."""

    def __init__(self, folder):
        self.cache, self.artifacts = folder / "cache", folder / "artifacts"
        self.cache.mkdir(parents=True)
        self.run_count = 0

    def _copy(self, source, destination, patterns):
        """Copies what patterns, or paths, name, to the same places elsewhere."""
        for pattern in patterns:
            for path in [*source.glob(pattern)]:
                place = destination / path.relative_to(source)
                place.parent.mkdir(parents=True, exist_ok=True)
                if path.is_dir():
                    shutil.copytree(path, place, dirs_exist_ok=True)
                else:
                    shutil.copyfile(path, place)

    def _shell(self, command, workspace, environment):
        done = subprocess.run(["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", command], cwd=workspace, env=environment,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              errors="replace", timeout=SECONDS, check=False)
        return done.returncode, done.stdout


class GitHub(Host):
    """Runs a composite action: its steps one after another, each if its condition holds."""

    def __init__(self, folder):
        super().__init__(folder)
        self.values, self.failed, self.workspace, self.summary = {}, False, None, None
        self.refused = ()  # actions of others that fail

    def value(self, name):
        """The value of a name in an expression; of one that is not known, nothing."""
        return self.values.get(name, "")

    def _fill(self, text):
        """A text with its expressions' values in their place."""
        def evaluate(match):
            value = eval(_python(match[1]), {"host": self})  # pylint: disable=eval-used
            return {True: "true", False: "false"}.get(value, str(value))
        return re.sub(r"\$\{\{(.+?)\}\}", evaluate, str(text), flags=re.DOTALL)

    def _use(self, action, given):
        """What an action of others does to files."""
        paths = given.get("path", "").split()
        if action == "actions/cache/save":
            self._copy(self.workspace, self.cache / given["key"], paths)
        elif action == "actions/cache/restore":
            saved = [entry for entry in self.cache.iterdir() if entry.name.startswith(given["restore-keys"].strip())]
            for entry in sorted(saved, key=lambda entry: entry.stat().st_mtime_ns)[-1:]:
                self._copy(entry, self.workspace, paths)
        elif action == "actions/upload-artifact":
            self._copy(self.workspace, self.artifacts / given["name"], paths)
        elif action == "github/codeql-action/upload-sarif":
            self._copy(self.workspace, self.artifacts / given["category"], [given["sarif_file"]])
        else:
            raise ValueError(f"{action} is not known here")

    def _step(self, step, tree):
        """Runs one step. Returns (exit code, output)."""
        if "uses" in step:
            action = step["uses"].partition("@")[0]
            if action in self.refused:
                return 1, f"{action} is not allowed\n"
            self._use(action, {key: self._fill(value) for key, value in step["with"].items()})
            return 0, ""
        written = self.workspace.with_name("github-output")
        written.write_text("", encoding="utf-8")
        self.summary = self.workspace.with_name("github-step-summary")
        environment = {**os.environ, "GITHUB_ACTION_PATH": str(tree), "GITHUB_OUTPUT": str(written), "GITHUB_STEP_SUMMARY": str(self.summary),
                       **{key: self._fill(value) for key, value in step.get("env", {}).items()}}
        done = self._shell(self._fill(step["run"]), self.workspace, environment)
        for line in written.read_text(encoding="utf-8").splitlines():
            name, _, value = line.partition("=")
            self.values[f"steps.{step['id']}.outputs.{name}"] = value
        return done

    def run(self, action, tree, workspace, event, inputs, head="kernels/small"):
        """Runs an action, which lies in tree, on what is checked out in workspace; a change comes from the repository head."""
        self.run_count += 1
        self.workspace, self.failed = workspace, False
        self.values = {"github.event_name": event, "github.run_id": str(self.run_count), "github.run_attempt": "1",
                       "github.repository": "kernels/small", "github.server_url": "https://github.com",
                       "github.action_repository": "OWNER/kmem", "github.action_ref": "v0.2.0", "github.event.pull_request.head.repo.full_name": head}
        for name, about in action["inputs"].items():
            self.values[f"inputs.{name}"] = self._fill(inputs.get(name, about.get("default", "")))
        output, ran = "", []
        for step in action["runs"]["steps"]:
            condition = step.get("if", "${{ success() }}")
            asks = re.search(rf"\b(?:{'|'.join(_FUNCTIONS)})\(\)", condition)  # of a step that does not, success() counts too
            outcome = "skipped"
            if self._fill(condition) == "true" and (asks or not self.failed):
                code, said = self._step(step, tree)
                output += f"{step['name']}: {code}\n{said}"
                ran.append(step["name"])
                self.failed |= code != 0 and not step.get("continue-on-error", False)
                outcome = "failure" if code else "success"
            self.values[f"steps.{step.get('id')}.outcome"] = outcome
        outputs = {name: self._fill(about["value"]) for name, about in action["outputs"].items()}
        return Done(self.failed, output, ran, outputs)


def _merged(below, above):
    """What GitLab makes of a job that extends another."""
    if not (isinstance(below, dict) and isinstance(above, dict)):
        return above
    return {**below, **{key: _merged(below[key], value) if key in below else value for key, value in above.items()}}


class GitLab(Host):
    """Runs a job of a file that is included."""

    @staticmethod
    def job_of(content, name):
        """A job with what it extends."""
        job = content[name]
        return _merged(content[job["extends"]], job) if "extends" in job else job

    def run(self, content, name, workspace, variables):
        """Runs the job with the variables of the file that includes it."""
        self.run_count += 1
        job = self.job_of(content, name)
        known = {"CI_PROJECT_DIR": str(workspace)}
        for key, value in {**content["variables"], **variables, **job["variables"]}.items():
            known[key] = re.sub(r"\$(\w+)", lambda match: known[match[1]], str(value))
        caches = [{**about, "place": self.cache / re.sub(r"\$(\w+)", lambda match: known[match[1]], about["key"])}
                  for about in (job["cache"] if isinstance(job["cache"], list) else [job["cache"]])]
        for cache in caches:
            self._copy(cache["place"], workspace, ["*"])  # all that was kept, whatever this job's paths are
        code, output = self._shell("\n".join([*job["before_script"], *job["script"]]), workspace, {**os.environ, **known})
        for cache in caches:
            if cache["policy"] == "pull-push" and (code == 0 or cache.get("when") == "always"):
                shutil.rmtree(cache["place"], ignore_errors=True)
                self._copy(workspace, cache["place"], cache["paths"])
        if code == 0 or job["artifacts"]["when"] == "always":
            self._copy(workspace, self.artifacts / name, [*job["artifacts"]["paths"], job["artifacts"]["reports"]["junit"]])
        return Done(code != 0, output, [], {})


def copy_tree(tree, destination):
    """Copies the files of a tree that git keeps or would: what its hosts hand out."""
    listed = subprocess.run(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], cwd=tree, capture_output=True,
                            text=True, check=True).stdout.split("\0")
    for name in filter(None, listed):
        if (tree / name).is_file():
            place = pathlib.Path(destination, name)
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(tree / name, place)
