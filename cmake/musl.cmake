# The host with another C library, musl: its malloc is put under test.
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR ${CMAKE_HOST_SYSTEM_PROCESSOR})
set(CMAKE_C_COMPILER musl-gcc)
set(CMAKE_CXX_COMPILER musl-gcc) # it compiles C++, and no library of it is used
set(CMAKE_EXE_LINKER_FLAGS_INIT "-static")
