/* The page tables in lines of text, as they should be and as they are, for reports of their fuzz target. It
 * trusts no entry, and judges none. */
#ifndef KMEM_SV39_PICTURE_H
#define KMEM_SV39_PICTURE_H

#include <stdint.h>
#include <stdio.h>

#include "fuzz/sv39/sv39_model.h"

/* Prints what the model says is mapped. */
void sv39_picture_print_model(const struct sv39_model *model, FILE *stream);

/* Prints every entry that is not 0 of the table at root and of those below it, at most 64 lines: the index in
 * its table, and the page it names or, in the lowest tables, the physical address and the flags. The
 * page_count pages are contiguous at base, have physical addresses from `start` on, and are taken where their
 * descriptors are not 0; the root is one of them. An entry that does not name a taken page is not followed.
 * Cost: one walk over at most 64 tables. */
void sv39_picture_print_tables(const unsigned char *base, const unsigned char *descriptors, size_t page_count,
                               const unsigned char *root, uint64_t start, FILE *stream);

#endif
