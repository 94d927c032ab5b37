"""kmemfuzz sarif: runs programs and writes those that fail as SARIF 2.1.0 (OASIS), for code scanners.

The file has one run, with a rule for each oracle and each way to die, and a result for each failing input, all taken from
`kmemfuzz run --json --reduce` and `kmemfuzz oracles --json`."""

import json
import os
import pathlib
import subprocess
import sys
import urllib.parse

from kmemfuzz import corpus, heap, tree
from kmemfuzz.campaign_folder import places
from kmemfuzz.command_line import EXIT_ENVIRONMENT, EXIT_INTERNAL, Parser, add_caller, exit_codes
from kmemfuzz.outside_text import dump_json, visible

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"


# The document.

def _rule(words, documents):
    return {"id": words["id"], "shortDescription": {"text": words["sentence"]}, "helpUri": f"{documents}/harness.md#oracles",
            "defaultConfiguration": {"level": "error"}}


def _message(result):
    lines = [f"{result['oracle']}: {result['sentence']}"]
    operation = result["operation"]
    if operation is not None:
        end = " (freeing everything at the end)" if operation["recovery"] else ""
        lines.append(f"operation {operation['index']}: {operation['text']}{end}")
    lines += [f"{name} {result[name]}" for name in ("where", "expected", "observed", "fact", "assertion", "fault") if name in result]
    program = result["program"]
    if "reduced" in result:
        count = program["operations"]
        lines += ["", f"reduced from {count} operation{'' if count == 1 else 's'}:"]
        program = result["reduced"]
    return "\n".join([*lines, "", program["text"]])


def _locations(result):
    """The input and, where it is known, the function of the core. Of a heap of one's own its source comes first, as it is from
    here: forges show only the first, and only files of the repository."""
    locations = [{"physicalLocation": {"artifactLocation": {"uri": result["uri"]}}}]
    place = result.get("place")
    if place is None and heap.CURRENT is not None:
        place = {"file": str(heap.CURRENT.source), "line": 1, "function": None}
    if place is not None:
        file = os.path.relpath(place["file"]) if heap.CURRENT is not None else place["file"]
        if file.startswith("../"):
            file = os.path.abspath(file)
        uri = ("file://" if file.startswith("/") else "") + urllib.parse.quote(file)
        locations.append({"physicalLocation": {"artifactLocation": {"uri": uri}, "region": {"startLine": place["line"]}}})
        if place["function"]:
            locations[-1]["logicalLocations"] = [{"name": place["function"], "kind": "function"}]
    return locations if heap.CURRENT is None else locations[::-1]


def document_of(run, oracles):
    """The SARIF of what `run --json --reduce` and `oracles --json` have printed."""
    documents = oracles["documents"]
    rules = [_rule(words, documents) for words in oracles["oracles"] + oracles["deaths"]]
    index = {rule["id"]: number for number, rule in enumerate(rules)}
    return {"$schema": SCHEMA, "version": "2.1.0", "runs": [{
        "tool": {"driver": {"name": "kmemfuzz", "version": run["version"], "informationUri": f"{documents}/output.md",
                            "rules": rules}},
        "results": [{"ruleId": result["oracle"], "ruleIndex": index[result["oracle"]], "level": "error",
                     "message": {"text": _message(result)}, "locations": _locations(result)}
                    for result in run["results"] if "oracle" in result],
        "invocations": [{"executionSuccessful": run["totals"]["unusable"] == 0}]}]}


# The command.

def parse_arguments(arguments):
    parser = Parser(
        prog="kmemfuzz sarif",
        description="Runs programs, reduces those that fail, and writes them to OUT as SARIF 2.1.0. Without FILE: the tree's "
                    "corpus and the findings of campaigns of the heap; of a finding that was explained, the reduced program.",
        epilog=exit_codes("all sound", "something fails", "usage or a program that cannot be read"))
    parser.add_argument("out", type=pathlib.Path, metavar="OUT", help="the file to write")
    parser.add_argument("files", nargs="*", metavar="FILE|DIR", help="programs, or folders of them; - is standard input")
    parser.add_argument("--bytes", action="store_true", help="read every file as binary, whatever its name and contents")
    parser.add_argument("--force", action="store_true", help="replace OUT if it exists")
    add_caller(parser)
    options = parser.parse_intermixed_args(arguments)
    typed, options.out = options.out, options.caller / options.out
    if not options.out.parent.is_dir() or options.out.is_dir():
        parser.error(f"{typed} cannot be written: name a file, in a folder that is there")
    if options.out.exists() and not options.force:
        parser.error(f"{typed} exists; choose another name, or --force to replace it")
    if not options.files and (tree.TREE is None if heap.CURRENT is None else not programs()):
        parser.error("it needs a file, or a folder with files in it")
    return options


def presets(options):
    return [] if options.files and heap.CURRENT is None else ["fuzz"]


def programs():
    """What is run without FILE: the corpus, and of each finding the reduced program, or the finding itself."""
    place = places("heap")[1]
    findings = [path for path in sorted((place / "findings").glob("*")) if "." not in path.name]
    reduced = [path.with_name(f"{path.name}.reduced") for path in findings]
    committed = ["corpus"] if heap.CURRENT is None else [str(place / name) for name in ("corpus", "regressions")
                                                         if corpus.inputs(place / name)]
    return [*committed, *(str(less if less.is_file() else path) for path, less in zip(findings, reduced) if path.is_file())]


def main(arguments):
    """Runs, and writes the document; returns the exit code of `kmemfuzz run`."""
    options = parse_arguments(arguments)
    tool, folder = (tree.tool().absolute(), options.caller) if options.files else (corpus.KMEMFUZZ.absolute(), None)
    run = [tool, "run", "--json", "--reduce", *(["--bytes"] if options.bytes else []), "--", *(options.files or programs())]
    done = subprocess.run(run, cwd=folder, stdout=subprocess.PIPE, check=False)
    if not done.stdout or done.returncode == EXIT_INTERNAL:
        return done.returncode  # and it has said why
    oracles = subprocess.run([tool, "oracles", "--json"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, check=True)
    document = document_of(json.loads(done.stdout), json.loads(oracles.stdout))
    try:
        corpus.write_whole(options.out, (dump_json(document) + "\n").encode())
    except OSError as error:
        print(f"kmemfuzz sarif: {visible(options.out)} cannot be written: {visible(error.strerror)}", file=sys.stderr)
        return EXIT_ENVIRONMENT
    for result in document["runs"][0]["results"]:
        uri = result["locations"][0 if heap.CURRENT is None else -1]["physicalLocation"]["artifactLocation"]["uri"]
        print(f"{uri}: {result['message']['text'].splitlines()[0]}")
    return done.returncode
