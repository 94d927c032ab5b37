"""What CMake says when the tree cannot be built as asked, and what it looks for."""

import os
import pathlib
import re
import shutil
import subprocess
import tempfile

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
SOUND, _, _, ENVIRONMENT = range(4)
TIMEOUT = 120  # seconds before a command counts as hanging


class TestConfigure:
    """What CMake says when the tree cannot be built as asked."""

    def require_message(self, message, *options, compiler="gcc", source=ROOT):
        """Configures with these options, which must fail with a message that says what to do."""
        if shutil.which(compiler) is None:
            pytest.skip(f"needs {compiler}")
        with tempfile.TemporaryDirectory() as folder:
            done = subprocess.run(["cmake", "-S", source, "-B", folder, "-G", "Ninja", f"-DCMAKE_C_COMPILER={compiler}",
                                   *options], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=TIMEOUT,
                                  check=False, env=dict(os.environ, LC_ALL="C"))
        assert done.returncode != 0
        said = re.sub(r"\s+", " ", done.stderr)  # CMake breaks lines where it likes
        assert message in said
        assert said.count("CMake Error") == 1, said

    def test_a_missing_cmocka_is_named_with_its_package(self):
        self.require_message("kmem: the unit test framework cmocka was not found. Run ./ci/setup, or install the "
                             "Debian package libcmocka-dev.", "-DCMAKE_DISABLE_FIND_PACKAGE_cmocka=ON")

    def test_a_missing_clang_is_named_with_its_packages(self, folder, monkeypatch):
        monkeypatch.setenv("KMEM_CLANG", "1")
        for line in (f"set(CMAKE_TOOLCHAIN_FILE {ROOT}/cmake/clang.cmake)\nproject(x C)",
                     f"project(x NONE)\ninclude({ROOT}/cmake/kmemfuzz.cmake)\nkmemfuzz_add_heap(x SOURCES x.c)"):
            (folder / "x.c").touch()
            (folder / "CMakeLists.txt").write_text(f"cmake_minimum_required(VERSION 3.22)\n{line}\n", encoding="utf-8")
            self.require_message("There is no clang 1 here that has lld, LLVM's programs and the runtimes of libFuzzer and AddressSanitizer. "
                                 "On Debian install clang-1 lld-1 llvm-1 libclang-rt-1-dev", "-DCMAKE_MAKE_PROGRAM=ninja", source=folder)

    def test_release_and_the_words_that_need_no_fuzz_target_do_without_clang(self, folder):
        programs = folder / "programs"
        programs.mkdir()
        here = [path for place in os.environ["PATH"].split(os.pathsep) for path in pathlib.Path(place).glob("*") if path.is_file()]
        for name, path in {path.name: path for path in reversed(here)}.items():
            if not re.search("clang|lld|llvm", name):
                (programs / name).symlink_to(path)
        environment = {"PATH": str(programs), "KMEM_TREE": str(ROOT)}

        def run(*command):
            return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=TIMEOUT, check=False)
        assert run("sh", "cmake/clang").returncode == ENVIRONMENT
        assert run("cmake", "--preset", "release", "-B", folder / "build").returncode == SOUND
        assert not re.search("clang-|clang[+]|lld|llvm", (folder / "build/build.ninja").read_text(encoding="utf-8"))
        tool, log = ROOT / "build/release/kmemfuzz", folder / "log"
        log.write_text("malloc(10) = 0x1000\nfree(0x1000)\n", encoding="utf-8")
        for words in (("import", log, "-o", folder / "x.ops"), ("run", folder / "x.ops"), ("smoke", "--programs", "100"), ("prove", "--bytes", "32"),
                      ("explain", folder / "x.ops"), ("two-files", folder / "two")):
            assert run(tool, *words).returncode == SOUND, words
        done = run("gcc", "-std=c11", "-c", folder / "two/kmemfuzz.c", "-o", folder / "two.o")
        assert (done.returncode, done.stderr) == (SOUND, "")

    def test_clang_is_looked_for_once_in_a_folder(self, folder):
        script = folder / "sort"  # which looking for it calls
        script.write_text(f"#!/bin/sh\necho >>{folder}/calls\nexec {shutil.which('sort')} \"$@\"\n", encoding="utf-8")
        script.chmod(0o755)
        (folder / "CMakeLists.txt").write_text("cmake_minimum_required(VERSION 3.22)\nproject(x C)\n", encoding="utf-8")
        subprocess.run(["cmake", "-B", folder / "build", "-S", folder, "-G", "Ninja", f"-DCMAKE_TOOLCHAIN_FILE={ROOT}/cmake/clang.cmake"], check=True,
                       timeout=TIMEOUT, env=dict(os.environ, PATH=f"{folder}:{os.environ['PATH']}"))
        assert (folder / "calls").read_text(encoding="utf-8") == "\n"

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
                             "install the Debian package that has libclang_rt.asan, libclang-rt-19-dev or the like.", "-DKMEM_FUZZERS=ON", compiler=str(script))
