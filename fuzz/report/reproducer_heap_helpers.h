/* What every such file has: memory, what is live, the properties, and what asks them. */

/* Put a unit test's own assertion in place of this. */
#define fail(property, ...)                                                                                  \
    do {                                                                                                     \
        fprintf(stderr, "operation %" PRIu64 ": %s: not so: ", number, operation);                           \
        fprintf(stderr, __VA_ARGS__);                                                                        \
        fprintf(stderr, "broken: %s\n", property);                                                           \
        exit(BROKEN);                                                                                        \
    } while (0)

#define expect(holds, property)                                                                              \
    do {                                                                                                     \
        if (!(holds)) {                                                                                      \
            fail(property, "%s\n", #holds);                                                                  \
        }                                                                                                    \
    } while (0)

#define HELPER     __attribute__((unused)) static
#define UNCHECKED  __attribute__((no_sanitize("address")))
#define GUARD_SIZE ((size_t)64) /* bytes */
#define DIRT       0xa5         /* what memory holds before the heap has it: never zero */
#define NOWHERE    UINT64_MAX   /* of NULL */
#define ANYWHERE   (UINT64_MAX - 1)
#define TAG_STEP   UINT64_C(0x9e3779b97f4a7c15)

enum end {
    SOUND,
    BROKEN,
    NOT_JUDGED
};

#if defined(__SANITIZE_ADDRESS__)
#define SANITIZED true
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SANITIZED true
#endif
#endif
#ifdef SANITIZED
void __asan_poison_memory_region(void const volatile *address, size_t size);
void __asan_unpoison_memory_region(void const volatile *address, size_t size);
#else
#define SANITIZED                                    false
#define __asan_poison_memory_region(address, size)   ((void)(address))
#define __asan_unpoison_memory_region(address, size) ((void)(address))
#endif

/* The region starts REGION_SKEW bytes past a multiple of BASE_ALIGNMENT, with guards on both sides. */
static unsigned char memory[GUARD_SIZE + BASE_ALIGNMENT + REGION_SKEW + REGION_LIMIT + GUARD_SIZE];
static unsigned char *base;

/* It, which may grow, and those added later: where, in bytes from base, and their bytes. */
static struct region {
    size_t offset;
    size_t size;
} regions[REGION_MAXIMUM] = {{0, REGION_SIZE}};
static size_t region_count = 1;
static size_t given_size = REGION_SIZE; /* bytes up to the end of the last */
static unsigned ask_count;              /* times the heap has asked for more */
static bool refuse_next;                /* the next time it gets none */
static bool refused;                    /* the last answer was NULL */

static const char *operation = "the start"; /* under way */
static uint64_t number;                     /* its, from 0 */
static size_t grant_count;                  /* payloads given */
static bool again;                          /* all is done once more, in the heap that it has emptied */
static const char *required;                /* the property that the next answer breaks if it is NULL */
static uint64_t place = ANYWHERE;           /* where the next payload has to be, in bytes from base */
static bool strayed; /* a payload is missing that the judged run had, or one more is there */

/* What each slot of the program holds. */
static unsigned char *payload[SLOT_COUNT];
static struct live {
    bool live;
    size_t size;  /* bytes asked for */
    uint64_t tag; /* of what its owner wrote */
} slots[SLOT_COUNT];

/* The address at an offset from the region's base; it may lie outside the region. */
HELPER void *at(ptrdiff_t offset) {
    return (void *)((uintptr_t)base + (uintptr_t)offset);
}

/* Is the payload there that the run had? */
HELPER bool is_live(size_t index) {
    strayed = strayed || (!slots[index].live && !again);
    return slots[index].live;
}

/* Is what its owner wrote from `from` to `to` still there? With `write` it is written. */
static bool holds(unsigned char *bytes, size_t from, size_t to, uint64_t owner, bool write) {
    for (size_t i = from; i < to; i++) {
        const unsigned char byte =
            (unsigned char)((owner + i / 8 * UINT64_C(0x0101010101010101)) >> i % 8 * 8);
        bytes[i] = write ? byte : bytes[i];
        if (bytes[i] != byte) {
            return false;
        }
    }
    return true;
}

UNCHECKED static bool are_all(const unsigned char *bytes, size_t size, unsigned char byte) {
    size_t i = 0;
    while (i < size && bytes[i] == byte) {
        i++;
    }
    return i == size;
}

static bool guards_hold(void) {
    bool hold = true;
    for (size_t i = 0; REGION_IS_OURS && i < region_count; i++) {
        const unsigned char *const start = base + regions[i].offset;
        hold = hold && are_all(start - GUARD_SIZE, GUARD_SIZE, DIRT) &&
               are_all(start + regions[i].size, GUARD_SIZE, DIRT);
    }
    return hold;
}

static bool is_inside(const unsigned char *bytes, size_t size) {
    const size_t offset = (size_t)((uintptr_t)bytes - (uintptr_t)base);
    bool inside = REGION == NULL;
    for (size_t i = 0; i < region_count; i++) {
        const size_t start = regions[i].offset;
        inside = inside || (offset >= start && offset - start <= regions[i].size &&
                            size <= regions[i].size - (offset - start));
    }
    return inside;
}

/* Does a payload of size bytes overlap no live one but that of slot `index`? One of 0 bytes overlaps what it
 * lies inside of, and shares an address only where the heap may return one twice. */
static bool is_disjoint(const unsigned char *bytes, size_t size, size_t index) {
    bool disjoint = true;
    for (size_t i = 0; i < SLOT_COUNT; i++) {
        const unsigned char *const other = payload[i];
        const size_t other_size = slots[i].size;
        if (i != index && slots[i].live && bytes == other) {
            disjoint = disjoint && (size == 0 || other_size == 0) && !ZERO_SIZE_UNIQUE;
        } else if (i != index && slots[i].live) {
            disjoint = disjoint && (bytes >= other + other_size || other >= bytes + size);
        }
    }
    return disjoint;
}

/* The heap's own assertions: inside TRY one that fails is a refusal, where the heap says so. */
#if ASSERTION_REFUSES
static sigjmp_buf refusal;
static volatile sig_atomic_t in_try;
#define END_TRY() ((void)(in_try = false))
#define TRY(call) (in_try = sigsetjmp(refusal, 1) == 0, in_try ? (call) : 0)

static void refuse(int signal_number) {
    (void)signal_number;
    if (in_try) {
        siglongjmp(refusal, 1);
    }
}
#else
#define END_TRY() ((void)0)
#define TRY(call) (call)
#endif

/* What they may call. */
__attribute__((noreturn)) void subject_failed(const char *text, const char *file, int line);
__attribute__((noreturn)) void subject_failed(const char *text, const char *file, int line) {
#if ASSERTION_REFUSES
    refuse(SIGABRT);
#endif
    fail(ASSERTION, "%s, %s:%d\n", text, file, line);
}

/* `size` bytes more, `gap` after the last; NULL: there are none, or the program refuses them. */
static void *give(size_t gap, size_t size) {
    const size_t left = REGION_LIMIT - given_size;
    if (left < gap || size > left - gap || size == 0) {
        return NULL;
    }
    const bool refuses = refuse_next || (REFUSED_ASKS >> ask_count % 16 & 1) != 0;
    ask_count++;
    refuse_next = false;
    if (refuses) {
        return NULL;
    }
    unsigned char *const start = base + given_size + gap;
    __asan_unpoison_memory_region(start, size);
    given_size += gap + size;
    return start;
}

/* What a heap that grows by itself calls: in whole pages. */
void *subject_more(size_t size);
void *subject_more(size_t size) {
    const size_t whole = size > SIZE_MAX / 2 ? 0 : (size + REGION_PAGE - 1) / REGION_PAGE * REGION_PAGE;
    void *const start = give(0, whole);
    regions[0].size += start == NULL ? 0 : whole;
    return start;
}

/* Adds a region like the first, if the last request was refused. */
HELPER void grow(void) {
    const size_t size = regions[0].size;
    void *const start = refused && region_count < REGION_MAXIMUM ? give(GUARD_SIZE, size) : NULL;
    if (start != NULL) {
        regions[region_count++] = (struct region){given_size - size, size};
        region_count -= HEAP_ADD_REGION(start, size) ? 0 : 1;
    }
}

/* The heap the operations start with: empty, in memory that is never zero. */
UNCHECKED static void make_region(void) {
    const uintptr_t first = (uintptr_t)memory + GUARD_SIZE;
    base = memory + GUARD_SIZE + (size_t)(0 - first) % BASE_ALIGNMENT + REGION_SKEW;
    for (size_t i = 0; i < REGION_LIMIT + 2 * GUARD_SIZE; i++) {
        (base - GUARD_SIZE)[i] = DIRT;
    }
    __asan_poison_memory_region(memory, sizeof memory);
    __asan_unpoison_memory_region(base, REGION_SIZE);
    base = REGION;
#if ASSERTION_REFUSES
    (void)signal(SIGABRT, refuse);
#endif
}

/* Operation number `index` of the program begins. */
HELPER void begin(uint64_t index, const char *text) {
    number = index;
    operation = text;
    place = ANYWHERE;
}

/* Asks what holds after any call: what is left of the payloads, and the heap's own check. */
HELPER void after(void) {
    END_TRY();
    expect(guards_hold(), GUARDS);
    for (size_t i = 0; i < SLOT_COUNT; i++) {
        expect(!slots[i].live || holds(payload[i], 0, slots[i].size, slots[i].tag, false), CONTENTS_KEPT);
    }
    expect(HEAP_CHECK(), OWN_CHECK);
}

/* Asks what holds of a payload just given. */
static void check_place(unsigned char *bytes, size_t size, size_t alignment, size_t index) {
    expect(size <= MOST_GRANTED, IMPOSSIBLE_SIZE);
    expect(is_inside(bytes, size), INSIDE);
    expect((uintptr_t)bytes % alignment == 0, ALIGNMENT);
    expect(is_disjoint(bytes, size, index), DISJOINT);
    grant_count++;
    expect(HEAP_USABLE_SIZE(bytes) >= size, USABLE_SIZE);
    expect(guards_hold(), GUARDS);
}

/* Asks what is asked of this answer alone. */
static void check_answer(const void *bytes) {
    const uint64_t offset = bytes == NULL ? NOWHERE : (uintptr_t)bytes - (uintptr_t)base;
    END_TRY();
    refused = bytes == NULL;
    expect(bytes != NULL || required == NULL, required);
    expect(place == ANYWHERE || again || place == offset, PLACEMENT);
}

/* A call has answered to a pointer that is no payload. */
HELPER void answered(const void *bytes) {
    check_answer(bytes);
    after();
}

/* A call has answered with a payload of size bytes for slot `index`, or with NULL. */
HELPER void given(size_t index, void *bytes, size_t size, size_t alignment, bool zeroed) {
    check_answer(bytes);
    expect(bytes == NULL || size != 0 || !ZERO_SIZE_NULL, ZERO_SIZE);
    if (bytes != NULL) {
        check_place(bytes, size, alignment, index);
        expect(!zeroed || are_all(bytes, ZEROED_SIZE(bytes, size), 0), CONTENTS_ZEROED);
        strayed = strayed || slots[index].live;
        payload[index] = bytes;
        slots[index] = (struct live){.live = true, .size = size, .tag = (number + 1) * TAG_STEP};
        (void)holds(bytes, 0, size, slots[index].tag, true);
    }
    after();
}

/* A call has freed the payload of slot `index`. */
HELPER void freed(size_t index) {
    slots[index].live = false;
    after();
}

/* A call has answered with that payload, now of size bytes, or with NULL: then nothing has changed. */
HELPER void resized(size_t index, void *bytes, size_t size, size_t alignment) {
    const struct live old = slots[index];
    const size_t kept = old.size < size ? old.size : size;
    check_answer(bytes);
    if (bytes != NULL) {
        check_place(bytes, size, alignment, index);
        payload[index] = bytes;
        slots[index].size = size;
        expect(holds(bytes, 0, kept, old.tag, false), CONTENTS_MOVED);
        (void)holds(bytes, kept, size, old.tag, true);
    } else {
        expect(holds(payload[index], 0, old.size, old.tag, false), RESIZE_FAILED);
    }
    after();
}

/* A call has answered with the usable size of that payload. */
HELPER void measured(size_t index, size_t usable_size) {
    expect(usable_size >= slots[index].size, USABLE_SIZE);
    after();
}

/* What the calls came to, if no property is broken. */
HELPER int end(void) {
    const char *why = CANNOT_JUDGE;
    if (why == NULL && strayed) {
        why = "this heap has given other payloads than the one that was judged";
    }
    if (why == NULL && NEEDS_SANITIZER && !SANITIZED) {
        why = "it takes the sanitizer that the command above has";
    }
    if (why == NULL) {
        return SOUND;
    }
    fprintf(stderr, "not judged: %s\n", why);
    return NOT_JUDGED;
}
