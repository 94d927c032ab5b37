"""kmemfuzz_add_heap in a project that finds the installed package: its fuzz target, its tests, and what is wrong with arguments.
What takes longer is in tests/package."""

import re
import shutil
import subprocess

import pytest
from package_fixture import FAILING_PROGRAM, HEAP_ARGUMENTS, ROOT, SOUND_PROGRAM, Project, install

from folders import write_file
from tool_fixture import build_sooner


@pytest.mark.night
class TestFound:
    """One project, whose fuzz target is built once."""

    @pytest.fixture(scope="class")
    def project(self, shared_folder):
        install(shared_folder / "a prefix")
        build_sooner(shared_folder / "a prefix/share/kmemfuzz")
        project = Project(shared_folder, languages="C")
        code, output = project.configure(f"-DCMAKE_PREFIX_PATH={shared_folder / 'a prefix'}", "-DKMEMFUZZ_TIME=1s")
        assert code == 0, output
        code, output = project.make("my_heap_fuzzer")
        assert code == 0, output
        assert "Compiled " in output
        return project

    @pytest.fixture(autouse=True)
    def set_up(self, project):
        self.project = project
        self.data = project.folder / "my_heap.fuzz"
        yield
        shutil.rmtree(self.data, ignore_errors=True)

    def test_the_target_fuzzes_and_the_tool_runs_programs(self):
        assert self.project.make("my_heap_kmemfuzz")[0] == 0
        write_file(self.project.folder / "sound.ops", SOUND_PROGRAM)
        code, output = self.project.run(self.project.build / "my_heap_fuzzer", "sound.ops")
        assert (code, "Executed sound.ops in" in output) == (0, True), output
        code, output = self.project.run(self.project.build / "my_heap_kmemfuzz", "run", "sound.ops")
        assert (code, output.split()[-1]) == (0, "sound.ops"), output

    def test_nothing_of_the_build_is_from_the_tree(self):
        build = self.project.build / "my_heap.kmemfuzz/fuzz"
        read = subprocess.run(["ninja", "-C", build, "-t", "deps"], capture_output=True, text=True, check=True).stdout
        read += "".join((build / name).read_text(encoding="utf-8") for name in ("build.ninja", "CMakeCache.txt"))
        assert "a prefix/share/kmemfuzz/fuzz/execute/executor.c" in read
        assert f"{ROOT}/" not in read

    def test_folders_without_programs_are_not_judged(self):
        code, output = self.project.test()
        assert code == 0
        assert re.findall(r"my_heap[.](\w+) [.]+[* ]*(\w+)", output) == [
            ("build", "Passed"), ("corpus", "Skipped"), ("regressions", "Skipped")]
        code, output = self.project.test("-V", "-R", "corpus")
        assert f"There is no program in {self.data}/corpus yet: nothing is judged\n" in output

    def test_programs_that_are_sound_pass(self):
        write_file(self.data / "corpus/sound.ops", SOUND_PROGRAM)
        write_file(self.data / "regressions/sound.ops", SOUND_PROGRAM)
        code, output = self.project.test("-j", "3")
        assert (code, len(re.findall(" Passed ", output))) == (0, 3), output

    def test_a_regression_fails_and_is_explained(self):
        write_file(self.data / "corpus/sound.ops", SOUND_PROGRAM)
        write_file(self.data / "regressions/request-ignored.ops", FAILING_PROGRAM)
        code, output = self.project.test()
        assert code != 0
        assert "my_heap.regressions (Failed)" in output
        assert "my_heap.corpus (Failed)" not in output
        assert "disjoint" in output


class TestArguments:
    """What is wrong is an error when the project is configured."""

    @pytest.fixture(scope="class")
    def prefix(self, shared_folder):
        install(shared_folder / "a prefix")
        return shared_folder / "a prefix"

    @pytest.mark.parametrize("arguments, error", [
        ("my_heap", "it needs SOURCES, of which the first describes the heap"),
        ("my_heap SOURCES", "it needs SOURCES"),
        ("my_heap SOURCES kernel/heap.h", "ends in .c, .cc, .cpp or .cxx"),
        ("my_heap SOURCES other.c", "there is no file .*/a project/other.c"),
        ("my_heap SOURCES my_heap.c kernel", "there is no file .*/a project/kernel"),
        ("my_heap my_heap.c", "'my_heap.c' stands after none of SOURCES, FLAGS and MUTE"),
        ("\"my heap\" SOURCES my_heap.c", "a name has letters, digits and"),
        (f"{HEAP_ARGUMENTS})\nkmemfuzz_add_heap({HEAP_ARGUMENTS}", "there is a target my_heap_fuzzer already"),
    ])
    def test_wrong_arguments_are_named(self, folder, prefix, arguments, error):
        self.require_error(Project(folder, heap=arguments), prefix, error)

    def test_one_source_is_enough(self, folder, prefix):
        code, output = Project(folder, heap="my_heap SOURCES my_heap.c").configure(f"-DCMAKE_PREFIX_PATH={prefix}")
        assert code == 0, output

    def test_a_program_that_is_missing_is_named_with_its_package(self, folder, prefix):
        hidden = ("-DCMAKE_FIND_USE_SYSTEM_ENVIRONMENT_PATH=OFF", "-DCMAKE_FIND_USE_CMAKE_SYSTEM_PATH=OFF",
                  f"-DCMAKE_MAKE_PROGRAM={shutil.which('make')}")
        self.require_error(Project(folder), prefix, "python3 was not found; install the Debian package python3", *hidden)

    def test_another_version_is_refused(self, folder, prefix):
        for version in ("0.1", "0.3", "1"):
            self.require_error(Project(folder, package=f"find_package(kmemfuzz {version} REQUIRED)"), prefix,
                               "configuration file for package \"kmemfuzz\" that is compatible")

    @staticmethod
    def require_error(project, prefix, error, *arguments):
        code, output = project.configure(f"-DCMAKE_PREFIX_PATH={prefix}", *arguments)
        assert code == 1
        assert re.search(error, re.sub(r"\s+", " ", output)), output
