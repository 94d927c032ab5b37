# Makes a C source that holds files as text: cmake -DOUTPUT=FILE.c "-DFILES=name=path,name=path" -P embed.cmake
# Each becomes `const char NAME[]`, with a NUL behind it.
string(REPLACE "," ";" FILES "${FILES}")
set(source "/* Made by cmake/embed.cmake. */\n#include \"fuzz/draw/page.h\"\n")
foreach(entry IN LISTS FILES)
  string(REGEX MATCH "^([a-z_]+)=(.+)$" matched "${entry}")
  file(READ "${CMAKE_MATCH_2}" bytes HEX)
  set(name ${CMAKE_MATCH_1})
  string(REGEX REPLACE "(................................)" "\\1\n" bytes "${bytes}")
  string(REGEX REPLACE "([0-9a-f][0-9a-f])" "'\\\\x\\1'," bytes "${bytes}")
  string(APPEND source "const char ${name}[] = {\n${bytes}0};\n")
endforeach()
file(WRITE "${OUTPUT}" "${source}")
