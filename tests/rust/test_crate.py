"""bindings/rust: built without a warning, tested on the host with other locks and under AddressSanitizer, packaged, and run."""

import re
import subprocess
import tarfile

import pytest
from compilers import CLANG
from rust_crate import CRATE, SECONDS, TREE, cargo, environment, executable, folder_of_cargo, has, passed

from kmemfuzz import child

KMEMFUZZ = TREE / "build/release/kmemfuzz"
LEAST_TESTS = 45


class Crate:
    """The crate as it is."""

    def test_the_documentation_gives_no_warning(self):
        assert "warning" not in cargo("doc", "--no-deps", "--features", "record")

    def test_clippy_objects_to_nothing_such_as_what_the_oldest_compiler_lacks(self):
        if not has("clippy"):
            pytest.skip("this cargo has no clippy")
        assert "warning" not in cargo("clippy", "--all-targets", "--features", "record")

    def test_the_format_is_that_of_rustfmt(self):
        if not has("fmt"):
            pytest.skip("this cargo has no rustfmt")
        cargo("fmt", "--check", "--", "kernel/main.rs")

    def test_its_tests_pass(self):
        output = cargo("test", "--features", "record")
        assert "warning" not in output, output
        assert passed(output) >= LEAST_TESTS

    def test_a_program_without_std_runs_out_of_memory_through_alloc_error(self):
        cargo("build", "--features", "panic-handler", "--example", "hosted_kernel")
        done = child.run((TREE / "build/rust/target/debug/examples/hosted_kernel",), SECONDS)
        assert done.stdout == ("1 * 1 = 1\n2 * 2 = 4\n3 * 3 = 9\n0 blocks taken\nalloc_error: 2097152 bytes aligned to 64\n"
                               "the heap is sound: true\n")
        assert done.returncode == 42

    def test_records_are_sound_programs_and_those_of_the_corpus(self, folder):
        cargo("run", "--features", "record", "--example", "record", "--", folder)
        done = child.run((KMEMFUZZ, "run", folder), SECONDS)
        assert done.returncode == 0, done.stdout
        recorded, committed = ({path.name: path.read_text(encoding="utf-8").splitlines()[0] for path in place.glob("*.ops")}
                               for place in (folder, TREE / "corpus/rust"))
        assert recorded == committed
        assert f"{len(committed)} sound, 0 with violations" in done.stdout

    def test_nothing_is_left_in_the_tree(self):
        if not (TREE / ".git").exists():
            pytest.skip("this tree is no clone")
        cargo("build")
        changed = subprocess.run(["git", "status", "--porcelain", "--ignored", "--", "bindings"], cwd=TREE, capture_output=True,
                                 text=True, check=True).stdout
        assert not re.search(r"target|\.lock|^!!", changed, re.MULTILINE), changed


class Locks:
    """The lock that keeps threads apart can be the kernel's own, and is needed."""

    def test_threads_are_kept_apart_by_a_lock_in_c(self, folder):
        port = folder / "port.h"
        port.write_text("__attribute__((weak)) volatile char port_taken; // one, in whatever file\n"
                        "#define PORT_LOCK() while (__atomic_test_and_set(&port_taken, __ATOMIC_ACQUIRE)) {}\n"
                        "#define PORT_UNLOCK() __atomic_clear(&port_taken, __ATOMIC_RELEASE)\n", encoding="utf-8")
        assert passed(cargo("test", "--test", "threads", target="locks", KMEM_PORT_HEADER=str(port))) == 3

    def test_threads_without_a_lock_are_noticed(self, folder):
        port = folder / "port.h"
        port.write_text("", encoding="utf-8")
        program = executable("threads", "no-lock", KMEM_PORT_HEADER=str(port))
        try:
            done = child.run((program, "threads_share_the_global_heap"), 15.0)
        except TimeoutError:
            return  # it waits for what was overwritten
        assert done.returncode != 0


class Sanitized:
    """With the core under AddressSanitizer, and its contracts checked."""

    VARIABLES = {"KMEM_CFLAGS": "-fsanitize=address -DKMEM_REQUIRE=1", "CC": CLANG,
                 "RUSTFLAGS": f"-Clinker={CLANG} -Clink-arg=-fsanitize=address", "ASAN_OPTIONS": "detect_leaks=0"}

    def test_its_tests_pass(self):
        assert passed(cargo("test", "--tests", target="sanitized", **self.VARIABLES)) >= LEAST_TESTS - 1

    @pytest.mark.parametrize("misuse", ("overflow", "use after free"))
    def test_a_stray_access_is_seen(self, misuse):
        program = executable("refusal", "sanitized", **self.VARIABLES)
        done = child.run((program,), SECONDS, env={**environment("sanitized"), "KMEM_TEST_CHILD": misuse})
        assert "AddressSanitizer: use-after-poison" in done.stderr
        assert done.returncode != 0


class Package:
    """What cargo package packs builds by itself."""

    @pytest.fixture(scope="class")
    def unpacked(self, shared_folder):
        cargo("package", "--no-verify", "--allow-dirty", target="package")
        archive, = (TREE / "build/rust/package/package").glob("kmem-*.crate")
        with tarfile.open(archive) as packed:
            packed.extractall(shared_folder)
        root, = shared_folder.iterdir()
        return root

    def test_it_holds_the_c_sources_themselves(self, unpacked):
        links = [path for path in unpacked.rglob("*") if path.is_symlink()]
        assert not links
        for link in (path for path in (CRATE / "c").rglob("*") if path.is_file()):
            assert (unpacked / link.relative_to(CRATE)).read_bytes() == link.read_bytes()
        for name in ("LICENSE", "README.md"):
            assert (unpacked / name).read_bytes() == (CRATE / name).read_bytes()

    def test_it_passes_its_tests_alone_and_fails_them_with_a_defect(self, unpacked):
        assert passed(cargo("test", "--test", "collections", folder=unpacked, target="unpacked")) == 8
        patch = (TREE / "tests/planted/kernel-zalloc-not-zeroed.patch").read_bytes()
        subprocess.run(["patch", "-p1", "--fuzz=0", "--silent"], cwd=unpacked / "c", input=patch, check=True)
        done = child.run((folder_of_cargo() / "cargo", "test", "--test", "layouts"), SECONDS, cwd=unpacked,
                         env=environment("unpacked"))
        assert done.returncode == 101
        assert "zeroed_is_zero_at_every_alignment" not in re.findall(r"^test (\w+) \.\.\. ok", done.stdout, re.MULTILINE)

    def test_a_compiler_that_is_missing_is_named(self, unpacked):
        done = child.run((folder_of_cargo() / "cargo", "build"), SECONDS, cwd=unpacked,
                         env=environment("unpacked", CC="no-such-compiler"))
        assert done.returncode == 101 and "kmem's build.rs:" in done.stderr and "no-such-compiler" in done.stderr
