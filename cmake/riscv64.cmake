# The 64-bit board.
set(KMEM_BOARD rv64 CACHE STRING "The board to build for; empty: the host")
set(KMEM_TARGET_PROCESSOR riscv64)
set(KMEM_TARGET_MACHINE "-march=rv64gc -mabi=lp64d")
include(${CMAKE_CURRENT_LIST_DIR}/riscv.cmake)
