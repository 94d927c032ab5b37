"""Tests of ci/setup, and of what the build says when something it needs is not there.

ci/setup runs in a copy, with stubs in place of the package manager.
"""

import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
SOUND, VIOLATION, USAGE, ENVIRONMENT = range(4)
TIMEOUT = 120  # seconds before a command counts as hanging

# What the scripts call besides the package manager; all that is on their PATH.
PLAIN_TOOLS = ("bash", "cat", "dirname", "env", "flock", "grep", "mkdir", "sh", "tail", "touch")


class SetupTest:
    """A copy of ci/, and a PATH with nothing but stubs and a few plain tools."""

    @pytest.fixture(autouse=True)
    def set_up_setup_test(self, folder):
        self.tree = folder / "tree"
        self.programs = folder / "programs"
        for name in ("ci", "fuzz/kmemfuzz"):
            shutil.copytree(ROOT / name, self.tree / name, ignore=shutil.ignore_patterns("__pycache__"))
        self.programs.mkdir()
        for name in PLAIN_TOOLS:
            (self.programs / name).symlink_to(shutil.which(name))
        (self.programs / "python3").symlink_to(sys.executable)
        self.packages = re.search(r"^  (.+)", self.run_script("ci/setup")[2], re.MULTILINE).group(1)
        self.packages = self.packages.split()

    def stub(self, name, text):
        """Puts a script on the PATH."""
        (self.programs / name).write_text(f"#!/bin/sh\n{text}\n", encoding="utf-8")
        (self.programs / name).chmod(0o755)

    def have_debian(self, missing, user=1000):
        """A Debian system with all packages but the missing ones. What apt-get is asked for ends up in a file."""
        case = "".join(f"{name}) echo $name not-installed;; " for name in missing)
        self.stub("dpkg-query", f'shift 3\nfor name in "$@"; do case $name in {case}*) echo $name installed;; esac; done')
        self.stub("id", f"echo {user}")
        self.stub("apt-get", 'echo "$DEBIAN_FRONTEND apt-get $*" >>asked; echo "E: as apt-get says it" >&2; '
                  "exit ${STUB_CODE:-0}")

    def run_script(self, *command, **variables):
        """Runs a command at the top of the copy. Returns (exit code, standard output, standard error)."""
        done = subprocess.run(command, cwd=self.tree, env={"PATH": str(self.programs), **variables},
                              executable=str(self.tree / command[0]), stdin=subprocess.DEVNULL, capture_output=True,
                              text=True, timeout=TIMEOUT, check=False)
        return done.returncode, done.stdout, done.stderr

    def asked(self):
        """What apt-get was asked for."""
        path = self.tree / "asked"
        return path.read_text(encoding="utf-8").splitlines() if path.exists() else []


class TestSetup(SetupTest):
    def test_it_does_and_says_nothing_when_all_is_there(self):
        for user in (0, 1000):
            self.have_debian(missing=[], user=user)
            assert self.run_script("ci/setup") == (SOUND, "", "")
            assert self.asked() == []
            assert not (self.tree / "build").exists()

    def test_without_root_it_prints_exactly_what_to_install(self):
        self.have_debian(missing=["clang-19", "libcmocka-dev"])
        assert self.run_script("ci/setup") == (ENVIRONMENT, "", """\
These packages are missing. As root, run:
  apt-get update && apt-get install -y --no-install-recommends clang-19 libcmocka-dev
""")
        assert self.asked() == []

    def test_a_package_the_system_has_never_heard_of_is_missing(self):
        self.have_debian(missing=[])
        self.stub("dpkg-query", 'shift 3; code=0; for name in "$@"; do [ "$name" = cppcheck ] && { code=1; '
                  'echo "no packages found matching $name" >&2; } || echo "$name installed"; done; exit $code')
        code, _, errors = self.run_script("ci/setup")
        assert code == ENVIRONMENT
        assert errors.endswith("--no-install-recommends cppcheck\n"), errors
        assert "no packages found" not in errors

    def test_every_package_can_be_the_missing_one(self):
        for package in self.packages:
            self.have_debian(missing=[package])
            code, _, errors = self.run_script("ci/setup")
            assert code == ENVIRONMENT
            assert errors.endswith(f"--no-install-recommends {package}\n"), errors

    def test_as_root_it_installs_what_is_missing_without_asking(self):
        self.have_debian(missing=["cmake", "git"], user=0)
        assert self.run_script("ci/setup") == (SOUND, "", "Installing cmake git\n")
        assert self.asked() == [" apt-get update", "noninteractive apt-get install -y --no-install-recommends cmake git"]

    def test_an_installation_that_fails_ends_with_3_and_shows_why(self):
        self.have_debian(missing=["cmake"], user=0)
        code, output, errors = self.run_script("ci/setup", STUB_CODE="100")
        assert (code, output) == (ENVIRONMENT, "")
        assert "E: as apt-get says it\n" in errors
        assert "The packages could not be installed; the whole log is build/logs/setup.log\n" in errors
        assert (self.tree / "build" / "logs" / "setup.log").exists()

    def test_on_another_system_it_prints_the_list_and_goes_on(self):
        code, output, errors = self.run_script("ci/setup")
        assert (code, output) == (SOUND, "")
        assert errors.startswith("This is not a Debian system. Install the equivalents of these Debian 12 ")
        for package in ("clang-19", "libclang-rt-19-dev", "cmake", "ninja-build", "libcmocka-dev", "python3"):
            assert package in errors.split()

    def test_help_lists_the_packages_and_installs_nothing(self):
        self.have_debian(missing=["cmake"], user=0)
        code, _, errors = self.run_script("ci/setup", "--help")
        assert code == SOUND
        assert errors.startswith("Usage: ci/setup [fuzz]\n")
        assert errors.rstrip("\n").split(": ")[-1].split() == self.packages
        assert self.asked() == []

    def test_for_fuzzing_alone_it_installs_less(self):
        self.have_debian(missing=["cmake", "chromium", "qemu-system-misc", "afl++", "libcmocka-dev"], user=0)
        assert self.run_script("ci/setup", "fuzz") == (SOUND, "", "Installing cmake\n")
        assert self.asked()[-1].endswith("--no-install-recommends cmake")

    @pytest.mark.parametrize("arguments", (["--bogus"], ["fuzz", "more"]))
    def test_any_other_argument_ends_with_2_and_installs_nothing(self, arguments):
        self.have_debian(missing=["cmake"], user=0)
        code, _, errors = self.run_script("ci/setup", *arguments)
        assert code == USAGE
        assert errors.startswith("Usage: ci/setup [fuzz]\n")
        assert self.asked() == []

    def test_what_the_build_asks_for_is_in_the_list(self):
        requirements = (ROOT / "cmake" / "requirements.cmake").read_text(encoding="utf-8")
        wanted = re.findall(r'^ *kmem_require\(\S+ "[^"]*" (\S+)\)', requirements, re.MULTILINE)
        assert len(wanted) > 0
        assert set(wanted) <= set(self.packages)


class TestFuzz(SetupTest):
    """What ci/fuzz does when it cannot begin."""

    def test_missing_packages_end_it_before_it_builds(self):
        self.have_debian(missing=["clang-19"])
        self.stub("cmake", "touch built")
        code, _, errors = self.run_script("ci/fuzz")
        assert code == ENVIRONMENT
        assert "--no-install-recommends clang-19\n" in errors
        assert not (self.tree / "built").exists()

    def test_a_system_without_python_is_told_to_install_it(self):
        (self.programs / "python3").unlink()
        common = self.tree / "ci/lib/common.sh"
        common.write_text(common.read_text(encoding="utf-8").replace("/usr/bin/python3", ""), encoding="utf-8")
        self.have_debian(missing=["python3"])
        for command in ("ci/fuzz", "ci/planted"):
            code, _, errors = self.run_script(command)
            assert code == ENVIRONMENT
            assert errors.endswith("--no-install-recommends python3\n"), errors

    def test_a_build_that_fails_ends_it_and_shows_the_error_and_the_log(self):
        self.have_debian(missing=[])
        self.stub("cmake", "echo chatter; echo 'CMake Error: there is no Ninja'; exit 1")
        code, output, errors = self.run_script("ci/fuzz")
        assert (code, output) == (ENVIRONMENT, "")
        assert errors == ("Building fuzz\nCMake Error: there is no Ninja\n"
                          "The build of preset 'fuzz' failed; the whole log is build/logs/build-fuzz.log\n")

    def test_a_build_that_fails_without_an_error_line_shows_all_of_its_log(self):
        self.have_debian(missing=[])
        self.stub("cmake", "echo 'no word of what went wrong'; exit 1")
        code, _, errors = self.run_script("ci/fuzz")
        assert code == ENVIRONMENT
        assert "no word of what went wrong\n" in errors


class TestConfigure:
    """What CMake says when the tree cannot be built as asked."""

    def require_message(self, message, *options, compiler="gcc"):
        """Configures with these options, which must fail with a message that says what to do."""
        if shutil.which(compiler) is None:
            pytest.skip(f"needs {compiler}")
        with tempfile.TemporaryDirectory() as folder:
            done = subprocess.run(["cmake", "-S", ROOT, "-B", folder, "-G", "Ninja", f"-DCMAKE_C_COMPILER={compiler}",
                                   *options], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=TIMEOUT,
                                  check=False, env=dict(os.environ, LC_ALL="C"))
        assert done.returncode != 0
        said = re.sub(r"\s+", " ", done.stderr)  # CMake breaks lines where it likes
        assert message in said
        assert said.count("CMake Error") == 1, said

    def test_a_missing_cmocka_is_named_with_its_package(self):
        self.require_message("kmem: the unit test framework cmocka was not found. Run ./ci/setup, or install the "
                             "Debian package libcmocka-dev.", "-DCMAKE_DISABLE_FIND_PACKAGE_cmocka=ON")

    def test_fuzz_targets_need_clang(self):
        compiler = shutil.which("gcc")
        self.require_message(f"kmem: KMEM_FUZZERS and KMEM_COVERAGE need clang, but the compiler is {compiler}. Use "
                             "one of the presets: cmake --list-presets.", "-DKMEM_FUZZERS=ON")

    def test_coverage_needs_clang(self):
        self.require_message("kmem: KMEM_FUZZERS and KMEM_COVERAGE need clang", "-DKMEM_COVERAGE=ON")

    @pytest.mark.parametrize("value", ("heap", "Core", "", "core;everything"))
    def test_an_instrumentation_that_does_not_exist_is_named_with_those_that_do(self, value):
        self.require_message(f"kmem: KMEM_INSTRUMENT is '{value}'; it must be none, core or everything.",
                             f"-DKMEM_INSTRUMENT={value}")

    def test_a_missing_sanitizer_runtime_is_named_with_its_package(self, folder):
        compiler = shutil.which("clang-19")
        if compiler is None:
            pytest.skip("needs clang-19")
        script = folder / "clang-19"
        script.write_text('#!/bin/sh\ncase $1 in -print-file-name=*) echo "${1#*=}"; exit ;; esac\n'
                          f'exec {compiler} "$@"\n', encoding="utf-8")
        script.chmod(0o755)
        self.require_message("kmem: clang's sanitizer and libFuzzer runtime was not found. Run ./ci/setup, or "
                             "install the Debian package libclang-rt-19-dev.", "-DKMEM_FUZZERS=ON", compiler=str(script))
