"""What holds for every run of the Python tests: nothing is left in the tree, nothing that was asked for runs no test, and each
test can have a folder."""

import os
import pathlib
import sys
import tempfile
import unittest

import pytest

# What Python compiles goes beside the builds, for the thousands of processes that tests start.
sys.pycache_prefix = os.environ["PYTHONPYCACHEPREFIX"] = str(pathlib.Path(__file__).resolve().parents[1] / "build/pycache")
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
pytest.register_assert_rewrite("campaign_tree", "folders", "gate_fixture", "sarif_rules", "tool_fixture")
_MODULES = pytest.StashKey[set]()


class RunsNoTest(pytest.Item):
    """Fails for a module or folder in which there is no test."""

    def runtest(self):
        pytest.fail("there is no test in it", pytrace=False)

    def reportinfo(self):
        return self.path, None, f"{self.name}: no test"


def pytest_collectstart(collector):
    """Remembers the modules."""
    if isinstance(collector, pytest.Module):
        collector.session.stash.setdefault(_MODULES, set()).add(collector.path)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(session, items):
    """Adds a failure for each module, and each folder on the command line, that has no test. The tests of a class that share
    what it makes run in one process, and come first, so that no processor has to wait for them at the end."""
    shared = [item for item in items if "shared_folder" in item.fixturenames or issubclass(item.cls or object, unittest.TestCase)]
    for item in shared:
        item.add_marker(pytest.mark.xdist_group(item.nodeid.rpartition("::")[0]))
    items.sort(key=lambda item: item not in shared)
    asked = {(session.startpath / argument.split("::")[0]).resolve() for argument in session.config.args}
    for place in sorted(asked | session.stash.get(_MODULES, set())):
        if not any(item.path.is_relative_to(place) for item in items):
            items.append(RunsNoTest.from_parent(session, name=str(place.relative_to(session.startpath))))


def _folder():
    """A folder of a test's own, or of a class: its name is short, other users can be let in, and it goes at the end, none of
    which holds for pytest's tmp_path."""
    with tempfile.TemporaryDirectory() as name:
        yield pathlib.Path(name)


folder = pytest.fixture(_folder, name="folder")
shared_folder = pytest.fixture(_folder, name="shared_folder", scope="class")
