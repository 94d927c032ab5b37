"""kmemfuzz sarif: runs programs and writes those that fail as SARIF 2.1.0 (OASIS), for code scanners.

The file has one run, with a rule for each oracle and each way to die, and a result for each distinct bug, all taken from
`kmemfuzz run --json --reduce` and `kmemfuzz oracles --json`. What GitHub shows of it, and how much, is in its "SARIF support for code
scanning": the first location, which must be a file of the repository, the rule's texts, and primaryLocationLineHash."""

import hashlib
import pathlib
import re

from kmemfuzz import junit, results, summary
from kmemfuzz.outside_text import dump_json

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
TEXT_SIZE = 1024  # characters of a rule's description that GitHub takes
HELP_COUNT = 10  # of a rule's bugs whose programs are in its help
RESULT_COUNT = 5000  # that GitHub stores of a run


def _cut(text):
    return text if len(text) <= TEXT_SIZE else text[:TEXT_SIZE - 4] + " ..."

# What stands for a value in the words of a rule.
_VALUES = {"{bytes}": "N bytes", "{offset}": "offset N", "{address}": "offset N", "{count}": "N", "{byte}": "the byte N", "{hash}": "H",
           "{refusal}": "a refusal, or none", "{region}": "such a region", "{owner}": "there"}


def _description(words):
    """What a rule demands, and what its verdict says."""
    parts = [f"{title}: {re.sub('{[a-z]+}', lambda value: _VALUES[value[0]], words[name])}." for name, title in (("offset", "Where"), ("expected", "Expected"), ("observed", "Observed"))
             if words.get(name)]
    return _cut(" ".join([words["sentence"], *parts]))


def _help(words, bugs, documents):
    """A rule's help as (text, Markdown): its sentence, what breaks it here, and how to run that again."""
    text, markdown = [words["sentence"]], [f"**{words['id']}**: {words['sentence']}"]
    for bug in bugs[:HELP_COUNT]:
        reduced = "Reduced program" if "reduced" in bug[0] else "Program"
        text += [f"{reduced}, {results.found_by(bug)}:", results.program_of(bug[0]) + "\nTo run it again:", results.again(bug[0])]
        markdown += [f"{reduced}, {results.found_by(bug, results.code)}; this runs it again:", results.block("sh", results.again(bug[0]))]
    if documents:
        markdown.append(f"[All oracles]({documents}/reference.md)")
    return {"text": "\n\n".join(text), "markdown": "\n\n".join(markdown)}


def _rule(words, bugs, documents):
    rule = {"id": words["id"], "shortDescription": {"text": _cut(words["sentence"])},
            "fullDescription": {"text": _description(words)}, "help": _help(words, bugs, documents), "defaultConfiguration": {"level": "error"},
            "properties": {"tags": ["correctness"], "precision": "very-high", "problem.severity": "error"}}
    if documents:
        rule["helpUri"] = f"{documents}/reference.md"
    return rule


def _location(uri, line, length):
    return {"physicalLocation": {"artifactLocation": {"uri": uri}, "region": {
        "startLine": line, "startColumn": 1, "endLine": line, "endColumn": length + 1}}}


def _escape(text):
    """Text in a message as it is: a message may have links, [text](id), and placeholders, {0}."""
    return re.sub(r"([\[\]\\])", r"\\\1", text).replace("{", "{{").replace("}", "}}")


def _message(bug, has_place):
    """What a result says, its figures those of the program that it ends with. GitHub shows a related place only where it is linked."""
    head = _escape("\n".join([results.headline(bug[0]), *results.details(bug[0])]))
    found = _escape(results.found_by(bug)) + (": [the program](1)" if has_place else "")
    words = results.reduced_from(bug[0])
    return "\n".join([head, found, "", *([f"{words}:", ""] if words else []), _escape(results.program_of(bug[0]))])


def _result(bug, index):
    """A bug in SARIF. Its fingerprint says which bug it is, wherever its line has moved and whichever input found it."""
    rule = bug[0]["oracle"]
    fingerprint = hashlib.sha256("\n".join(results.key_of(bug[0])).encode()).hexdigest()
    uri, line, length, function = results.locate(bug[0])
    location = _location(uri, line, length)
    if function:
        location["logicalLocations"] = [{"name": function, "kind": "function"}]
    result = {"ruleId": rule, "ruleIndex": index[rule], "level": "error",
              "locations": [location], "partialFingerprints": {"primaryLocationLineHash": fingerprint[:32]}}
    kept = [its for its in (results.in_repository(its["path"]) for its in bug if its["path"].is_file()) if its]
    result["message"] = {"text": _message(bug, bool(kept))}
    if kept:
        result["relatedLocations"] = [{"id": 1, **_location(kept[0], 1, 0), "message": {"text": "the program"}}]
    return result


def document_of(run, oracles):
    """The SARIF of what `run --json --reduce` and `oracles --json` have printed."""
    documents = results.documents_of(oracles)
    words = oracles["oracles"] + oracles["deaths"]
    bugs = results.distinct(run["results"])
    index = {rule["id"]: number for number, rule in enumerate(words)}
    driver = {"name": "kmemfuzz", "version": run["version"], "semanticVersion": run["version"], "rules": [
        _rule(rule, [bug for bug in bugs if bug[0]["oracle"] == rule["id"]], documents) for rule in words]}
    if documents:
        driver["informationUri"] = f"{documents}/output.md"
    return {"$schema": SCHEMA, "version": "2.1.0", "runs": [{
        "tool": {"driver": driver}, "columnKind": "unicodeCodePoints", "results": [_result(bug, index) for bug in bugs[:RESULT_COUNT]],
        "invocations": [{"executionSuccessful": run["totals"]["unusable"] == 0}]}]}


def parse_arguments(arguments):
    parser = results.make_parser("sarif", "Runs programs, reduces those that fail, and writes a result for each distinct bug to OUT as "
                                          "SARIF 2.1.0.", out=True)
    parser.add_argument("--junit", type=pathlib.Path, metavar="FILE", help="of the same run, also write what kmemfuzz junit does")
    parser.add_argument("--summary", type=pathlib.Path, metavar="FILE", help="and append to FILE what kmemfuzz summary prints")
    return results.parse(parser, arguments)


presets = results.presets


def main(arguments):
    """Runs, and writes the document; returns the exit code of `kmemfuzz run`."""
    options = parse_arguments(arguments)
    code, run = results.run(options)
    if run is None:
        return code
    document = document_of(run, results.ask(options, "oracles", "--json"))
    if not results.write("sarif", options.out, dump_json(document) + "\n") or (
            options.junit and not results.write("sarif", options.junit, junit.document_of(run))):
        return results.NOT_WRITTEN
    if options.summary and not results.append("sarif", options.caller / options.summary,
                                              summary.text_of(run, results.tool(options), summary.JOB_SIZE)):
        return results.NOT_WRITTEN
    for bug in results.distinct(run["results"]):
        uri, line, *_ = results.locate(bug[0])
        print(f"{uri}:{line}: {results.headline(bug[0])}")
    return code
