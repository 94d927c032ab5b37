/* The frame of a reproducer: comment, properties, memory, page source, main. reproducer.h is the contract. */
#include "fuzz/report/reproducer.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz/report/explain.h"
#include "fuzz/report/reproducer_parts.h"
#include "fuzz/text/text.h"

/* Writes a name so that it cannot end the comment it stands in. */
static void write_name(const char *name, FILE *stream) {
    for (; *name != '\0'; name++) {
        const bool plain = *name > ' ' && *name < 0x7f && !(name[0] == '*' && name[1] == '/');
        fputc(plain ? *name : '?', stream);
    }
}

/* What was found, and what the file does about it. */
static void write_finding(const struct reproducer *file) {
    const struct outcome *const outcome = file->outcome;
    FILE *const stream = file->stream;
    if (outcome->failure.kind == FAILURE_NONE) {
        fprintf(stream, "/* A sound program: every operation, and every property behind each.\n *\n");
        return;
    }
    fprintf(stream, "/* %s: %s\n *\n", outcome_id(outcome), outcome_sentence(outcome));
    if (outcome->failure.kind == FAILURE_VERDICT) {
        struct explanation explanation;
        explain_verdict(outcome->failure.verdict, &explanation);
        fprintf(stream, " *   where     %s\n *   expected  %s\n *   observed  %s\n *\n", explanation.where,
                explanation.expected, explanation.observed);
    }
}

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
    const bool sanitizer =
        file->outcome->failure.kind == FAILURE_SANITIZER || reproducer_finds_poison(file->outcome);
    FILE *const stream = file->stream;
    write_finding(file);
    fprintf(stream, " * Written by kmemfuzz show ");
    write_name(name, stream);
    fprintf(stream,
            " --c. Put it at the top of the tree, then\n"
            " *     %s -I. repro.c src/kmem.c -o repro && ./repro\n"
            " * %s */\n",
            sanitizer ? "clang -g -fsanitize=address,undefined -fno-sanitize-recover=all" : "cc -g",
            ends[file->outcome->failure.kind]);
}

static void write_includes(const struct reproducer *file) {
    fputs("#undef NDEBUG /* the assertions are what this is for */\n"
          "#include <assert.h>\n"
          "#include <stdbool.h>\n"
          "#include <stdint.h>\n"
          "#include <stdio.h>\n"
          "#include <string.h>\n\n",
          file->stream);
    fputs("#include \"src/block.h\"\n#include \"src/kmem.h\"\n\n", file->stream);
    if (reproducer_finds_poison(file->outcome)) {
        fputs("int __asan_address_is_poisoned(const volatile void *address);\n\n", file->stream);
    }
}

static void write_properties(const struct reproducer *file) {
    const uint64_t asked = file->each | file->last;
    FILE *const stream = file->stream;
    fputs("/* The properties that are checked, as the harness calls them. */\n", stream);
    for (unsigned oracle = 1; oracle < ORACLE_COUNT; oracle++) {
        if (!reproducer_asks(asked, oracle)) {
            continue;
        }
        fputs("#define ", stream);
        for (const char *id = oracle_id(oracle); *id != '\0'; id++) {
            fputc(*id == '-' ? '_' : *id - 'a' + 'A', stream);
        }
        fprintf(stream, " \"%s: %s\"\n", oracle_id(oracle), oracle_sentence(oracle));
    }
    fputs("\n/* Put a unit test's own assertion in place of this. */\n"
          "#define check(holds, property) \\\n"
          "    do { \\\n"
          "        if (!(holds)) { \\\n"
          "            fprintf(stderr, \"operation %s: not so: %s\\n\", operation, #holds); \\\n"
          "            assert(false && property); \\\n"
          "        } \\\n"
          "    } while (0)\n\n",
          stream);
}

static void write_memory(const struct reproducer *file) {
    const struct program_header *const header = &file->program->header;
    fprintf(file->stream,
            "#define PAGE_SIZE ((size_t)%zu) /* bytes */\n"
            "#define PAGE_COUNT ((size_t)%zu) /* pages the heap starts with */\n"
            "#define PAGE_LIMIT ((size_t)%zu) /* pages it may have in all */\n"
            "#define SLOT_COUNT ((size_t)%zu)\n"
            "#define BASE_ALIGNMENT ((size_t)65536) /* bytes: the largest that is asked for */\n"
            "#define GUARD_SIZE ((size_t)64) /* bytes */\n"
            "#define DIRT 0xa5 /* what memory holds before the heap has it: never zero */\n\n",
            header->page_size, header->page_count, header->page_count + header->growth_limit,
            header->slot_count);
    fputs("/* The region starts one page past a multiple of BASE_ALIGNMENT:\n"
          " *\n"
          " *     memory ... | a multiple of BASE_ALIGNMENT | a page | base: region ... | room to grow | "
          "guard | "
          "*/\n"
          "static unsigned char memory[BASE_ALIGNMENT + GUARD_SIZE + PAGE_SIZE + PAGE_LIMIT * PAGE_SIZE + "
          "GUARD_SIZE];\n"
          "static unsigned char *base;\n"
          "static struct kmem heap;\n"
          "static const char *operation = \"0, before the first\"; /* under way */\n",
          file->stream);
    if (file->table || reproducer_any(file, reproducer_has_payload)) {
        fputs("static unsigned char *slot[SLOT_COUNT]; /* payloads */\n", file->stream);
    }
    fputc('\n', file->stream);
}

static void write_source(const struct reproducer *file) {
    const bool counts = reproducer_asks(file->each | file->last, ORACLE_GROWTH);
    FILE *const stream = file->stream;
    fprintf(stream,
            "/* The page source. */\n"
            "static size_t page_count; /* pages given to the heap so far */\n"
            "static bool grant;        /* it gives what it is asked for next, and refuses all else */\n"
            "%s\n"
            "static bool extend(void *context, size_t count) {\n"
            "    (void)context;\n"
            "%s"
            "    if (!grant || count > PAGE_LIMIT - page_count) {\n"
            "        return false;\n"
            "    }\n"
            "    grant = false;\n"
            "    page_count += count;\n"
            "    return true;\n"
            "}\n\n",
            counts ? "static size_t asked_pages; /* in the operation under way, by all asks */\n"
                     "static size_t ask_count;\n"
                   : "",
            counts ? "    asked_pages += count;\n    ask_count++;\n" : "");
    if (file->step_count == 0) {
        return;
    }
    fprintf(stream,
            "/* A new operation begins. text is its number and how the program has it. */\n"
            "static void begin(const char *text) {\n"
            "    operation = text;\n"
            "    grant = false;\n"
            "%s}\n\n",
            counts ? "    asked_pages = 0;\n    ask_count = 0;\n" : "");
}

/* Chooses what is written: which steps, and which checks behind each. */
static struct reproducer *plan_file(const struct program *program, const struct outcome *outcome,
                                    const struct plan *plan, FILE *stream) {
    struct reproducer *const file = calloc(1, sizeof *file);
    if (file == NULL) {
        abort(); /* less than the plan took, which was had */
    }
    *file =
        (struct reproducer){.stream = stream, .program = program, .outcome = outcome, .steps = plan->steps};
    file->step_count = plan->step_count;
    if (outcome->failure.kind == FAILURE_NONE) {
        file->every = true;
        file->each = file->last = ORACLE_ALL;
    } else {
        const size_t step_count = outcome->has_step ? outcome->step.index + 1 : 0;
        file->death = outcome->failure.kind != FAILURE_VERDICT;
        file->step_count = step_count < plan->step_count ? step_count : plan->step_count;
        file->each = REPRODUCER_ANSWERS;
        file->last = file->each | (file->death ? ORACLE_BIT(ORACLE_USABLE_SIZE)
                                               : ORACLE_BIT(outcome->failure.verdict.oracle));
    }
    file->table = ((file->each | file->last) & REPRODUCER_TABLE) != 0;
    return file;
}

void reproducer_write(const struct program *program, const struct outcome *outcome, const struct plan *plan,
                      const char *name, FILE *stream) {
    struct reproducer *const file = plan_file(program, outcome, plan, stream);
    write_comment(file, name);
    write_includes(file);
    write_memory(file);
    write_properties(file);
    write_source(file);
    reproducer_write_checks(file);
    reproducer_write_steps(file);
    fputs("int main(void) {\n    reproduce();\n    return 0;\n}\n", stream);
    free(file);
}
