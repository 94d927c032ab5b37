# Heaps of others, to be put under test.

# kmem_foreign_heap(NAME SOURCES FILE... [OBJECTS FILE...] [FLAGS FLAG...] [MUTE CHECK...] [TABLE SYMBOL]): a library NAME of a
# heap's own sources and what one of them defines for us: the table of functions, subject_NAME, or SYMBOL. No other symbol of
# theirs can be seen from outside, so their functions may be called malloc, free or whatever else. Watched by the sanitizers, but
# for UBSan's checks to MUTE (shift, alignment, null, pointer-overflow, object-size, ...). FLAGS stand in place of all that this
# project's sources are compiled with. OBJECTS are what other compilers make, object files and static libraries; if the caller's
# folder makes them, by commands.
function(kmem_foreign_heap name)
  cmake_parse_arguments(heap "" "TABLE" "SOURCES;OBJECTS;FLAGS;MUTE" ${ARGN})
  if(NOT heap_TABLE)
    set(heap_TABLE subject_${name})
  endif()
  if(heap_FLAGS)
    unset(CMAKE_C_STANDARD)
    unset(CMAKE_CXX_STANDARD)
  endif()
  add_library(${name}_code OBJECT ${heap_SOURCES})
  if(heap_FLAGS)
    target_link_libraries(${name}_code PRIVATE kmem_watched)
    # Whoever defines malloc means that one, and a variable without a value is in one place.
    target_compile_options(${name}_code PRIVATE -g ${heap_FLAGS} -fno-builtin -fno-common
      -idirafter${PROJECT_SOURCE_DIR}/fuzz/include -idirafter${PROJECT_SOURCE_DIR}) # after all of its own
  else()
    target_link_libraries(${name}_code PRIVATE kmem_under_test)
    target_compile_options(${name}_code PRIVATE
      $<$<COMPILE_LANGUAGE:CXX>:-fno-exceptions> $<$<COMPILE_LANGUAGE:CXX>:-fno-rtti>)
  endif()
  # Its steps and its stores are seen as well (fuzz/host/guard.h), but where it counts them itself, which stores too.
  set(guarded "")
  if(NOT KMEM_BOARD AND NOT CMAKE_C_FLAGS MATCHES "-fprofile-instr-generate")
    target_compile_options(${name}_code PRIVATE
      $<IF:$<C_COMPILER_ID:Clang>,-fsanitize-coverage=trace-pc$<COMMA>trace-stores,-fsanitize-coverage=trace-pc>)
    set(guarded --redefine-sym __sanitizer_cov_trace_pc=guard_step) # libFuzzer has one, which does nothing
    foreach(function memcpy memmove memset)
      list(APPEND guarded --redefine-sym ${function}=guard_${function} --redefine-sym __asan_${function}=guard_asan_${function})
    endforeach()
  endif()
  if(heap_MUTE AND NOT KMEM_INSTRUMENT STREQUAL "none")
    list(JOIN heap_MUTE "," muted)
    add_library(${name}_muted INTERFACE) # whose options come after what it mutes
    target_compile_options(${name}_muted INTERFACE -fno-sanitize=${muted})
    target_link_libraries(${name}_code PRIVATE ${name}_muted)
  endif()

  separate_arguments(flags UNIX_COMMAND "${CMAKE_C_FLAGS}")
  list(FILTER flags EXCLUDE REGEX "^-(fsanitize|fprofile|fcoverage|Wl,)") # of an engine's, which would put run times into the object
  if(CMAKE_C_COMPILER_TARGET)
    list(APPEND flags --target=${CMAKE_C_COMPILER_TARGET} --ld-path=${KMEM_LINKER})
  endif()
  # Its script's contents stand in the command, so that libraries are made again when it changes.
  set(join ${PROJECT_SOURCE_DIR}/cmake/join_heap.cmake)
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${join})
  file(SHA256 ${join} version)
  # The library, made once more of one object. That is no custom command's output, whose path could not contain a #.
  add_library(${name} STATIC $<TARGET_OBJECTS:${name}_code> ${heap_OBJECTS})
  set_target_properties(${name} PROPERTIES LINKER_LANGUAGE C)
  add_custom_command(TARGET ${name} POST_BUILD
    COMMAND ${CMAKE_COMMAND} -DTABLE=${heap_TABLE} -DOUT=$<TARGET_FILE:${name}>.o -DSCRIPT=$<TARGET_FILE:${name}>.ld -DHOST=$<NOT:$<BOOL:${KMEM_BOARD}>>
      -DREADELF=${CMAKE_READELF} -DVERSION=${version}${KMEM_HEAP_STAMP} -P ${join}
      -- ${CMAKE_C_COMPILER} ${flags} -- $<TARGET_OBJECTS:${name}_code> ${heap_OBJECTS}
    # What AddressSanitizer shares between objects stays shared.
    COMMAND ${CMAKE_OBJCOPY} --keep-global-symbol=${heap_TABLE} --keep-global-symbol=___asan_globals_registered
      ${guarded} $<TARGET_FILE:${name}>.o
    COMMAND ${CMAKE_COMMAND} -E rm $<TARGET_FILE:${name}>
    COMMAND ${CMAKE_AR} crs $<TARGET_FILE:${name}> $<TARGET_FILE:${name}>.o
    COMMAND ${CMAKE_COMMAND} -E rm $<TARGET_FILE:${name}>.o $<TARGET_FILE:${name}>.ld
    COMMAND_EXPAND_LISTS VERBATIM)
endfunction()
