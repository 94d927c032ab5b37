# Makes C sources that hold texts byte by byte: files of the tree, and where the tree lies. A folder's name may hold any byte,
# and neither a definition on a compiler's command line nor a custom command's output may.

# A definition of `const char NAME[]`, with a NUL at its end, for bytes in hexadecimal.
function(kmem_c_array variable name bytes)
  string(REGEX REPLACE "(................................)" "\\1\n" bytes "${bytes}")
  string(REGEX REPLACE "([0-9a-f][0-9a-f])" "'\\\\x\\1'," bytes "${bytes}")
  set(${variable} "const char ${name}[] = {\n${bytes}0};\n" PARENT_SCOPE)
endfunction()

# Writes a file in the current binary folder, unless that is what it holds: what is written is compiled. (file(CONFIGURE) and
# file(GENERATE) take no path with < or > in it.)
function(kmem_write output text)
  set(path "${CMAKE_CURRENT_BINARY_DIR}/${output}")
  set(old "")
  if(EXISTS "${path}")
    file(READ "${path}" old)
  endif()
  if(NOT old STREQUAL text)
    file(WRITE "${path}" "${text}")
  endif()
endfunction()

# Makes OUTPUT in the current binary folder of the other arguments, NAME=FILE, with an array for each. It is made again when a
# file changes.
function(kmem_embed_files output header)
  set(source "/* Made by cmake/embed.cmake. */\n#include \"${header}\"\n")
  foreach(entry IN LISTS ARGN)
    string(REGEX MATCH "^([a-z_]+)=(.+)$" matched "${entry}")
    set(name ${CMAKE_MATCH_1})
    set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS "${CMAKE_MATCH_2}")
    file(READ "${CMAKE_MATCH_2}" bytes HEX)
    kmem_c_array(array ${name} "${bytes}")
    string(APPEND source "${array}")
  endforeach()
  kmem_write(${output} "${source}")
endfunction()

# The URI of a path: what is no letter, digit or one of -./_~ is percent-encoded.
function(kmem_file_uri variable path)
  string(HEX "${path}" uri)
  string(REGEX REPLACE "([0-9a-f][0-9a-f])" "%\\1" uri "${uri}")
  foreach(code RANGE 45 126)
    string(ASCII ${code} character)
    if(character MATCHES "^[-./0-9A-Z_a-z~]$")
      string(HEX "${character}" byte)
      string(REPLACE "%${byte}" "${character}" uri "${uri}")
    endif()
  endforeach()
  set(${variable} "file://${uri}" PARENT_SCOPE)
endfunction()

# Makes places.c, which has what fuzz/host/places.h says.
function(kmem_embed_places documents)
  if(NOT documents)
    kmem_file_uri(documents "${PROJECT_SOURCE_DIR}/docs")
  endif()
  string(HEX "${PROJECT_SOURCE_DIR}" tree)
  string(HEX "${documents}" documents)
  kmem_c_array(tree_array places_tree "${tree}")
  kmem_c_array(documents_array places_documents "${documents}")
  kmem_write(places.c "/* Made by cmake/embed.cmake. */\n#include \"fuzz/host/places.h\"\n${tree_array}${documents_array}")
endfunction()
