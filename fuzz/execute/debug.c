/* Places for a debugger to stop at. debug.h is the contract. */
#include "fuzz/execute/debug.h"

/* Kept as a function of its own, called with these arguments, however the image is optimised: a
 * compiler that sees all files at once would otherwise drop what has no use. */
#define DEBUG_PLACE __attribute__((noinline, used))

const struct executor *volatile debug_executor;

DEBUG_PLACE void debug_operation(size_t index, const struct step *step) {
    __asm__ volatile("" ::"r"(index), "r"(step) : "memory");
}

DEBUG_PLACE void debug_violation(const struct verdict *verdict, const struct step *step) {
    __asm__ volatile("" ::"r"(verdict), "r"(step) : "memory");
}

static void before(void *context, const struct executor *executor, const struct step *step) {
    (void)context;
    debug_executor = executor;
    debug_operation(step->index, step);
}

static void after(void *context, const struct executor *executor, const struct step *step,
                  struct verdict verdict) {
    (void)context;
    debug_executor = executor;
    if (!verdict_is_sound(verdict)) {
        debug_violation(&verdict, step);
    }
}

const struct observer debug_observer = {.before = before, .after = after};
