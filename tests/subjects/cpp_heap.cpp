// A heap in C++: best fit over a doubly linked list of free blocks, each of which knows its neighbours in
// memory, so that release merges at once. 16-byte alignment on a 64-bit machine.
//
//     | before, size | payload, or next and previous free block | before, size | ...
#include <string.h>

#include "fuzz/execute/subject.h"

extern "C" {
#include "tests/subjects/defect.h"
}

namespace {

enum {
    CPP_HEAP_SOUND,
    CPP_HEAP_WRAPS,               // a huge size, with its header, is a small one
    CPP_HEAP_FITS_THE_HEADER,     // a block is large enough if its header is as well
    CPP_HEAP_UNLINKS_ONE_WAY,     // the next free block still knows what was unlinked
    CPP_HEAP_MERGES_THE_LISTED,   // with the next block, without unlinking it
    CPP_HEAP_FORGETS_A_NEIGHBOUR, // that a split has made a remainder before it
    CPP_HEAP_CUTS_TOO_SMALL,      // a gap in front of an aligned payload, for a block and its links
    CPP_HEAP_ALIGNS_THE_BLOCK,    // and not its payload
    CPP_HEAP_ZEROES_WORDS,        // zalloc leaves out the bytes after the last whole word
    CPP_HEAP_RELEASES_FIRST,      // realloc copies what already holds links
};

bool is(int defect) {
    return subject_defect == defect;
}

struct block {
    block *before;    // in memory; null: this is the first
    size_t size;      // bytes, header included; lowest bit: it is taken
    block *next_free; // these two while it is free
    block *previous_free;
};

constexpr size_t header_size = sizeof(block) / 2;
constexpr size_t unit = header_size; // bytes: of sizes and addresses

class best_fit_heap {
  public:
    bool start(void *memory, size_t size) {
        if (size < sizeof(block)) {
            return false;
        }
        capacity = size & ~(unit - 1);
        end = static_cast<unsigned char *>(memory) + capacity;
        first_free = nullptr;
        auto *const whole = static_cast<block *>(memory);
        whole->before = nullptr;
        whole->size = capacity;
        link(whole);
        return true;
    }

    void *allocate(size_t size) {
        if (size > capacity && !is(CPP_HEAP_WRAPS)) {
            return nullptr;
        }
        const size_t need = block_size_for(size);
        block *const best = search(is(CPP_HEAP_FITS_THE_HEADER) ? need - header_size : need);
        if (best == nullptr) {
            return nullptr;
        }
        unlink(best);
        best->size |= 1;
        trim(best, need);
        return payload_of(best);
    }

    // Takes enough for the worst case, and releases what lies in front and behind.
    void *allocate_aligned(size_t alignment, size_t size) {
        if (alignment <= unit) {
            return allocate(size);
        }
        if (alignment > capacity || size > capacity) {
            return nullptr;
        }
        void *const payload = allocate(size + alignment + sizeof(block));
        if (payload == nullptr) {
            return nullptr;
        }
        block *taken = block_of(payload);
        const auto address = reinterpret_cast<uintptr_t>(is(CPP_HEAP_ALIGNS_THE_BLOCK) ? taken : payload);
        size_t gap = (0 - address) & (alignment - 1);
        if (gap != 0 && gap < sizeof(block) && !is(CPP_HEAP_CUTS_TOO_SMALL)) {
            gap += alignment;
        }
        if (gap != 0) {
            block *const front = taken;
            taken = cut(front, gap);
            release(payload_of(front));
        }
        trim(taken, block_size_for(size));
        return payload_of(taken);
    }

    void release(void *payload) {
        block *merged = block_of(payload);
        merged->size = size_of(merged);
        block *const after = after_of(merged);
        if (after != nullptr && !is_taken(after)) {
            if (!is(CPP_HEAP_MERGES_THE_LISTED)) {
                unlink(after);
            }
            merged->size += after->size;
        }
        if (merged->before != nullptr && !is_taken(merged->before)) {
            merged->before->size += merged->size;
            merged = merged->before;
        } else {
            link(merged);
        }
        tell_after(merged);
    }

    void *allocate_zeroed(size_t size) {
        auto *const payload = static_cast<unsigned char *>(allocate(size));
        const size_t zeroed_size = is(CPP_HEAP_ZEROES_WORDS) ? size & ~(sizeof(size_t) - 1) : size;
        if (payload != nullptr) {
            memset(payload, 0, zeroed_size);
        }
        return payload;
    }

    void *resize(void *payload, size_t size) {
        const size_t old_size = usable(payload);
        if (size <= old_size) {
            trim(block_of(payload), block_size_for(size));
            return payload;
        }
        auto *const moved = static_cast<unsigned char *>(allocate(size));
        if (moved != nullptr && is(CPP_HEAP_RELEASES_FIRST)) {
            release(payload);
        }
        for (size_t i = 0; moved != nullptr && i < old_size; i++) {
            moved[i] = static_cast<unsigned char *>(payload)[i];
        }
        if (moved != nullptr && !is(CPP_HEAP_RELEASES_FIRST)) {
            release(payload);
        }
        return moved;
    }

    static size_t usable(const void *payload) {
        return size_of(block_of(const_cast<void *>(payload))) - header_size;
    }

  private:
    size_t capacity = 0; // bytes
    unsigned char *end = nullptr;
    block *first_free = nullptr;

    static block *block_of(void *payload) {
        return reinterpret_cast<block *>(static_cast<unsigned char *>(payload) - header_size);
    }

    static void *payload_of(block *taken) {
        return reinterpret_cast<unsigned char *>(taken) + header_size;
    }

    static size_t size_of(const block *any) {
        return any->size & ~(unit - 1);
    }

    static bool is_taken(const block *any) {
        return (any->size & 1) != 0;
    }

    static size_t block_size_for(size_t size) {
        const size_t need = (size + header_size + unit - 1) & ~(unit - 1);
        return need < sizeof(block) ? sizeof(block) : need;
    }

    // Null: the block is the last.
    block *after_of(block *any) const {
        unsigned char *const after = reinterpret_cast<unsigned char *>(any) + size_of(any);
        return after == end ? nullptr : reinterpret_cast<block *>(after);
    }

    void tell_after(block *any) const {
        block *const after = after_of(any);
        if (after != nullptr) {
            after->before = any;
        }
    }

    void link(block *freed) {
        freed->next_free = first_free;
        freed->previous_free = nullptr;
        if (first_free != nullptr) {
            first_free->previous_free = freed;
        }
        first_free = freed;
    }

    void unlink(block *listed) {
        (listed->previous_free == nullptr ? first_free : listed->previous_free->next_free) =
            listed->next_free;
        if (listed->next_free != nullptr && !is(CPP_HEAP_UNLINKS_ONE_WAY)) {
            listed->next_free->previous_free = listed->previous_free;
        }
    }

    block *search(size_t need) const {
        block *best = nullptr;
        size_t left = capacity / sizeof(block); // blocks at most
        for (block *listed = first_free; listed != nullptr && left > 0; listed = listed->next_free, left--) {
            if (listed->size >= need && (best == nullptr || listed->size < best->size)) {
                best = listed;
            }
        }
        return best;
    }

    // Makes two taken blocks of one, the first `size` bytes long, and returns the second.
    block *cut(block *taken, size_t size) const {
        auto *const rest = reinterpret_cast<block *>(reinterpret_cast<unsigned char *>(taken) + size);
        rest->before = taken;
        rest->size = (size_of(taken) - size) | 1;
        taken->size = size | 1;
        if (!is(CPP_HEAP_FORGETS_A_NEIGHBOUR)) {
            tell_after(rest);
        }
        return rest;
    }

    // Releases what a taken block has beyond its need, if that can be a block.
    void trim(block *taken, size_t need) {
        if (size_of(taken) - need >= sizeof(block)) {
            release(payload_of(cut(taken, need)));
        }
    }
};

constinit best_fit_heap heap;

} // namespace

extern "C" const struct subject subject_cpp_heap;
constinit const struct subject subject_cpp_heap = [] {
    struct subject table = {};
    table.name = "heap in C++";
    table.start = [](void *memory, size_t size) { return heap.start(memory, size); };
    table.alloc = [](size_t size) { return heap.allocate(size); };
    table.free = [](void *pointer) { heap.release(pointer); };
    table.zalloc = [](size_t size) { return heap.allocate_zeroed(size); };
    table.alloc_aligned = [](size_t alignment, size_t size) {
        return heap.allocate_aligned(alignment, size);
    };
    table.realloc = [](void *pointer, size_t size) { return heap.resize(pointer, size); };
    table.usable_size = [](const void *pointer) { return best_fit_heap::usable(pointer); };
    table.facts.alignment = unit;
    table.facts.zero_size = SUBJECT_ZERO_UNIQUE;
    table.facts.merges = true;
    return table;
}();
