"""A campaign wherever it is: names of folders with every printable character, with such as are not ASCII, and with bytes that
are not UTF-8. With the real libFuzzer, which starts processes of its own.

Run: python3 tests/tool/test_campaign_places.py
"""

import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "ci" / "lib"), str(ROOT / "tests"), str(ROOT / "tests" / "tool")]
sys.dont_write_bytecode = True  # the tree is not for litter

from campaign_tree import LIBRARY, RUNNER, TIMEOUT, name_of  # pylint: disable=wrong-import-position  # noqa: E402

PRINTABLE = "".join(map(chr, range(32, 127))).replace("/", "")
NAMES = {"printable": f"-{PRINTABLE}", "controls": "two\nlines\tand \x1b[31m", "utf-8": "ünï 漢字 \u202e",
         "not utf-8": os.fsdecode(b"bad\xff\xfe")}


@unittest.skipUnless((ROOT / "build" / "fuzz" / "text_fuzzer").exists(), "needs the build of preset fuzz")
class Places(unittest.TestCase):
    def test_a_campaign_works_wherever_its_tree_its_build_its_corpus_and_temporary_files_are(self):
        for kind, name in NAMES.items():
            with self.subTest(kind=kind), tempfile.TemporaryDirectory() as folder:
                tree = pathlib.Path(folder, name)
                build, held, temporary = (tree / f"{name} {end}" for end in ("build", "corpus", "temporary"))
                for made in (build, temporary):
                    made.mkdir(parents=True)
                shutil.copy(ROOT / "build" / "fuzz" / "text_fuzzer", build)
                command = [sys.executable, "-B", "-c", RUNNER, LIBRARY, "{}", "--for", "1s", "--target", "text", "--jobs", "2",
                           "--json", f"--build={build.name}", f"--corpus={held.name}"]
                done = subprocess.run(command, cwd=tree, env=dict(os.environ, TMPDIR=str(temporary)), check=False,
                                      stdin=subprocess.DEVNULL, capture_output=True, timeout=TIMEOUT)
                self.assertEqual(done.returncode, 0, done.stderr)
                figures = json.loads(done.stdout)
                self.assertGreater(figures["executions"], 0)
                self.assertGreater(figures["added"], 0)
                self.assertNotIn(b"all inputs are kept", done.stderr)  # the set cover ran, too
                self.assertEqual([path.name for path in held.iterdir() if path.name != name_of(path.read_bytes())], [])
                self.assertEqual(len(list(held.iterdir())), figures["corpus_files"])
                self.assertEqual(list(temporary.iterdir()), [])
                self.assertEqual(list((tree / "build/campaign/text/running").iterdir()), [])


if __name__ == "__main__":
    unittest.main()
