/* C files for heaps without a view: the comment, the constants, the helpers and the calls.
 * reproducer_heap.h is the contract. */
#include "fuzz/report/reproducer_heap.h"

#include <inttypes.h>

#include "fuzz/execute/call.h"
#include "fuzz/host/host.h"
#include "fuzz/report/reproducer_words.h"
#include "fuzz/text/text.h"

#define PROBED_SIZE                                                                                          \
    ((size_t)1024) /* bytes of a region in which a byte is allocated first, as unseen.c does */

struct file {
    FILE *stream;
    const struct program *program;
    const struct recording *recording;
    const struct subject *subject;
    const struct subject_names *names; /* all NULL: it is called through its table */
};

/* What a file looks for, and how. */

/* What it asks of every heap; and of what those with a view promise, which may be more than it asks. */
#define JUDGED_SEEN                                                                                          \
    (ORACLE_BIT(ORACLE_INSIDE) | ORACLE_BIT(ORACLE_ALIGNMENT) | ORACLE_BIT(ORACLE_DISJOINT) |                \
     ORACLE_BIT(ORACLE_CONTENTS_KEPT) | ORACLE_BIT(ORACLE_CONTENTS_ZEROED) |                                 \
     ORACLE_BIT(ORACLE_CONTENTS_MOVED) | ORACLE_BIT(ORACLE_PLACEMENT))
#define JUDGED                                                                                               \
    (ORACLE_BIT(ORACLE_INSIDE) | ORACLE_BIT(ORACLE_ALIGNMENT) | ORACLE_BIT(ORACLE_DISJOINT) |                \
     ORACLE_BIT(ORACLE_GUARDS) | ORACLE_BIT(ORACLE_USABLE_SIZE) | ORACLE_BIT(ORACLE_CONTENTS_KEPT) |         \
     ORACLE_BIT(ORACLE_CONTENTS_ZEROED) | ORACLE_BIT(ORACLE_CONTENTS_MOVED) |                                \
     ORACLE_BIT(ORACLE_IMPOSSIBLE_SIZE) | ORACLE_BIT(ORACLE_OWN_CHECK) | ORACLE_BIT(ORACLE_LIVENESS) |       \
     ORACLE_BIT(ORACLE_LEAK) | ORACLE_BIT(ORACLE_RESIZE_FAILED) | ORACLE_BIT(ORACLE_ZERO_SIZE) |             \
     ORACLE_BIT(ORACLE_REFIT) | ORACLE_BIT(ORACLE_GIVES_BACK) | ORACLE_BIT(ORACLE_ASSERTION) |               \
     ORACLE_BIT(ORACLE_PLACEMENT))

/* Why the file cannot say that its heap is sound; NULL: it can. */
static const char *find_obstacle(const struct recording *recording) {
    const struct failure *const failure = &recording->outcome.failure;
    if (recording->history->full) {
        return "the run has more operations than are recorded";
    }
    const struct history *const history = recording->history;
    for (size_t i = 0; i < history->step_count; i++) {
        const enum call call = history->steps[i].step.call;
        if (call == CALL_DAMAGED || (call == CALL_COALESCE && history->shown)) {
            return "free blocks that are cut up, or damaged headers";
        }
    }
    const uint64_t judged = history->shown ? JUDGED_SEEN : JUDGED;
    if (failure->kind == FAILURE_VERDICT && (judged & ORACLE_BIT(failure->verdict.oracle)) == 0) {
        return oracle_id(failure->verdict.oracle);
    }
    return NULL;
}

static bool needs_sanitizer(const struct recording *recording) {
    return recording->outcome.failure.kind == FAILURE_SANITIZER;
}

/* The steps of the first run through the program, with its recovery. */
static size_t count_first_run(const struct file *file) {
    const struct history *const history = file->recording->history;
    size_t count = 0;
    while (count < history->step_count &&
           (count < file->program->operation_count || history->steps[count].step.recovery)) {
        count++;
    }
    return count;
}

/* Is the same done twice, and what the second run is granted compared with the first? */
static bool runs_twice(const struct file *file) {
    const struct failure *const failure = &file->recording->outcome.failure;
    const bool leaks = failure->kind == FAILURE_VERDICT && failure->verdict.oracle == ORACLE_LEAK;
    const struct history *const history = file->recording->history;
    const bool grown = !history->anywhere && history->page_limit != history->geometry.page_count;
    return leaks || (failure->kind == FAILURE_NONE && file->subject->facts.merges && !grown);
}

/* The comment. */

/* Does the file call nothing through the table? */
static bool has_all_names(const struct file *file) {
    const struct subject *const subject = file->subject;
    const struct subject_names *const names = file->names;
    const bool named[] = {
        names->start != NULL && names->alloc != NULL && names->free != NULL,
        subject->zalloc == NULL || names->zalloc != NULL,
        subject->calloc == NULL || names->calloc != NULL,
        subject->alloc_aligned == NULL || names->alloc_aligned != NULL,
        subject->realloc == NULL || names->realloc != NULL,
        subject->coalesce == NULL || names->coalesce != NULL,
        subject->usable_size == NULL || names->usable_size != NULL,
        subject->free_sized == NULL || names->free_sized != NULL,
        subject->extend == NULL || names->extend != NULL,
        subject->check == NULL || names->check != NULL,
        subject->add_region == NULL || names->add_region != NULL,
        subject->facts.memory != SUBJECT_MEMORY_OWN,
    };
    bool all = true;
    for (size_t i = 0; i < sizeof named / sizeof named[0]; i++) {
        all = all && named[i];
    }
    return all;
}

static void write_heap_comment(const struct file *file, const char *name) {
    FILE *const stream = file->stream;
    const char *const sources = file->names->sources;
    reproducer_write_finding(&file->recording->outcome, stream);
    fputs(" * Written by kmemfuzz show ", stream);
    reproducer_write_name(name, stream);
    fputs(" --c. Compile it with the sources of ", stream);
    reproducer_write_name(file->subject->name, stream);
    fprintf(stream, "%s, and run it:\n",
            has_all_names(file) ? "" : "\n * and of its table, which defines subject_under_test");
    fprintf(stream, " *     %s %srepro.c %s -o repro && ./repro\n",
            needs_sanitizer(file->recording)
                ? "clang -g -I. -fsanitize=address,undefined -fno-sanitize-recover=all"
                : "cc -g -I.",
            file->subject->facts.below_4_gib ? "-fno-pie -no-pie " : "",
            sources == NULL ? "SOURCES" : sources);
    fputs(" * It ends with 0 if nothing is broken, with 1, or as the heap does, if something is, and with 2, "
          "having\n"
          " * said why, if that cannot be told. */\n",
          stream);
}

/* What the helpers need. */

/* The most that can be granted at once. */
static size_t most_granted(const struct file *file, size_t region_size) {
    const struct subject_facts *const facts = &file->subject->facts;
    const size_t most = facts->memory == SUBJECT_MEMORY_UNKNOWN ? PTRDIFF_MAX : region_size;
    return facts->largest_request != 0 && facts->largest_request < most ? facts->largest_request : most;
}

static size_t region_size(const struct file *file) {
    const struct program_header *const header = &file->recording->history->geometry;
    return file->subject->facts.memory == SUBJECT_MEMORY_UNKNOWN ? 0 : header->page_size * header->page_count;
}

/* With all that the program may let it grow by. */
static size_t region_limit(const struct file *file) {
    const struct program_header *const header = &file->recording->history->geometry;
    return file->subject->facts.memory == SUBJECT_MEMORY_GIVEN
               ? header->page_size * (header->page_count + header->growth_limit)
               : region_size(file);
}

static const char *bool_word(bool value) {
    return value ? "true" : "false";
}

static void write_heap_constants(const struct file *file) {
    static const char *const regions[] = {
        [SUBJECT_MEMORY_GIVEN] = "base",
        [SUBJECT_MEMORY_OWN] = "heap->facts.own_memory",
        [SUBJECT_MEMORY_UNKNOWN] = "NULL",
    };
    FILE *const stream = file->stream;
    const struct subject_facts *const facts = &file->subject->facts;
    const char *const obstacle = find_obstacle(file->recording);
    if (facts->assertion_refuses) {
        fputs("#define _POSIX_C_SOURCE 200809L\n#include <setjmp.h>\n#include <signal.h>\n", stream);
    }
    fputs("#include <inttypes.h>\n#include <stdbool.h>\n#include <stddef.h>\n#include <stdint.h>\n"
          "#include <stdio.h>\n#include <stdlib.h>\n\n",
          stream);
    fprintf(stream,
            "#define BASE_ALIGNMENT ((size_t)%zu) /* bytes */\n"
            "#define REGION_SKEW ((size_t)%zu) /* bytes from a multiple of that to the region */\n"
            "#define REGION_SIZE ((size_t)%zu) /* bytes */\n"
            "#define REGION_LIMIT ((size_t)%zu) /* bytes, with what it may grow by */\n"
            "#define REGION_PAGE ((size_t)%zu) /* bytes: it grows by whole ones */\n"
            "#define REGION_MAXIMUM ((size_t)%zu) /* regions there may be */\n"
            "#define REFUSED_ASKS 0x%xu /* bit i: asks for more whose number is i modulo 16 are refused */\n"
            "#define REGION %s /* where the heap is made */\n"
            "#define REGION_IS_OURS %s /* so there are guards around it */\n"
            "#define MOST_GRANTED ((size_t)%zu) /* bytes, at once */\n"
            "#define ZERO_SIZE_UNIQUE %s /* alloc(0) gives no address twice */\n"
            "#define ZERO_SIZE_NULL %s /* it gives NULL */\n"
            "#define ASSERTION_REFUSES %d /* an assertion that fails is a refusal */\n"
            "#define SLOT_COUNT ((size_t)%zu)\n"
            "#define NEEDS_SANITIZER %s\n",
            ARENA_ALIGNMENT,
            file->subject->view != NULL ? file->recording->history->geometry.page_size
                                        : file->program->header.page_size,
            region_size(file), region_limit(file), file->recording->history->geometry.page_size,
            GROWTH_REGIONS, (unsigned)file->program->header.refused_asks, regions[facts->memory],
            bool_word(facts->memory == SUBJECT_MEMORY_GIVEN), most_granted(file, region_limit(file)),
            bool_word(facts->zero_size == SUBJECT_ZERO_UNIQUE),
            bool_word(facts->zero_size == SUBJECT_ZERO_NULL), facts->assertion_refuses,
            file->program->header.slot_count, bool_word(needs_sanitizer(file->recording)));
    if (obstacle == NULL) {
        fputs("#define CANNOT_JUDGE NULL\n", stream);
    } else {
        fprintf(stream, "#define CANNOT_JUDGE \"the harness sees what this file cannot: %s\"\n", obstacle);
    }
    fprintf(stream, "#define ZEROED_SIZE(payload, size) %s\n\n",
            file->subject->view != NULL ? "((void)(size), HEAP_USABLE_SIZE(payload))" : "(size)");
    fputs(file->names->head == NULL ? "" : file->names->head, stream);
    if (!has_all_names(file)) {
        fputs("#include \"fuzz/execute/subject.h\"\n#define heap subject_under_test\n", stream);
    }
    fputc('\n', stream);
}

static void write_member(const struct file *file, const char *name, const char *member) {
    fprintf(file->stream, "%s%s", name == NULL ? "heap->" : "", name == NULL ? member : name);
}

/* What the helpers call of the heap. */
static void write_questions(const struct file *file) {
    fputs("#define HEAP_USABLE_SIZE(payload) ", file->stream);
    if (file->subject->usable_size == NULL) {
        fputs("((void)(payload), SIZE_MAX)", file->stream);
    } else {
        write_member(file, file->names->usable_size, "usable_size");
        fputs("(payload)", file->stream);
    }
    fputs("\n#define HEAP_CHECK() ", file->stream);
    if (file->subject->check == NULL) {
        fputs("true", file->stream);
    } else {
        write_member(file, file->names->check, "check");
        fputs("()", file->stream);
    }
    fputs("\n#define HEAP_ADD_REGION(memory, size) ", file->stream);
    if (file->subject->add_region == NULL) {
        fputs("((void)(memory), (void)(size), false)", file->stream);
    } else {
        write_member(file, file->names->add_region, "add_region");
        fputs("(memory, size)", file->stream);
    }
    fputs("\n\n", file->stream);
    reproducer_write_properties(JUDGED, file->stream);
    fputc('\n', file->stream);
}

/* The calls. */

static bool returns_memory(enum call call) {
    return call >= CALL_ALLOC && call <= CALL_EXTEND;
}

/* Is the free told how many bytes were asked for? */
static bool is_sized(const struct file *file, const struct step *step) {
    const struct executor executor = {.subject = file->subject};
    return call_is_sized(&executor, step);
}

static void write_function(const struct file *file, const struct step *step) {
    const struct subject_names *const names = file->names;
    const char *const functions[] = {
        [CALL_ALLOC] = names->alloc,        [CALL_ZALLOC] = names->zalloc,
        [CALL_CALLOC] = names->calloc,      [CALL_ALLOC_ALIGNED] = names->alloc_aligned,
        [CALL_REALLOC] = names->realloc,    [CALL_EXTEND] = names->extend,
        [CALL_FREE] = names->free,          [CALL_COALESCE] = names->coalesce,
        [CALL_USABLE] = names->usable_size,
    };
    if (is_sized(file, step)) {
        write_member(file, names->free_sized, "free_sized");
    } else {
        write_member(file, functions[step->call], call_name(step->call));
    }
}

static bool takes_pointer(enum call call) {
    return call >= CALL_REALLOC && call <= CALL_USABLE && call != CALL_COALESCE;
}

/* Does the call take the payload of its slot? */
static bool takes_payload(const struct step *step) {
    return step->slot != STEP_NO_SLOT && !step->null_pointer && takes_pointer(step->call);
}

static void write_heap_call(const struct file *file, const struct step *step) {
    FILE *const stream = file->stream;
    write_function(file, step);
    fputc('(', stream);
    if (step->call == CALL_CALLOC || step->call == CALL_ALLOC_ALIGNED) {
        reproducer_write_size(step->call == CALL_CALLOC ? step->count : step->alignment, stream);
    } else if (takes_payload(step)) {
        fprintf(stream, "payload[%zu]", step->slot);
    } else if (takes_pointer(step->call) && step->null_pointer) {
        fputs("NULL", stream);
    } else if (takes_pointer(step->call)) {
        fprintf(stream, "at(%td)", (ptrdiff_t)step->pointer_offset);
    }
    if (returns_memory(step->call)) {
        fputs(step->call == CALL_ALLOC || step->call == CALL_ZALLOC ? "" : ", ", stream);
        reproducer_write_size(step->size, stream);
    } else if (is_sized(file, step)) {
        fprintf(stream, ", slots[%zu].size", step->slot);
    }
    fputc(')', stream);
    if (step->call == CALL_EXTEND) {
        fprintf(stream, " ? payload[%zu] : NULL", step->slot);
    }
}

static size_t promised_alignment(const struct file *file, const struct step *step) {
    const size_t promised = file->subject->facts.alignment == 0 ? 1 : file->subject->facts.alignment;
    const bool asked = step->call == CALL_ALLOC_ALIGNED && step->alignment > promised;
    return asked ? (size_t)step->alignment : promised;
}

/* The call, in the helper that its answer is for. */
static void write_answered(const struct file *file, const struct step *step, const char *indent) {
    FILE *const stream = file->stream;
    const bool frees = step->call == CALL_FREE || (step->call == CALL_REALLOC && step->size == 0);
    const bool resizes = (step->call == CALL_REALLOC || step->call == CALL_EXTEND) && takes_payload(step);
    fputs(indent, stream);
    if (returns_memory(step->call) && step->slot == STEP_NO_SLOT) {
        fputs("answered(", stream);
        write_heap_call(file, step);
        fputs(");\n", stream);
    } else if (returns_memory(step->call) && !(frees && takes_payload(step))) {
        const bool may_refuse = file->subject->facts.assertion_refuses;
        fprintf(stream, "%s(%zu, %s", resizes ? "resized" : "given", step->slot, may_refuse ? "TRY(" : "");
        write_heap_call(file, step);
        fputs(may_refuse ? ")" : "", stream);
        fputs(", ", stream);
        reproducer_write_size(step_request(step), stream);
        fprintf(stream, ", %zu", promised_alignment(file, step));
        const bool zeroed = step->call == CALL_ZALLOC || step->call == CALL_CALLOC;
        fputs(resizes ? ");" : zeroed ? ", true);" : ", false);", stream);
        reproducer_write_origin(&step->operation, stream);
        fputc('\n', stream);
        if (file->subject->add_region != NULL && step->size != 0 && step->call <= CALL_REALLOC) {
            fprintf(stream, "%sgrow();\n", indent);
        }
    } else if (step->call == CALL_USABLE && takes_payload(step)) {
        fprintf(stream, "measured(%zu, ", step->slot);
        write_heap_call(file, step);
        fputs(");\n", stream);
    } else {
        fputs(step->call == CALL_FREE || step->call == CALL_COALESCE ? "" : "(void)", stream);
        write_heap_call(file, step);
        fprintf(stream, ";\n%s", indent);
        if (frees && takes_payload(step)) {
            fprintf(stream, "freed(%zu);\n", step->slot);
        } else {
            fputs("after();\n", stream);
        }
    }
}

/* What stands before the last call: what is asked of its answer alone, or how it ends. */
static void write_demand(const struct file *file) {
    const struct failure *const failure = &file->recording->outcome.failure;
    const struct verdict verdict = failure->verdict;
    if (failure->kind == FAILURE_NONE) {
        return;
    }
    if (outcome_is_death(&file->recording->outcome)) {
        reproducer_write_death(failure->kind, file->stream);
    } else if (verdict.oracle == ORACLE_PLACEMENT && verdict.expected == UINT64_MAX) {
        fputs("    place = NOWHERE;\n", file->stream);
    } else if (verdict.oracle == ORACLE_PLACEMENT) {
        fprintf(file->stream, "    place = %" PRIu64 ";\n", verdict.expected);
    } else if (verdict.oracle == ORACLE_LIVENESS || verdict.oracle == ORACLE_REFIT ||
               verdict.oracle == ORACLE_GIVES_BACK) {
        fputs("    required = ", file->stream);
        reproducer_write_property(verdict.oracle, file->stream);
        fputs(";\n", file->stream);
    }
}

/* Of a sound run, whose policy says where each payload has to be. */
static void write_place(const struct file *file, const struct step *step) {
    if (file->recording->outcome.failure.kind != FAILURE_NONE || !returns_memory(step->call) ||
        file->subject->facts.first_fit.grain == 0 || file->recording->history->anywhere) {
        return;
    }
    if (step->offset == MODEL_NOTHING) {
        fputs("    place = NOWHERE;\n", file->stream);
    } else {
        fprintf(file->stream, "    place = %zu;\n", step->offset);
    }
}

static void write_heap_step(const struct file *file, const struct step *step, bool is_last) {
    char text[TEXT_OPERATION_SIZE];
    FILE *const stream = file->stream;
    if (step->call == CALL_NONE || step->call == CALL_DAMAGED) {
        fputs(step->operation.kind == OPERATION_REFUSE ? "\n    refuse_next = true;\n" : "", stream);
        return;
    }
    fprintf(stream, "\n    begin(%zu, \"%s%s\");\n", step->index, text_operation(&step->operation, text),
            step->recovery ? ", freeing everything at the end" : "");
    if (is_last) {
        write_demand(file);
    }
    write_place(file, step);
    if (takes_payload(step)) {
        fprintf(stream, "    if (is_live(%zu)) {\n", step->slot);
        write_answered(file, step, "        ");
        fputs("    }\n", stream);
    } else {
        write_answered(file, step, "    ");
    }
}

/* A heap, and the byte that the harness asks of it first. */
static void write_start(const struct file *file) {
    FILE *const stream = file->stream;
    fputs("\n/* An empty heap; false: it does not start. */\nstatic bool start(void) {\n    make_region();\n "
          "   if (!",
          stream);
    fputs("TRY(", stream);
    write_member(file, file->names->start, "start");
    fputs("(REGION, REGION_SIZE))) {\n        return false;\n    }\n", stream);
    if (file->subject->view == NULL && region_size(file) >= PROBED_SIZE + file->subject->facts.metadata) {
        fputs("    void *const byte = TRY(", stream);
        write_member(file, file->names->alloc, "alloc");
        fputs("(1));\n    END_TRY();\n    expect(byte != NULL, LIVENESS);\n    ", stream);
        write_member(file, file->names->free, "free");
        fputs("(byte);\n", stream);
    }
    fputs("    after();\n    return true;\n}\n", stream);
}

static void write_main(const struct file *file) {
    fputs("\nint main(void) {\n"
          "    if (!start()) {\n"
          "        fputs(\"not judged: the heap does not start\\n\", stderr);\n"
          "        return NOT_JUDGED;\n"
          "    }\n"
          "    calls();\n",
          file->stream);
    if (runs_twice(file)) {
        fputs("    const size_t first_grant_count = grant_count;\n"
              "    grant_count = 0;\n"
              "    again = true;\n"
              "    calls();\n"
              "    expect(grant_count >= first_grant_count, LEAK);\n",
              file->stream);
    }
    fputs("    return end();\n}\n", file->stream);
}

void reproducer_heap_write(const struct program *program, const struct recording *recording, const char *name,
                           FILE *stream) {
    static const struct subject_names none = {.sources = NULL};
    const struct subject *const subject = subject_under_test;
    const struct file file = {stream, program, recording, subject,
                              subject->names == NULL ? &none : subject->names};
    const struct history *const history = recording->history;
    const size_t step_count = runs_twice(&file) ? count_first_run(&file) : history->step_count;
    write_heap_comment(&file, name);
    write_heap_constants(&file);
    write_questions(&file);
    fputs(reproducer_heap_helpers, stream);
    write_start(&file);
    fputs("\nstatic void calls(void) {", stream);
    for (size_t i = 0; i < step_count; i++) {
        write_heap_step(&file, &history->steps[i].step, i + 1 == step_count);
    }
    fputs("}\n", stream);
    write_main(&file);
}
