"""Replays a corpus on the emulated RISC-V boards, compares every verdict with the host's, and explains what differs."""

import argparse
import concurrent.futures
import json
import os
import pathlib
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import time

import board
import debug
import sanitizer

KMEMFUZZ = pathlib.Path("build/release/kmemfuzz")
SANITIZED_TOOLS = {"replay": (pathlib.Path("build/dev/kmemfuzz"), "run"),  # what the host's sanitizers say, by image
                   "misuse": (pathlib.Path("build/dev/kmem_misuse"),)}
EXIT_SOUND, EXIT_VIOLATION, EXIT_USAGE, EXIT_ENVIRONMENT = range(4)
PROGRESS_SECONDS = {True: 0.1, False: 10.0}  # between progress lines, on a terminal and in a log
SOUND_AND_EQUAL = "all sound, digests equal the host's"
EXPLAINED = 10  # findings explained in full in each configuration; the others are counted


def parse_seconds(text):
    """A number of seconds above 0."""
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0.001 <= seconds <= 86400:
        raise argparse.ArgumentTypeError(f"'{text}' is no number of seconds from 0.001 to 86400")
    return seconds


def parse_count(text):
    """A whole number from 0."""
    if not text.isdecimal() or len(text) > 9:
        raise argparse.ArgumentTypeError(f"'{text}' is no whole number from 0")
    return int(text)


def from_caller(caller, path):
    """A path of the command line for this process, which runs at the top of the tree: as it is when it was typed there,
    otherwise in full."""
    return path if path is None or caller == pathlib.Path.cwd() else pathlib.Path(os.path.abspath(caller / path))


def parse_arguments(arguments):
    """The command line; argparse ends the process with code 2 when it is wrong."""
    parser = argparse.ArgumentParser(
        prog="ci/target",
        description="Replays programs on the emulated RISC-V boards with every oracle on, one boot for all of them, and "
                    "requires the verdicts and digests of the host.",
        epilog="Exit codes: 0 all sound and equal, 1 a violation, fault, hang or difference, 2 usage, 3 environment.",
    )
    parser.add_argument("--configuration", choices=board.CONFIGURATIONS, action="append", metavar="NAME",
                        help=f"one of {', '.join(board.CONFIGURATIONS)}; may be given several times (default: all)")
    parser.add_argument("--json", action="store_true", help="print the result as JSON on standard output")
    parser.add_argument("--image", choices=("faults", "misuse"),
                        help="in place of each configuration's own: faults, the image that damages itself when an input "
                             "asks for it; misuse, the one that misuses memory, for the configurations with sanitizers")
    parser.add_argument("--watchdog", type=parse_seconds, default=2.0, metavar="SECONDS",
                        help="how long one input may run (default: 2)")
    parser.add_argument("--blob", type=pathlib.Path, metavar="FILE", help="replay this packed corpus instead of PATHs")
    parser.add_argument("--gdb", action="store_true",
                        help="replay one program, then boot it again under gdb-multiarch, stopped before the operation it "
                             "fails in, or the first when it is sound")
    parser.add_argument("--operation", type=parse_count, metavar="N", help="with --gdb: stop before operation N, from 0")
    parser.add_argument("--gdb-commands", type=pathlib.Path, metavar="FILE",
                        help="with --gdb: run these commands at the stop in place of asking for some, and end")
    parser.add_argument("--from", dest="caller", type=pathlib.Path, default=pathlib.Path.cwd(), help=argparse.SUPPRESS)
    parser.add_argument("paths", nargs="*", metavar="PATH", help="programs, or folders of them (default: corpus)")
    options = parser.parse_args(arguments)
    if options.blob is not None and options.paths:
        parser.error("--blob takes the place of PATHs")
    if not options.gdb and (options.operation is not None or options.gdb_commands is not None):
        parser.error("--operation and --gdb-commands belong to --gdb")
    if options.gdb and (len(options.paths) != 1 or options.json):
        parser.error("--gdb takes one program, and no --json")
    if options.blob is None:
        options.paths = [from_caller(options.caller, path) for path in options.paths] or [
            "corpus" if options.caller == pathlib.Path.cwd() else pathlib.Path.cwd() / "corpus"]
    options.command = "./ci/target" if options.caller == pathlib.Path.cwd() else f"{pathlib.Path.cwd()}/ci/target"
    options.blob = from_caller(options.caller, options.blob)
    options.gdb_commands = from_caller(options.caller, options.gdb_commands)
    options.configurations = [board.CONFIGURATIONS[name] for name in dict.fromkeys(options.configuration or
                                                                                     board.CONFIGURATIONS)]
    if options.image is not None:
        options.configurations = [configuration._replace(image=options.image) for configuration in
                                  options.configurations
                                  if options.image != "misuse" or configuration.name.endswith("-sanitized")]
        if not options.configurations:
            parser.error("--image misuse needs a configuration with sanitizers")
    return options


# The corpus.

class Corpus:
    """A packed corpus: its blob, a file for each input, and the command that replays one, as its caller types it."""

    def __init__(self, blob, folder, command):
        self.blob = blob
        self.command = command
        self._folder = folder
        names = pathlib.Path(f"{blob}.names")
        self._names = names.read_bytes().split(b"\0")[:-1] if names.is_file() else []

    def count(self):
        """How many inputs have a name: all of those packed here."""
        return len(self._names)

    def name(self, index):
        """What a person knows an input by."""
        if index < len(self._names):
            return self._names[index].decode(errors="surrogateescape")
        return f"input {index} of {self.blob}"

    def file(self, index):
        """A file that holds an input: its own, or one cut out of the blob."""
        if index < len(self._names) and pathlib.Path(self.name(index)).is_file():
            return pathlib.Path(self.name(index))
        content = self.blob.read_bytes()
        offset, size = struct.unpack_from("<II", content, 32 + 8 * index)  # as fuzz/target/blob.h draws it
        path = self._folder.parent / f"input-{index}"  # where it stays, for the replay command
        path.write_bytes(content[offset:offset + size])
        return path

    def operations(self, index):
        """The text of each operation of an input."""
        text = run_tool("show", self.file(index)).stdout
        return [line for line in text.splitlines() if line and not line.startswith(("kmem-program", "heap", "#"))]


def run_tool(*arguments):
    """Runs kmemfuzz; a violation is an answer, anything worse an exception."""
    result = subprocess.run([KMEMFUZZ, *map(str, arguments)], capture_output=True, text=True, errors="replace",
                            check=False)
    if result.returncode in (EXIT_USAGE, EXIT_ENVIRONMENT):
        raise PackFailure(result.stderr.strip(), result.returncode)
    return result


class PackFailure(Exception):
    """kmemfuzz has said what is wrong with what it was given; with its exit code."""

    def __init__(self, message, code):
        super().__init__(message)
        self.code = code


def make_corpus(options, folder):
    """The corpus asked for, packed."""
    if options.blob is not None:
        if not options.blob.is_file():
            raise board.EnvironmentFailure(f"there is no blob {options.blob}")
        return Corpus(options.blob, folder, options.command)
    blob = folder / "corpus.blob"
    run_tool("pack", *options.paths, "-o", blob, "--force")
    return Corpus(blob, folder, options.command)


def replay_on_host(blob):
    """Every input's outcome on the host, or None for one that killed the process."""
    outcomes = []
    while True:
        result = subprocess.run([KMEMFUZZ, "replay", blob, "--start", str(len(outcomes))], capture_output=True, text=True,
                                check=False)
        if result.returncode in (EXIT_USAGE, EXIT_ENVIRONMENT):
            return None  # the image says better what is wrong with the blob
        lines = result.stdout.splitlines()
        outcomes += filter(None, map(board.Outcome.parse, lines))
        if lines and lines[-1].startswith("END "):
            return outcomes
        outcomes.append(board.Outcome.dead(len(outcomes), f"the process ended with code {result.returncode}"))


# Findings.

class Finding:
    """An input that is not sound on a board, or not the same as on the host."""

    def __init__(self, corpus, replay, outcome, host):
        self.corpus = corpus
        self.image = replay.image
        self.outcome = outcome
        self.host = host
        self.same = outcome.line != "" and outcome.line == host.line
        self.difference = None  # (operation, target, host), where both are sound and differ

    @property
    def kind(self):
        """What went wrong, in a word."""
        return "difference" if self.outcome.sound else self.outcome.category

    def operation(self):
        """Number of the operation it happened in; None when that is not known."""
        if self.difference is not None:
            return self.difference[0]
        if self.outcome.kind == "verdict":
            return max(self.outcome.values["operations"] - 1, 0)
        return self.outcome.values.get("operation")

    def find_difference(self, watchdog_seconds):
        """Runs the input once more on both machines, with a line for every operation: the first that differs."""
        index = self.outcome.index
        target = board.trace(self.image, self.corpus.blob, index, watchdog_seconds)
        lines = run_tool("replay", self.corpus.blob, "--start", index, "--count", 1, "--trace").stdout.splitlines()
        host = [line.split(" ")[2:] for line in lines if line.startswith("T ")]
        for ours, theirs in zip(target, host):
            if ours != theirs:
                self.difference = (int(theirs[0]), ours[1:], theirs[1:])
                return
        if len(target) != len(host):
            self.difference = (min(len(target), len(host)), None, None)

    def as_json(self):
        """For machines."""
        return {"kind": self.kind, "configuration": self.image.configuration.name, "index": self.outcome.index,
                "file": self.corpus.name(self.outcome.index), "operation": self.operation(),
                "finding": sanitizer.finding_of_board(self.outcome),
                "target": self._numbers(self.outcome), "host": self._numbers(self.host),
                "host_agrees": self.same,
                **({"memory": self.outcome.memory._asdict()} if self.outcome.memory is not None else {})}

    @staticmethod
    def _numbers(outcome):
        return {"kind": outcome.category, **{name: value if isinstance(value, str) or name in ("operations", "operation")
                                             else f"{value:#x}" for name, value in outcome.values.items()
                                             if name != "index"}}

    # In words.

    def explain(self):
        """The report, as a list of lines."""
        values = self.outcome.values
        name = self.corpus.name(self.outcome.index)
        title = {"violation": lambda: f"VIOLATION {values['oracle']}: {oracle_sentence(values['oracle'])}",
                 "fault": lambda: f"FAULT {board.cause_name(values['cause'])}",
                 "report": lambda: sanitizer.title(self.outcome),
                 "hang": lambda: "HANG: stopped by the watchdog",
                 "dead": lambda: "DEAD: the image did not survive this input",
                 "difference": lambda: "DIFFERENCE: sound on both machines, but not the same"}[self.kind]()
        lines = [f"{name} on {self.image.configuration.name}: {title}", *self._operation_lines(), *getattr(self, f"_{self.kind}")()]
        lines.append(f"  host       {self._host_verdict()}")
        lines.append(f"  replay     {self._replay_command()}")
        if self.same and self.kind == "violation":
            lines += ["", "  The host's report of the same violation:", ""]
            lines += ["  " + line for line in run_tool("run", self.corpus.file(self.outcome.index)).stdout.splitlines()]
        return lines

    def _operation_lines(self):
        number = self.operation()
        if number is None:
            return []
        operations = self.corpus.operations(self.outcome.index)
        text = operations[number] if number < len(operations) else "freeing everything at the end"
        return [f"  operation  {number}: {text}"]

    def _violation(self):
        values = self.outcome.values
        return [f"  where      {values['offset']:#x}", f"  expected   {values['expected']:#x}",
                f"  observed   {values['observed']:#x}"]

    def _place(self):
        values = self.outcome.values
        return [f"  at         {values['program_counter']:#x} {self.image.place(values['program_counter'])}",
                f"  called by  {values['ra']:#x} {self.image.place(values['ra'] - 1)}",
                f"  stack      {values['sp']:#x}, in {self.image.region(values['sp'])}"]

    def _fault(self):
        value = self.outcome.values["value"]
        memory = self.outcome.memory
        place = memory and memory.place(value) or f"in {self.image.region(value)}"
        lines = [f"  address    {value:#x}, {place}"]
        shadowed = sanitizer.shadowed(value, self.image)
        if shadowed is not None:
            lines.append(f"  shadow of  {shadowed:#x} to {shadowed + 7:#x}, in {self.image.region(shadowed)}")
        return lines + self._place()

    def _report(self):
        values = self.outcome.values
        place = self._place()
        place[0] = f"  at         {values['program_counter']:#x} {self.image.place(values['program_counter'] - 1)}"
        return [*sanitizer.details(self.outcome, self.image), *place]

    def _hang(self):
        return self._place()

    def _dead(self):
        return [f"  because    {self.outcome.values['reason']}"]

    def _difference(self):
        if self.difference is None:
            return ["  (it did not happen again, operation by operation)"]
        number, target, host = self.difference
        if target is None:
            return [f"  after      operation {number} only one of the two goes on"]
        return [f"  target     offset {target[0]}, digest {target[1]}", f"  host       offset {host[0]}, digest {host[1]}"]

    def _host_verdict(self):
        if self.kind in ("report", "fault") and sanitizer.is_linked(self.image):
            finding = self._host_finding()
            if finding is not None:
                return finding
        if self.same:
            return "the same"
        if self.host.sound:
            digest = f", digest {self.host.values['digest']:016x}"
            return "sound" + digest + ("" if self.kind == "difference" else ": only the target fails")
        if self.host.kind == "verdict":
            return (f"violation {self.host.values['oracle']} in operation {self.host.values['operations'] - 1}: "
                    "not the target's")
        return f"died as well: {self.host.values['reason']}"

    def _host_finding(self):
        """What the host's own sanitizers say; None where they cannot be asked."""
        tool = SANITIZED_TOOLS.get(self.image.configuration.image)
        if tool is None or not tool[0].is_file():
            return None
        result = subprocess.run([*tool, self.corpus.file(self.outcome.index)], capture_output=True, text=True,
                                errors="replace", check=False)
        host = sanitizer.finding_of_host(result.stdout + result.stderr)
        if host == sanitizer.finding_of_board(self.outcome):
            return f"its sanitizers say the same: {host}"
        return f"its sanitizers say: {host}"

    def _replay_command(self):
        path = self.corpus.file(self.outcome.index)
        name, image = self.image.configuration.name, self.image.configuration.image
        own = board.CONFIGURATIONS[name].image
        return (f"{self.corpus.command} --configuration {name} {'' if image == own else f'--image {image} '}"
                f"{path if self.corpus.command.startswith('.') else path.absolute()}")


def oracle_sentence(oracle):
    """What an oracle demands."""
    for line in run_tool("oracles").stdout.splitlines():
        name, _, sentence = line.partition(" ")
        if name == oracle:
            return sentence.strip()
    return "an oracle this host does not know"


# The command.

class Progress:
    """A line of progress now and then, on standard error, for all boards together."""

    def __init__(self):
        self._terminal = sys.stderr.isatty()
        self._shown = time.monotonic()
        self._counts = {}

    def show(self, name, done, total):
        """Takes note of a configuration's count."""
        self._counts[name] = f"{name}  {done:,} of {total:,} inputs"
        if time.monotonic() - self._shown >= PROGRESS_SECONDS[self._terminal]:
            self._shown = time.monotonic()
            line = "    ".join(self._counts[name] for name in sorted(self._counts, reverse=True))
            print(f"\r\033[K{line}" if self._terminal else line, end="" if self._terminal else "\n", file=sys.stderr,
                  flush=True)

    def clear(self):
        """Takes the line away again."""
        if self._terminal:
            print("\r\033[K", end="", file=sys.stderr, flush=True)


def replay_configuration(configuration, options, corpus, host, progress):
    """Replays in one configuration. Returns (figures, findings)."""
    image = board.Image(configuration)
    replay = board.Replay(image, corpus.blob, options.watchdog,
                          lambda done, total: progress.show(configuration.name, done, total))
    outcomes = replay.run()
    if host is None or len(outcomes) != len(host):
        raise board.EnvironmentFailure(f"the image has taken {corpus.blob} for a corpus, but the host has not")
    findings = [Finding(corpus, replay, outcome, reference) for outcome, reference in zip(outcomes, host)
                if not outcome.sound or outcome.line != reference.line]
    for finding in findings[:EXPLAINED]:
        if finding.kind == "difference" and finding.host.sound:
            finding.find_difference(options.watchdog)
    operations = sum(outcome.values.get("operations", 0) for outcome in outcomes)
    count = {name: sum(finding.kind == name for finding in findings)
             for name in ("violation", "fault", "hang", "report", "dead", "difference")}
    figures = {
        "configuration": configuration.name, "inputs": len(outcomes), "checked_operations": operations,
        "sound": sum(outcome.sound for outcome in outcomes), "violations": count["violation"], "faults": count["fault"],
        "hangs": count["hang"], "reports": count["report"], "dead": count["dead"], "differences": count["difference"], "boots": replay.boots,
        "seconds": round(replay.seconds, 3),
        "seconds_to_first_verdict": round(replay.first_verdict_seconds or replay.seconds, 3),
        "inputs_per_second": round(len(outcomes) / replay.seconds),
        "checked_operations_per_second": round(operations / replay.seconds),
    }
    if configuration.memory:
        figures["pages"] = count_pages([outcome.memory for outcome in outcomes if outcome.memory is not None])
    return figures, findings


def count_pages(memories):
    """What the heaps of all inputs have used of their virtual memory, in pages."""
    largest = max(memories, key=lambda memory: memory.mapped, default=None)
    return {"reserved": sum(memory.reserved for memory in memories), "granted": sum(memory.granted for memory in memories),
            "mapped": sum(memory.mapped for memory in memories), "mapped_most": largest.mapped if largest else 0,
            "page_faults": sum(memory.page_faults for memory in memories)}


def print_summary(figures):
    """A configuration's figures in a line."""
    parts = [f"{figures[name]} {name if figures[name] != 1 else name.removesuffix('s')}"
             for name in ("violations", "faults", "hangs", "reports", "dead", "differences") if figures[name]]
    print(f"{figures['configuration']}  {figures['inputs']:,} input{'s' if figures['inputs'] != 1 else ''}, {figures['checked_operations']:,} checked operations: "
          f"{', '.join(parts) or SOUND_AND_EQUAL}  "
          f"({figures['seconds']:.2f} s, first verdict after {figures['seconds_to_first_verdict']:.2f} s, "
          f"{figures['inputs_per_second']:,} inputs/s, {figures['boots']} boot{'s' if figures['boots'] != 1 else ''})",
          flush=True)
    if "pages" in figures:
        pages = figures["pages"]
        print(f"    pages: {pages['mapped']:,} mapped of {pages['granted']:,} granted and {pages['reserved']:,} reserved, "
              f"{pages['mapped_most']:,} at most in one input; {pages['page_faults']:,} mapped by a page fault", flush=True)


def replay_all(options, folder):
    """Replays in every configuration asked for; returns the exit code."""
    corpus = make_corpus(options, folder)
    host = replay_on_host(corpus.blob)
    result = {"configurations": [], "findings": []}
    progress = Progress()
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:  # the work is the emulators'
        try:
            replays = list(pool.map(lambda configuration: replay_configuration(configuration, options, corpus, host, progress),
                                    options.configurations))
        except BaseException:
            board.Boot.stop_all()
            raise
        finally:
            progress.clear()
    for figures, findings in replays:
        result["configurations"].append(figures)
        result["findings"] += [finding.as_json() for finding in findings]
        if options.json:
            continue
        for finding in findings[:EXPLAINED]:
            print("\n".join(finding.explain()) + "\n")
        if len(findings) > EXPLAINED:
            print(f"... and {len(findings) - EXPLAINED} more on {figures['configuration']}; --json lists all\n")
        print_summary(figures)
    if options.json:
        print(json.dumps(result, indent=2))
    return EXIT_VIOLATION if result["findings"] else EXIT_SOUND


def debug_program(options, folder):
    """Replays one program, and debugs it in the first configuration where it fails, or else the first."""
    debug.find_debugger()
    if options.gdb_commands is not None and not options.gdb_commands.is_file():
        raise board.EnvironmentFailure(f"there is no file {options.gdb_commands} with commands for gdb")
    corpus = make_corpus(options, folder)
    if corpus.count() != 1:
        raise PackFailure(f"ci/target: --gdb takes one program; {options.paths[0]} has {corpus.count()}", EXIT_USAGE)
    host = replay_on_host(corpus.blob)
    found = None
    for configuration in options.configurations:
        image = board.Image(configuration)
        replay = board.Replay(image, corpus.blob, options.watchdog)
        finding = Finding(corpus, replay, replay.run()[0], host[0])
        if finding.outcome.sound and not finding.same and finding.host.sound:
            finding.find_difference(options.watchdog)
        failed = not finding.outcome.sound or finding.difference is not None
        if found is None or failed:
            found = (image, finding)
        if failed:
            break
    image, finding = found
    operation, why = options.operation, "as asked"
    if operation is None:
        operation, why = find_stop(image, finding, options)
    name = corpus.name(0)
    print(f"{name} on {image.configuration.name}: {why}; stopping before operation {operation}", file=sys.stderr, flush=True)
    debug.run(image, corpus.blob, 0, operation, options.gdb_commands, folder)
    return EXIT_SOUND


def find_stop(image, finding, options):
    """The operation worth stopping before, and why."""
    if finding.difference is not None:
        return finding.difference[0], "not the same as on the host"
    if finding.outcome.sound:
        return 0, "sound"
    operation = debug.failing_operation(image, finding.corpus.blob, finding.outcome.index, finding.outcome)
    if operation is None:
        raise board.EnvironmentFailure("the heap is wrong before the first operation: there is none to stop before")
    return operation, finding.kind


def main():
    """Runs the command; returns the exit code."""
    options = parse_arguments(sys.argv[1:])
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)  # as ^C: no emulator is left behind
    folder = pathlib.Path("build/target")
    folder.mkdir(parents=True, exist_ok=True)
    own = pathlib.Path(tempfile.mkdtemp(dir=folder))  # so that two runs at once do not share a blob
    try:
        return (debug_program if options.gdb else replay_all)(options, own)
    except PackFailure as error:
        print(error, file=sys.stderr)
        return error.code
    except (OSError, board.EnvironmentFailure) as error:
        print(f"ci/target: {error}", file=sys.stderr)
        return EXIT_ENVIRONMENT
    except KeyboardInterrupt:
        print("ci/target: interrupted", file=sys.stderr)
        return EXIT_ENVIRONMENT
    finally:
        shutil.rmtree(own, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
