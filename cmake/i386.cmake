# A 32-bit machine that the host can be: heaps whose layout follows the size of a pointer are tried there.
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR i686)
set(CMAKE_C_COMPILER gcc)
set(CMAKE_CXX_COMPILER gcc) # it compiles C++, and no library of it is used
