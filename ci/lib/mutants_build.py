"""Compiles mutants: drops those that do not compile, or come to the same code as the original or another, and makes each of the
others a library, which the tools and the unit tests, linked once, load in its place.

What is compared is an object at -O2 without sanitizers, whose platform (mutants_port.h) makes every hook a call to something
unknown. It also runs first. What it survives is compiled once more, for the same platform, as preset `fuzz` compiles the core.
"""

import hashlib
import json
import os
import pathlib
import shlex
import shutil

import mutants_make
import patched
from kmemfuzz import llvm
from patched import Broken

WORK = pathlib.Path("build/mutants")
PORT = "ci/lib/mutants_port.h"
HOOKS = "ci/lib/mutants_hooks.c"
LIBRARY = "libmutant.so"  # what a program loads a mutant from
OWN = [pathlib.Path("ci/lib", name) for name in ("mutants_port.h", "mutants_build.py", "mutants_stages.py")]
PRESETS = ("fuzz", "dev")  # of the core and the tools; of the unit tests

# The unit tests of a file: those that are linked together, and those that have the file compiled into them. The kernel layer's come
# alone, since they begin before it is started.
HEAP_TESTS = ("kmem", "kmem_alloc", "kmem_free", "kmem_growth", "kmem_poison", "kmem_realloc", "kmem_corrupt")
FILES = {  # {file: (translation units it is in, the tool that runs it, tests that are linked together, tests that include it)}
    "src/kmem.c": (("kmem.c",), "kmemfuzz", (HEAP_TESTS,), ()),
    "src/block.h": (("kmem.c", "kmem_print.c"), "kmemfuzz", (HEAP_TESTS, ("kernel",)), ()),
    "src/page.c": (("page.c",), "pages_kmemfuzz", (("page", "page_pointer", "sv39_refusal", "virtual_heap"), ("kernel",)), ()),
    "src/kernel.c": (("kernel.c",), "kernel_kmemfuzz", (("kernel",), ("kernel_fault",), ("virtual_heap",)), ("kernel_port",)),
}


def without_options(arguments, *beginnings):
    """A command line without the options that begin so."""
    return [argument for argument in arguments if not argument.startswith(beginnings)]


class Core:
    """The core, ready to be compiled from a mutated file."""

    def __init__(self):
        self.root = pathlib.Path.cwd()
        self.compiles, self.directory = self._compiles("fuzz", "src/CMakeFiles/kmem.dir/")
        self.test_compiles, self.test_directory = self._compiles("dev", "tests/CMakeFiles/")
        self.hooks = (WORK / "hooks.o").resolve()
        self.tools = {}  # {file: the tool that runs it}
        self.tests = {}  # {file: the programs of its unit tests}

    def _compiles(self, preset, objects):
        """({source: its compile command}, the folder to run it in) of a preset, for the sources whose objects lie there."""
        path = pathlib.Path("build", preset, "compile_commands.json")
        try:
            entries = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise Broken(f"{path} cannot be read: {error}") from error
        commands = {str(pathlib.Path(entry["file"]).relative_to(self.root)): shlex.split(entry["command"]) for entry in entries
                    if f" -o {objects}" in entry["command"]}
        if not commands:
            raise Broken(f"{path} has no entry for {objects}")
        return commands, pathlib.Path("build", preset)

    def prepare(self, files):
        """Compiles the hooks, and links the programs that run these files. Returns {file: the code of it as it is}."""
        shutil.rmtree(WORK / "work", ignore_errors=True)  # a stopped run's
        WORK.mkdir(parents=True, exist_ok=True)
        compiler = self.compiles["src/kmem.c"][0]
        code, output = patched.run([compiler, "-std=c11", "-O2", "-c", HOOKS, "-o", str(self.hooks)])
        if code != 0:
            raise Broken(f"{HOOKS} does not compile:\n{output[-2000:]}")
        builds = {tool: patched.Build("fuzz", tool) for tool in {FILES[file][1] for file in files}}
        codes = {}
        for file in files:
            copy = (WORK / "work" / f"original-{pathlib.Path(file).name}").resolve()
            shutil.rmtree(copy, ignore_errors=True)
            (copy / "src").mkdir(parents=True)
            for name in {*FILES[file][0], pathlib.Path(file).name}:
                shutil.copyfile(f"src/{name}", copy / "src" / name)
            codes[file] = self.code_of(copy, file)
            if codes[file] is None:
                raise Broken(f"{file} does not compile")
            library = self.link(copy, file, False) / LIBRARY
            objects = [self.hooks, *self._other_objects(file), library]
            (copy / "fuzz").mkdir()
            self.tools[file], = builds[FILES[file][1]].link_objects([*objects, "--export-dynamic"], copy)
            self.tests[file] = [self._link_tests(copy, copy / f"test_{together[0]}", together[0],
                                                 [self.test_directory / self._object(self.test_compiles[f"tests/unit/test_{name}.c"])
                                                  for name in together], [*objects, "-rdynamic"]) for together in FILES[file][2]]
        return codes

    def fingerprint(self, file):
        """Differs when what runs a file's mutants does, the file itself apart."""
        digest = hashlib.sha256()
        programs = [self.tools[file], *self.tests[file], *(self.test_directory / f"tests/test_{test}" for test in FILES[file][3])]
        corpus = sorted(path for path in pathlib.Path("corpus").rglob("*") if path.is_file())
        sources = sorted(path for path in pathlib.Path("src").rglob("*.[ch]") if str(path) != file)
        for path in (*programs, *corpus, *sources, *OWN):
            content = path.read_bytes()
            digest.update(f"{path} {len(content)} ".encode() + content)
        return digest.hexdigest()

    def tree(self, file):
        """The syntax tree of a translation unit that holds a file."""
        unit = f"src/{FILES[file][0][0]}"
        command = [*self._plain_flags(unit), "-fsyntax-only", "-Xclang", "-ast-dump=json", unit]
        code, output = patched.run(command)
        if code != 0:
            raise Broken(f"{unit} does not compile:\n{output[-2000:]}")
        return mutants_make.load_tree(output)

    def _plain_flags(self, unit):
        """How a file of the core is compiled to be compared."""
        arguments = without_options(self.compiles[unit], "-fsanitize", "-fno-sanitize", "-g", "-W", "-DKMEM_REQUIRE",
                                    "-DPORT_ADDRESS", "-I")
        return [*arguments[:arguments.index("-o")], f'-DKMEM_PORT_HEADER="{PORT}"', f"-I{self.root}", "-w", "-fPIC"]

    def _compile(self, command, copy, unit, output, directory=None):
        """Compiles a file of the core, from a copy in which only what is mutated lies, beside the units it is in. Returns
        whether it compiles."""
        include = [f"-iquote{copy}", f"-iquote{copy}/src", f"-iquote{self.root}/src"]
        code, log = patched.run([*command[:1], *include, *command[1:], "-c", str(copy / unit), "-o", str(output)], directory)
        if code != 0:
            (copy / "build.log").write_text(log, encoding="utf-8")
        return code == 0

    @staticmethod
    def folder_of(mutant):
        """Where a mutant is made, as an absolute path."""
        return (WORK / "work" / mutant.name).resolve()

    def write(self, mutant, source):
        """A folder with a mutant's file and the translation units it is in. Returns its absolute path."""
        copy = self.folder_of(mutant)
        shutil.rmtree(copy, ignore_errors=True)
        (copy / "src").mkdir(parents=True)
        for unit in FILES[mutant.file][0]:
            shutil.copyfile(f"src/{unit}", copy / "src" / unit)
        (copy / mutant.file).write_bytes(mutant.apply(source))
        return copy

    def code_of(self, copy, file):
        """What a file's translation units come to, as a digest; None when they do not compile."""
        digest = hashlib.sha256()
        for unit in FILES[file][0]:
            output = copy / f"{unit}.plain.o"
            if not self._compile(self._plain_flags(f"src/{unit}"), copy, f"src/{unit}", output):
                return None
            digest.update(output.read_bytes())
        return digest.hexdigest()

    def _other_objects(self, file):
        """The objects of the core without those that a file is in."""
        return [(self.directory / self._object(arguments)).resolve() for source, arguments in self.compiles.items()
                if str(pathlib.Path(source).relative_to("src")) not in FILES[file][0]]

    def link(self, copy, file, sanitized):
        """Makes a library of what code_of has compiled, or of the same compiled now with sanitizers. Returns the folder it is in."""
        kind = "sanitized" if sanitized else "plain"
        objects = [copy / f"{unit}.{kind}.o" for unit in FILES[file][0]]
        for unit, output in zip(FILES[file][0], objects):
            arguments = self.compiles[f"src/{unit}"]
            command = [*without_options(arguments[:arguments.index("-o")], "-W", "-g"), "-w", "-fPIC",
                       f'-DKMEM_PORT_HEADER="{PORT}"']
            if sanitized and not self._compile(command, copy, f"src/{unit}", output, self.directory):
                raise Broken(f"{copy.name} compiles without sanitizers only; see {copy / 'build.log'}")
        (copy / kind).mkdir(exist_ok=True)
        code, log = patched.run([llvm.place("ld.lld"), "-shared", "-Bsymbolic", "--eh-frame-hdr", "-soname", LIBRARY, *map(str, objects), "-o", str(copy / kind / LIBRARY)])
        if code != 0:
            raise Broken(f"{copy.name} cannot be linked:\n{log[-2000:]}")
        return copy / kind

    def link_including(self, copy, file):
        """Links the tests that have a file compiled into them. Returns their programs."""
        programs = []
        for name in FILES[file][3]:
            source = f"tests/unit/test_{name}.c"
            arguments = self.test_compiles[source]
            output = copy / f"test_{name}.o"
            command = [*without_options(arguments[:arguments.index("-o")], "-W", "-g"), "-w"]
            code, log = patched.run([command[0], f"-I{copy}", f"-iquote{self.root}/src", *command[1:], "-c",
                                     str(self.root / source), "-o", str(output)], self.test_directory)
            if code != 0:
                raise Broken(f"{source} does not compile with {copy.name}:\n{log[-2000:]}")
            programs.append(self._link_tests(copy, copy / f"test_{name}", name, [output],
                                             [self.hooks, *self._other_objects(file)]))
        return programs

    @staticmethod
    def _object(arguments):
        return arguments[arguments.index("-o") + 1]

    def _link_tests(self, copy, program, like, own, objects):
        """Links tests as the build links one of them."""
        name = f"tests/test_{like}"
        code, commands = patched.run(["ninja", "-C", str(self.test_directory), "-t", "commands", name])
        if code != 0:
            raise Broken(f"the build has no {name}:\n{commands[-2000:]}")
        arguments = patched.link_command(commands, name, patched.CORE.archive)
        arguments[arguments.index("-o") + 1] = str(program)
        core = next(i for i, argument in enumerate(arguments) if pathlib.PurePath(argument).name == patched.CORE.archive)
        first = next(i for i, argument in enumerate(arguments) if argument.endswith(f"test_{like}.c.o"))
        arguments[core:core + 1] = map(str, objects)
        arguments[first:first + 1] = [str(pathlib.Path(path).resolve()) for path in own]
        code, log = patched.run(arguments, self.test_directory)
        if code != 0:
            raise Broken(f"{copy.name}: its unit tests cannot be linked:\n{log[-2000:]}")
        return program


def jobs():
    """How many mutants are examined at a time, unless the command line says so."""
    return os.cpu_count() or 1
