"""Plants bugs for ci/planted, ci/detection and ci/bench reduce: links programs of the build with patched code.

Only the code under test is compiled again, from a patched copy of its folder. The rest is linked once for all patches, as the
preset built it. So the checkers and the subject keep the sound headers, as they must: how they read a block's header must not
depend on a bug in the core.
"""

import contextlib
import fcntl
import hashlib
import json
import os
import pathlib
import shlex
import shutil
import signal
import subprocess
import threading
from typing import NamedTuple

WORK = pathlib.Path("build/planted")  # what is linked once for all patches


class Code(NamedTuple):
    """What bugs are planted in: a folder of sources, and where the build puts their objects and their archive."""
    folder: pathlib.Path
    objects: str
    archive: str


CORE = Code(pathlib.Path("src"), "src/CMakeFiles/kmem.dir/", "libkmem.a")
TEXT = Code(pathlib.Path("fuzz"), "fuzz/CMakeFiles/kmem_text_under_test.dir/", "libkmem_text_under_test.a")

# Why code cannot be patched.
DOES_NOT_APPLY = "does-not-apply"
DOES_NOT_COMPILE = "does-not-compile"


class Broken(Exception):
    """The machinery cannot do its work: the tree or the build is not as it must be."""


class NotPatched(Exception):
    """A patch does not make a program: (why, the log with more)."""


@contextlib.contextmanager
def alone_in(folder):
    """Raises Broken when another run is at work in a folder, and keeps others out of it."""
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / "lock", "wb") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Broken(f"another run is at work in {folder}; try again once it has ended") from None
        yield


# Commands.


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


@contextlib.contextmanager
def started(arguments, directory=None, environment=None):
    """A command that runs, in a process group of its own, with everything it prints in one pipe. It is ended when the block is left
    by an exception. Whether it ended by itself is not known once children are stopped: then the block ends with KeyboardInterrupt."""
    with _children_lock:
        if _stopping.is_set():
            raise KeyboardInterrupt
        child = subprocess.Popen(arguments, cwd=directory, env=environment, stdin=subprocess.DEVNULL,
                                 stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True)
        _children.add(child)
    try:
        with child:
            try:
                yield child
            except BaseException:
                end(child)
                raise
    finally:
        with _children_lock:
            _children.discard(child)
    if _stopping.is_set():
        raise KeyboardInterrupt


def run(arguments, directory=None, environment=None):
    """Runs a command in a process group of its own. Returns its code and everything it printed."""
    with started(arguments, directory, environment) as child:
        output, _ = child.communicate()
    return child.returncode, output.decode("utf-8", errors="replace")


def end(child):
    """Ends a child, with whatever it has started."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGKILL)


def stop_children():
    """Ends every child, and lets none be started any more."""
    with _children_lock:
        _stopping.set()
        for child in _children:
            end(child)


def allow_children():
    """Lets children be started again, after all have ended."""
    _stopping.clear()


# Command lines.


def below(folder, path):
    """Where below a folder of the tree a source file of the build lies: such as riscv/sv39.c below src."""
    return path.rpartition(f"/{folder}/")[2]


def source_of(arguments):
    """The file that a compile command compiles."""
    return arguments[arguments.index("-c") + 1]


def compile_command(arguments, folder, copy, output):
    """A compile command of the build, made to compile the same file of the copied folder instead, into output."""
    source = source_of(arguments)
    arguments = [str(copy / folder / below(folder, source)) if argument == source else argument for argument in arguments]
    arguments[arguments.index("-o") + 1] = str(output)
    arguments.insert(1, f"-I{copy}")  # "src/..." means the copy's
    arguments.append("-w")  # a planted bug may look as suspicious as it is
    return arguments


def link_command(commands, program, archive):
    """The command that links a program with an archive, out of all that build it."""
    for line in commands.splitlines():
        arguments = [argument for argument in shlex.split(line) if argument not in (":", "&&")]
        if "-o" not in arguments or arguments[arguments.index("-o") + 1] != program:
            continue
        count = sum(pathlib.PurePath(argument).name == archive for argument in arguments)
        if count != 1:
            raise Broken(f"the link command of {program} names {archive} {count} times, not once")
        return arguments
    raise Broken(f"the build has no command that links {program}")


def is_input(argument):
    """Is it an object or an archive?"""
    return pathlib.PurePath(argument).suffix in (".o", ".obj", ".a")


def prelink_command(arguments, archive, output):
    """A link command, made to link all but an archive into one object: no library, and nothing that is for the whole
    program to say."""
    output_index = arguments.index("-o") + 1
    whole = [i for i, argument in enumerate(arguments) if argument == "-T"]
    dropped = {*whole, *(i + 1 for i in whole)}
    kept = [str(output) if i == output_index else argument for i, argument in enumerate(arguments)
            if i not in dropped and not argument.startswith(("-Wl,", "-fsanitize", "-fno-sanitize"))
            and pathlib.PurePath(argument).name != archive]
    return [kept[0], "-r", "-nostdlib", *kept[1:]]


def final_command(arguments, archive, harness, objects, output):
    """A link command, made to link the prelinked harness and the objects of an archive. Other archives stay: the harness
    may lack what only a whole program asks for, such as its start."""
    inputs = [i for i, argument in enumerate(arguments) if is_input(argument) and arguments[i - 1] != "-o"]
    archives = [arguments[i] for i in inputs if arguments[i].endswith(".a")
                and pathlib.PurePath(arguments[i]).name != archive]
    output_index = arguments.index("-o") + 1
    flags = [str(output) if i == output_index else argument for i, argument in enumerate(arguments) if i not in inputs]
    return [*flags, str(harness), *map(str, objects), *archives]


def changed_files(folder, copy):
    """The files of a copied folder that a patch has changed, as paths below it."""
    below_copy = {path.relative_to(copy / folder) for path in (copy / folder).rglob("*") if path.is_file()}
    return {str(path) for path in below_copy if (copy / folder / path).read_bytes() != (folder / path).read_bytes()}


def must_compile(name, changed):
    """Is the object of a source file another than the build's, once these files have changed?"""
    return name in changed or any(pathlib.PurePath(other).suffix == ".h" for other in changed)


# Code and programs.


def make_copy(folder, patch_path, code=CORE):
    """Makes folder again, with a copy of the code's folder in it, patched unless patch_path is None. Returns its absolute
    path. Raises NotPatched when the patch does not apply."""
    copy = folder.resolve()
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(code.folder, copy / code.folder)
    if patch_path is not None:
        apply_patch(copy, patch_path)
    return copy


def apply_patch(copy, patch_path):
    """Patches a copy. Raises NotPatched when the patch does not apply."""
    log = copy / "build.log"
    code, output = run(["patch", "-p1", "--fuzz=0", "--batch", "--forward", "--no-backup-if-mismatch", "-i",
                        str(patch_path.resolve())], copy)
    log.write_text(output, encoding="utf-8")
    if code != 0:
        raise NotPatched(DOES_NOT_APPLY, log)


class Build:
    """Programs as a preset builds them, ready to be linked with other objects of the code under test."""

    def __init__(self, preset, *programs, code=CORE, lines=True):
        """lines: are debuggers and sanitizers to know the lines of the code under test? That takes a fifth longer."""
        self.preset = preset
        self.code = code
        self._folder = pathlib.Path("build") / preset
        try:
            entries = json.loads((self._folder / "compile_commands.json").read_text(encoding="utf-8"))
            commands = subprocess.run(["ninja", "-C", self._folder, "-t", "commands", *programs], check=True, text=True,
                                      stdout=subprocess.PIPE).stdout
        except (OSError, ValueError, subprocess.CalledProcessError) as error:
            raise Broken(f"{self._folder} is not built: cmake --preset {preset} && cmake --build --preset {preset} "
                         f"({error})") from error
        flags = [] if lines else ["-g0"]
        self._compiles = [(entry["directory"], [*shlex.split(entry["command"]), *flags]) for entry in entries
                          if f" -o {code.objects}" in entry["command"]]
        if not self._compiles:
            raise Broken(f"{self._folder}/compile_commands.json has no entry for {code.objects}")
        self._links = {name: link_command(commands, name, code.archive) for name in programs}
        self._harnesses = {name: self._prelink(name) for name in programs}
        self._linkers = {name: self._linker(name) for name in programs}

    def _prelink(self, name):
        """Links all of a program but the code under test. Returns the object."""
        WORK.mkdir(parents=True, exist_ok=True)
        harness = (WORK / f"{self.preset}-{name}.o").resolve()
        own = harness.with_suffix(f".{os.getpid()}.o")  # others may be doing the same
        code, output = run(prelink_command(self._links[name], self.code.archive, own), self._folder)
        if code != 0:
            raise Broken(f"{name} of preset {self.preset} cannot be linked without {self.code.archive}:\n{output}")
        own.replace(harness)
        return harness

    def _linker(self, name):
        """The command that links a program of OBJECTS into OUTPUT: the linker's own where clang says it, as clang takes longer to
        start than that does to link."""
        arguments, harness = self._links[name], self._harnesses[name]
        command = final_command(arguments, self.code.archive, harness, [harness], "OUTPUT")
        code, output = run([*command, "-###"], self._folder)
        last = shlex.split(output.splitlines()[-1].replace("\\$", "$")) if code == 0 and "clang version" in output else []
        command = last if last.count(str(harness)) == 2 and "OUTPUT" in last else command
        index = command.index(str(harness), command.index(str(harness)) + 1)
        return [*command[:index], "OBJECTS", *command[index + 1:]]

    def fingerprint(self):
        """Differs when the programs do, the sources of the code under test apart."""
        digest = hashlib.sha256(repr((self._compiles, self._links)).encode())
        for harness in self._harnesses.values():
            digest.update(harness.read_bytes())
        return digest.hexdigest()

    def _compile(self, copy):
        """Compiles what of a copy is not as in the build. Returns all objects of the code under test."""
        folder = self.code.folder
        changed = changed_files(folder, copy)
        objects = []
        for directory, arguments in self._compiles:
            built = pathlib.Path(arguments[arguments.index("-o") + 1])
            if not must_compile(below(folder, source_of(arguments)), changed):
                objects.append(pathlib.Path(directory, built))
                continue
            objects.append(copy / self.preset / built.name)
            code, output = run(compile_command(arguments, folder, copy, objects[-1]), directory)
            if code != 0:
                log = copy / "build.log"
                log.write_text(output, encoding="utf-8")
                raise NotPatched(DOES_NOT_COMPILE, log)
        return objects

    def link(self, copy):
        """Links the programs with the code in a copy that make_copy has made. Returns their paths. Raises NotPatched when
        it does not compile."""
        (copy / self.preset).mkdir(exist_ok=True)
        return self.link_objects(self._compile(copy), copy)

    def link_objects(self, objects, copy):
        """Links the programs with these objects of the code under test, into a folder of copy, which is there. Returns their paths."""
        paths = []
        for name, linker in self._linkers.items():
            paths.append(copy / self.preset / name)
            index = linker.index("OBJECTS")
            command = [*linker[:index], *map(str, objects), *linker[index + 1:]]
            command[command.index("OUTPUT")] = str(paths[-1])
            code, output = run(command, self._folder)
            if code != 0:
                raise Broken(f"{copy.name}: {name} cannot be linked:\n{output}")
        return paths
