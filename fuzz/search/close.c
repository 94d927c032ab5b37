/* The closure's steps and sequences. close.h is the contract. */
#include "fuzz/search/close.h"

#include "fuzz/search/close_state.h"
#include "src/require.h"

static void reach(const struct close *close, uint64_t layout, uint8_t depth) {
    if (layout != close->layouts.count && close->depths[layout] == CLOSE_UNREACHED) {
        close->depths[layout] = depth; /* several processes may: each writes the same */
    }
}

static bool found(struct close_worker *worker, struct verdict verdict) {
    if (verdict_is_sound(verdict)) {
        return false;
    }
    worker->verdict = verdict;
    return true;
}

/* To the next sequence: its operation number length - 1 is the first that differs. Length 0: there is none.
 */
static void count_up(struct close_place *place, const struct alphabet *alphabets) {
    while (place->length != 0 &&
           ++place->operations[place->length - 1] == alphabets[place->length - 1].count) {
        place->length--;
    }
}

/* Every sequence of that many operations from a layout in a heap that grows so. What several have in common
 * is done and judged once:
 *
 *     start -> save -> first operation -> save -> second -> ... -> last -> back to the state before the first
 *                                                                          that is another in the next one
 */
static bool sequences(const struct close *close, enum close_growth growth, size_t length, bool stale,
                      struct close_worker *worker) {
    static struct alphabet alphabets[CLOSE_LENGTH_MAXIMUM];
    struct close_place *const place = &worker->place;
    *place = (struct close_place){.layout = place->layout, .growth = growth};
    if (found(worker, close_start(close, place->layout, growth, stale))) {
        return false;
    }
    bool is_new = true; /* the state before the next operation */
    do {                /* an operation each time */
        if (is_new) {
            close_save(close, place, length, stale);
            alphabet_fill(&alphabets[place->length], close, growth, close_first_slot(close));
            place->operations[place->length++] = 0;
        }
        const size_t last = place->length - 1;
        const struct operation *const operation = &alphabets[last].operations[place->operations[last]];
        if (found(worker, executor_step(close->executor, operation))) {
            return false;
        }
        is_new = place->length != length;
        if (!is_new) {
            worker->transition_count++;
            if (length == 1 && close_changed(close)) {
                reach(close, close_layout(close), (uint8_t)(close->depths[place->layout] + 1));
            }
            count_up(place, alphabets);
            if (place->length != 0 && !close_restore(close, place) &&
                found(worker, close_repeat(close, place, alphabets))) {
                return false;
            }
        }
    } while (place->length != 0);
    executor_end(close->executor, false);
    return true;
}

/* The same in a heap that grows in each way from the first to the last. */
static bool grown_sequences(const struct close *close, enum close_growth first, enum close_growth last,
                            size_t length, bool stale, struct close_worker *worker) {
    for (enum close_growth growth = first; growth <= last; growth++) {
        if (!sequences(close, growth, length, stale, worker)) {
            executor_end(close->executor, true);
            return false;
        }
    }
    return true;
}

bool close_operations(const struct close *close, uint64_t layout, struct close_worker *worker) {
    const bool grows = close->grows && close->alphabet == CLOSE_FULL;
    worker->place.layout = layout;
    return grown_sequences(close, CLOSE_FIXED, grows ? CLOSE_REFUSED : CLOSE_FIXED, 1,
                           close->alphabet != CLOSE_PLAIN, worker);
}

bool close_sequences(const struct close *close, uint64_t layout, size_t length, struct close_worker *worker) {
    REQUIRE(length != 0 && length <= CLOSE_LENGTH_MAXIMUM);
    const bool full = close->alphabet == CLOSE_FULL;
    const enum close_growth first = close->grows && !full ? CLOSE_GROWS : CLOSE_FIXED;
    worker->place.layout = layout;
    return grown_sequences(close, first, close->grows && full ? CLOSE_REFUSED : first, length, false, worker);
}
