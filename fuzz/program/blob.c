/* Reading a blob. blob.h is the contract. */
#include "fuzz/program/blob.h"

#include "fuzz/program/little.h"
#include "src/require.h"

#define WORD_SIZE     sizeof(uint64_t)
#define CHECKSUM_WORD (offsetof(struct blob_header, checksum) / WORD_SIZE)

/* A word that may alias objects of any type. */
typedef uint64_t __attribute__((may_alias)) word;

_Static_assert(sizeof(struct blob_header) == BLOB_HEADER_SIZE, "the header is what blob.h draws");
_Static_assert(sizeof(struct blob_input) == 8, "an index entry is what blob.h draws");

static bool holds(const unsigned char *bytes, const char mark[8]) {
    for (size_t i = 0; i < 8; i++) {
        if (bytes[i] != (unsigned char)mark[i]) {
            return false;
        }
    }
    return true;
}

uint64_t blob_checksum(const unsigned char *bytes, uint64_t size) {
    const word *const words = (const word *)(const void *)bytes;
    uint64_t sum = 0;
    for (size_t i = 0; i < (size_t)size / WORD_SIZE; i++) {
        sum = i == CHECKSUM_WORD
                  ? sum
                  : ((sum << 5 | sum >> 59) ^ little_64(words[i])) * UINT64_C(0x9e3779b97f4a7c15);
    }
    return sum;
}

struct blob_input blob_find(const struct blob *blob, size_t index) {
    REQUIRE(index < blob->input_count && !blob->is_made);
    const struct blob_input *const inputs =
        (const struct blob_input *)(const void *)(blob->bytes + BLOB_HEADER_SIZE);
    return (struct blob_input){little_32(inputs[index].offset), little_32(inputs[index].size)};
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
    const uint32_t version = little_32(header->version);
    if (version != BLOB_FORMAT && version != BLOB_FORMAT_MADE) {
        return BLOB_VERSION;
    }
    return little_64(header->size) > BLOB_CAPACITY ? BLOB_TOO_LARGE : BLOB_OK;
}

/* The index itself, and each input, are between the header and the tail. */
static bool index_is_possible(const struct blob *blob) {
    const uint64_t end = blob->size - BLOB_GRAIN;
    const uint64_t first = BLOB_HEADER_SIZE + (uint64_t)blob->input_count * sizeof(struct blob_input);
    if (first > end) {
        return false;
    }
    for (uint32_t i = 0; i < blob->input_count; i++) {
        const struct blob_input input = blob_find(blob, i);
        const uint64_t offset = input.offset;
        if (offset % BLOB_GRAIN != 0 || offset < first || offset > end || input.size > end - offset) {
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
    const uint64_t size = little_64(header->size);
    const bool is_made = little_32(header->version) == BLOB_FORMAT_MADE;
    if (size % BLOB_GRAIN != 0 || size < BLOB_HEADER_SIZE + BLOB_GRAIN ||
        (is_made && size != BLOB_MADE_SIZE)) {
        return BLOB_DAMAGED;
    }
    if (size > available || !holds(bytes + (size_t)size - BLOB_GRAIN, BLOB_TAIL)) {
        return BLOB_TRUNCATED;
    }
    if (blob_checksum(bytes, size) != little_64(header->checksum)) {
        return BLOB_DAMAGED;
    }
    *blob = (struct blob){bytes, (size_t)size, little_32(header->input_count), is_made, 0, 0};
    if (is_made) {
        const word *const made_of = (const word *)(const void *)(bytes + BLOB_HEADER_SIZE);
        blob->seed = little_64(made_of[0]);
        blob->generator = little_64(made_of[1]);
    }
    return is_made || index_is_possible(blob) ? BLOB_OK : BLOB_INDEX;
}

const char *blob_error_text(enum blob_error error) {
    static const char *const texts[] = {
#define BLOB_TEXT(name, text) text,
        BLOB_ERROR_LIST(BLOB_TEXT)
#undef BLOB_TEXT
    };
    return texts[error];
}
