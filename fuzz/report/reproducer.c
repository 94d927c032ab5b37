/* Reproducers: the comment, the constants, the helpers (reproducer_helpers.h), and the calls.
 * reproducer.h is the contract. */
#include "fuzz/report/reproducer.h"

#include <inttypes.h>

#include "fuzz/execute/bad_start.h"
#include "fuzz/host/host.h"
#include "fuzz/report/plan.h"
#include "fuzz/report/reproducer_heap.h"
#include "fuzz/report/reproducer_words.h"
#include "fuzz/text/text.h"

struct reproducer {
    FILE *stream;
    const struct program *program;
    const struct outcome *outcome;
    const struct step *steps; /* those that are written */
    size_t step_count;
};

/* Its finding is poison, which there is only under AddressSanitizer. */
static bool finds_poison(const struct reproducer *file) {
    return file->outcome->failure.verdict.oracle == ORACLE_POISON;
}

/* Its finding is what a call stores, which only the harness sees. */
static bool finds_store(const struct reproducer *file) {
    return file->outcome->failure.verdict.oracle == ORACLE_STRAY_STORE;
}

/* The comment. */

static void write_comment(const struct reproducer *file, const char *name) {
    static const char *const ends[] = {
        [FAILURE_NONE] =
            "It ends with 0 as long as they hold, and in the assertion of the first that does not.",
        [FAILURE_VERDICT] =
            "It ends with 0 where the property holds, and in an assertion that names it where not.",
        [FAILURE_SANITIZER] = "It ends with 0 on a sound heap, and with the sanitizer's report on this one.",
        [FAILURE_SIGNAL] = "It ends with 0 on a sound heap, and by the same signal on this one.",
        [FAILURE_HANG] = "It ends with 0 on a sound heap, and does not end on this one.",
        [FAILURE_EXIT] = "It ends with 0 on a sound heap, and with another status on this one.",
    };
    const bool sanitizer = file->outcome->failure.kind == FAILURE_SANITIZER || finds_poison(file);
    FILE *const stream = file->stream;
    reproducer_write_finding(file->outcome, stream);
    fprintf(stream, " * Written by kmemfuzz show ");
    reproducer_write_name(name, stream);
    fprintf(stream,
            " --c. Put it at the top of the tree, then\n"
            " *     %s -I. repro.c src/kmem.c -o repro && ./repro\n"
            " * %s */\n",
            sanitizer ? "clang -g -fsanitize=address,undefined -fno-sanitize-recover=all" : "cc -g",
            finds_store(file) ? "It ends with 2: what its last call stores, only the harness sees."
                              : ends[file->outcome->failure.kind]);
}

/* What the helpers need. */

/* Of the verdict's first byte that is poisoned and should not be, or the other way round. */
static void write_poison_check(const struct reproducer *file) {
    const struct verdict verdict = file->outcome->failure.verdict;
    const bool missing = verdict.observed > verdict.expected;
    const uint64_t byte = verdict.offset + (missing ? verdict.expected : verdict.observed);
    if (finds_poison(file)) {
        fprintf(file->stream,
                "int __asan_address_is_poisoned(const volatile void *address);\n"
                "#define CHECK_POISON() check(%s__asan_address_is_poisoned(base + %" PRIu64 "), POISON)\n\n",
                missing ? "" : "!", byte);
    } else {
        fputs("#define CHECK_POISON() ((void)0)\n\n", file->stream);
    }
}

static void write_constants(const struct reproducer *file) {
    const struct program_header *const header = &file->program->header;
    FILE *const stream = file->stream;
    fputs("#undef NDEBUG /* the assertions are what this is for */\n"
          "#include <assert.h>\n#include <inttypes.h>\n#include <stdbool.h>\n#include <stdint.h>\n"
          "#include <stdio.h>\n#include <string.h>\n\n"
          "#include \"src/block.h\"\n#include \"src/kmem.h\"\n\n",
          stream);
    write_poison_check(file);
    fprintf(stream,
            "#define PAGE_SIZE ((size_t)%zu) /* bytes */\n"
            "#define PAGE_COUNT ((size_t)%zu) /* pages the heap starts with */\n"
            "#define PAGE_LIMIT ((size_t)%zu) /* pages it may have in all */\n"
            "#define SLOT_COUNT ((size_t)%zu)\n"
            "#define EVERYTHING %s /* every property is asked after every operation */\n\n",
            header->page_size, header->page_count, header->page_count + header->growth_limit,
            header->slot_count, file->outcome->failure.kind == FAILURE_NONE ? "true" : "false");
    reproducer_write_properties(ORACLE_BIT(ORACLE_IMPOSSIBLE_SIZE) - 1,
                                stream); /* those of heaps with a view */
    fputs("\n/* Where no heap can start: words, base, page size, page count. */\n#define BAD_STARTS(X)",
          stream);
#define WRITE_BAD_START(name, words, address, size, count)                                                   \
    fputs(" \\\n    X(\"" words "\", " #address ", " #size ", " #count ")", stream);
    BAD_START_LIST(WRITE_BAD_START)
#undef WRITE_BAD_START
    fputs("\n\n", stream);
}

/* The calls. */

static bool returns_pointer(enum call call) {
    return call >= CALL_ALLOC && call <= CALL_REALLOC;
}

static bool has_payload(const struct step *step) {
    return step->predicted.offset != MODEL_NOTHING;
}

/* Where a pointer that is no payload comes from. */
static const char *misuse_origin(enum operation_kind kind) {
    switch (kind) {
    case OPERATION_DOUBLE:
        return "what the slot held before";
    case OPERATION_INTERIOR:
        return "inside a live block";
    case OPERATION_MISALIGNED:
        return "no multiple of 8";
    default:
        return "outside the region";
    }
}

/* The comment after a call: where its numbers come from, when they are not the program's own. */
static void write_origin(const struct step *step, FILE *stream) {
    const struct operation *const operation = &step->operation;
    const bool wild = step->slot == STEP_NO_SLOT && !step->null_pointer && step->call != CALL_COALESCE &&
                      step->call != CALL_DAMAGED;
    if (wild) {
        fprintf(stream, " /* %s */", misuse_origin(operation->kind));
    } else {
        reproducer_write_origin(operation, stream);
    }
}

/* The pointer a free or realloc is passed. */
static void write_pointer(const struct step *step, FILE *stream) {
    if (step->null_pointer) {
        fputs("NULL", stream);
    } else if (step->slot != STEP_NO_SLOT) {
        fprintf(stream, "slot[%zu]", step->slot);
    } else {
        fprintf(stream, "at(%td)", (ptrdiff_t)step->pointer_offset);
    }
}

/* Where a call's result goes: to its slot when there will be one. */
static void write_result(const struct step *step, FILE *stream) {
    if (!has_payload(step) || step->slot == STEP_NO_SLOT) {
        fputs("result", stream);
    } else {
        fprintf(stream, "slot[%zu]", step->slot);
    }
}

static const char *error_word(enum refusal refusal) {
    static const char *const words[REFUSAL_COUNT] = {
        [REFUSAL_NONE] = "KMEM_OK",
        [REFUSAL_EXHAUSTED] = "KMEM_EXHAUSTED",
        [REFUSAL_BAD_ALIGNMENT] = "KMEM_BAD_ALIGNMENT",
        [REFUSAL_FOREIGN] = "KMEM_FOREIGN_POINTER",
        [REFUSAL_MISALIGNED] = "KMEM_MISALIGNED_POINTER",
        [REFUSAL_INTERIOR] = "KMEM_INTERIOR_POINTER",
        [REFUSAL_DOUBLE_FREE] = "KMEM_DOUBLE_FREE",
        [REFUSAL_CORRUPT] = "KMEM_CORRUPT",
    };
    return words[refusal];
}

/* The call, of this kind; a damage makes another than its step's. */
static void write_call(const struct step *step, enum call call, FILE *stream) {
    static const char *const names[] = {
        [CALL_ALLOC] = "alloc",       [CALL_ZALLOC] = "zalloc",
        [CALL_CALLOC] = "calloc",     [CALL_ALLOC_ALIGNED] = "alloc_aligned",
        [CALL_REALLOC] = "realloc",   [CALL_FREE] = "free",
        [CALL_COALESCE] = "coalesce", [CALL_USABLE] = "usable_size",
    };
    const bool returns = returns_pointer(call);
    fputs("    ", stream);
    if (returns) {
        write_result(step, stream);
    }
    fprintf(stream, "%skmem_%s(&heap", returns ? " = " : "(void)", names[call]);
    if (call == CALL_CALLOC || call == CALL_ALLOC_ALIGNED) {
        fputs(", ", stream);
        reproducer_write_size(call == CALL_CALLOC ? step->count : step->alignment, stream);
    } else if (call == CALL_REALLOC || call == CALL_FREE || call == CALL_USABLE) {
        fputs(", ", stream);
        write_pointer(step, stream);
    }
    if (returns) {
        fputs(", ", stream);
        reproducer_write_size(step->size, stream);
    }
    fputs(");", stream);
    write_origin(step, stream);
    fputc('\n', stream);
}

/* What stands before the call. */
static void write_before(const struct step *step, FILE *stream) {
    const size_t pages = step->predicted.asked_pages;
    const char *const plural = pages == 1 ? "" : "s";
    if (pages != 0 && has_payload(step)) {
        fprintf(stream, "    grant = true; /* %zu page%s */\n", pages, plural);
    } else if (pages != 0) {
        fprintf(stream, "    /* The page source refuses %zu page%s. */\n", pages, plural);
    }
    if (step->call == CALL_COALESCE) {
        fputs("    shatter();\n", stream);
    }
}

static void write_slot(const struct step *step, FILE *stream) {
    if (step->slot == STEP_NO_SLOT) {
        fputs(".slot = SLOT_COUNT", stream);
    } else {
        fprintf(stream, ".slot = %zu", step->slot);
    }
}

/* What the operation must give. */
static void write_expected(const struct step *step, FILE *stream) {
    const struct prediction *const predicted = &step->predicted;
    const bool zeroed = step->call == CALL_ZALLOC || step->call == CALL_CALLOC;
    const bool possible = step->alignment > subject_under_test->facts.alignment &&
                          (step->alignment & (step->alignment - 1)) == 0;
    fputs("    expect(", stream);
    if (returns_pointer(step->call)) {
        write_result(step, stream);
    } else {
        fputs("NULL", stream);
    }
    fputs(", (struct expected){", stream);
    write_slot(step, stream);
    if (returns_pointer(step->call)) {
        fputs(", .size = ", stream);
        reproducer_write_size(step_request(step), stream);
    }
    if (step->call == CALL_ALLOC_ALIGNED && possible) {
        fprintf(stream, ", .alignment = %" PRIu64, step->alignment);
    }
    if (has_payload(step)) {
        fprintf(stream, ", .at = %zu, .usable = %zu", predicted->offset, predicted->usable_size);
        fputs(zeroed ? ", .zeroed = true" : step->call == CALL_REALLOC ? ", .moved = true" : "", stream);
    } else if (predicted->freed_offset != MODEL_NOTHING) {
        fputs(", .freed = true", stream);
    } else if (step_is_misuse(step) || step->call == CALL_USABLE) {
        fprintf(stream, ", .usable = %zu, .measured = true, .of = ", predicted->usable_size);
        write_pointer(step, stream);
    }
    if (predicted->asked_pages != 0) {
        fprintf(stream, ", .pages = %zu", predicted->asked_pages);
    }
    if (predicted->refusal != REFUSAL_NONE) {
        fprintf(stream, ", .error = %s", error_word(predicted->refusal));
    }
    fputs("});\n", stream);
}

static void write_damaged(const struct step *step, FILE *stream) {
    const struct damage *const damage = &step->damage;
    fprintf(stream, "    damage(%zu, UINT64_C(0x%" PRIx64 "));\n", damage->header_offset, damage->mask);
    write_call(step, damage->call, stream);
    fprintf(stream, "    repair(%s, ", returns_pointer(damage->call) ? "result" : "NULL");
    reproducer_write_size(step->size, stream);
    fprintf(stream, ", %zu, UINT64_C(0x%" PRIx64 "), %s, %s, %s);\n", damage->header_offset, damage->mask,
            damage->needed ? "true" : "false", damage->call == CALL_ALLOC ? "true" : "false",
            damage->call == CALL_COALESCE ? "true" : "false");
}

/* From here on the property that failed is asked as well. After a death it is the usable size, which the
 * harness looks at in the same operation. */
static void write_asked(const struct reproducer *file) {
    const struct failure *const failure = &file->outcome->failure;
    if (failure->kind == FAILURE_NONE || finds_store(file)) {
        return;
    }
    fputs("    asked = ", file->stream);
    reproducer_write_property(failure->kind == FAILURE_VERDICT ? failure->verdict.oracle : ORACLE_USABLE_SIZE,
                              file->stream);
    fputs(";\n", file->stream);
}

static void write_step(const struct reproducer *file, const struct step *step, bool is_last) {
    FILE *const stream = file->stream;
    char text[TEXT_OPERATION_SIZE];
    fputc('\n', stream);
    if (is_last) {
        write_asked(file);
    }
    fprintf(stream, "    begin(\"%zu: %s%s\");\n", step->index, text_operation(&step->operation, text),
            step->recovery ? ", freeing everything at the end" : "");
    if (step->call == CALL_NONE) {
        fputs("    /* Calls nothing: the page source will refuse what it is asked for next. */\n", stream);
        return;
    }
    write_before(step, stream);
    if (is_last && outcome_is_death(file->outcome)) {
        reproducer_write_death(file->outcome->failure.kind, stream);
    }
    if (step->call == CALL_DAMAGED) {
        write_damaged(step, stream);
    } else {
        write_call(step, step->call, stream);
        write_expected(step, stream);
    }
}

static void write_file(const struct program *program, const struct outcome *outcome, const struct plan *plan,
                       const char *name, FILE *stream) {
    struct reproducer file = {stream, program, outcome, plan->steps, plan->step_count};
    if (outcome->failure.kind != FAILURE_NONE) {
        const size_t step_count = outcome->has_step ? outcome->step.index + 1 : 0;
        file.step_count = step_count < plan->step_count ? step_count : plan->step_count;
    }
    write_comment(&file, name);
    write_constants(&file);
    fputs(reproducer_helpers, stream);
    fputs("\nstatic void reproduce(void) {\n", stream);
    if (file.step_count == 0) {
        write_asked(&file);
    }
    fprintf(stream, "    start(%s);\n", outcome->failure.kind == FAILURE_SANITIZER ? "true" : "false");
    for (size_t i = 0; i < file.step_count; i++) {
        write_step(&file, &file.steps[i], i + 1 == file.step_count);
    }
    fprintf(
        stream,
        "\n    check(!block_read(base).taken && block_read(base).size == kmem_size(&heap), RECOVERY);\n}\n\n"
        "int main(void) {\n    reproduce();\n%s}\n",
        finds_store(&file)
            ? "    fputs(\"not judged: the harness sees what this file cannot: stray-store\\n\", stderr);\n"
              "    return 2;\n"
            : "    return 0;\n");
}

bool reproducer_is_possible(void) {
    return subject_under_test->view == NULL || subject_under_test->names != NULL ||
           subject_under_test == &subject_kmem;
}

bool reproducer_write(const struct program *program, const struct recording *recording, const char *name,
                      FILE *stream) {
    if (subject_under_test != &subject_kmem) {
        reproducer_heap_write(program, recording, name, stream);
        return true;
    }
    struct plan plan;
    const bool planned = plan_make(program, &plan);
    if (planned) {
        write_file(program, &recording->outcome, &plan, name, stream);
        plan_close(&plan);
    }
    return planned;
}
