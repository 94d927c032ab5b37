/* How a heap and its errors look in text: the block table and the names of errors. Called by kernels and by
 * kernel.c; a kernel that has neither need not link it. */
#include "block.h"
#include "kmem.h"

/* A sink for text, with what it needs. */
struct printer {
    void (*output)(void *context, const char *text);
    void *context;
};

static void print(struct printer printer, const char *text) {
    printer.output(printer.context, text);
}

/* Prints value in hexadecimal. Decimal would need a 64-bit division, which a 32-bit target has no instruction
 * for. */
static void print_hexadecimal(struct printer printer, uint64_t value) {
    char text[sizeof "0x" + 2 * sizeof value];
    char *first = text + sizeof text - 1;
    *first = '\0';
    do {
        *--first = "0123456789abcdef"[value & 15];
        value >>= 4;
    } while (value != 0);
    *--first = 'x';
    *--first = '0';
    print(printer, first);
}

static void print_total(struct printer printer, const char *name, uint64_t value) {
    print(printer, name);
    print_hexadecimal(printer, value);
}

/* What one look at a heap shows. */
struct look {
    uintptr_t address;
    size_t end_offset; /* bytes from base to the block's end */
    struct block block;
    enum {
        BLOCK_FOUND,
        BLOCK_IMPOSSIBLE,
        NO_BLOCK
    } result;
    size_t page_count;
};

/* The first block that starts at offset or later, or the impossible header that the walk there meets. Since
 * the last look anything may have become of the blocks, so only a walk from the head knows where one starts.
 */
static struct look look_at(const struct kmem *heap, size_t from) {
    const size_t end = kmem_size(heap);
    struct look look = {.result = NO_BLOCK, .page_count = heap->page_count};
    for (size_t offset = 0; offset < end; offset = look.end_offset) {
        look.address = (uintptr_t)heap->base + offset;
        look.block = block_read(heap->base + offset);
        if (!block_is_possible(look.block, end - offset)) {
            look.result = BLOCK_IMPOSSIBLE;
            return look;
        }
        look.end_offset = offset + (size_t)look.block.size;
        if (offset >= from) {
            look.result = BLOCK_FOUND;
            return look;
        }
    }
    return look;
}

static void print_block(struct printer printer, const struct look *look) {
    print_hexadecimal(printer, look->address);
    print(printer, "  size ");
    print_hexadecimal(printer, look->block.size);
    print(printer, look->block.taken ? "  taken\n" : "  free\n");
}

void kmem_print_shared(const struct kmem *heap, void (*lock)(void), void (*unlock)(void),
                       void (*output)(void *context, const char *text), void *context) {
    const struct printer printer = {.output = output, .context = context};
    uint64_t taken_size = 0;
    uint64_t free_size = 0;
    size_t offset = 0; /* grows by a block's size at least, and stays in the region: so this ends */
    for (;;) {
        lock();
        const struct look look = look_at(heap, offset);
        unlock();
        if (look.result == NO_BLOCK) {
            print_total(printer, "pages ", look.page_count);
            print_total(printer, "  taken bytes ", taken_size);
            print_total(printer, "  free bytes ", free_size);
            print(printer, "\n");
            return;
        }
        print_block(printer, &look);
        if (look.result == BLOCK_IMPOSSIBLE) {
            print(printer, "corrupt: no block can have this size here\n");
            return;
        }
        *(look.block.taken ? &taken_size : &free_size) += look.block.size;
        offset = look.end_offset;
    }
}

static void no_lock(void) {
}

void kmem_print(const struct kmem *heap, void (*output)(void *context, const char *text), void *context) {
    kmem_print_shared(heap, no_lock, no_lock, output, context);
}

const char *kmem_error_name(enum kmem_error error) {
    switch (error) {
    case KMEM_OK:
        return "ok";
    case KMEM_EXHAUSTED:
        return "exhausted";
    case KMEM_BAD_ALIGNMENT:
        return "bad-alignment";
    case KMEM_BAD_REGION:
        return "bad-region";
    case KMEM_FOREIGN_POINTER:
        return "foreign-pointer";
    case KMEM_MISALIGNED_POINTER:
        return "misaligned-pointer";
    case KMEM_INTERIOR_POINTER:
        return "interior-pointer";
    case KMEM_DOUBLE_FREE:
        return "double-free";
    case KMEM_CORRUPT:
        return "corrupt";
    case KMEM_CORRUPT_PAGES:
        return "corrupt-pages";
    }
    return "unknown";
}
