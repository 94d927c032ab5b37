"""The Rust toolchain, and what boards need of Rust: core and alloc, built for them.

Debian has the toolchain with its library's sources as packages that cannot be installed beside other Rust compilers. So they are
extracted into build/rust, once; remove that folder to have newer ones. Usage: rust_toolchain.py prints a folder with cargo and
rustc for the host, which are at least MINIMUM: those on the PATH, or else these.
"""

import contextlib
import fcntl
import os
import pathlib
import re
import shutil
import subprocess

from kmemfuzz import child
from kmemfuzz.command_line import EXIT_ENVIRONMENT, EXIT_SOUND
from kmemfuzz.entry import enter, say
from kmemfuzz.outside_text import excerpt
from kmemfuzz.tree import TREE

MINIMUM = (1, 68)  # bindings/rust/Cargo.toml has the same
PACKAGES = ("rustc-web", "cargo-web", "rust-web-src")
FOLDER = TREE / "build/rust"
TARGETS = {"rv64": "riscv64gc-unknown-none-elf", "rv32": "riscv32imac-unknown-none-elf"}
LIBRARY = ("core", "alloc", "compiler-builtins", "stdarch", "portable-simd")  # what core and alloc are made of
SECONDS = 600.0  # far more than a download or a compilation takes

_WRAPPER = """#!/bin/sh
here=$(CDPATH= cd "$(dirname "$0")" && pwd)
LD_LIBRARY_PATH={libraries}${{LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}} PATH=$here:$PATH
export LD_LIBRARY_PATH PATH
exec "$here/../usr/bin/{name}" "$@"
"""


class Lacking(OSError):
    """It cannot be had."""


class NoPackages(Lacking):
    """Not from here, ever: apt, if there is any, has no such packages."""


def run(*command, **more):
    """Runs a command; returns its standard output. Raises Lacking."""
    try:
        result = child.run(command, SECONDS, **more)
    except FileNotFoundError as error:
        raise Lacking(f"{command[0]} is missing") from error
    if result.returncode != 0:
        FOLDER.mkdir(parents=True, exist_ok=True)
        log = FOLDER / "failed.log"
        log.write_text(result.stderr, encoding="utf-8", errors="surrogateescape")
        raise Lacking(f"{pathlib.Path(command[0]).name} failed: {excerpt(result.stderr.strip())}; all it said is in {log}")
    return result.stdout


@contextlib.contextmanager
def made_once(folder, *stamped):
    """Yields whether a folder has yet to be made, with no other process at it; makes it empty then, and its stamp at the end."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    stamp = folder / "stamp"
    with open(folder.parent / f"{folder.name}.lock", "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        text = "".join(f"{word}\n" for word in stamped)
        if stamp.is_file() and (not stamped or stamp.read_text(encoding="utf-8") == text):
            yield False
            return
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        yield True
        stamp.write_text(text, encoding="utf-8")


def _apt(folder):
    """Options under which apt knows the packages: none, or those of lists of our own, which need no root to be fetched."""
    if shutil.which("apt-get") is None:
        raise NoPackages("this system has no apt-get")
    if run("apt-cache", "search", "--names-only", f"^{PACKAGES[0]}$"):
        return []
    options = []
    for option, name in (("Dir::State::Lists", "lists"), ("Dir::Cache", "cache")):
        (folder / name / "partial").mkdir(parents=True)
        options += ["-o", f"{option}={folder / name}"]
    run("apt-get", *options, "update")
    if not run("apt-cache", *options, "search", "--names-only", f"^{PACKAGES[0]}$"):
        raise NoPackages(f"apt has no package {PACKAGES[0]}")
    return options


def _needed(folder, options):
    """The packages, and those they need that this machine lacks: what apt would install were none of them here."""
    others = re.compile(r"Package: (rust|rustc|cargo|libstd-rust)-web")
    paragraphs = pathlib.Path("/var/lib/dpkg/status").read_text(encoding="utf-8").split("\n\n")
    status = folder / "status"
    status.write_text("\n\n".join(text for text in paragraphs if not others.match(text)), encoding="utf-8")
    plan = run("apt-get", *options, "-o", f"Dir::State::status={status}", "--simulate", "--no-install-recommends", "install",
               *PACKAGES)
    return re.findall(r"^Inst (\S+)", plan, re.MULTILINE)


def _extract(folder):
    """Fills an empty folder with the toolchain."""
    work = folder / "work"
    work.mkdir()
    options = _apt(work)
    run("apt-get", *options, "download", *_needed(work, options), cwd=work)
    for package in work.glob("*.deb"):
        source = [f"./usr/src/*/library/{name}" for name in LIBRARY] if package.name.startswith("rust-web-src_") else []
        with subprocess.Popen(["dpkg-deb", "--fsys-tarfile", package], stdout=subprocess.PIPE) as archive:
            unpacked = subprocess.run(["tar", "-x", "-C", folder, "--no-same-owner", "--exclude=./usr/share", "--wildcards",
                                       *source], stdin=archive.stdout, check=False)
        if unpacked.returncode != 0 or archive.returncode != 0:
            raise Lacking(f"{package.name} cannot be unpacked")
    libraries = {f"$here/../{path.parent.relative_to(folder)}" for path in folder.glob("usr/lib/*/*.so*")}
    (folder / "bin").mkdir()
    for name in ("cargo", "rustc", "rustdoc"):
        wrapper = folder / "bin" / name
        wrapper.write_text(_WRAPPER.format(name=name, libraries=":".join(sorted(libraries))), encoding="utf-8")
        wrapper.chmod(0o755)
    shutil.rmtree(work)


def toolchain():
    """The folder with cargo, rustc and rustdoc, which is extracted the first time. Raises Lacking."""
    folder = FOLDER / "toolchain"
    with made_once(folder) as is_new:
        if is_new:
            say("rust", "extracting Debian's Rust toolchain into build/rust, once (140 MB are downloaded)")
            _extract(folder)
            run(folder / "bin/rustc", "--version")
    return folder / "bin"


def compile_crate(board, *arguments, **more):
    """Runs the compiler for a board on what else its command line says. Raises Lacking."""
    return run(toolchain() / "rustc", f"--target={TARGETS[board]}", "-Copt-level=2", "-Cpanic=abort",
               *arguments, **more)


def sysroot(board):
    """The folder with core, alloc and compiler_builtins for a board, which are built the first time. Raises Lacking."""
    rustc = toolchain() / "rustc"
    source, = FOLDER.glob("toolchain/usr/src/*/library")
    folder = FOLDER / board
    with made_once(folder, run(rustc, "--version", "--verbose"), pathlib.Path(__file__).read_text(encoding="utf-8")) as is_new:
        if is_new:
            say("rust", f"building Rust's core and alloc for {board}, once")
            crates = {"core": ["core/src/lib.rs"],
                      "compiler_builtins": ["compiler-builtins/compiler-builtins/src/lib.rs",
                                            '--cfg=feature="compiler-builtins"', '--cfg=feature="mem"'],
                      "alloc": ["alloc/src/lib.rs"]}
            for name, (root, *features) in crates.items():
                compile_crate(board, "--edition=2024", "--crate-type=rlib", f"--crate-name={name}",
                              "-Zforce-unstable-if-unmarked", "--cap-lints=allow", "-L", folder, "--out-dir", folder, *features,
                              source / root, env=dict(os.environ, RUSTC_BOOTSTRAP="1"))
    return folder


def host():
    """A folder with cargo and rustc for this machine, at least MINIMUM: the PATH's, or the toolchain's. Raises Lacking."""
    folders = set()
    for name in ("cargo", "rustc"):
        path = shutil.which(name)
        try:
            version = re.match(rf"{name} (\d+)\.(\d+)", run(path, "--version")) if path else None
        except Lacking:
            version = None
        folders.add(os.path.dirname(path) if version and tuple(map(int, version.groups())) >= MINIMUM else None)
    return pathlib.Path(folders.pop()) if len(folders) == 1 and None not in folders else toolchain()


def main():
    """Runs the command; returns its exit code."""
    try:
        print(host())
    except Lacking as error:
        say("rust", error)
        return EXIT_ENVIRONMENT
    return EXIT_SOUND


if __name__ == "__main__":
    enter("rust", main)
