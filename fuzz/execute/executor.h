/* The executor: runs a program's operations against a subject and the model, and asks every oracle after
 * each.
 *
 *     program -> step: resolve -> model predicts -> subject acts -> oracles judge -> digest
 *
 * It allocates nothing, needs no library, and depends on no address: the same program gives the same digest
 * in every build and on every machine.
 *
 * May be here: the run of a program. May not: printing, files, clocks; what to do about a violation is the
 * caller's. Called by the libFuzzer target, the kmemfuzz tool, the replay
 * image and the tests. */
#ifndef KMEM_EXECUTOR_H
#define KMEM_EXECUTOR_H

#include "fuzz/execute/state.h"

/* Once, after the caller's members are set: makes the arena ready. Cost: the arena's capacity. */
void executor_prepare(struct executor *executor);

/* Makes an empty heap as header says, and forgets the run before. header->slot_count is at most the tables'
 * capacity. Returns the verdict on the new heap. */
__attribute__((warn_unused_result)) struct verdict executor_start(struct executor *executor,
                                                                  const struct program_header *header);

/* Makes the just started heap hold exactly these blocks, sorted by offset, in slots 0, 1, ...: the state the
 * next step starts from. There are at most slot_count, and each fits the region with gaps of 0 or 16 bytes
 * and more. */
__attribute__((warn_unused_result)) struct verdict
executor_arrange(struct executor *executor, const struct live_block *live, size_t live_count);

/* One operation against subject, model and oracles, from the state the executor is in. The first oracle
 * broken, in the order of judge.c, is the verdict; after one the run is over: only executor_end may follow.
 */
__attribute__((warn_unused_result)) struct verdict executor_step(struct executor *executor,
                                                                 const struct operation *operation);

/* Frees everything, a step each, and asks whether the heap has recovered. */
__attribute__((warn_unused_result)) struct verdict executor_recover(struct executor *executor);

/* Puts the arena back in its known state. violated: the run ended with a violation, so anything may have been
 * written. */
void executor_end(struct executor *executor, bool violated);

/* All of the above for one program: start, a step per operation, recovery, end. */
__attribute__((warn_unused_result)) struct verdict executor_run(struct executor *executor,
                                                                const struct program *program);

#endif
