/* What clang's UndefinedBehaviorSanitizer calls: one handler for each kind of check. Names and the layout of
 * what they are passed are the compiler's. Every check calls for its own handler, and those that neither the
 * core nor a test has any use for (floating point, arrays of variable length) are not here: such code would
 * not link. */
#include "sanitizer.h"

struct source_location {
    const char *file;
    uint32_t line;
    uint32_t column;
};

struct type {
    uint16_t kind;        /* 0: an integer */
    uint16_t information; /* of an integer: bit 0 is set when it is signed, above it log2 of its bits */
    char name[];          /* in quotes */
};

#define TYPE_INTEGER 0

/* A value that fits a register is passed as it is, a larger one by its address. */
static int64_t value_of(const struct type *type, uintptr_t value) {
    const bool is_signed = (type->information & 1) != 0;
    const unsigned bits = 1u << (type->information >> 1);
    if (type->kind != TYPE_INTEGER || bits > 64) {
        return 0;
    }
    const uint64_t raw = bits <= 8 * sizeof value ? value : *(const uint64_t *)value;
    const unsigned unused = 64 - bits;
    return is_signed ? (int64_t)(raw << unused) >> unused : (int64_t)(raw << unused >> unused);
}

_Noreturn static void stop(const char *kind, const struct source_location *location, const struct type *type,
                           int64_t left, int64_t right, struct sanitizer_place place) {
    sanitizer_stop_undefined(&(struct sanitizer_undefined){
        .kind = kind,
        .access = "-",
        .file = location->file,
        .line = location->line,
        .column = location->column,
        .type = type == NULL ? "-" : type->name,
        .left = left,
        .right = right,
        .place = place,
    });
}

/* Arithmetic: left and right are the operands. */

struct overflow {
    struct source_location location;
    const struct type *type;
};

#define HANDLE_BINARY(function, kind)                                                                        \
    void __ubsan_handle_##function(const struct overflow *data, uintptr_t left, uintptr_t right);            \
    void __ubsan_handle_##function(const struct overflow *data, uintptr_t left, uintptr_t right) {           \
        stop(kind, &data->location, data->type, value_of(data->type, left), value_of(data->type, right),     \
             SANITIZER_PLACE());                                                                             \
    }
HANDLE_BINARY(add_overflow, "add-overflow")
HANDLE_BINARY(sub_overflow, "sub-overflow")
HANDLE_BINARY(mul_overflow, "mul-overflow")
HANDLE_BINARY(divrem_overflow, "divrem-overflow")

void __ubsan_handle_negate_overflow(const struct overflow *data, uintptr_t operand);
void __ubsan_handle_negate_overflow(const struct overflow *data, uintptr_t operand) {
    stop("negate-overflow", &data->location, data->type, value_of(data->type, operand), 0, SANITIZER_PLACE());
}

/* left is shifted by right. */
struct shift {
    struct source_location location;
    const struct type *left_type;
    const struct type *right_type;
};

void __ubsan_handle_shift_out_of_bounds(const struct shift *data, uintptr_t left, uintptr_t right);
void __ubsan_handle_shift_out_of_bounds(const struct shift *data, uintptr_t left, uintptr_t right) {
    stop("shift-out-of-bounds", &data->location, data->left_type, value_of(data->left_type, left),
         value_of(data->right_type, right), SANITIZER_PLACE());
}

/* left is the index, of an array of this type. */
struct bounds {
    struct source_location location;
    const struct type *array_type;
    const struct type *index_type;
};

void __ubsan_handle_out_of_bounds(const struct bounds *data, uintptr_t index);
void __ubsan_handle_out_of_bounds(const struct bounds *data, uintptr_t index) {
    stop("out-of-bounds", &data->location, data->array_type, value_of(data->index_type, index), 0,
         SANITIZER_PLACE());
}

/* left is a value that no object of this type has. */
struct invalid_value {
    struct source_location location;
    const struct type *type;
};

void __ubsan_handle_load_invalid_value(const struct invalid_value *data, uintptr_t value);
void __ubsan_handle_load_invalid_value(const struct invalid_value *data, uintptr_t value) {
    stop("invalid-value", &data->location, data->type, value_of(data->type, value), 0, SANITIZER_PLACE());
}

/* Pointers: left is the pointer. right is the alignment it must have; for a pointer that points to too few
 * bytes 0. */

struct mismatch {
    struct source_location location;
    const struct type *type;
    unsigned char log2_alignment;
    unsigned char access;
};

void __ubsan_handle_type_mismatch_v1(const struct mismatch *data, uintptr_t pointer);
void __ubsan_handle_type_mismatch_v1(const struct mismatch *data, uintptr_t pointer) {
    static const char *const accesses[] = {"load", "store", "reference", "member-access"}; /* in C */
    const size_t access_count = sizeof accesses / sizeof accesses[0];
    const uintptr_t alignment = (uintptr_t)1 << data->log2_alignment;
    const bool aligned = (pointer & (alignment - 1)) == 0;
    const char *const wrong = aligned ? "insufficient-space" : "misaligned-pointer";
    sanitizer_stop_undefined(&(struct sanitizer_undefined){
        .kind = pointer == 0 ? "null-pointer" : wrong,
        .access = data->access < access_count ? accesses[data->access] : "-",
        .file = data->location.file,
        .line = data->location.line,
        .column = data->location.column,
        .type = data->type->name,
        .left = (int64_t)pointer,
        .right = pointer == 0 || aligned ? 0 : (int64_t)alignment,
        .place = SANITIZER_PLACE(),
    });
}

struct assumption {
    struct source_location location;
    struct source_location assumption_location;
    const struct type *type;
};

void __ubsan_handle_alignment_assumption(const struct assumption *data, uintptr_t pointer,
                                         uintptr_t alignment, uintptr_t offset);
void __ubsan_handle_alignment_assumption(const struct assumption *data, uintptr_t pointer,
                                         uintptr_t alignment, uintptr_t offset) {
    stop("alignment-assumption", &data->location, data->type, (int64_t)(pointer - offset), (int64_t)alignment,
         SANITIZER_PLACE());
}

/* left becomes right by adding an offset. */
struct located {
    struct source_location location;
};

void __ubsan_handle_pointer_overflow(const struct located *data, uintptr_t base, uintptr_t result);
void __ubsan_handle_pointer_overflow(const struct located *data, uintptr_t base, uintptr_t result) {
    stop("pointer-overflow", &data->location, NULL, (int64_t)base, (int64_t)result, SANITIZER_PLACE());
}

/* left is a function that is not of the type it is called as. */
struct function_mismatch {
    struct source_location location;
    const struct type *type;
};

void __ubsan_handle_function_type_mismatch(const struct function_mismatch *data, uintptr_t function);
void __ubsan_handle_function_type_mismatch(const struct function_mismatch *data, uintptr_t function) {
    stop("function-type-mismatch", &data->location, data->type, (int64_t)function, 0, SANITIZER_PLACE());
}

/* Promises to the compiler. left: which argument, counted from 1. */

struct nonnull_argument {
    struct source_location location;
    struct source_location attribute_location;
    int32_t index;
};

void __ubsan_handle_nonnull_arg(const struct nonnull_argument *data);
void __ubsan_handle_nonnull_arg(const struct nonnull_argument *data) {
    stop("nonnull-argument", &data->location, NULL, data->index, 0, SANITIZER_PLACE());
}

/* The place of the return comes with the call, that of the attribute with the data. */
void __ubsan_handle_nonnull_return_v1(const struct located *attribute,
                                      const struct source_location *location);
void __ubsan_handle_nonnull_return_v1(const struct located *attribute,
                                      const struct source_location *location) {
    (void)attribute;
    stop("nonnull-return", location, NULL, 0, 0, SANITIZER_PLACE());
}

struct builtin {
    struct source_location location;
    unsigned char kind;
};

void __ubsan_handle_invalid_builtin(const struct builtin *data);
void __ubsan_handle_invalid_builtin(const struct builtin *data) {
    stop("invalid-builtin", &data->location, NULL, 0, 0, SANITIZER_PLACE());
}

void __ubsan_handle_builtin_unreachable(const struct located *data);
void __ubsan_handle_builtin_unreachable(const struct located *data) {
    stop("unreachable", &data->location, NULL, 0, 0, SANITIZER_PLACE());
}
