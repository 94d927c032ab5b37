"""Programs of LLVM by the names that they have here: those that builds take. Without them, a test says what it cannot run."""

from kmemfuzz import llvm

_PROGRAMS = ("version", "clang", "clang++", "ld.lld", "llvm-nm", "llvm-objdump")
VERSION, CLANG, CLANGXX, LLD, NM, OBJDUMP = (llvm.place(*_PROGRAMS) or "\n".join(_PROGRAMS)).splitlines()
