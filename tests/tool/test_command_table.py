"""Every command must be in the table of commands: one that is not must be missed."""


import command_table

TABLE = """
| command | does |
|---|---|
| `./ci/fuzz` | fuzzes |
| `./ci/check-docs --kmemfuzz FILE` | checks |
| `kmemfuzz run FILE...` | runs |
"""


class TestCommandTable:
    """What is missing, and what is not."""

    def test_a_table_with_a_row_for_each_command_is_complete(self):
        assert command_table.problems_of(TABLE, ["ci/fuzz", "ci/check-docs", "kmemfuzz run"]) == []

    def test_a_command_without_a_row_is_missed_by_its_name(self):
        problems = command_table.problems_of(TABLE, ["ci/fuzz", "ci/soak", "kmemfuzz show"])
        assert len(problems) == 2
        assert "ci/soak" in problems[0]
        assert "kmemfuzz show" in problems[1]

    def test_a_command_that_only_begins_like_one_with_a_row_is_missed(self):
        assert len(command_table.problems_of(TABLE, ["ci/check", "ci/check-docs-again", "kmemfuzz ru"])) == 3

    def test_a_command_that_a_row_only_speaks_of_is_missed(self):
        assert len(command_table.problems_of("| `./ci/fuzz` | as `ci/soak` |\nand `ci/soak`\n", ["ci/soak"])) == 1

    def test_the_programs_in_ci_and_the_commands_of_kmemfuzz_are_the_commands(self, folder):
        tree = folder
        (tree / "ci" / "lib").mkdir(parents=True)
        for name in ("soak", "fuzz"):
            (tree / "ci" / name).touch()
        assert command_table.commands_of(tree, ["run"]) == ["ci/fuzz", "ci/soak", "kmemfuzz run"]
