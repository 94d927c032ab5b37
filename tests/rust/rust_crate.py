"""What tests of bindings/rust share: cargo, which fetches nothing and writes below build/rust alone."""

import json
import os
import pathlib
import re
import shutil

import pytest
import rust_toolchain

from kmemfuzz import child

TREE = pathlib.Path(__file__).resolve().parents[2]
CRATE = TREE / "bindings/rust"
SECONDS = 300.0  # far more than anything here takes


def folder_of_cargo():
    """Skips the test where there is no cargo to be had."""
    try:
        return rust_toolchain.host()
    except rust_toolchain.NoPackages as error:
        return pytest.skip(f"no cargo: {error}")


def environment(target, **more):
    """Variables for cargo: a folder for what it builds, another for what it would fetch, and none of the caller's."""
    mine = {name: value for name, value in os.environ.items()
            if not name.startswith(("CARGO", "RUSTFLAGS", "RUST_", "RUSTDOC", "KMEM_")) and name not in ("CC", "AR")}
    mine.update(PATH=f"{folder_of_cargo()}:{mine['PATH']}", CARGO_TARGET_DIR=str(TREE / "build/rust" / target),
                CARGO_HOME=str(TREE / "build/rust/home"), CARGO_NET_OFFLINE="true", CARGO_INCREMENTAL="0",
                CARGO_PROFILE_DEV_DEBUG="0")
    if "RUSTUP_HOME" not in mine and "HOME" in mine:
        mine["RUSTUP_HOME"] = str(pathlib.Path(mine["HOME"], ".rustup"))
    return {**mine, **more}


def cargo(*arguments, target="target", folder=CRATE, **more):
    """Runs cargo, which must succeed. Returns what it wrote, on both outputs."""
    done = child.run((folder_of_cargo() / "cargo", *arguments), SECONDS, cwd=folder, env=environment(target, **more))
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def has(word):
    """Has cargo this word, such as clippy?"""
    return shutil.which(f"cargo-{word}", path=folder_of_cargo()) is not None


def passed(output):
    """The number of tests that passed by what cargo test wrote; none failed."""
    counts = re.findall(r"^test result: ok\. (\d+) passed; 0 failed", output, re.MULTILINE)
    return sum(map(int, counts))


def executable(name, target, *options, folder=CRATE, **more):
    """Builds a test without running it. Returns its path."""
    output = cargo("test", "--test", name, "--no-run", "--message-format=json", *options, target=target, folder=folder, **more)
    messages = [json.loads(line) for line in output.splitlines() if line.startswith("{")]
    path, = (message["executable"] for message in messages if message.get("executable"))
    return path
