"""What SARIF 2.1.0 and GitHub require of a file, as far as kmemfuzz writes it. No package of Debian 12 has the schema, so this is
a transcription: the members that each object may have, with their kinds. An object with any other member is wrong. No tests here."""

import gzip
import json
import re

LEVELS = ("none", "note", "warning", "error")

# By object: its members, and of those that the schema requires (!) or that GitHub asks for (!). A list holds one or more of a kind.
OBJECTS = {
    "sarifLog": {"$schema": "uri", "version!": "text", "runs!": ["run"]},
    "run": {"tool!": "tool", "results!": ["result"], "invocations": ["invocation"], "columnKind": "text"},
    "tool": {"driver!": "toolComponent"},
    "toolComponent": {"name!": "text", "version": "text", "semanticVersion": "text", "informationUri": "uri",
                      "rules!": ["reportingDescriptor"]},
    "reportingDescriptor": {"id!": "text", "shortDescription!": "message", "fullDescription!": "message",
                            "help!": "message", "helpUri": "uri", "defaultConfiguration!": "reportingConfiguration",
                            "properties": "propertyBag"},
    "reportingConfiguration": {"level!": "level"},
    "propertyBag": {"tags!": ["text"], "precision!": "text", "problem.severity!": "text"},
    "result": {"ruleId!": "text", "ruleIndex!": "count", "level!": "level", "message!": "message", "locations!": ["location"],
               "relatedLocations": ["location"], "partialFingerprints!": "fingerprints"},
    "location": {"id": "count", "physicalLocation!": "physicalLocation", "logicalLocations": ["logicalLocation"],
                 "message": "message"},
    "logicalLocation": {"name!": "text", "kind!": "text"},
    "physicalLocation": {"artifactLocation!": "artifactLocation", "region!": "region"},
    "artifactLocation": {"uri!": "path"},
    "region": {"startLine!": "number", "startColumn!": "number", "endLine!": "number", "endColumn!": "number"},
    "message": {"text!": "text", "markdown": "text"},
    "invocation": {"executionSuccessful!": "bool"},
    "fingerprints": {"primaryLocationLineHash!": "text"},
}

VALUES = {
    "text": lambda value: isinstance(value, str) and value != "",
    "uri": lambda value: re.fullmatch(r"https://[!-~]+", value),
    "path": lambda value: re.fullmatch(r"(?!/)(?!.*\.\./)[A-Za-z0-9._~/%-]+", value),  # relative, and inside
    "level": LEVELS.__contains__,
    "count": lambda value: type(value) is int and value >= 0,
    "number": lambda value: type(value) is int and value >= 1,
    "bool": lambda value: isinstance(value, bool),
}


def check_object(kind, value, where="file"):
    """Requires of a value what its kind has to be."""
    if isinstance(kind, list):
        assert isinstance(value, list), where
        for number, member in enumerate(value):
            check_object(kind[0], member, f"{where}[{number}]")
    elif kind in VALUES:
        assert VALUES[kind](value), f"{where} is {value!r}, no {kind}"
    else:
        members = {name.rstrip("!"): its for name, its in OBJECTS[kind].items()}
        required = {name.rstrip("!") for name in OBJECTS[kind] if name.endswith("!")}
        assert required <= set(value) <= set(members), f"{where}: {sorted(set(value) ^ required)}"
        for name, member in value.items():
            check_object(members[name], member, f"{where}.{name}")


def check_message(result):
    """Requires of a message that what is not escaped is a link to a related place, and that GitHub shows each of these: those linked."""
    text = re.sub(r"\\[\[\]\\]|\{\{|\}\}", "", result["message"]["text"])
    links = [int(number) for number in re.findall(r"\[[^\[\]\\]+\]\((\d+)\)", text)]
    assert sorted(links) == [place["id"] for place in result.get("relatedLocations", [])]
    assert not re.search(r"[\[\]{}\\]", re.sub(r"\[[^\[\]]+\]\(\d+\)", "", text)), text


def check(document):
    """Requires that a document is SARIF, and that GitHub takes and shows all of it."""
    check_object("sarifLog", document)
    assert document["version"] == "2.1.0"
    assert document["$schema"].endswith("/sarif-schema-2.1.0.json")
    assert len(gzip.compress(json.dumps(document).encode())) <= 10 << 20
    assert len(document["runs"]) == 1  # several of one tool and category are refused
    for run in document["runs"]:
        rules = run["tool"]["driver"]["rules"]
        assert len({rule["id"] for rule in rules}) == len(rules) <= 25000
        for rule in rules:
            assert len(rule["id"]) <= 255
            assert len(rule["shortDescription"]["text"]) <= 1024 and len(rule["fullDescription"]["text"]) <= 1024
            assert "markdown" in rule["help"] and len(rule["properties"]["tags"]) <= 10
        assert len(run["results"]) <= 5000
        for result in run["results"]:
            assert rules[result["ruleIndex"]]["id"] == result["ruleId"]
            assert 1 <= len(result["locations"]) <= 100
            check_message(result)
            for location in result["locations"] + result.get("relatedLocations", []):
                region = location["physicalLocation"]["region"]
                assert (region["startLine"], region["startColumn"]) <= (region["endLine"], region["endColumn"])
        alerts = [(result["ruleId"], result["partialFingerprints"]["primaryLocationLineHash"]) for result in run["results"]]
        assert len(set(alerts)) == len(alerts)
