"""How commands in ci/ that need builds begin: the module that does the work checks its arguments, then what it asks for is
set up and built, then it runs. So what is wrong is answered at once, and --help needs no build.

Usage: begin.py MODULE ARGUMENT... where MODULE, in this folder, has parse_arguments(arguments), which ends the process when
they are wrong, and presets(options), the builds that it needs for what they ask. It may be run by itself, on builds that
are there, as tests do.
"""

import importlib
import os
import subprocess
import sys

from command_line import EXIT_ENVIRONMENT, EXIT_INTERNAL, EXIT_SOUND, EXIT_USAGE
from entry import enter

PREPARE = '. ci/lib/common.sh && ci/setup && build "$@"'


def main(arguments):
    """Becomes the module's process; returns an exit code when that cannot be."""
    name, *rest = arguments
    module = importlib.import_module(name)
    presets = module.presets(module.parse_arguments(rest))
    if presets:
        try:
            code = subprocess.run(["bash", "-c", PREPARE, "bash", *presets], stdin=subprocess.DEVNULL, check=False).returncode
        except KeyboardInterrupt:
            print("Stopped before it began", file=sys.stderr)
            return EXIT_ENVIRONMENT
        if code != EXIT_SOUND:
            return code if code in (EXIT_USAGE, EXIT_INTERNAL) else EXIT_ENVIRONMENT
    return os.execv(sys.executable, [sys.executable, "ci/lib/entry.py", name, *rest])


if __name__ == "__main__":
    enter("ci/lib/begin.py", main, sys.argv[1:])
