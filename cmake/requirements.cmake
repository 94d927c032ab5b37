# Every tool and library the build needs, checked at configure time, each with a message that says what to do.

function(kmem_require found what package)
  if(NOT ${found})
    message(FATAL_ERROR "kmem: ${what} was not found. Run ./ci/setup, or install the Debian package ${package}.")
  endif()
endfunction()

find_package(cmocka QUIET)
kmem_require(cmocka_FOUND "the unit test framework cmocka" libcmocka-dev)

if(NOT KMEM_INSTRUMENT MATCHES "^(none|core|everything)$")
  message(FATAL_ERROR "kmem: KMEM_INSTRUMENT is '${KMEM_INSTRUMENT}'; it must be none, core or everything.")
endif()

if(KMEM_FUZZERS OR KMEM_COVERAGE)
  if(NOT CMAKE_C_COMPILER_ID STREQUAL "Clang")
    message(FATAL_ERROR "kmem: KMEM_FUZZERS and KMEM_COVERAGE need clang, but the compiler is "
                        "${CMAKE_C_COMPILER}. Use one of the presets: cmake --list-presets.")
  endif()
endif()

# clang-19 does not pull in its own runtime libraries: a link would fail late and cryptically without them.
if(CMAKE_C_COMPILER_ID STREQUAL "Clang" AND (KMEM_FUZZERS OR KMEM_COVERAGE OR NOT KMEM_INSTRUMENT STREQUAL "none"))
  execute_process(COMMAND ${CMAKE_C_COMPILER} -print-file-name=libclang_rt.asan.a
                  OUTPUT_VARIABLE KMEM_RUNTIME OUTPUT_STRIP_TRAILING_WHITESPACE)
  if(NOT EXISTS "${KMEM_RUNTIME}")
    execute_process(COMMAND ${CMAKE_C_COMPILER} -print-runtime-dir
                    OUTPUT_VARIABLE KMEM_RUNTIME_DIR OUTPUT_STRIP_TRAILING_WHITESPACE)
    file(GLOB KMEM_RUNTIME "${KMEM_RUNTIME_DIR}/libclang_rt.asan*.a")
  endif()
  kmem_require(KMEM_RUNTIME "clang's sanitizer and libFuzzer runtime" libclang-rt-19-dev)
endif()
