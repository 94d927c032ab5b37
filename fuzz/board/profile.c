/* Writing a raw profile, which is the compiler's own counters with a header in front. profile.h is the
 * contract; the compiler's description of the format, which comes with it, is its source: the fields of the
 * header and of a function's record, in their order. Only for presets with KMEM_COVERAGE.
 *
 *     header | records, one per function | counters | MC/DC bitmap | names
 *
 * src/riscv/link.ld says where each but the first is. Each part but the records, whose size is a multiple
 * of 8 already, is followed by zeros up to one. */
#include "fuzz/board/profile.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <profile/InstrProfData.inc> /* after what it needs */

#include "src/riscv/semihosting.h"

_Static_assert(INSTR_PROF_RAW_VERSION == 10,
               "the format is the one this file writes: compare it with the compiler's");

#define GRAIN          ((size_t)8)   /* bytes */
#define ARGUMENTS_SIZE ((size_t)512) /* bytes, with the end */

/* What the compiler's description takes for known. */
#define IntPtrT uintptr_t
enum value_kind {
#define VALUE_PROF_KIND(name, value, text) name = (value),
#include <profile/InstrProfData.inc>
};

struct profile_header {
#define INSTR_PROF_RAW_HEADER(type, name, initializer) type name;
#include <profile/InstrProfData.inc>
};

struct profile_record {
#define INSTR_PROF_DATA(type, llvm_type, name, initializer) type name;
#include <profile/InstrProfData.inc>
};

_Static_assert(sizeof(struct profile_header) == 16 * sizeof(uint64_t),
               "the header is the one filled in below");

/* As src/riscv/link.ld puts them. */
extern const unsigned char profile_data_start[], profile_data_end[], profile_counters_start[],
    profile_counters_end[], profile_bitmap_start[], profile_bitmap_end[], profile_names_start[],
    profile_names_end[];

struct part {
    const unsigned char *bytes;
    size_t size;
};

static struct part part_between(const unsigned char *start, const unsigned char *end) {
    return (struct part){start, (uintptr_t)end - (uintptr_t)start};
}

static size_t padding_size(size_t size) {
    return (GRAIN - size % GRAIN) % GRAIN;
}

static bool write_part(const struct semihosting_file *file, struct part part) {
    static const unsigned char zeros[GRAIN];
    return semihosting_file_write(file, part.bytes, part.size) &&
           semihosting_file_write(file, zeros, padding_size(part.size));
}

static bool write_profile(const struct semihosting_file *file) {
    const struct part records = part_between(profile_data_start, profile_data_end);
    const struct part counters = part_between(profile_counters_start, profile_counters_end);
    const struct part bitmap = part_between(profile_bitmap_start, profile_bitmap_end);
    const struct part names = part_between(profile_names_start, profile_names_end);
    const struct profile_header header = {
        .Magic = sizeof(uintptr_t) == sizeof(uint64_t) ? INSTR_PROF_RAW_MAGIC_64 : INSTR_PROF_RAW_MAGIC_32,
        .Version = INSTR_PROF_RAW_VERSION,
        .NumData = records.size / sizeof(struct profile_record),
        .NumCounters = counters.size / sizeof(uint64_t),
        .PaddingBytesAfterCounters = padding_size(counters.size),
        .NumBitmapBytes = bitmap.size,
        .PaddingBytesAfterBitmapBytes = padding_size(bitmap.size),
        .NamesSize = names.size,
        /* As in memory, where a record has the way to its counters from itself. */
        .CountersDelta = (uintptr_t)counters.bytes - (uintptr_t)records.bytes,
        .BitmapDelta = (uintptr_t)bitmap.bytes - (uintptr_t)records.bytes,
        .NamesDelta = (uintptr_t)names.bytes,
        .ValueKindLast = IPVK_Last,
    };
    return write_part(file, (struct part){(const unsigned char *)&header, sizeof header}) &&
           write_part(file, records) && write_part(file, counters) && write_part(file, bitmap) &&
           write_part(file, names);
}

/* The rest of text when it begins with start, and NULL when it does not. */
static const char *after(const char *text, const char *start) {
    for (; *start != '\0'; start++) { /* text ends no later, or differs */
        if (*text++ != *start) {
            return NULL;
        }
    }
    return text;
}

const char *profile_save(void) {
    static char arguments[ARGUMENTS_SIZE];
    if (!semihosting_arguments(arguments, sizeof arguments)) {
        return "the arguments of the image are too long";
    }
    const char *const name = after(arguments, "profile=");
    if (name == NULL) {
        return "no file for the profile: start QEMU with -semihosting-config ...,arg=profile=FILE";
    }
    struct semihosting_file file;
    if (!semihosting_file_create(name, &file)) {
        return "the host cannot make the profile's file";
    }
    const bool written = write_profile(&file);
    return semihosting_file_close(&file) && written ? NULL : "the host has not taken the whole profile";
}
