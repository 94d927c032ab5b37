"""Transcripts of gdb: calls that `break` stopped in, with what `finish` shows of them, and calls that a person made with print or
call.

    Breakpoint 1, kmalloc (size=24) at heap.c:10        (gdb) print kmalloc(24)
    Value returned is $1 = (void *) 0x80400008          $2 = (void *) 0x80400028"""

import re

from kmemfuzz.import_calls import NAME, SHAPES, Open, event_of
from kmemfuzz.import_event import FREE, LINE_MOST, LineError

_PROMPT = r"(?:\(gdb\) {0,4}|\+)"  # or what `set trace-commands on` puts there
_STOP = re.compile(rf"(?:{_PROMPT})?(?:(?:Thread .{{1,80}} hit )?(?:Temporary )?[Bb]reakpoint [\d.]{{1,9}}, |(Run till exit from )#0 {{1,4}})"
                   rf"(?:0x[0-9a-f]{{1,16}} in )?{NAME} \((.*)\)(?: at | from |$)")
_COMMAND = re.compile(rf"{_PROMPT}(.*)")
_CALL = re.compile(rf"(?:p|print|inspect|call|output)(?:/\w{{1,4}})? (?:\((?:\w+ ?\*{{0,2}}){{1,3}}\) ?|\$\w{{1,40}} ?= ?){{0,2}}{NAME} ?\(([^()]*)\)\s*$")
_VALUE = re.compile(rf"(?:{_PROMPT})?(Value returned is )?(\$\d{{1,9}}) = (?:\([^()]*\) )?(\S+)")
_GOES_ON = re.compile(r"(?:c|cont|continue|r|run|start|kill|k)\b|Continuing\.")
_PLACE = re.compile(rf"(?:{_PROMPT})?(?:((?:Thread .{{1,80}} hit )?(?:Temporary )?[Bb]reakpoint [\d.]{{1,9}}, )|(Run till exit from )#\d{{1,4}} {{1,4}})?"
                    r"(?:0x[0-9a-f]{1,16} in )?([\w:~]{1,200}) \(.*\)(?: at | from |$)")
_FRAME = re.compile(rf"(?:0x[0-9a-f]{{1,16}} in )?{NAME} \(.*\) (?:at|from) ")  # where execution has come to
_SHOWN = re.compile(r"#\d{1,4} |\d{1,6}\t|(?:0x[0-9a-f]{1,16} in )?[\w:~]{1,200} \(.*\) (?:at|from) |Run till exit from ")  # frames and sources
_ENTRY = re.compile(r"\b(\w+)=\1@entry=")
_SYMBOL = re.compile(r" <[^<>]*\+?\d*>")
_HISTORY = re.compile(r"\$(\$?)(\d{0,9})(?!\w)")
# What a parameter is, by its name.
_PARAMETERS = {"s": "size bytes nbytes len length sz request xWantedSize new_size", "p": "ptr p pv pointer addr address mem memory block payload",
               "c": "count nmemb num", "a": "alignment align"}
_PARAMETERS = {name: what for what, names in _PARAMETERS.items() for name in names.split()}
_ASIDE = frozenset("h heap hp pool arena zone cache caps flags flag gfp gfp_flags gfp_mask node caller file line func tag task".split())  # none of them


class GdbReader:
    """Reads such transcripts line by line. A call that begins while another one has not returned is a part of it."""
    line_most = LINE_MOST
    is_certain = True

    def __init__(self):
        self._open = []  # (Open, was it a person who made it, its function), the first one counts
        self._place = None  # the function that execution stopped in
        self._finished = None  # that which finish runs to the end of
        self._errors = []  # of calls before the line that is read
        self._freed = None  # the call of free that execution stopped in last, which "Run till exit" shows again
        self._values = {"$": "0"}  # the history, as text
        self._last = 0  # its last number
        self.nested = 0

    def left_out(self, _text):
        return None

    def _value(self, match):
        """What the history has for $, $N, $$ or $$N."""
        name = match[0]
        if match[1] and self._last:
            name = f"${self._last - int(match[2] or 1)}"
        return self._values.get(name, match[0])

    def _arguments(self, name, text):
        """The arguments in the order in which SHAPES has them: by the names that gdb shows, if it does. Raises LineError."""
        text = _HISTORY.sub(self._value, _ENTRY.sub(r"\1=", text))
        if not text.strip():
            raise LineError("no arguments", f"gdb shows no arguments of this {name}: its debug information is missing")
        if "<optimized out>" in text:
            raise LineError("optimized", f"gdb cannot show every argument of this {name}: build it with -Og or -O0")
        values = _SYMBOL.sub("", text).split(", " if "=" in text else ",")
        wanted = SHAPES[name][1]
        if "=" not in text:
            return ", ".join(values)
        names = [value.partition("=")[0].strip() for value in values]
        named = {_PARAMETERS.get(name): value for name, value in zip(names, values)}
        if all(what in named for what in wanted):
            return ", ".join(named[what] for what in wanted)
        kept = [name for name in names if name not in _ASIDE] or names
        if len(kept) == len(wanted) and all(what in ("-", _PARAMETERS.get(name, what)) for name, what in zip(kept, wanted)):
            return ", ".join(value for name, value in zip(names, values) if name in kept)
        raise LineError("parameters", f"which parameter of this {name} is what cannot be told by their names: '{text}'")

    def _begin(self, name, text, line, by_hand):
        arguments = self._arguments(name, text)
        call = Open(name, arguments, line)
        if self._open:
            self.nested += 1
            self._open[0][0].inner += 1
        if SHAPES[name][0] == FREE:
            return () if self._open else (event_of(name, arguments, None, line),)
        self._open.append((call, by_hand, self._place))
        return ()

    def _end(self, value, line):
        call, *_ = self._open.pop()
        return () if self._open else (event_of(call.name, call.arguments, value, line),)

    def parse(self, line, text):
        text = text.strip()
        place = _PLACE.match(text)
        if place:
            stops, finishes, self._place = place.groups()
            if stops or finishes:
                self._finished = self._place if finishes else None
        stop = _STOP.match(text)
        if stop:
            again, name, _, arguments = stop.groups()
            if again and (self._freed == name or (self._open and self._open[-1][0].name == name)):
                self._freed = None
                return ()
            self._freed = name if not again and SHAPES[name][0] == FREE else None
            return self._begin(name, arguments, line, False)
        value = _VALUE.match(text)
        if value:
            returned, name, result = value.groups()
            self._last = int(name[1:])
            self._values[name] = self._values["$"] = result
            finished, self._finished = self._finished, None
            if not self._open or bool(returned) == self._open[-1][1] or (returned and finished not in (None, self._open[-1][2])):
                return ()
            return self._end(result, line)
        command = _COMMAND.match(text)
        if command:
            self._give_up()
            self._finished = self._place if command[1].startswith("fin") else None
        if _GOES_ON.match(command[1]) if command else text == "Continuing.":
            self._freed = None
            if self._open:
                call = self._open[0][0]
                self._open.clear()
                raise self._missing(call)
            return ()
        call = command and _CALL.match(command[1])
        if call:
            return self._begin(call[1], call[3], line, True)
        if command:
            return None if re.search(rf"{NAME} ?\(", command[1]) else ()
        frame = _FRAME.match(text)
        if frame and not self._open and self._freed != frame[1]:
            return None  # a step into it, or a return to it
        return () if not text or _SHOWN.match(text) else None

    @staticmethod
    def _missing(call):
        return LineError("result", f"what this {call.name} returned is missing: gdb's finish shows it", call.line)

    def _give_up(self):
        """The call that a person made shows no value before the next command: it has none."""
        if self._open and self._open[-1][1]:
            call, *_ = self._open.pop()
            if not self._open:
                self._errors.append(self._missing(call))

    def finish(self):
        yield from self._errors
        if self._open:
            yield self._missing(self._open[0][0])
