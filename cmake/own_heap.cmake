# A heap of its author's in place of kmem (fuzz/kmemfuzz/heap.py).

# kmem_heap_under_test(): its library, heap_under_test.
function(kmem_heap_under_test)
  file(STRINGS ${PROJECT_SOURCE_DIR}/fuzz/execute/subject.h version REGEX "^#define SUBJECT_VERSION ")
  string(REGEX MATCH "[0-9]+$" version ${version})
  kmem_foreign_heap(heap_under_test TABLE subject_under_test SOURCES ${KMEM_HEAP_SOURCES} OBJECTS ${KMEM_HEAP_OBJECTS}
    FLAGS -DKMEMFUZZ_SUBJECT_TOOL=${version} "SHELL:${KMEM_HEAP_FLAGS}" MUTE ${KMEM_HEAP_MUTE})
  if(CMAKE_CXX_COMPILER_LOADED AND NOT KMEM_BOARD AND NOT KMEM_ENGINE)
    target_link_libraries(heap_under_test INTERFACE stdc++)
  endif()
endfunction()

# kmem_programs_of_own_heap(): its programs, linked with the harness that a build of kmem has compiled and exported.
function(kmem_programs_of_own_heap)
  kmem_heap_under_test()
  add_executable(heap_fuzzer $<TARGET_OBJECTS:kmem_heap_target>)
  target_link_libraries(heap_fuzzer PRIVATE kmem_hosted kmem_report kmem_mutator)
  target_link_options(heap_fuzzer PRIVATE -fsanitize=fuzzer)
  add_executable(kmemfuzz $<TARGET_OBJECTS:kmem_command>)
  target_link_libraries(kmemfuzz PRIVATE kmem_hosted kmem_tool)
  set_target_properties(heap_fuzzer kmemfuzz PROPERTIES LINKER_LANGUAGE C)
endfunction()
