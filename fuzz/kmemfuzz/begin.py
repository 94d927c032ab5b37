"""How commands begin: the module that does the work checks its arguments, then the builds it asks for are made, then it runs.
So what is wrong is reported at once, and --help needs no build.

A module has main(arguments). One that needs builds also has parse_arguments(arguments), which ends the process
when they are wrong, and presets(options), the builds for what they ask."""

from kmemfuzz import tree


def begin(module, arguments):
    """Runs a command's module; returns the exit code."""
    if hasattr(module, "presets"):
        code = tree.build(module.presets(module.parse_arguments(arguments)))
        if code is not None:
            return code
    return module.main(arguments)
