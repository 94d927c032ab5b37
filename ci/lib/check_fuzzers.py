"""./ci/check-fuzzers: tries everything that can make an engine refuse a built fuzz target, or run it in vain.

Each target is copied, with the files next to it, to a folder of another name and run there. fuzzer_files.py judges those files;
fuzzer_trace.py reads from a trace which files the target touches.
"""

import collections
import concurrent.futures
import os
import pathlib
import random
import re
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time

from kmemfuzz import fuzzer
import fuzzer_files
import fuzzer_trace
from kmemfuzz.command_line import (EXIT_ENVIRONMENT, EXIT_SOUND, EXIT_VIOLATION, Parser, add_caller, end_missing, exit_codes,
                          parse_positive, place_paths)
from kmemfuzz.entry import enter
from kmemfuzz.outside_text import visible, visible_lines

NAME = re.compile(r"^[A-Za-z0-9_-]+_fuzzer$")
BESIDE = (".dict", ".options", "_seed_corpus.zip")
TOOLS = ("llvm-symbolizer",)  # what builders leave in the folder besides targets
ENTRY = b"LLVMFuzzerTestOneInput"
AFL = b"__afl_already_initialized"  # in all that AFL++ has compiled

DEFAULT_EDGES = 300  # our smallest target has twice as many; the upstream runner is content with 100
TIMEOUT = 180  # seconds a run of a few executions may take on a busy machine before it counts as hanging
CALLS = {"address": "asan", "memory": "msan", "undefined": "ubsan", "dataflow": "dfsan", "thread": "tsan"}
# What an instruction of any machine has as its operand that calls a function of a sanitizer, or names it otherwise.
CALL = re.compile(rf"<__({'|'.join(CALLS.values())})[^<>+]*>(?!:)")
# Of these in a whole target, its runtime included: (fewest in a build with it, most in a build without it), where a tiny target has
# 1,081, 1,652 and 290 with the first three, and 0, 4 and 6 without.
CALL_LIMITS = {"address": (500, 0), "memory": (500, 20), "undefined": (168, 200), "dataflow": (100, 0),
               "thread": (100, 0)}

# What the upstream runner sets, as far as it can change what comes of a run: leaks count, and every signal is reported.
RUNNER_OPTIONS = {
    "ASAN_OPTIONS": "alloc_dealloc_mismatch=0:allocator_may_return_null=1:detect_leaks=1:detect_odr_violation=2:"
                    "detect_stack_use_after_return=0:handle_abort=2:handle_segv=2:handle_sigbus=2:handle_sigfpe=2:handle_sigill=2:"
                    "strict_memcmp=1:use_sigaltstack=1:symbolize=0",
    "UBSAN_OPTIONS": "print_stacktrace=1:print_summary=1:silence_unsigned_overflow=1:symbolize=0",
    "MSAN_OPTIONS": "print_stats=1:symbolize=0",
}
RUNNER_LIMITS = ["-rss_limit_mb=2560", "-timeout=25"]
HERE = "/proc/self/exe"  # Python: built for this machine, whatever that is called
ALSO = {(2, 1, 62): (1, 1, 3)}  # what a machine runs besides its own: x86-64 runs i386

# Libraries that are where targets are run.
LIBRARIES = re.compile(r"^(lib(c|m|dl|rt|pthread|resolv|gcc_s|stdc\+\+)\.so\.\d+|ld-linux[\w.-]*\.so\.\d+)$")

# Inputs of any length: zeros, ones, and noise from a fixed seed.
SIZES = (0, 1, 2, 3, 4, 7, 64, 1023, 1024, 1025, 65536, 1 << 20)

# Flags of others, each with what it is about.
FLAGS = {
    "value-profile": ["-use_value_profile=1", "-runs=100"],
    "fork": ["-fork=1", "-runs=50"],
    "short-inputs": ["-max_len=1", "-runs=100"],
    "long-inputs": ["-max_len=1048576", "-len_control=0", "-runs=20"],
    "len-control": ["-len_control=1000", "-runs=100"],
    "one-mutation": ["-mutate_depth=1", "-runs=100"],
    "ascii": ["-only_ascii=1", "-runs=100"],
    "no-entropic": ["-entropic=0", "-cross_over=0", "-runs=100"],
}


class Unjudged(Exception):
    """The rest of a target's checks would mean nothing."""


def environment():
    """What targets are run with: nothing of ours but how sanitizers report."""
    kept = {key: value for key, value in os.environ.items() if key in ("PATH", "HOME", "LANG")}
    kept.update(fuzzer.ENVIRONMENT, TMPDIR=tempfile.gettempdir(), LLVM_PROFILE_FILE="/dev/null")
    kept["ASAN_OPTIONS"] += ":symbolize=0"
    kept["MSAN_OPTIONS"] = "symbolize=0"
    return kept


def run(command, folder, options=None, timeout=TIMEOUT):
    """(exit code, all output) of a command in a folder, with options of sanitizers in place of ours if given; its whole group ends
    with it. The code of a hang is None."""
    child = subprocess.Popen(command, cwd=folder, env={**environment(), **(options or {})}, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                             stderr=subprocess.STDOUT, start_new_session=True)
    try:
        output, _ = child.communicate(timeout=timeout)
        return child.returncode, output.decode("utf-8", errors="replace")
    except subprocess.TimeoutExpired:
        os.killpg(child.pid, signal.SIGKILL)
        output, _ = child.communicate()
        return None, output.decode("utf-8", errors="replace")


def snapshot(folder):
    """{path: (size, time of change)} of everything in a folder."""
    found = {}
    for path in sorted(folder.rglob("*")):
        status = path.lstat()
        found[str(path.relative_to(folder))] = (status.st_size, status.st_mtime_ns) if path.is_file() else None
    return found


def complaint(code, output):
    """What went wrong in a run, in a line."""
    if code is None:
        return f"it did not end within {TIMEOUT} s"
    lines = [line for line in output.splitlines()
             if re.search(r"ERROR|VIOLATION|runtime error|WARNING: Mem|No such|cannot|error", line)]
    return f"it ended with code {code}: {(lines or output.splitlines() or ['it printed nothing'])[0].strip()}"


# The folder.


def find_targets(folder):
    """(targets, problems): the files of a folder that are fuzz targets by what they hold, and what is in it besides."""
    targets, of_afl, problems = [], [], []
    names = sorted(path.name for path in folder.iterdir())
    for name in names:
        path = folder / name
        if name in TOOLS or name.startswith("afl-"):
            continue
        held = path.read_bytes() if path.is_file() else b""
        if AFL in held:
            of_afl.append(name)
        elif ENTRY in held:
            targets.append(name)
        elif NAME.match(name):
            problems.append(f"{name} is named as a fuzz target and is none")
    for name in names:
        for suffix in BESIDE:
            if name.endswith(suffix) and name[:-len(suffix)] not in names:
                problems.append(f"{name} lies beside no target")
    if of_afl:
        problems.append(f"{', '.join(of_afl)}: built for AFL++, and libFuzzer's are judged here; run afl-fuzz on them (docs/engines.md)")
    elif not targets:
        problems.append("there is no fuzz target in it")
    return targets, problems


# One target.


def machine_of(path):
    """(class, byte order, machine) of an ELF file, as its header has them; None: it is no ELF file."""
    with open(path, "rb") as file:
        header = file.read(20)
    if len(header) < 20 or not header.startswith(b"\x7fELF"):
        return None
    return header[4], header[5], int.from_bytes(header[18:20], "big" if header[5] == 2 else "little")


def name_of(machine):
    return f"the ELF machine {machine[2]} of {32 * machine[0]} bits" if machine else "no machine: it is no ELF file"


class Target:
    """A target being judged: results gathers (check, problem), problem None when there is none; skipped, (check, reason)."""

    def __init__(self, folder, name, options, tracing):
        self.original = folder.resolve()
        self.name = name
        self.options = options
        self.tracing = tracing  # None, or why there is none
        self.results = []
        self.skipped = []
        self.seeds = {}
        self.flags = {}
        self.dictionary = None
        self.work = None
        self.moved = None

    def record(self, check, problems):
        """Notes what came of a check. problems may be one, or None, or many."""
        if isinstance(problems, str):
            problems = [problems]
        self.results += [(check, problem) for problem in problems or [None]]

    def path(self):
        """The target where it is run."""
        return str(self.moved / self.name)

    def judge(self):
        """All checks. Returns self."""
        with tempfile.TemporaryDirectory() as work:
            self.work = pathlib.Path(work)
            try:
                self.judge_files()
                self.move()
                before = snapshot(self.moved)
                self.judge_runs()
                after = snapshot(self.moved)
                changed = sorted(name for name in {*before, *after} if before.get(name, ()) != after.get(name, ()))
                left = sorted(snapshot(self.work / "empty"))
                self.record("leaves-nothing", [f"it has changed {name} beside itself" for name in changed] +
                            [f"it has left {name} in the current folder" for name in left])
            except Unjudged:
                pass
        return self

    # What it is.

    def judge_files(self):
        """Everything that can be judged without running it."""
        path = self.original / self.name
        self.record("name", None if NAME.match(self.name) else "its name is not of the form NAME_fuzzer")
        if not os.access(path, os.X_OK):
            self.record("executable", "it cannot be executed: chmod +x")
            raise Unjudged
        self.record("executable", None)
        self.judge_architecture(path)
        self.judge_libraries(path)
        self.judge_sanitizer(path)
        options = self.original / f"{self.name}.options"
        if options.is_file():
            self.flags, problems = fuzzer_files.read_options(options)
            self.record("options", problems)
        else:
            self.record("options", f"there is no {options.name}")
        dictionary = self.original / f"{self.name}.dict"
        if dictionary.is_file():
            tokens, problems = fuzzer_files.read_dictionary(dictionary)
            self.record("dictionary", problems)
            self.dictionary = None if problems else tokens
        maximum = min(self.flags.get("max_len", fuzzer_files.SEED_SIZE_MAXIMUM), fuzzer_files.SEED_SIZE_MAXIMUM)
        self.seeds, problems = fuzzer_files.read_seeds(self.original / f"{self.name}_seed_corpus.zip", maximum)
        self.record("seed-corpus", problems)

    def judge_architecture(self, path):
        """It can be run on this machine."""
        machine, here = machine_of(path), machine_of(HERE)
        if machine not in (here, ALSO.get(here)):
            self.record("architecture", f"it is built for {name_of(machine)}, and this is {name_of(here)}")
            raise Unjudged
        self.record("architecture", None)

    def judge_libraries(self, path):
        """It needs nothing that is not there where it is run, and looks for it nowhere else."""
        _, output = run(["readelf", "--dynamic", "--wide", str(path)], self.work)
        needed = re.findall(r"\(NEEDED\).*\[(.*)\]", output)
        problems = [f"it needs the library {name}, which is not where targets are run" for name in needed
                    if not LIBRARIES.match(name)]
        problems += [f"it looks for libraries in {where}" for where in re.findall(r"\((?:RUNPATH|RPATH)\).*\[(.*)\]", output)]
        self.record("libraries", problems)

    def judge_sanitizer(self, path):
        """It has the sanitizer that was asked for, and no other."""
        _, output = run(["objdump", "--disassemble", "--no-show-raw-insn", str(path)], self.work)
        found = collections.Counter(CALL.findall(output))
        counts = {sanitizer: found[prefix] for sanitizer, prefix in CALLS.items()}
        wanted = self.options.sanitizer
        problems = []
        for sanitizer, count in counts.items():
            fewest, most = CALL_LIMITS[sanitizer]
            if sanitizer == wanted and count < fewest:
                problems.append(f"it is not built with the sanitizer {sanitizer}: {count} calls, at least {fewest}")
            # What AddressSanitizer's runtime brings of UBSan's is below the line.
            if sanitizer != wanted and count > most:
                problems.append(f"it is built with the sanitizer {sanitizer} too: {count} calls, at most {most}")
        if wanted == "coverage" and b"__llvm_profile_write_file" not in path.read_bytes():
            problems.append("it is not built with clang's source-based coverage")
        self.record("sanitizer", problems)

    def move(self):
        """Copies it, and what lies beside it, to where it is run from."""
        self.moved = self.work / "moved-elsewhere"  # no blank: fork mode does not quote
        self.moved.mkdir()
        (self.work / "empty").mkdir()
        files = [self.original / f"{self.name}{suffix}" for suffix in ("", *BESIDE)]
        # By a process of its own: what a thread writes is open in what others start, and cannot be run meanwhile.
        subprocess.run(["cp", "-p", *(path for path in files if path.is_file()), self.moved], check=True)
        (self.work / "seeds").mkdir()
        for number, contents in enumerate(self.seeds.values()):
            (self.work / "seeds" / f"{number:06}").write_bytes(contents)

    # What it does.

    def run_for(self, check, arguments, must_print=None, options=None):
        """Runs it for a check, which fails unless it ends with 0 and prints a pattern. Returns its output."""
        code, output = run([self.path(), *arguments, f"-artifact_prefix={self.work}/"], self.work / "empty", options)
        problem = None
        if code != 0:
            problem = complaint(code, output)
        elif must_print is not None and re.search(must_print, output) is None:
            problem = f"it ended with code 0, but printed nothing like '{must_print}'"
        self.record(check, problem)
        return output

    def judge_runs(self):
        """Everything that can be judged only by running it."""
        if self.options.sanitizer == "coverage":
            # There is no engine's coverage: only replaying makes sense, and is what such a build is for.
            self.judge_lengths()
            self.judge_profile()
            return
        output = self.run_for("four-runs", ["-seed=1337", "-runs=4"], r"Done 4 runs")
        match = re.search(r"INFO: Loaded \d+ modules?\s.*?\((\d+) (?:inline 8-bit counters|guards)\)", output)
        edges = int(match.group(1)) if match else 0
        self.record("instrumented", None if edges >= self.options.edges else
                    f"{edges} edges are instrumented, and at least {self.options.edges} must be")
        if not match:
            raise Unjudged
        self.record("no-arguments", self.run_without_arguments())
        # Where processes cannot be traced, leaks cannot be looked for.
        options = RUNNER_OPTIONS if self.tracing is None else environment()
        self.run_for("runner-options", ["-seed=1337", "-runs=100", *RUNNER_LIMITS], r"Done 100 runs", options)
        flags = [f"-{key}={value}" for key, value in self.flags.items()]
        if self.seeds:
            self.run_for("seeds", [*flags, "-runs=0", self.work / "seeds"],
                         rf"INFO: seed corpus: files: {sum(1 for seed in self.seeds.values() if seed)} ")
        if self.dictionary is not None:
            self.run_for("dictionary-used", [f"-dict={self.moved / self.name}.dict", "-runs=4"],
                         rf"Dictionary: {len(self.dictionary)} entries")
        self.judge_lengths()
        self.judge_touched(flags)
        for check, arguments in FLAGS.items():
            self.run_for(check, ["-seed=1", *arguments])

    def run_without_arguments(self):
        """Starts it with no argument, which means for ever, and ends it once it has begun to mutate."""
        child = subprocess.Popen([self.path()], cwd=self.work / "empty", env=environment(), stdin=subprocess.DEVNULL,
                                 stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True)
        output, deadline, interrupted = b"", time.monotonic() + TIMEOUT, False
        try:
            while time.monotonic() < deadline:
                if not select.select([child.stdout], [], [], 1)[0]:
                    continue
                piece = os.read(child.stdout.fileno(), 65536)
                if not piece:
                    break
                output += piece
                # Lines after INITED are about mutated inputs.
                if not interrupted and re.search(rb"INITED.*\n#\d+\s+(NEW|REDUCE|pulse)", output, re.DOTALL):
                    os.killpg(child.pid, signal.SIGINT)
                    interrupted = True
            child.wait(timeout=max(1, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            pass
        finally:
            if child.poll() is None:
                os.killpg(child.pid, signal.SIGKILL)
            child.wait()
            child.stdout.close()
        if interrupted and child.returncode == fuzzer.INTERRUPTED_EXIT_CODE:
            return None
        return complaint(child.returncode, output.decode("utf-8", errors="replace"))

    def judge_lengths(self):
        """Inputs of every length and of any contents are run without a complaint."""
        noise = random.Random(1)
        inputs = self.work / "inputs"
        inputs.mkdir()
        for size in SIZES:
            for kind, contents in (("zeros", bytes(size)), ("ones", b"\xff" * size), ("noise", noise.randbytes(size))):
                (inputs / f"{size:07}-{kind}").write_bytes(contents)
        self.run_for("any-length", [str(path) for path in sorted(inputs.iterdir())], r"Executed .*-zeros")

    def judge_profile(self):
        """Replaying the seeds writes a profile."""
        profile = self.work / "profile.profraw"
        seeds = [str(path) for path in sorted((self.work / "seeds").iterdir())]
        code, output = run(["env", f"LLVM_PROFILE_FILE={profile}", self.path(), *seeds], self.work / "empty")
        self.record("seeds", complaint(code, output) if code != 0 else None)
        self.record("profile", None if profile.is_file() and profile.stat().st_size > 0 else "it wrote no profile")
        merged, profile = self.work / "merged", self.work / "merged.profraw"
        merged.mkdir()
        code, output = run(["env", f"LLVM_PROFILE_FILE={profile}", self.path(), "-merge=1", "-timeout=100", str(merged),
                            str(self.work / "seeds")], self.work / "empty")
        self.record("merge", complaint(code, output) if code != 0 else
                    None if profile.is_file() and profile.stat().st_size > 0 else "it wrote no profile")

    def judge_touched(self, flags):
        """It writes to nothing outside the folder for temporary files, nor beside itself, and needs nothing of where it
        was built."""
        if self.tracing is not None:
            self.skipped.append(("touches-nothing", self.tracing))
            return
        trace = self.work / "trace"
        empty = self.work / "empty"
        # The leak checker is a tracer too, and there can be one only.
        code, output = run([*fuzzer_trace.command(trace), "env", "ASAN_OPTIONS=detect_leaks=0", self.path(), *flags,
                            "-seed=1", "-runs=100", f"-artifact_prefix={self.work}/", str(self.work / "seeds")], empty)
        if code != 0:
            self.record("touches-nothing", complaint(code, output))
            return
        written, seen = fuzzer_trace.touched(trace.read_text(encoding="utf-8", errors="replace"), str(empty))
        temporary = tempfile.gettempdir()
        problems = [f"it writes to {path}" for path in sorted(written)
                    if not is_below(path, temporary) and not re.match(r"^/(dev/(null|tty|pts/\d+|shm/.*)|proc/self/.*)$", path)]
        problems += [f"it writes to {path}, beside itself" for path in sorted(written) if is_below(path, str(self.moved))]
        problems += [f"it looks at {path}, where it was built" for path in sorted(seen)
                     if is_below(path, str(self.original))]
        self.record("touches-nothing", problems)


def is_below(path, folder):
    """Does a path lie in a folder?"""
    return path == folder or path.startswith(folder.rstrip("/") + "/")


# The command.


def parse_arguments(arguments):
    """The command line; argparse ends the process with code 2 when it is wrong."""
    parser = Parser(
        prog="ci/check-fuzzers",
        description="Judges a folder of built libFuzzer targets as OSS-Fuzz and ClusterFuzzLite will, and more: names, "
                    "sanitizer, instrumentation, libraries, seeds, dictionary, options; runs without arguments, from another "
                    "folder, on inputs of any length and with the flags of others; and what it writes and where.",
        epilog=exit_codes("all sound", "something is broken"))
    parser.add_argument("folder", nargs="?", type=pathlib.Path, default=pathlib.Path("build/engines/address"),
                        metavar="FOLDER", help="where the targets are (default: build/engines/address)")
    parser.add_argument("--sanitizer", choices=("address", "undefined", "memory", "coverage"),
                        help="what they are built with (default: the name of FOLDER if it is one, otherwise address)")
    parser.add_argument("--edges", type=parse_positive, default=DEFAULT_EDGES, metavar="N",
                        help=f"how many edges must be instrumented at least (default: {DEFAULT_EDGES})")
    parser.add_argument("--jobs", type=parse_positive, default=os.cpu_count() or 1, metavar="N",
                        help="targets at a time (default: one per processor)")
    add_caller(parser)
    options = parser.parse_args(arguments)
    place_paths(parser, options, "folder")
    if options.sanitizer is None:
        name = options.folder.resolve().name
        options.sanitizer = name if name in ("undefined", "memory", "coverage") else "address"
    if not options.folder.exists():
        end_missing(parser, f"there is no folder {options.folder}: ./ci/engine {options.sanitizer} builds one")
    if not options.folder.is_dir():
        parser.error(f"{options.folder} is not a folder")
    return options


def main(arguments):
    """Judges; returns the exit code."""
    options = parse_arguments(arguments)
    for tool in ("objdump", "readelf"):
        if shutil.which(tool) is None:
            print(f"ci/check-fuzzers: {tool} is missing: ./ci/setup installs it", file=sys.stderr)
            return EXIT_ENVIRONMENT
    names, problems = find_targets(options.folder)
    passed = failed = 0
    for problem in problems:
        print(f"FAILED  {visible(options.folder)}: {visible_lines(problem)}")
        failed += 1
    tracing = fuzzer_trace.refusal()
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        for target in pool.map(lambda name: Target(options.folder, name, options, tracing).judge(), names):
            for check, problem in target.results:
                print(f"ok      {target.name} {check}" if problem is None else
                      f"FAILED  {target.name} {check}: {visible_lines(problem)}")
                passed += problem is None
                failed += problem is not None
            for check, reason in target.skipped:
                print(f"skipped {target.name} {check}: {reason}")
            sys.stdout.flush()
    print(f"{passed} passed, {failed} failed")
    return EXIT_VIOLATION if failed else EXIT_SOUND


if __name__ == "__main__":
    enter("ci/check-fuzzers", main, sys.argv[1:])
