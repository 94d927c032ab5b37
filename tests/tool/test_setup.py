"""Tests of ci/setup, and of what begins with it: it runs in a copy, with stubs in place of the package manager."""

import json
import pathlib
import re
import shutil
import subprocess
import sys

import pytest
from folders import copy_commands

ROOT = pathlib.Path(__file__).resolve().parents[2]
SOUND, VIOLATION, USAGE, ENVIRONMENT = range(4)
CLANG_PROGRAMS = re.search(r'^PROGRAMS="(.*)"', (ROOT / "cmake/clang").read_text(encoding="utf-8"), re.MULTILINE)[1].split()
INSTALL = "-o DPkg::Lock::Timeout=600 install -y --no-install-recommends"
WITHOUT_CLANG = "Without clang, gcc builds all but the fuzz targets: ./ci/build release; then build/release/kmemfuzz smoke\n"
TIMEOUT = 120  # seconds before a command counts as hanging

# What the scripts call besides the package manager; all that is on their PATH.
PLAIN_TOOLS = ("bash", "cat", "dirname", "env", "flock", "grep", "mkdir", "readlink", "rm", "sed", "sh", "sort", "tail", "touch", "tr", "uname")
ROWS = [line.split() for line in (ROOT / "ci/lib/packages").read_text(encoding="utf-8").splitlines() if not line.startswith("#")]


class SetupTest:
    """A copy of ci/, and a PATH with nothing but stubs and a few plain tools."""

    @pytest.fixture(autouse=True)
    def set_up_setup_test(self, folder):
        self.tree = folder / "tree"
        self.programs = folder / "programs"
        copy_commands(self.tree, "ci", "cmake", "fuzz/kmemfuzz")
        self.programs.mkdir()
        for name in PLAIN_TOOLS:
            (self.programs / name).symlink_to(shutil.which(name))
        (self.programs / "python3").symlink_to(sys.executable)
        self.packages = [self.name(row[2]) for row in ROWS]

    def stub(self, name, text):
        """Puts a script on the PATH."""
        (self.programs / name).write_text(f"#!/bin/sh\n{text}\n", encoding="utf-8")
        (self.programs / name).chmod(0o755)

    @staticmethod
    def name(pattern, clang="19"):
        """What matches a pattern of the list."""
        name = pattern.split("|")[-1 if "qemu" in pattern else 0].replace("\\+", "+").replace("(t64)?", "")
        return re.sub(r"\bV\b", clang, name).replace("GCC", "12").replace("[0-9.]+", "2.0")

    def have_clang(self, *versions, runtimes=True):
        """Compilers that say where their runtimes are."""
        for name in ("asan", "fuzzer"):
            (self.programs / f"libclang_rt.{name}.a").touch()
        for version in versions:
            folder = self.programs if runtimes else "/nowhere"
            self.stub(f"clang-{version}", f'case $1 in -print-file-name=*) echo "{folder}/${{1#*=}}" ;; -dumpversion) echo {version}.1.0 ;; esac')
            for program in CLANG_PROGRAMS[1:]:
                self.stub(f"{program}-{version}", "")

    def have_debian(self, missing, user=1000, offered=None, clang=("19",)):
        """A Debian system with all packages but the missing ones. What apt-get is asked for ends up in a file."""
        for row in ROWS:
            if row[1] not in ("-", "clang", "python3") and self.name(row[2]) not in missing:
                self.stub(self.name(row[1]).replace("-V", "-19"), "")
        if not any(re.fullmatch(r"(clang|lld|llvm|libclang-rt)-19.*", name) for name in missing):
            self.have_clang(*clang)
        installed = [name for name in self.packages if name not in missing]
        self.stub("dpkg-query", "".join(f"echo installed {name}\n" for name in installed) + "".join(
            f"echo not-installed {name}\n" for name in missing))
        offered = self.packages if offered is None else offered
        names = "".join(f"echo {name}\n" for name in offered)
        self.stub("apt-cache", "case $1 in depends) echo '  Depends: gcc-12' ;; policy) echo ' 500 http://deb bookworm/main amd64 Packages' ;; *)\n"
                  f"{names};; esac")
        self.stub("id", f"echo {user}")
        self.stub("apt-get", 'echo "$DEBIAN_FRONTEND apt-get $*" >>asked; echo "E: as apt-get says it" >&2; '
                  "exit ${STUB_CODE:-0}")

    def have_no_lists_until_update(self):
        """What apt says in a container until its lists are loaded: of packages that are installed, or nothing."""
        offered = (self.programs / "apt-cache").read_text(encoding="utf-8").removeprefix("#!/bin/sh\n")
        self.stub("apt-cache", "[ -e updated ] || case $1 in depends) exit 100 ;; policy) echo ' 100 /var/lib/dpkg/status'; exit ;; *) echo dpkg; exit ;; esac\n"
                  + offered)
        self.stub("apt-get", 'echo "$DEBIAN_FRONTEND apt-get $*" >>asked; [ "$1" != update ] || : >updated')

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
        self.have_debian(missing=["cmake", "libcmocka-dev"])
        assert self.run_script("ci/setup") == (ENVIRONMENT, "", """\
These packages are missing. As root, run:
  apt-get update && apt-get install -y --no-install-recommends cmake libcmocka-dev
""")
        assert self.asked() == []

    @pytest.mark.parametrize("package", [row[2] for row in ROWS if row[1] == "-" or row[2] in ("cmake", "gcc", "clang-tidy-V")])
    def test_a_package_can_be_the_missing_one(self, package):
        package = self.name(package)
        self.have_debian(missing=[package])
        code, _, errors = self.run_script("ci/setup")
        assert code == ENVIRONMENT
        assert errors.endswith(f"--no-install-recommends {package}\n"), errors

    def test_as_root_it_installs_what_is_missing_without_asking(self):
        self.have_debian(missing=["cmake", "git"], user=0)
        assert self.run_script("ci/setup") == (SOUND, "", "Looking for packages\nInstalling cmake git\n")
        assert self.asked() == [" apt-get update", f"noninteractive apt-get {INSTALL} cmake git"]

    @pytest.mark.parametrize("clang", [True, False])
    def test_as_root_without_lists_it_loads_them_first(self, clang):
        missing = [name for name in self.packages if "-19" in name] * (not clang) + ["cmake"]
        self.have_debian(missing=missing, user=0)
        self.have_no_lists_until_update()
        names = [self.name(row[2]) for row in ROWS if row[0] in ("all", "fuzz")]
        assert self.run_script("ci/setup", "fuzz") == (
            SOUND, "", f"Looking for packages\nInstalling {' '.join(name for name in names if name in missing)}\n")
        assert self.asked()[0] == " apt-get update" and len(self.asked()) == 2

    def test_without_lists_and_without_root_it_does_not_say_what_the_system_lacks(self):
        self.have_debian(missing=["clang-19", "cmake"])
        self.have_no_lists_until_update()
        for command in (["fuzz"], ["--list", "fuzz"]):
            assert self.run_script("ci/setup", *command) == (ENVIRONMENT, "", """\
There are no lists of packages here, so what is missing cannot be named. As root, run:
  apt-get update
""" + WITHOUT_CLANG * (len(command) == 1))
        assert self.asked() == []

    def test_a_set_that_is_complete_does_not_touch_apt(self):
        self.have_debian(missing=["chromium"], user=0)
        for name in ("apt-cache", "apt-get"):
            self.stub(name, "echo touched >>asked")
        assert self.run_script("ci/setup", "fuzz") == (SOUND, "", "")
        assert self.asked() == []

    def test_what_another_process_has_installed_meanwhile_is_not_installed_again(self):
        self.have_debian(missing=["cmake"], user=0)
        (self.programs / "flock").unlink()
        self.stub("flock", f": >'{self.programs}/cmake' && {shutil.which('chmod')} 755 '{self.programs}/cmake'")
        assert self.run_script("ci/setup", "fuzz") == (SOUND, "", "")
        assert self.asked() == []

    def test_a_list_names_what_the_system_does_not_offer(self):
        self.have_debian(missing=["ninja-build"], offered=[name for name in self.packages if name != "ninja-build"])
        code, output, errors = self.run_script("ci/setup", "--list", "fuzz")
        assert (code, errors) == (ENVIRONMENT, "This system has no package of these names: ninja-build\n")
        assert "cmake python3" in output

    def test_an_installation_that_fails_ends_with_3_and_shows_why(self):
        self.have_debian(missing=["cmake"], user=0)
        self.stub("apt-get", '[ "$1" = update ] || { echo "E: as apt-get says it"; exit 100; }')
        code, output, errors = self.run_script("ci/setup")
        assert (code, output) == (ENVIRONMENT, "")
        assert "E: as apt-get says it\n" in errors
        assert "The packages could not be installed; the whole log is build/logs/setup.log\n" in errors
        assert (self.tree / "build" / "logs" / "setup.log").exists()

    @pytest.mark.parametrize("manager, names", [(None, "clang lld llvm compiler-rt binutils"), ("pacman", "clang lld llvm compiler-rt binutils")])
    def test_on_another_system_it_prints_its_names_and_ends_with_3(self, manager, names):
        if manager:
            self.stub(manager, "")
        code, output, errors = self.run_script("ci/setup", "fuzz")
        assert (code, output) == (ENVIRONMENT, "")
        assert "(untried)" in errors and f"  {names} cmake ninja" in errors

    def test_on_another_system_that_has_all_it_says_nothing(self):
        self.have_debian(missing=[])
        (self.programs / "dpkg-query").unlink()
        assert self.run_script("ci/setup") == (SOUND, "", "")
        (self.programs / "ninja").unlink()
        code, _, errors = self.run_script("ci/setup")
        assert (code, errors.splitlines()[-1]) == (ENVIRONMENT, "  ninja-build")

    def test_on_another_system_dpkg_alone_is_no_debian_and_what_has_no_package_is_skipped(self):
        self.have_debian(missing=["gcc-s390x-linux-gnu"], clang=["22"])
        (self.programs / "apt-get").unlink()
        self.stub("pacman", "")
        for name in ("clang-format", "clang-tidy"):
            (self.programs / f"{name}-19").unlink()
            self.stub(name, f"echo {name} version 22.1.0")
        said = "This system has no package of these names, so what needs them is skipped: gcc-s390x-linux-gnu\n"
        assert self.run_script("ci/setup") == (SOUND, "", said)
        (self.programs / "clang-tidy").unlink()
        code, _, errors = self.run_script("ci/setup")
        assert (code, errors.startswith(said), errors.splitlines()[-1]) == (ENVIRONMENT, True, "  clang")

    def test_without_the_list_it_ends_with_3(self):
        self.have_debian(missing=["cmake"], user=0)
        (self.tree / "ci/lib/packages").unlink()
        assert self.run_script("ci/setup") == (ENVIRONMENT, "", "ci/lib/packages, the list of packages, cannot be read\n")

    def test_each_set_is_printed_by_the_names_it_has_here(self):
        self.have_debian(missing=["cmake"], user=0)
        lists = [self.run_script("ci/setup", "--list", name)[1].split() for name in ("fuzz", "board", "test", "gcc")]
        assert lists[0] == ["clang-19", "lld-19", "llvm-19", "libclang-rt-19-dev", "libc6-dev", "binutils", "cmake", "ninja-build", "python3",
                            "gcc", "git", "patch"]
        assert set(lists[0]) < set(lists[1]) < set(lists[2]) == set(self.packages)
        assert set(lists[0][4:]) < set(lists[3]) < set(lists[1]) and "g++" in lists[3] and "libcmocka-dev" in lists[3]
        assert "chromium" not in lists[1] and "qemu-system-misc" in lists[1]
        assert self.asked() == []

    def test_for_fuzzing_alone_it_installs_less(self):
        self.have_debian(missing=["cmake", "chromium", "qemu-system-misc", "afl++", "libcmocka-dev"], user=0)
        assert self.run_script("ci/setup", "fuzz") == (SOUND, "", "Looking for packages\nInstalling cmake\n")
        assert self.asked()[-1].endswith("--no-install-recommends cmake")

    @pytest.mark.parametrize("here", ["14", "16", "22"])
    def test_for_fuzzing_a_complete_clang_from_14_on_will_do(self, here):
        self.have_debian(missing=["clang-19"])
        self.have_clang("13", here)
        assert self.run_script("ci/setup", "fuzz") == (SOUND, "", "")
        self.have_clang("13", here, runtimes=False)
        assert self.run_script("ci/setup", "fuzz")[0] == ENVIRONMENT

    def test_the_measured_clang_is_installed_or_else_the_newest_by_the_names_it_has(self):
        clang = [name for name in self.packages if "-19" in name]
        others = [name for name in self.packages if name not in clang]
        for version, runtime in (("19", "libclang-rt-19-dev"), ("14", "libclang-common-14-dev")):
            names = [name.replace("19", version) for name in clang if "libclang" not in name]
            self.have_debian(missing=clang, offered=[*others, *names, "clang-9", "clang-13", runtime])
            code, _, errors = self.run_script("ci/setup", "fuzz")
            assert code == ENVIRONMENT
            assert errors.splitlines()[-2].split()[-4:] == [f"clang-{version}", f"lld-{version}", f"llvm-{version}", runtime]

    def test_what_the_system_does_not_offer_is_named_and_only_fuzzing_cannot_do_without(self):
        offered = [name for name in self.packages if name != "chromium"]
        self.have_debian(missing=["chromium"], offered=offered)
        assert self.run_script("ci/setup") == (
            SOUND, "", "This system has no package of these names, so what needs them is skipped: chromium\n")
        self.have_debian(missing=["cmake"], offered=[name for name in self.packages if name != "cmake"])
        (self.programs / "cmake").unlink()
        code, _, errors = self.run_script("ci/setup", "fuzz")
        assert (code, errors) == (ENVIRONMENT, "This system has no package of these names, without which nothing can be built: cmake\n")

    @pytest.mark.parametrize("arguments", (["--bogus"], ["fuzz", "more"], ["--list", "bogus"]))
    def test_any_other_argument_ends_with_2_and_installs_nothing(self, arguments):
        self.have_debian(missing=["cmake"], user=0)
        code, _, errors = self.run_script("ci/setup", *arguments)
        assert code == USAGE
        assert errors.endswith("\nUsage: ci/setup [--list] [fuzz|gcc|board|test]\nci/setup --help says more.\n")
        assert self.asked() == []

    def test_what_the_build_asks_for_is_in_the_list(self):
        requirements = (ROOT / "cmake" / "requirements.cmake").read_text(encoding="utf-8")
        wanted = re.findall(r'^ *kmem_require\(\S+ "[^"]*" ("[^"]*"|\S+)\)', requirements, re.MULTILINE)
        assert len(wanted) == requirements.count("  kmem_require(")
        packages = [re.findall(r"\blib[\w-]+-dev\b", words) for words in wanted]
        assert all(packages)
        assert set(sum(packages, [])) <= set(self.packages)


@pytest.mark.parametrize("fact, source, places", (
    ("MEASURED_CLANG", "ci/lib/common.sh", (
        ("cmake/clang", "KMEM_CLANG:-{}}}"), ("cmake/options.cmake", "Clang {}|"), ("cmake/requirements.cmake", "libclang-rt-{}-dev"),
        ("docs/board-images.md", "llvm-profdata-{} "), ("docs/board-images.md", "llvm-cov-{} "), ("docs/package.md", "measured with clang {} only"))),
    ("OLDEST", "cmake/clang", (("cmake/clang", "# version {} on"), ("ci/setup", "from version {} on"), ("docs/package.md", "a clang from {} on")))))
def test_a_version_of_clang_is_the_same_wherever_it_stands(fact, source, places):
    number = re.search(rf"^{fact}=(\d+)", (ROOT / source).read_text(encoding="utf-8"), re.MULTILINE)[1]
    for path, words in places:
        assert words.format(number) in (ROOT / path).read_text(encoding="utf-8"), path


class TestClang(SetupTest):
    """cmake/clang, which looks for the newest that is complete."""

    def find(self, *programs, **variables):
        done = subprocess.run(["sh", "cmake/clang", *programs], cwd=self.tree, env={"PATH": str(self.programs), **variables}, capture_output=True,
                              text=True, timeout=TIMEOUT, check=False)
        return done.returncode, done.stdout.split()

    def test_it_is_the_newest_by_number_and_can_be_chosen(self):
        self.have_clang("9", "13", "14", "100", "19")
        assert self.find("clang", "clang++", "version") == (SOUND, ["clang-100", "clang++-100", "100"])
        assert self.find("clang", KMEM_CLANG="14") == (SOUND, ["clang-14"])
        assert self.find("clang", KMEM_CLANG="13") == (ENVIRONMENT, [])

    def test_one_that_lacks_a_program_or_its_runtimes_does_not_count(self):
        self.have_clang("15", "19", "22")
        for program in CLANG_PROGRAMS[1:]:
            self.have_clang("22")
            (self.programs / f"{program}-22").unlink()
            assert self.find("version") == (SOUND, ["19"]), program
            assert self.find() == (SOUND, [f"{name}-19" for name in CLANG_PROGRAMS])
        self.have_clang("19", runtimes=False)
        assert self.find("version") == (SOUND, ["15"])

    def test_setup_asks_for_all_that_the_build_takes(self):
        for program in CLANG_PROGRAMS[1:]:
            self.have_debian(missing=[])
            (self.programs / f"{program}-19").unlink()
            assert self.run_script("ci/setup", "fuzz")[0] == ENVIRONMENT, program

    def test_names_without_a_version_are_found_beside_it(self):
        self.have_clang("18")
        for program in CLANG_PROGRAMS:
            (self.programs / f"{program}-18").rename(self.programs / program)
        assert self.find("clang", "version") == (SOUND, [str(self.programs / "clang"), "18"])
        (self.programs / "clang-18.1").symlink_to("clang")  # a name that says too much for a version
        assert self.find("version") == (SOUND, ["18"])

    @pytest.mark.parametrize("said, code", (("Example LLD 18.1.8 (compatible with GNU linkers)", SOUND), ("LLD 17.0.18", ENVIRONMENT)))
    def test_names_without_a_version_count_elsewhere_if_they_say_it(self, said, code, folder):
        self.have_clang("18")
        (folder / "elsewhere").mkdir()
        (self.programs / "ld.lld-18").rename(folder / "elsewhere/ld.lld")
        (folder / "elsewhere/ld.lld").write_text(f"#!/bin/sh\necho '{said}'\n", encoding="utf-8")
        assert self.find("ld.lld", PATH=f"{self.programs}:{folder}/elsewhere") == (code, ["ld.lld"] * (code == SOUND))

    def test_the_refusal_says_what_each_lacks(self):
        self.have_clang("14", runtimes=False)
        self.have_clang("18")
        (self.programs / "clang").symlink_to("clang-18")
        (self.programs / "ld.lld-18").unlink()
        done = subprocess.run(["sh", "cmake/clang"], cwd=self.tree, env={"PATH": str(self.programs)}, capture_output=True, text=True,
                              timeout=TIMEOUT, check=False)
        assert done.stderr.endswith("AddressSanitizer; clang 18 lacks ld.lld; clang 14 lacks libclang_rt.asan. "
                                    "On Debian install clang-19 lld-19 llvm-19 libclang-rt-19-dev\n")


class TestFuzz(SetupTest):
    """What ci/fuzz does when it cannot begin."""

    def test_missing_packages_end_it_before_it_builds(self):
        self.have_debian(missing=["clang-19", "binutils"])
        self.stub("cmake", "touch built")
        code, _, errors = self.run_script("ci/fuzz")
        assert code == ENVIRONMENT
        assert errors.endswith("--no-install-recommends clang-19 lld-19 llvm-19 libclang-rt-19-dev binutils\n" + WITHOUT_CLANG)
        assert not (self.tree / "built").exists()

    def test_without_clang_it_says_what_works_and_that_asks_for_no_clang(self):
        self.have_debian(missing=["clang-19", "g++"])
        assert self.run_script("ci/fuzz")[2].endswith(WITHOUT_CLANG)
        command = WITHOUT_CLANG.partition(": ")[2].partition(";")[0].split()
        self.stub("cmake", "echo '  \"release\"'")
        assert self.run_script(*command) == (ENVIRONMENT, "", "These packages are missing. As root, run:\n"
                                             "  apt-get update && apt-get install -y --no-install-recommends g++\n")
        self.have_debian(missing=["clang-19"])
        self.stub("cmake", "echo '  \"release\"'")
        assert self.run_script(*command) == (SOUND, "", "Building release\n")

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


class TestContainer(SetupTest):
    """Dockerfile, whose lines run here as a builder runs them, but for the apt lists that its last command removes."""

    @pytest.mark.parametrize("choice", ("", "board"))
    def test_its_install_step_needs_only_what_it_copies(self, choice, folder):
        self.have_debian(missing=self.packages, user=0)
        self.have_no_lists_until_update()
        (self.programs / "python3").unlink()
        variables = {}
        self.tree = folder / "setup"
        for line in (ROOT / "Dockerfile").read_text(encoding="utf-8").splitlines():
            word, _, rest = line.partition(" ")
            if word == "ARG":
                name, _, variables[name] = rest.partition("=")
                variables[name] = choice or variables[name]
            elif word == "COPY":
                *sources, target = rest.split()
                (folder / target[1:]).mkdir(parents=True, exist_ok=True)
                for source in sources:
                    shutil.copy(ROOT / source, folder / target[1:])
            elif word == "RUN":
                assert rest == "/setup/ci/setup $SET && rm -rf /setup /var/lib/apt/lists/*"
                assert self.run_script("ci/setup", variables["SET"])[0] == SOUND
        sets = ("all", "fuzz", *(["gcc", choice] if choice else []))
        update, asked = self.asked()
        assert update == " apt-get update"
        assert set(asked.removeprefix(f"noninteractive apt-get {INSTALL} ").split()) == {self.name(row[2]) for row in ROWS if row[0] in sets}

    def test_what_it_copies_is_not_ignored(self):
        copied = re.findall(r"^COPY (.*) \S+$", (ROOT / "Dockerfile").read_text(encoding="utf-8"), re.MULTILINE)
        ignored, *kept = (ROOT / ".dockerignore").read_text(encoding="utf-8").split()
        assert ignored == "*"
        assert {"!" + source for source in " ".join(copied).split()} == set(kept)

    def test_a_development_container_is_the_same_with_a_set_that_there_is(self):
        path = ROOT / ".devcontainer/devcontainer.json"
        build = json.loads(path.read_text(encoding="utf-8"))["build"]
        assert (path.parent / build["dockerfile"]).samefile(ROOT / "Dockerfile")
        assert (path.parent / build["context"]).samefile(ROOT)
        assert build["args"]["SET"] in {row[0] for row in ROWS}
