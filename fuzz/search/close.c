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
    worker->verdict = verdict;
    return !verdict_is_sound(verdict);
}

/* Every operation from a layout in a heap that grows so. */
static bool operations(const struct close *close, enum close_growth growth, struct close_worker *worker) {
    static struct alphabet alphabet;
    struct executor *const executor = close->executor;
    const uint64_t layout = worker->place.layout;
    const uint8_t depth = (uint8_t)(close->depths[layout] + 1);
    const bool stale = close->alphabet != CLOSE_PLAIN;
    worker->place.growth = growth;
    worker->place.length = 0;
    if (found(worker, close_start(close, layout, growth, stale))) {
        return false;
    }
    close_save(close, &worker->place, stale);
    alphabet_fill(&alphabet, close, growth, close_first_slot(close));
    worker->place.length = 1;
    for (uint32_t number = 0; number < alphabet.count; number++) {
        worker->place.operations[0] = number;
        if (found(worker, executor_step(executor, &alphabet.operations[number]))) {
            return false;
        }
        if (close_changed(close)) {
            reach(close, close_layout(close), depth);
        }
        if (found(worker, close_again(close))) {
            return false;
        }
    }
    worker->transition_count += alphabet.count;
    executor_end(executor, false);
    return true;
}

bool close_operations(const struct close *close, uint64_t layout, struct close_worker *worker) {
    worker->place.layout = layout;
    const bool grows = close->grows && close->alphabet == CLOSE_FULL;
    for (enum close_growth growth = CLOSE_FIXED; growth < (grows ? CLOSE_GROWTH_COUNT : CLOSE_GROWS);
         growth++) {
        if (!operations(close, growth, worker)) {
            executor_end(close->executor, true);
            return false;
        }
    }
    return true;
}

/* One sequence from a start. The alphabets of its first `known` operations are known, and of these all but
 * the last are as in the sequence before, which judged them, and the start. */
static bool sequence(const struct close *close, struct alphabet *alphabets, size_t known, size_t length,
                     struct close_worker *worker) {
    struct close_place *const place = &worker->place;
    struct executor *const executor = close->executor;
    const bool seen = executor->subject->view != NULL; /* or what a call did is noted by its judges */
    place->length = 0;
    executor->repeats_steps = seen && known > 1; /* a start is judged again for each first operation */
    if (found(worker, close_start(close, place->layout, place->growth, false))) {
        return false;
    }
    for (size_t i = 0; i < length; i++) {
        if (i >= known) {
            alphabet_fill(&alphabets[i], close, place->growth, close_first_slot(close));
        }
        place->length = i + 1;
        executor->repeats_steps = seen && i + 1 < known;
        if (found(worker, executor_step(executor, &alphabets[i].operations[place->operations[i]]))) {
            return false;
        }
    }
    executor_end(executor, false);
    return true;
}

/* Every sequence from a layout in a heap that grows so. */
static bool sequences(const struct close *close, enum close_growth growth, size_t length,
                      struct close_worker *worker) {
    static struct alphabet alphabets[CLOSE_LENGTH_MAXIMUM];
    struct close_place *const place = &worker->place;
    *place = (struct close_place){.layout = place->layout, .growth = growth};
    size_t known = 0;
    size_t last;
    do { /* counts with the numbers of the operations as digits */
        if (!sequence(close, alphabets, known, length, worker)) {
            return false;
        }
        worker->transition_count++;
        last = length;
        while (last > 0 && ++place->operations[last - 1] == alphabets[last - 1].count) {
            place->operations[--last] = 0;
        }
        known = last;
    } while (last != 0);
    return true;
}

bool close_sequences(const struct close *close, uint64_t layout, size_t length, struct close_worker *worker) {
    REQUIRE(length != 0 && length <= CLOSE_LENGTH_MAXIMUM);
    const bool full = close->alphabet == CLOSE_FULL;
    const enum close_growth first = close->grows && !full ? CLOSE_GROWS : CLOSE_FIXED;
    const enum close_growth last = close->grows && full ? CLOSE_REFUSED : first;
    worker->place.layout = layout;
    for (enum close_growth growth = first; growth <= last; growth++) {
        if (!sequences(close, growth, length, worker)) {
            executor_end(close->executor, true);
            return false;
        }
    }
    return true;
}
