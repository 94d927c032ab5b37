"""kmemfuzz_add_heap in a project that fetches this tree, whose heap is found at fault; images; what does not compile."""

import re

import pytest
from compilers import CLANG
from package_fixture import Project, fetched

from folders import write_file


class TestFetched:
    """One project, by gcc, in C and C++."""

    @pytest.fixture(scope="class")
    def project(self, shared_folder):
        project = Project(shared_folder, package=fetched(), languages="C CXX")
        code, output = project.configure("-G", "Ninja", "-DCMAKE_C_COMPILER=gcc", "-DKMEMFUZZ_TIME=5s")
        assert code == 0, output
        return project

    def test_a_campaign_finds_and_explains_what_is_wrong(self, project):
        code, output = project.make("my_heap_fuzz")
        assert code != 0
        assert f"kernel/heap.c with {CLANG} -Ikernel -DPAYLOAD=(1 << 8) -DNAME=\"Ann's|heap\", under AddressSanitizer and UBSan" in output
        assert re.search(r"crashes +[1-9]", output), output
        assert re.search("(?m)^VIOLATION (impossible-size|disjoint): ", output), output

    def test_images_replay_programs(self, project):
        code, output = project.make("my_heap_image")
        assert code == 0, output
        for board, machine in (("rv64", 2), ("rv32", 1)):
            header = (project.build / f"my_heap_{board}.elf").read_bytes()[:20]
            assert (header[:5], header[18:]) == (b"\x7fELF" + bytes([machine]), b"\xf3\0")  # bits; RISC-V

    def test_a_heap_that_does_not_compile_fails_and_shows_the_compilers_error(self, project):
        subject = project.folder / "my_heap.c"
        text = subject.read_text(encoding="utf-8")
        write_file(subject, text + "int x = ;\n")
        code, output = project.test()
        write_file(subject, text)
        assert code != 0
        assert re.findall(r"my_heap[.](\w+) \((Failed|Not Run)\)", output) == [
            ("build", "Failed"), ("corpus", "Not Run"), ("regressions", "Not Run")]
        assert re.search(r"(?m)^my_heap.c:\d+:9: error: expected expression$", output)
