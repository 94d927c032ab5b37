# What `cmake --install` makes: the tool, its words in Python, which it finds from where it lies, manual pages, a package for
# find_package, and the sources that builds for heaps of others are made of.

install(TARGETS kmemfuzz RUNTIME DESTINATION bin)
install(DIRECTORY fuzz/kmemfuzz DESTINATION lib FILES_MATCHING REGEX "[.](py|html|css|in)$" PATTERN __pycache__ EXCLUDE)
install(FILES fuzz/report/page/colours.css DESTINATION lib/kmemfuzz/site)

set(tree share/kmemfuzz)
install(DIRECTORY src invariants fuzz cmake docs DESTINATION ${tree} PATTERN kmemfuzz EXCLUDE PATTERN __pycache__ EXCLUDE)
install(DIRECTORY corpus/seeds corpus/minimised DESTINATION ${tree}/corpus) # what campaigns start from
install(FILES CMakeLists.txt CMakePresets.json LICENSE DESTINATION ${tree})

include(CMakePackageConfigHelpers)
set(package lib/cmake/kmemfuzz)
# Of any machine's sizes: a project for 32 bits may use it.
write_basic_package_version_file(${CMAKE_BINARY_DIR}/kmemfuzzConfigVersion.cmake COMPATIBILITY SameMinorVersion ARCH_INDEPENDENT)
install(FILES ${CMAKE_BINARY_DIR}/kmemfuzzConfigVersion.cmake DESTINATION ${package})
install(FILES cmake/kmemfuzz.cmake DESTINATION ${package} RENAME kmemfuzzConfig.cmake)

# By the tool itself, which another machine's cannot be.
if(NOT CMAKE_CROSSCOMPILING)
  find_program(KMEM_PYTHON python3 REQUIRED)
  install(CODE "set(python \"${KMEM_PYTHON}\")\nset(pages \"${CMAKE_CURRENT_LIST_DIR}/man_pages.py\")")
  install(CODE [[
    set(prefix "$ENV{DESTDIR}${CMAKE_INSTALL_PREFIX}")
    message(STATUS "Installing: ${prefix}/share/man/man1")
    execute_process(COMMAND ${python} -B ${pages} ${prefix}/bin/kmemfuzz ${prefix}/share/man/man1 RESULT_VARIABLE code)
    if(NOT code STREQUAL 0)
      message(FATAL_ERROR "kmem: the manual pages could not be written; what stands above says why")
    endif()
  ]])
endif()
