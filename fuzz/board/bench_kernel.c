/* What the bench image counts: operations of this project's heaps, each in a given state, and the way through
 * a trap. */
#include "fuzz/board/bench.h"
#include "src/riscv/trap.h"

#define CAUSE_ECALL ((uintptr_t)11)
#define ECALL_SIZE  ((uintptr_t)4) /* bytes */

/* The one instruction that is expected to trap is skipped; an access is made again when its page is there. */
void trap_handle(struct trap_frame *frame) {
    const uintptr_t cause = CSR_READ(mcause);
    if (bench_map(cause, CSR_READ(mtval))) {
        return;
    }
    if (cause != CAUSE_ECALL) {
        bench_require(false, "no trap but the one measured");
    }
    frame->program_counter += ECALL_SIZE;
}

BENCH_COUNTED(count_trap, (void), __asm__ volatile("ecall" :: : "memory"))

static void bench_traps(void) {
    bench_report("trap", BENCH_NO_NUMBER, count_trap());
}

void bench_run(void) {
    bench_heap();
    bench_realloc();
    bench_check();
    bench_pages();
    bench_faults();
    bench_traps();
}
