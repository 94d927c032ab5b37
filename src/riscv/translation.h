/* Address translation for code in machine mode, which by itself has none: its loads and stores can be made as
 * in user mode (mstatus.MPRV), through the page tables. Instructions are still fetched from physical
 * addresses, and a trap's handler is not translated: there the processor is in machine mode.
 *
 * So the tables must map, for user mode, all data that the code uses while translation is on: the stack, what
 * it reads and writes, constants. 64-bit machines only: sv39.h makes the tables. */
#ifndef KMEM_RISCV_TRANSLATION_H
#define KMEM_RISCV_TRANSLATION_H

#include <stdint.h>

/* Sets the tables: satp is sv39_satp's. Translates nothing yet. */
void translation_set_tables(uint64_t satp);

/* From now on loads and stores are translated, until translation_off. Call it also after context_leave from a
 * trap, if it was on before: the trap has left it half off. */
void translation_on(void);
void translation_off(void);

/* Call it after tables have changed, before relying on the change. */
void translation_fence(void);

#endif
