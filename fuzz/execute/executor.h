/* The executor: runs a program's operations against a subject and the model, and checks every oracle after
 * each.
 *
 *     program -> step: resolve -> model predicts -> subject acts -> oracles judge -> digest
 *
 * It allocates and prints nothing, needs no library, and depends on no address or clock: the same program
 * gives the same digest in every build and on every machine. The libFuzzer target, the kmemfuzz tool, the
 * replay image and the tests call it. */
#ifndef KMEM_EXECUTOR_H
#define KMEM_EXECUTOR_H

#include "fuzz/execute/state.h"

/* Once, after the caller's members are set: makes the arena ready. Cost: the arena's capacity. */
void executor_prepare(struct executor *executor);

/* Makes an empty heap as header says, and drops the previous run. header->slot_count is at most the tables'
 * capacity. Returns the verdict on the new heap. */
__attribute__((warn_unused_result)) struct verdict executor_start(struct executor *executor,
                                                                  const struct program_header *header);

/* Makes the just started heap hold exactly these blocks, sorted by offset, in slots 0, 1, ...: the state the
 * next step starts from. There are at most slot_count, and each fits the region with gaps of 0 or 16 bytes
 * and more. */
__attribute__((warn_unused_result)) struct verdict
executor_arrange(struct executor *executor, const struct live_block *live, size_t live_count);

/* One operation against subject, model and oracles, from the executor's current state. The first broken
 * oracle, in the order of judge.c, is the verdict; after one the run is over: only executor_end may follow.
 */
__attribute__((warn_unused_result)) struct verdict executor_step(struct executor *executor,
                                                                 const struct operation *operation);

/* Frees everything, a step each, and checks that the heap has recovered. */
__attribute__((warn_unused_result)) struct verdict executor_recover(struct executor *executor);

/* Puts the arena back in its known state. violated: the run ended with a violation, so anything may have been
 * written. */
void executor_end(struct executor *executor, bool violated);

/* All of the above for one program: start, a step per operation, recovery, end. A heap without a view that
 * merges does all but the start twice (unseen.h). */
__attribute__((warn_unused_result)) struct verdict executor_run(struct executor *executor,
                                                                const struct program *program);

#endif
