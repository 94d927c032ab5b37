"""How a command begins: its module checks the arguments, then the builds it asks for are made, then it runs. So wrong
arguments are reported at once, and --help needs no build.

A module has main(arguments). One that needs builds also has parse_arguments(arguments), which ends the process on wrong
arguments, and presets(options), the builds to make."""

from kmemfuzz import tree


def begin(module, arguments):
    """Runs a command's module; returns the exit code."""
    if hasattr(module, "presets"):
        code = tree.build(module.presets(module.parse_arguments(arguments)))
        if code is not None:
            return code
    return module.main(arguments)
