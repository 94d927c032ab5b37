/* Verdicts and steps in words. explain.h is the contract; the words for verdicts are those of oracle.h. */
#include "fuzz/report/explain.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "fuzz/execute/bad_start.h"
#include "fuzz/text/shown.h"
#include "fuzz/text/text.h"

#define NUMBER_SIZE 64 /* bytes, of a number in words */

static bool is_anywhere(void) {
    return subject_under_test->facts.memory == SUBJECT_MEMORY_UNKNOWN;
}

static void format_offset(uint64_t offset, char value[NUMBER_SIZE]) {
    if (is_anywhere()) {
        snprintf(value, NUMBER_SIZE, "address 0x%" PRIx64, offset);
    } else if (offset > UINT64_MAX / 2) {
        snprintf(value, NUMBER_SIZE, "offset -%" PRIu64, 0 - offset);
    } else {
        snprintf(value, NUMBER_SIZE, "offset %" PRIu64, offset);
    }
}

static void format_address(uint64_t address, char value[NUMBER_SIZE]) {
    if (address == UINT64_MAX) {
        snprintf(value, NUMBER_SIZE, "NULL");
    } else {
        format_offset(address, value);
    }
}

static void format_bytes(uint64_t size, char value[NUMBER_SIZE]) {
    snprintf(value, NUMBER_SIZE, "%" PRIu64 " byte%s", size, size == 1 ? "" : "s");
}

static void format_count(uint64_t count, char value[NUMBER_SIZE]) {
    snprintf(value, NUMBER_SIZE, "%" PRIu64, count);
}

static void format_byte(uint64_t byte, char value[NUMBER_SIZE]) {
    snprintf(value, NUMBER_SIZE, "the byte 0x%02" PRIx64, byte);
}

static void format_hash(uint64_t hash, char value[NUMBER_SIZE]) {
    snprintf(value, NUMBER_SIZE, "%016" PRIx64, hash);
}

static void format_refusal(uint64_t refusal, char value[NUMBER_SIZE]) {
    snprintf(value, NUMBER_SIZE, "%s", refusal == REFUSAL_NONE ? "no refusal" : explain_refusal(refusal));
}

static void format_region(uint64_t index, char value[NUMBER_SIZE]) {
    static const char *const words[BAD_START_COUNT] = {
#define BAD_START_WORDS(name, text, base, size, count) [BAD_START_##name] = text,
        BAD_START_LIST(BAD_START_WORDS)
#undef BAD_START_WORDS
    };
    snprintf(value, NUMBER_SIZE, "%s", index < BAD_START_COUNT ? words[index] : "unknown");
}

static void format_owner(uint64_t offset, char value[NUMBER_SIZE]) {
    if (offset == ORACLE_OWNER_NONE) {
        snprintf(value, NUMBER_SIZE, "outside the region and the heap's own data");
    } else if (offset == ORACLE_OWNER_FREE) {
        snprintf(value, NUMBER_SIZE, "in free memory");
    } else {
        char start[NUMBER_SIZE];
        format_offset(offset, start);
        snprintf(value, NUMBER_SIZE, "in the live payload that starts at %.28s", start);
    }
}

/* The units of oracle.h. */
static const struct unit {
    const char *mark;
    void (*format)(uint64_t number, char value[NUMBER_SIZE]);
} units[] = {
    {"{bytes}", format_bytes},     {"{offset}", format_offset}, {"{address}", format_address},
    {"{count}", format_count},     {"{byte}", format_byte},     {"{hash}", format_hash},
    {"{refusal}", format_refusal}, {"{region}", format_region}, {"{owner}", format_owner},
};

/* Makes the first plural after a count of one singular: "1 live payloads so far". */
static void make_singular(char *text) {
    for (char *end = strchr(text, 's'); end != NULL; end = strchr(end + 1, 's')) { /* each s once */
        if (strchr(" ,", end[1]) != NULL) { /* or the end of the text */
            memmove(end, end + 1, strlen(end));
            return;
        }
    }
}

/* Puts number in the place of the template's unit, if it has one. */
static void fill_template(const char *template, uint64_t number, char text[EXPLAIN_VALUE_SIZE]) {
    snprintf(text, EXPLAIN_VALUE_SIZE, "%s", template);
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
        const char *const mark = strstr(template, units[i].mark);
        if (mark != NULL) {
            char value[NUMBER_SIZE];
            units[i].format(number, value);
            const int length =
                snprintf(text, EXPLAIN_VALUE_SIZE, "%.*s%s", (int)(mark - template), template, value);
            snprintf(text + length, EXPLAIN_VALUE_SIZE - (size_t)length, "%s", mark + strlen(units[i].mark));
            if (number == 1 && units[i].format == format_count) {
                make_singular(text + length);
            }
        }
    }
}

/* The right number of pages, but an ask too many; and no ask was due at all. */
static void explain_asks(struct verdict verdict, struct explanation *explanation) {
    if (verdict.expected == 0) {
        fill_template("not to be asked", 0, explanation->expected);
    } else if (verdict.expected == verdict.observed) {
        fill_template("asked for {count} pages, but not in one ask", verdict.observed, explanation->observed);
    }
}

/* A product that no number can say. */
static void explain_product(const struct step *step, struct explanation *explanation) {
    snprintf(explanation->observed, EXPLAIN_VALUE_SIZE, "a payload for %" PRIu64 " times %" PRIu64 " bytes",
             step->count, step->size);
}

void explain_verdict(struct verdict verdict, const struct step *step, struct explanation *explanation) {
    const struct oracle_text *const text = &oracle_texts[verdict.oracle];
    fill_template(text->offset, verdict.offset, explanation->where);
    fill_template(text->expected, verdict.expected, explanation->expected);
    fill_template(text->observed, verdict.observed, explanation->observed);
    if (verdict.oracle == ORACLE_GROWTH) {
        explain_asks(verdict, explanation);
    }
    if ((verdict.oracle == ORACLE_IMPOSSIBLE_SIZE || verdict.oracle == ORACLE_INSIDE) && step != NULL &&
        step->call == CALL_CALLOC && step_request(step) == SIZE_MAX) {
        explain_product(step, explanation);
    }
    if (verdict.oracle == ORACLE_IMPOSSIBLE_SIZE &&
        verdict.expected == subject_under_test->facts.largest_request) {
        fill_template("NULL, as the largest request is {bytes}", verdict.expected, explanation->expected);
    }
    if (verdict.oracle == ORACLE_USABLE_SIZE && subject_under_test->view == NULL) {
        fill_template("at least {bytes}", verdict.expected, explanation->expected); /* no model says more */
    }
}

const char *explain_file(const char *file) {
    char here[SANITIZER_FILE_SIZE];
    if (getcwd(here, sizeof here) == NULL) {
        return file;
    }
    const size_t length = strlen(here);
    return strncmp(file, here, length) == 0 && file[length] == '/' ? file + length + 1 : file;
}

const char *explain_source(const struct sanitizer_source *source, char buffer[EXPLAIN_SOURCE_SIZE]) {
    char file[SANITIZER_FILE_SIZE];
    snprintf(file, sizeof file, "%s", shown(explain_file(source->file)));
    snprintf(buffer, EXPLAIN_SOURCE_SIZE, "%s:%lu%s%s", file, source->line,
             source->function[0] == '\0' ? "" : " in ", shown(source->function));
    return buffer;
}

const char *explain_adapter(const struct assertion *place, char buffer[EXPLAIN_SOURCE_SIZE]) {
    snprintf(buffer, EXPLAIN_SOURCE_SIZE, "a fault in your adapter%s%s, not in the heap",
             place->source.line == 0 ? "" : " ",
             place->source.line == 0 ? "" : shown(explain_file(place->source.file)));
    return buffer;
}

static bool allocates(enum operation_kind kind) {
    return kind == OPERATION_ALLOC || kind == OPERATION_ZALLOC || kind == OPERATION_CALLOC ||
           kind == OPERATION_ALIGNED;
}

/* Why a call was about another slot than the operation names; "" when it was not, and for misuses. */
static void explain_slot(const struct step *step, char text[EXPLAIN_OUTCOME_SIZE]) {
    const struct operation *const operation = &step->operation;
    text[0] = '\0';
    if (!operation_takes(operation->kind, OPERAND_SLOT) || step->call == CALL_NONE) {
        return;
    }
    if (step->null_pointer) {
        const bool misuses = operation_takes(operation->kind, OPERAND_THROUGH);
        snprintf(text, EXPLAIN_OUTCOME_SIZE, "no %s: NULL", misuses ? "such pointer" : "slot is live");
    } else if (allocates(operation->kind) && step->call == CALL_FREE) {
        snprintf(text, EXPLAIN_OUTCOME_SIZE, "every slot is live: frees slot %zu", step->slot);
    } else if (step->slot != STEP_NO_SLOT && step->slot != operation->slot) {
        if (allocates(operation->kind)) {
            snprintf(text, EXPLAIN_OUTCOME_SIZE, "slot %u is live", operation->slot);
        } else {
            snprintf(text, EXPLAIN_OUTCOME_SIZE, "slot %u is empty: slot %zu", operation->slot, step->slot);
        }
    }
}

/* The bytes that a size relative to the heap or the machine was; "" for any other. */
static void explain_size(const struct step *step, char text[EXPLAIN_OUTCOME_SIZE]) {
    const struct operation *const operation = &step->operation;
    const bool asks = (step->call >= CALL_ALLOC && step->call <= CALL_EXTEND) || step->call == CALL_DAMAGED ||
                      (step->call == CALL_NONE && operation->kind == OPERATION_EXTEND);
    text[0] = '\0';
    if (asks && operation_has_size(operation) && operation->size.base != SIZE_BASE_LITERAL) {
        snprintf(text, EXPLAIN_OUTCOME_SIZE, "size %" PRIu64, step->size);
    }
}

const char *explain_step(const struct step *step, const char *unfinished, char line[EXPLAIN_STEP_SIZE]) {
    char operation[TEXT_OPERATION_SIZE];
    char outcome[EXPLAIN_OUTCOME_SIZE];
    char slot[EXPLAIN_OUTCOME_SIZE];
    char size[EXPLAIN_OUTCOME_SIZE];
    explain_slot(step, slot);
    explain_size(step, size);
    const char *const why = step->recovery ? "freeing everything at the end" : slot;
    const bool both = *why != '\0' && *size != '\0';
    const bool any = *why != '\0' || *size != '\0';
    snprintf(line, EXPLAIN_STEP_SIZE, "%5zu  %-28s %s%s%s%s%s%s", step->index,
             text_operation(&step->operation, operation),
             unfinished != NULL ? unfinished : explain_outcome(step, outcome), any ? "  (" : "", why,
             both ? "; " : "", size, any ? ")" : "");
    return line;
}

const char *explain_heap(const struct program_header *geometry, char buffer[EXPLAIN_HEAP_SIZE]) {
    const size_t size = geometry->page_size;
    if (subject_under_test->view != NULL) {
        snprintf(buffer, EXPLAIN_HEAP_SIZE, "%zu page%s of %zu bytes, growth by %zu, %zu slots",
                 geometry->page_count, geometry->page_count == 1 ? "" : "s", size, geometry->growth_limit,
                 geometry->slot_count);
    } else if (subject_under_test->facts.memory == SUBJECT_MEMORY_UNKNOWN) {
        snprintf(buffer, EXPLAIN_HEAP_SIZE, "in memory of its own, %zu slots", geometry->slot_count);
    } else if (geometry->growth_limit == 0) {
        snprintf(buffer, EXPLAIN_HEAP_SIZE, "%zu bytes, %zu slots", geometry->page_count * size,
                 geometry->slot_count);
    } else {
        snprintf(buffer, EXPLAIN_HEAP_SIZE, "%zu bytes, growth by %zu bytes, %zu slots",
                 geometry->page_count * size, geometry->growth_limit * size, geometry->slot_count);
    }
    return buffer;
}

const char *explain_refusal(uint64_t refusal) {
    static const char *const names[REFUSAL_COUNT] = {
#define REFUSAL_NAME(name, text) [REFUSAL_##name] = text,
        REFUSAL_LIST(REFUSAL_NAME)
#undef REFUSAL_NAME
    };
    return refusal < REFUSAL_COUNT ? names[refusal] : "unknown";
}

/* What a call on a damaged heap gave. */
static void explain_damaged(const struct step *step, char buffer[EXPLAIN_OUTCOME_SIZE]) {
    char offset[NUMBER_SIZE];
    const char *answer = "done";
    if (step->refusal != REFUSAL_NONE) {
        answer = explain_refusal(step->refusal);
    } else if (step->offset != MODEL_NOTHING) {
        format_offset(step->offset, offset);
        answer = offset;
    }
    snprintf(buffer, EXPLAIN_OUTCOME_SIZE, "-> header at offset %zu with 0x%" PRIx64 " flipped: %s",
             step->damage.header_offset, step->damage.mask, answer);
}

const char *explain_outcome(const struct step *step, char buffer[EXPLAIN_OUTCOME_SIZE]) {
    char offset[NUMBER_SIZE];
    if (step->call == CALL_NONE) {
        snprintf(buffer, EXPLAIN_OUTCOME_SIZE, "-> nothing called");
    } else if (step->ended) {
        snprintf(buffer, EXPLAIN_OUTCOME_SIZE, "-> did not return");
    } else if (step->call == CALL_DAMAGED) {
        explain_damaged(step, buffer);
    } else if (step->call == CALL_USABLE) {
        snprintf(buffer, EXPLAIN_OUTCOME_SIZE, "-> %zu byte%s", step->usable_size,
                 step->usable_size == 1 ? "" : "s");
    } else if (step->refusal != REFUSAL_NONE) {
        snprintf(buffer, EXPLAIN_OUTCOME_SIZE, "-> refused: %s", explain_refusal(step->refusal));
    } else if (step->offset != MODEL_NOTHING && is_anywhere()) {
        snprintf(buffer, EXPLAIN_OUTCOME_SIZE, "-> slot %zu",
                 step->slot); /* addresses differ from run to run */
    } else if (step->offset != MODEL_NOTHING) {
        format_offset(step->offset, offset);
        snprintf(buffer, EXPLAIN_OUTCOME_SIZE, "-> slot %zu, %s", step->slot, offset);
    } else if (step->call == CALL_FREE && !step->null_pointer && !is_anywhere()) {
        format_offset(step->pointer_offset, offset);
        const char *const answer = step->slot == STEP_NO_SLOT ? "accepted" : "freed"; /* of a misuse */
        snprintf(buffer, EXPLAIN_OUTCOME_SIZE, "-> %s %s", answer, offset);
    } else if (step->call == CALL_FREE || step->call == CALL_COALESCE) {
        snprintf(buffer, EXPLAIN_OUTCOME_SIZE, "-> done");
    } else {
        snprintf(buffer, EXPLAIN_OUTCOME_SIZE, "-> NULL");
    }
    return buffer;
}
