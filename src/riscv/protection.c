/* Physical memory protection. protection.h is the contract.
 *
 * Every range is one entry of the kind "top of range" (TOR): from the address in the register before its own,
 * up to that in its own. A locked entry binds machine mode too, and cannot be changed before a reset. */
#include "protection.h"

#include "csr.h"

#define ENTRY_TOR    0x08u
#define ENTRY_LOCKED 0x80u

#define CASE(number)                                                                                         \
    case number:                                                                                             \
        CSR_WRITE(pmpaddr##number, value);                                                                   \
        break;

static void write_address(size_t entry, uintptr_t value) {
    switch (entry) {
        CASE(0)
        CASE(1)
        CASE(2)
        CASE(3)
        CASE(4)
        CASE(5)
        CASE(6)
        CASE(7)
        CASE(8)
        CASE(9)
        CASE(10)
        CASE(11)
        CASE(12)
        CASE(13)
        CASE(14)
        CASE(15)
    default: /* there are no more */
        break;
    }
}

/* A configuration register holds as many entries, a byte each, as it has bytes. A 64-bit machine has only
 * those with even numbers. */
static void write_configuration(const uint8_t entries[PROTECTION_RANGE_MAXIMUM]) {
    uintptr_t words[PROTECTION_RANGE_MAXIMUM / sizeof(uintptr_t)] = {0};
    for (size_t i = 0; i < PROTECTION_RANGE_MAXIMUM; i++) {
        words[i / sizeof(uintptr_t)] |= (uintptr_t)entries[i] << 8 * (i % sizeof(uintptr_t));
    }
    CSR_WRITE(pmpcfg0, words[0]);
#if __riscv_xlen == 64
    CSR_WRITE(pmpcfg2, words[1]);
#else
    CSR_WRITE(pmpcfg1, words[1]);
    CSR_WRITE(pmpcfg2, words[2]);
    CSR_WRITE(pmpcfg3, words[3]);
#endif
}

void protection_lock(const struct protection_range *ranges, size_t count) {
    uint8_t entries[PROTECTION_RANGE_MAXIMUM] = {0};
    for (size_t i = 0; i < count; i++) { /* all addresses first: a locked entry locks the address before it */
        write_address(i, ranges[i].end == UINTPTR_MAX ? UINTPTR_MAX : ranges[i].end >> 2);
        entries[i] = (uint8_t)(ENTRY_LOCKED | ENTRY_TOR | ranges[i].access);
    }
    write_configuration(entries);
}
