"""Tests of ci/lib/bench_choices.py: its programs, its tables, and what it says of a document. The board is not started here;
./ci/test instructions does that."""

import re

import bench_choices as bench
import pytest
from folders import FolderTest

SOUND, VIOLATION, USAGE, ENVIRONMENT = range(4)
COMPILER = "clang-19.1.7"


class TestBenchChoices(FolderTest):
    @pytest.fixture(autouse=True)
    def set_up_bench(self, set_up_folder_test, monkeypatch, capsys):
        self.capsys = capsys
        self.compiler, self.extra = COMPILER, 0
        monkeypatch.setattr(bench, "measure", self.measured)
        self.document = self.folder / "choices.md"
        self.document.write_text("before\n\n```text measured\n```\n\nafter\n```text\n```\n", encoding="utf-8")

    def measured(self):
        """Counts of no board: each heap has its own."""
        programs = bench.Programs()
        count = len(programs.patterns) + len(programs.traffic)
        of_heap = {title: {f"{what}-{index}": 1000000 * (place + 1) + index + self.extra for index in range(count)
                           for what in ("alloc", "free", "all", "region")}
                   for place, title in enumerate([*bench.HEAPS.values(), *bench.VARIANTS.values()])}
        return self.compiler, of_heap, programs

    def run_main(self, *arguments):
        """Runs the command line. Returns (exit code, standard output, standard error)."""
        code = bench.main(["--document", str(self.document), *arguments])
        return (code, *self.capsys.readouterr())

    def test_accepting_writes_the_tables_into_the_block_and_nothing_else(self):
        assert self.run_main("--accept")[0] == SOUND
        text = self.document.read_text(encoding="utf-8")
        assert re.fullmatch(r"before\n\n```text measured\nrv64, clang-19.1.7\n.*\n```\n\nafter\n```text\n```\n", text, re.DOTALL)
        assert self.run_main("--accept")[0] == SOUND
        assert self.document.read_text(encoding="utf-8") == text

    def test_a_document_with_these_tables_is_sound_and_one_stale_figure_is_not(self):
        self.run_main("--accept")
        code, output, _ = self.run_main()
        assert code == SOUND and re.search(r"(?m)^122 counts of instructions, all as in ", output)
        self.extra = 1
        code, output, _ = self.run_main()
        assert code == VIOLATION and bench.ACCEPT in output

    def test_every_heap_has_a_line_in_every_table_that_it_belongs_to(self):
        output = self.run_main("--accept")[1]
        for title in bench.HEAPS.values():
            assert len(re.findall(rf"(?m)^{re.escape(title)}  .*[0-9]$", output)) == 5
        for title in bench.VARIANTS.values():
            assert len(re.findall(rf"(?m)^{re.escape(title)}  .*[0-9]$", output)) == 1

    def test_another_compiler_cannot_be_compared(self):
        self.run_main("--accept")
        self.compiler = "clang-20.0.0"
        assert self.run_main()[0] == ENVIRONMENT

    def test_a_document_without_a_place_for_them_is_exit_code_3(self):
        self.document.write_text("nothing\n", encoding="utf-8")
        assert self.run_main()[0] == ENVIRONMENT
        self.document.unlink()
        assert self.run_main()[0] == ENVIRONMENT

    def test_the_programs_are_the_same_in_every_run_and_free_only_what_is_live(self):
        programs = bench.Programs()
        assert programs.traffic == bench.Programs().traffic and len(set(programs.traffic)) == len(programs.traffic)
        for text, peak in zip(programs.traffic, programs.peaks):
            live, most = {}, 0
            for line in text.splitlines()[2:]:
                word, slot, *size = line.split()
                assert (slot in live) == (word == "free")
                live.pop(slot, None)
                if word == "alloc":
                    live[slot] = int(size[0])
                most = max(most, sum(live.values()))
            assert most == peak > 10000
