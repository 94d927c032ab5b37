"""What holds for every run of the Python tests: nothing is left in the tree, and nothing that was asked for runs no test."""

import sys

import pytest

sys.dont_write_bytecode = True
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
    """Adds a failure for each module, and each folder on the command line, that has no test."""
    asked = {(session.startpath / argument.split("::")[0]).resolve() for argument in session.config.args}
    for place in sorted(asked | session.stash.get(_MODULES, set())):
        if not any(item.path.is_relative_to(place) for item in items):
            items.append(RunsNoTest.from_parent(session, name=str(place.relative_to(session.startpath))))
