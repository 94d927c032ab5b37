"""A heap of one's own, which lies in another folder: every word about it, from the first build to a bug that is kept, and every way
to name it wrongly. One build is shared, and its heap has its bug only when HEAP_BUG is set."""

import contextlib
import fcntl
import json
import os
import re
import shlex
import shutil
import subprocess

import measurement
import pytest
from compilers import CLANG
from folders import write_file
from own_heap import SUBJECT, write_heap
from tool_fixture import ENVIRONMENT, ROOT, SOUND, TIMEOUT, TOOL, USAGE, VIOLATION, ToolTest

from kmemfuzz import board, build_errors, heap, llvm

HEAP = "tests/my_heap.c"
PLACE = "tests/my_heap.fuzz"
FIRST_FIT = ROOT / "corpus/seeds/first_fit.ops"
CHOOSING = {name: value for name, value in os.environ.items() if name != "KMEM_CLANG"}


def run_kmemfuzz(folder, *arguments, **environment):
    """Runs the tool in a folder. Returns (exit code, standard output, standard error)."""
    done = subprocess.run([TOOL, *arguments], cwd=folder, env={**os.environ, **environment}, stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, errors="replace", timeout=TIMEOUT, check=False)
    assert "Traceback" not in done.stderr
    return done.returncode, done.stdout, done.stderr


@pytest.fixture(name="top", scope="class")
def make_top(shared_folder):
    """A folder with a heap that is built, and that has a short campaign behind it."""
    top = shared_folder / "a #b"
    write_heap(top)
    code, output, errors = run_kmemfuzz(top, "build", HEAP, "--sources", "kernel/heap.c", "--cflags=-std=c99 -Wall -Ikernel")
    assert (code, output) == (SOUND, f"{PLACE}/build/fuzz/heap_fuzzer\n{PLACE}/build/fuzz/kmemfuzz\n"), errors
    assert re.fullmatch(rf"(Building fuzz\n)?Compiled {HEAP} and kernel/heap.c with {re.escape(CLANG)} -std=c99 -Wall -Ikernel, under AddressSanitizer and UBSan, "
                        rf"in \d+ s, into {PLACE}/build/fuzz\n", errors)
    return top


class TestOwnHeap:
    @pytest.fixture(autouse=True)
    def set_up_top(self, top):
        self.top = top

    def run(self, *arguments, folder=".", **environment):
        return run_kmemfuzz(self.top / folder, *arguments, **environment)

    def test_its_settings_are_as_they_are_from_its_file_and_its_builds_are_not_committed(self):
        lines = (self.top / PLACE / "settings").read_text(encoding="utf-8").splitlines()
        assert lines[1:] == ["subject my_heap.c", "source ../kernel/heap.c", "flag -std=c99", "flag -Wall", "flag -I../kernel"]
        assert (self.top / PLACE / ".gitignore").read_text(encoding="utf-8") == "/build/\n/findings/\n"

    def test_the_checkouts_harness_is_linked_and_not_compiled_again(self):
        compiled = json.loads((self.top / PLACE / "build/fuzz/compile_commands.json").read_text(encoding="utf-8"))
        assert [its["file"] for its in compiled] == [str(self.top / HEAP), str(self.top / "kernel/heap.c")]

    def test_a_merge_keeps_no_program_in_whose_region_the_heap_does_not_start(self, folder):
        both, kept = folder / "both", folder / "kept"
        for name, pages in (("refused", 1), ("judged", 64)):
            write_file(both / name, f"kmem-program 1\nheap page=32 pages={pages}\nalloc 0 8\n")
        kept.mkdir()
        subprocess.run([f"{PLACE}/build/fuzz/heap_fuzzer", "-merge=1", kept, both], cwd=self.top, check=True, capture_output=True)
        assert [path.read_bytes() for path in kept.iterdir()] == [(both / "judged").read_bytes()]

    def test_a_campaign_leaves_a_corpus_beside_it_that_all_words_take(self):
        code, output, errors = self.run("fuzz", HEAP, "--for", "1s", "--jobs", "1", "--json")
        assert code == SOUND, errors
        figures = json.loads(output)
        assert figures["corpus"] == f"{PLACE}/corpus"
        assert figures["executions"] > 0
        assert re.match("not asked, as the table has none: zalloc, .*\nnot judged, as the facts do not say: merges .*\n"
                        f"Inputs go to {PLACE}/corpus, findings to {PLACE}/findings\n", errors)
        count = len(list((self.top / PLACE / "corpus").iterdir()))
        assert count == figures["files_kept"] > 0
        code, output, _ = self.run("run", HEAP)
        assert (code, output.splitlines()[-1]) == (SOUND, f"{count} sound, 0 with violations, 0 unusable"), output
        code, output, _ = self.run("corpus", "my_heap.c", "status", "--json", folder="tests")
        assert (code, json.loads(output)[0]["folder"]) == (SOUND, "my_heap.fuzz/corpus")
        assert self.run("corpus", HEAP, "merge", ROOT / "corpus/seeds")[0] == SOUND
        assert self.run("corpus", HEAP, "prune")[0] == SOUND
        assert self.run("run", HEAP)[0] == SOUND
        assert self.run("report", HEAP) == (SOUND, f"{PLACE}/build/report/index.html\n", "")
        page = (self.top / PLACE / "build/report/index.html").read_text(encoding="utf-8")
        assert ">my_heap</a>" in page
        assert "Planted" not in page
        assert self.run("sarif", HEAP, "sound.sarif") == (SOUND, "", "")
        assert sorted(path.name for path in self.top.iterdir()) == ["kernel", "sound.sarif", "tests"]

    def test_a_bug_is_found_explained_and_kept_and_fixed(self):
        code, _, errors = self.run("fuzz", HEAP, "--for", "60s", "--jobs", "1", "--until-crash", HEAP_BUG="1")
        assert code == VIOLATION
        replay = re.search(r"^  replay  (.+) run tests/my_heap\.c (\S+)$", errors, re.MULTILINE)
        tool, reduced = replay.groups()
        assert shlex.split(tool) == [str(TOOL)]
        assert reduced.startswith(f"{PLACE}/findings/")
        finding = reduced.removesuffix(".reduced")
        for ending in ("", ".log", ".reduced", ".reduced.ops", ".c", ".html"):
            assert (self.top / f"{finding}{ending}").is_file()
        assert self.run("run", HEAP, reduced, HEAP_BUG="1")[0] == VIOLATION
        assert self.run("run", HEAP, reduced)[0] == SOUND
        code, output, _ = self.run("explain", HEAP, finding, "-o", "why", HEAP_BUG="1")
        assert code == VIOLATION
        assert re.search("VIOLATION (alignment|inside): ", output)
        assert self.run("reduce", HEAP, finding, "-o", "small.ops", HEAP_BUG="1")[0] == SOUND
        code, _, errors = self.run("reduce", HEAP, finding, "-o", "none.ops")
        assert code == USAGE
        assert errors.endswith(f"nothing to reduce; kmemfuzz run {HEAP} {finding} says so too\n")
        code, output, _ = self.run("show", "my_heap.c", "../small.ops", "--c", folder="tests", HEAP_BUG="1")
        assert code == SOUND
        assert "subject_under_test" in output
        assert self.run("show", HEAP, "small.ops", "--html", "small.html", HEAP_BUG="1")[0] == SOUND
        code, output, _ = self.run("keep", HEAP, finding, "shifts-large-payloads", HEAP_BUG="1")
        assert code == SOUND
        kept = f"{PLACE}/regressions/shifts-large-payloads.ops"
        assert output.startswith(f"{kept}: fails by ")
        for command in ("run", "board", "fuzz"):
            assert f"kmemfuzz {command} {HEAP}" in output
        assert f"until kmemfuzz run {HEAP} {kept} says it is sound" in output
        assert "ci/" not in output
        assert self.run("run", HEAP, HEAP_BUG="1")[0] == VIOLATION
        code, output, _ = self.run("run", HEAP)
        assert code == SOUND
        assert kept in output
        code, output, _ = self.run("sarif", HEAP, "broken.sarif", HEAP_BUG="1")
        assert code == VIOLATION
        assert re.match(rf"({HEAP}|kernel/heap\.c):\d+: ", output)
        results = json.loads((self.top / "broken.sarif").read_text(encoding="utf-8"))["runs"][0]["results"]
        for result in results:
            assert result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] in (HEAP, "kernel/heap.c")  # which a forge has
            assert (self.top / result["relatedLocations"][0]["physicalLocation"]["artifactLocation"]["uri"]).is_file()
        code, output, _ = self.run("summary", HEAP, HEAP_BUG="1")
        command = output.split("```sh\n")[1].split("\n```")[0]
        assert code == VIOLATION
        assert command.startswith(f"{shlex.quote(str(TOOL))} run {HEAP} - <<'END'\n")
        done = subprocess.run(["bash", "-c", command], cwd=self.top, env={**os.environ, "HEAP_BUG": "1"}, capture_output=True, check=False)
        assert done.returncode == VIOLATION

    def test_it_is_the_same_heap_from_another_folder_and_built_already(self):
        program = str(FIRST_FIT)
        for folder, name in ((".", HEAP), ("tests", "my_heap.c"), ("kernel", "../tests/my_heap.c"), (".", str(self.top / HEAP))):
            code, output, errors = self.run("run", name, program, folder=folder)
            assert (code, errors) == (SOUND, "")
            assert output.startswith("sound  ")

    @pytest.mark.night
    def test_what_cannot_be_built_is_said_with_its_places(self):
        file = self.top / HEAP
        call = SUBJECT.replace("    return heap_init", "    heap_missing();\n    return heap_init")
        wrong = (
            (SUBJECT.replace("return heap_init", "retrun heap_init"), f"{HEAP}:7:5: error: "),
            (SUBJECT.replace("SUBJECT 1", "SUBJECT 0"), "your file is written for an older kmemfuzz"),
            (f"void heap_missing(void);\n{call}", f"nothing defines\n    heap_missing, called at {HEAP}:8\n"),
            (SUBJECT.replace("*const subject_under_test", "*const another"), "it defines no subject_under_test"),
            (SUBJECT.replace("(memory, size) == 0", "(memory, size) > 0"), "start never returned true"),
            (SUBJECT.replace(".alignment = 16", ".alignment = 7"), "promises an alignment that is no power of two"),
        )
        try:
            for text, said in wrong:
                file.write_text(text, encoding="utf-8")
                code, output, errors = self.run("fuzz", HEAP, "--for", "1s", "--jobs", "1")
                assert (code, output) == (USAGE, "")
                assert said in errors
        finally:
            file.write_text(SUBJECT, encoding="utf-8")
        copy = self.top / "kernel/copy.c"
        copy.write_text(SUBJECT, encoding="utf-8")
        code, _, errors = self.run("build", HEAP, "--sources=kernel/heap.c kernel/copy.c")
        assert code == USAGE
        assert "subject_under_test is defined twice, in my_heap.c and in copy.c: a heap has one table" in errors
        copy.unlink()
        assert self.run("build", HEAP)[0] == SOUND  # what failed is not kept


class TestMisuse(ToolTest):
    """Before anything is built."""

    @pytest.fixture(autouse=True)
    def set_up_heap(self, set_up_tool_test):
        write_heap(self.folder)

    @pytest.mark.parametrize("arguments,expected,said", [
        (("build",), USAGE, "name the heap's file right after the word"),
        (("build", "nothing.c"), ENVIRONMENT, "nothing.c: No such file"),
        (("build", "folder.c"), USAGE, "folder.c is a folder"),
        (("fuzz", "--for", "1s", HEAP), USAGE, f"a heap's file stands right after the word: kmemfuzz fuzz {HEAP}"),
        (("explain", "--json", HEAP), USAGE, f"'{HEAP}' is a heap's file, of which one may stand, right after the word"),
        (("fuzz", HEAP, "--sources", "kernel/gone.c"), ENVIRONMENT, "kernel/gone.c: No such file"),
        (("fuzz", HEAP, "--source", "kernel/heap.c"), USAGE, "there is no option '--source' (did you mean --sources?)"),
        (("fuzz", HEAP, "--sources", "kernel"), USAGE, "kernel is a folder"),
        (("fuzz", HEAP, "--sources", "kernel/heap.h"), USAGE, "kernel/heap.h is no source"),
        (("fuzz", HEAP, "--sources", "'kernel/heap.c"), USAGE, "No closing quotation"),
        (("run", HEAP, "--sources"), USAGE, "--sources needs a value"),
        (("run", HEAP, "--cflags", "-DX=a;b"), USAGE, "which CMake cannot take"),
        (("fuzz", HEAP, "--target", "pages"), USAGE, "there is no option '--target'"),
        (("soak", HEAP, "--hours", "1"), USAGE, f"fuzz {HEAP} --for 8h"),
        (("build", HEAP, "--build-folder", "/proc/nowhere"), ENVIRONMENT, "/proc/nowhere"),
        (("build", HEAP, "--build-folder", "mine"), USAGE, "mine/fuzz is not empty, and no build of kmemfuzz"),
        (("build", "secret.c"), ENVIRONMENT, "secret.c: "),
    ])
    def test_it_is_named_with_its_code(self, arguments, expected, said):
        (self.folder / "folder.c").mkdir()
        self.write("mine/fuzz/heap.txt", "not to be lost")
        (self.folder / "secret.c").symlink_to("/proc/self/mem/x")
        code, output, errors = self.run_tool(*arguments)
        assert (code, output) == (expected, ""), errors
        assert said in errors
        assert "Traceback" not in errors
        assert (self.folder / "mine/fuzz/heap.txt").exists()

    @pytest.mark.parametrize("settings,expected,said", [
        (b"\xff\xfe", USAGE, "it is not text"),
        (b"sorce a.c\n", USAGE, "settings:1: 'sorce a.c' is no setting"),
        (b"subject my_heap.cpp\n", USAGE, "is of my_heap.cpp, and my_heap.c would share its folder"),
        (b"subject my_heap.c\nsource gone.c\n", ENVIRONMENT, "gone.c: No such file"),
    ])
    def test_settings_that_were_spoilt_are_named(self, settings, expected, said):
        self.write(f"{PLACE}/settings", settings)
        code, output, errors = self.run_tool("run", HEAP, FIRST_FIT)
        assert (code, output) == (expected, "")
        assert said in errors
        assert (self.folder / PLACE / "settings").read_bytes() == settings

    def test_what_builds_need_is_named_by_its_packages(self):
        programs = self.folder / "programs"
        programs.mkdir()
        for name in ("sh", "sort"):
            (programs / name).symlink_to(shutil.which(name))
        for environment, newest in (({}, "19"), ({"KMEM_CLANG": "16"}, "16")):
            code, output, errors = self.run_tool("build", HEAP, env={**CHOOSING, **environment, "PATH": str(programs)})
            assert (code, output) == (ENVIRONMENT, "")
            assert "building needs these Debian packages: cmake ninja-build binutils; install them. There is no clang" in errors
            assert f"On Debian install clang-{newest} lld-{newest} llvm-{newest} libclang-rt-{newest}-dev; or test the heap with any compiler: " in errors


def test_a_build_of_another_clang_begins_from_nothing(folder, monkeypatch):
    write_file(folder / "my_heap.c", "")
    own = heap.Heap(str(folder / "my_heap.c"), {}, None)
    run = []
    monkeypatch.setattr(heap, "_harness", lambda _environment: contextlib.nullcontext(""))
    monkeypatch.setattr(heap.subprocess, "run", lambda command, **_: run.append(command[1]) or subprocess.CompletedProcess(command, SOUND, b""))
    for version, configured in (("19", ["--preset", "--build"]), ("19", ["--build"]), ("14", ["--preset", "--build"])):
        kept = folder / "my_heap.fuzz/build/fuzz/kept"
        monkeypatch.setattr(heap.llvm, "place", lambda version=version: f"clang-{version}\nclang++-{version}")
        own._make_one("fuzz")  # pylint: disable=protected-access
        assert run == configured
        assert not kept.exists() or len(run) == 1
        kept.touch()
        run.clear()


class TestHarness:
    """What the checkout has built, for the programs of all heaps; whether it has is asked of ci/lib/common.sh (tests/gates)."""

    # pylint: disable=protected-access

    @pytest.fixture(autouse=True)
    def set_up_harness(self, folder, monkeypatch):
        """A checkout whose harness is built unless STALE is in the environment, and builds as BUILT says."""
        self.top, self.build = folder, folder / "build/fuzz"
        write_file(folder / "ci/lib/common.sh",
                   f". '{ROOT}/ci/lib/common.sh'\n"
                   "is_built() { [ -z \"${STALE-}\" ]; }\nbuild() { echo $TARGETS of $1 >&2; return ${BUILT:-0}; }\n")
        self.build.mkdir(parents=True)
        monkeypatch.setattr(heap, "SOURCES", folder)

    @pytest.fixture
    def said(self, capfd):
        """What comes of it, with what is said of builds."""
        def find(**environment):
            with heap._harness({**os.environ, **environment}) as harness:
                return harness, capfd.readouterr().err
        return find

    def test_what_is_built_already_is_linked_and_cannot_be_built_meanwhile(self, said):
        assert said() == (self.build, "")
        with heap._harness(os.environ):
            other = os.open(self.top / "build/logs", os.O_RDONLY)
            with pytest.raises(BlockingIOError):
                fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
        fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.close(other)

    def test_what_is_not_is_built_first(self, said):
        assert said(STALE="1") == (self.build, "heap_fuzzer kmemfuzz of fuzz\n")

    def test_a_harness_that_does_not_build_is_no_heap_that_does_not(self, said):
        with pytest.raises(heap.Refused, match="^the harness that heaps are linked with does not build$") as refused:
            said(STALE="1", BUILT="3")
        assert refused.value.code == ENVIRONMENT

    @pytest.mark.parametrize("place", (None, "build/logs", "build/fuzz", "build"))
    def test_without_a_checkout_that_can_be_built_in_it_is_compiled_with_the_heap(self, place, said, monkeypatch):
        if place is None:
            (self.top / "ci/lib/common.sh").unlink()
        elif place == "build":
            self.build.rmdir()
        else:
            (self.top / place).mkdir(exist_ok=True)
        monkeypatch.setattr(heap.os, "access", lambda path, _: path != self.top / str(place))
        assert said() == ("", "")


@pytest.mark.parametrize("run, error", [
    (lambda: board._tool_output("llvm-nm"), board.EnvironmentFailure),  # pylint: disable=protected-access
    (lambda: measurement.merge([], "profile"), llvm.Lacking)])
def test_a_program_of_llvm_is_not_taken_of_another_clang(run, error, monkeypatch):
    monkeypatch.setenv("KMEM_CLANG", "1")
    llvm.place.cache_clear()
    with pytest.raises(error, match=r"^There is no clang 1 here .* On Debian install clang-1 "):
        run()


class TestBuildErrors:
    """What linkers say, of a host and of a board."""

    def test_what_nothing_defines_is_named_once_with_its_place(self):
        said = "ld.lld: error: undefined symbol: {0}\n>>> referenced by heap.c:{1} (a b/heap.c:{1})\n>>>    x.o:(start)\n\n"
        log = "[3/9] Linking\nFAILED: x\n" + (said.format("panic", 12) + said.format("memset", 40)) * 2
        assert build_errors.explain(log) == ("nothing defines\n    panic, called at a b/heap.c:12\n    memset, called at a b/heap.c:40\n"
                                             'Name the sources that do: --sources "FILE..."')

    @pytest.mark.parametrize("log", [
        "/usr/bin/ld: /x y/a.dir/k/two.c.o: in function `kfree':\n/k/two.c:5: multiple definition of `kfree'; /x y/a.dir/k/one.c.o:/k/one.c:9: "
        "first defined here\n",
        "/usr/bin/ld: /x y/a.dir/k/two.c.o:(.bss+0x0): multiple definition of `__odr_asan_gen_kfree'; /x y/a.dir/k/one.c.o:(.bss+0x0): first\n",
        "ld.lld: error: duplicate symbol: kfree\n>>> defined at one.c\n>>>            one.c.o:(kfree)\n>>> defined at two.c\n>>>  two.c.o:\n"])
    def test_what_is_defined_twice_is_named_with_both_places(self, log):
        assert build_errors.explain(log) == "kfree is defined twice, in one.c and in two.c"

    def test_a_compilers_words_are_as_they_are(self):
        words = "heap.c:1:1: error: expected ';'\n    1 | x\n1 error generated."
        assert build_errors.explain(f"[1/9] Building C object x\nFAILED: x\n/usr/bin/clang-19 -c heap.c\n{words}\nninja: build stopped\n") == words


def test_flags_name_files_from_where_they_are_typed(folder):
    write_file(folder / "own.h", "")
    flags = ["-Iinclude", "-isystem", "other", "-include", "own.h", "-include", "stdint.h", "--sysroot=root", "-DX=-Iy", "-I/usr/x"]
    assert heap._flags_from(folder, flags) == [  # pylint: disable=protected-access
        f"-I{folder}/include", "-isystem", f"{folder}/other", "-include", f"{folder}/own.h", "-include", "stdint.h",
        f"--sysroot={folder}/root", "-DX=-Iy", "-I/usr/x"]
