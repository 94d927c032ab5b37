"""kmemfuzz.c and kmemfuzz.h: they compile wherever C does, judge a heap as the tool does, and replay a corpus on a board whose
firmware has nothing else of this tree."""

import base64
import os
import pathlib
import re
import shutil
import struct
import subprocess

import pytest
from compilers import CLANG, CLANGXX, LLD
from kmemfuzz import board_lines
from tool_fixture import ROOT, SOUND, TOOL, VIOLATION, copy_sources

HERE = pathlib.Path(__file__).parent
FOREIGN = ROOT / "build/fuzz/tests/subjects/foreign_kmemfuzz"
CORPUS = ("corpus/seeds", "corpus/minimised", "corpus/regressions", "corpus/large")
WARNINGS = "-Wall -Wextra -Wshadow -Wconversion -Wundef -Wcast-align -Werror".split()
SKIPPED, UNUSABLE = 2, 3
NO_PROGRAM_SUM = 0x937d51301b2d2185  # the checksum of a blob that holds none
TIMEOUT = 240  # seconds a command may take on a busy machine before it counts as hanging
HEAP = ("heap.c", "heap.h", "my_heap.c")


def run(*command, code=SOUND, **more):
    """Runs a command that ends with a code. Returns its standard output."""
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, check=False, timeout=TIMEOUT, **more)
    assert done.returncode == code, f"{command} ended with {done.returncode}: {done.stdout}{done.stderr}"
    return done.stdout


def verdicts(output):
    """The V lines of a replay."""
    return [line for line in output.splitlines() if line.startswith("V ")]


class TwoFilesTest:
    """The two files and a heap in a folder that the tests of a class share, with the corpus as C."""

    @pytest.fixture(autouse=True)
    def set_up_two_files(self, shared_folder):
        self.folder = shared_folder
        if not (shared_folder / "corpus.c").exists():
            run(TOOL, "two-files", shared_folder)
            run(TOOL, "pack", *CORPUS, "-o", shared_folder / "blob", "--c", shared_folder / "corpus.c", cwd=ROOT)
            for name in (*HEAP, "host.c"):
                shutil.copy(HERE / name, shared_folder)

    def build_host(self, *flags, sources=HEAP[::2]):
        """The host's program with these flags for the heap."""
        if not (self.folder / "kmemfuzz.o").exists():
            run("gcc", "-O1", "-c", "kmemfuzz.c", "corpus.c", "host.c", cwd=self.folder)
        run("gcc", "-g", *flags, *sources, "kmemfuzz.o", "corpus.o", "host.o", "-o", "host", cwd=self.folder)
        return self.folder / "host"


class TestCompiled(TwoFilesTest):
    @pytest.mark.parametrize("machine", ["-m64", "-m32"])
    @pytest.mark.parametrize("compiler", ["gcc", CLANG, "g++", CLANGXX])
    def test_without_a_library_and_without_a_warning(self, compiler, machine):
        language = ["-x", "c++", "-fno-exceptions"] if "++" in compiler else ["-std=c11"]
        name = f"{pathlib.Path(compiler).name}{machine}.o"
        run(compiler, *language, *WARNINGS, machine, "-ffreestanding", "-fno-pic", "-c", "kmemfuzz.c", "-o", name, cwd=self.folder)
        run(compiler, machine, "-nostdlib", "-static", "-Wl,--defsym=subject_under_test=0,-e,0", name, "-lgcc", "-o", "linked", cwd=self.folder)
        symbols = [line.split()[-1] for line in run("nm", "-g", "--defined-only", name, cwd=self.folder).splitlines()]
        assert "kmemfuzz_replay" in symbols and "kmemfuzz_smoke" in symbols and "memcpy" in symbols
        assert [name for name in symbols if not re.fullmatch(r"kmemfuzz_\w+|subject_(more|failed)|mem(cpy|move|set|cmp)", name)] == []

    def test_a_program_has_a_library_s_functions_rather_than_these(self):
        run("gcc", "-ffreestanding", "-c", "kmemfuzz.c", "-o", "own.o", cwd=self.folder)
        weak = re.findall(r" (\w) (mem[a-z]+)$", run("nm", "own.o", cwd=self.folder), re.MULTILINE)
        assert sorted(weak) == [("W", name) for name in ("memcmp", "memcpy", "memmove", "memset")]

    def test_a_fuzz_target_finds_what_is_planted(self):
        build = (CLANG, "-fsanitize=fuzzer,address", "-DKMEMFUZZ_LIBFUZZER=1")
        run(*build, "-c", "kmemfuzz.c", "-o", "target.o", cwd=self.folder)
        for bug, code in (("0", 0), ("1", 77)):
            run(*build, f"-DHEAP_BUG={bug}", *HEAP[::2], "target.o", "-o", "target", cwd=self.folder)
            done = subprocess.run([self.folder / "target", "-runs=3000", "-seed=1", "-len_control=0"], cwd=self.folder, capture_output=True, text=True,
                                  check=False, timeout=TIMEOUT)
            assert done.returncode == code, done.stderr
            assert (code != 0) == ("\nalignment: Every payload has the alignment the heap promises" in done.stderr)


class TestOnAHost(TwoFilesTest):
    def smoke(self, *flags, code):
        return run(self.build_host(*flags), "smoke", "2000", "1", code=code)

    def test_a_sound_heap_is_not_accused(self):
        assert self.smoke(code=SOUND) == ""

    @pytest.mark.parametrize("flag, oracle", [("-DHEAP_BUG=1", "alignment"), ("-DHEAP_BUG=2", "assertion"),
                                              ("-DWITHOUT_RESET", "repeatable")])
    def test_a_defect_is_named_with_the_program_that_shows_it(self, flag, oracle):
        output = self.smoke(flag, code=VIOLATION)
        assert output.startswith(f"{oracle}: ")
        program = base64.b64decode(re.search(r"echo (\S+) \| base64 -d \| kmemfuzz explain YOUR_HEAP.c -\n$", output).group(1), validate=True)
        assert len(program) <= 16 + 8 * 16, "it is not reduced"
        (self.folder / "program").write_bytes(program)
        assert run(TOOL, "show", "program", cwd=self.folder).startswith("kmem-program 2\nheap page=")
        assert self.smoke(flag, code=VIOLATION) == output

    def test_memory_that_no_program_fits_is_not_called_sound(self):
        run("gcc", "-O1", "-DKMEMFUZZ_MEMORY=4400", "-DKMEMFUZZ_ALIGNMENT=64", "-DKMEMFUZZ_SLOTS=64", "-c", "kmemfuzz.c", "-o", "small.o",
            cwd=self.folder)
        self.build_host()
        run("gcc", *HEAP[::2], "host.o", "corpus.o", "small.o", "-o", "small", cwd=self.folder)
        lines = verdicts(run(self.folder / "small", "replay", code=SKIPPED))
        whole = verdicts(run(self.folder / "host", "replay", code=SKIPPED))
        assert len(lines) == len(whole)
        lacking = [line for line in lines if " no-memory 0 " in line]
        assert 10 < len(lacking) < len(lines) - 50
        assert [line for line in lines if line not in whole] == lacking

    def replay_unusable(self, *sources):
        return run(self.build_host(sources=sources), "replay", code=UNUSABLE)

    def test_a_damaged_blob_is_an_error(self):
        self.build_host()
        whole = (self.folder / "corpus.c").read_text(encoding="utf-8")
        (self.folder / "damaged.c").write_text(whole.replace("0x4b, 0x4d,", "0x4b, 0x4e,", 1), encoding="utf-8")
        run("gcc", *HEAP[::2], "kmemfuzz.o", "host.o", "damaged.c", "-o", "host", cwd=self.folder)
        assert run(self.folder / "host", "replay", code=UNUSABLE) == "ERROR 32 this is no blob: it does not begin with KMEMBLOB\n"

    def test_a_blob_without_programs_is_an_error(self):
        self.build_host()
        blob = struct.pack("<8sIIQQ8s", b"KMEMBLOB", 1, 0, 40, NO_PROGRAM_SUM, b"KMEMTAIL")
        (self.folder / "empty.c").write_text(f"const unsigned long kmemfuzz_blob_size = {len(blob)};\n"
                                             f"_Alignas(8) const unsigned char kmemfuzz_blob[] = {{{', '.join(map(str, blob))}}};\n",
                                             encoding="utf-8")
        run("gcc", *HEAP[::2], "kmemfuzz.o", "host.o", "empty.c", "-o", "host", cwd=self.folder)
        assert run(self.folder / "host", "replay", code=UNUSABLE) == "ERROR 29 the blob holds no program\n"

    def test_a_table_without_a_function_that_is_required_is_an_error(self):
        table = (self.folder / "my_heap.c").read_text(encoding="utf-8")
        (self.folder / "lacking.c").write_text(table.replace("    .alloc = kalloc,\n", ""), encoding="utf-8")
        assert self.replay_unusable("heap.c", "lacking.c") == "ERROR 29 the subject's table lacks start, alloc or free, or has a view\n"

    def test_an_alignment_that_the_memory_does_not_have_is_an_error(self):
        table = (self.folder / "my_heap.c").read_text(encoding="utf-8")
        (self.folder / "aligned.c").write_text(table.replace(".alignment = 8", ".alignment = 8 << 20"), encoding="utf-8")
        assert self.replay_unusable("heap.c", "aligned.c") == "ERROR 29 the heap promises more than KMEMFUZZ_ALIGNMENT\n"

    def test_a_program_that_traps_has_a_line_and_the_next_one_runs(self):
        output = run(self.build_host("-DHEAP_BUG=3"), "replay", code=VIOLATION)
        sound = run(self.build_host(), "replay", code=SKIPPED)
        stopped = [line for line in output.splitlines() if line.startswith("F ")]
        assert len(stopped) > 5
        assert all(re.fullmatch("F [0-9]+ [0-9]+ b 0 1234 0 0", line) for line in stopped)  # b: SIGSEGV
        others = verdicts(output)
        assert len(others) + len(stopped) == len(verdicts(sound))
        assert set(others) < set(verdicts(sound))
        assert output.splitlines()[-1] == f"END {len(verdicts(sound))} {len(others)} 0 {len(stopped)} 0 0"

    def build_subject(self, heap):
        """The host's program with a heap of tests/subjects."""
        under_test = self.folder / "under_test.c"
        under_test.write_text(f'#include "kmemfuzz.h"\nextern const struct subject subject_{heap};\n'
                              f"const struct subject *const subject_under_test = &subject_{heap};\n", encoding="utf-8")
        return self.build_host("-O1", "-DSUBJECT_DEFECT=0", f"-I{ROOT}", f"-I{ROOT}/tests/subjects/port",
                               sources=(under_test, ROOT / f"tests/subjects/{heap}.c"))

    def require_lines_of_tool(self, heap, blob):
        """Requires the tool's lines for a blob from the host's program, which has that blob compiled in."""
        done = subprocess.run([self.folder / "host", "replay"], capture_output=True, text=True, check=False, timeout=TIMEOUT)
        tool = subprocess.run([FOREIGN, "replay", self.folder / blob], capture_output=True, text=True, check=False, timeout=TIMEOUT,
                              env={**os.environ, "SUBJECT": heap})
        assert verdicts(done.stdout) == verdicts(tool.stdout)
        assert len(verdicts(done.stdout)) > 100

    @pytest.mark.parametrize("heap", ["buddy_heap", "fit_heap", "list_heap", "more_heap", "region_heap", "tlsf_heap"])
    def test_every_line_is_the_tool_s(self, heap):
        self.build_subject(heap)
        self.require_lines_of_tool(heap, "blob")

    def test_programs_made_of_the_seed_in_a_blob_are_the_tool_s(self):
        host = self.build_subject("buddy_heap")
        run(TOOL, "pack", "--programs", "200", "--seed", "4", "-o", "seed", "--c", "seed.c", "--force", cwd=self.folder)
        rest = ("under_test.c", ROOT / "tests/subjects/buddy_heap.c", "seed.c", "host.o", "-o", host)
        build = ("gcc", "-O1", "-DSUBJECT_DEFECT=0", f"-I{ROOT}", f"-I{ROOT}/tests/subjects/port")
        run(*build, "kmemfuzz.o", *rest, cwd=self.folder)
        assert run(host, "replay", code=UNUSABLE) == (
            "ERROR 29 the blob's programs are made here: compile with -DKMEMFUZZ_PROGRAM=2048 for them\n")
        run(*build, "-DKMEMFUZZ_PROGRAM=2048", "kmemfuzz.c", *rest, cwd=self.folder)
        self.require_lines_of_tool("buddy_heap", "seed")


class TestFirmware(TwoFilesTest):
    """A firmware made with a plain Makefile in a folder that has nothing but its own files, the two, a heap and a corpus."""

    def boot(self, arch, *defines, code):
        place = self.folder / arch
        if not place.exists():
            shutil.copytree(HERE / "firmware", place)
            for name in ("kmemfuzz.c", "kmemfuzz.h", "corpus.c", *HEAP):
                shutil.copy(self.folder / name, place)
        (place / "heap.o").unlink(missing_ok=True)
        run("make", f"ARCH={arch}", f"DEFINES={' '.join(defines)}", f"CC={CLANG}", f"LD={LLD}", cwd=place)
        return run(f"qemu-system-riscv{arch[2:]}", *"-M virt -m 16M -display none -serial stdio -monitor none -bios none -kernel".split(),
                   "firmware.elf", code=code, cwd=place)

    @pytest.mark.parametrize("arch", ["rv64", "rv32"])
    def test_it_prints_the_host_s_lines(self, arch):
        output = self.boot(arch, code=SOUND)
        reader = board_lines.Reader(0, xlen=int(arch[2:]))
        for line in output.splitlines():
            reader.take(line)
        assert reader.end["violation"] == 0
        host = verdicts(run(self.build_host(), "replay", code=SKIPPED))
        different = [line for line, expected in zip(verdicts(output), host, strict=True) if line != expected]
        assert 0 < len(different) < 20
        assert all(re.fullmatch(r"V [0-9]+ 0 no-memory 0 [0-9a-f]+ [0-9a-f]+ 0", line) for line in different)

    def test_it_accuses_the_heap_as_the_host_does(self):
        output = self.boot("rv64", "-DHEAP_BUG=1", code=VIOLATION)
        host = run(self.build_host("-DHEAP_BUG=1"), "replay", code=VIOLATION)
        accused = [line for line in verdicts(output) if " alignment " in line]
        assert len(accused) > 5
        assert set(accused) <= set(verdicts(host))

    @pytest.mark.night
    def test_its_capture_is_judged_by_the_heap_s_own_tool(self):
        tree = copy_sources(self.folder / "tree")
        for define, code, words in (("-DHEAP_BUG=0", SOUND, "all sound, digests equal the host's"),
                                    ("-DHEAP_BUG=1", VIOLATION, "VIOLATION alignment: "),
                                    ("-DHEAP_BUG=2", VIOLATION, "because    a failed assertion in heap.c, line 53: size != 24")):
            (self.folder / "capture.txt").write_text(self.boot("rv64", define, code=code if define[-1] != "2" else 3), encoding="utf-8")
            command = [TOOL, "board", "my_heap.c", "--sources", "heap.c", "--log", "capture.txt", "blob"]
            assert words in run(*command, code=code, cwd=self.folder, env={**os.environ, "KMEM_TREE": str(tree)})

    def test_a_failed_assertion_is_the_last_line(self):
        output = self.boot("rv64", "-DHEAP_BUG=2", code=3)
        assert output.splitlines()[-1] == "ERROR 28 a failed assertion in heap.c, line 53: size != 24"
