"""A tree in which campaigns run whose libFuzzer is a script: what tests of fuzz/kmemfuzz/campaign.py start from. No tests here."""

import hashlib
import json
import os
import pathlib
import re
import signal
import subprocess
import sys

import pytest
from kmemfuzz.campaign import TARGETS
from folders import FolderTest, write_script
from fuzzer_words import VIOLATED
from processes import end_processes_in, processes_in, wait_until, wait_until_none

ROOT = pathlib.Path(__file__).resolve().parents[2]
LIBRARY = ROOT / "ci" / "lib"

TIMEOUT = 240  # seconds a campaign of scripts may take on a busy machine before it counts as hanging


def name_of(data):
    """What libFuzzer calls an input."""
    return hashlib.sha1(data).hexdigest()

# As libFuzzer: as a worker it does what the file behaviour says, for which there are words, of which each crash happens once,
# and nothing is executed before runs_on, so that no campaign's time is over before; a set cover takes all candidates; on one
# file it says what violated holds.
FUZZER = r"""#!/bin/sh
for argument in "$@"; do
    case $argument in
    -reload=*) mode=worker ;;
    -set_cover_merge=1) mode=merge ;;
    -artifact_prefix=*) prefix=${argument#-artifact_prefix=} ;;
    -*) ;;
    *) first=${first:-$argument}; before=$last; last=$argument ;;
    esac
done
name() { printf '%s' "$1" | sha1sum | cut -c1-40; }
begins() { printf 'INFO: Loaded 1 PC tables (20 PCs): 20 [0x5601,0x5701),\n#0\tINITED cov: 8 ft: 9 corp: 1/1b exec/s: 0 rss: 1Mb\n' >&2; }
executes() { printf '#100\tpulse  cov: 8 ft: 9 corp: 1/1b exec/s: 10 rss: 1Mb\n' >&2; }
finds() { printf '%s' "$1" >"$first/$(name "$1")"; }
saves() { saved=${prefix}crash-$(name "$1"); printf '%s' "$1" >"$saved"; }
dies() { cat violated >&2; echo "artifact_prefix='$prefix'; Test unit written to $saved" >&2; exit 77; }
crashes() { [ -e "$first/../did-$1" ] || { : >"$first/../did-$1"; saves "$1"; dies; }; }
runs_on() { executes; : >ready; while :; do sleep 0.05; done; }
case $mode in
worker) . ./behaviour ;;
merge) cd "$TREE"; . ./merging; cp "$TMPDIR"/tmp*/candidates/* "$TMPDIR"/tmp*/output ;;
*) cat violated >&2; exit 77 ;;
esac
"""
# The endings of what describes and explains a crash, beside it.
ENDINGS = (".log", ".reduced", ".txt", ".json")
# `kmemfuzz pack FILE... -o BLOB --force` in Python, as far as blobs are read here.
PACK = r"""
import struct, sys
*paths, _, blob, _ = sys.argv[1:]
programs = [open(path, "rb").read() for path in paths]
offsets = [32 + 8 * len(programs) + sum(map(len, programs[:index])) for index in range(len(programs))]
entries = b"".join(struct.pack("<II", offset, len(program)) for offset, program in zip(offsets, programs))
open(blob, "wb").write(struct.pack("<8sII16x", b"KMEMBLOB", 1, len(programs)) + entries + b"".join(programs))
"""
# `kmemfuzz pack` and `kmemfuzz explain --json --force FILE`.
TOOL = rf"""#!/bin/sh
case $1 in
pack) shift; exec '{sys.executable}' pack.py "$@" ;;
explain) printf '{{"verdict": "violation", "id": "free-merged", "program": "small", "operations_before": 2,
  "operations_after": 1, "files": {{"c": "%s.c"}}, "text": "%s: VIOLATION as explained\\n"}}' "$4" "$4"; exit 1 ;;
esac
"""
SLOW_TOOL = TOOL.replace("pack) ", "pack) : >preparing; sleep 1; ")

RUNNER = """
import functools, json, os, signal, sys, time
sys.path.insert(0, sys.argv.pop(1))
os.environ["TREE"] = os.getcwd()
from kmemfuzz import campaign, campaign_folder, campaign_status, child, crashes, workers
campaign.prepare_build = lambda preset, stop: 0
campaign.START_SECONDS = 240
campaign_status.STATUS_SECONDS = {True: 0.2, False: 0.2}
campaign_folder.MINIMUM_FREE_SIZE = 1 << 20
for name, value in json.loads(sys.argv.pop(1)).items():
    *place, name = name.split(".")
    if value == "kill -9":
        value = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
    elif isinstance(value, str):
        value = eval(value)
    setattr(functools.reduce(getattr, place[1:], globals()[place[0]]), name, value)
sys.exit(campaign.main(sys.argv[1:]))
"""


class CampaignTree(FolderTest):
    """Campaigns whose libFuzzer is a script, in a tree of the test's own."""

    @pytest.fixture(autouse=True)
    def set_up_campaign_tree(self, set_up_folder_test):
        self.tree = self.folder
        self.build = self.tree / "build" / "fuzz"
        self.build.mkdir(parents=True)
        self.base = self.tree / "build" / "campaign" / "heap"
        self.corpus = self.base / "corpus"
        self.findings = self.base / "findings"
        for name in ("seeds/b.ops", "regressions/a", "large/c.ops", "minimised/README.md"):
            self.write(f"corpus/{name}", f"kmem-program 1\n# {name}\n")
        self.write("violated", VIOLATED)
        self.write("merging", ":\n")
        self.write("build/fuzz/kmemfuzz", TOOL)
        self.write("pack.py", PACK)
        for target in TARGETS:
            self.write(f"build/fuzz/{target}_fuzzer", FUZZER)
        yield
        end_processes_in(self.tree)

    def write(self, name, contents):
        """Makes a file below the tree that can be run. Returns its path."""
        return write_script(self.tree / name, contents)

    def command(self, *arguments, settings=None):
        """The command line of a campaign. settings are values for names of its modules, such as "workers.STOP_SECONDS";
        with "kill -9" for a function the campaign is killed where it would call that; other texts are Python."""
        return [sys.executable, "-B", "-c", RUNNER, str(LIBRARY), json.dumps(settings or {}), "--jobs", "1",
                *map(str, arguments)]

    def start(self, behaviour, *arguments, settings=None, prefix=(), before="begins; ", **more):
        """Starts a campaign in which libFuzzer behaves so, after what it does before."""
        (self.tree / "ready").unlink(missing_ok=True)
        self.write("behaviour", before + behaviour)
        streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **more}
        return subprocess.Popen([*prefix, *self.command(*arguments, settings=settings)], cwd=self.tree, text=True,
                                stdin=subprocess.DEVNULL, start_new_session=True, **streams)

    def wait_until_ready(self):
        """Waits until libFuzzer has come to runs_on."""
        wait_until((self.tree / "ready").exists, "libFuzzer to run")

    def require_nothing_runs(self):
        """No process may be left whose folder lies in this tree."""
        wait_until_none(processes_in, self.tree)

    def finish(self, process):
        """Waits for the campaign's end, after which nothing may be left of it. Returns (code, output, errors)."""
        try:
            output, errors = process.communicate(timeout=TIMEOUT)
        finally:
            process.kill()
        self.require_nothing_runs()
        assert "Traceback" not in (errors or "")
        return process.returncode, output, errors

    def run_campaign(self, behaviour, *arguments, **more):
        """start and finish."""
        return self.finish(self.start(behaviour, *arguments, **more))

    def run_until_ready(self, behaviour, *arguments, **more):
        """Starts a campaign, and interrupts it once libFuzzer has come to runs_on, however long that takes. As finish."""
        process = self.start(behaviour, "--for", "1h", *arguments, **more)
        self.wait_until_ready()
        os.kill(process.pid, signal.SIGINT)
        return self.finish(process)

    def run_until_said(self, pattern, behaviour, *arguments):
        """The same once the campaign has said something on standard error."""
        said = self.tree / "said"
        with open(said, "wb") as stream:
            process = self.start(behaviour, "--for", "1h", *arguments, stderr=stream)
        wait_until(lambda: re.search(pattern, said.read_text(encoding="utf-8")), pattern)
        os.kill(process.pid, signal.SIGINT)
        code, output, _ = self.finish(process)
        errors = said.read_text(encoding="utf-8")
        assert "Traceback" not in errors
        return code, output, errors

    def names(self, folder):
        """The files of a folder, those that crashes are described in excepted."""
        return {path.name for path in folder.iterdir() if path.suffix not in ENDINGS} if folder.exists() else set()

    def require_summary(self, output, violations):
        """The closing summary must have been printed, once and last."""
        assert output.count("\nFuzzed the ") == 1, output
        assert output.endswith(f"\n  distinct bugs       {violations}\n"), output

    def require_kept(self, inputs=(), crashes=()):
        """These must be in the corpus and in the findings, and all there must be whole."""
        assert {name_of(data) for data in inputs} <= self.names(self.corpus)
        assert {f"crash-{name_of(data)}" for data in crashes} <= self.names(self.findings)
        for path in [*self.corpus.iterdir(), *self.findings.glob("crash-*[0-9a-f]")]:
            if path.suffix not in ENDINGS:
                assert path.name.removeprefix("crash-") == name_of(path.read_bytes())
