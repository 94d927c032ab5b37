/* The table of a heap that is a static library in Rust (rust_heap.rs). */
#include "fuzz/execute/subject.h"

bool rust_heap_start(void *memory, size_t size);
void *rust_heap_alloc(size_t size);
void rust_heap_free(void *pointer);
void *rust_heap_zalloc(size_t size);
void *rust_heap_realloc(void *pointer, size_t size);
void *rust_heap_alloc_aligned(size_t alignment, size_t size);
size_t rust_heap_usable_size(const void *pointer);

const struct subject subject_rust_heap = {
    .name = "rust heap",
    .start = rust_heap_start,
    .alloc = rust_heap_alloc,
    .free = rust_heap_free,
    .zalloc = rust_heap_zalloc,
    .realloc = rust_heap_realloc,
    .alloc_aligned = rust_heap_alloc_aligned,
    .usable_size = rust_heap_usable_size,
    .facts = {.alignment = 8,
              .zero_size = SUBJECT_ZERO_NULL,
              .free_null = true,
              .realloc_null = true,
              .realloc_zero = true},
};
