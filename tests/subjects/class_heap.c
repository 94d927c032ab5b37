/* A heap of size classes without headers: each page holds objects of one size, a power of two, and a map at
 * the bottom of the region says which. Pages are taken from the top down and stay with their class; what is
 * larger than a page is refused, by an assertion.
 *
 *     | map, a byte for each page | unused | page 2 | page 1 | page 0 | less than a page
 */
#include "fuzz/execute/subject.h"
#include "tests/subjects/claim.h"
#include "tests/subjects/defect.h"

#define OBJECT_LEAST ((size_t)8)   /* bytes: the objects of class 0, which hold a link while free */
#define PAGE_SIZE    ((size_t)128) /* bytes: the objects of the last class */
#define CLASS_COUNT  5u
#define CLASS_MASK   7u /* of a byte of the map */

enum {
    CLASS_HEAP_SOUND,
    CLASS_HEAP_GRANTS_LARGE,       /* what is larger than a page gets one */
    CLASS_HEAP_ROUNDS_DOWN,        /* a byte more than a class has is not worth the next */
    CLASS_HEAP_LOOKS_TOO_LOW,      /* in the map, for the first object of a page */
    CLASS_HEAP_CARVES_THE_MAP,     /* pages are counted as if it took no room */
    CLASS_HEAP_CARVES_ONE_MORE,    /* object than a page holds */
    CLASS_HEAP_ALIGNS_TO_SIZE,     /* alloc_aligned trusts the size to be as large as the alignment */
    CLASS_HEAP_MULTIPLIES_32_BITS, /* in calloc */
    CLASS_HEAP_ZEROES_THE_LINK,    /* calloc takes all else for zero */
    CLASS_HEAP_MOVES_THE_OLD_SIZE, /* realloc, even where it moves to a smaller object */
    CLASS_HEAP_FREES_TO_THE_NEW,   /* realloc puts the old object into the list of the new one's class */
    CLASS_HEAP_CLAIMS_TOO_MUCH,    /* free takes the last page carved for one never carved */
};

struct object {
    struct object *next; /* NULL: the last free one of its class */
};

static unsigned char *map;
static unsigned char *top; /* end of page 0, aligned to a page */
static size_t page_count;  /* that fit */
static size_t taken_page_count;
static struct object *lists[CLASS_COUNT];

static bool is(int defect) {
    return subject_defect == defect;
}

static size_t object_size(unsigned class_index) {
    return OBJECT_LEAST << class_index;
}

/* The smallest class with objects as large; CLASS_COUNT: none. */
static unsigned class_for(size_t size) {
    const size_t least = is(CLASS_HEAP_ROUNDS_DOWN) && size != 0 ? size - 1 : size;
    unsigned class_index = 0;
    while (class_index < CLASS_COUNT && object_size(class_index) < least) {
        class_index++;
    }
    return class_index == CLASS_COUNT && is(CLASS_HEAP_GRANTS_LARGE) ? CLASS_COUNT - 1 : class_index;
}

static size_t page_of(const void *payload) {
    const size_t distance = (size_t)(top - (const unsigned char *)payload);
    return (distance - (is(CLASS_HEAP_LOOKS_TOO_LOW) ? 0 : 1)) / PAGE_SIZE;
}

static unsigned class_of(const void *payload) {
    return map[page_of(payload)] & CLASS_MASK;
}

static bool start(void *memory, size_t size) {
    map = memory;
    const size_t cut = ((uintptr_t)memory + size) & (PAGE_SIZE - 1);
    CLAIM(size >= cut + PAGE_SIZE + 1);
    top = map + size - cut;
    page_count = (size - cut) / (is(CLASS_HEAP_CARVES_THE_MAP) ? PAGE_SIZE : PAGE_SIZE + 1);
    taken_page_count = 0;
    for (size_t page = 0; page < page_count; page++) {
        map[page] = 0;
    }
    for (unsigned class_index = 0; class_index < CLASS_COUNT; class_index++) {
        lists[class_index] = NULL;
    }
    return true;
}

static void push(void *payload, unsigned class_index) {
    struct object *const object = payload;
    object->next = lists[class_index];
    lists[class_index] = object;
}

/* Cuts the next page into objects, the lowest of which is first in the list. False: there is no page. */
static bool carve(unsigned class_index) {
    if (taken_page_count == page_count) {
        return false;
    }
    map[taken_page_count] = (unsigned char)class_index;
    taken_page_count++;
    unsigned char *const page = top - taken_page_count * PAGE_SIZE;
    const size_t count = PAGE_SIZE / object_size(class_index) + is(CLASS_HEAP_CARVES_ONE_MORE);
    for (size_t i = count; i > 0; i--) {
        push(page + (i - 1) * object_size(class_index), class_index);
    }
    return true;
}

static void *alloc_from(unsigned class_index) {
    CLAIM(class_index < CLASS_COUNT);
    if (lists[class_index] == NULL && !carve(class_index)) {
        return NULL;
    }
    struct object *const object = lists[class_index];
    lists[class_index] = object->next;
    return object;
}

static void *alloc(size_t size) {
    return alloc_from(class_for(size));
}

/* Objects lie at multiples of their size. */
static void *alloc_aligned(size_t alignment, size_t size) {
    return alloc(size >= alignment || is(CLASS_HEAP_ALIGNS_TO_SIZE) ? size : alignment);
}

static size_t usable_size(const void *pointer) {
    return object_size(class_of(pointer));
}

static void call_free(void *pointer) {
    if (pointer != NULL) {
        CLAIM(page_of(pointer) + is(CLASS_HEAP_CLAIMS_TOO_MUCH) < taken_page_count);
        push(pointer, class_of(pointer));
    }
}

static void *call_calloc(size_t count, size_t size) {
    size_t product = count * size;
    if (is(CLASS_HEAP_MULTIPLIES_32_BITS)) {
        product = (uint32_t)product;
    } else if (size != 0 && count > SIZE_MAX / size) {
        return NULL;
    }
    unsigned char *const payload = alloc(product);
    if (payload != NULL) {
        const size_t zeroed_size =
            is(CLASS_HEAP_ZEROES_THE_LINK) ? sizeof(struct object) : usable_size(payload);
        for (size_t i = 0; i < zeroed_size; i++) {
            payload[i] = 0;
        }
    }
    return payload;
}

/* Moves whatever changes its class. */
static void *call_realloc(void *pointer, size_t size) {
    const unsigned char *const old = pointer;
    const unsigned class_index = class_for(size);
    if (class_index == class_of(old)) {
        return pointer;
    }
    unsigned char *const payload = alloc_from(class_index);
    if (payload == NULL) {
        return NULL;
    }
    const size_t old_size = usable_size(old);
    const size_t most = is(CLASS_HEAP_MOVES_THE_OLD_SIZE) ? old_size : object_size(class_index);
    for (size_t i = 0; i < old_size && i < most; i++) {
        payload[i] = old[i];
    }
    push(pointer, is(CLASS_HEAP_FREES_TO_THE_NEW) ? class_index : class_of(old));
    return payload;
}

const struct subject subject_class_heap = {
    .name = "class heap",
    .start = start,
    .alloc = alloc,
    .free = call_free,
    .calloc = call_calloc,
    .alloc_aligned = alloc_aligned,
    .realloc = call_realloc,
    .usable_size = usable_size,
    .facts = {.alignment = OBJECT_LEAST,
              .zero_size = SUBJECT_ZERO_UNIQUE,
              .free_null = true,
              .assertion_refuses = true},
};
