/* Verdicts and steps in words. What each verdict's members are is said where it is made: invariant.c,
 * judge.c, contents.c, executor.c. */
#include "fuzz/report/explain.h"

#include <inttypes.h>
#include <stdio.h>

#include "fuzz/execute/bad_start.h"

/* How a member of a verdict reads. */
enum unit {
    UNIT_BYTES,
    UNIT_OFFSET,  /* UINT64_MAX is NULL */
    UNIT_COUNT,   /* a plain number */
    UNIT_BYTE,    /* the value of a byte */
    UNIT_REFUSAL, /* enum refusal */
    UNIT_HASH,
};

/* How an oracle's verdict reads: %s is the value with its unit. */
struct wording {
    const char *where;
    enum unit unit;
    const char *expected;
    const char *observed;
};

static const struct wording wordings[ORACLE_COUNT] = {
    [INVARIANT_REGION] = {"the heap itself", UNIT_COUNT, "%s (page size or page count)", "%s"},
    [INVARIANT_WALK_ENDS] = {"the header at %s", UNIT_BYTES, "a size of at least %s", "a size of %s"},
    [INVARIANT_BLOCK_SIZE] = {"the header at %s", UNIT_BYTES, "a possible size, such as %s", "a size of %s"},
    [INVARIANT_BLOCK_TILING] = {"the header at %s", UNIT_BYTES, "at most %s, up to the region's end",
                                "a size of %s"},
    [INVARIANT_FREE_MERGED] = {"the free block at %s, right behind another", UNIT_BYTES,
                               "one free block of %s", "a second block of %s"},
    [INVARIANT_TAKEN_IS_LIVE] = {"the taken block at %s", UNIT_BYTES, "no taken block there (%s)",
                                 "a taken block of %s"},
    [INVARIANT_LIVE_IS_TAKEN] = {"the live allocation's block at %s", UNIT_BYTES, "a taken block of %s",
                                 "a taken block of %s"},
    [INVARIANT_COUNTERS] = {"the heap's counters of taken blocks and bytes", UNIT_COUNT, "%s, by the walk",
                            "%s, by the heap"},
    [ORACLE_INSIDE] = {"the payload at %s", UNIT_BYTES, "an end within the region's %s", "an end at %s"},
    [ORACLE_ALIGNMENT] = {"the payload at %s", UNIT_BYTES, "a multiple of %s", "%s past one"},
    [ORACLE_DISJOINT] = {"the payload at %s", UNIT_OFFSET, "nothing of the live payload that starts at %s",
                         "an overlap with it; it ends at %s"},
    [ORACLE_GUARDS] = {"the guard byte at %s", UNIT_BYTE, "%s", "%s"},
    [ORACLE_PLACEMENT] = {"the address returned", UNIT_OFFSET, "%s", "%s"},
    [ORACLE_REFUSAL_NAMED] = {"the answer to pointer %s", UNIT_REFUSAL, "%s", "%s"},
    [ORACLE_REFUSAL_UNTOUCHED] = {"the heap's headers", UNIT_HASH, "unchanged (hash %s)",
                                  "changed (hash %s)"},
    [ORACLE_GROWTH] = {"the page source, the region ending at %s", UNIT_COUNT, "to be asked for %s pages",
                       "asked for %s pages"},
    [ORACLE_USABLE_SIZE] = {"the payload at %s", UNIT_BYTES, "%s", "%s"},
    [ORACLE_POISON] = {"the 8 bytes at %s", UNIT_BYTES, "%s accessible, the others poisoned",
                       "%s accessible"},
    [ORACLE_CONTENTS_KEPT] = {"the payload byte at %s", UNIT_BYTE, "%s, as written", "%s"},
    [ORACLE_CONTENTS_ZEROED] = {"the byte at %s of zeroed memory", UNIT_BYTE, "%s", "%s"},
    [ORACLE_CONTENTS_MOVED] = {"the payload byte at %s of resized memory", UNIT_BYTE, "%s, as written before",
                               "%s"},
    [ORACLE_DAMAGE_INSIDE] = {"the damaged header at %s", UNIT_OFFSET,
                              "a payload in front of the region's end at %s, at a multiple of 8",
                              "a payload at %s"},
    [ORACLE_DAMAGE_REPORTED] = {"the damaged header at %s", UNIT_REFUSAL, "%s", "%s"},
    [ORACLE_DAMAGE_UNTOUCHED] = {"the damaged header at %s", UNIT_OFFSET,
                                 "nothing changed up to the region's end at %s", "a change at %s"},
    [ORACLE_START_REFUSED] = {"", UNIT_COUNT, "no heap there", "a heap"},
    [ORACLE_RECOVERY] = {"the emptied heap", UNIT_COUNT, "%s free block", "%s blocks"},
};

static void format_offset(uint64_t offset, char value[EXPLAIN_VALUE_SIZE]) {
    if (offset > UINT64_MAX / 2) {
        snprintf(value, EXPLAIN_VALUE_SIZE, "offset -%" PRIu64, 0 - offset);
    } else {
        snprintf(value, EXPLAIN_VALUE_SIZE, "offset %" PRIu64, offset);
    }
}

static void format_value(enum unit unit, uint64_t number, char value[EXPLAIN_VALUE_SIZE]) {
    switch (unit) {
    case UNIT_BYTES:
        snprintf(value, EXPLAIN_VALUE_SIZE, "%" PRIu64 " bytes", number);
        break;
    case UNIT_OFFSET:
        if (number == UINT64_MAX) {
            snprintf(value, EXPLAIN_VALUE_SIZE, "NULL");
        } else {
            format_offset(number, value);
        }
        break;
    case UNIT_COUNT:
        snprintf(value, EXPLAIN_VALUE_SIZE, "%" PRIu64, number);
        break;
    case UNIT_BYTE:
        snprintf(value, EXPLAIN_VALUE_SIZE, "the byte 0x%02" PRIx64, number);
        break;
    case UNIT_REFUSAL:
        snprintf(value, EXPLAIN_VALUE_SIZE, "%s",
                 number == REFUSAL_NONE ? "no refusal" : explain_refusal(number));
        break;
    case UNIT_HASH:
        snprintf(value, EXPLAIN_VALUE_SIZE, "%016" PRIx64, number);
        break;
    }
}

/* Puts value in the place of the template's one "%s"; the templates are the constants above. */
static void fill_template(const char *template, const char *value, char text[EXPLAIN_VALUE_SIZE]) {
    size_t length = 0;
    for (const char *at = template; *at != '\0' && length < EXPLAIN_VALUE_SIZE - 1; at++) {
        if (at[0] == '%' && at[1] == 's') {
            const int written = snprintf(text + length, EXPLAIN_VALUE_SIZE - length, "%s", value);
            length += written < 0 ? 0 : (size_t)written;
            at++;
        } else {
            text[length++] = *at;
        }
    }
    text[length < EXPLAIN_VALUE_SIZE ? length : EXPLAIN_VALUE_SIZE - 1] = '\0';
}

/* The right number of pages, but an ask too many; and no ask was due at all. */
static void explain_asks(struct verdict verdict, struct explanation *explanation) {
    if (verdict.expected == 0) {
        fill_template("not to be asked%s", "", explanation->expected);
    } else if (verdict.expected == verdict.observed) {
        char pages[EXPLAIN_VALUE_SIZE];
        format_value(UNIT_COUNT, verdict.observed, pages);
        fill_template("asked for %s pages, but not in one ask", pages, explanation->observed);
    }
}

static const char *bad_start_words(uint64_t index) {
    static const char *const words[BAD_START_COUNT] = {
#define BAD_START_WORDS(name, text, base, size, count) [BAD_START_##name] = text,
        BAD_START_LIST(BAD_START_WORDS)
#undef BAD_START_WORDS
    };
    return index < BAD_START_COUNT ? words[index] : "unknown";
}

void explain_verdict(struct verdict verdict, struct explanation *explanation) {
    const struct wording *const wording = &wordings[verdict.oracle];
    char value[EXPLAIN_VALUE_SIZE];
    format_offset(verdict.offset, value);
    fill_template(wording->where, value, explanation->where);
    format_value(wording->unit, verdict.expected, value);
    fill_template(wording->expected, value, explanation->expected);
    format_value(wording->unit, verdict.observed, value);
    fill_template(wording->observed, value, explanation->observed);
    if (verdict.oracle == ORACLE_GROWTH) {
        explain_asks(verdict, explanation);
    } else if (verdict.oracle == ORACLE_START_REFUSED) {
        fill_template("%s", bad_start_words(verdict.observed), explanation->where);
    }
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
    char offset[EXPLAIN_VALUE_SIZE];
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
    char offset[EXPLAIN_VALUE_SIZE];
    if (step->call == CALL_NONE) {
        snprintf(buffer, EXPLAIN_OUTCOME_SIZE, "-> nothing called");
    } else if (step->call == CALL_DAMAGED) {
        explain_damaged(step, buffer);
    } else if (step->call == CALL_USABLE) {
        snprintf(buffer, EXPLAIN_OUTCOME_SIZE, "-> %zu bytes", step->usable_size);
    } else if (step->refusal != REFUSAL_NONE) {
        snprintf(buffer, EXPLAIN_OUTCOME_SIZE, "-> refused: %s", explain_refusal(step->refusal));
    } else if (step->offset != MODEL_NOTHING) {
        format_offset(step->offset, offset);
        snprintf(buffer, EXPLAIN_OUTCOME_SIZE, "-> slot %zu, %s", step->slot, offset);
    } else if (step->call == CALL_FREE && !step->null_pointer) {
        format_offset(step->pointer_offset, offset);
        snprintf(buffer, EXPLAIN_OUTCOME_SIZE, "-> freed %s", offset);
    } else if (step->call == CALL_FREE || step->call == CALL_COALESCE) {
        snprintf(buffer, EXPLAIN_OUTCOME_SIZE, "-> done");
    } else {
        snprintf(buffer, EXPLAIN_OUTCOME_SIZE, "-> NULL");
    }
    return buffer;
}
