/* Address translation. translation.h is the contract. */
#include "translation.h"

#include "csr.h"

void translation_fence(void) {
    __asm__ volatile("sfence.vma" ::: "memory");
}

void translation_set_tables(uint64_t satp) {
    CSR_WRITE(satp, satp);
    translation_fence();
}

void translation_on(void) {
    CSR_CLEAR(mstatus, MSTATUS_MPP); /* user mode, which every return from a trap says as well */
    CSR_SET(mstatus, MSTATUS_MPRV);
}

void translation_off(void) {
    CSR_CLEAR(mstatus, MSTATUS_MPRV);
}
