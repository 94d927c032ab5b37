"""A kmemfuzz whose heap has a planted bug: the core alone is compiled anew from a patched copy of src/, and linked in
front of the core of a build that is there."""

import json
import pathlib
import shlex
import shutil
import subprocess

ROOT = pathlib.Path(__file__).resolve().parents[2]


def link(preset, patch, folder):
    """Makes folder/kmemfuzz with tests/planted/PATCH.patch. Returns its path."""
    folder = pathlib.Path(folder)
    build = ROOT / "build" / preset
    shutil.copytree(ROOT / "src", folder / "src")
    subprocess.run(["patch", "-s", "-p1", "-i", ROOT / "tests" / "planted" / f"{patch}.patch"], cwd=folder, check=True)
    commands = json.loads((build / "compile_commands.json").read_text(encoding="utf-8"))
    core = next(entry for entry in commands if entry["file"] == str(ROOT / "src" / "kmem.c"))
    arguments = shlex.split(core["command"])
    arguments[arguments.index("-c") + 1] = str(folder / "src" / "kmem.c")
    arguments[arguments.index("-o") + 1] = str(folder / "kmem.o")
    subprocess.run(arguments, cwd=build, check=True)
    sanitizers = [word for word in arguments if word.startswith("-fsanitize") or word.startswith("-fno-sanitize")]
    objects = sorted((build / "fuzz" / "CMakeFiles" / "kmemfuzz.dir" / "tool").glob("*.o"))
    archives = [build / "fuzz" / "libkmem_host.a", build / "fuzz" / "libkmem_harness.a",
                build / "invariants" / "libkmem_invariants.a", build / "src" / "libkmem.a"]
    tool = folder / "kmemfuzz"
    subprocess.run([arguments[0], *sanitizers, *objects, folder / "kmem.o", *archives, "-o", tool], cwd=build, check=True)
    return tool
