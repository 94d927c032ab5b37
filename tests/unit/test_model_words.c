/* Specification: the reference model agrees with a second, naive one on every answer. The second keeps no
 * list of anything: it has an owner for every 8-byte word of the region, and looks for runs of unowned words.
 */
#include "tests/unit/model_fixture.h"

#define WORD          ((size_t)8) /* bytes */
#define PAGE_WORDS    ((size_t)8)
#define WORDS_MAXIMUM ((size_t)512)
#define OWNER_COUNT   ((size_t)48)
#define OPERATIONS    20000
#define NOBODY        0

/* words[i]: who owns word i, from 1 on; NOBODY when it is free. */
static uint8_t words[WORDS_MAXIMUM];
static size_t word_count;
static size_t word_limit;
static uint64_t random_state;

static size_t random_below(size_t bound) {
    return (size_t)(next_random(&random_state) % bound);
}

static size_t run_length(size_t start, uint8_t owner) {
    size_t length = 0;
    while (start + length < word_count && words[start + length] == owner) {
        length++;
    }
    return length;
}

static void own(size_t start, size_t count, uint8_t owner) {
    for (size_t i = start; i < start + count; i++) {
        words[i] = owner;
    }
}

static size_t words_for(size_t request) {
    const size_t count = 1 + (request + WORD - 1) / WORD;
    return count < 2 ? 2 : count;
}

/* Does a block of count words fit at start, in the run of free words that begins at run? Every condition is
 * kmem.h's: the gap is nothing or a block, the payload aligned, the words free. */
static bool can_start_at(size_t run, size_t start, size_t count, size_t alignment) {
    const size_t gap = start - run;
    return gap != 1 && (start + 1) * WORD % alignment == 0 && run_length(start, NOBODY) >= count;
}

/* Takes a block for owner where it is the first that fits; false when none does. A lone word left over is
 * the block's. */
static bool take(size_t count, size_t alignment, uint8_t owner) {
    size_t run = 0; /* where the free words begin that `start` is among */
    for (size_t start = 0; start < word_count; start++) {
        if (words[start] != NOBODY) {
            run = start + 1;
        } else if (can_start_at(run, start, count, alignment)) {
            const size_t room = run_length(start, NOBODY);
            own(start, room - count == 1 ? room : count, owner);
            return true;
        }
    }
    return false;
}

/* Adds a page at a time until the block fits, or the limit is reached: then all are taken back. */
static bool take_or_grow(size_t count, size_t alignment, uint8_t owner, bool granted, size_t *asked_pages) {
    const size_t before = word_count;
    *asked_pages = 0;
    while (!take(count, alignment, owner)) {
        if (word_count + PAGE_WORDS > word_limit) {
            word_count = before;
            *asked_pages = 0;
            return false;
        }
        word_count += PAGE_WORDS;
        ++*asked_pages;
    }
    if (*asked_pages != 0 && !granted) {
        for (size_t i = 0; i < word_count; i++) {
            words[i] = words[i] == owner ? NOBODY : words[i];
        }
        word_count = before;
        return false;
    }
    return true;
}

static size_t start_of(uint8_t owner) {
    size_t start = 0;
    while (start < word_count && words[start] != owner) {
        start++;
    }
    return start;
}

static void assert_agreed(struct prediction prediction, uint8_t owner, bool placed, size_t asked_pages) {
    assert_int_equal(prediction.asked_pages, asked_pages);
    assert_int_equal(prediction.refusal, placed ? REFUSAL_NONE : REFUSAL_EXHAUSTED);
    if (!placed) {
        assert_int_equal(prediction.offset, MODEL_NOTHING);
        return;
    }
    const size_t start = start_of(owner);
    assert_int_equal(prediction.offset, (start + 1) * WORD);
    assert_int_equal(prediction.usable_size, (run_length(start, owner) - 1) * WORD);
}

static void alloc_both(uint8_t owner, size_t alignment, size_t request) {
    size_t asked_pages;
    const bool granted = !model.refuse_next && (model.refused_asks >> model.ask_count % 16 & 1) == 0;
    const struct prediction prediction = model_alloc(&model, alignment, request);
    const bool placed = take_or_grow(words_for(request), alignment, owner, granted, &asked_pages);
    assert_agreed(prediction, owner, placed, asked_pages);
}

static void free_both(uint8_t owner) {
    const size_t start = start_of(owner);
    const struct prediction prediction = model_free(&model, (start + 1) * WORD);
    assert_int_equal(prediction.freed_offset, (start + 1) * WORD);
    assert_int_equal(prediction.offset, MODEL_NOTHING);
    assert_int_equal(prediction.usable_size, 0);
    assert_int_equal(prediction.asked_pages, 0);
    assert_int_equal(prediction.refusal, REFUSAL_NONE);
    own(start, run_length(start, owner), NOBODY);
}

static void resize_both(uint8_t owner, size_t request) {
    const size_t start = start_of(owner);
    const size_t old_count = run_length(start, owner);
    const size_t span = old_count + run_length(start + old_count, NOBODY);
    const size_t count = words_for(request);
    const uint8_t mover = OWNER_COUNT + 1;
    const bool granted = !model.refuse_next && (model.refused_asks >> model.ask_count % 16 & 1) == 0;
    const struct prediction prediction = model_realloc(&model, (start + 1) * WORD, request);
    size_t asked_pages = 0;
    bool placed = true;
    if (count <= span) {
        own(start, span, NOBODY);
        own(start, span - count == 1 ? span : count, owner);
    } else {
        placed = take_or_grow(count, WORD, mover, granted, &asked_pages);
    }
    if (placed && count > span) {
        own(start, old_count, NOBODY);
        const size_t moved = start_of(mover);
        own(moved, run_length(moved, mover), owner);
    }
    assert_int_equal(prediction.freed_offset, placed && count > span ? (start + 1) * WORD : MODEL_NOTHING);
    assert_agreed(prediction, owner, placed, asked_pages);
}

/* What is wrong with freeing each address, by its owner alone. */
static void assert_pointers_judged_alike(void) {
    const size_t offset = random_below((word_count + 2) * WORD);
    const size_t word = offset / WORD;
    enum refusal expected;
    if (word >= word_count) {
        expected = REFUSAL_FOREIGN;
    } else if (offset % WORD != 0) {
        expected = REFUSAL_MISALIGNED;
    } else if (words[word] == NOBODY) {
        expected = REFUSAL_DOUBLE_FREE;
    } else {
        expected = start_of(words[word]) + 1 == word ? REFUSAL_NONE : REFUSAL_INTERIOR;
    }
    assert_int_equal(model_judge_pointer(&model, offset), expected);
}

static void assert_holes_alike(void) {
    size_t largest = 0;
    size_t first = 0;
    size_t tail = 0;
    size_t taken = word_count;
    for (size_t start = 0; start < word_count; start++) {
        const size_t length = run_length(start, NOBODY);
        if (length == 0) {
            continue;
        }
        first = first == 0 ? length : first;
        largest = length > largest ? length : largest;
        start += length;
        taken -= length;
        tail = start == word_count ? length : 0;
    }
    assert_int_equal(model.taken_size, taken * WORD);
    assert_int_equal(model_first_payload(&model), first == 0 ? 0 : (first - 1) * WORD);
    assert_int_equal(model_largest_payload(&model), largest == 0 ? 0 : (largest - 1) * WORD);
    assert_int_equal(model_tail_payload(&model), tail == 0 ? 0 : (tail - 1) * WORD);
    assert_int_equal(model_region_size(&model), word_count * WORD);
}

static void operate_at_random(void) {
    static const size_t alignments[] = {8, 8, 8, 16, 32, 64, 128, 256};
    const uint8_t owner = (uint8_t)(1 + random_below(OWNER_COUNT));
    const bool is_live = start_of(owner) < word_count;
    const size_t request = 1 + random_below(random_below(8) == 0 ? 400 : 70);
    model.refuse_next = random_below(16) == 0;
    if (!is_live) {
        alloc_both(owner, alignments[random_below(LENGTH(alignments))], request);
    } else if (random_below(3) == 0) {
        resize_both(owner, request);
    } else {
        free_both(owner);
    }
    assert_pointers_judged_alike();
    assert_holes_alike();
}

static const struct {
    const char *name;
    uint64_t first_seed;
    uint64_t last_seed;
    size_t page_count;
    size_t page_limit;
    size_t operation_count;
    uint16_t refused_asks;
} heaps[] = {
    {"of one page", 1, 1, 1, 1, OPERATIONS, 0},
    {"of 16 pages that cannot grow", 2, 2, 16, 16, OPERATIONS, 0},
    {"of 40 pages that cannot grow", 3, 3, 40, 40, OPERATIONS, 0},
    {"that grows now and then", 4, 4, 1, 64, OPERATIONS, 0x7fff},
    {"that grows every other time", 5, 5, 1, 64, OPERATIONS, 0xa5a5},
    {"that grows from 8 pages to 20", 6, 6, 8, 20, OPERATIONS, 0},
    {"that grows from nothing", 100, 149, 1, 64, 200, 0xfffe},
};

TEST_EACH(the_model_and_a_map_of_words_agree_on_a_heap, heaps) {
    for (uint64_t seed = row->first_seed; seed <= row->last_seed; seed++) {
        random_state = seed;
        own(0, WORDS_MAXIMUM, NOBODY);
        word_count = row->page_count * PAGE_WORDS;
        word_limit = row->page_limit * PAGE_WORDS;
        model_start(&model, &model_policy_undeclared, live, LIVE_CAPACITY, PAGE_WORDS * WORD, row->page_count,
                    row->page_limit, row->refused_asks);
        for (size_t i = 0; i < row->operation_count; i++) {
            operate_at_random();
        }
    }
}
