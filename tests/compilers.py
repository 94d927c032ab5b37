"""Programs of LLVM by the names that they have here: those that builds take. Without them, no test that asks for one can be read."""

from kmemfuzz import llvm

VERSION, CLANG, CLANGXX, LLD, NM, OBJDUMP = llvm.place("version", "clang", "clang++", "ld.lld", "llvm-nm", "llvm-objdump").splitlines()
