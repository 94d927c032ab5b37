"""A kmemfuzz whose heap has a planted bug: the core alone is compiled anew from a patched copy of src/, and linked in
front of the core of a build that is there."""

import json
import pathlib
import shutil
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "ci" / "lib"))

import patched  # noqa: E402


def link(preset, patch, folder):
    """Makes folder/kmemfuzz with tests/planted/PATCH.patch, and folder/src. Returns the tool's path."""
    folder = pathlib.Path(folder)
    build = ROOT / "build" / preset
    core = folder / "kmem.o"
    shutil.copytree(ROOT / "src", folder / "src")
    subprocess.run(["patch", "-s", "-p1", "-i", ROOT / "tests" / "planted" / f"{patch}.patch"], cwd=folder, check=True)
    entries = json.loads((build / "compile_commands.json").read_text(encoding="utf-8"))
    entry = next(entry for entry in entries if entry["file"] == str(ROOT / "src" / "kmem.c"))
    subprocess.run(patched.compile_command(entry["command"], folder, core), cwd=build, check=True)
    commands = subprocess.run(["ninja", "-C", build, "-t", "commands", "kmemfuzz"], check=True, text=True,
                              stdout=subprocess.PIPE).stdout
    subprocess.run(patched.link_command(commands, "kmemfuzz", [core, "src/libkmem.a"], folder / "kmemfuzz"), cwd=build,
                   check=True)
    return folder / "kmemfuzz"
