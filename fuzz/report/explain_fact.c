/* Which facts of a subject's table are behind a finding. explain.h is the contract. */
#include <stdio.h>
#include <string.h>

#include "fuzz/execute/oracle.h"
#include "fuzz/report/explain.h"

#define LENGTH(array) (sizeof(array) / sizeof(array)[0])

#define SAYS        "your table says "
#define NO_NUMBER   SIZE_MAX
#define LEAST_LARGE 16u /* bytes: what a heap grants that does not say its largest request */

/* A finding, and whose it is. */
struct finding {
    const struct subject_facts *facts;
    struct verdict verdict;
    const struct step *step; /* NULL: none */
};

/* More may have been asked for by the program. */
static bool is_alignment(const struct finding *finding) {
    return finding->verdict.expected == finding->facts->alignment;
}

static bool is_null(const struct finding *finding) {
    return finding->step == NULL || (finding->step->relies & RELIANCE_REALLOC_ZERO) == 0;
}

static bool shares_nothing(const struct finding *finding) {
    const struct verdict *const verdict = &finding->verdict;
    const bool empty = finding->step != NULL && step_request(finding->step) == 0;
    return finding->facts->zero_size == SUBJECT_ZERO_UNIQUE && verdict->offset == verdict->expected &&
           (empty || verdict->observed == verdict->expected);
}

static bool is_largest(const struct finding *finding) {
    return finding->verdict.expected == finding->facts->largest_request;
}

static bool is_large(const struct finding *finding) {
    return finding->facts->largest_request != 0 && finding->verdict.expected > LEAST_LARGE;
}

static bool may_be_used(const struct finding *finding) {
    return finding->facts->merges && finding->step != NULL && finding->step->index != 0;
}

static bool is_given(const struct finding *finding) {
    return finding->facts->memory == SUBJECT_MEMORY_GIVEN &&
           finding->verdict.offset >= finding->verdict.expected;
}

static bool is_own(const struct finding *finding) {
    return finding->facts->memory == SUBJECT_MEMORY_OWN;
}

/* What switched an oracle on, or made its demand. */
static const struct cause {
    unsigned oracle;
    bool (*applies)(const struct finding *finding); /* NULL: always */
    const char *text;
    size_t number; /* where the facts have what follows the text; NO_NUMBER: nothing does */
} causes[] = {
    {ORACLE_ALIGNMENT, is_alignment, ".alignment = ", offsetof(struct subject_facts, alignment)},
    {ORACLE_ZERO_SIZE, is_null, ".zero_size = SUBJECT_ZERO_NULL", NO_NUMBER},
    {ORACLE_DISJOINT, shares_nothing, ".zero_size = SUBJECT_ZERO_UNIQUE", NO_NUMBER},
    {ORACLE_IMPOSSIBLE_SIZE, is_largest,
     ".largest_request = ", offsetof(struct subject_facts, largest_request)},
    {ORACLE_LIVENESS, is_large, ".largest_request = ", offsetof(struct subject_facts, largest_request)},
    {ORACLE_LIVENESS, may_be_used, ".merges = true", NO_NUMBER},
    {ORACLE_LEAK, NULL, ".merges = true", NO_NUMBER},
    {ORACLE_REFIT, NULL, ".refits = true", NO_NUMBER},
    {ORACLE_GIVES_BACK, NULL, ".gives_back = true", NO_NUMBER},
    {ORACLE_PLACEMENT, NULL,
     ".first_fit.header_size = ", offsetof(struct subject_facts, first_fit.header_size)},
    {ORACLE_PLACEMENT, NULL, ".first_fit.grain = ", offsetof(struct subject_facts, first_fit.grain)},
    {ORACLE_PLACEMENT, NULL,
     ".first_fit.block_least = ", offsetof(struct subject_facts, first_fit.block_least)},
    {ORACLE_PLACEMENT, NULL, ".metadata = ", offsetof(struct subject_facts, metadata)},
    {ORACLE_INSIDE, is_given, ".memory = SUBJECT_MEMORY_GIVEN", NO_NUMBER},
    {ORACLE_INSIDE, is_own,
     ".memory = SUBJECT_MEMORY_OWN, .own_size = ", offsetof(struct subject_facts, own_size)},
};

static const struct {
    unsigned bit;
    const char *text;
} reliances[] = {
    {RELIANCE_FREE_NULL, ".free_null = true"},
    {RELIANCE_REALLOC_NULL, ".realloc_null = true"},
    {RELIANCE_REALLOC_ZERO, ".realloc_zero = true"},
    {RELIANCE_DOUBLE_FREE, ".answers = SUBJECT_DOUBLE_FREE"},
    {RELIANCE_INTERIOR, ".answers = SUBJECT_INTERIOR"},
    {RELIANCE_MISALIGNED, ".answers = SUBJECT_MISALIGNED"},
    {RELIANCE_FOREIGN, ".answers = SUBJECT_FOREIGN"},
};

/* What may be noticed later: a NULL that was not expected is noticed at once. */
#define NOTICED_LATER                                                                                        \
    (RELIANCE_DOUBLE_FREE | RELIANCE_INTERIOR | RELIANCE_MISALIGNED | RELIANCE_FOREIGN |                     \
     RELIANCE_REALLOC_ZERO)

/* Appends a text, after what leads to it or, from the second on, a comma. */
static void add_text(char buffer[EXPLAIN_FACT_SIZE], bool *begun, const char *lead, const char *text) {
    const size_t size = strlen(buffer);
    snprintf(buffer + size, EXPLAIN_FACT_SIZE - size, "%s%s", *begun ? ", " : lead, text);
    *begun = true;
}

static void add_cause(const struct cause *cause, const struct subject_facts *facts, bool *begun,
                      char buffer[EXPLAIN_FACT_SIZE]) {
    char text[64];
    size_t number = 0;
    if (cause->number == NO_NUMBER) {
        add_text(buffer, begun, SAYS, cause->text);
        return;
    }
    memcpy(&number, (const char *)facts + cause->number, sizeof number);
    if (number == SIZE_MAX) {
        snprintf(text, sizeof text, "%sSIZE_MAX", cause->text);
    } else {
        snprintf(text, sizeof text, "%s%zu", cause->text, number);
    }
    add_text(buffer, begun, SAYS, text);
}

static void add_reliances(unsigned bits, const char *lead, bool *begun, char buffer[EXPLAIN_FACT_SIZE]) {
    for (size_t i = 0; i < LENGTH(reliances); i++) {
        if ((bits & reliances[i].bit) != 0) {
            add_text(buffer, begun, lead, reliances[i].text);
        }
    }
}

const char *explain_fact(const struct subject *subject, struct verdict verdict, const struct step *step,
                         char buffer[EXPLAIN_FACT_SIZE]) {
    const struct finding finding = {&subject->facts, verdict, step};
    bool begun = false;
    *buffer = '\0';
    if (subject->view != NULL) {
        return buffer;
    }
    for (size_t i = 0; i < LENGTH(causes); i++) {
        if (causes[i].oracle == verdict.oracle &&
            (causes[i].applies == NULL || causes[i].applies(&finding))) {
            add_cause(&causes[i], finding.facts, &begun, buffer);
        }
    }
    if (step != NULL) {
        add_reliances(step->relies, SAYS, &begun, buffer);
        const char *const lead = begun ? "; calls before relied on " : "calls before relied on your table's ";
        bool begun_before = false;
        add_reliances(step->relied_before & NOTICED_LATER & ~step->relies, lead, &begun_before, buffer);
    }
    return buffer;
}
