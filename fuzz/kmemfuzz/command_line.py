"""What commands share: exit codes, kinds of arguments, paths relative to where you typed the command, and the signals that end
it."""

import argparse
import contextlib
import difflib
import os
import pathlib
import re
import signal

from kmemfuzz.outside_text import open_streams, visible

EXIT_SOUND, EXIT_VIOLATION, EXIT_USAGE, EXIT_ENVIRONMENT, EXIT_INTERNAL = range(5)


def exit_codes(sound, violation=None, usage="usage", environment="environment"):
    """The sentence of a command's help that says what its exit codes mean; without violation it never ends with 1."""
    meanings = enumerate((sound, violation, usage, environment, "internal error"))
    return "Exit codes: " + ", ".join(f"{code} {meaning}" for code, meaning in meanings if meaning) + "."


def plural(count, word):
    """A count and the word for so many: "1 file", "1,200 files"."""
    return f"{count:,} {word}{'' if count == 1 else 's'}"


DIGITS = 9  # that a whole number on a command line may have


def parse_duration(text):
    """Seconds in a duration such as 90, 60s, 10m or 2h."""
    match = re.fullmatch(r"([0-9]+)([smh]?)", text)
    if match and len(match.group(1)) > DIGITS:
        raise argparse.ArgumentTypeError(f"a duration of {len(match.group(1))} digits; at most {DIGITS} are allowed")
    if not match or int(match.group(1)) == 0:
        raise argparse.ArgumentTypeError(f"'{text}' is not a duration; write it like 60s, 10m or 2h")
    return int(match.group(1)) * {"": 1, "s": 1, "m": 60, "h": 3600}[match.group(2)]


def parse_positive(text):
    """A whole number above 0."""
    if len(text) > DIGITS or not re.fullmatch("[0-9]+", text) or int(text) == 0:
        raise argparse.ArgumentTypeError(f"'{text}' is not a whole number above 0")
    return int(text)


def parse_seconds(text):
    """A number of seconds above 0."""
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0.001 <= seconds <= 86400:
        raise argparse.ArgumentTypeError(f"'{text}' is not a number of seconds from 0.001 to 86400")
    return seconds


def parse_count(text):
    """A whole number from 0."""
    if len(text) > DIGITS or not re.fullmatch("[0-9]+", text):
        raise argparse.ArgumentTypeError(f"'{text}' is not a whole number from 0")
    return int(text)


CALLER = pathlib.Path.cwd()  # where a command was typed; it works at the top of the tree


def add_caller(parser):
    """Makes a parser's options say where the command was typed."""
    parser.set_defaults(caller=CALLER)


def from_caller(caller, path):
    """A path of the command line for this process, which runs at the top of the tree: as it is when it was typed there,
    otherwise in full; so is one that a program would take for an option."""
    if path is None or (caller == pathlib.Path.cwd() and not str(path).startswith("-")):
        return path
    return pathlib.Path(os.path.abspath(caller / path))


def place_paths(parser, options, *names):
    """Replaces the paths of these options by from_caller's; defaults stay relative to the top of the tree."""
    for name in names:
        value = getattr(options, name)
        if isinstance(value, list):
            setattr(options, name, [from_caller(options.caller, path) for path in value])
        elif value is not parser.get_default(name):
            setattr(options, name, from_caller(options.caller, value))


# What any word takes after a heap's file (heap.py), by what a line of the heap's settings begins with.
HEAP_OPTIONS = {"--sources": "source", "--cflags": "flag", "--mute": "mute"}
HEAP_FOLDER_OPTION = "--build-folder"


class Parser(argparse.ArgumentParser):
    """A parser whose errors show what was typed without harm to a terminal."""

    def __init__(self, *arguments, example=None, **more):
        """example is a command line that its help ends with."""
        super().__init__(*arguments, **more)
        self.example = example
        open_streams()  # every command begins with one

    def _synopsis(self):
        """The operands and options that must be there, and that there may be others."""
        words = []
        for action in self._actions:
            name = action.metavar or "|".join(map(str, action.choices or [action.dest.upper()]))
            if not action.option_strings:
                words.append({"?": f"[{name}]", "*": f"[{name}...]", "+": f"{name}..."}.get(action.nargs, name))
            elif action.required:
                words.append(f"{action.option_strings[0]} {name}")
        return " ".join(["%(prog)s", *words, "[OPTION...]"])

    def format_usage(self):
        self.usage = self.usage or self._synopsis()
        return super().format_usage().replace("usage", "Usage", 1)

    def format_help(self):
        self.usage = self.usage or self._synopsis()
        return super().format_help().replace("usage", "Usage", 1) + (f"\nExample:\n  {self.example}\n" if self.example else "")

    def error(self, message):
        kind, _, text = message.partition(": ")
        first = text.partition(" ")[0]
        late = re.fullmatch(r"(?:.* )?(\S+\.(?:c|cc|cpp|cxx))(?: .*)?", text)
        if kind == "the following arguments are required":
            message = f"it needs {text}"
        elif kind == "unrecognized arguments" and first.startswith("-"):
            known = [name for action in self._actions for name in action.option_strings if name.startswith("--")]
            known += (*HEAP_OPTIONS, HEAP_FOLDER_OPTION) if self.prog.startswith("kmemfuzz ") else ()
            near = difflib.get_close_matches(first, known, 1)
            message = f"there is no option '{first}'" + "".join(f" (did you mean {name}?)" for name in near)
        elif kind == "unrecognized arguments" and late:
            message = f"a heap's file stands right after the word: {self.prog} {late.group(1)}"
        elif kind == "unrecognized arguments":
            message = f"'{first}' is one argument too many"
        self.exit(EXIT_USAGE, f"{self.prog}: {visible(message)}\n{self.format_usage()}{self.prog} --help says more.\n")


def end_missing(parser, text):
    """Ends the process since something that was named could not be had. (What is there, and is not what it has to be, is
    wrong usage: parser.error.)"""
    parser.exit(EXIT_ENVIRONMENT, f"{parser.prog}: {visible(text)}\n")


class StopRequest:
    """Whether someone wants the command to end: by Ctrl-C, or by SIGTERM or SIGHUP, as CI systems do. A flag and no
    exception, so that nothing is cut short wherever the command stands."""

    SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

    def __init__(self):
        self.count = 0
        self.answer = ""  # what the first is answered with, at once: on standard error

    @property
    def received(self):
        """Whether a signal has come."""
        return self.count > 0

    def listen(self):
        """Takes the signals from now on, except those that the parent process had this one ignore."""
        for number in self.SIGNALS:
            if signal.getsignal(number) is not signal.SIG_IGN:
                signal.signal(number, self._note)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, self.SIGNALS)  # ci/fuzz blocks them from its first line

    def _note(self, _number, _frame):
        self.count += 1
        if self.count == 1 and self.answer:
            with contextlib.suppress(OSError):
                os.write(2, self.answer.encode())  # not print, which this may have interrupted
