/* The subject with one fault. faulty_subject.h says which there are. */
#include "tests/unit/faulty_subject.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz/execute/arena.h"
#include "fuzz/report/explain.h"
#include "src/kmem.h"
#include "src/port.h"

struct fault faulty_subject_fault;

static const struct {
    const char *name;
    enum fault_action action;
    const char *arguments;
#define ACTION_ROW(name, arguments) {#name, FAULT_##name, arguments},
} actions[] = {FAULT_ACTIONS(ACTION_ROW)};

/* Is the word this name in lower case, with "-" for "_"? */
static bool is_word_of(const char *word, const char *name) {
    while (*name != '\0' && *word == (*name == '_' ? '-' : tolower((unsigned char)*name))) {
        word++;
        name++;
    }
    return *word == *name;
}

static void no_fault(const char *text) {
    (void)fprintf(stderr, "'%s' is no fault\n", text);
    abort();
}

static uint64_t value_of(const char *text) {
    static const char taken[] = "taken ";
    if (strncmp(text, taken, sizeof taken - 1) == 0) {
        return FAULT_TAKEN | value_of(text + sizeof taken - 1);
    }
    for (uint64_t refusal = 0; refusal < REFUSAL_COUNT; refusal++) {
        if (strcmp(text, explain_refusal(refusal)) == 0) {
            return refusal;
        }
    }
    char *end;
    const uint64_t value = (uint64_t)strtoll(text, &end, 0);
    if (end == text || *end != '\0') {
        no_fault(text);
    }
    return value;
}

struct fault fault_of(const char *text) {
    struct fault fault = {.action = FAULT_NONE};
    char word[32];
    int at = 0;
    if (text == NULL || *text == '\0') {
        return fault;
    }
    if (sscanf(text, "call %zu: %31s%n", &fault.call, word, &at) != 2) {
        no_fault(text);
    }
    for (size_t i = 0; i < sizeof actions / sizeof *actions; i++) {
        if (is_word_of(word, actions[i].name)) {
            const char *rest = text + at;
            fault.action = actions[i].action;
            for (const char *argument = actions[i].arguments; *argument != '\0'; argument++) {
                if (*argument == 'o' && sscanf(rest, " %td%n", &fault.offset, &at) == 1) {
                    rest += at;
                } else if (*argument == 'v') {
                    fault.value = value_of(rest + strspn(rest, " ="));
                    rest = "";
                } else {
                    no_fault(text);
                }
            }
            if (*rest == '\0') {
                return fault;
            }
        }
    }
    no_fault(text);
    return fault;
}

/* Of the heap under way. */
static unsigned char *base;
static size_t reach; /* bytes the heap may ever have */
static struct kmem_page_source source;
static size_t call_count;
static bool struck;           /* the call under way is the one */
static enum refusal answered; /* what the last call reports */

static bool is(enum fault_action action) {
    return struck && faulty_subject_fault.action == action;
}

/* Raw memory. */

PORT_UNCHECKED static void write_byte(unsigned char *address, unsigned char value) {
    *address = value;
}

PORT_UNCHECKED static void write_header(unsigned char *address, uint64_t value) {
    *(uint64_t *)(void *)address = value;
}

/* Not before the page source has moved on either. */
static void unpoison_all(void) {
    PORT_UNPOISON(base - ARENA_GUARD_SIZE, reach + 2 * ARENA_GUARD_SIZE);
}

/* The page source in between. */

static bool extend(void *context, size_t page_count) {
    (void)context;
    if (is(FAULT_ASK_NO_ONE)) {
        return false;
    }
    const size_t more = is(FAULT_ASK_MORE) ? (size_t)faulty_subject_fault.value : 0;
    return source.extend(source.context, page_count + more);
}

/* How many bad regions have been tried since the start. */
static size_t bad_start_count;

static bool start_badly(const struct subject_region *region) {
    const bool accepts =
        faulty_subject_fault.action == FAULT_START_BADLY && faulty_subject_fault.value == bad_start_count;
    bad_start_count++;
    return accepts || subject_kmem.view->start_badly(region);
}

static bool start(const struct subject_region *region) {
    bad_start_count = 0;
    base = region->base;
    source = region->source;
    reach = region->source.page_limit * region->page_size;
    call_count = 0;
    struck = false;
    answered = REFUSAL_NONE;
    struct subject_region ours = *region;
    ours.source.extend = extend;
    const bool started = subject_kmem.view->start(&ours);
    if (faulty_subject_fault.action == FAULT_START_WRITE) {
        write_byte(base + faulty_subject_fault.offset, (unsigned char)faulty_subject_fault.value);
    }
    unpoison_all();
    return started && faulty_subject_fault.action != FAULT_START;
}

/* Before a call: is it the one, and is it to be made at all? */
static bool begin(void) {
    struck = call_count++ == faulty_subject_fault.call;
    return !is(FAULT_ACCEPT) && !is(FAULT_REFUSE);
}

static void strike(void) {
    struct kmem *const heap = subject_kmem.view->heap;
    const struct fault fault = faulty_subject_fault;
    size_t *const counters[] = {[FAULT_TAKEN_COUNT] = &heap->taken_count,
                                [FAULT_TAKEN_SIZE] = &heap->taken_size,
                                [FAULT_PAGE_SIZE] = &heap->page_size,
                                [FAULT_PAGE_COUNT] = &heap->page_count};
    if (fault.action < sizeof counters / sizeof *counters && counters[fault.action] != NULL) {
        *counters[fault.action] += (size_t)fault.value;
    }
    switch (fault.action) {
    case FAULT_WRITE_BYTE:
        write_byte(base + fault.offset, (unsigned char)fault.value);
        break;
    case FAULT_WRITE_HEADER:
        write_header(base + fault.offset, fault.value);
        break;
    case FAULT_RESIZE:
        (void)kmem_realloc(heap, base + fault.offset, (size_t)fault.value);
        break;
    case FAULT_TAKE:
        (void)kmem_alloc(heap, (size_t)fault.value);
        break;
    case FAULT_BASE:
        heap->base += fault.value;
        break;
    case FAULT_ASK_AS_WELL:
        (void)source.extend(source.context, (size_t)fault.value);
        break;
    default:
        break;
    }
}

/* After a call, made or not: the answer in place of pointer. */
static void *end(void *pointer) {
    const struct fault fault = faulty_subject_fault;
    answered = subject_kmem.view->last_refusal();
    if (struck) {
        strike();
    }
    unpoison_all();
    if (is(FAULT_ACCEPT)) {
        answered = REFUSAL_NONE;
    } else if (is(FAULT_REFUSE) || is(FAULT_REPORT)) {
        answered = (enum refusal)fault.value;
    }
    if (is(FAULT_SHIFT_POINTER)) {
        return (unsigned char *)pointer + fault.offset;
    }
    if (is(FAULT_ANSWER) || is(FAULT_ACCEPT)) {
        return (void *)((uintptr_t)base + (uintptr_t)fault.offset);
    }
    return is(FAULT_ANSWER_NULL) ? NULL : pointer;
}

static void *alloc(size_t size) {
    return end(begin() ? subject_kmem.alloc(size) : NULL);
}

static void *zalloc(size_t size) {
    return end(begin() ? subject_kmem.zalloc(size) : NULL);
}

static void *call_calloc(size_t count, size_t size) {
    return end(begin() ? subject_kmem.calloc(count, size) : NULL);
}

static void *alloc_aligned(size_t alignment, size_t size) {
    return end(begin() ? subject_kmem.alloc_aligned(alignment, size) : NULL);
}

static void *call_realloc(void *pointer, size_t size) {
    return end(begin() ? subject_kmem.realloc(pointer, size) : NULL);
}

static void call_free(void *pointer) {
    if (begin()) {
        subject_kmem.free(pointer);
    }
    (void)end(NULL);
}

static void coalesce(void) {
    if (begin()) {
        subject_kmem.coalesce();
    }
    (void)end(NULL);
}

static void shatter(void) {
    subject_kmem.view->shatter();
    unpoison_all();
}

static enum refusal last_returned(void) {
    return is(FAULT_RETURN) ? (enum refusal)faulty_subject_fault.value : answered;
}

static enum refusal last_refusal(void) {
    return answered;
}

/* Is this the fault, and the call it begins at made? */
static bool lies(enum fault_action action) {
    return faulty_subject_fault.action == action && call_count > faulty_subject_fault.call;
}

static size_t usable_size(const void *pointer) {
    const size_t more = lies(FAULT_USABLE_SIZE) ? (size_t)faulty_subject_fault.value : 0;
    return subject_kmem.usable_size(pointer) + more;
}

static const void *head(void) {
    const unsigned char *const first = subject_kmem.view->head();
    return first + (lies(FAULT_HEAD) ? faulty_subject_fault.offset : 0);
}

static size_t page_count(void) {
    return subject_kmem.view->page_count() +
           (lies(FAULT_SAID_PAGES) ? (size_t)faulty_subject_fault.value : 0);
}

static void arrange(const struct live_block *live, size_t live_count) {
    subject_kmem.view->arrange(live, live_count);
    unpoison_all();
}

struct subject subject_faulty;

static struct subject_view view;

__attribute__((constructor)) static void make_faulty(void) {
    view = *subject_kmem.view;
    view.poisons = false;
    view.is_whole = false; /* it counts its calls */
    view.start = start;
    view.start_badly = start_badly;
    view.shatter = shatter;
    view.last_refusal = last_refusal;
    view.last_returned = last_returned;
    view.head = head;
    view.page_count = page_count;
    view.arrange = arrange;
    subject_faulty = subject_kmem;
    subject_faulty.name = "faulty";
    subject_faulty.alloc = alloc;
    subject_faulty.free = call_free;
    subject_faulty.zalloc = zalloc;
    subject_faulty.calloc = call_calloc;
    subject_faulty.alloc_aligned = alloc_aligned;
    subject_faulty.realloc = call_realloc;
    subject_faulty.coalesce = coalesce;
    subject_faulty.usable_size = usable_size;
    subject_faulty.view = &view;
}
