# For projects with a heap of their own, by find_package(kmemfuzz) or FetchContent. Targets and tests call words of kmemfuzz,
# which compile the heap themselves, so the project's languages, compilers and flags do not matter.
cmake_policy(PUSH)
cmake_policy(VERSION 3.22)

set(KMEMFUZZ_TIME 60s CACHE STRING "How long the targets NAME_fuzz fuzz: 60s, 10m, 2h")

# kmemfuzz_add_heap(NAME SOURCES FILE... [FLAGS FLAG...] [MUTE CHECK...]): fuzzes a heap. The first of its sources describes it
# (docs/subject.md); object files and static libraries may be among the others. It is compiled with FLAGS alone, and watched by
# all of UBSan's checks but those to MUTE. Makes the targets
#
#   NAME_fuzzer    the fuzz target, NAME_fuzzer in the current binary folder
#   NAME_kmemfuzz  the tool that explains what it finds, NAME_kmemfuzz
#   NAME_fuzz      a campaign of KMEMFUZZ_TIME
#   NAME_image     images for RISC-V boards that replay programs, NAME_rv64.elf and NAME_rv32.elf
#
# none of which is built by default, and the tests NAME.build, NAME.corpus and NAME.regressions: these run the programs in the folders
# of that name beside the heap's first source, FILE.fuzz/corpus and FILE.fuzz/regressions, and are skipped if there are none.
function(kmemfuzz_add_heap name)
  cmake_parse_arguments(PARSE_ARGV 1 heap "" "" "SOURCES;FLAGS;MUTE")
  set(error "kmemfuzz_add_heap(${name}):")
  if(NOT name MATCHES "^[A-Za-z0-9_.+-]+$")
    message(FATAL_ERROR "${error} a name has letters, digits and _ . + - only")
  elseif(TARGET ${name}_fuzzer)
    message(FATAL_ERROR "${error} there is a target ${name}_fuzzer already")
  elseif(heap_UNPARSED_ARGUMENTS)
    message(FATAL_ERROR "${error} '${heap_UNPARSED_ARGUMENTS}' stands after none of SOURCES, FLAGS and MUTE")
  elseif(NOT heap_SOURCES MATCHES "^[^;]+[.](c|cc|cpp|cxx)(;|$)")
    message(FATAL_ERROR "${error} it needs SOURCES, of which the first describes the heap and ends in .c, .cc, .cpp or .cxx")
  endif()
  set(sources "")
  foreach(source IN LISTS heap_SOURCES)
    get_filename_component(path "${source}" ABSOLUTE)
    get_source_file_property(generated "${path}" GENERATED)
    if(NOT generated AND (NOT EXISTS "${path}" OR IS_DIRECTORY "${path}"))
      message(FATAL_ERROR "${error} there is no file ${path}")
    endif()
    list(APPEND sources "${path}")
  endforeach()
  find_program(KMEMFUZZ_python3 python3 NO_CMAKE_FIND_ROOT_PATH)
  mark_as_advanced(KMEMFUZZ_python3)
  if(NOT KMEMFUZZ_python3)
    message(FATAL_ERROR "${error} python3 was not found; install the Debian package python3")
  endif()

  # The tool, as this file lies in an installation's lib/cmake/kmemfuzz or in cmake/ of the tree.
  get_filename_component(here "${CMAKE_CURRENT_FUNCTION_LIST_DIR}" REALPATH)
  get_filename_component(kmemfuzz "${here}/../../../bin/kmemfuzz" ABSOLUTE)
  if(EXISTS "${here}/../fuzz/kmemfuzz/__main__.py")
    get_filename_component(package "${here}/../fuzz/kmemfuzz" ABSOLUTE)
    set(kmemfuzz ${KMEMFUZZ_python3} -B "${package}")
  endif()
  set(others ${sources})
  list(POP_FRONT others subject)
  set(heap "${subject}" --build-folder=${CMAKE_CURRENT_BINARY_DIR}/${name}.kmemfuzz)
  foreach(option sources=others cflags=heap_FLAGS mute=heap_MUTE)
    string(REGEX MATCH "^(.*)=(.*)$" option ${option})
    set(words "")
    foreach(word IN LISTS ${CMAKE_MATCH_2}) # in quotes, as for a shell
      string(REPLACE "'" "'\\''" word "${word}")
      string(APPEND words " '${word}'")
    endforeach()
    list(APPEND heap "--${CMAKE_MATCH_1}=${words}")
  endforeach()

  set(script "${here}/clang")
  if(NOT EXISTS "${script}")
    get_filename_component(script "${here}/../../../share/kmemfuzz/cmake/clang" ABSOLUTE)
  endif()
  execute_process(COMMAND sh "${script}" clang OUTPUT_QUIET ERROR_VARIABLE problem RESULT_VARIABLE code ERROR_STRIP_TRAILING_WHITESPACE)
  if(NOT code STREQUAL 0)
    message(FATAL_ERROR "${error} ${problem}")
  endif()

  # kmemfuzz_make_target(TARGET WORD ARGUMENTS [COMMAND...])
  macro(kmemfuzz_make_target target word arguments)
    add_custom_target(${name}_${target} COMMAND ${kmemfuzz} ${word} ${heap} ${arguments} ${ARGN} DEPENDS ${sources}
      WORKING_DIRECTORY "${CMAKE_CURRENT_SOURCE_DIR}" USES_TERMINAL VERBATIM)
  endmacro()
  set(link COMMAND ${CMAKE_COMMAND} -E chdir "${CMAKE_CURRENT_BINARY_DIR}" ${CMAKE_COMMAND} -E create_symlink)
  kmemfuzz_make_target(fuzzer build "" ${link} ${name}.kmemfuzz/fuzz/heap_fuzzer ${name}_fuzzer)
  kmemfuzz_make_target(kmemfuzz build "" ${link} ${name}.kmemfuzz/fuzz/kmemfuzz ${name}_kmemfuzz)
  kmemfuzz_make_target(fuzz fuzz "--for;${KMEMFUZZ_TIME}")
  kmemfuzz_make_target(image build "--preset=rv64;--preset=rv32" ${link} ${name}.kmemfuzz/rv64/replay.elf ${name}_rv64.elf
    ${link} ${name}.kmemfuzz/rv32/replay.elf ${name}_rv32.elf)

  add_test(NAME ${name}.build COMMAND ${kmemfuzz} build ${heap} WORKING_DIRECTORY "${CMAKE_CURRENT_SOURCE_DIR}")
  set_tests_properties(${name}.build PROPERTIES FIXTURES_SETUP ${name}.kmemfuzz LABELS kmemfuzz)
  string(REGEX REPLACE "[.][^.]*$" ".fuzz" folder "${subject}")
  foreach(kind corpus regressions)
    add_test(NAME ${name}.${kind} WORKING_DIRECTORY "${CMAKE_CURRENT_SOURCE_DIR}" COMMAND sh -c
      "[ -n \"$(ls \"$0\" 2>/dev/null)\" ] || { echo \"There is no program in $0 yet: nothing is judged\"; exit 77; }; exec \"$@\""
      "${folder}/${kind}" ${kmemfuzz} run ${heap} "${folder}/${kind}")
    set_tests_properties(${name}.${kind} PROPERTIES FIXTURES_REQUIRED ${name}.kmemfuzz SKIP_RETURN_CODE 77 LABELS kmemfuzz)
  endforeach()
endfunction()

cmake_policy(POP)
