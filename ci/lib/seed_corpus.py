"""Packs the seeds of a fuzz target into a zip file: the same bytes for the same seeds, wherever it is made.

Runs where OSS-Fuzz builds, so it uses nothing that an older Python lacks.
"""

import pathlib
import sys
import zipfile

from kmemfuzz.command_line import EXIT_ENVIRONMENT, EXIT_SOUND, EXIT_USAGE
from kmemfuzz.entry import enter
from kmemfuzz.fuzzer import MAXIMUM_INPUT_SIZE
from kmemfuzz.outside_text import visible

EARLIEST = (1980, 1, 1, 0, 0, 0)  # the first moment a zip file can name


def pack(output, folders):
    """Writes every file of the folders that engines use whole to a zip file, each named after its folder and itself. Returns
    how many."""
    files = sorted(path for folder in folders for path in folder.iterdir()
                   if path.is_file() and path.stat().st_size <= MAXIMUM_INPUT_SIZE)
    with zipfile.ZipFile(output, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in files:
            entry = zipfile.ZipInfo(f"{path.parent.name}-{path.name}", EARLIEST)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, path.read_bytes())
    return len(files)


def main(arguments):
    """Packs; returns the exit code."""
    if len(arguments) < 2:
        print("Usage: python3 ci/lib/seed_corpus.py OUTPUT FOLDER...", file=sys.stderr)
        return EXIT_USAGE
    folders = [pathlib.Path(name) for name in arguments[1:]]
    try:
        # A folder that git does not keep because it is empty is no mistake; no seed at all is one.
        count = pack(arguments[0], [folder for folder in folders if folder.is_dir()])
    except OSError as error:
        print(f"ci/lib/seed_corpus.py: {visible(error)}", file=sys.stderr)
        return EXIT_ENVIRONMENT
    if count == 0:
        print(f"ci/lib/seed_corpus.py: there is no seed in {', '.join(map(visible, arguments[1:]))}", file=sys.stderr)
        return EXIT_ENVIRONMENT
    return EXIT_SOUND


if __name__ == "__main__":
    enter("ci/lib/seed_corpus.py", main, sys.argv[1:])
