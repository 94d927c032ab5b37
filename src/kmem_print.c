/* How a heap and its errors look in text: the block table and the names of errors. Called by kernels; nothing
 * in the allocator depends on it, so a kernel that prints nothing need not link it. */
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

static void print_block(struct printer printer, uintptr_t address, struct block block) {
    print_hexadecimal(printer, address);
    print(printer, "  size ");
    print_hexadecimal(printer, block.size);
    print(printer, block.taken ? "  taken\n" : "  free\n");
}

void kmem_print(const struct kmem *heap, void (*output)(void *context, const char *text), void *context) {
    const struct printer printer = {.output = output, .context = context};
    const size_t end = kmem_size(heap);
    uint64_t taken_size = 0;
    struct block block;
    for (size_t offset = 0; offset < end; offset += (size_t)block.size) {
        const unsigned char *const address = heap->base + offset;
        block = block_read(address);
        print_block(printer, (uintptr_t)address, block);
        if (!block_is_possible(block, end - offset)) {
            print(printer, "corrupt: no block can have this size here\n");
            return;
        }
        taken_size += block.taken ? block.size : 0;
    }
    print(printer, "pages ");
    print_hexadecimal(printer, heap->page_count);
    print(printer, "  taken bytes ");
    print_hexadecimal(printer, taken_size);
    print(printer, "  free bytes ");
    print_hexadecimal(printer, end - taken_size);
    print(printer, "\n");
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
    }
    return "unknown";
}
