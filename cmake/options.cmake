# The compile and link options of every target, as interface libraries: a target links the ones it is made of.

# No fake stacks for use after return: they cost a tenth of all speed, and nothing here returns a local's address.
set(KMEM_SANITIZERS -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
                    -fsanitize-address-use-after-return=never)
# On a board there is only what src/riscv/sanitizer provides. All checks are inline, since the emulator pays for every
# call. The offset is link.ld's shadow_offset. Without the prefix memset and its like would go unchecked. Reports lead
# back to a place by frame pointers, and by calls that return there: recoverable ones, and no tail calls. File names in
# them start at the top of the tree, which lies as many folders deep as its path has slashes, and one for the root.
if(KMEM_BOARD)
  string(REGEX MATCHALL "/" slashes "${PROJECT_SOURCE_DIR}/")
  list(LENGTH slashes depth)
  set(KMEM_SANITIZERS -fsanitize=kernel-address,undefined -fno-omit-frame-pointer -fno-optimize-sibling-calls
    "SHELL:-Xclang -fsanitize-address-use-after-scope" # which is the default for the host
    -fsanitize-undefined-strip-path-components=${depth}
    "SHELL:-mllvm -asan-mapping-offset=0x76000000" "SHELL:-mllvm -asan-instrumentation-with-call-threshold=1000000"
    "SHELL:-mllvm -asan-kernel-mem-intrinsic-prefix=1" "SHELL:-mllvm -asan-globals=1" "SHELL:-mllvm -asan-stack=1"
    "SHELL:-mllvm -asan-destructor-kind=none") # nothing is ever unloaded
endif()

# What a fuzzer is guided by. No tracing of comparisons, which costs a third of all speed (sizes that matter come from the
# program's forms), nor of stack depth: nothing recurses.
set(KMEM_GUIDANCE -fsanitize=fuzzer-no-link -fno-sanitize-coverage=trace-cmp,stack-depth)

# Under the engine of others all of that is theirs to choose, and stands in CFLAGS.
if(KMEM_ENGINE)
  set(KMEM_SANITIZERS "")
  set(KMEM_GUIDANCE "")
endif()

# Everything we write: C11, warnings are errors, includes start at the top of the tree.
add_library(kmem_options INTERFACE)
target_include_directories(kmem_options INTERFACE ${PROJECT_SOURCE_DIR})
target_compile_options(kmem_options INTERFACE
  -g -Wall -Wextra -Wshadow -Wconversion -Wundef -Wcast-align -Wcast-qual -Wpointer-arith -Wwrite-strings
  -Wvla $<$<COMPILE_LANGUAGE:C>:-Wstrict-prototypes> $<$<COMPILE_LANGUAGE:C>:-Wmissing-prototypes>)
# A compiler that we have not tried may know warnings that we do not; they are no reason not to fuzz.
if(NOT KMEM_ENGINE AND "${CMAKE_C_COMPILER_ID} ${CMAKE_C_COMPILER_VERSION}" MATCHES "^(Clang 19|GNU 1[1-4])[.]")
  target_compile_options(kmem_options INTERFACE -Werror)
endif()
# On a board there is no runtime to link: the image writes its profile itself.
if(KMEM_COVERAGE AND NOT KMEM_BOARD)
  target_link_options(kmem_options INTERFACE -fprofile-instr-generate)
endif()
if(KMEM_INSTRUMENT STREQUAL "everything")
  target_compile_options(kmem_options INTERFACE ${KMEM_SANITIZERS})
endif()
# Poison is a matter of run time: whatever links the core links its sanitizers' runtime, and code that is not
# instrumented itself, such as the arena, must poison all the same.
if(NOT KMEM_INSTRUMENT STREQUAL "none")
  target_compile_definitions(kmem_options INTERFACE PORT_ADDRESS_SANITIZER=1)
  if(NOT KMEM_BOARD)
    target_link_options(kmem_options INTERFACE ${KMEM_SANITIZERS})
    target_compile_definitions(kmem_options INTERFACE KMEM_REQUIRE=1) # contracts: src/require.h
  endif()
endif()

# Code that also runs in a kernel: no library, and no compiler that puts calls to one in place of our loops.
add_library(kmem_freestanding INTERFACE)
target_link_libraries(kmem_freestanding INTERFACE kmem_options)
target_compile_options(kmem_freestanding INTERFACE -ffreestanding)

# The code whose coverage is measured, with the same flags on every machine: profiles merge only where they agree.
add_library(kmem_measured INTERFACE)
target_link_libraries(kmem_measured INTERFACE kmem_freestanding)
if(KMEM_COVERAGE)
  target_compile_options(kmem_measured INTERFACE -fprofile-instr-generate -fcoverage-mapping -fcoverage-mcdc)
endif()

# What coverage guides the fuzzer by, and what the sanitizers watch.
add_library(kmem_watched INTERFACE)
if(KMEM_INSTRUMENT STREQUAL "core")
  target_compile_options(kmem_watched INTERFACE ${KMEM_SANITIZERS})
endif()
if(KMEM_FUZZERS)
  target_compile_options(kmem_watched INTERFACE ${KMEM_GUIDANCE})
endif()

# The code under test, of ours.
add_library(kmem_under_test INTERFACE)
target_link_libraries(kmem_under_test INTERFACE kmem_measured kmem_watched)

# Programs that use the C library.
add_library(kmem_hosted INTERFACE)
target_link_libraries(kmem_hosted INTERFACE kmem_options)
target_compile_definitions(kmem_hosted INTERFACE _POSIX_C_SOURCE=200809L KMEM_VERSION="${PROJECT_VERSION}")

# lld links sanitizers in half the time.
if(KMEM_LINKER AND NOT KMEM_BOARD AND NOT KMEM_ENGINE)
  target_link_options(kmem_options INTERFACE --ld-path=${KMEM_LINKER})
endif()
