/* What every reproducer has: memory, a page source, what is live, the properties, and what asks them. */

/* Put a unit test's own assertion in place of this. */
#define fail(property, ...)                                                                                  \
    do {                                                                                                     \
        fprintf(stderr, "operation %s: not so: ", operation);                                                \
        fprintf(stderr, __VA_ARGS__);                                                                        \
        assert(false && property);                                                                           \
    } while (0)

#define check(holds, property)                                                                               \
    do {                                                                                                     \
        if (asks(property) && !(holds)) {                                                                    \
            fail(property, "%s\n", #holds);                                                                  \
        }                                                                                                    \
    } while (0)

#define check_equal(observed, expected, property)                                                            \
    do {                                                                                                     \
        const uint64_t wanted = (expected);                                                                  \
        const uint64_t seen = asks(property) ? (observed) : wanted;                                          \
        if (seen != wanted) {                                                                                \
            fail(property, "%s is %" PRIu64 ", not %" PRIu64 "\n", #observed, seen, wanted);                 \
        }                                                                                                    \
    } while (0)

#define HELPER         __attribute__((unused)) static
#define BASE_ALIGNMENT ((size_t)65536) /* bytes: the largest that is asked for */
#define GUARD_SIZE     ((size_t)64)    /* bytes */
#define DIRT           0xa5            /* what memory holds before the heap has it: never zero */

/* The region starts one page past a multiple of BASE_ALIGNMENT:
 *
 *     memory ... | a multiple of BASE_ALIGNMENT | a page | base: region ... | room to grow | guard | */
static unsigned char memory[BASE_ALIGNMENT + GUARD_SIZE + PAGE_SIZE + PAGE_LIMIT * PAGE_SIZE + GUARD_SIZE];
static unsigned char *base;
static struct kmem heap;

typedef uint64_t __attribute__((may_alias)) word;

static const char *operation = "0, before the first"; /* under way */
static uint64_t number;                               /* of operations begun */
static uint64_t before;                               /* the headers when it began, as a hash */
static const char *asked = "";                        /* the property asked besides the answers */
HELPER void *result;                                  /* of a call that must give nothing */

/* The payloads, and what is known of those that are live; size 0: the slot is empty. */
static unsigned char *slot[SLOT_COUNT];
static struct live {
    size_t size;       /* bytes asked for */
    size_t block_size; /* bytes, header included */
    uint64_t tag;      /* of what its owner wrote */
} live[SLOT_COUNT];

/* What an operation must give. What is not said is 0: no payload, KMEM_OK, the page source not asked. */
struct expected {
    size_t slot;           /* of the payload given, kept or freed; SLOT_COUNT: none */
    size_t size;           /* bytes asked for */
    size_t alignment;      /* bytes; 0 means 8 */
    size_t at;             /* bytes from base, of the payload; 0: NULL */
    size_t usable;         /* usable size of the payload, or of `of` when that is measured */
    size_t pages;          /* asked of the page source, all at once */
    enum kmem_error error; /* as kmem_last_error has it */
    bool zeroed, moved, freed, measured;
    const void *of;
};

static bool asks(const char *property) {
    return EVERYTHING || strcmp(property, asked) == 0 || strcmp(property, PLACEMENT) == 0 ||
           strcmp(property, REFUSAL_NAMED) == 0;
}

/* The page source. */
static size_t page_count;  /* pages given to the heap so far */
static bool grant;         /* it gives what it is asked for next, and refuses all else */
static size_t asked_pages; /* in the operation under way, by all asks */
static size_t ask_count;

/* Makes memory accessible, and the word behind it, which a heap has to leave so. */
static void give(size_t first_page, size_t count) {
    PORT_UNPOISON(base + first_page * PAGE_SIZE, count * PAGE_SIZE + sizeof(word));
}

static bool extend(void *context, size_t count) {
    (void)context;
    asked_pages += count;
    ask_count++;
    if (!grant || count > PAGE_LIMIT - page_count) {
        return false;
    }
    grant = false;
    give(page_count, count);
    page_count += count;
    return true;
}

/* The address at an offset from the region's base; it may lie outside the region. */
HELPER unsigned char *at(ptrdiff_t offset) {
    return (unsigned char *)((uintptr_t)base + (uintptr_t)offset);
}

/* Is what its owner wrote from `from` to `to` still there? With `write` it is written. */
static bool holds(unsigned char *payload, size_t from, size_t to, uint64_t tag, bool write) {
    for (size_t i = from; i < to; i++) {
        const unsigned char byte = (unsigned char)((tag + i / 8 * UINT64_C(0x0101010101010101)) >> i % 8 * 8);
        payload[i] = write ? byte : payload[i];
        if (payload[i] != byte) {
            return false;
        }
    }
    return true;
}

PORT_UNCHECKED static bool are_all(const unsigned char *bytes, size_t size, unsigned char byte) {
    size_t i = 0;
    while (i < size && bytes[i] == byte) {
        i++;
    }
    return i == size;
}

/* Were they equal? */
PORT_UNCHECKED static bool copy_words(word *to, const word *from, size_t size) {
    bool same = true;
    for (size_t i = 0; i < size / sizeof *to; i++) {
        same = same && to[i] == from[i];
        to[i] = from[i];
    }
    return same;
}

static bool guards_hold(void) {
    return are_all(base - GUARD_SIZE, GUARD_SIZE, DIRT) &&
           are_all(base + page_count * PAGE_SIZE, GUARD_SIZE, DIRT);
}

static bool is_inside(const void *payload, size_t size) {
    const size_t region_size = page_count * PAGE_SIZE;
    const size_t offset = (size_t)((uintptr_t)payload - (uintptr_t)base);
    return payload == NULL || (offset < region_size && size <= region_size - offset);
}

/* Do size bytes at a payload overlap no live one but that of slot `index`? */
static bool is_disjoint(const unsigned char *payload, size_t size, size_t index) {
    for (size_t i = 0; i < SLOT_COUNT && payload != NULL; i++) {
        if (i != index && live[i].size != 0 && payload < slot[i] + live[i].size && slot[i] < payload + size) {
            return false;
        }
    }
    return true;
}

/* A hash over all headers, in order. */
static uint64_t layout(void) {
    const size_t end = page_count * PAGE_SIZE;
    uint64_t hash = 0;
    struct block block;
    for (size_t offset = 0; offset < end; offset += (size_t)block.size) {
        block = block_read(base + offset);
        if (!block_is_possible(block, end - offset)) {
            break;
        }
        hash = ((hash << 5 | hash >> 59) ^ (block.size * 2 + block.taken)) * UINT64_C(0x9e3779b97f4a7c15);
    }
    return hash;
}

/* The slot whose block starts at an offset in first..last-1; SLOT_COUNT when there is none. */
static size_t find_owner(size_t first, size_t last) {
    size_t index = 0;
    for (; index < SLOT_COUNT; index++) {
        const size_t offset = (size_t)(slot[index] - base) - BLOCK_HEADER_SIZE;
        if (live[index].size != 0 && offset >= first && offset < last) {
            break;
        }
    }
    return index;
}

/* Walks the blocks; agreement: and compares them with the live payloads. */
static void check_blocks(bool agreement) {
    const size_t end = page_count * PAGE_SIZE;
    bool left_is_free = false;
    size_t passed = 0; /* what starts before this offset has been seen */
    size_t taken_count = 0;
    size_t taken_size = 0; /* bytes */
    struct block block;
    check(heap.base == base && heap.page_size == PAGE_SIZE && heap.page_count == page_count, REGION);
    check(kmem_head(&heap) == base && kmem_page_count(&heap) == page_count, REGION);
    for (size_t offset = 0; offset < end; offset += (size_t)block.size) {
        block = block_read(base + offset);
        check(block.size != 0, WALK_ENDS);
        check(block.size >= BLOCK_SIZE_MINIMUM && block.size % BLOCK_ALIGNMENT == 0, BLOCK_SIZE);
        check(block.size <= end - offset, BLOCK_TILING);
        if (!block_is_possible(block, end - offset)) {
            return; /* another property's business */
        }
        check(block.taken || !left_is_free, FREE_MERGED);
        left_is_free = !block.taken;
        if (agreement && (asks(LIVE_IS_TAKEN) || asks(TAKEN_IS_LIVE))) {
            const size_t owner = find_owner(offset, offset + 1);
            const bool is_live = owner != SLOT_COUNT;
            check(find_owner(passed, offset) == SLOT_COUNT, LIVE_IS_TAKEN);
            check(!is_live || (block.taken && block.size == live[owner].block_size), LIVE_IS_TAKEN);
            check(is_live || !block.taken, TAKEN_IS_LIVE);
            passed = offset + 1;
        }
        taken_count += block.taken ? 1 : 0;
        taken_size += block.taken ? (size_t)block.size : 0;
    }
    check(!agreement || find_owner(passed, end) == SLOT_COUNT, LIVE_IS_TAKEN);
    check_equal(heap.taken_count, taken_count, COUNTERS);
    check_equal(heap.taken_size, taken_size, COUNTERS);
}

static void check_bad_starts(void) {
    const size_t page_size = PAGE_SIZE;
    struct kmem other;
#define CHECK_BAD_START(words, address, size, count)                                                         \
    if (asks(START_REFUSED) && kmem_init(&other, address, count, size, NULL) == KMEM_OK) {                   \
        fail(START_REFUSED, "no heap starts in " words "\n");                                                \
    }
    BAD_STARTS(CHECK_BAD_START)
}

/* An empty heap. poison: what it is not given is poisoned. */
static void start(bool poison) {
    const struct kmem_page_source source = {
        .extend = extend, .context = NULL, .page_limit = PAGE_LIMIT > PAGE_COUNT ? PAGE_LIMIT : 0};
    const uintptr_t first = (uintptr_t)memory + GUARD_SIZE;
    memset(memory, DIRT, sizeof memory);
    if (poison) {
        PORT_POISON(memory, sizeof memory);
    }
    base = memory + GUARD_SIZE + (size_t)(0 - first) % BASE_ALIGNMENT + PAGE_SIZE;
    page_count = PAGE_COUNT;
    give(0, PAGE_COUNT);
    (void)kmem_init(&heap, base, PAGE_COUNT, PAGE_SIZE, &source);
    check_bad_starts();
    check_blocks(true);
    check(guards_hold(), GUARDS);
    CHECK_POISON();
}

/* A new operation begins. text is its number and how the program has it. */
HELPER void begin(const char *text) {
    operation = text;
    number++;
    grant = false;
    asked_pages = 0;
    ask_count = 0;
    before = layout();
}

/* What the operation under way has left of a payload, and what its owner now writes to it. */
static void check_payload(unsigned char *payload, const struct expected *is, struct live old) {
    const size_t kept = old.size < is->size ? old.size : is->size;
    check(!is->zeroed || are_all(payload, is->usable, 0), CONTENTS_ZEROED);
    check(!is->moved || holds(payload, 0, kept, old.tag, false), CONTENTS_MOVED);
    (void)holds(payload, kept, is->size, live[is->slot].tag, true);
}

/* Asks the properties after an operation that has returned answer, in the order of the harness. */
HELPER void expect(unsigned char *answer, struct expected is) {
    const struct live old = is.slot < SLOT_COUNT ? live[is.slot] : (struct live){.size = 0};
    check(is_inside(answer, is.size), INSIDE);
    check((uintptr_t)answer % (is.alignment == 0 ? BLOCK_ALIGNMENT : is.alignment) == 0, ALIGNMENT);
    check(is_disjoint(answer, is.size, is.slot), DISJOINT);
    check_equal(asked_pages, is.pages, GROWTH);
    check_equal(ask_count, is.pages != 0, GROWTH);
    check_equal(answer == NULL ? 0 : (uintptr_t)answer - (uintptr_t)base, is.at, PLACEMENT);
    check_equal(kmem_last_error(&heap), is.error, REFUSAL_NAMED);
    if (is.slot < SLOT_COUNT && (is.at != 0 || is.freed)) {
        const uint64_t tag = old.size != 0 ? old.tag : number * UINT64_C(0x9e3779b97f4a7c15);
        live[is.slot] = (struct live){is.at == 0 ? 0 : is.size, is.usable + BLOCK_HEADER_SIZE, tag};
    }
    if (is.at == 0 && !is.freed) {
        check_blocks(false);
        check_equal(layout(), before, REFUSAL_UNTOUCHED);
    }
    check_blocks(true);
    if (is.at != 0 || is.measured) {
        check_equal(kmem_usable_size(&heap, is.at != 0 ? answer : is.of), is.usable, USABLE_SIZE);
    }
    check(guards_hold(), GUARDS);
    CHECK_POISON();
    if (is.at != 0 && is.slot < SLOT_COUNT) {
        check_payload(answer, &is, old);
    }
    for (size_t i = 0; i < SLOT_COUNT; i++) {
        check(holds(slot[i], 0, live[i].size, live[i].tag, false), CONTENTS_KEPT);
    }
}

/* Cuts free blocks up, by writing headers as no operation leaves them: or kmem_coalesce would find nothing to
 * merge. The harness does the same before it.
 *
 *     before   | free .................................. |
 *     after    | free 16 | free 16 | free 16 | free .... |     as far as the block goes */
HELPER void shatter(void) {
    const size_t end = kmem_size(&heap);
    size_t offset = 0;
    while (offset < end) {
        struct block block = block_read(base + offset);
        if (!block_is_possible(block, end - offset)) {
            return;
        }
        for (int i = 0; i < 3 && !block.taken && block.size >= 2 * BLOCK_SIZE_MINIMUM; i++) {
            block_write(base + offset, BLOCK_SIZE_MINIMUM, false);
            block.size -= BLOCK_SIZE_MINIMUM;
            offset += BLOCK_SIZE_MINIMUM;
            block_write(base + offset, block.size, false);
        }
        offset += (size_t)block.size;
    }
}

/* A header is damaged, the heap called, and all put back as it was. */
static word saved[PAGE_LIMIT * PAGE_SIZE / sizeof(word)]; /* the region, header damaged */
static struct kmem saved_heap;
static bool impossible; /* no block can have the damaged header */

PORT_UNCHECKED static void flip(size_t offset, uint64_t mask) {
    *(word *)(void *)(base + offset) ^= mask; /* a header is in the machine's order */
}

HELPER void damage(size_t offset, uint64_t mask) {
    const size_t end = page_count * PAGE_SIZE;
    flip(offset, mask);
    (void)copy_words(saved, (const word *)(const void *)base, end);
    saved_heap = heap;
    impossible = !block_is_possible(block_read(base + offset), end - offset);
}

/* Asks the properties after a call on the damaged heap, and repairs it. needed: the call cannot do without
 * the header; front: but may be done with those in front of it; merges: and may merge those. */
HELPER void repair(unsigned char *answer, size_t size, size_t offset, uint64_t mask, bool needed, bool front,
                   bool merges) {
    const size_t end = page_count * PAGE_SIZE;
    const bool is_due = needed && impossible && !(front && answer != NULL && answer <= base + offset);
    const bool is_reported = kmem_last_error(&heap) == KMEM_CORRUPT;
    const bool is_untouched = copy_words((word *)(void *)base, saved, end);
    flip(offset, mask);
    heap = saved_heap;
    PORT_POISON(base, end);
    for (size_t i = 0; i < SLOT_COUNT; i++) {
        if (live[i].size != 0) {
            PORT_UNPOISON(slot[i], live[i].size);
        }
    }
    check((uintptr_t)answer % 8 == 0 && is_inside(answer, size), DAMAGE_INSIDE);
    check(!is_due || is_reported, DAMAGE_REPORTED);
    check(!is_reported || merges || is_untouched, DAMAGE_UNTOUCHED);
    check(guards_hold(), GUARDS);
}
