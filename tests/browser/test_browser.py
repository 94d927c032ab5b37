"""Starting the driver of the browser, which a stub stands for."""

import os

import pytest
from browser import STARTS, Browser, BrowserError
from folders import FolderTest, write_script


class TestStart(FolderTest):
    def start(self, monkeypatch, said):
        """Starts a browser whose driver says this and ends. Returns the error, and how often it was started."""
        write_script(self.folder / "chromedriver", f"#!/bin/sh\necho >>{self.folder}/starts\necho '{said}'\n")
        monkeypatch.setenv("PATH", f"{self.folder}:{os.environ['PATH']}")
        with pytest.raises(BrowserError) as error:
            Browser()
        return str(error.value), len((self.folder / "starts").read_text(encoding="utf-8").splitlines())

    def test_a_port_that_is_taken_is_followed_by_another_start(self, monkeypatch):
        said = "IPv6 port not available. Exiting..."
        assert self.start(monkeypatch, said) == (f"chromedriver ended before it was ready: {said}", STARTS)

    def test_any_other_end_is_told_at_once(self, monkeypatch):
        assert self.start(monkeypatch, "no memory") == ("chromedriver ended before it was ready: no memory", 1)
