/* Address translation for code in machine mode, which by itself has none: its loads and stores can be made as
 * user mode makes them (mstatus.MPRV), and go by the page tables then. Instructions are fetched from physical
 * addresses all the same, and a trap's handler is not translated: the processor says machine mode there.
 *
 * So the tables must map, for user mode, all data that the code uses while translation is on: the stack, what
 * it reads and writes, constants. 64-bit machines only: sv39.h makes the tables.
 *
 * May be here: the registers and the fence. May not: what is mapped. */
#ifndef KMEM_RISCV_TRANSLATION_H
#define KMEM_RISCV_TRANSLATION_H

#include <stdint.h>

/* Says which tables: satp is sv39_satp's. Translates nothing yet. */
void translation_set_tables(uint64_t satp);

/* From now on loads and stores are translated, until translation_off. Also after context_leave from a trap,
 * when it was on before: the trap has left it half off. */
void translation_on(void);
void translation_off(void);

/* After tables have changed, and before that is relied on. */
void translation_fence(void);

#endif
