"""Tests of the commands in ci/ that are scripts, on trees that are broken in one way each: what they call is a stub, what they
judge is not.
"""

import os
import re
import shutil
import subprocess
import time

import pytest
from compilers import CLANG, NM
from gate_fixture import ENVIRONMENT, INTERNAL, SOUND, VIOLATION, GateTest

NOBODY = 65534


class TestBuild(GateTest):
    def test_a_build_whose_log_cannot_be_written_has_not_happened(self):
        (self.tree / "build/logs/build-release.log").mkdir(parents=True)
        self.stub("cmake", script='[[ $1 != --list-presets* ]] || echo \'  "release"\'')
        for command in (("ci/build", "release"), ("python3", "fuzz/kmemfuzz", "sarif", "out.sarif"), ("ci/fuzz", "--for", "1s")):
            (self.tree / "build/logs/build-fuzz.log").mkdir(exist_ok=True)
            self.stub("build/fuzz/kmemfuzz", "yesterday's")
            self.stub("build/fuzz/heap_fuzzer", "yesterday's")
            output = self.require(ENVIRONMENT, ".log cannot be written", *command)
            assert "yesterday" not in output
            assert [call for call in self.calls() if call.startswith(("build/", "cmake --build"))] == []

    @pytest.mark.skipif(os.getuid() != 0, reason="only root can become another user")
    def test_in_a_tree_of_another_user_every_command_that_builds_says_which_folder_cannot_be_made(self):
        for folder in (self.tree.parent, self.tree, self.programs):
            folder.chmod(0o755)
        self.list.touch()
        self.list.chmod(0o666)
        self.write("src/kmem.c")
        for command in (["ci/build", "release"], ["ci/replay"], ["ci/check-freestanding"], ["ci/lint"], ["ci/test", "unit"],
                        [".ci/run"], ["python3", "fuzz/kmemfuzz", "sarif", "/tmp/out.sarif"], ["ci/fuzz", "--for", "1s"], ["ci/coverage"],
                        ["ci/determinism", "ci/build"], ["ci/check-docs"]):
            self.stub("cmake", script='[[ $1 != --list-presets* ]] || echo \'  "release"\'')
            shell = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", *command]
            done = subprocess.run(shell, cwd=self.tree, env=dict(os.environ, PATH=f"{self.programs}:/usr/bin:/bin"),
                                  stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=False)
            assert done.returncode == ENVIRONMENT, (command, done.stderr)
            assert re.search(r"The folder build/\S+ cannot be made or written; ", done.stderr), command

    def test_a_build_that_fails_is_the_environment(self):
        self.stub("cmake", "FAILED: kmem.o", code=1)
        for command in ("ci/replay", "ci/lint"):
            self.require(ENVIRONMENT, "The build of preset", command)

    def test_a_source_that_is_older_than_what_was_built_of_another_is_built_again(self):
        self.write("src/kmem.c", "the one")
        self.write("kept", "the other")
        os.utime(self.tree / "kept", (1, 1))
        self.write("build/release/.ninja_log")
        build = '. ci/lib/common.sh; build release'
        for moved, expected in ((False, ""), (True, " --clean-first")):
            if moved:
                stamp = self.tree / "build/release/.ninja_log"
                os.utime(stamp, ns=(stamp.stat().st_mtime_ns - 10**9,) * 2)  # what comes now is later
                (self.tree / "kept").rename(self.tree / "src/kmem.c")
            done = subprocess.run(["bash", "-c", build], cwd=self.tree,
                                  env=dict(os.environ, PATH=f"{self.programs}:/usr/bin:/bin"), capture_output=True,
                                  check=False)
            assert done.returncode == SOUND
            assert self.calls() == ["cmake --preset release", f"cmake --build --preset release{expected}"]

    def test_a_folder_is_configured_again_when_the_presets_or_the_tree_have_changed(self):
        self.write("build/release/build.ninja")
        home = f"CMAKE_HOME_DIRECTORY:INTERNAL={self.tree.resolve()}\n"
        self.write("build/release/CMakeCache.txt", home)
        for changed, text, is_again in ((None, "", True), (None, "", False), ("CMakePresets.json", "", True), ("build/release/build.ninja", "", False),
                                        ("build/release/CMakeCache.txt", f"{home}CMAKE_BUILD_TYPE:STRING=Debug\n", True), (None, "", False),
                                        ("build/release/CMakeCache.txt", "CMAKE_HOME_DIRECTORY:INTERNAL=/elsewhere\n", True)):
            if changed is not None:
                time.sleep(0.01)  # later than the others
                self.write(changed, text)
            assert self.run_command("bash", "-c", ". ci/lib/common.sh; build release")[0] == SOUND
            assert self.calls() == ["cmake --preset release"] * is_again + ["cmake --build --preset release"]
            assert (self.tree / "build/release/CMakeCache.txt").exists() == ("/elsewhere" not in text)  # which CMake would refuse

    def test_is_built_asks_whether_anything_would_be_done_for_its_programs(self):
        def is_built():
            code = self.run_command("bash", "-c", ". ci/lib/common.sh; TARGETS='a b' is_built release")[0]
            assert self.calls() in ([], ["ninja -C build/release -n a b"])
            return code == SOUND
        assert not is_built()
        self.write("build/release/CMakeCache.txt", f"CMAKE_HOME_DIRECTORY:INTERNAL={self.tree.resolve()}\n")
        self.write("build/release/build.ninja")
        self.run_command("bash", "-c", "sha256sum build/release/CMakeCache.txt >build/release/configured")
        self.stub("ninja", "ninja: no work to do.")
        assert is_built()
        self.stub("ninja", "[1/1] Linking a")
        assert not is_built()
        self.stub("ninja", "ninja: no work to do.")
        self.write("src/kmem.c", "the one")
        os.utime(self.tree / "src/kmem.c", (1, 1))
        self.write("build/release/.ninja_log")
        os.utime(self.tree / "build/release/.ninja_log", (2, 2))
        assert not is_built()  # another was moved to its place
        (self.tree / "src/kmem.c").unlink()
        assert is_built()
        self.write("build/release/CMakeCache.txt", "KMEM_INSTRUMENT:STRING=none\n")
        assert not is_built()

    def test_a_folder_of_another_clang_is_configured_as_if_for_the_first_time(self):
        self.write("build/dev/build.ninja")
        for before, now, is_again in (("clang-19;ld.lld-19", "clang-19\nld.lld-19", False), ("clang-19;ld.lld-19", "clang-14\nld.lld-14", True),
                                      ("clang-19;ld.lld-19", None, True)):
            self.stub("cmake/clang", now or "", code=0 if now else ENVIRONMENT)
            self.write("build/dev/CMakeCache.txt", f"CMAKE_HOME_DIRECTORY:INTERNAL={self.tree.resolve()}\nKMEM_CLANG:INTERNAL={before}\n")
            build = "sha256sum build/dev/CMakeCache.txt >build/dev/configured; . ci/lib/common.sh; build dev"
            assert self.run_command("bash", "-c", build)[0] == SOUND
            assert ("cmake --preset dev" in self.calls()) == is_again
            assert (self.tree / "build/dev/CMakeCache.txt").exists() != is_again

    def test_on_a_terminal_the_line_of_progress_is_ended_and_a_failure_is_one(self):
        for code, ended in ((0, SOUND), (1, ENVIRONMENT)):
            self.stub("cmake", "[1/2] Building x\n[2/2] Linking y", code=code)
            done = subprocess.run(["script", "--quiet", "--return", "--command", "bash -c '. ci/lib/common.sh; build dev'", "/dev/null"], cwd=self.tree,
                                  env=dict(os.environ, PATH=f"{self.programs}:{os.environ['PATH']}"), stdin=subprocess.DEVNULL,
                                  capture_output=True, check=False)
            assert done.returncode == ended
            assert b"\r\033[KBuilding dev [2/2]\r\033[K" in done.stdout

    def test_what_is_set_up_is_what_the_presets_need_or_the_command_has_declared(self):
        for shell, needed in (("set_up", "fuzz"), ("set_up fuzz", "fuzz"), ("set_up release", "gcc"), ("set_up release fuzz", "board"), ("set_up musl release", "test"), ("set_up fuzz rv64", "board"), ("set_up rv64 musl dev", "test"), ("KMEM_SET=test set_up fuzz", "test"),
                              ("KMEM_SET=fuzz set_up dev", "board")):
            assert self.run_command("bash", "-c", f". ci/lib/common.sh; {shell}")[0] == SOUND
            assert self.calls() == [f"ci/setup {needed}"], shell


class TestReplay(GateTest):
    """A corpus of three programs, and four builds of kmemfuzz that agree."""

    PRESETS = ("release", "dev", "everything-instrumented", "s390x")
    SOUND = "\n".join(f"sound  {number:016x}  1 operation   corpus/{number}" for number in range(3))

    @pytest.fixture(autouse=True)
    def set_up_replay(self, set_up_gate_test):
        for path in ("corpus/README.md", "corpus/seeds/a.ops", "corpus/regressions/b.ops", "corpus/minimised/c"):
            self.write(path)
        self.stub("qemu-s390x", script='exec "$@"')
        for preset in self.PRESETS:
            self.kmemfuzz(preset)

    def kmemfuzz(self, preset, output=SOUND, code=0, packed="", canonical="", other=0):
        """A build of kmemfuzz: what it prints of the corpus, and how it ends; what it packs and makes canonical."""
        self.stub(f"build/{preset}/kmemfuzz", output, code=f"$(( {other} ))", script=f"""\
case $1 in
run) [ "$*" = "run corpus" ] || exit 9; printf '%s\\n' '{output}'; exit {code} ;;
pack) printf '{packed}' >"$4" ;;
asm) printf '{canonical}' >"$4" ;;
esac""")

    def test_builds_that_agree_pass(self):
        output = self.require(SOUND, "17 passed, 0 failed\n", "ci/replay")
        assert "ok      digests of s390x equal those of release\n" in output

    def test_another_digest_in_any_build_fails(self):
        for preset in self.PRESETS[1:]:
            self.kmemfuzz(preset, self.SOUND.replace(f"{1:016x}", f"{9:016x}"))
            self.require(VIOLATION, f"FAILED  digests of {preset} differ from those of release", "ci/replay")
            self.kmemfuzz(preset)

    def test_a_program_that_is_not_sound_fails_in_any_build(self):
        for preset in self.PRESETS:
            self.kmemfuzz(preset, "VIOLATION placement", code=1)
            self.require(VIOLATION, f"FAILED  {preset}: kmemfuzz run corpus ended with code 1", "ci/replay")
            self.kmemfuzz(preset)

    def test_programs_that_were_left_out_fail(self):
        for preset in self.PRESETS:
            self.kmemfuzz(preset, self.SOUND.splitlines()[0])
        self.require(VIOLATION, "FAILED  dev: 1 of 3 programs sound", "ci/replay")

    def test_other_bytes_fail(self):
        self.kmemfuzz("s390x", packed="other")
        self.require(VIOLATION, "FAILED  kmemfuzz pack writes other bytes", "ci/replay")
        self.kmemfuzz("s390x")
        self.kmemfuzz("release", canonical="other")
        self.require(VIOLATION, "FAILED  corpus/minimised/c is not canonical", "ci/replay")

    def test_what_is_no_violation_ends_it_with_its_own_code(self):
        for code in (ENVIRONMENT, INTERNAL):
            self.kmemfuzz("dev", "there is no memory", code=code)
            self.require(code, "there is no memory", "ci/replay")


class TestFreestanding(GateTest):
    """A file of each kind, and compilers that compile nothing."""
    LAYERS = ("program", "execute", "generate", "two_files", "subjects", "sv39", "text", "search", "host", "report", "tool",
              "libfuzzer", "board")

    @pytest.fixture(autouse=True)
    def set_up_freestanding(self, set_up_gate_test):
        for path in ("src/kmem.c", "src/kmem.h", "src/riscv/board.c", "src/riscv/board.h", "src/riscv/sv39.c",
                     "src/riscv/virtual_heap.c", "invariants/invariant.c", "invariants/live.h", "fuzz/execute/model.c",
                     "fuzz/execute/model.h", "fuzz/execute/refusal.h", "fuzz/subjects/subject_kmem.c", "fuzz/program/program.c",
                     *(f"fuzz/{layer}/x.{suffix}" for layer in self.LAYERS for suffix in "ch")):
            self.write(path, '#include <stddef.h>\n')
        if "/" in CLANG + NM:
            pytest.skip("clang has no name on the PATH here that a stub could take")
        for compiler in (CLANG, "gcc"):
            self.stub(compiler)
        self.nm()

    def nm(self, undefined="memcpy\nkmem_free", defined="kmem_alloc\nkmem_free", code=0):
        """What is left to be linked, and what is there."""
        self.stub(NM, code=code, script=f"""case $1 in
-uj) printf '\\na.o:\\n{undefined}\\n' ;;
-jU) printf '\\na.o:\\n{defined}\\n' ;;
esac""")

    def require_failure(self, words):
        self.require(VIOLATION, words, "ci/check-freestanding")

    def test_the_tree_as_it_is_passes(self):
        self.require(SOUND, " passed, 0 failed\n", "ci/check-freestanding")

    def test_an_undefined_symbol_fails_for_every_machine(self):
        self.nm(undefined="memcpy\\nprintf")
        output = self.require(VIOLATION, "these symbols are nowhere: printf", "ci/check-freestanding")
        assert output.count("these symbols are nowhere: printf") == 5

    def test_symbols_that_cannot_be_listed_are_the_environment(self):
        self.nm(code=1)
        self.require(ENVIRONMENT, f"{NM} cannot read", "ci/check-freestanding")

    def test_objects_without_the_core_fail(self):
        self.nm(undefined="", defined="")
        self.require_failure("what was compiled defines no kmem_alloc")

    def test_a_source_that_does_not_compile_fails(self):
        self.stub("gcc", code=1)
        self.require_failure("FAILED  gcc-x86-64: not all of it compiles")

    def test_an_include_that_goes_the_wrong_way_fails(self):
        wrong = {}
        for path, include, words in (
                ("fuzz/execute/model.c", '"src/block.h"', "the model includes nothing of the core but REQUIRE"),
                ("fuzz/execute/model.h", '"src/kmem.h"', "the model includes nothing of the core but REQUIRE"),
                ("src/kmem.c", "<stdio.h>", "src includes only itself and three headers"),
                ("src/riscv/board.c", '"fuzz/board/image.h"', "src includes only itself and three headers"),
                ("invariants/invariant.c", '"fuzz/execute/model.h"', "invariants includes only itself and src")):
            self.write(path, f" # include {include}\n")
            wrong.setdefault(words, []).append(f" # include {include}\n")
        said = self.require(VIOLATION, " passed, 3 failed\n", "ci/check-freestanding")
        for words, includes in wrong.items():
            assert f"FAILED  {words}: {''.join(includes)}" in said

    def test_a_layer_includes_itself_and_those_below_it_and_none_above(self):
        includes = [f'#include "fuzz/{layer}/x.h"\n' for layer in self.LAYERS]
        for i, layer in enumerate(self.LAYERS):
            self.write(f"fuzz/{layer}/x.c", "".join(includes[:i + 1]))
        said = self.require(SOUND, " passed, 0 failed\n", "ci/check-freestanding")
        for i, layer in enumerate(self.LAYERS):
            assert f"ok      fuzz/{layer} includes only what lies below it\n" in said
            self.write(f"fuzz/{layer}/x.c", "".join(includes))
        said = self.require(VIOLATION, "FAILED", "ci/check-freestanding")
        for i, layer in enumerate(self.LAYERS[:-1]):
            assert f"FAILED  fuzz/{layer} includes only what lies below it: {''.join(includes[i + 1:])}" in said

    def test_a_folder_that_is_no_layer_fails(self):
        self.write("fuzz/elsewhere/x.c", "")
        self.require_failure("FAILED  fuzz/elsewhere has no place among the layers")


class TestLint(GateTest):
    """A tree with a file of each kind, and tools that object to nothing."""

    VERSIONS = "19.1.7, Cppcheck 2.10"
    TOOLS = {"clang-format-19": ["clang-format"], "cppcheck": ["cppcheck"], "shellcheck": ["shellcheck"],
             "pyflakes3": ["pyflakes"], "clang-tidy-19": ["clang-tidy", "clang-tidy-fuzzers", "clang-tidy-target",
                                                          "clang-tidy-sanitized"], "codespell": ["codespell"]}

    @pytest.fixture(autouse=True)
    def set_up_lint(self, set_up_gate_test):
        for path in ("src/kmem.c", "fuzz/libfuzzer/heap_fuzzer.c", "src/riscv/board.c", "src/riscv/sanitizer/shadow.c", "ci/lib/x.py",
                     "src/kmem.h"):
            self.write(path)
        for tool in self.TOOLS:
            self.stub(tool, self.VERSIONS)
        self.write(".gitignore", "__pycache__")
        subprocess.run(["git", "init", "--quiet"], cwd=self.tree, check=True)

    def test_a_tree_that_no_tool_objects_to_passes(self):
        self.require(SOUND, "11 passed, 0 failed\n", "ci/lint")

    def test_each_tool_that_objects_fails(self):
        halves = [list(self.TOOLS)[i::2] for i in (0, 1)]
        for objecting in halves:
            for tool in self.TOOLS:
                self.stub(tool, self.VERSIONS, code=int(tool in objecting))
            names = sum((self.TOOLS[tool] for tool in objecting), [])
            output = self.require(VIOLATION, f"{11 - len(names)} passed, {len(names)} failed\n", "ci/lint")
            assert sorted(re.findall("(?m)^FAILED  ([^:]+): ", output)) == sorted(names)

    def test_a_tool_of_another_version_judges_nothing_and_is_named(self):
        self.stub("cppcheck", "Cppcheck 2.17", code=1)
        self.require(SOUND, "skipped: cppcheck is judged by version 2.10 only\n[  SKIPPED ] cppcheck\n", "ci/lint")
        self.stub("cppcheck", self.VERSIONS)
        common = (self.tree / "ci/lib/common.sh").read_text(encoding="utf-8")
        self.write("ci/lib/common.sh", common.replace("MEASURED_CLANG=19", "MEASURED_CLANG=99"))
        names = [name for tool in ("clang-format-19", "clang-tidy-19") for name in self.TOOLS[tool]]
        for tool in ("clang-format-19", "clang-tidy-19"):
            self.stub(tool, self.VERSIONS, code=1)
        output = self.require(SOUND, "6 passed, 0 failed\n", "ci/lint")
        for name in names:
            assert f"skipped: {name} is judged by version 99 only\n[  SKIPPED ] {name.replace('-', '_')}\n" in output

    def test_a_tool_that_is_not_there_fails(self):
        for tool in self.TOOLS:
            self.stub(tool, script="exit 127")
        output = self.require(VIOLATION, "2 passed, 9 failed\n", "ci/lint")
        for name in sum(self.TOOLS.values(), []):
            assert f"FAILED  {name}: " in output

    def test_a_negated_group_is_refused(self):
        lines = ("if ! { true; } >log; then :; fi", "! (true) >log", "while ! [[ a ]] >log; do :; done",
                 "x && ! for y in z; do :; done >log", "if !  ((1)) >log; then :; fi")
        self.write("ci/example", "\n".join(lines))
        output = self.require(VIOLATION, "FAILED  negated-groups", "ci/lint")
        for number, line in enumerate(lines, 1):
            assert f"ci/example:{number}:{line}\n" in output
        self.write("ci/example", "#!/usr/bin/env bash\nif ! true >log || [ ! -e x ] || [[ ! a ]]; then :; fi\n")
        self.require(SOUND, "ok      negated-groups", "ci/lint")

    def test_a_list_of_files_that_is_empty_fails(self):
        (self.tree / "src/riscv/sanitizer/shadow.c").unlink()
        self.require(VIOLATION, "the list sanitized_sources is empty", "ci/lint")

    def test_files_that_git_does_not_list_are_the_environment(self):
        shutil.rmtree(self.tree / ".git")
        self.require(ENVIRONMENT, "git cannot list the files", "ci/lint")


class TestWrappers(GateTest):
    def test_a_command_that_is_a_program_of_ci_lib_ends_with_its_code(self):
        (self.tree / "ci/lib/begin.py").write_text("import sys\nfrom kmemfuzz.entry import enter\nenter('x', lambda: int(sys.argv[-1]))\n",
                                                   encoding="utf-8")
        for name in ("check-docs", "docs", "coverage", "determinism", "planted", "detection", "harness", "check-fuzzers"):
            script = (self.tree / "ci" / name).read_text(encoding="utf-8")
            assert "\nbegin " in script
            assert self.run_command(f"ci/{name}", str(VIOLATION))[0] == VIOLATION, name
