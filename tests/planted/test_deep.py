"""The deep bugs of tests/planted/deep can be reached: each has a program beside it, on which the sound code is sound and the
bug is caught by an oracle that its patch names."""

import concurrent.futures
import os
import pathlib
import re

import patched
import planted
import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
LEAST = 16  # deep bugs that there have to be


def finding_of(tool, program):
    """The oracle that objects when a tool runs a program; None when none does."""
    code, output = patched.run([str(tool), "run", str(program)])
    match = re.search(r": VIOLATION ([a-z-]+): ", output)
    assert (code, match is None) in ((0, True), (1, False)), output
    return match and match.group(1)


class TestDeepBugs:
    @pytest.fixture(autouse=True)
    def set_up_deep_bugs(self, monkeypatch, folder):
        monkeypatch.chdir(ROOT)
        self.folder = folder
        self.patches = planted.read_patches(planted.DEEP, planted.read_oracles())

    def test_there_are_as_many_programs_as_bugs_and_enough_of_both(self):
        assert {path.stem for path in planted.DEEP.glob("*.txt")} == {patch.name for patch in self.patches}
        assert len(self.patches) >= LEAST
        assert not {patch.name for patch in self.patches} & {path.stem for path in planted.PATCHES.glob("*.patch")}

    @pytest.mark.night
    @pytest.mark.parametrize("target", [target.name for target in planted.TARGETS.values() if target.programs])
    def test_each_is_reached_by_its_program_and_the_sound_code_is_sound_on_it(self, target):
        tool = planted.TARGETS[target].tool
        build = patched.Build(planted.PRESET, tool, lines=False)
        sound = pathlib.Path("build", planted.PRESET, tool)

        def reach(patch):
            program = patch.path.with_suffix(".txt")
            patched_tool, = build.link(patched.make_copy(self.folder / patch.name, patch.path))
            return patch.name, finding_of(sound, program), finding_of(patched_tool, program) in patch.oracles

        own = [patch for patch in self.patches if patch.target == target]
        with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
            results = list(pool.map(reach, own))
        assert results == [(patch.name, None, True) for patch in own] != []
