/* Impossible entries. sv39_damage.h is the contract. */
#include "fuzz/sv39/sv39_damage.h"

#include "src/riscv/sv39.h"

#define HIGHEST_BIT 54 /* from here on an entry's bits are 0 */

static uint64_t bit(unsigned number) {
    return UINT64_C(1) << number;
}

/* 18 ways. */
static uint64_t damage_leaf(uint64_t entry, unsigned damage) {
    switch (damage % 18) {
    case 0:
        return entry & ~SV39_VALID;
    case 1:
        return entry & ~(SV39_READ | SV39_WRITE | SV39_EXECUTE);
    case 2:
        return (entry | SV39_WRITE) & ~SV39_READ;
    case 3:
        return entry & ~SV39_ACCESSED;
    case 4:
        return entry & ~SV39_DIRTY;
    case 5:
        return entry | SV39_GLOBAL;
    case 6:
        return entry | bit(8);
    case 7:
        return entry | bit(9);
    default:
        return entry | bit(HIGHEST_BIT - 8 + damage % 18);
    }
}

static uint64_t table_entry(uint64_t physical_address) {
    return (physical_address % SV39_PHYSICAL_END) / 4 | SV39_VALID;
}

/* 64 ways: bits that do not belong there; pages that do not, which the upper half of all values is; and one
 * bit of the page number from bit 6 up, so that the page is outside. */
static uint64_t damage_table_entry(uint64_t entry, unsigned damage, const struct sv39_damage_places *places) {
    const unsigned way = damage < 128 ? damage % 64 : 20 + damage % 6;
    if (way == 0) {
        return entry & ~SV39_VALID;
    }
    if (way < 10) {
        return entry | bit(way);
    }
    if (way < 20) {
        return entry | bit(HIGHEST_BIT + way - 10);
    }
    switch (way) {
    case 20:
        return table_entry(places->end);
    case 21:
        return table_entry(places->start - PAGE_SIZE);
    case 22:
        return table_entry(places->root);
    case 23:
        return table_entry(places->parent);
    case 24:
        return table_entry(places->pair);
    case 25:
        return table_entry(places->pair + PAGE_SIZE);
    default:
        return entry ^ bit(SV39_PAGE_NUMBER_BIT + 6 + way - 26);
    }
}

uint64_t sv39_damage(uint64_t entry, unsigned level, unsigned damage,
                     const struct sv39_damage_places *places) {
    return level == 0 ? damage_leaf(entry, damage) : damage_table_entry(entry, damage, places);
}
