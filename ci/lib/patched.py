"""Linking programs of the build with a patched core: what ci/planted and ci/bench reduce do to each planted bug.

The core alone is compiled anew, from a patched copy of src/; everything else is linked as preset `fuzz` has built it.
"""

import json
import os
import pathlib
import shlex
import shutil
import signal
import subprocess
import threading

BUILD = pathlib.Path("build/fuzz")
SOURCE = pathlib.Path("src")
CORE_OBJECTS = "src/CMakeFiles/kmem.dir/"
CORE_ARCHIVE = "libkmem.a"

# Why a core cannot be patched.
DOES_NOT_APPLY = "does-not-apply"
DOES_NOT_COMPILE = "does-not-compile"


class Broken(Exception):
    """The machinery cannot do its work: the tree or the build is not as it must be."""


class NotPatched(Exception):
    """A patch does not make another core: (why, the log that tells more)."""


# Commands.


def below_source(path):
    """Where below src/ a source file of the build lies, such as riscv/sv39.c."""
    parts = pathlib.PurePath(path).parts
    return pathlib.PurePath(*parts[len(parts) - parts[::-1].index(SOURCE.name):])


def compile_command(command, copy, output):
    """A compile command of the build, made to compile the same file of the copied tree instead, into output."""
    arguments = shlex.split(command)
    source = below_source(arguments[arguments.index("-c") + 1])
    arguments[arguments.index("-c") + 1] = str(copy / SOURCE / source)
    arguments[arguments.index("-o") + 1] = str(output)
    arguments.insert(1, f"-I{copy}")  # "src/..." means the copy's
    arguments.append("-Wno-error")  # a planted bug may look as suspicious as it is
    return arguments


def link_command(commands, target, objects, output):
    """The command that links a target, out of all that build it, with objects in place of the core's archive."""
    for line in commands.splitlines():
        arguments = [argument for argument in shlex.split(line) if argument not in (":", "&&")]
        if "-o" not in arguments or arguments[arguments.index("-o") + 1] != target:
            continue
        arguments[arguments.index("-o") + 1] = str(output)
        archives = [i for i, argument in enumerate(arguments) if pathlib.PurePath(argument).name == CORE_ARCHIVE]
        if len(archives) != 1:
            raise Broken(f"the link command of {target} names {CORE_ARCHIVE} {len(archives)} times, not once")
        arguments[archives[0]:archives[0] + 1] = [str(path) for path in objects]
        return arguments
    raise Broken(f"the build has no command that links {target}")


def read_build(*targets):
    """How preset `fuzz` builds targets: ([(directory, command)] that compile the core, the text of all commands)."""
    try:
        entries = json.loads((BUILD / "compile_commands.json").read_text(encoding="utf-8"))
        commands = subprocess.run(["ninja", "-C", BUILD, "-t", "commands", *targets], check=True, text=True,
                                  stdout=subprocess.PIPE).stdout
    except (OSError, ValueError, subprocess.CalledProcessError) as error:
        raise Broken(f"{BUILD} is not built: cmake --preset fuzz && cmake --build --preset fuzz ({error})") from error
    core = [(entry["directory"], entry["command"]) for entry in entries if f" -o {CORE_OBJECTS}" in entry["command"]]
    if not core:
        raise Broken(f"{BUILD}/compile_commands.json has no entry for the core, {CORE_OBJECTS}")
    return core, commands


def fixed_addresses():
    """A prefix that makes a command's addresses the same each time, on which libFuzzer's choices depend a little;
    empty where the system does not allow it."""
    prefix = ["setarch", "-R"]
    try:
        subprocess.run([*prefix, "true"], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    except (OSError, subprocess.CalledProcessError):
        return []
    return prefix


# Children: all that run, so that an interrupt can end them.

_children = set()
_children_lock = threading.Lock()
_stopping = threading.Event()


def run(arguments, directory=None, environment=None):
    """Runs a command in a process group of its own. Returns its code and everything it printed."""
    with _children_lock:
        if _stopping.is_set():
            raise KeyboardInterrupt
        child = subprocess.Popen(arguments, cwd=directory, env=environment, stdin=subprocess.DEVNULL,
                                 stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True)
        _children.add(child)
    try:
        output, _ = child.communicate()
    finally:
        with _children_lock:
            _children.discard(child)
    return child.returncode, output.decode("utf-8", errors="replace")


def stop_children():
    """Ends every child, with whatever it has started, and lets none be started any more."""
    with _children_lock:
        _stopping.set()
        for child in _children:
            try:
                os.killpg(child.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass


def allow_children():
    """Lets children be started again, after all have ended."""
    _stopping.clear()


# One patch.


def changed_files(source):
    """The files of a copy of src/ that a patch has changed, as paths below it."""
    below = {path.relative_to(source) for path in source.rglob("*") if path.is_file()}
    return {str(path) for path in below if (source / path).read_bytes() != (SOURCE / path).read_bytes()}


def must_compile(name, changed):
    """Is the object of a source file another than the build's, once these files have changed?"""
    return name in changed or any(pathlib.PurePath(other).suffix == ".h" for other in changed)


def link_patched(patch_path, build, folder, *targets):
    """Links targets with a patched core (with the healthy one when patch_path is None), in a folder that is made
    anew. Returns their paths. Raises NotPatched when the patch does not apply or what it makes does not compile."""
    core, commands = build
    copy = folder.resolve()
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(SOURCE, copy / SOURCE)
    (copy / "objects").mkdir()
    log = folder / "build.log"
    if patch_path is not None:
        code, output = run(["patch", "-p1", "--fuzz=0", "--batch", "--forward", "-i", str(patch_path.resolve())], copy)
        log.write_text(output, encoding="utf-8")
        if code != 0:
            raise NotPatched(DOES_NOT_APPLY, log)
    changed = changed_files(copy / SOURCE)
    objects = []
    for directory, command in core:
        arguments = shlex.split(command)
        built = pathlib.Path(arguments[arguments.index("-o") + 1])
        source_name = str(below_source(arguments[arguments.index("-c") + 1]))
        if patch_path is not None and not must_compile(source_name, changed):
            objects.append(pathlib.Path(directory, built))
            continue
        objects.append(copy / "objects" / built.name)
        code, output = run(compile_command(command, copy, objects[-1]), directory)
        if code != 0:
            log.write_text(output, encoding="utf-8")
            raise NotPatched(DOES_NOT_COMPILE, log)
    for target in targets:
        code, output = run(link_command(commands, target, objects, copy / target), BUILD)
        if code != 0:
            raise Broken(f"{folder.name}: {target} cannot be linked:\n{output}")
    return [copy / target for target in targets]
