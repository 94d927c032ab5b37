"""kmemfuzz board: replays a corpus on the emulated RISC-V boards, compares each verdict with the host's, explains differences."""

import concurrent.futures
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time

from kmemfuzz import board, board_log, child, corpus, heap, tree
from kmemfuzz.command_line import (EXIT_ENVIRONMENT, EXIT_SOUND, EXIT_USAGE, EXIT_VIOLATION, Parser, add_caller, end_missing,
                          exit_codes, from_caller, parse_count, parse_positive, parse_seconds)
from kmemfuzz.outside_text import dump_json, excerpt, visible, visible_lines
from kmemfuzz.packed_corpus import PackFailure, make_corpus, replay_on_host
from kmemfuzz.board_lines import NOT_RUN
from kmemfuzz.board_finding import (EXPLAINED, FAILURES, Finding, counts, figures_of, is_finding, print_findings,
                                    require_known_oracles)

SMOKE_PROGRAMS = 2000
PROGRESS_SECONDS = {True: 0.1, False: 10.0}  # between progress lines, on a terminal and in a log
DEBUGGER = "gdb-multiarch"
SUPPORT = pathlib.Path(heap.SOURCES if heap.CURRENT else "", "fuzz/gdb/kmem_gdb.py")
WATCHDOG_SECONDS = 86400.0  # a person thinks; a hang is ended by ^C in the debugger
POLL_SECONDS = 0.01


def parse_arguments(arguments):
    parser = Parser(
        prog="kmemfuzz board", example="kmemfuzz board corpus --configuration rv64",
        description="Replays programs on the emulated RISC-V boards with every oracle on, one boot for all of them, and "
                    "requires the verdicts and digests of the host.",
        epilog=exit_codes("all sound and equal", "a violation, fault, hang or difference",
                          environment="environment, or a capture that is incomplete"),
    )
    parser.add_argument("--configuration", choices=board.configurations(), action="append", metavar="NAME",
                        help=f"one of {', '.join(board.configurations())}; may be given several times (default: all)")
    parser.add_argument("--json", action="store_true", help="print the result as JSON on standard output")
    if heap.CURRENT is None:
        parser.add_argument("--image", choices=("faults", "misuse"),
                            help="instead of each configuration's own image: faults, which damages itself when an input asks for "
                                 "it; misuse, which misuses memory, for configurations with sanitizers")
    parser.set_defaults(image=None)
    parser.add_argument("--watchdog", type=parse_seconds, default=2.0, metavar="SECONDS",
                        help="how long one input may run (default: 2)")
    parser.add_argument("--log", metavar="CAPTURE",
                        help="judge what your own board has printed for a packed corpus, and start no emulator; - is standard input")
    parser.add_argument("--smoke", action="store_true",
                        help="instead of PATHs, run programs that the boards make of a seed: those of kmemfuzz smoke")
    parser.add_argument("--programs", type=parse_positive, metavar="N", help=f"with --smoke: how many (default: {SMOKE_PROGRAMS:,})")
    parser.add_argument("--seed", type=parse_count, metavar="S", help="with --smoke: what they are made of (default: 1)")
    parser.add_argument("--blob", type=pathlib.Path, metavar="FILE", help="replay this packed corpus instead of PATHs")
    parser.add_argument("--gdb", action="store_true",
                        help="replay one program, then boot it again under gdb-multiarch and stop before the operation that "
                             "fails, or before the first if none does")
    parser.add_argument("--operation", type=parse_count, metavar="N", help="with --gdb: stop before operation N, from 0")
    parser.add_argument("--gdb-commands", type=pathlib.Path, metavar="FILE",
                        help="with --gdb: run the commands in FILE at the stop, then quit")
    add_caller(parser)
    parser.add_argument("paths", nargs="*", metavar="PATH", help="programs, or folders of them (default: corpus); or one packed corpus")
    options = parser.parse_args(arguments)
    if options.log is not None and (options.configuration or options.image or options.gdb):
        parser.error("--log is about your own board: there is no --configuration, --image or --gdb for it")
    if options.smoke and (options.paths or options.blob is not None or options.gdb):
        parser.error("--smoke takes the place of PATHs and --blob, and there is no --gdb for it")
    if not options.smoke and (options.programs is not None or options.seed is not None):
        parser.error("--programs and --seed belong to --smoke")
    options.programs = options.programs or SMOKE_PROGRAMS
    options.seed = 1 if options.seed is None else options.seed
    if options.blob is None and len(options.paths) == 1 and corpus.is_blob(from_caller(options.caller, options.paths[0])):
        options.blob = pathlib.Path(options.paths.pop())
    if options.blob is not None and options.paths:
        parser.error("--blob takes the place of PATHs")
    if not options.gdb and (options.operation is not None or options.gdb_commands is not None):
        parser.error("--operation and --gdb-commands belong to --gdb")
    if options.gdb and (len(options.paths) != 1 or options.json):
        parser.error("--gdb takes one program, and no --json")
    if options.log is None:
        require_tools(parser, options)
    if options.blob is None and not options.smoke:
        options.paths = [from_caller(options.caller, path) for path in options.paths] or default_paths(parser, options)
        named = [path for path in options.paths if path != "-"]
        missing = corpus.missing_of(named)
        if missing:
            end_missing(parser, missing)
        problem = corpus.problem_with(named)
        if problem:
            parser.error(problem)
    options.command = tree.tool()
    options.blob = from_caller(options.caller, options.blob)
    options.gdb_commands = from_caller(options.caller, options.gdb_commands)
    options.capture = None if options.log in (None, "-") else pathlib.Path(from_caller(options.caller, options.log))
    for name, path in (("--blob", options.blob), ("--gdb-commands", options.gdb_commands), ("--log", options.capture)):
        if path is not None and not path.is_file():
            end_missing(parser, f"{name} {path}: there is no such file")
    options.configurations = [board.CONFIGURATIONS[name] for name in dict.fromkeys(options.configuration or
                                                                                     board.configurations())]
    if options.image is not None:
        options.configurations = [configuration._replace(image=options.image) for configuration in
                                  options.configurations
                                  if options.image != "misuse" or configuration.name.endswith("-sanitized")]
        if not options.configurations:
            parser.error("--image misuse needs a configuration with sanitizers")
    return options


def require_tools(parser, options):
    """Ends the process unless there are images to be had, and emulators for them."""
    if tree.TREE is None and heap.CURRENT is None:
        parser.exit(EXIT_ENVIRONMENT, "kmemfuzz board: it needs the source tree; say where that is with KMEM_TREE=FOLDER\n")
    try:
        if options.gdb:
            find_debugger()
        for name in options.configuration or board.configurations():
            board.find_emulator(board.CONFIGURATIONS[name].board)
    except board.EnvironmentFailure as error:
        end_missing(parser, str(error))


def default_paths(parser, options):
    """What is replayed when no PATH is named."""
    if heap.CURRENT is None:
        return ["corpus" if options.caller == pathlib.Path.cwd() else pathlib.Path.cwd() / "corpus"]
    folders = [heap.CURRENT.place / name for name in ("regressions", "corpus")]
    found = [folder for folder in folders if folder.is_dir() and corpus.inputs(folder)]
    if not found:
        end_missing(parser, f"there is no program in {folders[0]} or {folders[1]}; fuzz first ({heap.CURRENT.command('fuzz')}), or name "
                            "programs")
    return found


def presets(options):
    """The builds that are needed: for what the host says, with and without sanitizers, and the images asked for."""
    host = ["fuzz"] if heap.CURRENT else ["release"] if options.log is not None else ["release", "dev"]
    return host if options.log is not None else [*host, *dict.fromkeys(configuration.preset for configuration in options.configurations)]


# Replaying.

class Progress:
    """A line of progress now and then, on standard error, for all boards together."""

    def __init__(self):
        self._terminal = sys.stderr.isatty()
        self._shown = time.monotonic()
        self._counts = {}

    def show(self, name, done, total):
        self._counts[name] = f"{name}  {done:,} of {total:,} inputs"
        if time.monotonic() - self._shown >= PROGRESS_SECONDS[self._terminal]:
            self._shown = time.monotonic()
            line = "    ".join(self._counts[name] for name in sorted(self._counts, reverse=True))
            print(f"\r\033[K{line}" if self._terminal else line, end="" if self._terminal else "\n", file=sys.stderr,
                  flush=True)

    def clear(self):
        if self._terminal:
            print("\r\033[K", end="", file=sys.stderr, flush=True)


def replay_configuration(configuration, options, packed, host, progress):
    """Replays in one configuration. Returns (figures, findings)."""
    image = board.Image(configuration)
    replay = board.Replay(image, packed.blob, options.watchdog,
                          lambda done, total: progress.show(configuration.name, done, total))
    outcomes = replay.run()
    if host is None or len(outcomes) != len(host):
        raise board.EnvironmentFailure(f"the image has taken {packed.blob} for a corpus, but the host has not")
    xlen = board.XLEN[configuration.board]
    findings = [Finding(packed, replay, outcome, reference) for outcome, reference in zip(outcomes, host)
                if is_finding(outcome, reference, xlen)]
    for finding in findings[:EXPLAINED]:
        if finding.kind == "difference" and finding.host.sound and not finding.host.not_run:
            finding.find_difference(options.watchdog)
    require_known_oracles(outcomes, configuration)
    if replay.errors:
        progress.clear()
        print(f"kmemfuzz board: {configuration.name}: the emulator says: {'; '.join(map(excerpt, replay.errors))}", file=sys.stderr)
    figures = {"configuration": configuration.name, **figures_of(outcomes, findings, host, xlen), "boots": replay.boots,
               "seconds": round(replay.seconds, 3),
               "seconds_to_first_verdict": round(replay.first_verdict_seconds or replay.seconds, 3),
               "inputs_per_second": round(len(outcomes) / replay.seconds)}
    figures["checked_operations_per_second"] = round(figures["checked_operations"] / replay.seconds)
    if configuration.memory:
        figures["pages"] = count_pages([outcome.memory for outcome in outcomes if outcome.memory is not None])
    return figures, findings


def count_pages(memories):
    """What the heaps of all inputs have used of their virtual memory, in pages."""
    largest = max(memories, key=lambda memory: memory.mapped, default=None)
    return {"reserved": sum(memory.reserved for memory in memories), "granted": sum(memory.granted for memory in memories),
            "mapped": sum(memory.mapped for memory in memories), "mapped_most": largest.mapped if largest else 0,
            "page_faults": sum(memory.page_faults for memory in memories)}


def print_total(all_figures):
    total = {name: sum(figures[name] for figures in all_figures)
             for name in ("inputs", "checked_operations", *FAILURES, *NOT_RUN, "other_layouts")}
    print(f"all {len(all_figures)} configurations  {counts(total)}", flush=True)


def print_summary(figures):
    print(f"{figures['configuration']}  {counts(figures)}  ({figures['seconds']:.2f} s, first verdict after "
          f"{figures['seconds_to_first_verdict']:.2f} s, {figures['inputs_per_second']:,} inputs/s, {figures['boots']} "
          f"boot{'s' if figures['boots'] != 1 else ''})", flush=True)
    if "pages" in figures:
        pages = figures["pages"]
        print(f"    pages: {pages['mapped']:,} mapped of {pages['granted']:,} granted and {pages['reserved']:,} reserved, "
              f"{pages['mapped_most']:,} at most in one input; {pages['page_faults']:,} mapped by a page fault", flush=True)


def replay_all(options, folder):
    """Replays in every configuration asked for; returns the exit code."""
    packed = make_corpus(options, folder)
    host = replay_on_host(packed.blob)
    result = {"configurations": [], "findings": []}
    progress = Progress()
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:  # the work is the emulators'
        try:
            replays = list(pool.map(lambda configuration: replay_configuration(configuration, options, packed, host, progress),
                                    options.configurations))
        except BaseException:
            child.stop_all()
            raise
        finally:
            progress.clear()
    for figures, findings in replays:
        result["configurations"].append(figures)
        result["findings"] += [finding.as_json() for finding in findings]
        if not options.json:
            print_findings(findings, figures["configuration"])
            print_summary(figures)
    if options.json:
        print(dump_json(result))
    elif len(replays) > 1:
        print_total(result["configurations"])
    if heap.CURRENT and not options.configuration and not options.json:
        left_out = [name for name in board.CONFIGURATIONS if name not in board.HEAP_CONFIGURATIONS]
        print(f"left out: {', '.join(left_out)}, which map memory as kmem asks for it")
    idle = [figures["configuration"] for figures, _ in replays if sum(figures[reason] for reason in NOT_RUN) == figures["inputs"]]
    if idle:
        print(f"kmemfuzz board: nothing was judged on {', '.join(idle)}: no program's heap started there", file=sys.stderr)
    return EXIT_VIOLATION if result["findings"] else EXIT_USAGE if idle else EXIT_SOUND


def judge_log(options, folder):
    """Judges what a board of the user's own has printed; returns the exit code."""
    content = sys.stdin.buffer.read() if options.capture is None else options.capture.read_bytes()
    packed = make_corpus(options, folder)
    return board_log.judge(options.log, content, packed, replay_on_host(packed.blob), options.json)


# Debugging.

def find_debugger():
    path = shutil.which(DEBUGGER)
    if path is None:
        raise board.EnvironmentFailure(f"{DEBUGGER} is missing; install the Debian package {DEBUGGER}")
    return path


def failing_operation(image, blob, index, outcome):
    """The operation an input fails in, as its replay has just found. None: it is wrong before the first."""
    if outcome.kind == "verdict":
        return outcome.values["operations"] - 1 if outcome.values["operations"] else None
    if outcome.kind == "dead":
        return len(board.trace(image, blob, index, 2.0, board.DEBUG))
    return outcome.values["operation"]


def _start_board(image, blob, index, socket):
    """A board that waits for a debugger at the socket."""
    command = board.boot_command(image, blob, index, 1, board.DEBUG, int(WATCHDOG_SECONDS * 1000))
    command += ["-S", "-gdb", f"unix:{socket},server=on,wait=off"]
    emulator = child.Child(command, quiet=True)  # in a session of its own: ^C is the debugger's
    deadline = time.monotonic() + board.START_SECONDS
    while not socket.exists():
        if emulator.has_ended() or time.monotonic() > deadline:
            emulator.end()
            errors = emulator.errors.decode(errors="surrogateescape").strip()
            raise board.EnvironmentFailure("the emulator does not wait for a debugger: "
                                           f"{excerpt(errors) if errors else 'no word of why'}")
        time.sleep(POLL_SECONDS)
    return emulator


def _debugger_command(image, socket, operation, script):
    """The debugger, up to its stop before the operation; then what is in the script, or what a person types."""
    command = [find_debugger(), "-q", *(["-nx", "-batch"] if script else [])]
    for line in ("set confirm off", f"source {SUPPORT}", f"target remote {socket}", f"kmem-stop-before {operation}",
                 "continue"):
        command += ["-ex", line]
    if script:
        command += ["-x", str(script)]
    return [*command, str(image.path)]


def debug_input(image, blob, index, operation, script, folder):
    """Debugs one input of a blob. What was started is gone afterwards, whatever ends the session."""
    socket = folder / "gdb.socket"  # a short path: the system takes no more than 107 bytes
    command = _debugger_command(image, socket, operation, script)
    emulator = _start_board(image, blob, index, socket)
    debugger = None
    interrupt = signal.signal(signal.SIGINT, lambda *_: None)  # ^C reaches the debugger as well, and is meant for it
    try:
        debugger = subprocess.Popen(command, stdin=None if script is None else subprocess.DEVNULL)
        code = debugger.wait()
    finally:
        signal.signal(signal.SIGINT, interrupt)
        if debugger is not None:
            debugger.kill()
            debugger.wait()
        emulator.end()
    if code != 0:
        raise board.EnvironmentFailure(f"{DEBUGGER} ended with code {code}")


def debug_program(options, folder):
    """Replays one program, and debugs it in the first configuration where it fails, or else the first."""
    find_debugger()
    packed = make_corpus(options, folder)
    if packed.count() != 1:
        raise PackFailure(f"kmemfuzz board: --gdb takes one program; {options.paths[0]} has {packed.count()}", EXIT_USAGE)
    host = replay_on_host(packed.blob)
    found = None
    for configuration in options.configurations:
        image = board.Image(configuration)
        replay = board.Replay(image, packed.blob, options.watchdog)
        finding = Finding(packed, replay, replay.run()[0], host[0])
        failed = is_finding(finding.outcome, host[0], board.XLEN[configuration.board])
        if failed and finding.outcome.sound and finding.host.sound and not finding.host.not_run:
            finding.find_difference(options.watchdog)
        if found is None or failed:
            found = (image, finding)
        if failed:
            break
    image, finding = found
    operation, why = options.operation, "as asked"
    if operation is None:
        operation, why = find_stop(image, finding, options)
    name = packed.name(0)
    print(f"{visible(name)} on {image.configuration.name}: {why}; stopping before operation {operation}", file=sys.stderr,
          flush=True)
    debug_input(image, packed.blob, 0, operation, options.gdb_commands, folder)
    return EXIT_SOUND


def find_stop(image, finding, options):
    """The operation worth stopping before, and why."""
    if finding.difference is not None:
        return finding.difference[0], "not the same as on the host"
    if finding.outcome.sound:
        return 0, "sound"
    operation = failing_operation(image, finding.corpus.blob, finding.outcome.index, finding.outcome)
    if operation is None:
        raise board.EnvironmentFailure("the heap is wrong before the first operation: there is none to stop before")
    return operation, finding.kind


def main(arguments):
    options = parse_arguments(arguments)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)  # as ^C: no emulator is left running
    # Packed corpora, and the programs that findings name, stay where builds are, or else where anyone may write.
    folder = tree.build_folder("target") if tree.TREE or heap.CURRENT else pathlib.Path(tempfile.gettempdir(), "kmemfuzz")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        own = pathlib.Path(tempfile.mkdtemp(dir=folder))  # so that two runs at once do not share a blob
    except OSError as error:
        print(f"kmemfuzz board: {folder} cannot be made or written to, and what is replayed is packed there: {visible(error)}",
              file=sys.stderr)
        return EXIT_ENVIRONMENT
    try:
        return (judge_log if options.log is not None else debug_program if options.gdb else replay_all)(options, own)
    except PackFailure as error:
        print(visible_lines(error), file=sys.stderr)
        return error.code
    except (OSError, board.EnvironmentFailure) as error:
        print(f"kmemfuzz board: {visible(error)}", file=sys.stderr)
        return EXIT_ENVIRONMENT
    except KeyboardInterrupt:
        print("kmemfuzz board: interrupted", file=sys.stderr)
        return EXIT_ENVIRONMENT
    finally:
        shutil.rmtree(own, ignore_errors=True)
