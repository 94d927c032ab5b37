/* The operations of the page tables' fuzz target. sv39_operation.h is the contract. */
#include "fuzz/sv39/sv39_operation.h"

#include <stdbool.h>
#include <stdio.h>

uint64_t sv39_operation_span(unsigned level) {
    static const uint64_t spans[SV39_LEVEL_COUNT] = {PAGE_SIZE, PAGE_SIZE * 512,
                                                     (uint64_t)PAGE_SIZE * 512 * 512};
    return spans[level];
}

/* Text. */

void sv39_operation_describe(const struct sv39_operation *operation, char text[SV39_OPERATION_TEXT_SIZE]) {
    const size_t size = SV39_OPERATION_TEXT_SIZE;
    const unsigned long long virtual_address = (unsigned long long)operation->virtual_address;
    const unsigned long long physical_address = (unsigned long long)operation->physical_address;
    switch (operation->kind) {
    case SV39_OPERATION_INIT:
        (void)snprintf(text, size, "sv39_init(%zu pages at physical 0x%llx)", operation->count,
                       physical_address);
        return;
    case SV39_OPERATION_MAP:
        (void)snprintf(text, size, "sv39_map(0x%llx, 0x%llx, 0x%llx)", virtual_address, physical_address,
                       (unsigned long long)operation->flags);
        return;
    case SV39_OPERATION_UNMAP:
        (void)snprintf(text, size, "sv39_unmap(0x%llx)", virtual_address);
        return;
    case SV39_OPERATION_TRANSLATE:
        (void)snprintf(text, size, "sv39_translate(0x%llx)", virtual_address);
        return;
    case SV39_OPERATION_TAKE:
        (void)snprintf(text, size, "page_alloc(%zu) for something else", operation->count);
        return;
    case SV39_OPERATION_GIVE_BACK:
        (void)snprintf(text, size, "page_free(run %zu of something else)", operation->count);
        return;
    case SV39_OPERATION_SCRIBBLE:
        (void)snprintf(text, size, "scribble(the entry of level %u of 0x%llx, damage 0x%02x)",
                       operation->level, virtual_address, operation->damage);
        return;
    case SV39_OPERATION_REPAIR:
        (void)snprintf(text, size, "repair");
        return;
    }
}

/* Decoding. */

/* The canonical address of a page number; bits above bit 26 do not count. */
static uint64_t address_of(uint64_t page_number) {
    const uint64_t low = page_number % (UINT64_C(1) << 27) * PAGE_SIZE;
    return low >> 38 != 0 ? low | UINT64_MAX << 38 : low;
}

/* Few addresses, so that they meet in tables; among them every index that is the first or last of something.
 */
static uint64_t grid_address(const unsigned char bytes[SV39_OPERATION_SIZE]) {
    static const uint64_t upper[8] = {0, 1, 2, 254, 255, 256, 257, 511};
    static const uint64_t middle[8] = {0, 1, 2, 127, 128, 256, 510, 511};
    static const uint64_t lower[4] = {0, 1, 256, 511};
    return address_of((upper[bytes[1] & 7] * 512 + middle[bytes[1] >> 3 & 7]) * 512 + lower[bytes[1] >> 6]);
}

/* Any address at all: three bytes spread over 27 bits. */
static uint64_t any_address(const unsigned char bytes[SV39_OPERATION_SIZE]) {
    return address_of((bytes[1] + UINT64_C(256) * bytes[2] + UINT64_C(65536) * bytes[3]) *
                      UINT64_C(0x5bd1e95));
}

/* That of a live mapping, or while an entry is overwritten every other time one that comes by it. */
static uint64_t live_address(const struct sv39_model *model, const unsigned char bytes[SV39_OPERATION_SIZE]) {
    if (model->corrupt_size != 0 && bytes[1] >= 0x80) {
        const uint64_t page = bytes[1] + UINT64_C(256) * bytes[2];
        return model->corrupt_start + page * PAGE_SIZE % model->corrupt_size;
    }
    return model->live_count == 0 ? grid_address(bytes)
                                  : model->live[bytes[1] % model->live_count].virtual_address;
}

static uint64_t decode_address(const struct sv39_model *model, enum sv39_operation_kind kind,
                               const unsigned char bytes[SV39_OPERATION_SIZE]) {
    const unsigned form = bytes[0] >> 4;
    const uint64_t live = live_address(model, bytes);
    if (form <= 10) {
        return (form <= 6) == (kind == SV39_OPERATION_UNMAP) ? live : grid_address(bytes);
    }
    switch (form) {
    case 11:
    case 12:
        return address_of(live / PAGE_SIZE ^ UINT64_C(1) << bytes[2] % 27);
    case 13:
        return any_address(bytes);
    case 14:
        return live + 1 + bytes[2] * (size_t)16 % (PAGE_SIZE - 1);
    default:
        return live ^ UINT64_C(1) << (38 + bytes[2] % 26);
    }
}

/* A physical page:
 *     0x00 to 0x3f   one of the allocator's, or after them
 *     0x40 to 0x7f   a device's
 *     0x80 to 0xbf   one bit, from bit 12 to 55
 *     0xc0 to 0xdf   the highest ones
 *     0xe0 to 0xef   misaligned
 *     0xf0 to 0xff   too high */
static uint64_t decode_physical(uint64_t start, unsigned byte) {
    const uint64_t low = byte & 0x3f;
    switch (byte >> 4) {
    case 0x0:
    case 0x1:
    case 0x2:
    case 0x3:
        return (start + low * PAGE_SIZE) % SV39_PHYSICAL_END;
    case 0x8:
    case 0x9:
    case 0xa:
    case 0xb:
        return UINT64_C(1) << (12 + low % 44);
    case 0xc:
    case 0xd:
        return SV39_PHYSICAL_END - (1 + low) * PAGE_SIZE;
    case 0xe:
        return start + (UINT64_C(1) << low % 12);
    case 0xf:
        return UINT64_C(1) << (56 + low % 8) | (low & 8) * PAGE_SIZE;
    default:
        return UINT64_C(0x10000000) + low * PAGE_SIZE;
    }
}

static uint64_t decode_flags(unsigned flags_byte, unsigned byte) {
    uint64_t flags = 0;
    flags |= (flags_byte & 1) != 0 ? SV39_READ : 0;
    flags |= (flags_byte & 2) != 0 ? SV39_WRITE : 0;
    flags |= (flags_byte & 4) != 0 ? SV39_EXECUTE : 0;
    flags |= (flags_byte & 8) != 0 ? SV39_USER : 0;
    if (flags_byte >> 4 == 0xf) {
        return byte % 2 == 0 ? flags : flags | UINT64_C(1) << byte / 2 % 64;
    }
    const bool needs_read = (flags & SV39_WRITE) != 0 || (flags & SV39_EXECUTE) == 0;
    return needs_read ? flags | SV39_READ : flags;
}

static struct sv39_operation decode_pages(enum sv39_operation_kind kind, size_t other_run_count,
                                          const unsigned char bytes[SV39_OPERATION_SIZE]) {
    const bool is_take =
        other_run_count == 0 || (kind == SV39_OPERATION_TAKE && other_run_count < SV39_OTHER_RUN_LIMIT);
    return is_take ? (struct sv39_operation){.kind = SV39_OPERATION_TAKE, .count = 1 + bytes[1] % (size_t)2}
                   : (struct sv39_operation){.kind = SV39_OPERATION_GIVE_BACK,
                                             .count = bytes[1] % other_run_count};
}

static enum sv39_operation_kind decode_kind(const struct sv39_model *model, unsigned code) {
    static const enum sv39_operation_kind kinds[16] = {
        [0] = SV39_OPERATION_MAP,       [1] = SV39_OPERATION_MAP,        [2] = SV39_OPERATION_MAP,
        [3] = SV39_OPERATION_MAP,       [4] = SV39_OPERATION_MAP,        [5] = SV39_OPERATION_UNMAP,
        [6] = SV39_OPERATION_UNMAP,     [7] = SV39_OPERATION_UNMAP,      [8] = SV39_OPERATION_UNMAP,
        [9] = SV39_OPERATION_TRANSLATE, [10] = SV39_OPERATION_TRANSLATE, [11] = SV39_OPERATION_TRANSLATE,
        [12] = SV39_OPERATION_TAKE,     [13] = SV39_OPERATION_GIVE_BACK, [14] = SV39_OPERATION_SCRIBBLE,
        [15] = SV39_OPERATION_SCRIBBLE};
    const enum sv39_operation_kind kind = kinds[code];
    if (kind == SV39_OPERATION_SCRIBBLE && model->corrupt_size != 0) {
        return SV39_OPERATION_REPAIR;
    }
    if (kind == SV39_OPERATION_MAP && model->live_count == SV39_MODEL_LIVE_LIMIT) {
        return SV39_OPERATION_UNMAP;
    }
    const bool needs_live = kind == SV39_OPERATION_SCRIBBLE || kind == SV39_OPERATION_UNMAP;
    return needs_live && model->live_count == 0 ? SV39_OPERATION_MAP : kind;
}

struct sv39_operation sv39_operation_decode(const struct sv39_model *model, uint64_t start,
                                            size_t other_run_count,
                                            const unsigned char bytes[SV39_OPERATION_SIZE]) {
    struct sv39_operation operation = {.kind = decode_kind(model, bytes[0] & 0xf)};
    switch (operation.kind) {
    case SV39_OPERATION_MAP:
        operation.physical_address = decode_physical(start, bytes[3]);
        operation.flags = decode_flags(bytes[2], bytes[3]);
        operation.virtual_address = decode_address(model, operation.kind, bytes);
        return operation;
    case SV39_OPERATION_UNMAP:
    case SV39_OPERATION_TRANSLATE:
        operation.virtual_address = decode_address(model, operation.kind, bytes);
        if (operation.kind == SV39_OPERATION_TRANSLATE) {
            operation.virtual_address ^= bytes[2] * (uint64_t)16 + bytes[3] % 16;
        }
        return operation;
    case SV39_OPERATION_TAKE:
    case SV39_OPERATION_GIVE_BACK:
        return decode_pages(operation.kind, other_run_count, bytes);
    case SV39_OPERATION_SCRIBBLE:
        operation.virtual_address = live_address(model, bytes);
        operation.level = (bytes[0] >> 4) % SV39_LEVEL_COUNT;
        operation.damage = bytes[3];
        return operation;
    case SV39_OPERATION_INIT:
    case SV39_OPERATION_REPAIR:
        break;
    }
    return operation;
}
