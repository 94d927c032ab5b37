"""kmemfuzz junit: runs programs and writes a test for each, as the XML of JUnit that every CI reads."""

import pathlib
import xml.etree.ElementTree as ET

from kmemfuzz import results
from kmemfuzz.outside_text import visible, visible_lines


def _add_case(suite, file):
    path = pathlib.PurePath(visible(file))
    return ET.SubElement(suite, "testcase", classname=".".join(part for part in path.parent.parts if part not in ("/", "..")) or "programs",
                         name=str(path), file=str(path))


def _failure_text(result):
    words = "; ".join(filter(None, (results.reduced_from(result), "to run it again:")))
    return visible_lines("\n".join([results.headline(result), *results.details(result), "", words, results.again(result)]))


def document_of(run):
    """The XML of what `run --json --reduce` has printed: a program that fails has a failure, one that could not be run an error,
    and what is no program is skipped."""
    totals = run["totals"]
    counts = {"tests": len(run["results"]) + len(run["left_out"]), "failures": totals["violations"] + totals["died"],
              "errors": totals["unusable"], "skipped": totals["left_out"]}
    top = ET.Element("testsuites", name="kmemfuzz", **{name: str(count) for name, count in counts.items()}, time=f"{run['seconds']:.3f}")
    suite = ET.SubElement(top, "testsuite", top.attrib)
    for result in run["results"]:
        case = _add_case(suite, result["file"])
        if "oracle" in result:
            ET.SubElement(case, "failure", type=result["oracle"], message=visible(results.headline(result))).text = _failure_text(result)
        elif result["verdict"] == "unusable":
            ET.SubElement(case, "error", type="unusable", message="it cannot be run; standard error says why")
    for left_out in run["left_out"]:
        ET.SubElement(_add_case(suite, left_out["file"]), "skipped", message=visible(left_out["reason"]))
    ET.indent(top)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{ET.tostring(top, encoding="unicode")}\n'


def parse_arguments(arguments):
    return results.parse(results.make_parser("junit", "Runs programs, and writes a test for each to OUT as JUnit XML.", out=True), arguments)


presets = results.presets


def main(arguments):
    """Runs, and writes the document; returns the exit code of `kmemfuzz run`."""
    options = parse_arguments(arguments)
    code, run = results.run(options)
    if run is None:
        return code
    return code if results.write("junit", options.out, document_of(run)) else results.NOT_WRITTEN
