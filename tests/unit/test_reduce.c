/* Specification: the reducer. Each predicate fails for a reason that can be said in a sentence, so that the
 * smallest program that fails can be written down. Every question the reducer asks is watched (ask): it is
 * canonical, and smaller than everything that has failed before. */
#include "tests/unit/reduce_fixture.h"

PREDICATE_IS(fails_always, true)
PREDICATE_IS(fails_never, false)
PREDICATE_IS(fails_after_a_double, count_kind(program, OPERATION_DOUBLE) != 0)
PREDICATE_IS(fails_when_allocations_and_frees_are_even,
             count_kind(program, OPERATION_ALLOC) == count_kind(program, OPERATION_FREE) &&
                 count_kind(program, OPERATION_NULL_FREE) != 0 && count_kind(program, OPERATION_REFUSE) == 3)

PREDICATE_IS(fails_when_refusals_and_coalesces_are_even,
             count_kind(program, OPERATION_REFUSE) == count_kind(program, OPERATION_COALESCE) &&
                 count_kind(program, OPERATION_NULL_FREE) != 0)

/* Everything that names slot 3 is there, or nothing is. */
PREDICATE_IS(fails_with_a_whole_life, (COUNT(operation.slot == 3) == 0 || COUNT(operation.slot == 3) == 4) &&
                                          count_kind(program, OPERATION_COALESCE) != 0)

static size_t bytes_asked_for(const struct program *program) {
    size_t sum = 0;
    for (size_t i = 0; i < program->operation_count; i++) {
        const struct operation operation = program_operation(program, i);
        sum += operation.kind == OPERATION_ALLOC ? ((size_t)operation.size.amount + 15) / 8 * 8 : 0;
    }
    return sum;
}

static size_t region_size(const struct program *program) {
    return program->header.page_size * program->header.page_count;
}

PREDICATE_IS(fails_with_much_room_taken, bytes_asked_for(program) >= 100)
PREDICATE_IS(fails_with_two_requests_or_one_that_fits_nowhere,
             COUNT((size_t)operation.size.amount >= region_size(program)) != 0 ||
                 count_kind(program, OPERATION_ALLOC) >= 2)
PREDICATE_IS(fails_with_two_requests_or_growth,
             program->operation_count != 0 &&
                 (count_kind(program, OPERATION_ALLOC) >= 2 ||
                  (program->header.growth_limit != 0 && program->header.refused_asks == 0 &&
                   fails_with_two_requests_or_one_that_fits_nowhere(context, program))))

/* Is a literal size among these? */
#define HAS_SIZE(least, most)                                                                                \
    (COUNT(operation_takes(operation.kind, OPERAND_SIZE) && operation.size.base == SIZE_BASE_LITERAL &&      \
           operation.size.amount >= (least) && operation.size.amount <= (most)) != 0)

PREDICATE_IS(fails_from_1000_bytes, HAS_SIZE(1000, INT32_MAX))
PREDICATE_IS(fails_at_13_and_from_200_bytes, HAS_SIZE(13, 13) || HAS_SIZE(200, INT32_MAX))
PREDICATE_IS(fails_at_powers, HAS_SIZE(2048, 2048) || HAS_SIZE(60000, 60000))
PREDICATE_IS(fails_with_two_equal_sizes, program->operation_count >= 2 && amount_of(program, 0) >= 17 &&
                                             amount_of(program, 0) == amount_of(program, 1))
PREDICATE_IS(fails_with_sizes_a_word_apart,
             program->operation_count >= 2 && amount_of(program, 0) == amount_of(program, 1) + 8)
PREDICATE_IS(fails_when_something_is_allocated,
             count_kind(program, OPERATION_ALLOC) + count_kind(program, OPERATION_ZALLOC) +
                     count_kind(program, OPERATION_CALLOC) + count_kind(program, OPERATION_ALIGNED) !=
                 0)
PREDICATE_IS(fails_with_21_bytes_in_all,
             COUNT(operation_takes(operation.kind, OPERAND_SIZE) &&
                   (operation.kind == OPERATION_CALLOC ? program_counts[operation.choice] : 1) *
                           (uint32_t)operation.size.amount ==
                       21) != 0)
PREDICATE_IS(fails_when_misaligned,
             COUNT(operation.kind == OPERATION_ALIGNED && operation.alignment >= 32) != 0)
PREDICATE_IS(fails_at_a_far_step, program->operation_count != 0 && program_operation(program, 0).step >= 77)
PREDICATE_IS(fails_near_the_maximum,
             program->operation_count != 0 && program_operation(program, 0).size.base == SIZE_BASE_MAXIMUM)
PREDICATE_IS(fails_with_two_slots, program->operation_count >= 3 &&
                                       slot_of(program, 0) != slot_of(program, 1) &&
                                       slot_of(program, 2) == slot_of(program, 0))
PREDICATE_IS(fails_in_a_heap_of_300_bytes, region_size(program) >= 300 && program->header.growth_limit >= 2 &&
                                               (program->header.refused_asks & 8) != 0)
PREDICATE_IS(fails_when_full, program->operation_count != 0 && program->header.page_count >= 2 &&
                                  (size_t)amount_of(program, 0) == region_size(program) - 8)

#define SMALLEST "heap page=32 pages=1 growth=0 slots=16\n"

static const struct {
    const char *name;
    reduce_predicate *fails;
    const char *program; /* without the first line, as what it becomes */
    const char *reduced;
} reductions[] = {
    {"what has nothing to do with the failure goes", fails_after_a_double,
     "heap page=256 pages=7 growth=5 slots=64 refuse=0,3,15 disable=null\nalloc 0 24\nzalloc 3 "
     "largest-8\nfree 0\ndouble 9 realloc\ncoalesce\nrefuse\naligned 5 64 20\ncalloc 6 3 8\ninterior 5 "
     "99\nrealloc 5 usable+8\n",
     SMALLEST "double 0\n"},
    {"a program that always fails becomes the empty one", fails_always,
     "heap page=4096 pages=512 slots=4096\nalloc 4000 1\nfree 7\n", SMALLEST},
    {"what can only go two at a time goes", fails_when_refusals_and_coalesces_are_even,
     "refuse\nnull\ncoalesce\n", SMALLEST "null\n"},
    {"an allocation goes with its free", fails_when_allocations_and_frees_are_even,
     "alloc 0 1\nrefuse\nalloc 1 1\nrefuse\nfree 0\nnull\nrefuse\nfree 1\n",
     SMALLEST "refuse\nrefuse\nnull\nrefuse\n"},
    {"a life goes with all that is done to it", fails_with_a_whole_life,
     "alloc 3 1\nnull\nrealloc 3 2\nrealloc 3 9\nnull\nfree 3\ncoalesce\n", SMALLEST "coalesce\n"},
    {"allocations that only take up room become one", fails_with_much_room_taken,
     "heap pages=8\nalloc 0 24\nalloc 1 30\nalloc 2 24\n", SMALLEST "alloc 0 89\n"},
    {"what two requests do a large one does alone", fails_with_two_requests_or_one_that_fits_nowhere,
     "heap pages=8\nalloc 0 24\nalloc 1 30\n", SMALLEST "alloc 0 32\n"},
    {"what two requests do growth does with one", fails_with_two_requests_or_growth,
     "heap pages=8 refuse=0,1\nalloc 0 24\nalloc 1 30\n",
     "heap page=32 pages=1 growth=1 slots=16\nalloc 0 32\n"},
    {"a size shrinks to the least", fails_from_1000_bytes, "alloc 0 16777215\n", SMALLEST "alloc 0 1000\n"},
    {"a size leaps a gap", fails_at_13_and_from_200_bytes, "alloc 0 5000\n", SMALLEST "alloc 0 13\n"},
    {"a size leaps to a boundary", fails_at_powers, "alloc 0 60000\n", SMALLEST "alloc 0 2048\n"},
    {"equal sizes shrink together", fails_with_two_equal_sizes, "alloc 0 300\nalloc 1 300\nfree 1\n",
     SMALLEST "alloc 0 17\nalloc 0 17\n"},
    {"sizes that belong together shrink together", fails_with_sizes_a_word_apart, "alloc 0 88\nalloc 1 80\n",
     SMALLEST "alloc 0 8\nalloc 0 0\n"},
    {"a zalloc becomes simpler", fails_when_something_is_allocated, "zalloc 4 8\n", SMALLEST "alloc 0 0\n"},
    {"a calloc becomes simpler", fails_when_something_is_allocated, "calloc 4 7 8\n", SMALLEST "alloc 0 0\n"},
    {"an aligned simplifies", fails_when_something_is_allocated, "aligned 4 64 8\n", SMALLEST "alloc 0 0\n"},
    {"a product becomes a size", fails_with_21_bytes_in_all, "calloc 0 7 3\n", SMALLEST "alloc 0 21\n"},
    {"an alignment shrinks", fails_when_misaligned, "aligned 0 4096 8\n", SMALLEST "aligned 0 32 0\n"},
    {"a step becomes the least that fails and the way the plain one", fails_at_a_far_step,
     "misaligned 3 12345678 realloc\n", SMALLEST "interior 0 77\n"},
    {"a size beyond literals stays", fails_near_the_maximum, "alloc 3 max-15\n", SMALLEST "alloc 0 max\n"},
    {"slots are numbered in the order of their first use", fails_with_two_slots,
     "heap slots=4096\nalloc 900 1\nalloc 30 1\nalloc 900 1\n", SMALLEST "alloc 0 0\nalloc 1 0\nalloc 0 0\n"},
    {"a heap shrinks to the fewest bytes then pages growth and refusals that fail",
     fails_in_a_heap_of_300_bytes, "heap page=4096 pages=300 growth=63 slots=1024 refuse=1,3,5\n",
     "heap page=64 pages=5 growth=2 slots=16 refuse=3\n"},
    {"a region shrinks together with what fills it", fails_when_full, "heap page=64 pages=8\nalloc 0 504\n",
     "heap page=32 pages=2 growth=0 slots=16\nalloc 0 56\n"},
};

TEST_EACH(a_program_becomes_the_smallest_that_fails, reductions) {
    char program[512];
    char reduced[256];
    (void)snprintf(program, sizeof program, "kmem-program 1\n%s", row->program);
    (void)snprintf(reduced, sizeof reduced, "kmem-program 1\n%s", row->reduced);
    assert_reduced(program, row->fails, reduced);
}

TEST(a_program_that_does_not_fail_is_not_reduced) {
    const struct program program = parse("kmem-program 1\nalloc 0 1\n");
    struct reduction reduction = {.fails = fails_never, .replay_limit = SIZE_MAX};
    assert_int_equal(reduce(&program, &reduction), REDUCE_NOT_FAILING);
    assert_null(reduction.bytes);
    assert_int_equal(reduction.replay_count, 1);
}

TEST(the_limit_ends_the_search_with_what_there_is) {
    const struct program program =
        parse("kmem-program 1\nalloc 0 1\nalloc 1 1\nalloc 2 1\nalloc 3 1\ndouble 0\n");
    struct reduction reduction = {.fails = fails_after_a_double, .replay_limit = 6};
    assert_int_equal(reduce(&program, &reduction), REDUCE_DONE);
    assert_int_equal(reduction.replay_count, 6);
    const struct program reduced = program_decode(reduction.bytes, reduction.size);
    assert_true(fails_after_a_double(NULL, &reduced));
    assert_true(reduce_order(&reduced, &program) <= 0);
    free(reduction.bytes);
}

TEST(an_empty_input_can_be_reduced) {
    const struct program program = program_decode(NULL, 0);
    const struct program reduced = reduce_with(&program, fails_always, NULL);
    assert_text(&reduced, "kmem-program 2\nheap page=16 pages=1 growth=0 slots=16\n");
}

TEST(the_order_is_by_operations_then_heap_then_operands) {
    static const char ascending[] =
        "heap page=4096 pages=100 growth=60; alloc 0 0; alloc 1 0; alloc 0 1; alloc 0 16777215; "
        "alloc 0 largest; alloc 0 largest+1; alloc 0 largest-1; alloc 0 first; free 0; double 0; "
        "double 0 realloc; heap slots=32\nalloc 0 0; heap page=64\nalloc 0 0; heap pages=2\nalloc 0 0; "
        "heap refuse=0\nalloc 0 0; heap growth=1\nalloc 0 0; null\nnull";
    static uint8_t bytes[18][64];
    struct program programs[LENGTH(bytes)];
    size_t count = 0;
    for (const char *item = ascending; item != NULL; item = next_item(item)) {
        char text[64];
        (void)snprintf(text, sizeof text, "kmem-program 1\n%.*s\n", (int)strcspn(item, ";"), item);
        const struct program program = parse(text);
        memcpy(bytes[count], program.bytes, program.size);
        programs[count] = program_decode(bytes[count], program.size);
        count++;
    }
    assert_int_equal(count, LENGTH(bytes));
    for (size_t i = 0; i < count; i++) {
        for (size_t j = 0; j < count; j++) {
            const int order = reduce_order(&programs[i], &programs[j]);
            assert_int_equal((order > 0) - (order < 0), (i > j) - (i < j));
        }
    }
}
