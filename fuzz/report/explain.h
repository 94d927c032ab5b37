/* Verdicts and steps in words: each oracle's values, and what each call did. */
#ifndef KMEM_EXPLAIN_H
#define KMEM_EXPLAIN_H

#include "fuzz/execute/executor.h"
#include "fuzz/host/abort.h"

#define EXPLAIN_OUTCOME_SIZE 192 /* bytes */
#define EXPLAIN_VALUE_SIZE   96  /* bytes */

/* A verdict's members in words, units included. */
struct explanation {
    char where[EXPLAIN_VALUE_SIZE];
    char expected[EXPLAIN_VALUE_SIZE];
    char observed[EXPLAIN_VALUE_SIZE];
};

/* Fills *explanation for an unsound verdict. step is the last one; NULL: there is none, or it is unknown. */
void explain_verdict(struct verdict verdict, const struct step *step, struct explanation *explanation);

/* The facts of the table, if the subject has no view, that demand what was not kept: behind the verdict,
 * which is sound when the subject died, or behind a call that relied on them, whether step's or one before.
 * Such as "your table says .alignment = 16". Returns buffer; empty: it was no fact's doing. */
#define EXPLAIN_FACT_SIZE 256 /* bytes */
const char *explain_fact(const struct subject *subject, struct verdict verdict, const struct step *step,
                         char buffer[EXPLAIN_FACT_SIZE]);

/* A file as it would be typed: from the current folder, if it lies below that. */
const char *explain_file(const char *file);

/* The place of a line, such as "src/fit.c:120 in give" or, with no function known, "src/fit.c:120". Returns
 * buffer. */
#define EXPLAIN_SOURCE_SIZE (SANITIZER_FUNCTION_SIZE + SANITIZER_FILE_SIZE + 32)
const char *explain_source(const struct sanitizer_source *source, char buffer[EXPLAIN_SOURCE_SIZE]);

/* Whose fault it is, for a place in an adapter. Returns buffer. */
const char *explain_adapter(const struct assertion *place, char buffer[EXPLAIN_SOURCE_SIZE]);

/* What a step's call did, such as "-> slot 3, offset 40" or "-> refused: double-free". Returns buffer. */
const char *explain_outcome(const struct step *step, char buffer[EXPLAIN_OUTCOME_SIZE]);

/* A step in a line without its end: its number, the operation as the program has it, what it did, and why
 * that is not what stands there: a slot that was not as the operation needs it, a size that depends on the
 * heap. unfinished stands for what it did when it has not returned; NULL: it has. Returns line. */
#define EXPLAIN_STEP_SIZE 512
const char *explain_step(const struct step *step, const char *unfinished, char line[EXPLAIN_STEP_SIZE]);

/* A run's heap, by the geometry that the executor gives it: its region in pages and, where the subject has no
 * view, in bytes. Returns buffer. */
#define EXPLAIN_HEAP_SIZE 96
const char *explain_heap(const struct program_header *geometry, char buffer[EXPLAIN_HEAP_SIZE]);

/* The name of a refusal, such as "double-free"; "unknown" for any other value. */
const char *explain_refusal(uint64_t refusal);

#endif
