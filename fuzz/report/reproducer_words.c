/* What the C files of every heap have in common. reproducer_words.h is the contract. */
#include "fuzz/report/reproducer_words.h"

#include <inttypes.h>

#include "fuzz/report/explain.h"

#define NEAR_LIMIT UINT64_C(256) /* bytes: sizes as near as this to SIZE_MAX are written as SIZE_MAX - n */

void reproducer_write_name(const char *name, FILE *stream) {
    for (; *name != '\0'; name++) {
        const bool plain = *name >= ' ' && *name < 0x7f && !(name[0] == '*' && name[1] == '/');
        fputc(plain ? *name : '?', stream);
    }
}

void reproducer_write_finding(const struct outcome *outcome, FILE *stream) {
    if (outcome->failure.kind == FAILURE_NONE) {
        fprintf(stream, "/* A sound program: every operation, and every property after each.\n *\n");
        return;
    }
    fprintf(stream, "/* %s: %s\n *\n", outcome_id(outcome), outcome_sentence(outcome));
    if (outcome->failure.kind == FAILURE_VERDICT) {
        struct explanation explanation;
        explain_verdict(outcome->failure.verdict, outcome->has_step ? &outcome->step : NULL, &explanation);
        fprintf(stream, " *   where     %s\n *   expected  %s\n *   observed  %s\n", explanation.where,
                explanation.expected, explanation.observed);
        char fact[EXPLAIN_FACT_SIZE];
        explain_fact(subject_under_test, outcome->failure.verdict, outcome->has_step ? &outcome->step : NULL,
                     fact);
        fprintf(stream, "%s%s%s *\n", *fact == '\0' ? "" : " *   fact      ", fact,
                *fact == '\0' ? "" : "\n");
    }
}

void reproducer_write_property(unsigned oracle, FILE *stream) {
    for (const char *id = oracle_id(oracle); *id != '\0'; id++) {
        fputc(*id == '-' ? '_' : *id - 'a' + 'A', stream);
    }
}

void reproducer_write_properties(uint64_t oracles, FILE *stream) {
    fputs("/* The properties, as the harness calls them. */\n", stream);
    for (unsigned oracle = 1; oracle < ORACLE_COUNT; oracle++) {
        if ((oracles & ORACLE_BIT(oracle)) != 0) {
            fputs("#define ", stream);
            reproducer_write_property(oracle, stream);
            fprintf(stream, " \"%s: %s\"\n", oracle_id(oracle), oracle_sentence(oracle));
        }
    }
}

void reproducer_write_size(uint64_t size, FILE *stream) {
    if (size >= SIZE_MAX) {
        fputs("SIZE_MAX", stream);
    } else if (size > SIZE_MAX - NEAR_LIMIT) {
        fprintf(stream, "SIZE_MAX - %" PRIu64, SIZE_MAX - size);
    } else if (size > PROGRAM_LITERAL_MAXIMUM) {
        fprintf(stream, "(size_t)UINT64_C(0x%" PRIx64 ")", size);
    } else {
        fprintf(stream, "%" PRIu64, size);
    }
}

void reproducer_write_origin(const struct operation *operation, FILE *stream) {
    if (!operation_takes(operation->kind, OPERAND_SIZE) || operation->size.base == SIZE_BASE_LITERAL) {
        return;
    }
    fprintf(stream, " /* %s", size_base_word(operation->size.base));
    if (operation->size.amount != 0) {
        fprintf(stream, "%+" PRId32, operation->size.amount);
    }
    fputs(" */", stream);
}

void reproducer_write_death(enum failure_kind kind, FILE *stream) {
    static const char *const words[] = {
        [FAILURE_NONE] = "",
        [FAILURE_VERDICT] = "",
        [FAILURE_SANITIZER] = "The sanitizer reports here, or in what follows of this operation",
        [FAILURE_SIGNAL] = "The processor stops it here, or in what follows of this operation",
        [FAILURE_HANG] = "Does not return from here, or from what follows of this operation",
        [FAILURE_EXIT] = "The subject ends the process here, or in what follows of this operation",
    };
    fprintf(stream, "    /* %s. */\n", words[kind]);
}
