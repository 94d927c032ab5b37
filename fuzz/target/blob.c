/* Reading a blob. blob.h is the contract. */
#include "fuzz/target/blob.h"

#include <stdbool.h>

#define WORD_SIZE     sizeof(uint64_t)
#define CHECKSUM_WORD (offsetof(struct blob_header, checksum) / WORD_SIZE)

_Static_assert(sizeof(struct blob_header) == BLOB_HEADER_SIZE, "the header is what blob.h draws");
_Static_assert(sizeof(struct blob_input) == 8, "an index entry is what blob.h draws");
_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "numbers are read as they lie in memory");

static bool holds(const unsigned char *bytes, const char mark[8]) {
    for (size_t i = 0; i < 8; i++) {
        if (bytes[i] != (unsigned char)mark[i]) {
            return false;
        }
    }
    return true;
}

uint64_t blob_checksum(const unsigned char *bytes, uint64_t size) {
    const uint64_t *const words = (const uint64_t *)(const void *)bytes;
    uint64_t sum = 0;
    for (size_t i = 0; i < (size_t)size / WORD_SIZE; i++) {
        sum = i == CHECKSUM_WORD ? sum : ((sum << 5 | sum >> 59) ^ words[i]) * UINT64_C(0x9e3779b97f4a7c15);
    }
    return sum;
}

static enum blob_error check_header(const unsigned char *bytes, size_t available) {
    const struct blob_header *const header = (const struct blob_header *)(const void *)bytes;
    if (available < BLOB_HEADER_SIZE) {
        return available < sizeof header->magic || !holds(bytes, BLOB_MAGIC) ? BLOB_FOREIGN : BLOB_TRUNCATED;
    }
    if (holds(bytes, "\0\0\0\0\0\0\0\0")) {
        return BLOB_MISSING;
    }
    if (!holds(bytes, BLOB_MAGIC)) {
        return BLOB_FOREIGN;
    }
    if (header->version != BLOB_FORMAT) {
        return BLOB_VERSION;
    }
    return header->size > BLOB_CAPACITY ? BLOB_TOO_LARGE : BLOB_OK;
}

/* The index itself, and each input, lie between the header and the tail. */
static bool index_is_possible(const unsigned char *bytes) {
    const struct blob_header *const header = (const struct blob_header *)(const void *)bytes;
    const struct blob_input *const inputs =
        (const struct blob_input *)(const void *)(bytes + BLOB_HEADER_SIZE);
    const uint64_t end = header->size - BLOB_GRAIN;
    const uint64_t first = BLOB_HEADER_SIZE + (uint64_t)header->input_count * sizeof *inputs;
    if (first > end) {
        return false;
    }
    for (uint32_t i = 0; i < header->input_count; i++) {
        const uint64_t offset = inputs[i].offset;
        if (offset % BLOB_GRAIN != 0 || offset < first || offset > end || inputs[i].size > end - offset) {
            return false;
        }
    }
    return true;
}

enum blob_error blob_open(const unsigned char *bytes, size_t available, struct blob *blob) {
    const enum blob_error error = check_header(bytes, available);
    if (error != BLOB_OK) {
        return error;
    }
    const struct blob_header *const header = (const struct blob_header *)(const void *)bytes;
    const uint64_t size = header->size;
    if (size % BLOB_GRAIN != 0 || size < BLOB_HEADER_SIZE + BLOB_GRAIN) {
        return BLOB_DAMAGED;
    }
    if (size > available || !holds(bytes + (size_t)size - BLOB_GRAIN, BLOB_TAIL)) {
        return BLOB_TRUNCATED;
    }
    if (blob_checksum(bytes, size) != header->checksum) {
        return BLOB_DAMAGED;
    }
    if (!index_is_possible(bytes)) {
        return BLOB_INDEX;
    }
    *blob = (struct blob){bytes, header, (const struct blob_input *)(const void *)(bytes + BLOB_HEADER_SIZE)};
    return BLOB_OK;
}

const char *blob_error_text(enum blob_error error) {
    static const char *const texts[] = {
#define BLOB_TEXT(name, text) text,
        BLOB_ERROR_LIST(BLOB_TEXT)
#undef BLOB_TEXT
    };
    return texts[error];
}
