/* The statements of a reproducer: the heap's start, a call for each step with what it must give, the end.
 * reproducer_parts.h is the contract. The checks stand in the order in which judge.c asks its oracles. */
#include <inttypes.h>

#include "fuzz/report/reproducer_parts.h"
#include "fuzz/text/text.h"

#define HEADER_SIZE ((size_t)8)   /* bytes */
#define NEAR_LIMIT  UINT64_C(256) /* bytes: sizes as near as this to SIZE_MAX are written as SIZE_MAX - n */
#define CHECK_START "    check("

/* Words. */

static void write_size(uint64_t size, FILE *stream) {
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

/* The comment behind a call: where its numbers come from, when they are not the program's own. */
static void write_origin(const struct step *step, FILE *stream) {
    const struct operation *const operation = &step->operation;
    const bool wild = step->slot == STEP_NO_SLOT && !step->null_pointer && step->call != CALL_COALESCE;
    if (wild) {
        fprintf(stream, " /* %s */", misuse_origin(operation->kind));
    } else if (operation_takes(operation->kind, OPERAND_SIZE) && operation->size.base != SIZE_BASE_LITERAL) {
        fprintf(stream, " /* %s", size_base_word(operation->size.base));
        if (operation->size.amount != 0) {
            fprintf(stream, "%+" PRId32, operation->size.amount);
        }
        fputs(" */", stream);
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
    if (step->predicted.offset == MODEL_NOTHING || step->slot == STEP_NO_SLOT) {
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

/* Facts of a step. */

/* Bytes asked for; what no size_t can say is the most it can. */
static uint64_t requested_size(const struct step *step) {
    uint64_t size = step->size;
    const bool wraps = step->call == CALL_CALLOC && __builtin_mul_overflow(step->count, step->size, &size);
    return wraps ? SIZE_MAX : size;
}

static bool is_misuse(const struct step *step) {
    return step->predicted.refusal >= REFUSAL_FOREIGN && step->predicted.refusal <= REFUSAL_DOUBLE_FREE;
}

/* The call. */

static void write_death(const struct reproducer *file) {
    static const char *const what[] = {
        [FAILURE_SANITIZER] = "reports here, or in what follows of this operation",
        [FAILURE_SIGNAL] = "stops it here, or in what follows of this operation",
        [FAILURE_HANG] = "Does not return from here, or from what follows of this operation",
        [FAILURE_EXIT] = "ends the process here, or in what follows of this operation",
    };
    static const char *const who[] = {[FAILURE_SANITIZER] = "The sanitizer ",
                                      [FAILURE_SIGNAL] = "The processor ",
                                      [FAILURE_HANG] = "",
                                      [FAILURE_EXIT] = "The subject "};
    fprintf(file->stream, "    /* %s%s. */\n", who[file->outcome->failure.kind],
            what[file->outcome->failure.kind]);
}

static void write_call(const struct step *step, FILE *stream) {
    fputs("    ", stream);
    if (reproducer_returns_pointer(step)) {
        write_result(step, stream);
        fputs(" = ", stream);
    }
    switch (step->call) {
    case CALL_ALLOC:
        fputs("kmem_alloc(&heap, ", stream);
        break;
    case CALL_ZALLOC:
        fputs("kmem_zalloc(&heap, ", stream);
        break;
    case CALL_CALLOC:
        fputs("kmem_calloc(&heap, ", stream);
        write_size(step->count, stream);
        fputs(", ", stream);
        break;
    case CALL_ALLOC_ALIGNED:
        fputs("kmem_alloc_aligned(&heap, ", stream);
        write_size(step->alignment, stream);
        fputs(", ", stream);
        break;
    case CALL_REALLOC:
        fputs("kmem_realloc(&heap, ", stream);
        write_pointer(step, stream);
        fputs(", ", stream);
        break;
    case CALL_FREE:
        fputs("kmem_free(&heap, ", stream);
        write_pointer(step, stream);
        break;
    case CALL_COALESCE:
        fputs("kmem_coalesce(&heap", stream);
        break;
    case CALL_USABLE:
        fputs("(void)kmem_usable_size(&heap, ", stream);
        write_pointer(step, stream);
        break;
    case CALL_DAMAGED:
    case CALL_NONE:
        break;
    }
    if (reproducer_returns_pointer(step)) {
        write_size(step->size, stream);
    }
    fputs(");", stream);
    write_origin(step, stream);
    fputc('\n', stream);
}

/* What stands in front of the call. */
static void write_before(const struct reproducer *file, const struct step *step, uint64_t oracles) {
    FILE *const stream = file->stream;
    const bool asks = step->predicted.asked_pages != 0;
    if (asks && reproducer_has_payload(step)) {
        fprintf(stream, "    grant = true; /* %zu page%s */\n", step->predicted.asked_pages,
                step->predicted.asked_pages == 1 ? "" : "s");
    } else if (asks) {
        fprintf(stream, "    /* The page source refuses %zu page%s. */\n", step->predicted.asked_pages,
                step->predicted.asked_pages == 1 ? "" : "s");
    }
    if (reproducer_asks(oracles, ORACLE_REFUSAL_UNTOUCHED) && reproducer_changes_nothing(step)) {
        fputs("    before = layout();\n", stream);
    }
    if (step->call == CALL_COALESCE) {
        fputs("    shatter();\n", stream);
    }
}

/* The checks. */

static void write_payload_checks(const struct step *step, uint64_t oracles, FILE *stream) {
    if (reproducer_asks(oracles, ORACLE_INSIDE)) {
        fputs(CHECK_START "is_inside(", stream);
        write_result(step, stream);
        fputs(", ", stream);
        write_size(requested_size(step), stream);
        fputs("), INSIDE);\n", stream);
    }
    if (reproducer_asks(oracles, ORACLE_ALIGNMENT)) {
        const bool possible =
            step->alignment >= HEADER_SIZE && (step->alignment & (step->alignment - 1)) == 0;
        fputs(CHECK_START "(uintptr_t)", stream);
        write_result(step, stream);
        fprintf(stream, " %% %" PRIu64 " == 0, ALIGNMENT);\n", possible ? step->alignment : HEADER_SIZE);
    }
    if (reproducer_asks(oracles, ORACLE_DISJOINT)) {
        fputs(CHECK_START "is_disjoint(", stream);
        write_result(step, stream);
        fputs(", ", stream);
        write_size(requested_size(step), stream);
        if (step->slot == STEP_NO_SLOT) {
            fputs(", SLOT_COUNT), DISJOINT);\n", stream);
        } else {
            fprintf(stream, ", %zu), DISJOINT);\n", step->slot);
        }
    }
}

static void write_answer_checks(const struct step *step, uint64_t oracles, FILE *stream) {
    if (reproducer_returns_pointer(step)) {
        write_payload_checks(step, oracles, stream);
    }
    if (reproducer_asks(oracles, ORACLE_GROWTH)) {
        const size_t asked_pages = step->predicted.asked_pages;
        fprintf(stream, CHECK_START "asked_pages == %zu && ask_count == %d, GROWTH);\n", asked_pages,
                asked_pages == 0 ? 0 : 1);
    }
    if (reproducer_asks(oracles, ORACLE_PLACEMENT) && reproducer_returns_pointer(step)) {
        fputs(CHECK_START, stream);
        write_result(step, stream);
        if (reproducer_has_payload(step)) {
            fprintf(stream, " == at(%zu), PLACEMENT);\n", step->predicted.offset);
        } else {
            fputs(" == NULL, PLACEMENT);\n", stream);
        }
    }
    if (reproducer_asks(oracles, ORACLE_REFUSAL_NAMED)) {
        fprintf(stream, CHECK_START "kmem_last_error(&heap) == %s, REFUSAL_NAMED);\n",
                error_word(step->predicted.refusal));
    }
}

/* Of the verdict's first byte that is poisoned and should not be, or the other way round. */
static void write_poison_check(const struct reproducer *file, uint64_t oracles) {
    if (!reproducer_asks(oracles, ORACLE_POISON) || !reproducer_finds_poison(file->outcome)) {
        return;
    }
    const struct verdict verdict = file->outcome->failure.verdict;
    const bool missing = verdict.observed > verdict.expected;
    const uint64_t byte = verdict.offset + (missing ? verdict.expected : verdict.observed);
    fprintf(file->stream, CHECK_START "%s__asan_address_is_poisoned(base + %" PRIu64 "), POISON);\n",
            missing ? "" : "!", byte);
}

static void write_block_checks(const struct reproducer *file, const struct step *step, uint64_t oracles) {
    FILE *const stream = file->stream;
    const bool untouched =
        reproducer_asks(oracles, ORACLE_REFUSAL_UNTOUCHED) && reproducer_changes_nothing(step);
    const bool blocks = (oracles & INVARIANT_ALL) != 0;
    if (blocks && file->every && untouched) {
        fputs("    check_blocks(false);\n", stream);
    }
    if (untouched) {
        fputs(CHECK_START "layout() == before, REFUSAL_UNTOUCHED);\n", stream);
    }
    if (blocks) {
        fputs(file->every ? "    check_blocks(true);\n" : "    check_blocks();\n", stream);
    }
    if (reproducer_asks(oracles, ORACLE_USABLE_SIZE) &&
        (reproducer_has_payload(step) || is_misuse(step) || step->call == CALL_USABLE)) {
        fputs(CHECK_START "kmem_usable_size(&heap, ", stream);
        if (reproducer_has_payload(step)) {
            write_result(step, stream);
        } else {
            write_pointer(step, stream);
        }
        fprintf(stream, ") == %zu, USABLE_SIZE);\n", step->predicted.usable_size);
    }
    if (reproducer_asks(oracles, ORACLE_GUARDS)) {
        fputs("    check(guards_hold(), GUARDS);\n", stream);
    }
    write_poison_check(file, oracles);
}

/* Which live payload the verdict's byte lies in; the slot count when none does. */
static size_t find_spoilt(const struct reproducer *file) {
    const uint64_t offset = file->outcome->failure.verdict.offset;
    const size_t slot_count = file->program->header.slot_count;
    for (size_t slot = 0; slot < slot_count; slot++) {
        if (file->sizes[slot] != 0 && offset >= file->offsets[slot] &&
            offset - file->offsets[slot] < file->sizes[slot]) {
            return slot;
        }
    }
    return slot_count;
}

static void write_kept_check(const struct reproducer *file) {
    if (file->every) {
        fputs("    check_contents();\n", file->stream);
        return;
    }
    const size_t slot = find_spoilt(file);
    if (slot < file->program->header.slot_count) {
        fprintf(file->stream, CHECK_START "holds(slot[%zu], %zu, %zu), CONTENTS_KEPT);\n", slot,
                file->sizes[slot], file->serials[slot]);
    }
}

/* What the step has made of its slot, in the file's own list if it has one. */
static void settle(struct reproducer *file, const struct step *step) {
    if (step->slot == STEP_NO_SLOT) {
        return;
    }
    if (reproducer_has_payload(step)) {
        const bool was_live = file->sizes[step->slot] != 0;
        file->serials[step->slot] = was_live ? file->serials[step->slot] : step->index;
        file->sizes[step->slot] = (size_t)requested_size(step);
        file->offsets[step->slot] = step->predicted.offset;
        if (file->table) {
            fprintf(file->stream, "    live[%zu] = (struct live){%zu, %zu, %zu};\n", step->slot,
                    file->sizes[step->slot], step->predicted.usable_size + HEADER_SIZE,
                    file->serials[step->slot]);
        }
    } else if (step->predicted.freed_offset != MODEL_NOTHING) {
        file->sizes[step->slot] = 0;
        if (file->table) {
            fprintf(file->stream, "    live[%zu].size = 0;\n", step->slot);
        }
    }
}

/* Behind the checks of the heap: what the payload holds, and what its owner puts there. */
static void write_contents(const struct reproducer *file, const struct step *step, uint64_t oracles,
                           size_t old_size) {
    FILE *const stream = file->stream;
    if (reproducer_has_payload(step) && step->slot != STEP_NO_SLOT) {
        const size_t size = file->sizes[step->slot];
        const size_t serial = file->serials[step->slot];
        const size_t kept = old_size < size ? old_size : size;
        const bool zeroed = step->call == CALL_ZALLOC || step->call == CALL_CALLOC;
        if (zeroed && reproducer_asks(oracles, ORACLE_CONTENTS_ZEROED)) {
            fprintf(stream, CHECK_START "is_zero(slot[%zu], %zu), CONTENTS_ZEROED);\n", step->slot,
                    step->predicted.usable_size);
        }
        if (step->call == CALL_REALLOC && reproducer_asks(oracles, ORACLE_CONTENTS_MOVED)) {
            fprintf(stream, CHECK_START "holds(slot[%zu], %zu, %zu), CONTENTS_MOVED);\n", step->slot, kept,
                    serial);
        }
        if (kept < size) {
            fprintf(stream, "    fill(slot[%zu], %zu, %zu, %zu);\n", step->slot, kept, size, serial);
        }
    }
    if (reproducer_asks(oracles, ORACLE_CONTENTS_KEPT)) {
        write_kept_check(file);
    }
}

/* The call that a damage makes; its answer goes to `answer`. */
static void write_damaged_call(const struct step *step, FILE *stream) {
    const bool allocates = step->damage.call == CALL_ALLOC;
    if (step->damage.call == CALL_FREE) {
        fprintf(stream, "        (void)kmem_free(&heap, slot[%zu]);\n", step->slot);
    } else if (step->damage.call == CALL_COALESCE) {
        fputs("        (void)kmem_coalesce(&heap);\n", stream);
    } else {
        fprintf(stream, "        answer = kmem_%s(&heap, ", allocates ? "alloc" : "realloc");
        if (!allocates) {
            fprintf(stream, "slot[%zu], ", step->slot);
        }
        write_size(step->size, stream);
        fputs(");\n", stream);
    }
}

static void write_damaged_checks(const struct step *step, uint64_t oracles, FILE *stream) {
    if (reproducer_asks(oracles, ORACLE_DAMAGE_INSIDE)) {
        fputs("        check((uintptr_t)answer % 8 == 0 && is_inside(answer, ", stream);
        write_size(step->size, stream);
        fputs("), DAMAGE_INSIDE);\n", stream);
    }
    if (reproducer_asks(oracles, ORACLE_DAMAGE_REPORTED) && step->damage.needed) {
        fputs("        check(!impossible || ", stream);
        if (step->damage.call == CALL_ALLOC) { /* it may stop in front of the header */
            fprintf(stream, "(answer != NULL && answer <= at(%zu)) || ", step->damage.header_offset);
        }
        fputs("kmem_last_error(&heap) == KMEM_CORRUPT, DAMAGE_REPORTED);\n", stream);
    }
    if (reproducer_asks(oracles, ORACLE_DAMAGE_UNTOUCHED) && step->damage.call != CALL_COALESCE) {
        fputs("        check(kmem_last_error(&heap) != KMEM_CORRUPT || is_untouched(), DAMAGE_UNTOUCHED);\n",
              stream);
    }
}

static void write_damaged(const struct reproducer *file, const struct step *step, uint64_t oracles) {
    FILE *const stream = file->stream;
    fprintf(stream,
            "    {\n"
            "        unsigned char *answer = NULL;\n"
            "        (void)answer;\n"
            "        damage(%zu, UINT64_C(0x%" PRIx64 "));\n",
            step->damage.header_offset, step->damage.mask);
    write_damaged_call(step, stream);
    write_damaged_checks(step, oracles, stream);
    fprintf(stream, "        repair(%zu, UINT64_C(0x%" PRIx64 "));\n", step->damage.header_offset,
            step->damage.mask);
    for (size_t slot = 0; slot < file->program->header.slot_count; slot++) {
        if (file->sizes[slot] != 0) {
            fprintf(stream, "        PORT_UNPOISON(slot[%zu], %zu);\n", slot, file->sizes[slot]);
        }
    }
    fputs("    }\n", stream);
    if (reproducer_asks(oracles, ORACLE_GUARDS)) {
        fputs("    check(guards_hold(), GUARDS);\n", stream);
    }
}

static void write_step(struct reproducer *file, const struct step *step, bool is_last) {
    FILE *const stream = file->stream;
    const uint64_t oracles = is_last ? file->last : file->each;
    const size_t old_size = step->slot == STEP_NO_SLOT ? 0 : file->sizes[step->slot];
    char text[TEXT_OPERATION_SIZE];
    fprintf(stream, "\n    begin(\"%zu: %s%s\");\n", step->index, text_operation(&step->operation, text),
            step->recovery ? ", freeing everything at the end" : "");
    if (step->call == CALL_NONE) {
        fputs("    /* Calls nothing: the page source will refuse what it is asked for next. */\n", stream);
        return;
    }
    write_before(file, step, oracles);
    if (is_last && file->death) {
        write_death(file);
    }
    if (step->call == CALL_DAMAGED) {
        write_damaged(file, step, oracles);
        return;
    }
    write_call(step, stream);
    write_answer_checks(step, oracles, stream);
    settle(file, step);
    write_block_checks(file, step, oracles);
    write_contents(file, step, oracles, old_size);
}

/* The start and the end. */

/* The heap is made, and judged as the harness judges it before the first operation. */
static void write_start(const struct reproducer *file) {
    FILE *const stream = file->stream;
    const uint64_t oracles = file->step_count == 0 || file->every ? file->last : 0;
    fputs("    const struct kmem_page_source source = {.extend = extend, .context = NULL, .page_limit = "
          "PAGE_LIMIT};\n"
          "    const uintptr_t first = (uintptr_t)memory + GUARD_SIZE;\n",
          stream);
    if (reproducer_any(file, reproducer_gives_nothing)) {
        fputs("    void *result;\n", stream);
    }
    if (reproducer_asks(file->last, ORACLE_REFUSAL_UNTOUCHED) &&
        reproducer_any(file, reproducer_changes_nothing)) {
        fputs("    uint64_t before;\n", stream);
    }
    fputs("    memset(memory, DIRT, sizeof memory);\n", stream);
    if (file->outcome->failure.kind == FAILURE_SANITIZER) {
        fputs("    PORT_POISON(memory, sizeof memory); /* the heap makes accessible what it hands out */\n",
              stream);
    }
    fputs("    base = memory + GUARD_SIZE + (size_t)(0 - first) % BASE_ALIGNMENT + PAGE_SIZE;\n"
          "    page_count = PAGE_COUNT;\n"
          "    (void)kmem_init(&heap, base, PAGE_COUNT, PAGE_SIZE, &source);\n",
          stream);
    if (reproducer_asks(oracles, ORACLE_START_REFUSED)) {
        fputs("    check_bad_starts();\n", stream);
    }
    if ((oracles & INVARIANT_ALL) != 0) {
        fputs(file->every ? "    check_blocks(true);\n" : "    check_blocks();\n", stream);
    }
    if (reproducer_asks(oracles, ORACLE_GUARDS)) {
        fputs("    check(guards_hold(), GUARDS);\n", stream);
    }
    write_poison_check(file, oracles);
}

void reproducer_write_steps(struct reproducer *file) {
    FILE *const stream = file->stream;
    fputs("static void reproduce(void) {\n", stream);
    write_start(file);
    for (size_t i = 0; i < file->step_count; i++) {
        write_step(file, &file->steps[i], i + 1 == file->step_count);
    }
    if (reproducer_asks(file->last, ORACLE_RECOVERY)) {
        fputs(
            "\n    check(!block_read(base).taken && block_read(base).size == kmem_size(&heap), RECOVERY);\n",
            stream);
    }
    fputs("}\n\n", stream);
}
