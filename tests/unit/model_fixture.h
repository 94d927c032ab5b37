/* What the tests of the reference model share: one model, its calls and questions as text, and its answers.
 */
#ifndef KMEM_MODEL_FIXTURE_H
#define KMEM_MODEL_FIXTURE_H

#include "fuzz/execute/model.h"
#include "fuzz/report/explain.h"
#include "tests/unit/test.h"

#define LIVE_CAPACITY 64

static struct live_block live[LIVE_CAPACITY];
static struct model model;

/* A heap of page_count pages of 64 bytes that may grow to page_limit. */
static inline void start(size_t page_count, size_t page_limit) {
    model_start(&model, &model_policy_undeclared, live, LIVE_CAPACITY, 64, page_count, page_limit, 0);
}

/* A prediction: a refusal's name, or "null", "of USABLE", "at OFFSET of USABLE"; then " freed OFFSET", and
 * " asks PAGES". What is refused has no payload, frees nothing and has no usable size. */
static inline void prediction_text(struct prediction prediction, char *text, size_t size) {
    char freed[32] = "";
    char asks[32] = "";
    if (prediction.freed_offset != MODEL_NOTHING) {
        (void)snprintf(freed, sizeof freed, " freed %zu", (size_t)prediction.freed_offset);
    }
    if (prediction.asked_pages != 0) {
        (void)snprintf(asks, sizeof asks, " asks %zu", (size_t)prediction.asked_pages);
    }
    if (prediction.refusal != REFUSAL_NONE) {
        assert_int_equal(prediction.offset, MODEL_NOTHING);
        assert_int_equal(prediction.usable_size, 0);
        assert_int_equal(prediction.freed_offset, MODEL_NOTHING);
        (void)snprintf(text, size, "%s%s", explain_refusal(prediction.refusal), asks);
    } else if (prediction.offset != MODEL_NOTHING) {
        (void)snprintf(text, size, "at %zu of %zu%s%s", (size_t)prediction.offset,
                       (size_t)prediction.usable_size, freed, asks);
    } else if (prediction.usable_size != 0) {
        (void)snprintf(text, size, "of %zu%s%s", (size_t)prediction.usable_size, freed, asks);
    } else {
        (void)snprintf(text, size, "null%s%s", freed, asks);
    }
}

/* Questions that have a number for an answer. */
static inline bool answer_question(const char *word, uint64_t operand, size_t *answer) {
    *answer = strcmp(word, "largest") == 0  ? model_largest_payload(&model)
              : strcmp(word, "first") == 0  ? model_first_payload(&model)
              : strcmp(word, "tail") == 0   ? model_tail_payload(&model)
              : strcmp(word, "live") == 0   ? model.live_count
              : strcmp(word, "taken") == 0  ? model.taken_size
              : strcmp(word, "region") == 0 ? model_region_size(&model)
              : strcmp(word, "asks") == 0   ? model.ask_count
              : strcmp(word, "block") == 0  ? model_block_size(&model, operand)
                                            : SIZE_MAX;
    return *answer != SIZE_MAX;
}

/* A call: "alloc SIZE", "aligned ALIGNMENT SIZE", "calloc COUNT SIZE", "realloc OFFSET SIZE", "free OFFSET",
 * "usable OFFSET" or "refuse", for the next ask; or a question. */
static inline void answer_call(const char *call, char *text, size_t size) {
    char word[16];
    char operands[2][24] = {"0", "0"};
    size_t answer;
    assert_true(sscanf(call, " %15s %23s %23s", word, operands[0], operands[1]) > 0);
    const uint64_t first = strtoull(operands[0], NULL, 0);
    const uint64_t second = strtoull(operands[1], NULL, 0);
    if (answer_question(word, first, &answer)) {
        (void)snprintf(text, size, "%zu", answer);
    } else if (strcmp(word, "refuse") == 0) {
        model.refuse_next = true;
        (void)snprintf(text, size, "refuse");
    } else {
        prediction_text(strcmp(word, "alloc") == 0     ? model_alloc(&model, 8, first)
                        : strcmp(word, "aligned") == 0 ? model_alloc(&model, first, second)
                        : strcmp(word, "calloc") == 0  ? model_calloc(&model, first, second)
                        : strcmp(word, "realloc") == 0 ? model_realloc(&model, first, second)
                        : strcmp(word, "free") == 0    ? model_free(&model, first)
                        : strcmp(word, "usable") == 0  ? model_usable(&model, first)
                                                       : model_nothing(),
                        text, size);
    }
}

/* The answers to calls, with "; " between them, in storage that lasts until the next call. */
static inline const char *answers_to(const char *calls) {
    static char text[1024];
    text[0] = '\0';
    for (const char *call = calls; *call != '\0';) {
        char one[64] = "";
        const size_t length = strcspn(call, ";");
        const size_t used = strlen(text);
        assert_true(length < sizeof one);
        memcpy(one, call, length);
        call += length + (call[length] == ';');
        (void)snprintf(text + used, sizeof text - used, used == 0 ? "" : "; ");
        answer_call(one, text + strlen(text), sizeof text - strlen(text));
    }
    return text;
}

/* A heap of pages of 64 bytes, calls that make it what it is, and calls with their answers. */
struct model_case {
    const char *name;
    size_t page_count;
    size_t page_limit;
    const char *before;
    const char *calls;
    const char *answers;
    uint16_t refused_asks;
    size_t skew;
};

static inline void assert_model_case(const struct model_case *expected) {
    model_start(&model, &model_policy_undeclared, live, LIVE_CAPACITY, 64, expected->page_count,
                expected->page_limit, expected->refused_asks);
    model.skew = expected->skew;
    (void)answers_to(expected->before);
    assert_string_equal(answers_to(expected->calls), expected->answers);
}

#endif
