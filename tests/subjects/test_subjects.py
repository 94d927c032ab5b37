"""Heaps that are not this project's, from the first byte to the explanation: those of tests/subjects, sound and with each of their
defects, fuzzed from an empty corpus."""

import json
import os
import pathlib
import re
import subprocess

import pytest
from compilers import CLANG

from folders import FolderTest

ROOT = pathlib.Path(__file__).resolve().parents[2]
SUBJECTS = ROOT / "tests" / "subjects"
PROGRAMS = ROOT / "build" / "fuzz" / "tests" / "subjects"
EXECUTIONS = 20000  # in which each defect is found
SOUND_EXECUTIONS = int(os.environ.get("KMEM_EXECUTIONS", 5000))  # that accuse no sound heap; a hundred times as many at night
TIMEOUT = 240 + SOUND_EXECUTIONS / 200  # seconds a command may take on a busy machine before it counts as hanging
SOUND, VIOLATION, USAGE = range(3)

# What may object first where a heap follows links that lie in payloads.
BROKEN_LINKS = "stray-store|disjoint|contents-kept|usable-size|AddressSanitizer|UndefinedBehaviorSanitizer"

# For each heap its defects, in the order of its enum from 1 on, and what may object first: an oracle, or a sanitizer.
HEAPS = {
    "anywhere_heap": {
        "MISALIGNS": "alignment",
        "OVERLAPS": "disjoint|stray-store|AddressSanitizer",
        "LINKS_TOO_LOW": "stray-store|contents-moved",
        "ZEROES_TOO_LITTLE": "contents-zeroed",
        "MOVES_TOO_LITTLE": "contents-moved",
        "LOSES_THE_OLD": "resize-failed|contents-moved",
    },
    "buddy_heap": {
        "ROUNDS_DOWN": "usable-size",
        "MARKS_TOO_EARLY": "disjoint",
        "MERGES_TAKEN": "disjoint",
        "MERGES_ANY_ORDER": "disjoint|leak",
        "MERGES_RIGHTWARDS": "disjoint|alignment|leak|AddressSanitizer",
        "MERGES_ONCE": "leak",
        "MAP_OF_BITS": "stray-store",
        "SHRINKS_TO_FREE": "disjoint|stray-store",
        "MOVES_A_UNIT": "contents-moved",
        "ZEROES_UNITS": "contents-zeroed",
        "FORGETS_ALIGNMENT": "alignment",
    },
    "bump_heap": {
        "ROUNDS_TO_NOTHING": "impossible-size|AddressSanitizer",
        "FORGETS_ITS_HEADER": "inside|stray-store",
        "REUSES_ANY_SIZE": "usable-size|disjoint|inside",
        "TOP_TOO_LOW": "stray-store|contents-moved|disjoint",
        "COPIES_TOO_FEW": "contents-moved",
        "ALIGNS_THE_HEADER": "alignment",
        "CALLOC_WRAPS": "impossible-size",
        "ZEROES_ONE_ELEMENT": "contents-zeroed",
        "SIZES_OF_8_BITS": "usable-size",
    },
    "fit_heap": {
        "TAKES_THE_BEST": "placement",
        "TAKES_THE_LAST": "placement",
        "CUTS_TOO_LATE": "placement",
        "FORGETS_THE_LEFT": "placement",
        "ALWAYS_MOVES": "placement",
        "ZEROES_ITS_GRAIN": "contents-zeroed",
    },
    "global_heap": {
        "ROUNDS_DOWN": "usable-size|stray-store",
        "TAKES_ONE_LESS": "disjoint",
        "COUNTS_ON": "disjoint|stray-store",
        "FREES_ONE_MORE": "disjoint",
        "KEEPS_ONE_UNIT": "leak|liveness",
        "LEAVES_THE_LAST": "usable-size",
        "GROWS_INTO_TAKEN": "disjoint",
        "ZEROES_TOO_LITTLE": "contents-zeroed",
        "IGNORES_ALIGNMENT": "alignment",
    },
    "list_heap": {
        "GRANTS_TOO_MUCH": "impossible-size|AddressSanitizer",
        "MISALIGNS": "alignment",
        "IGNORES_ALIGNMENT": "alignment",
        "OVERLAPS": "own-check",
        "LINKS_TOO_LOW": "stray-store|contents-moved",
        "WRITES_PAST": "stray-store",
        "ZEROES_TOO_LITTLE": "contents-zeroed",
        "MOVES_TOO_LITTLE": "contents-moved",
        "LOSES_THE_OLD": "resize-failed",
        "CLAIMS_LESS": "usable-size",
        "SHARES_NOTHING": "disjoint|own-check",
        "GRANTS_NOTHING": "liveness",
        "FORGETS_THE_LEAST": "leak",
        "DISORDERS": "own-check",
    },
    "more_heap": {
        "TRUSTS_MORE": "inside|stray-store|own-check|AddressSanitizer",
        "STARTS_TOO_LOW": "own-check|disjoint|usable-size|stray-store|AddressSanitizer",
        "ASKS_FOR_HALF": "inside|stray-store|AddressSanitizer",
    },
    "region_heap": {
        "MERGES_ACROSS": "inside|guards|walk|AddressSanitizer",
        "ENDS_TOO_LATE": "inside|guards|AddressSanitizer",
        "ZERO_IS_A_UNIT": "zero-size",
        "REFUSES_EXACT_FITS": "refit",
        "KEEPS_THE_CUT": "gives-back",
        "WALKS_TOO_SHORT": "walk",
        "COUNTS_MISUSES": "free-bytes",
        "EXTENDS_TOO_FAR": "disjoint|walk|contents-kept",
        "TRUSTS_THE_SIZE": "disjoint|walk|free-bytes",
        "REMEMBERS": "repeatable",
        "CLEARS_FIRST": "resize-failed",
        "ACCEPTS_INTERIOR": "walk",
    },
    "tag_heap": {
        "WRAPS": "impossible-size",
        "PRODUCT_WRAPS": "impossible-size",
        "ZEROES_ONE_ELEMENT": "contents-zeroed",
        "LEAVES_THE_ROVER": "disjoint|stray-store|AddressSanitizer",
        "SPLITS_ONE_TAG": "disjoint|stray-store|AddressSanitizer",
        "SPLITS_NOTHING": "disjoint|stray-store|AddressSanitizer",
        "GROWS_INTO_TAKEN": "disjoint|stray-store",
        "SHRINKS_ONE_TAG": "disjoint|stray-store|AddressSanitizer",
        "MOVES_THE_NEW_SIZE": "AddressSanitizer",
    },
    "small_heap": {
        "TRUNCATES": "impossible-size",
        "GRANTS_TWICE": "disjoint",
        "FREES_FIRST": "disjoint|stray-store",
        "COUNTS_THE_HEADER": "usable-size|inside|disjoint|contents-kept",
        "COPIES_PAIRS": "contents-moved",
        "ZEROES_TOO_MUCH": "disjoint|contents-kept|AddressSanitizer|stray-store",
        "MERGES_TAKEN": "disjoint|stray-store|contents-moved",
        "LISTS_WHAT_IT_MERGED": "disjoint|stray-store|AddressSanitizer",
    },
    "class_heap": {
        "GRANTS_LARGE": "alignment|inside|disjoint|usable-size|impossible-size",
        "ROUNDS_DOWN": "usable-size",
        "LOOKS_TOO_LOW": "assertion",
        "CARVES_THE_MAP": "usable-size|contents-kept|disjoint|UndefinedBehaviorSanitizer",
        "CARVES_ONE_MORE": "stray-store",
        "ALIGNS_TO_SIZE": "alignment",
        "MULTIPLIES_32_BITS": "impossible-size",
        "ZEROES_THE_LINK": "contents-zeroed",
        "MOVES_THE_OLD_SIZE": "stray-store|AddressSanitizer|UndefinedBehaviorSanitizer",
        "FREES_TO_THE_NEW": "disjoint|usable-size",
        "CLAIMS_TOO_MUCH": "assertion",
    },
    "narrow_heap": {
        "LINKS_OF_16_BITS": "AddressSanitizer",
        "WRAPS_AT_32_BITS": "impossible-size",
        "FORGETS_ITS_HEADER": "usable-size|disjoint|inside|stray-store",
        "LISTS_WHAT_IT_GRANTS": "disjoint|bounded|stray-store",
        "MOVES_HALF": "contents-moved",
    },
    "port_heap": {
        "LOSES_THE_TAKEN_BIT": "disjoint|stray-store|contents-moved",
        "ROUNDS_TO_NOTHING": "impossible-size",
        "RETURNS_ONE_PAST": "alignment",
        "MERGES_NO_FURTHER": "leak",
        "MULTIPLIES_WRONGLY": "impossible-size",
        "ZEROES_WORDS": "contents-zeroed",
        "MOVES_TOO_LITTLE": "contents-moved",
        "FOLLOWS_NULL": "AddressSanitizer",
        "NEVER_ENDS": "bounded",
    },
    "cpp_heap": {
        "WRAPS": "stray-store|impossible-size",
        "FITS_THE_HEADER": BROKEN_LINKS,
        "UNLINKS_ONE_WAY": BROKEN_LINKS,
        "MERGES_THE_LISTED": BROKEN_LINKS,
        "FORGETS_A_NEIGHBOUR": BROKEN_LINKS,
        "CUTS_TOO_SMALL": BROKEN_LINKS,
        "ALIGNS_THE_BLOCK": "alignment",
        "ZEROES_WORDS": "contents-zeroed",
        "RELEASES_FIRST": "contents-moved",
    },
    "rust_heap": {
        "WRAPS": "impossible-size|stray-store",
        "CUTS_TOO_LOW": "disjoint|stray-store|liveness",
        "ZEROES_WORDS": "contents-zeroed",
        "MOVES_A_WORD": "contents-moved",
        "ALIGNS_THE_HEADER": "alignment",
    },
    "tlsf_heap": {
        "WRAPS": "impossible-size|stray-store",
        "ROUNDS_DOWN": "usable-size|inside|disjoint",
        "LEAVES_THE_BIT": "assertion",
        "LEAVES_THE_LINK": "assertion",
        "FORGETS_BEFORE": "own-check",
        "MERGES_TAKEN": "own-check|disjoint|stray-store",
        "LEAVES_THE_GROWN": "assertion|stray-store|bounded|AddressSanitizer",
        "ENDS_TOO_FAR": "stray-store",
        "COUNTS_LEVELS": "bounded",
        "ZEROES_BY_BYTE": "bounded",
        "FRONT_TOO_SMALL": "own-check",
        "CLEARS_TOO_MUCH": "stray-store",
    },
}
DEFECTS = [(heap, defect) for heap, defects in HEAPS.items() for defect in defects]
MOVE = "kmem-program 2\nheap page=256 pages=1\nalloc 0 20\nrealloc 0 40\n"


def require_built(heap):
    """Skips the test of a heap that this machine cannot compile."""
    if heap == "rust_heap" and not (PROGRAMS / "librust_heap.a").exists():
        pytest.skip("rust_heap: no rustc")


class TestTheHeaps(FolderTest):
    def run_with(self, heap, defect, program, *arguments, lacks="", known=""):
        """(exit code, output) of a heap's program, where the heap has a defect (None is none), its table lacks a member, or its
        file knows a violation, as oracle:call."""
        require_built(heap)
        number = 0 if defect is None else 1 + list(HEAPS[heap]).index(defect)
        done = subprocess.run([PROGRAMS / f"foreign_{program}", *arguments], cwd=self.folder, timeout=TIMEOUT,
                              env=dict(os.environ, SUBJECT=heap, SUBJECT_DEFECT=str(number), SUBJECT_LACKS=lacks, SUBJECT_KNOWN=known),
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace", check=False)
        return done.returncode, done.stdout

    def fuzz(self, heap, defect, executions=EXECUTIONS):
        return self.run_with(heap, defect, "fuzzer", "-seed=1", f"-runs={executions}", "-max_len=1024", "-len_control=0",
                             "-timeout=10")

    @pytest.mark.parametrize("heap", HEAPS)
    def test_a_sound_one_is_not_accused(self, heap):
        code, output = self.fuzz(heap, None, SOUND_EXECUTIONS)
        assert (code, f"Done {SOUND_EXECUTIONS} runs" in output) == (SOUND, True), output[-2000:]
        kept = re.findall(r" corp: (\d+)/", output)  # nothing is kept of a heap that never starts
        assert kept and int(kept[-1]) >= 5

    @pytest.mark.parametrize(("heap", "defect"), DEFECTS)
    def test_a_defect_is_found_by_its_oracle(self, heap, defect):
        code, output = self.fuzz(heap, defect)
        found = re.search(r"^VIOLATION ([a-z-]+)|SUMMARY: ((?:Address|UndefinedBehavior)Sanitizer): (?!ABRT)", output, re.MULTILINE)
        assert code != SOUND and found, output[-2000:]
        assert re.fullmatch(HEAPS[heap][defect], found[1] or found[2])

    @pytest.mark.parametrize("heap", HEAPS)
    def test_the_defects_are_all_that_the_heap_has(self, heap):
        text = "".join(path.read_text(encoding="utf-8") for path in SUBJECTS.glob(f"{heap}.*"))
        assert re.findall(rf"^    {heap.upper()}_(\w+),", text, re.MULTILINE) == ["SOUND", *HEAPS[heap]]

    def test_the_heaps_are_all_that_there_are(self):
        assert {path.stem for path in SUBJECTS.glob("*_heap.c*")} == set(HEAPS)

    @pytest.mark.parametrize("heap", HEAPS)
    def test_no_name_of_a_heap_is_seen_but_that_of_its_table(self, heap):
        require_built(heap)
        done = subprocess.run(["nm", "--extern-only", "--defined-only", "--format=posix", PROGRAMS / f"lib{heap}.a"],
                              capture_output=True, text=True, check=True)
        names = {line.split()[0] for line in done.stdout.splitlines()[1:]}  # after the name of the only object
        assert names - {"___asan_globals_registered"} == {f"subject_{heap}"}

    def test_what_a_heap_mutes_would_be_reported(self):
        main = self.write("main.c", '#include "tests/subjects/port/kalloc.h"\nstatic long memory[16];\n'
                          "int main(void) { return kalloc_init(memory, sizeof memory) && kmalloc(1) ? 0 : 9; }\n")
        renamed = [f"-D{name}=port_{name}" for name in ("malloc", "calloc", "realloc", "free", "malloc_usable_size")]
        subprocess.run([CLANG, "-std=gnu89", "-fsanitize=undefined", "-DKALLOC_UNIT=8", *renamed, f"-I{ROOT}", main,
                        SUBJECTS / "port" / "kalloc.c", "-o", self.folder / "unmuted"], check=True)
        done = subprocess.run([self.folder / "unmuted"], capture_output=True, text=True, check=True)
        assert "runtime error: left shift of 1 by 31 places" in done.stderr

    def test_a_program_that_fails_is_explained_and_reduced(self):
        self.write("program.ops", MOVE)
        assert self.run_with("list_heap", None, "kmemfuzz", "run", "program.ops")[0] == SOUND
        code, output = self.run_with("list_heap", "MOVES_TOO_LITTLE", "kmemfuzz", "explain", "program.ops")
        assert code == VIOLATION
        assert "VIOLATION contents-moved" in output
        assert "before  |.4|#9 s0|.51|" in output
        assert " 0-9 a-z payload by slot, . what no payload takes" in output
        assert "list_heap_realloc(payload[0], " in (self.folder / "program.ops.c").read_text("utf-8")

    def line_of(self, name, text):
        """FILE:LINE of the one line of a heap's source that has a text."""
        lines = (SUBJECTS / name).read_text(encoding="utf-8").splitlines()
        numbers = [number for number, line in enumerate(lines, 1) if text in line]
        assert len(numbers) == 1
        return f"tests/subjects/{name}:{numbers[0]}"

    @pytest.mark.parametrize(("heap", "defect", "program", "oracle", "line"), (
        ("class_heap", "CLAIMS_TOO_MUCH", "alloc 0 9\nfree 0\n", "assertion", "CLAIM(page_of(pointer)"),
        ("tlsf_heap", "ZEROES_BY_BYTE", "zalloc 0 300\n", "bounded", "for (uint8_t i = 0; i < size; i++)"),
        ("list_heap", "WRITES_PAST", "alloc 0 9\nfree 0\n", "stray-store", "memory[memory_size] = 0"),
        ("tlsf_heap", "CLEARS_TOO_MUCH", "", "stray-store", "memset(given")))
    def test_what_ends_a_call_is_shown_with_its_line(self, heap, defect, program, oracle, line):
        self.write("program.ops", f"kmem-program 2\nheap page=256 pages=2\n{program}")
        place = self.line_of(f"{heap}.c", line)
        code, output = self.run_with(heap, defect, "kmemfuzz", "explain", "program.ops")
        assert code == VIOLATION
        assert f"VIOLATION {oracle}: " in output
        assert re.search(rf"^  source     {re.escape(place)}\b", output, re.MULTILINE), output
        assert (("-> did not return" in output) or "wrong before the first one" in output)
        code, output = self.run_with(heap, defect, "kmemfuzz", "run", "--json", "program.ops")
        result = json.loads(output)["results"][0]
        assert (code, result["oracle"]) == (VIOLATION, oracle)
        assert f"{result['place']['file']}:{result['place']['line']}" == place
        assert ("assertion" in result) == (oracle == "assertion")

    def test_payloads_that_are_anywhere_are_drawn_in_their_order_and_watched(self):
        self.write("program.ops", "kmem-program 2\nheap page=64 pages=1\nalloc 0 9\nalloc 1 4\nfree 1\n")
        code, first = self.run_with("anywhere_heap", "LINKS_TOO_LOW", "kmemfuzz", "explain", "program.ops")
        assert code == VIOLATION and "VIOLATION stray-store" in first
        assert re.search(r"^  expected   no store in the live payload that starts at address 0x[0-9a-f]+$", first, re.MULTILINE)
        assert f"\n  source     {self.line_of('list_heap.c', 'memory[offset + i] =')} in store\n" in first
        assert "    before  |#1 s0|...|#1 s1|\n" in first and "byte at offset" not in first
        assert f"\n> 2  free 1    |0................1      |\n{'^':>17}\n{'':16}the first byte stored: 1 byte\n" in first, first
        assert "\n  1  alloc 1 4 |000000000................1111   |\n" in self.run_with("anywhere_heap", None, "kmemfuzz", "show", "--map", "program.ops")[1]
        again = self.run_with("anywhere_heap", "LINKS_TOO_LOW", "kmemfuzz", "explain", "--force", "program.ops")[1]
        assert re.sub("0x[0-9a-f]+", "", first) == re.sub("0x[0-9a-f]+", "", again)
        for name in ("svg", "html"):
            self.run_with("anywhere_heap", None, "kmemfuzz", "show", f"--{name}", f"out.{name}", "program.ops")
            picture = (self.folder / f"out.{name}").read_text("utf-8")
            assert "a gap of any size" in picture and not re.search("0x[0-9a-f]{5}|offset [0-9]", picture)
        assert "not judged, as its memory is anywhere: inside, guards," in self.fuzz("anywhere_heap", None, 1)[1]

    @pytest.mark.parametrize(("heap", "defect", "program", "title", "line"), (
        ("port_heap", "FOLLOWS_NULL", "alloc 0 9\ncoalesce\n", "DIED in the adapter", "turns = *nothing"),
        ("port_heap", "NEVER_ENDS", "coalesce\n", "VIOLATION bounded", "if (turns == 0)"),
        ("port_heap", "LOSES_THE_TAKEN_BIT", "alloc 0 49\nalloc 1 9\n", "VIOLATION stray-store", None),
        ("tag_heap", "MOVES_THE_NEW_SIZE", "alloc 0 0\nalloc 0 25\nrealloc 0 9\nfree 1\nrealloc 0 33\n", "DIED in the subject", None)))
    def test_what_happens_in_the_adapter_itself_is_not_the_heaps_fault(self, heap, defect, program, title, line):
        self.write("program.ops", f"kmem-program 2\nheap page=32 pages=3\n{program}")
        fault = "a fault in your adapter tests/subjects/port_heap.c, not in the heap"
        said = {words: self.run_with(heap, defect, "kmemfuzz", *words.split(), "program.ops")[1]
                for words in ("run", "explain", "run --json")}
        self.run_with(heap, defect, "kmemfuzz", "sarif", "out.sarif", "program.ops")
        said["sarif"] = (self.folder / "out.sarif").read_text("utf-8")
        assert title in said["explain"]
        for words, text in said.items():
            assert (fault in text) == (line is not None), (words, text)
        result, = json.loads(said["run --json"])["results"]
        if line is not None:
            assert f"{result['place']['file']}:{result['place']['line']}" == self.line_of("port_heap.c", line)
        else:
            assert "port_heap.c" not in str(result["place"])

    def test_a_fact_that_the_heap_does_not_keep_is_named(self):
        self.write("program.ops", "kmem-program 2\nheap page=256 pages=1\nalloc 0 9\nalloc 1 8\n")
        said = {words: self.run_with("list_heap", "MISALIGNS", "kmemfuzz", *words.split(), "program.ops")[1]
                for words in ("run", "explain", "run --json", "sarif out.sarif", "show --map")}
        assert "\n  fact       your table says .alignment = 4\n" in said["explain"] and said["show --map"]
        assert json.loads(said["run --json"])["results"][0]["fact"] == "your table says .alignment = 4"
        written = ((self.folder / name).read_text("utf-8") for name in ("program.ops.c", "program.ops.html", "out.sarif"))
        for text in (said["run"], *written):
            assert re.search(r"fact\W+your table says \.alignment = 4", text), text[:2000]
        assert " fact " not in self.run_with("list_heap", "OVERLAPS", "kmemfuzz", "run", "program.ops")[1]

    @pytest.mark.parametrize(("heap", "defect"), DEFECTS if SOUND_EXECUTIONS > EXECUTIONS else DEFECTS[::30])  # all at night
    def test_a_defect_is_found_within_a_thousand_programs_of_a_seed(self, heap, defect):
        assert self.run_with(heap, defect, "kmemfuzz", "smoke", "--programs", "1000")[0] == VIOLATION

    def test_a_program_in_whose_region_no_heap_can_start_is_not_called_sound(self):
        self.write("small.ops", "kmem-program 2\nheap page=32 pages=1\nalloc 0 8\n")
        for words in (("run",), ("run", "--json"), ("explain",), ("show", "--c"), ("reduce", "-o", "OUT")):
            code, output = self.run_with("list_heap", None, "kmemfuzz", *words, "small.ops")
            assert code == USAGE
            assert (": error: not judged: start(memory, 32) of list heap returns false; what it takes is for the facts region_least, "
                    "region_most and memory to say\n" in output) or '"verdict": "unusable"' in output
            assert "sound" not in output.replace('"sound": 0', "")
        assert self.run_with("list_heap", None, "kmemfuzz", "pack", "small.ops", "-o", "blob")[0] == SOUND
        code, output = self.run_with("list_heap", None, "kmemfuzz", "replay", "blob")
        assert code == USAGE and re.match("V 0 0 not-judged 0 0 0 0\nEND 1\n", output)

    def test_a_fuzz_target_whose_heap_never_starts_does_not_end_as_if_it_were_sound(self):
        code, output = self.run_with("list_heap", None, "fuzzer", "-runs=100", lacks="memory")
        assert code == USAGE
        assert re.search("^kmem: error: nothing was judged: list heap never started, in [0-9]+ regions of [0-9]+ to [0-9]+ bytes; "
                         "what it takes is for the facts region_least, region_most and memory to say$", output, re.MULTILINE)

    def test_programs_in_whose_regions_a_heap_cannot_start_are_counted(self):
        passed_over = "^kmem: [1-9][0-9]* of [0-9]+ programs were passed over: {} cannot start in their regions$"
        self.write("small.ops", "kmem-program 2\nheap page=32 pages=1\nalloc 0 8\n")
        self.write("large.ops", "kmem-program 2\nheap page=256 pages=1\nalloc 0 8\n")
        assert re.search(passed_over.format("list heap"), self.run_with("list_heap", None, "fuzzer", "small.ops", "large.ops")[1],
                         re.MULTILINE)
        assert not re.search(passed_over.format(".*"), self.fuzz("tlsf_heap", None, 2000)[1], re.MULTILINE)

    def test_a_program_that_ends_at_what_is_set_aside_is_said_to_be_sound_up_to_there(self):
        self.write("program.ops", "kmem-program 2\nheap page=256 pages=1\nalloc 0 9\nalloc 1 8\n")
        words = {"run": "up to alignment in a call of alloc, which the subject's file sets aside",
                 "run --json": '"set_aside": "alignment"',
                 "explain": "It is so up to alignment, which the subject's file sets aside."}
        for command, said in words.items():
            known = self.run_with("list_heap", "MISALIGNS", "kmemfuzz", *command.split(), "program.ops", known="alignment:alloc")
            assert known[0] == SOUND and said in known[1], known
            other = self.run_with("list_heap", "MISALIGNS", "kmemfuzz", *command.split(), "program.ops", known="alignment:realloc")
            assert other[0] == VIOLATION and said not in other[1], other

    def test_what_is_set_aside_and_was_never_met_is_named(self):
        for name in ("a.ops", "b.ops"):
            self.write(name, MOVE)
        assert self.run_with("list_heap", None, "kmemfuzz", "pack", "a.ops", "b.ops", "-o", "blob")[0] == SOUND
        said = "known, and not met: usable-size; is it still needed in the subject's file?\n"
        for defect in (None, "CLAIMS_LESS"):
            for words in (("kmemfuzz", "run", "a.ops", "b.ops"), ("kmemfuzz", "replay", "blob"),
                          ("fuzzer", "-seed=1", "-runs=500", "-max_len=1024", "-len_control=0")):
                code, output = self.run_with("list_heap", defect, *words, known="usable-size:")
                assert (code, said in output) == (SOUND, defect is None), output[-500:]

    def test_a_finding_names_the_tool_of_its_heap(self):
        assert f"replay  {PROGRAMS}/foreign_kmemfuzz run FILE" in self.fuzz("list_heap", "MISALIGNS")[1]

    def test_a_fault_of_the_table_is_reported_as_that_before_anything_runs(self):
        self.write("program.ops", MOVE)
        said = "kmem: error: the table of the subject has no alloc; fuzz/execute/subject.h says what it needs\n"
        for words in (("run",), ("run", "--json"), ("explain",), ("show", "--map"), ("reduce", "-o", "OUT")):
            assert self.run_with("list_heap", None, "kmemfuzz", *words, "program.ops", lacks="alloc") == (USAGE, said)
        assert self.run_with("list_heap", None, "fuzzer", "-runs=1", lacks="alloc") == (USAGE, said)
        assert [path.name for path in self.folder.iterdir()] == ["program.ops"]

    def test_reports_and_pictures_speak_of_payloads_and_bytes(self):
        self.write("program.ops", "kmem-program 2\nheap page=256 pages=2\nalloc 0 20\nalloc 1 0\ncalloc 2 0x8000000000000001 2\n")
        for words in (("show", "--svg", "out.svg"), ("show", "--html", "out.html")):
            self.run_with("bump_heap", "CALLOC_WRAPS", "kmemfuzz", *words, "program.ops")
        picture, page = ((self.folder / name).read_text("utf-8") for name in ("out.svg", "out.html"))
        said = [self.run_with("bump_heap", "CALLOC_WRAPS", "kmemfuzz", *words, "program.ops")[1]
                for words in (("show", "--map"), ("run",))]
        for text in (*said, picture, page[page.index('<script type="application/json"'):page.index("</script>")]):
            assert "a payload for 9223372036854775809 times 2 bytes" in text
            assert "512 bytes, growth by 1024 bytes, 16 slots" in text
            assert "18446744073709551615" not in text
            assert not re.search(r"\bheader\b|slack|live allocation|pages? of |the model",
                                 re.sub("<style.*?</style>", "", text, flags=re.DOTALL))
        assert re.search(r"^ +1  alloc 1 0 +\|\.000\.1\.+\|$", said[0], re.MULTILINE)  # one of 0 bytes, too
        assert "|#0 s1|" in said[1]
        assert "the start of the payload: 512 bytes at offset 56" in said[0]
        assert '<rect class="block a1" x="' in picture
