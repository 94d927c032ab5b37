"""Folders of inputs. Inputs are named after their contents, and a folder is locked while it changes and changes only by renaming,
so neither a killed process nor a second one can damage it. libFuzzer measures and merges them."""

import contextlib
import ctypes
import fcntl
import hashlib
import json
import os
import pathlib
import re
import secrets
import shutil
import signal
import struct
import subprocess
import tempfile

from kmemfuzz import fuzzer, heap, tree

KMEMFUZZ = tree.build_folder("fuzz") / "kmemfuzz"
PROGRAMS = ("heap", "kernel", "pages")  # the targets whose inputs are programs
# What campaigns start from. Not "large": those programs take too long to be worth mutating; they are only replayed.
SEED_FOLDERS = ("seeds", "minimised", "regressions", "rust")
WHOLE_INPUT_SIZE = 1 << 20  # no input of a committed corpus is longer, so none is measured cut short
PACKED_TOGETHER = 500  # programs: far from what a command line or a blob can hold
TRY_OUT_SECONDS = 20  # that programs may take of which those are dropped that a heap cannot run
MERGE_SECONDS = 900  # that merging may take; what has no end is a fault
AT_CURRENT_FOLDER = -100  # AT_FDCWD of openat and its kin
RENAME_EXCHANGE = 2

BLOB_MADE = b"KMEMBLOB\3\0\0\0"  # how a blob begins whose programs are made: BLOB_FORMAT_MADE in fuzz/program/blob.h

_INITED = re.compile(r"INITED\s+cov: (\d+) ft: (\d+)")


class CorpusError(Exception):
    """What could not be done, in words for a person."""


def tool_of(target):
    """The kmemfuzz that runs the programs of a target as it does."""
    return KMEMFUZZ if target == "heap" else KMEMFUZZ.with_name(f"{target}_kmemfuzz")


def content_name(data):
    """The name of an input: what libFuzzer calls it too."""
    return hashlib.sha1(data, usedforsecurity=False).hexdigest()


def inputs(folder):
    """The inputs in a folder and its subfolders, in order. Files that begin with a dot, and READMEs, are none: AFL++ and
    we keep notes in such."""
    folder = pathlib.Path(folder)
    if folder.is_file():
        return [folder]
    return sorted(path for path in folder.rglob("*")
                  if path.is_file() and path.name != "README.md"
                  and not any(part.startswith(".") for part in path.relative_to(folder).parts))


def missing_of(paths):
    """Which of these paths is not there, in words for a person; None when all are."""
    return next((f"there is no {path}" for path in map(pathlib.Path, paths) if not path.exists()), None)


def problem_with(paths):
    """What keeps a command from taking inputs from these paths, which are there, in words for a person; None when nothing
    does. One of them may be empty, such as the corpus of a campaign that has found nothing new, but not all."""
    paths = [pathlib.Path(path) for path in paths]
    if paths and not any(inputs(path) for path in paths):
        return (f"there is nothing to run in {', '.join(map(str, paths))}; name a file, or a folder that holds some, such as "
                "corpus/seeds")
    return None


def afl_inputs(folder):
    """As inputs, but in an output folder of AFL++ only what lies in its queues: neither crashes nor statistics."""
    found = inputs(folder)
    queued = [path for path in found if "queue" in path.relative_to(folder).parts[:-1]]
    return queued if any(path.name == "fuzzer_stats" for path in found) else found


def write_whole(path, data):
    """Writes a file so that it is there with all its bytes or not at all. The umask decides who may read it."""
    temporary = path.with_name(f".new-{secrets.token_hex(8)}")
    try:
        with open(temporary, "xb") as file:
            file.write(data)
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise


def add(folder, data):
    """Puts an input into a folder under the name of its contents, unless it is there. Returns its path."""
    path = pathlib.Path(folder) / content_name(data)
    if not path.exists():
        write_whole(path, data)
    return path


@contextlib.contextmanager
def locked(folder):
    """Keeps others that would change a folder out. The lock ends with this process, however it ends."""
    while True:
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        fcntl.flock(handle, fcntl.LOCK_EX)
        with contextlib.suppress(FileNotFoundError):
            if os.path.samestat(os.fstat(handle), os.stat(folder)):
                break
        os.close(handle)  # it was replaced while we waited: what we have locked is the old one
    try:
        yield
    finally:
        os.close(handle)


def snapshot(folder, copy):
    """Makes copy hold what folder holds now; it stays when others prune the folder. Links cost nothing."""
    copy.mkdir(parents=True)
    for path in inputs(folder):
        target = copy / "-".join(path.relative_to(folder).parts)
        try:
            os.link(path, target)
        except OSError:  # another filesystem, or one without links
            shutil.copyfile(path, target)


def replace(folder, new):
    """Puts the folder new in the place of another, at once, and removes the old one."""
    exchange = ctypes.CDLL(None, use_errno=True).renameat2
    if exchange(AT_CURRENT_FOLDER, os.fsencode(new), AT_CURRENT_FOLDER, os.fsencode(folder), RENAME_EXCHANGE) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{os.strerror(number)}: {folder} cannot be replaced by {new}")
    shutil.rmtree(new)


def is_blob(path):
    """Whether a file begins as a blob does."""
    with contextlib.suppress(OSError), open(path, "rb") as file:
        return file.read(8) == b"KMEMBLOB"
    return False


def blob_seed(blob):
    """The seed that a blob has instead of inputs; None when it has inputs, or is no blob of a seed that is whole."""
    with open(blob, "rb") as file:
        header = file.read(40)
    return struct.unpack_from("<Q", header, 32)[0] if len(header) == 40 and header.startswith(BLOB_MADE) else None


def blob_inputs(blob):
    """The inputs of a blob that kmemfuzz pack has written, as bytes; fuzz/program/blob.h draws it."""
    content = pathlib.Path(blob).read_bytes()
    (count,) = struct.unpack_from("<I", content, 12)
    entries = [struct.unpack_from("<II", content, 32 + 8 * index) for index in range(count)]
    return [content[offset:offset + size] for offset, size in entries]


def canonical(paths):
    """The canonical bytes of programs, text or binary, in their order. A process for each would take longer than all else."""
    paths, found = list(paths), []
    with tempfile.TemporaryDirectory() as folder:
        blob = pathlib.Path(folder) / "blob"
        for first in range(0, len(paths), PACKED_TOGETHER):
            # In a session of its own, so that Ctrl-C in a terminal reaches this process alone.
            done = subprocess.run([KMEMFUZZ, "pack", *paths[first:first + PACKED_TOGETHER], "-o", blob, "--force"],
                                  capture_output=True, text=True, check=False, start_new_session=True)
            if done.returncode != 0:
                raise CorpusError(done.stderr.strip() or f"kmemfuzz pack ended with code {done.returncode}")
            found += blob_inputs(blob)
    return found


def _run(command, seconds, **more):
    """(exit code, output, errors) of a process, which is ended with all that it has started when it takes longer."""
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, errors="replace", start_new_session=True,
                          **more) as process:
        try:
            said, errors = process.communicate(timeout=seconds)
        except BaseException:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            raise
    return process.returncode, said, errors


def drop_unjudged(folder):
    """Removes the programs from a folder in whose regions a heap of one's own does not start; not when they take long, as with a
    heap that hangs. Returns how many are left. Raises CorpusError when nothing can be run."""
    paths = inputs(folder)
    if not paths:
        return 0
    try:
        code, output, errors = _run([KMEMFUZZ, "run", "--json", folder], TRY_OUT_SECONDS, stderr=subprocess.PIPE)
        results = json.loads(output)["results"]
    except subprocess.TimeoutExpired:
        return len(paths)
    except ValueError as error:
        raise CorpusError(errors.strip() or f"{KMEMFUZZ} ended with code {code}") from error
    dropped = [result["file"] for result in results if result["verdict"] == "unusable"]
    for path in dropped:
        os.unlink(path)
    return len(paths) - len(dropped)


def prepare_seeds(target, folder):
    """Makes folder hold the committed corpus of a target, programs in text as bytes, which mutate better."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    if target not in PROGRAMS:
        return
    folders = [pathlib.Path("corpus", name) for name in SEED_FOLDERS]
    if heap.CURRENT is not None:
        folders = [heap.SOURCES / "corpus" / name for name in ("seeds", "minimised")] + [heap.CURRENT.place / "regressions"]
    paths = {path: "-".join([origin.name, *path.relative_to(origin).parts]) for origin in folders for path in inputs(origin)}
    for name, program in zip(paths.values(), canonical(paths)):
        (folder / name).write_bytes(program)


def run_fuzzer(binary, *arguments, folder=None, holding=(), seconds=MERGE_SECONDS):
    """Runs a target on what the arguments name, in a folder; it keeps the handles of holding open, in case it outlives us.
    Returns (exit code, output)."""
    environment = dict(os.environ, **fuzzer.ENVIRONMENT)
    for name in ("KMEM_STATISTICS", "KMEM_STEPS"):
        environment.pop(name, None)
    try:
        return _run([binary, *arguments], seconds, stderr=subprocess.STDOUT, env=environment, pass_fds=holding, cwd=folder)[:2]
    except subprocess.TimeoutExpired:
        raise CorpusError(f"{binary} took more than {seconds} s; its folders hold too much, or it hangs") from None
    except OSError as error:
        raise CorpusError(f"{binary} cannot be run: {error.strerror}; build it: cmake --build --preset fuzz") from None


def measure(binary, *folders):
    """(edges, features) that the inputs of folders reach together, by libFuzzer's own count. All must be sound."""
    folders = [folder for folder in folders if inputs(folder)]
    if not folders:
        return 0, 0
    # A folder of links: libFuzzer would count a README as an input.
    with tempfile.TemporaryDirectory() as temporary:
        for number, folder in enumerate(folders):
            snapshot(folder, pathlib.Path(temporary, str(number)))
        code, output = run_fuzzer(binary, "-runs=0", f"-max_len={WHOLE_INPUT_SIZE}", "-seed=1",
                                  f"-artifact_prefix={temporary}/", temporary)
    match = _INITED.search(output)
    if code != 0 or not match:
        raise CorpusError(f"{binary} failed on {', '.join(map(str, folders))}:\n{output[-2000:]}")
    return int(match.group(1)), int(match.group(2))


def set_cover(binary, output, candidates, input_size=WHOLE_INPUT_SIZE, holding=(), seconds=MERGE_SECONDS):
    """Adds to the folder output what the fewest of the candidates need to reach all that they reach and it does not. An
    input that kills the target is left out. Nothing else may write there meanwhile."""
    with tempfile.TemporaryDirectory() as temporary:
        # libFuzzer starts the processes that measure through a shell, and quotes nothing. So what it gets has plain names.
        for name, path in (("target", binary), ("output", output), ("candidates", candidates)):
            pathlib.Path(temporary, name).symlink_to(os.path.abspath(path))
        code, said = run_fuzzer("./target", "-set_cover_merge=1", f"-max_len={input_size}", "-seed=1", "-timeout=10",
                                "-artifact_prefix=./", "-merge_control_file=control", "output", "candidates",
                                folder=temporary, holding=holding, seconds=seconds)
    if code != 0:
        raise CorpusError(f"the set cover of {candidates} failed:\n{said[-2000:]}")
