# What both boards share: one toolchain, clang and lld, and nothing that comes with one. No C library and no
# compiler runtime are linked, so a division or an atomic that the machine lacks is an error at link time.
#
# Included by riscv64.cmake and riscv32.cmake, which say KMEM_BOARD, the triple and the machine flags.
set(CMAKE_SYSTEM_NAME Generic)
set(CMAKE_SYSTEM_PROCESSOR ${KMEM_TARGET_PROCESSOR})
set(CMAKE_TRY_COMPILE_TARGET_TYPE STATIC_LIBRARY) # a test program would not link: it brings no start code

include(${CMAKE_CURRENT_LIST_DIR}/clang.cmake) # and C++, of heaps of others
set(CMAKE_ASM_COMPILER ${CMAKE_C_COMPILER})
set(CMAKE_C_COMPILER_TARGET ${KMEM_TARGET_PROCESSOR}-unknown-elf)
set(CMAKE_CXX_COMPILER_TARGET ${KMEM_TARGET_PROCESSOR}-unknown-elf)
set(CMAKE_ASM_COMPILER_TARGET ${KMEM_TARGET_PROCESSOR}-unknown-elf)
list(GET KMEM_CLANG 3 CMAKE_AR)
list(GET KMEM_CLANG 4 CMAKE_RANLIB)
set(CMAKE_AR ${CMAKE_AR} CACHE FILEPATH "")
set(CMAKE_RANLIB ${CMAKE_RANLIB} CACHE FILEPATH "")

# medany: RAM lies at 2 GiB, out of reach of medlow on a 64-bit machine. No linker relaxation: it needs gp set up.
set(KMEM_MACHINE_FLAGS "${KMEM_TARGET_MACHINE} -mcmodel=medany -mno-relax")
set(CMAKE_C_FLAGS_INIT "${KMEM_MACHINE_FLAGS} -O2 -fno-common -ffunction-sections -fdata-sections")
set(CMAKE_CXX_FLAGS_INIT "${CMAKE_C_FLAGS_INIT} -fno-exceptions -fno-rtti -fno-threadsafe-statics -nostdinc++")
set(CMAKE_ASM_FLAGS_INIT "${KMEM_MACHINE_FLAGS}")
# Local labels would be what a symboliser finds first for an address.
set(CMAKE_EXE_LINKER_FLAGS_INIT "--ld-path=${KMEM_LINKER} -nostdlib -static -Wl,--gc-sections -Wl,--discard-locals -Wl,--fatal-warnings")
