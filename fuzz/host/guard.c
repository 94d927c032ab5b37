/* Calls of a subject, guarded. guard.h is the contract. */
#define _GNU_SOURCE /* dl_iterate_phdr */
#include "fuzz/host/guard.h"

#include <link.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "fuzz/execute/growth.h"
#include "fuzz/execute/slots.h"
#include "fuzz/execute/unseen.h"
#include "fuzz/host/adapter.h"
#include "fuzz/host/globals.h"
#include "fuzz/host/sanitizer.h"
#include "src/require.h"

#define STEPS_LEAST    UINT64_C(65536)
#define STEPS_PER_BYTE UINT64_C(16) /* of the region */
#define STEPS_PER_PAIR UINT64_C(16) /* of live payloads */

#define BITS_AT_ONCE  ((size_t)16)
#define RANGE_MAXIMUM ((size_t)8)

/* Which bytes of the region are live payloads', by bit; and how many bytes may be. */
static uint8_t live_bits[ARENA_CAPACITY / 8 + sizeof(uint32_t)];
static size_t live_end;
static uint64_t live_count;

/* The subject's own variables; where it is unknown which those are, all of the program's. And all
 * thread-local ones. */
struct range {
    uintptr_t start;
    size_t size;
};
static struct range ranges[RANGE_MAXIMUM];
static size_t range_count;

/* The call under way. */
static struct {
    volatile bool active;
    bool watches_stores;
    uint64_t steps_left; /* at 0 the call is ended */
    uint64_t step_limit;
    size_t own_slot;    /* whose payload the call is about; STEP_NO_SLOT: none */
    struct range arena; /* with its guards */
    uintptr_t region;
    size_t plain_size;   /* bytes of the region in which any store of 16 bytes begins and ends */
    uintptr_t stack_end; /* of its own frames */
    struct verdict verdict;
    jmp_buf end;
} call;

/* Where the last one ended: the return address of what ended it; or the assertion's own words. */
static uintptr_t end_pc;
static struct assertion end_words;

/* Live payloads. */

static void restart(void) {
    memset(live_bits, 0, live_end / 8 + 1);
    live_end = 0;
    live_count = 0;
}

static void set_bits(size_t byte, unsigned bits, bool live) {
    live_bits[byte] = (uint8_t)(live ? live_bits[byte] | bits : live_bits[byte] & ~bits);
}

/*     first byte            last byte
 *     | . . . x x x x x | x ... | x x . . . . . . |   */
static void mark(size_t offset, size_t size, bool live) {
    live_count += live ? 1 : UINT64_MAX;
    if (size == 0 || offset >= ARENA_CAPACITY || size > ARENA_CAPACITY - offset) {
        return;
    }
    const size_t last = offset + size - 1;
    const unsigned first_bits = 0xffu << (offset % 8) & 0xff;
    const unsigned last_bits = 0xffu >> (7 - last % 8);
    if (offset / 8 == last / 8) {
        set_bits(offset / 8, first_bits & last_bits, live);
    } else {
        set_bits(offset / 8, first_bits, live);
        memset(live_bits + offset / 8 + 1, live ? 0xff : 0, last / 8 - offset / 8 - 1);
        set_bits(last / 8, last_bits, live);
    }
    live_end = last >= live_end ? last + 1 : live_end;
}

/* The first of size bytes at an offset in the region that is a live payload's; size when none is. */
static size_t first_live(size_t offset, size_t size) {
    for (size_t i = 0; i < size && offset + i < ARENA_CAPACITY; i += BITS_AT_ONCE) {
        uint32_t bits;
        memcpy(&bits, live_bits + (offset + i) / 8, sizeof bits);
        bits >>= (offset + i) % 8;
        bits &= size - i < BITS_AT_ONCE ? (UINT32_C(1) << (size - i)) - 1 : UINT32_MAX >> (32 - BITS_AT_ONCE);
        if (bits != 0) {
            return i + (size_t)__builtin_ctz(bits);
        }
    }
    return size;
}

/* The end of a call. */

__attribute__((noreturn)) static void end_call(struct verdict verdict, uintptr_t pc) {
    call.active = false;
    call.verdict = verdict;
    end_pc = pc;
    if (pc != 0) {
        (void)adapter_find(&end_words.in_adapter);
    }
    _longjmp(call.end, 1);
}

void guard_end_failed(const char *text, const char *file, unsigned line) {
    if (call.active) {
        end_words = (struct assertion){.source.line = line};
        snprintf(end_words.text, sizeof end_words.text, "%s", text);
        sanitizer_name_file(file, end_words.source.file);
        end_words.in_adapter = adapter_is(file);
        end_call((struct verdict){ORACLE_ASSERTION, 0, 0, 0}, 0);
    }
}

void guard_end_aborted(void) {
    if (call.active && !sanitizer_has_reported()) {
        end_words = (struct assertion){.text = "abort"};
        end_call((struct verdict){ORACLE_ASSERTION, 0, 0, 0}, abort_caller());
    }
}

struct stores host_stores;

/* The line of a store or, where that is in a header's accessor, of the call of it. */
static void find_store(struct store_place place, struct sanitizer_source *source) {
    sanitizer_find_line(place.pc, source);
    const size_t size = strlen(source->file);
    if (size > 2 && strcmp(source->file + size - 2, ".h") == 0 && place.caller != 0) {
        sanitizer_find_line(place.caller, source);
    }
}

void guard_find_place(struct verdict verdict, struct assertion *place) {
    if (verdict.oracle == ORACLE_STRAY_STORE && host_stores.stray.pc != 0) {
        *place = (struct assertion){.text = ""};
        find_store(host_stores.stray, &place->source);
        return;
    }
    const bool found = !verdict_is_sound(verdict) && verdict.oracle == call.verdict.oracle;
    *place = found ? end_words : (struct assertion){.text = ""};
    if (found && end_pc != 0) {
        adapter_find_line(end_pc, place);
    }
}

/* What instrumented code calls. kmem_foreign_heap (CMake) puts those named guard in the place of others. */

void guard_step(void);
void guard_step(void) {
    if (call.steps_left-- == 0 && call.active) {
        end_words = (struct assertion){.text = ""};
        end_call((struct verdict){ORACLE_BOUNDED, 0, call.step_limit, call.step_limit},
                 (uintptr_t)__builtin_return_address(0) - 1);
    }
}

static bool is_in_range(uintptr_t address, size_t size, struct range range) {
    return address - range.start < range.size && size <= range.size - (address - range.start);
}

/* In the harness's arena there is only the region for it, wherever the arena lies. */
static bool is_own_data(uintptr_t address, size_t size) {
    if (address - call.arena.start < call.arena.size) {
        return false;
    }
    for (size_t i = 0; i < range_count; i++) {
        if (is_in_range(address, size, ranges[i])) {
            return true;
        }
    }
    return false;
}

/* Of a store that no bits can say it of, as payloads are anywhere: the first byte that is a live payload's
 * but the call's; UINT64_MAX: none is. *owner is that payload's offset. */
static uint64_t find_stray(const struct executor *executor, size_t offset, size_t size, uint64_t *owner) {
    for (size_t word = 0; word < slots_word_count(executor->slot_count); word++) {
        for (uint64_t rest = executor->tables.live_bits[word]; rest != 0; rest = slots_without_first(rest)) {
            const size_t index = slots_first(word, rest);
            const struct slot *const slot = &executor->tables.slots[index];
            if (index != call.own_slot && offset < slot->offset + slot->size &&
                slot->offset < offset + size) {
                *owner = slot->offset;
                return offset > slot->offset ? offset : slot->offset;
            }
        }
    }
    return UINT64_MAX;
}

/* The live payload that has the byte at offset. */
static uint64_t owner_of(const struct executor *executor, size_t offset) {
    for (size_t slot = 0; slot < executor->slot_count; slot++) {
        const struct slot *const other = &executor->tables.slots[slot];
        if (executor_slot_is_live(executor, slot) && offset - other->offset < other->size) {
            return other->offset;
        }
    }
    return UINT64_MAX;
}

static const struct executor *watched;

/* Most stores are: into the region, and no live payload. */
static inline bool is_plain(uintptr_t address, size_t size) {
    uint32_t bits;
    const size_t offset = address - call.region;
    if (offset >= call.plain_size) {
        return false;
    }
    memcpy(&bits, live_bits + offset / 8, sizeof bits);
    return (bits >> offset % 8 & ((UINT32_C(1) << size) - 1)) == 0;
}

/* stack: the callback's frame. That of a function with a frame begins with the address of its caller's, and
 * then the return address. */
static void note_store(uintptr_t address, size_t size, uintptr_t pc, uintptr_t stack) {
    const size_t offset = address - host_stores.own;
    if ((address >= stack && address < host_stores.stack_end) ||
        (offset < host_stores.own_size && size <= host_stores.own_size - offset)) {
        return;
    }
    struct store_place place = {pc, 0};
#if defined(__x86_64__) || defined(__aarch64__)
    const uintptr_t caller = *(const uintptr_t *)stack;
    if (caller > stack && caller < host_stores.stack_end && caller % sizeof caller == 0) {
        place.caller = ((const uintptr_t *)caller)[1] - 1;
    }
#endif
    struct store *const last = &host_stores.list[host_stores.count == 0 ? 0 : host_stores.count - 1];
    if (host_stores.count != 0 && address == last->address + last->size) {
        last->size += size;
        last->last = place;
    } else if (host_stores.count == STORES_MAXIMUM) {
        host_stores.overflowed = true;
    } else {
        host_stores.list[host_stores.count++] = (struct store){address, size, place, place};
    }
}

/* stack: where the callback's own frames end and those of the call begin. */
static void judge_store(uintptr_t address, size_t size, uintptr_t pc, uintptr_t stack) {
    if (host_stores.recording) {
        note_store(address, size, pc, stack);
    }
    if (!call.active || !call.watches_stores || size == 0) {
        return;
    }
    const size_t offset = address - call.region;
    if (executor_is_anywhere(watched)) {
        uint64_t owner = UINT64_MAX;
        const uint64_t first = find_stray(watched, offset, size, &owner);
        if (first != UINT64_MAX) {
            end_words = (struct assertion){.text = ""};
            end_call((struct verdict){ORACLE_STRAY_STORE, first, owner, size}, pc);
        }
        return;
    }
    const bool inside = growth_is_inside(watched, offset, size);
    const size_t stray = inside ? first_live(offset, size) : 0;
    if (inside ? stray == size
               : (address >= stack && address < call.stack_end) || is_own_data(address, size)) {
        return;
    }
    const uint64_t owner = inside ? owner_of(watched, offset + stray) : UINT64_MAX;
    end_words = (struct assertion){.text = ""};
    end_call((struct verdict){ORACLE_STRAY_STORE, offset + stray, owner, size}, pc);
}

#define JUDGE(address, size)                                                                                 \
    judge_store((uintptr_t)(address), (size), (uintptr_t)__builtin_return_address(0) - 1,                    \
                (uintptr_t)__builtin_frame_address(0))

#define STORE(size)                                                                                          \
    void __sanitizer_cov_store##size(void *address);                                                         \
    void __sanitizer_cov_store##size(void *address) {                                                        \
        if (!is_plain((uintptr_t)address, (size))) {                                                         \
            JUDGE(address, size);                                                                            \
        }                                                                                                    \
    }
STORE(1)
STORE(2)
STORE(4)
STORE(8)
STORE(16)

/* By the name that code has for it, and by AddressSanitizer's. */
#define FILL(name, source_type, source)                                                                      \
    void *guard_##name(void *to, source_type source, size_t size);                                           \
    void *guard_##name(void *to, source_type source, size_t size) {                                          \
        JUDGE(to, size);                                                                                     \
        return name(to, source, size);                                                                       \
    }                                                                                                        \
    void *guard_asan_##name(void *to, source_type source, size_t size) __attribute__((alias("guard"          \
                                                                                            "_" #name)));
FILL(memcpy, const void *, from)
FILL(memmove, const void *, from)
FILL(memset, int, value)

/* The guard. */

static int note_data(struct dl_phdr_info *info, size_t size, void *context) {
    (void)size, (void)context;
    const bool known = range_count != 0;
    for (size_t i = 0; i < info->dlpi_phnum && range_count < RANGE_MAXIMUM; i++) {
        const ElfW(Phdr) *const part = &info->dlpi_phdr[i];
        if (part->p_type == PT_LOAD && (part->p_flags & PF_W) != 0 && !known) {
            ranges[range_count++] = (struct range){info->dlpi_addr + part->p_vaddr, part->p_memsz};
        } else if (part->p_type == PT_TLS) {
            ranges[range_count++] = (struct range){(uintptr_t)info->dlpi_tls_data, part->p_memsz};
        }
    }
    return 1; /* the program itself comes first, and is all */
}

static struct sigaction abort_action;

/* Of an abort outside a guarded call, those before have their say. */
static void hear_abort(int number, siginfo_t *information, void *context) {
    guard_end_aborted();
    sigaction(SIGABRT, &abort_action, NULL);
    if ((abort_action.sa_flags & SA_SIGINFO) != 0) {
        abort_action.sa_sigaction(number, information, context);
    }
    raise(number);
}

static void prepare(void) {
    if (range_count == 0) {
        for (size_t i = 0; i < GLOBALS_PARTS; i++) {
            size_t size;
            const unsigned char *const start = globals_part(i, &size);
            ranges[range_count] = (struct range){(uintptr_t)start, size};
            range_count += size != 0;
        }
        dl_iterate_phdr(note_data, NULL);
        struct sigaction action = {.sa_sigaction = hear_abort, .sa_flags = SA_SIGINFO | SA_NODEFER};
        sigemptyset(&action.sa_mask);
        sigaction(SIGABRT, &action, &abort_action);
    }
}

static void mark_own(const struct executor *executor, const struct step *step, bool live) {
    if (step != NULL && step->slot != STEP_NO_SLOT && executor_slot_is_live(executor, step->slot)) {
        const struct slot *const slot = &executor->tables.slots[step->slot];
        mark(slot->offset, slot->size, live);
    }
}

static struct verdict watch(const struct executor *executor, const struct step *step, guarded_call *make,
                            void *context) {
    prepare();
    REQUIRE(!call.active);
    mark_own(executor, step, false);
    watched = executor;
    call.arena = (struct range){(uintptr_t)executor->arena.base - ARENA_GUARD_SIZE,
                                executor->arena.capacity + 2 * ARENA_GUARD_SIZE};
    call.region = (uintptr_t)executor->region.base;
    const size_t plain_end =
        executor->regions[0].size < ARENA_CAPACITY ? executor->regions[0].size : ARENA_CAPACITY;
    call.plain_size =
        plain_end < BITS_AT_ONCE || executor_is_anywhere(executor) ? 0 : plain_end - BITS_AT_ONCE + 1;
    call.own_slot = step == NULL ? STEP_NO_SLOT : step->slot;
    call.step_limit =
        STEPS_LEAST + STEPS_PER_BYTE * unseen_reach(executor) + STEPS_PER_PAIR * live_count * live_count;
    call.steps_left = (executor->oracles & ORACLE_BIT(ORACLE_BOUNDED)) != 0 ? call.step_limit : UINT64_MAX;
    call.watches_stores = (executor->oracles & ORACLE_BIT(ORACLE_STRAY_STORE)) != 0;
    call.stack_end = (uintptr_t)__builtin_frame_address(0);
    call.verdict = verdict_sound();
    if (_setjmp(call.end) == 0) {
        call.active = true;
        make(context);
        call.active = false;
    }
    mark_own(executor, step, true);
    return call.verdict;
}

/* The place's file may be the end of a path. */
static bool is_at(struct verdict verdict, const char *place) {
    struct assertion found;
    char text[sizeof found.source.file + 24];
    guard_find_place(verdict, &found);
    const int size = snprintf(text, sizeof text, "/%s:%lu", found.source.file, found.source.line);
    const size_t place_size = strlen(place);
    const size_t start = (size_t)size < place_size + 1 ? 0 : (size_t)size - place_size;
    return start != 0 && text[start - 1] == '/' && strcmp(text + start, place) == 0;
}

const struct guard host_guard = {.restart = restart, .mark = mark, .watch = watch, .is_at = is_at};
