# Every tool and library the build needs, checked at configure time, each with a message that says what to do.

function(kmem_require found what package)
  if(NOT ${found})
    message(FATAL_ERROR "kmem: ${what} was not found. Run ./ci/setup, or install the Debian package ${package}.")
  endif()
endfunction()

# Only what the tests are built with needs it.
if(NOT KMEM_FUZZERS AND NOT KMEM_BOARD AND NOT CMAKE_CROSSCOMPILING)
  find_package(cmocka QUIET)
  kmem_require(cmocka_FOUND "the unit test framework cmocka" libcmocka-dev)
endif()

if(NOT KMEM_INSTRUMENT MATCHES "^(none|core|everything)$")
  message(FATAL_ERROR "kmem: KMEM_INSTRUMENT is '${KMEM_INSTRUMENT}'; it must be none, core or everything.")
endif()
if(KMEM_BOARD AND KMEM_INSTRUMENT STREQUAL "everything")
  message(FATAL_ERROR "kmem: on a board KMEM_INSTRUMENT must be none or core: the run time there is not made to be "
                      "instrumented itself.")
endif()

if(KMEM_ENGINE AND NOT (KMEM_FUZZERS AND KMEM_INSTRUMENT STREQUAL "none" AND NOT KMEM_COVERAGE))
  message(FATAL_ERROR "kmem: with KMEM_ENGINE, KMEM_FUZZERS must be ON, KMEM_INSTRUMENT none and KMEM_COVERAGE OFF: "
                      "sanitizers and coverage come from CFLAGS. Use the preset engine.")
endif()

if((KMEM_FUZZERS AND NOT KMEM_ENGINE) OR KMEM_COVERAGE)
  if(NOT CMAKE_C_COMPILER_ID STREQUAL "Clang")
    message(FATAL_ERROR "kmem: KMEM_FUZZERS and KMEM_COVERAGE need clang, but the compiler is "
                        "${CMAKE_C_COMPILER}. Use one of the presets: cmake --list-presets.")
  endif()
endif()

# clang does not pull in its own runtime libraries: a link would fail late and cryptically without them.
if(NOT KMEM_BOARD AND NOT KMEM_ENGINE AND CMAKE_C_COMPILER_ID STREQUAL "Clang" AND (KMEM_FUZZERS OR KMEM_COVERAGE OR NOT KMEM_INSTRUMENT STREQUAL "none"))
  foreach(name libclang_rt.asan.a libclang_rt.asan-${CMAKE_SYSTEM_PROCESSOR}.a)
    execute_process(COMMAND ${CMAKE_C_COMPILER} -print-file-name=${name}
                    OUTPUT_VARIABLE path OUTPUT_STRIP_TRAILING_WHITESPACE)
    if(EXISTS "${path}") # a name that is not found is printed as it was given
      set(KMEM_RUNTIME "${path}")
    endif()
  endforeach()
  kmem_require(KMEM_RUNTIME "clang's sanitizer and libFuzzer runtime" "that has libclang_rt.asan, libclang-rt-19-dev or the like")
endif()
