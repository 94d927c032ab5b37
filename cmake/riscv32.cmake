# The 32-bit board: the same sources, and the same 64-bit headers in the heap.
set(KMEM_BOARD rv32 CACHE STRING "The board to build for; empty: the host")
set(KMEM_TARGET_PROCESSOR riscv32)
set(KMEM_TARGET_MACHINE "-march=rv32imac_zicsr -mabi=ilp32")
include(${CMAKE_CURRENT_LIST_DIR}/riscv.cmake)
