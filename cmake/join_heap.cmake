# Makes one object of a heap's, for foreign_heap.cmake: cmake -DTABLE=SYMBOL -DOUT=FILE -DSCRIPT=FILE -DHOST=BOOL -DREADELF=...
# -P join_heap.cmake -- LINK... -- OBJECT... writes the linker's script and links OUT.

cmake_minimum_required(VERSION 3.22)

# The writable data of a heap of others get sections of their own: the harness puts them back before every start
# (fuzz/host/globals.h, fuzz/board/globals.c). These stay as they are: a compiler's own, and those of threads.
set(others "[.]data[.]rel[.]ro([.].*)?|[.](init|fini|preinit)_array([.].*)?|[.][cd]tors([.].*)?|[.]t(data|bss)([.].*)?|[.]tm_clone_table|"
           "asan_.*|__sancov_.*|__llvm_.*")
string(CONCAT others ${others})

set(part 0)
math(EXPR last "${CMAKE_ARGC} - 1")
foreach(i RANGE ${last})
  if(CMAKE_ARGV${i} STREQUAL "--")
    math(EXPR part "${part} + 1")
  elseif(part EQUAL 1)
    list(APPEND link "${CMAKE_ARGV${i}}")
  elseif(part EQUAL 2)
    list(APPEND objects "${CMAKE_ARGV${i}}")
  endif()
endforeach()

# Variables in sections of other names go there too.
set(data "")
foreach(object IN LISTS objects)
  execute_process(COMMAND ${READELF} -SW ${object} OUTPUT_VARIABLE sections COMMAND_ERROR_IS_FATAL ANY)
  string(REGEX MATCHALL "[^ \n]+ +[A-Z_]+ +[0-9a-f]+ +[0-9a-f]+ +[0-9a-f]+ +[0-9a-f]+ +[A-Za-z]+ " sections "${sections}")
  foreach(section IN LISTS sections)
    string(REGEX REPLACE "^([^ ]+) .* ([A-Za-z]+) $" "\\1;\\2" section "${section}")
    list(GET section 0 name)
    list(GET section 1 flags)
    if(flags MATCHES "W" AND flags MATCHES "A" AND NOT name MATCHES "^([.](data|bss)([.].*)?|${others})$" AND NOT name IN_LIST data)
      list(APPEND data ${name})
    endif()
  endforeach()
endforeach()

set(script "SECTIONS\n{\n  .data.rel.ro : { *(.data.rel.ro .data.rel.ro.*) }\n  kmem_subject_data : { *(.data .data.*)")
foreach(name IN LISTS data)
  if(name MATCHES "^[A-Za-z_][A-Za-z_0-9]*$") # which the linker has names for
    string(APPEND script " __start_${name} = .; *(${name}) __stop_${name} = .;")
  else()
    string(APPEND script " *(${name})")
  endif()
endforeach()
string(APPEND script " }\n  kmem_subject_bss : { *(.bss .bss.* COMMON) }\n")
# The source with the table is the adapter, if there are others: what is wrong in it is not the heap's fault.
if(HOST)
  list(LENGTH objects count)
  foreach(object IN LISTS objects)
    execute_process(COMMAND ${READELF} -sW ${object} OUTPUT_VARIABLE symbols COMMAND_ERROR_IS_FATAL ANY)
    if(count GREATER 1 AND symbols MATCHES " (GLOBAL|WEAK|UNIQUE) +[A-Z]+ +([0-9]+|COM) ${TABLE}\n")
      get_filename_component(source ${object} NAME_WLE)
      string(HEX "${source}" bytes)
      string(REGEX REPLACE "(..)" " BYTE(0x\\1)" bytes "${bytes}00")
      string(APPEND script "  kmem_adapter_text : { \"${object}\"(.text .text.*) }\n  kmem_adapter_names : {${bytes} }\n")
    endif()
  endforeach()
  string(APPEND script "  kmem_heap_text : { *(.text .text.*) }\n")
endif()
file(WRITE ${SCRIPT} "${script}}\n")
execute_process(COMMAND ${link} -r -nostdlib -Wl,--force-group-allocation -Wl,-T,${SCRIPT} -o ${OUT} ${objects} COMMAND_ERROR_IS_FATAL ANY)
