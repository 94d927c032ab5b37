"""What the tests of kmemfuzz_add_heap share: a project with a heap of its own, in a folder with a blank."""

import os
import pathlib
import subprocess

from folders import write_file

ROOT = pathlib.Path(__file__).resolve().parents[2]
RELEASE = ROOT / "build/release"

# With header, flags and sources that all have to be found. What was freed last is given again, however large the request is.
HEAP = """#include <heap.h>
static char *next, *end, *freed;
void heap_start(char *memory, heap_size size) {
    next = memory + (-(heap_size)memory & 15);
    end = memory + size;
    freed = 0;
}
void *heap_take(heap_size size) {
    char *payload = freed;
    freed = 0;
    if (payload) {
        return payload;
    }
    if (size > PAYLOAD || end - next < PAYLOAD) {
        return 0;
    }
    payload = next;
    next += PAYLOAD;
    return payload;
}
void heap_give(void *payload) {
    freed = payload;
}
"""
HEADER = """typedef __SIZE_TYPE__ heap_size;
void heap_start(char *memory, heap_size size);
void *heap_take(heap_size size);
void heap_give(void *payload);
"""
SUBJECT = """#define KMEMFUZZ_SUBJECT 1
#include "kmemfuzz.h"
#include <heap.h>

static bool start(void *memory, size_t size) {
    if (size < 1024) {
        return false;
    }
    heap_start(memory, size);
    return true;
}

static const struct subject table = {
    .name = NAME, .start = start, .alloc = heap_take, .free = heap_give, .facts = {.alignment = 16}};
const struct subject *const subject_under_test = &table;
"""
PROJECT = """cmake_minimum_required(VERSION 3.22)
project(kernel LANGUAGES {languages})
set(CMAKE_C_STANDARD 90)
set(CMAKE_C_FLAGS "-m32 -Wall -Wextra -pedantic -Werror -nostdinc")
enable_testing()
{package}
kmemfuzz_add_heap({heap})
"""
HEAP_ARGUMENTS = r'''my_heap SOURCES my_heap.c kernel/heap.c FLAGS -Ikernel "-DPAYLOAD=(1 << 8)" "-DNAME=\"Ann's|heap\""'''
SOUND_PROGRAM = "kmem-program 2\nheap page=256 pages=8 growth=0 slots=16\nalloc 0 16\nalloc 1 16\nfree 0\nalloc 2 32\n"
FAILING_PROGRAM = SOUND_PROGRAM.replace("alloc 2 32", "alloc 2 300")


def install(prefix):
    """Installs the build release."""
    subprocess.run(["cmake", "--install", RELEASE, "--prefix", prefix], check=True, capture_output=True)


def fetched():
    """What makes a project get this tree."""
    return (f'include(FetchContent)\nFetchContent_Declare(kmemfuzz SOURCE_DIR "{ROOT}")\n'
            "FetchContent_MakeAvailable(kmemfuzz)")


class Project:
    """A project with a heap of its own. Commands run on a machine where this tree is gone, as far as they can know."""

    def __init__(self, folder, package="find_package(kmemfuzz 0.2 REQUIRED)", heap=HEAP_ARGUMENTS, languages="NONE"):
        self.folder = folder / "a project"
        self.build = self.folder / "build"
        for name, text in {"my_heap.c": SUBJECT, "kernel/heap.c": HEAP, "kernel/heap.h": HEADER,
                           "CMakeLists.txt": PROJECT.format(package=package, heap=heap, languages=languages)}.items():
            write_file(self.folder / name, text)

    def run(self, *command, **environment):
        """Runs a command at the project's top. Returns (exit code, all of its output)."""
        done = subprocess.run(command, cwd=self.folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, check=False,
                              env={**os.environ, "KMEM_TREE": str(self.folder / "no tree"), "CFLAGS": "-m32", **environment})
        return done.returncode, done.stdout

    def configure(self, *arguments, **environment):
        return self.run("cmake", "-S", ".", "-B", "build", *arguments, **environment)

    def make(self, target, *arguments):
        return self.run("cmake", "--build", "build", "--target", target, *arguments, CMAKE_TOOLCHAIN_FILE="none.cmake")

    def test(self, *arguments):
        return self.run("ctest", "--test-dir", "build", "--output-on-failure", *arguments)
