"""Checks the files next to a fuzz target that an engine reads: seed corpus, dictionary and options. Each function reads one and
returns a list of what is wrong with it. check_fuzzers.py runs the target with them.
"""

import configparser
import pathlib
import re
import zipfile

SEED_SIZE_MAXIMUM = 1 << 20  # bytes; engines do not take longer ones

# The sections ClusterFuzz reads, and libFuzzer's flags that it may set there: those that leave to it where things are.
SECTIONS = ("libfuzzer", "asan", "msan", "ubsan", "grammar", "env")
LIBFUZZER_KEYS = {
    "close_fd_mask", "cross_over", "cross_over_uniform_dist", "detect_leaks", "dict", "entropic", "keep_seed",
    "len_control", "mallocs", "malloc_limit_mb", "max_len", "max_total_time", "mutate_depth", "only_ascii", "prefer_small",
    "reduce_inputs", "rss_limit_mb", "shrink", "timeout", "use_cmp", "use_counters", "use_memmem", "use_value_profile"}

_ENTRY = re.compile(r'^(?:[A-Za-z_]\w*(?:@\d+)?\s*=\s*)?"((?:[^"\\]|\\.)*)"$')
_PIECE = re.compile(rb'\\x([0-9A-Fa-f]{2})|\\(["\\])|([\x20-\x21\x23-\x5b\x5d-\x7e])')


def parse_token(text):
    """The bytes of a dictionary entry's text between its quotes; None when it is not written as it must be."""
    token, position = bytearray(), 0
    text = text.encode("utf-8")
    while position < len(text):
        piece = _PIECE.match(text, position)
        if piece is None:
            return None
        token += bytes([int(piece.group(1), 16)]) if piece.group(1) else piece.group(2) or piece.group(3)
        position = piece.end()
    return bytes(token)


def read_dictionary(path):
    """([bytes of each entry], problems) of a dictionary as libFuzzer and AFL++ read them."""
    tokens, problems = [], []
    for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), start=1):
        line = line.strip()
        if not line or line.startswith("#"):
            continue
        match = _ENTRY.match(line)
        token = parse_token(match.group(1)) if match else None
        if not token:
            problems.append(f'{path.name}:{number}: an entry is written name="bytes", with \\xAB, \\\\ and \\" for what '
                            "cannot stand there, and is not empty")
        elif token in tokens:
            problems.append(f"{path.name}:{number}: this entry stands there twice")
        else:
            tokens.append(token)
    if not tokens and not problems:
        problems.append(f"{path.name}: it has no entry")
    return tokens, problems


def read_options(path):
    """({flag: value} of libFuzzer, problems) of an options file."""
    parser = configparser.ConfigParser(interpolation=None)
    try:
        parser.read_string(path.read_text(encoding="utf-8"), source=path.name)
    except (configparser.Error, UnicodeDecodeError) as error:
        return {}, [" ".join(str(error).split())]
    problems = [f"{path.name}: there is no section [{section}]" for section in parser.sections() if section not in SECTIONS]
    if not parser.has_section("libfuzzer"):
        return {}, problems + [f"{path.name}: it has no section [libfuzzer]"]
    flags = dict(parser.items("libfuzzer"))
    for key, value in flags.items():
        if key not in LIBFUZZER_KEYS:
            problems.append(f"{path.name}: libFuzzer has no flag {key} that may stand here")
        elif key == "dict":
            if "/" in value or not (path.parent / value).is_file():
                problems.append(f"{path.name}: there is no dictionary {value} beside it")
        elif not re.fullmatch(r"-?\d+", value):
            problems.append(f"{path.name}: {key} is a number, not '{value}'")
    return {key: int(value) for key, value in flags.items() if re.fullmatch(r"-?\d+", value)}, problems


def read_seeds(path, size_maximum):
    """({name: bytes}, problems) of a seed corpus. A seed of more than size_maximum bytes would be cut by the engine."""
    if not path.is_file():
        return {}, [f"there is no {path.name}"]
    seeds, problems = {}, []
    try:
        with zipfile.ZipFile(path) as archive:
            for entry in archive.infolist():
                parts = pathlib.PurePosixPath(entry.filename).parts
                if entry.is_dir():
                    continue
                if entry.filename.startswith("/") or ".." in parts:
                    problems.append(f"{path.name}: '{entry.filename}' would be unpacked elsewhere")
                elif entry.filename in seeds:
                    problems.append(f"{path.name}: '{entry.filename}' is in it twice")
                elif entry.file_size > size_maximum:
                    problems.append(f"{path.name}: '{entry.filename}' has {entry.file_size} bytes; at most {size_maximum} "
                                    "are used")
                else:
                    seeds[entry.filename] = archive.read(entry)
    except (zipfile.BadZipFile, OSError, EOFError, NotImplementedError, RuntimeError) as error:
        return {}, [f"{path.name}: {error}"]
    if not seeds and not problems:
        problems.append(f"{path.name}: it holds no seed")
    return seeds, problems
