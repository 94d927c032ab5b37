"""kmemfuzz import: makes a program from a log of another program's calls.

    log -> reader: events of a line -> builder: operations, in a file of their own -> the heap that fits -> text"""

import codecs
import collections
import errno
import os
import pathlib
import re
import secrets
import sys
import tempfile

from kmemfuzz import heap, import_formats
from kmemfuzz.command_line import (EXIT_ENVIRONMENT, EXIT_SOUND, EXIT_USAGE, Parser, add_caller, exit_codes, parse_positive,
                                   place_paths)
from kmemfuzz.import_build import CODES, FAILED, FAILED_REALLOC, SLOTS_MOST, Builder, Notes, alignment_of
from kmemfuzz.import_event import ALIGNED, ALLOC, FREE, LEFT_OUT, REALLOC, SIZE_MOST, LineError
from kmemfuzz.import_fit import LITERAL_MOST, REGION_MOST, choose, records_of, scaled
from kmemfuzz.outside_text import visible

JUDGED_LINES = 100_000  # of a log, for its format, if an allocation is among them
JUDGED_EVENTS = 100
AROUND = 500  # lines on each side of one
SLOTS_LEAST = 16
OTHERS_TRIED = 100  # lines that are left out, for whether they have another format
_MAYBE = re.compile(r"(?i)(?:alloc|free)\w{0,20}(?:\(\w|\W.{0,200}\b0x[0-9a-f])")
_ESCAPES = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")


# Reading.

def lines_of(stream):
    """(number, text) of each line, without what colours a terminal."""
    stream.seek(0)
    for number, text in enumerate(stream, 1):
        yield number, _ESCAPES.sub("", text) if "\x1b" in text else text


def open_log(path):
    """A log as text that can be read twice. Raises OSError."""
    if str(path) == "-":
        if sys.stdin is None:
            raise OSError(errno.EBADF, os.strerror(errno.EBADF))
        binary = sys.stdin.buffer
    else:
        binary = open(path, "rb")  # pylint: disable=consider-using-with
    if not binary.seekable():
        copy = tempfile.TemporaryFile()
        while chunk := binary.read(1 << 20):
            copy.write(chunk)
        copy.flush()
        binary = copy
    begin = os.pread(binary.fileno(), 2, 0)
    wide = begin in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)  # what > of PowerShell writes
    return open(binary.fileno(), encoding="utf-16" if wide else "utf-8-sig", errors="replace" if wide else "surrogateescape", newline="\n",
                closefd=False), binary


def detect(stream, formats):
    """The format most of whose events are in a log, with an allocation among them; None: there is none. It is lines in
    words only if they are more than twice as many as those that the other understands."""
    readers = [form.reader() for form in formats]
    parsers = [parse_with(reader) for reader in readers]
    found = [[0, 0, 0, 0] for _ in formats]  # events, problems, allocations, lines that are understood

    def count(index, events):
        found[index][0] += len(events)
        found[index][2] += sum(event[0] != FREE for event in events)
    for number, text in lines_of(stream):
        for index, parse in enumerate(parsers):
            try:
                events = parse(number, text)
                count(index, events or ())
                found[index][3] += bool(events) or (events is not None and not text.isspace())
            except LineError:
                found[index][1] += 1
                found[index][3] += 1
        if number % 100 == 0 and any(counts[2] and (counts[0] > JUDGED_EVENTS or number >= JUDGED_LINES) for counts in found):
            break
    for index, reader in enumerate(readers):
        count(index, [event for event in reader.finish() if not isinstance(event, LineError)])
    best = max(range(len(formats) - 1), key=lambda index: (found[index][2] > 0, found[index][0], -found[index][1]))
    words = found[-1]
    if words[2] and (not found[best][2] or words[3] > 2 * found[best][3]):
        return formats[-1]
    if not found[best][2]:
        return next((form for form, reader, counts in zip(formats, readers, found) if reader.is_certain and counts[1]), None)
    return formats[best]


def empty_reason(stream):
    """Why no format fits."""
    says, nearest, reader = "it is empty", Notes(), import_formats.CallReader()
    for number, text in lines_of(stream):
        if text.strip() and not text.lstrip().startswith("#"):
            if text.lstrip().startswith("kmem-program"):
                return "it is a program already, which every other word takes"
            says = ""
        try:
            reader.parse(number, text[:reader.line_most])
        except LineError as error:
            nearest.add(error.kind, number, str(error))
        says = says and "it has only comments and blank lines"
    _, line, error = max(nearest.kinds.values(), key=lambda kind: kind[0], default=(0, 0, ""))
    hint = f"; line {line} is nearest to one, but {error}" if line else ""
    return says or (f"no line of it is an allocation in a known format{hint}. kmemfuzz import --formats lists them, and --alloc and --free "
                    "take patterns for lines of your own")


def parse_with(reader):
    """What reads lines with a reader, those that are not too long."""
    parse, most = reader.parse, reader.line_most

    def parse_line(number, text):
        if len(text) > most:
            raise LineError("long", f"this line has {len(text):,} characters; {most:,} are read at most")
        return parse(number, text)
    return parse_line


class Reading:
    """What is read of a log: its events in turn, and what cannot be used."""

    def __init__(self, stream, form, until=None):
        self._formats = [other for other in import_formats.formats() if other.name not in (form.name, "plain")]
        self._tries = OTHERS_TRIED
        self.problems, self.other = Notes(), Notes()
        self._stream, self._form, self._until = stream, form, until
        self.last_line = 0
        self.nested = 0

    def events(self):
        reader = self._form.reader()
        parse = parse_with(reader)
        number = 0
        for number, text in lines_of(self._stream):
            if self._until is not None and number > self._until:
                break
            try:
                events = parse(number, text)
            except LineError as error:
                if number > 1 and error.line is None and not text.endswith("\n"):
                    self.other.add("end", number, f"the log ends within this line, which is left out: {error}")
                else:
                    self.refuse(error, number)
                events = None
            else:
                if events is None:
                    self._leave_out(number, text)
            if events is not None:
                yield from events
            elif (got := reader.left_out(text)) is not None:
                yield LEFT_OUT, *got, 0, 0, number
        self.last_line = number
        self.nested = reader.nested
        for event in reader.finish():
            if isinstance(event, LineError):
                self.refuse(event, number)
            else:
                yield event

    def _other_format(self, number, text):
        """The format that a line which is left out has; None."""
        if not self._tries:
            return None
        for form in self._formats:
            reader = form.reader()
            try:
                events = [*(reader.parse(number, text) or ()), *reader.finish()]
                if any(not isinstance(event, LineError) and event[1:3] != (None, None) for event in events):
                    self._formats = [form]  # and the lines after it, which are tried for no other
                    return form
            except LineError:
                pass
        self._tries -= len(self._formats) > 1
        return None

    def _leave_out(self, number, text):
        form = self._other_format(number, text)
        if form is not None:
            self.other.add(form, number, f"this line is of format {form.name}; it is left out, and --format {form.name} reads such lines")
        elif _MAYBE.search(text):
            self.other.add("maybe", number, f"this line may be a call, but not as format {self._form.name} has it; it is left out")
        else:
            self.other.add("other", number, "no call of an allocator is in this line; it is left out")

    def refuse(self, error, number):
        self.problems.add(error.kind, error.line or number, str(error))


# Writing.

def failing(size, code):
    """A size that fails as one did in the log: itself, if no heap holds it and a program can say it."""
    size = min(size, SIZE_MOST)
    if REGION_MOST - 8 < size <= LITERAL_MOST:
        return str(size)
    for word, base in (("max", (1 << 64) - 1), ("2^63", 1 << 63), ("2^32", 1 << 32)):
        if -128 <= size - base <= (0 if word == "max" else 127):
            return word if size == base else f"{word}{size - base:+}"
    return "largest+1" if size < LITERAL_MOST and code == FAILED and heap.CURRENT is None else str(LITERAL_MOST)


def program_lines(file, head, scale):
    """The text of the program whose records are in a file."""
    yield from head
    for code, slot, value, alignment, line in records_of(file):
        if code in (ALLOC, 1, REALLOC, ALIGNED):
            value = scaled(value, scale)
            alignment = alignment_of(alignment)
        elif code in (FAILED, FAILED_REALLOC):
            value |= alignment << 64
            alignment = failing(value, code)
        text = CODES[code].format(slot, value, alignment)
        if code in (FAILED, FAILED_REALLOC) and alignment != str(value):
            yield f"{text:<24} # line {line}, {value} bytes\n"
        else:
            yield f"{text:<24} # line {line}\n"


def write(path, replace, lines):
    """Writes a file, whole or not at all, or to what is no file. Raises FileExistsError unless it may be replaced, and OSError."""
    if not replace and os.path.lexists(path):
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST))
    path = path.resolve()
    if path.exists() and not path.is_file():
        with open(path, "w", encoding="utf-8", errors="surrogateescape") as file:
            file.writelines(lines)
        return
    temporary = path.with_name(f".kmemfuzz-{secrets.token_hex(8)}")
    try:
        with open(temporary, "x", encoding="utf-8", errors="surrogateescape") as file:
            file.writelines(lines)
        if replace:
            os.replace(temporary, path)
        else:
            os.link(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


# The command.

def join_expressions(arguments):
    """The arguments with each expression that begins with - joined to its option, of which it would be taken for another."""
    joined = []
    for argument in arguments:
        if argument[:1] == "-" and "(?P<" in argument and joined and joined[-1] in [f"--{word}" for word in import_formats.WORDS]:
            joined[-1] += f"={argument}"
        else:
            joined.append(argument)
    return joined


def parse_arguments(arguments):
    parser = Parser(
        prog="kmemfuzz import", usage="%(prog)s LOG -o FILE [OPTION...]", example="kmemfuzz import ltrace.log -o program.ops",
        description="Makes a program in text from a log of what another program asked of its allocator, on the smallest heap that holds "
                    "it. LOG is in one of many formats, which --formats lists, or in your own; - is standard input.",
        epilog=exit_codes("written", usage="usage, or a log with errors"))
    parser.add_argument("log", nargs="?", type=pathlib.Path, metavar="LOG", help="the log")
    parser.add_argument("-o", dest="out", type=pathlib.Path, metavar="FILE", help="the program to write; - is standard output")
    parser.add_argument("--format", metavar="NAME", help="the log's format; by default that which most of its lines have")
    parser.add_argument("--formats", action="store_true", help="list the formats, with a line of each, and end")
    parser.add_argument("--skip", action="store_true", help="leave out lines that cannot be used, and report them")
    parser.add_argument("--force", action="store_true", help="replace FILE if it exists")
    own = parser.add_argument_group("lines of your own", "Regular expressions of Python with groups (?P<pointer>...), size, count, "
                                    "alignment and, of what is resized, old. Each may be given again.")
    for word in import_formats.WORDS:
        own.add_argument(f"--{word}", action="append", default=[], metavar="REGEX", help=f"a line that says {word}")
    own.add_argument("--patterns", type=pathlib.Path, metavar="PATTERNS",
                     help="a file of such expressions, each line a word (alloc, zalloc, realloc, free) and an expression")
    cut = parser.add_argument_group("parts of a log", "What is live where the part begins is allocated first.")
    cut.add_argument("--from", dest="first", type=parse_positive, metavar="LINE", help="begin at this line")
    cut.add_argument("--until", type=parse_positive, metavar="LINE", help="end after this line")
    cut.add_argument("--around", type=parse_positive, metavar="LINE", help=f"this line, and {AROUND} before and after it")
    cut.add_argument("--last", type=parse_positive, metavar="N", help="the last N calls")
    cut.add_argument("--scale", type=parse_positive, metavar="N",
                     help="divide sizes by N; by default by the least power of two with which they fit the largest heap")
    add_caller(parser)
    options = parser.parse_args(join_expressions(arguments))
    if options.formats:
        return options
    if options.log is None or options.out is None:
        parser.error("it takes a log and -o FILE")
    own_lines = [(word, text) for word in import_formats.WORDS for text in getattr(options, word)]
    if sum(map(bool, (own_lines, options.patterns, options.format is not None))) > 1:
        parser.error("--format, --patterns and expressions exclude each other")
    if sum((options.first is not None or options.until is not None, options.around is not None, options.last is not None)) > 1:
        parser.error("--around, --last, and --from with --until exclude each other")
    if options.first and options.until and options.first > options.until:
        parser.error("--from is after --until")
    options.typed = options.log, options.out
    place_paths(parser, options, *(name for name in ("log", "out", "patterns") if str(getattr(options, name)) != "-"))
    try:
        options.form = _format(parser, options, own_lines)
    except import_formats.PatternError as error:
        parser.error(str(error))
    return options


def _format(parser, options, own_lines):
    """The format that was asked for; None: the log decides."""
    if options.patterns:
        return import_formats.read_patterns(options.patterns)
    if own_lines:
        patterns = [import_formats.compile_pattern(word, text) for word, text in own_lines]
        return import_formats.Format("patterns", "", (), lambda: import_formats.PatternReader(patterns))
    if options.format is None:
        return None
    known = import_formats.formats()
    for form in known:
        if options.format in (form.name, *form.names):
            return form
    return parser.error(f"there is no format '{options.format}'; there are {', '.join(form.name for form in known)}")


def show_formats():
    for form in import_formats.formats():
        names = f" (also {', '.join(form.names)})" if form.names else ""
        print(f"{form.name}{names}: {form.what}")
        for example in form.examples:
            print(f"    {example}")


def say(name, text, line=None):
    print(f"{visible(name)}:{'' if line is None else f'{line}:'} {visible(text)}", file=sys.stderr)


def refuse(name, text):
    say(name, f"error: {text}")
    return EXIT_USAGE


def place_cut(options, stream, form):
    """(first line, last line) of the part that is wanted; 0, None: all."""
    if options.around:
        return max(options.around - AROUND, 0), options.around + AROUND
    if options.last:
        calls = (event[5] for event in Reading(stream, form).events() if event[0] != LEFT_OUT)
        return min(collections.deque(calls, options.last), default=0), None
    return options.first or 0, options.until


def main(arguments):
    options = parse_arguments(arguments)
    if options.formats:
        show_formats()
        return EXIT_SOUND
    name = "standard input" if str(options.log) == "-" else options.typed[0]
    try:
        stream, binary = open_log(options.log)
    except OSError as error:
        print(f"kmemfuzz: cannot read {visible(name)}: {visible(error.strerror)}", file=sys.stderr)
        return EXIT_ENVIRONMENT
    with binary, stream, tempfile.TemporaryFile(buffering=1 << 20) as file:
        return convert(options, name, stream, file)


def convert(options, name, stream, file):
    """From the open log to the program; returns the exit code."""
    form = options.form or detect(stream, import_formats.formats())
    if form is None:
        return refuse(name, empty_reason(stream))
    first, until = place_cut(options, stream, form)
    reading, builder = Reading(stream, form, until), Builder(file, first)
    for event in reading.events():
        try:
            builder.take(event)
        except LineError as error:
            reading.refuse(error, event[5])
    builder.finish()
    for line, text in reading.problems.lines():
        say(name, f"{'skipped' if options.skip else 'error'}: {text}", line)
    count = reading.problems.count
    if count and not options.skip:
        print(f"{count:,} line{'' if count == 1 else 's'} cannot be used; correct them, or leave them out with --skip", file=sys.stderr)
        return EXIT_USAGE
    if count:
        print(f"{count:,} line{'' if count == 1 else 's'} skipped", file=sys.stderr)
    for line, text in (*reading.other.lines(), *builder.notes.lines()):
        say(name, f"note: {text}", line)
    if reading.nested:
        say(name, f"note: {reading.nested:,} call{'s' * (reading.nested > 1)} inside of others count{'s' * (reading.nested == 1)} as "
            f"{'parts' if reading.nested > 1 else 'a part'} of them")
    if builder.failed_count and not builder.allocation_count:
        return refuse(name, "every allocation of it returned NULL: if its pointers are hidden, record it again with them "
                      "(on Linux: sysctl kernel.kptr_restrict=0, and no_hash_pointers)")
    if first > reading.last_line:
        return refuse(name, f"it has no line {first}: it ends with line {reading.last_line}")
    if not builder.operation_count:
        return refuse(name, "it has no call that can be used")
    if not builder.allocation_count:
        return refuse(name, f"{'without the skipped lines ' if count else ''}nothing in it allocates, so nothing is written")
    chosen = choose(file, builder, options.scale, room=1 if heap.CURRENT is None else 2)
    if chosen is None:
        return refuse(name, f"even with sizes divided by {options.scale} it needs more than the largest heap, {REGION_MOST} bytes; cut it, "
                      "or leave --scale out")
    return finish(options, name, form, file, builder, chosen)


def finish(options, name, form, file, builder, chosen):
    """Writes the program, and says what it is."""
    page, pages, scale = chosen
    slots = SLOTS_LEAST
    while slots < builder.slot_limit:
        slots *= 2
    head = ["kmem-program 1\n", f"# Imported from {visible(name)}, a log of format {form.name}.\n"]
    if scale > 1:
        head.append(f"# Sizes are divided by {scale}.\n")
        if options.scale is None:
            say(name, f"note: sizes are divided by {scale}: they need more than the largest heap, {REGION_MOST} bytes; cut it with --last, "
                "--around, --from and --until to keep them")
    if builder.left_out:
        count = f"{builder.left_out:,} call{' is' if builder.left_out == 1 else 's are'} left out"
        head.append(f"# {count}.\n")
        say(name, f"note: {count}, of blocks that came when {SLOTS_MOST:,} were live: a program has no more slots")
    head.append(f"heap page={page} pages={pages} slots={slots}\n")
    lines = program_lines(file, head, scale)
    to_output = str(options.out) == "-"
    try:
        if to_output:
            sys.stdout.writelines(lines)
        else:
            write(options.out, options.force, lines)
    except FileExistsError:
        print(f"kmemfuzz: {visible(options.typed[1])} exists; choose another name, or --force to replace it", file=sys.stderr)
        return EXIT_USAGE
    except OSError as error:
        if to_output:
            raise
        print(f"kmemfuzz: cannot write {visible(options.typed[1])}: {visible(error.strerror)}", file=sys.stderr)
        return EXIT_ENVIRONMENT
    count = builder.operation_count
    print(f"{count} operation{'' if count == 1 else 's'} from a log of format {form.name}, on {pages} page{'' if pages == 1 else 's'} of "
          f"{page} bytes with {slots} slots", file=sys.stderr if to_output else sys.stdout)
    return EXIT_SOUND
