"""What tests of kmemfuzz import share: a log in, and what comes out. No tests here."""

import re

from tool_fixture import SOUND, USAGE, ToolTest


class ImportTest(ToolTest):
    def import_log(self, log, *arguments):
        """Imports a log into out.ops. Returns (exit code, standard output, standard error)."""
        self.write("log", log)
        return self.run_tool("import", "log", "-o", "out.ops", "--force", *arguments)

    def operations(self):
        """The operations in out.ops, without their comments, and the lines of the log that these name."""
        lines = (self.folder / "out.ops").read_text("utf-8").splitlines()
        assert lines[0] == "kmem-program 1"
        start = next(index for index, line in enumerate(lines) if line.startswith("heap "))
        found = [re.fullmatch(r"(.*\S) +# line ([0-9]+)(?:, [0-9]+ bytes)?", line).groups() for line in lines[start + 1:]]
        return [operation for operation, _ in found], [int(line) for _, line in found]

    def require(self, log, operations, *arguments, notes=""):
        """The log becomes these operations, with these notes, and a program that is sound."""
        code, output, errors = self.import_log(log, *arguments)
        assert (code, errors) == (SOUND, notes)
        assert output.startswith(f"{len(operations)} operation{'s' * (len(operations) != 1)} from a log of format "), output
        assert self.operations()[0] == operations
        assert self.run_tool("run", "out.ops")[0] == SOUND

    def require_errors(self, log, *errors, arguments=()):
        """The log is refused with exactly these complaints, and nothing is written."""
        code, output, written = self.import_log(log, *arguments)
        assert (code, output) == (USAGE, "")
        assert written.splitlines() == list(errors)
        assert not (self.folder / "out.ops").exists()
