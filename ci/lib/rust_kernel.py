"""Builds the kernel in Rust (bindings/rust/kernel) for a board, of what the preset of its name has built."""

import hashlib
import pathlib

import rust_toolchain
from kmemfuzz import llvm
from kmemfuzz.tree import TREE

CRATE = TREE / "bindings/rust"
LIBRARIES = ("bindings/rust/libkmem_rust.a", "src/riscv/libkmem_board.a", "src/libkmem.a", "invariants/libkmem_invariants.a")
LOCK = ("kmem_rust_spin_lock", "kmem_rust_spin_unlock")


def _digest(paths, words):
    """A text that differs when one of the files or words does."""
    contents = [hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(paths)]
    return "".join(f"{word}\n" for word in [*contents, *words])


def build(board, is_locked=True):
    """Returns the path of the image; builds it unless it is of these sources already. One that is not locked has four harts
    use the heap without its lock. Raises rust_toolchain.Lacking and llvm.Lacking."""
    folder = TREE / "build" / board
    image = folder / ("rust.elf" if is_locked else "rust-unlocked.elf")
    work = rust_toolchain.FOLDER / f"{board}-{image.stem}"
    linker_script = TREE / "src/riscv/link.ld"
    libraries = [folder / name for name in LIBRARIES]
    missing = [path for path in libraries if not path.is_file()]
    if missing:
        raise rust_toolchain.Lacking(f"there is no {missing[0]}; build it: cmake --build --preset {board}")
    sysroot = rust_toolchain.sysroot(board)
    arguments = [] if is_locked else ["--cfg=unlocked", *(f"-Clink-arg=--wrap={name}" for name in LOCK)]
    sources = [linker_script, *libraries, pathlib.Path(__file__), pathlib.Path(rust_toolchain.__file__),
               *CRATE.glob("src/**/*.rs"), *CRATE.glob("kernel/*.rs")]
    digest = _digest(sources, [str(TREE), *arguments, (sysroot / "stamp").read_text(encoding="utf-8")])
    with rust_toolchain.made_once(work, digest) as is_new:
        if is_new or not image.is_file():
            rust_toolchain.compile_crate(board, "--edition=2021", "--crate-type=rlib", "--crate-name=kmem", "-L", sysroot,
                                         "--out-dir", work, CRATE / "src/lib.rs")
            rust_toolchain.compile_crate(
                board, "--edition=2021", "--crate-type=bin", "-L", sysroot, f"--extern=kmem={work}/libkmem.rlib", "-o", image, f"-Clinker={llvm.place('ld.lld')}",
                "-Clinker-flavor=ld.lld", f"-Clink-arg=-T{linker_script}", "-Clink-arg=--gc-sections",
                "-Clink-arg=--fatal-warnings", *(f"-Clink-arg={path}" for path in libraries), *arguments,
                "-Dwarnings", "--check-cfg=cfg(unlocked)", CRATE / "kernel/main.rs")
    return image
