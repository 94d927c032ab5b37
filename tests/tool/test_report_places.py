"""Tests of where kmemfuzz report puts its folder, what it never replaces, and what it says of sources that are missing or
damaged."""

import contextlib
import io
import json
import os
import pathlib
import subprocess
import sys
from unittest import mock

import pytest
import report_fixture as fixture
from report_fixture import DAMAGED, ENVIRONMENT, SOUND, USAGE, ReportTest

# pylint: disable=wrong-import-order
from kmemfuzz import report, report_data


class TestPlaces(ReportTest):
    @pytest.fixture(autouse=True)
    def set_up_places(self, set_up_report_test):
        fixture.write_night(self.night)

    def test_one_campaign_is_a_report_too(self):
        self.night = self.night / "import"
        document = self.make()
        assert [campaign["name"] for campaign in document["campaigns"]] == ["import"]
        assert "Nothing was found." in self.pages()["index.html"].all("p", class_="verdict sound")[0]["text"]

    def test_a_report_is_replaced_and_nothing_of_the_old_one_stays(self):
        self.make()
        (self.out / "old.html").write_text("", encoding="utf-8")
        self.make()
        assert not (self.out / "old.html").exists()
        assert sorted(path.name for path in self.folder.iterdir()) == ["night", "out"]

    def test_a_folder_that_is_no_report_is_replaced_only_by_force(self):
        self.out.mkdir()
        (self.out / "thesis.txt").write_text("", encoding="utf-8")
        self.require_error(USAGE, "exists and is not a report; name another folder with --out, or replace it with --force")
        self.make("--force")
        assert not (self.out / "thesis.txt").exists()

    def test_a_report_of_an_earlier_form_is_replaced_too(self):
        self.out.mkdir()
        (self.out / "report.json").write_text('{"format": "kmem-report 1"}', encoding="utf-8")
        self.make()

    def test_a_json_of_something_else_makes_no_report_of_a_folder(self):
        self.out.mkdir()
        for text in ("{}", "[]", '{"format": "other"}', "{", "\x00"):
            (self.out / "report.json").write_text(text, encoding="utf-8")
            self.require_error(USAGE, "is not a report")

    def test_an_empty_folder_is_filled(self):
        self.out.mkdir()
        self.make()

    def test_what_it_is_made_from_is_never_replaced_not_even_by_force(self):
        for place in (self.night, self.night / "heap", self.folder, pathlib.Path.cwd(), pathlib.Path("/")):
            self.require_error(USAGE, "name another folder with --out", "--campaign", self.night, "--out", place, "--force")

    def test_a_file_or_a_link_is_never_replaced(self):
        self.out.write_text("", encoding="utf-8")
        self.require_error(USAGE, "is not a folder", "--campaign", self.night, "--out", self.out, "--force")
        self.out.unlink()
        self.out.symlink_to(self.night / "import")
        self.require_error(USAGE, "is not a folder", "--campaign", self.night, "--out", self.out, "--force")

    def test_a_report_that_cannot_be_finished_leaves_the_old_one_and_no_litter(self):
        self.make()
        before = (self.out / "index.html").read_bytes()
        for broken in ("shutil.copyfile", "report_pages.make_pages"):
            with mock.patch(f"kmemfuzz.report.{broken}", side_effect=OSError(28, "No space left on device")), \
                    contextlib.redirect_stderr(io.StringIO()) as errors:
                code = report.main(["--campaign", str(self.night), "--out", str(self.out)])
            assert code == ENVIRONMENT
            assert "No space left on device" in errors.getvalue()
        assert (self.out / "index.html").read_bytes() == before
        assert sorted(path.name for path in self.folder.iterdir()) == ["night", "out"]

    def test_paths_are_relative_to_where_the_command_is_typed(self):
        result = subprocess.run([sys.executable, fixture.ROOT / "fuzz/kmemfuzz", "report", "--campaign", "night", "--out",
                                 "deep/out"], cwd=self.folder, capture_output=True, text=True, check=False)
        assert result.returncode == SOUND, result.stderr
        assert (self.folder / "deep" / "out" / "index.html").is_file()


class TestErrors(ReportTest):
    @pytest.fixture(autouse=True)
    def set_up_errors(self, set_up_report_test):
        fixture.write_night(self.night)

    def test_a_folder_that_is_not_there(self):
        self.require_error(ENVIRONMENT, "there is no folder ", "--campaign", self.folder / "none", "--out", self.out)

    def test_a_folder_without_a_series(self):
        (self.folder / "empty").mkdir()
        self.require_error(ENVIRONMENT, "holds no series.jsonl", "--campaign", self.folder / "empty", "--out", self.out)

    def test_a_series_without_a_line(self):
        (self.night / "import" / "series.jsonl").write_bytes(b"")
        self.require_error(ENVIRONMENT, "has no lines yet")

    def test_a_damaged_line_is_named(self):
        path = self.night / "import" / "series.jsonl"
        lines = path.read_text(encoding="utf-8").splitlines()
        lines[3] = lines[3][:40]
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        self.require_error(DAMAGED, "import/series.jsonl:4: this line is not JSON; remove it")

    def test_an_explanation_that_is_none_is_named(self):
        path = self.night / "sv39" / "findings" / f"{fixture.CRASH}.json"
        for name, value in (("format", "other"), ("report", None), ("input", "%"), ("size_after", "9"), ("runs", True)):
            path.write_text(json.dumps({**fixture.EXPLANATION, name: value}), encoding="utf-8")
            self.require_error(DAMAGED, f"{path.resolve()} explains nothing (")
        for text in ("", "{", "[]", "3", '{"format": "kmem-explanation 1"}', "\x00", '"' + "x" * report_data.EXPLANATION_SIZE):
            path.write_text(text, encoding="utf-8")
            self.require_error(DAMAGED, "explains nothing (")

    def test_a_cut_last_line_is_left_out_and_said(self):
        path = self.night / "import" / "series.jsonl"
        path.write_bytes(path.read_bytes()[:-9])
        document = self.make()
        assert (document["campaigns"][1]["cut"], len(document["campaigns"][1]["builds"][1]["samples"])) == (True, 12)
        assert "was cut off, and is left out" in self.pages()["import.html"].all("main")[0]["text"]

    def test_documents_that_are_not_there_or_not_those(self):
        for option, command in (("--planted", "./ci/planted --json"), ("--target", "kmemfuzz board --json"),
                                ("--coverage-json", "./ci/coverage --json")):
            path = self.folder / "other.json"
            self.require_error(ENVIRONMENT, f"`{command} >other.json` writes it", "--campaign", self.night, "--out", self.out,
                               option, path)
            for text in ("{", "[]", "{}", "3", "null", '{"patches": [{}], "configurations": [{}], "files": [{}]}', "\x00"):
                path.write_text(text, encoding="utf-8")
                self.require_error(DAMAGED, f"is not what `{command}` prints", "--campaign", self.night, "--out", self.out,
                                   option, path)
            path.unlink()

    def test_a_figure_that_is_none_in_a_document(self):
        path = self.folder / "planted.json"
        for name, value in (("runs", "<b>"), ("seed", None), ("sound", 1), ("problems", [3])):
            path.write_text(json.dumps({**fixture.PLANTED, name: value}), encoding="utf-8")
            self.require_error(DAMAGED, "is not what `./ci/planted --json` prints", "--campaign", self.night, "--out",
                               self.out, "--planted", path)

    def test_documents_that_prove_nothing(self):
        canary = {**fixture.PLANTED["patches"][0], "fails": "not-found"}
        for option, document in (("--planted", {**fixture.PLANTED, "patches": []}),
                                 ("--planted", {**fixture.PLANTED, "patches": [canary]}),
                                 ("--target", {"configurations": [], "findings": []})):
            path = self.folder / "empty.json"
            path.write_text(json.dumps(document), encoding="utf-8")
            self.require_error(DAMAGED, "is not what `", "--campaign", self.night, "--out", self.out, option, path)

    def test_coverage_without_pages(self):
        self.require_error(ENVIRONMENT, "holds no index.html", "--campaign", self.night, "--out", self.out, "--coverage",
                           self.folder)

    def test_wrong_options(self):
        self.require_error(USAGE, "Usage: kmemfuzz report", "--x")
        self.require_error(USAGE, "Usage: kmemfuzz report", "--out")

    @pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
    def test_a_place_that_cannot_be_written(self):
        self.folder.chmod(0o500)
        try:
            self.require_error(ENVIRONMENT, "Permission denied")
        finally:
            self.folder.chmod(0o700)

    def test_a_place_below_a_file(self):
        (self.folder / "file").write_text("", encoding="utf-8")
        self.require_error(ENVIRONMENT, "file/out cannot be made: ", "--campaign", self.night, "--out",
                           self.folder / "file" / "out")
