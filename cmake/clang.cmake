# The newest clang there is, which cmake/clang looks for, once for each folder of a build.
if(NOT KMEM_CLANG)
  execute_process(COMMAND sh ${CMAKE_CURRENT_LIST_DIR}/clang OUTPUT_VARIABLE found ERROR_VARIABLE problem RESULT_VARIABLE code
                  OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_STRIP_TRAILING_WHITESPACE)
  if(NOT code STREQUAL 0)
    message(FATAL_ERROR "kmem: ${problem}")
  endif()
  string(REPLACE "\n" ";" found "${found}")
  set(KMEM_CLANG "${found}" CACHE INTERNAL "what cmake/clang printed")
endif()
list(APPEND CMAKE_TRY_COMPILE_PLATFORM_VARIABLES KMEM_CLANG) # whose projects read this again
list(GET KMEM_CLANG 0 CMAKE_C_COMPILER)
list(GET KMEM_CLANG 1 CMAKE_CXX_COMPILER)
list(GET KMEM_CLANG 2 KMEM_LINKER) # given by its path: -fuse-ld=lld would be whichever version is called ld.lld
