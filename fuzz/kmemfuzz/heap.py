"""A heap of one's own, as the words take it: its file after the word, built in place of kmem. It is built by CMake from the sources
that this package came with, the checkout's or those installed, in a folder beside the user's file:

    my_heap.fuzz/settings                   which sources and flags belong to it
    my_heap.fuzz/corpus, regressions        the user's to commit
    my_heap.fuzz/findings, build            not to commit"""

import contextlib
import fcntl
import hashlib
import os
import pathlib
import re
import shlex
import shutil
import subprocess
import sys
import time

from kmemfuzz import build_errors, llvm
from kmemfuzz.llvm import SOURCES  # of the harness
from kmemfuzz.command_line import EXIT_ENVIRONMENT, EXIT_INTERNAL, EXIT_USAGE, HEAP_FOLDER_OPTION, HEAP_OPTIONS
from kmemfuzz.outside_text import shell_word, visible, visible_lines

SUFFIXES = (".c", ".cc", ".cpp", ".cxx")  # of a subject
OBJECT_SUFFIXES = (".o", ".a")
PROGRAMS = {"fuzz": ("heap_fuzzer", "kmemfuzz")}  # that a preset builds; of a board's, the image
IMAGE = ("replay",)
NEEDED = {"cmake": "cmake", "ninja": "ninja-build", "objcopy": "binutils"}  # Debian's packages
HARNESS = "fuzz"  # the preset of which the checkout's build is linked, rather than compiled once more
IN_CHECKOUT = '. ci/lib/common.sh && TARGETS=$1 && { "$3" "$2" || exit "$EXIT_ENVIRONMENT"; }'  # at its top: is_built or build
OTHERS = ("CFLAGS", "CXXFLAGS", "LDFLAGS", "ASMFLAGS", "CMAKE_TOOLCHAIN_FILE")  # what is for a build around this one
BOARDS = ("rv64", "rv32", "rv64-sanitized", "rv32-sanitized")
WATCH = ", under AddressSanitizer and UBSan"
_PATH_FLAGS = ("-I", "-isystem", "-iquote", "-idirafter", "-isysroot", "--sysroot=", "@")
_HEADER_FLAGS = ("-include", "-imacros")  # whose headers may also lie in a folder of -I

TOOL = os.environ.get("KMEMFUZZ")  # that this process was started by; None: by no tool
TYPED = os.environ.get("KMEMFUZZ_TYPED", "kmemfuzz")  # how the tool was
CURRENT = None  # the Heap that this process is about; None: kmem


class Refused(Exception):
    """Why there is no heap to be had, in words for a person, with the exit code."""

    def __init__(self, text, code=EXIT_USAGE):
        super().__init__(text)
        self.code = code


def _is_stale(build):
    """Whether a file has changed since it was built from and is older than that, such as one that was moved to its place: ninja
    goes by that age."""
    log = build / ".ninja_log"
    if not log.is_file():
        return False
    made = log.stat().st_mtime
    listed = subprocess.run(["ninja", "-C", build, "-t", "deps"], capture_output=True, text=True, errors="replace", check=False).stdout
    for path in {line.strip() for line in listed.splitlines() if line.startswith("    ")}:
        with contextlib.suppress(OSError):
            status = os.stat(build / path)
            if status.st_ctime > made >= status.st_mtime:
                return True
    return False


def _can_write(folder):
    """Whether a folder can be written, or made."""
    while not folder.exists():
        folder = folder.parent
    return os.access(folder, os.W_OK)


@contextlib.contextmanager
def _harness(environment):
    """Sees to the harness that the programs of all heaps are linked with, and lets nobody build it meanwhile. Gives its folder, or ""
    where there is no checkout to build it in. Raises Refused."""
    build, logs = SOURCES / "build" / HARNESS, SOURCES / "build/logs"
    if not (SOURCES / "ci/lib/common.sh").is_file() or not all(map(_can_write, (build, logs))):
        yield ""
        return

    def checkout(function):
        return subprocess.run(["bash", "-c", IN_CHECKOUT, "bash", " ".join(PROGRAMS[HARNESS]), HARNESS, function], env=environment, cwd=SOURCES,
                              stdin=subprocess.DEVNULL, check=False).returncode == 0
    logs.mkdir(parents=True, exist_ok=True)
    lock = os.open(logs, os.O_RDONLY)
    try:
        fcntl.flock(lock, fcntl.LOCK_SH)
        if not checkout("is_built"):
            fcntl.flock(lock, fcntl.LOCK_UN)
            if not checkout("build"):
                raise Refused("the harness that heaps are linked with does not build", EXIT_ENVIRONMENT)
            fcntl.flock(lock, fcntl.LOCK_SH)
        yield build
    finally:
        os.close(lock)


def _split(name, text):
    try:
        return [word for word in shlex.split(text) if word]
    except ValueError as error:
        raise Refused(f"{name} {text}: {error}") from error


def _flags_from(folder, flags):
    """Flags with the paths that some name in full, which are relative to folder."""
    placed, before = [], None
    for flag in flags:
        name = next((name for name in _PATH_FLAGS if flag.startswith(name)), "")
        path = folder / flag[len(name):]
        if before in _PATH_FLAGS or (before in _HEADER_FLAGS and (folder / flag).exists()):
            placed.append(os.path.normpath(folder / flag))
        elif name and flag != name and flag != "-I-":
            placed.append(name + os.path.normpath(path))
        else:
            placed.append(flag)
        before = flag
    return placed


def _flag_from(folder, flag):
    """A flag, or a path, with what it names in full as it is from folder."""
    name = next((name for name in _PATH_FLAGS if flag.startswith(f"{name}/")), "")
    path = flag[len(name):]
    return name + os.path.relpath(path, folder) if path.startswith("/") else flag


class Settings:
    """What belongs to a heap besides its file: lists of sources, in full, of flags, and of checks to mute."""

    def __init__(self):
        self.source, self.flag, self.mute = [], [], []

    def read(self, path, subject):
        """Reads a settings file, if there is one, of the heap in the file subject. Raises Refused."""
        try:
            lines = path.read_text(encoding="utf-8").splitlines()
        except FileNotFoundError:
            return
        except UnicodeDecodeError as error:
            raise Refused(f"{path}: it is not text; remove it, and give --sources and --cflags again") from error
        for number, line in enumerate(lines, 1):
            kind, _, value = line.partition(" ")
            if kind == "subject" and value != subject.name:
                raise Refused(f"{path} is of {value}, and {subject.name} would share its folder: rename one of the two")
            if kind in HEAP_OPTIONS.values() and value:
                getattr(self, kind).append(os.path.normpath(subject.parent / value) if kind == "source" else value)
            elif line and kind not in ("#", "subject"):
                raise Refused(f"{path}:{number}: '{line}' is no setting; a line is one of: subject FILE, source FILE, flag FLAG, mute CHECK")
        self.flag = _flags_from(subject.parent, self.flag)

    def write(self, path, subject):
        """Writes them, with paths as they are from the heap's file."""
        lines = [f"subject {subject.name}", *(f"source {_flag_from(subject.parent, path)}" for path in self.source),
                 *(f"flag {_flag_from(subject.parent, flag)}" for flag in self.flag), *(f"mute {check}" for check in self.mute)]
        text = "# What belongs to this heap. kmemfuzz writes it when --sources, --cflags or --mute are given.\n" + "\n".join(lines) + "\n"
        if not path.is_file() or path.read_text(encoding="utf-8") != text:
            whole = path.with_name(f"{path.name}.new")
            whole.write_text(text, encoding="utf-8")
            whole.replace(path)


class Heap:
    """A heap of one's own. Members: shown, its file as it was typed; source, the same in full; name; folder and build, in full;
    place, the folder as it is from here."""

    def __init__(self, shown, given, build_folder=None):
        """given has lists of source, flag and mute, where they were on the command line. Raises Refused."""
        self.shown = shown
        self.source = pathlib.Path(os.path.abspath(shown))
        self.name = self.source.stem
        self.folder = self.source.with_suffix(".fuzz")
        self.place = pathlib.Path(shown).with_suffix(".fuzz")
        self.build = pathlib.Path(os.path.abspath(build_folder or self.folder / "build"))
        self._require_file(self.source)
        self._settings = Settings()
        self._settings.read(self.place / "settings", self.source)
        here = pathlib.Path.cwd()
        for kind, values in given.items():
            setattr(self._settings, kind, [os.path.normpath(here / value) for value in values] if kind == "source" else
                    _flags_from(here, values) if kind == "flag" else values)
        self._settings.source = [path for path in dict.fromkeys(self._settings.source) if path != str(self.source)]
        for path in self._settings.source:
            self._require_file(pathlib.Path(path))
            if not path.endswith((*SUFFIXES, *OBJECT_SUFFIXES)):
                raise Refused(f"--sources: {self._shown(path)} is no source; its name must end in one of {' '.join((*SUFFIXES, *OBJECT_SUFFIXES))}")
        for text in (*self._settings.source, *self._settings.flag, *self._settings.mute, str(self.source), str(self.build)):
            if text != text.encode("utf-8", errors="replace").decode():
                raise Refused(f"'{text}' is not UTF-8")
        for text in self._settings.flag:
            if re.search(r"[][;\\\n]|[$]<", text):
                raise Refused(f"the flag '{text}' has one of ; \\ [ ] $< or a newline in it, which CMake cannot take")
        for text in (*self._settings.source, *self._settings.mute, str(self.source), str(self.build)):
            if re.search(r'[][;"\\\n|]|[$][({]', text):
                raise Refused(f"'{text}' has one of ; \" \\ | [ ] $( ${{ or a newline in it, which CMake cannot take")

    def command(self, word):
        """How a word is typed that is about this heap, for commands to be repeated."""
        return f"{shell_word(TYPED)} {word} {shell_word(self.shown)}"

    def sources(self):
        """The files that are compiled, in full: the heap's own, and what belongs to it."""
        return [self.source, *(pathlib.Path(path) for path in self._settings.source if not path.endswith(OBJECT_SUFFIXES))]

    def arguments(self):
        """What a word is given to be about this heap as this process is."""
        return [self.shown, f"{HEAP_FOLDER_OPTION}={self.build}",
                *(f"{option}={shlex.join(getattr(self._settings, kind))}" for option, kind in HEAP_OPTIONS.items())]

    def _shown(self, path):
        """A path as it would be typed here."""
        return self.shown if str(path) == str(self.source) else os.path.relpath(path)

    def _require_file(self, path):
        try:
            with open(path, "rb"):
                pass
        except IsADirectoryError as error:
            raise Refused(f"{self._shown(path)} is a folder, and no source") from error
        except OSError as error:
            raise Refused(f"{self._shown(path)}: {error.strerror}", EXIT_ENVIRONMENT) from error

    def definitions(self):
        """What CMake is told of this heap."""
        objects = [path for path in self._settings.source if path.endswith(OBJECT_SUFFIXES)]
        sources = [str(path) for path in self.sources()]
        stamp = hashlib.sha256(b"".join(pathlib.Path(path).read_bytes() for path in objects)).hexdigest()
        flags = shlex.join(["-g", *self._settings.flag])  # CMake would take off quotes that enclose all
        return [f"-DKMEM_HEAP_{name}={value}" for name, value in (
            ("SOURCES", ";".join(sources)), ("OBJECTS", ";".join(objects)), ("FLAGS", flags),
            ("MUTE", ";".join(self._settings.mute)), ("STAMP", stamp if objects else ""))]

    def _make_one(self, preset):
        """Configures and builds a preset. Returns whether there was anything to build. Raises Refused."""
        objects = [path for path in self._settings.source if path.endswith(OBJECT_SUFFIXES)]
        if objects and preset in BOARDS:
            raise Refused(f"{self._shown(objects[0])} is compiled for this machine, and the board {preset} needs it compiled for RISC-V: give "
                          "its sources")
        build = self.build / preset
        build.mkdir(parents=True, exist_ok=True)
        configured = build / "configured"  # the mark of a folder that is ours to remove
        if not configured.is_file() and any(build.iterdir()):
            raise Refused(f"{os.path.relpath(build)} is not empty, and no build of kmemfuzz; name another {HEAP_FOLDER_OPTION}")
        environment = {name: value for name, value in os.environ.items() if name not in OTHERS}
        with _harness(environment) if preset == HARNESS else contextlib.nullcontext("") as harness:
            return self._build(preset, build, [*self.definitions(), f"-DKMEM_HARNESS={harness}"], environment)

    def _build(self, preset, build, definitions, environment):
        """The same in a folder that is there, with what CMake is told."""
        configured = build / "configured"
        places = f"{SOURCES}\n{build}\n{llvm.place()}\n"
        arguments = places + "\n".join([*definitions, hashlib.sha256((SOURCES / "CMakePresets.json").read_bytes()).hexdigest()])
        log = []

        def run(*command):
            done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=environment,
                                  check=False, cwd=SOURCES)
            log.append(done.stdout.decode(errors="replace"))
            if done.returncode:
                (build / "failed.log").write_text("".join(log), encoding="utf-8")
                raise Refused(self._explain(log[-1], preset))
            return log[-1]
        before = configured.read_text(encoding="utf-8") if configured.is_file() else ""
        clean = ["--clean-first"] if _is_stale(build) else []  # of the last build: CMake writes ninja's log again
        if before != arguments:
            if before and not before.startswith(places):  # one was moved, or clang is another, which CMake does not take
                shutil.rmtree(build)
                build.mkdir()
            configured.write_text(places, encoding="utf-8")
            run("cmake", "--preset", preset, "-B", str(build), *definitions)
            configured.write_text(arguments, encoding="utf-8")
        made = run("cmake", "--build", str(build), "--target", *PROGRAMS.get(preset, IMAGE), *clean)
        return "ninja: no work to do" not in made

    def _explain(self, log, preset):
        """What a build has failed by: what the compilers and linkers said, with the user's paths."""
        text = build_errors.explain(log)
        for folder in sorted({str(pathlib.Path(path).parent) for path in (self.source, *self._settings.source)} |
                             {flag[len(name):] for flag in self._settings.flag for name in _PATH_FLAGS if flag.startswith(f"{name}/")},
                             key=len, reverse=True):
            short = os.path.relpath(folder)
            text = text.replace(f"{folder}/", "" if short == "." else f"{short}/")
        board = f" for the board {preset}" if preset in BOARDS else ""
        return f"{self.shown} does not build{board}:\n{text}\nThe whole log is in {self.build / preset / 'failed.log'}"

    def keep_settings(self):
        """Writes what was given about the heap into its folder, if there is one."""
        if self.folder.is_dir():
            if not (self.folder / ".gitignore").exists():
                (self.folder / ".gitignore").write_text("/build/\n/findings/\n", encoding="utf-8")
            self._settings.write(self.folder / "settings", self.source)

    def make(self, presets):
        """Builds presets, as far as that has yet to be done, and says in a line what was compiled. Returns an exit code when
        they cannot be had, or None."""
        try:
            if SOURCES is None:
                raise Refused("the sources of the harness are not there; say where with KMEM_TREE=FOLDER", EXIT_ENVIRONMENT)
            missing = [package for program, package in NEEDED.items() if shutil.which(program) is None]
            problems = [f"building needs these Debian packages: {' '.join(missing)}; install them"] if missing else []
            try:
                compiler = llvm.place().partition("\n")[0]
            except llvm.Lacking as error:
                problems.append(f"{error}; or test the heap with any compiler: {TYPED} two-files DIR")
            if problems:
                raise Refused(". ".join(problems), EXIT_ENVIRONMENT)
            self.build.mkdir(parents=True, exist_ok=True)
            with open(self.build / "lock", "w", encoding="utf-8") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
                for preset in presets:
                    started = time.monotonic()
                    if self._make_one(preset):
                        files = " and ".join(visible(self._shown(path)) for path in (self.source, *self._settings.source))
                        flags = visible("".join(f" {_flag_from(pathlib.Path.cwd(), flag)}" for flag in self._settings.flag))
                        watched = "" if preset in ("rv64", "rv32") else WATCH
                        print(f"Compiled {files} with {compiler}{flags}{watched}, in {time.monotonic() - started:.0f} s, into "
                              f"{visible(os.path.relpath(self.build / preset))}", file=sys.stderr, flush=True)
                self.keep_settings()
        except Refused as error:
            print(f"kmemfuzz: {visible_lines(str(error))}", file=sys.stderr)
            return error.code
        except KeyboardInterrupt:
            print("Stopped before it began", file=sys.stderr)
            return EXIT_ENVIRONMENT
        return None


def is_subject(arguments):
    """Whether what follows a word begins with a heap's file."""
    return bool(arguments) and not arguments[0].startswith("-") and arguments[0].endswith(SUFFIXES)


def take(word, arguments):
    """Makes the heap that is named after a word the current one. Returns the arguments without what was about it. Raises
    Refused."""
    global CURRENT  # pylint: disable=global-statement
    if not is_subject(arguments):
        return arguments
    given, rest, build_folder = {}, [], None
    waiting = iter(arguments[1:])
    for argument in waiting:
        name, equals, value = argument.partition("=")
        if argument == "--":
            rest += [argument, *waiting]
        elif name in HEAP_OPTIONS or name == HEAP_FOLDER_OPTION:
            value = value if equals else next(waiting, None)
            if value is None:
                raise Refused(f"{name} needs a value")
            if name == HEAP_FOLDER_OPTION:
                build_folder = value
            else:
                given[HEAP_OPTIONS[name]] = _split(name, value)
        else:
            rest.append(argument)
    CURRENT = Heap(arguments[0], given, build_folder)
    os.environ.update(KMEMFUZZ=str(CURRENT.build / "fuzz" / "kmemfuzz"), KMEMFUZZ_SUBJECT=CURRENT.shown, KMEMFUZZ_FOLDER=str(CURRENT.place))
    return rest


def start(word, arguments):
    """Runs a word in C of the current heap's own tool, in place of this process. Returns an exit code when it cannot."""
    is_help = TOOL is not None and any(argument in ("--help", "-h") for argument in arguments)  # which needs no build
    code = None if is_help else CURRENT.make(["fuzz"])
    if code is None:
        tool = TOOL if is_help else CURRENT.build / "fuzz" / "kmemfuzz"
        try:
            os.execv(tool, [TYPED, word, *arguments])
        except OSError as error:
            print(f"kmemfuzz: {visible(tool)}: {visible(error.strerror)}", file=sys.stderr)
            return EXIT_INTERNAL if error.errno == 8 else EXIT_ENVIRONMENT
    return code
