"""kmemfuzz corpus: measures the corpora, keeps the committed one small, adds to it, and drops findings that are sound by now. That of
a heap of one's own lies beside its file."""

import pathlib
import shutil
import sys
import tempfile

from kmemfuzz import corpus, heap, results
from kmemfuzz.campaign_folder import CAMPAIGNS
from kmemfuzz.command_line import (EXIT_ENVIRONMENT, EXIT_SOUND, EXIT_VIOLATION, Parser, add_caller, end_missing, exit_codes, plural,
                                   place_paths)
from kmemfuzz.outside_text import dump_json, visible, visible_lines

# How large corpus/minimised may be. A test requires it; every campaign and every test run pays for what is in it.
MAXIMUM_FILE_COUNT = 200
MAXIMUM_SIZE = 256 << 10

FUZZER = corpus.KMEMFUZZ.with_name("heap_fuzzer")
if heap.CURRENT is None:
    WORKPLACES = pathlib.Path("build")  # where a new corpus is made; on the filesystem of the old one, to replace it by renaming
    COMMITTED = pathlib.Path("corpus")
    MINIMISED = "minimised"
    # What is never dropped, whatever else reaches the same: a person has put it there for a reason.
    KEPT = ("seeds", "regressions", "rust")
    MEASURED = ("seeds", MINIMISED, "regressions", "rust", "large")
else:
    WORKPLACES = COMMITTED = heap.CURRENT.place
    MINIMISED = "corpus"
    KEPT = ("regressions",)
    MEASURED = (MINIMISED, *KEPT)


def parse_arguments(arguments):
    codes = exit_codes("done", "the corpus would be too large or reach less, and is left as it was; or a fuzz target fails on an input")
    parser = Parser(
        prog="kmemfuzz corpus", example="kmemfuzz corpus merge build/campaign/heap/corpus",
        description="Keeps the committed corpus small, and adds what campaigns found.", epilog=codes)
    words = parser.add_subparsers(dest="word", required=True, metavar="prune|merge|settle|status")

    def add_word(word, text, operands=""):
        return words.add_parser(word, help=text, description=f"{text[0].upper()}{text[1:]}.", epilog=codes,
                                example=f"kmemfuzz corpus {word}{operands}")

    add_word("prune", f"drop inputs from {COMMITTED / MINIMISED} that reach nothing new")
    merge = add_word("merge", f"add inputs to {COMMITTED / MINIMISED} that reach something new", " build/campaign/heap/corpus")
    merge.add_argument("folders", nargs="+", type=pathlib.Path, metavar="DIR",
                       help="a folder of inputs, such as build/campaign/heap/corpus, or an output folder of AFL++")
    add_word("settle", "remove findings of campaigns that are sound by now")
    status = add_word("status", "print the files, bytes and features of every folder")
    status.add_argument("--json", action="store_true", help="the same as JSON")
    add_caller(parser)
    options = parser.parse_args(arguments)
    if options.word == "merge":
        place_paths(parser, options, "folders")
    for folder in getattr(options, "folders", ()):
        if not folder.exists():
            end_missing(parser, f"there is no folder {folder}")
        if not folder.is_dir():
            parser.error(f"{folder} is not a folder")
    return options


def presets(_options):
    return ["fuzz"]


def size_of(paths):
    return sum(path.stat().st_size for path in paths)


def canonical_copies(paths, folder):
    """Puts the canonical bytes of programs into a folder, named after them."""
    folder.mkdir()
    for program in corpus.canonical(paths):
        corpus.add(folder, program)


def choose(committed, more, workplace):
    """A folder of the fewest files that, with those that are kept, reach what the kept, the minimised and the files of
    more reach together."""
    kept = [path for name in KEPT for path in corpus.inputs(committed / name)]
    canonical_copies(kept, workplace / "kept")
    canonical_copies([*corpus.inputs(committed / MINIMISED), *more], workplace / "candidates")
    if heap.CURRENT is not None:
        corpus.drop_unjudged(workplace / "candidates")
    shutil.copytree(workplace / "kept", workplace / "cover")
    corpus.set_cover(FUZZER, workplace / "cover", workplace / "candidates")
    chosen = workplace / "chosen"
    chosen.mkdir()
    for path in corpus.inputs(workplace / "cover"):
        if not (workplace / "kept" / path.name).exists():
            shutil.copyfile(path, chosen / path.name)
    return chosen


def require_bound(paths):
    """Raises CorpusError when the minimised corpus has become too large. That of a heap of one's own is its author's to bound."""
    if heap.CURRENT is not None:
        return
    count, size = len(paths), size_of(paths)
    if count > MAXIMUM_FILE_COUNT or size > MAXIMUM_SIZE:
        raise corpus.CorpusError(f"{COMMITTED / MINIMISED} would have {count} files of {size} bytes together; the bound "
                                 f"is {MAXIMUM_FILE_COUNT} files and {MAXIMUM_SIZE} bytes. It is left as it was")


def renew(committed, more):
    """Puts in the place of the minimised corpus what choose() chooses, when that reaches as much and is within the bound.
    Returns (edges, features) before and after."""
    minimised = committed / MINIMISED
    kept = [committed / name for name in KEPT]
    with corpus.locked(minimised), tempfile.TemporaryDirectory(prefix="corpus-", dir=WORKPLACES) as temporary:
        workplace = pathlib.Path(temporary)
        before = corpus.measure(FUZZER, *kept, minimised)
        chosen = choose(committed, more, workplace)
        require_bound(corpus.inputs(chosen))
        after = corpus.measure(FUZZER, *kept, chosen)
        if after[0] < before[0] or after[1] < before[1]:
            raise corpus.CorpusError(f"the corpus would reach {after[0]} edges and {after[1]} features, and reaches "
                                     f"{before[0]} and {before[1]} now. It is left as it was")
        corpus.replace(minimised, chosen)
    return before, after


def change(committed, folders):
    """Prunes, or merges when there are folders. Prints what has changed."""
    if heap.CURRENT is not None:
        (committed / MINIMISED).mkdir(parents=True, exist_ok=True)
    more = [path for folder in folders for path in corpus.afl_inputs(folder)]
    old = corpus.inputs(committed / MINIMISED)
    old_count, old_size = len(old), size_of(old)
    before, after = renew(committed, more)
    new = corpus.inputs(committed / MINIMISED)
    if folders:
        print(f"{plural(len(more), 'input')} taken in from {', '.join(map(visible, folders))}")
    print(f"{committed / MINIMISED}: {plural(old_count, 'file')}, {plural(old_size, 'byte')} -> "
          f"{plural(len(new), 'file')}, {plural(size_of(new), 'byte')}")
    print(f"with {', '.join(KEPT)}: {plural(before[0], 'edge')}, {plural(before[1], 'feature')} -> "
          f"{plural(after[0], 'edge')}, {plural(after[1], 'feature')}")


def status():
    """One entry for each folder of inputs: committed, together, and of campaigns."""
    folders = [(COMMITTED / name, "heap") for name in MEASURED]
    if heap.CURRENT is None:
        folders.append((COMMITTED, "heap"))
        folders += [(path, path.parent.name) for path in sorted(CAMPAIGNS.glob("*/corpus"))]
    entries = []
    for folder, target in folders:
        paths = corpus.inputs(folder)
        edges, features = corpus.measure(FUZZER.with_name(f"{target}_fuzzer"), folder)
        entries.append({"folder": str(folder), "files": len(paths), "bytes": size_of(paths), "edges": edges,
                        "features": features})
    return entries


def print_status(entries):
    width = max(len(entry["folder"]) for entry in entries)
    print(f"{'folder':<{width}}  files      bytes  edges  features")
    for entry in entries:
        print(f"{entry['folder']:<{width}}  {entry['files']:5}  {entry['bytes']:9,}  {entry['edges']:5}  "
              f"{entry['features']:8}")
    if heap.CURRENT is None:
        print(f"bound of {COMMITTED / MINIMISED}: {MAXIMUM_FILE_COUNT} files, {MAXIMUM_SIZE:,} bytes")


def main(arguments):
    options = parse_arguments(arguments)
    try:
        if options.word == "status":
            entries = status()
            print(dump_json(entries)) if options.json else print_status(entries)
        elif options.word == "settle":
            count = results.settle()
            print(f"{count} finding{'' if count == 1 else 's'} removed: sound by now")
        else:
            change(COMMITTED, getattr(options, "folders", ()))
    except corpus.CorpusError as error:
        print(f"kmemfuzz corpus: {visible_lines(error)}", file=sys.stderr)
        return EXIT_VIOLATION
    except OSError as error:
        print(f"kmemfuzz corpus: {visible_lines(error)}", file=sys.stderr)
        return EXIT_ENVIRONMENT
    return EXIT_SOUND
