/* Numbers for layouts: their order is that of their blocks from the left, taken before free, small before
 * large. layouts.h is the contract. */
#include "fuzz/search/layouts.h"

#include <stdbool.h>

#include "src/require.h"

/* As layouts.h has it, by the last block; the tables go by the first. Both must agree. */
static uint64_t closed_form(const struct layouts *layouts) {
    uint64_t taken[LAYOUTS_GRAINS + 1] = {0};
    uint64_t open[LAYOUTS_GRAINS + 1] = {0};
    for (size_t n = 1; n <= layouts->grain_count; n++) {
        for (size_t k = layouts->least; k <= n; k++) {
            const uint64_t empty = k == n;
            taken[n] += taken[n - k] + open[n - k] + empty;
            open[n] += taken[n - k] + empty;
        }
    }
    return taken[layouts->grain_count] + open[layouts->grain_count];
}

void layouts_make(struct layouts *layouts) {
    REQUIRE(layouts->least != 0 && layouts->least <= layouts->grain_count);
    REQUIRE(layouts->grain_count <= LAYOUTS_GRAINS);
    for (size_t n = 0; n <= layouts->grain_count; n++) {
        uint64_t taken_first = n == 0;
        uint64_t free_first = 0;
        for (size_t k = layouts->least; k <= n; k++) {
            taken_first += layouts->after_taken[n - k];
            free_first += layouts->after_free[n - k];
        }
        layouts->after_taken[n] = taken_first + free_first;
        layouts->after_free[n] = taken_first;
        layouts->sum_taken[n + 1] = layouts->sum_taken[n] + layouts->after_taken[n];
        layouts->sum_free[n + 1] = layouts->sum_free[n] + layouts->after_free[n];
    }
    layouts->count = closed_form(layouts);
    REQUIRE(layouts->count == layouts->after_taken[layouts->grain_count]);
}

/* Layouts of `rest` grains whose first block, of that kind, has fewer than `size` grains. */
static uint64_t smaller(const struct layouts *layouts, const uint64_t *sums, size_t rest, size_t size) {
    return size <= layouts->least ? 0 : sums[rest - layouts->least + 1] - sums[rest - size + 1];
}

uint64_t layouts_number(const struct layouts *layouts, const struct live_block *live, size_t live_count) {
    uint64_t number = 0;
    size_t end = 0; /* of the block before, in grains */
    for (size_t i = 0; i <= live_count; i++) {
        const size_t grain_size = layouts->grain_size;
        const size_t next =
            i == live_count ? layouts->grain_count : (live[i].offset - layouts->start) / grain_size;
        const size_t rest = layouts->grain_count - end;
        if (next != end) {
            number += smaller(layouts, layouts->sum_taken, rest, rest + 1) +
                      smaller(layouts, layouts->sum_free, rest, next - end);
        }
        if (i != live_count) {
            const size_t size = live[i].size / grain_size;
            number += smaller(layouts, layouts->sum_taken, layouts->grain_count - next, size);
            end = next + size;
        }
    }
    return number;
}

size_t layouts_blocks(const struct layouts *layouts, uint64_t number, struct live_block *live) {
    size_t live_count = 0;
    size_t size;
    REQUIRE(number < layouts->count);
    for (size_t end = 0; end < layouts->grain_count; end += size) { /* a block each time */
        const size_t rest = layouts->grain_count - end;
        const uint64_t taken_count = smaller(layouts, layouts->sum_taken, rest, rest + 1);
        const bool taken = number < taken_count;
        const uint64_t *const counts = taken ? layouts->after_taken : layouts->after_free;
        number -= taken ? 0 : taken_count;
        for (size = layouts->least; number >= counts[rest - size]; size++) {
            number -= counts[rest - size];
        }
        if (taken) {
            live[live_count++] = (struct live_block){.offset = layouts->start + end * layouts->grain_size,
                                                     .size = size * layouts->grain_size};
        }
    }
    return live_count;
}
