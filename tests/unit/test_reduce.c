/* Specification: the reducer. Each predicate fails for a reason that can be said in a sentence, so that the
 * smallest program that fails can be written down. Every question the reducer asks is watched (ask): it is
 * canonical, and smaller than everything that has failed before. */
#include "tests/unit/reduce_fixture.h"

/* Operations. */

static bool fails_after_a_double(void *context, const struct program *program) {
    (void)context;
    return count_kind(program, OPERATION_DOUBLE) != 0;
}

TEST(what_has_nothing_to_do_with_the_failure_goes) {
    assert_reduced("kmem-program 1\nheap page=256 pages=7 growth=5 slots=64 refuse=0,3,15 disable=null\n"
                   "alloc 0 24\nzalloc 3 largest-8\nfree 0\ndouble 9 realloc\ncoalesce\nrefuse\n"
                   "aligned 5 64 20\ncalloc 6 3 8\ninterior 5 99\nrealloc 5 usable+8\n",
                   fails_after_a_double,
                   "kmem-program 1\nheap page=32 pages=1 growth=0 slots=16\ndouble 0\n");
}

static bool fails_always(void *context, const struct program *program) {
    (void)context;
    (void)program;
    return true;
}

TEST(a_program_that_always_fails_becomes_the_empty_one) {
    assert_reduced("kmem-program 1\nheap page=4096 pages=512 slots=4096\nalloc 4000 1\nfree 7\n",
                   fails_always, "kmem-program 1\nheap page=32 pages=1 growth=0 slots=16\n");
}

static bool fails_when_allocations_and_frees_are_even(void *context, const struct program *program) {
    (void)context;
    return count_kind(program, OPERATION_ALLOC) == count_kind(program, OPERATION_FREE) &&
           count_kind(program, OPERATION_NULL_FREE) != 0 && count_kind(program, OPERATION_REFUSE) == 3;
}

TEST(what_can_only_go_two_at_a_time_goes) {
    assert_reduced("kmem-program 1\nalloc 0 1\nrefuse\nalloc 1 1\nrefuse\nfree 0\nnull\nrefuse\nfree 1\n",
                   fails_when_allocations_and_frees_are_even,
                   "kmem-program 1\nheap page=32 pages=1 growth=0 slots=16\nrefuse\nrefuse\nnull\nrefuse\n");
}

/* Everything that names slot 3 is there, or nothing is. */
static bool fails_with_a_whole_life(void *context, const struct program *program) {
    (void)context;
    size_t named = 0;
    for (size_t i = 0; i < program->operation_count; i++) {
        named += program_operation(program, i).slot == 3;
    }
    return (named == 0 || named == 4) && count_kind(program, OPERATION_COALESCE) != 0;
}

TEST(a_life_goes_with_all_that_is_done_to_it) {
    assert_reduced("kmem-program 1\nalloc 3 1\nnull\nrealloc 3 2\nrealloc 3 9\nnull\nfree 3\ncoalesce\n",
                   fails_with_a_whole_life,
                   "kmem-program 1\nheap page=32 pages=1 growth=0 slots=16\ncoalesce\n");
}

static size_t bytes_asked_for(const struct program *program) {
    size_t sum = 0;
    for (size_t i = 0; i < program->operation_count; i++) {
        const struct operation operation = program_operation(program, i);
        sum += operation.kind == OPERATION_ALLOC ? ((size_t)operation.size.amount + 15) / 8 * 8 : 0;
    }
    return sum;
}

static bool fails_with_much_room_taken(void *context, const struct program *program) {
    (void)context;
    return bytes_asked_for(program) >= 100;
}

TEST(allocations_that_only_take_up_room_become_one) {
    assert_reduced("kmem-program 1\nheap pages=8\nalloc 0 24\nalloc 1 30\nalloc 2 24\n",
                   fails_with_much_room_taken,
                   "kmem-program 1\nheap page=32 pages=1 growth=0 slots=16\nalloc 0 89\n");
}

static bool fails_with_two_requests_or_one_that_fits_nowhere(void *context, const struct program *program) {
    (void)context;
    const size_t region_size = program->header.page_size * program->header.page_count;
    for (size_t i = 0; i < program->operation_count; i++) {
        if ((size_t)program_operation(program, i).size.amount >= region_size) {
            return true;
        }
    }
    return count_kind(program, OPERATION_ALLOC) >= 2;
}

TEST(what_two_requests_do_a_large_one_does_alone) {
    assert_reduced("kmem-program 1\nheap pages=8\nalloc 0 24\nalloc 1 30\n",
                   fails_with_two_requests_or_one_that_fits_nowhere,
                   "kmem-program 1\nheap page=32 pages=1 growth=0 slots=16\nalloc 0 32\n");
}

static bool fails_with_two_requests_or_growth(void *context, const struct program *program) {
    return program->operation_count != 0 &&
           (count_kind(program, OPERATION_ALLOC) >= 2 ||
            (program->header.growth_limit != 0 && program->header.refused_asks == 0 &&
             fails_with_two_requests_or_one_that_fits_nowhere(context, program)));
}

TEST(what_two_requests_do_growth_does_with_one) {
    assert_reduced("kmem-program 1\nheap pages=8 refuse=0,1\nalloc 0 24\nalloc 1 30\n",
                   fails_with_two_requests_or_growth,
                   "kmem-program 1\nheap page=32 pages=1 growth=1 slots=16\nalloc 0 32\n");
}

/* Operands. */

static bool has_size(const struct program *program, int32_t least, int32_t most) {
    for (size_t i = 0; i < program->operation_count; i++) {
        const struct operation operation = program_operation(program, i);
        if (operation_takes(operation.kind, OPERAND_SIZE) && operation.size.base == SIZE_BASE_LITERAL &&
            operation.size.amount >= least && operation.size.amount <= most) {
            return true;
        }
    }
    return false;
}

static bool fails_from_1000_bytes(void *context, const struct program *program) {
    (void)context;
    return has_size(program, 1000, INT32_MAX);
}

static bool fails_at_13_and_from_200_bytes(void *context, const struct program *program) {
    (void)context;
    return has_size(program, 13, 13) || has_size(program, 200, INT32_MAX);
}

TEST(a_size_shrinks_to_the_least_that_fails) {
    assert_reduced("kmem-program 1\nalloc 0 16777215\n", fails_from_1000_bytes,
                   "kmem-program 1\nheap page=32 pages=1 growth=0 slots=16\nalloc 0 1000\n");
}

TEST(a_size_finds_a_lesser_one_beyond_a_gap) {
    assert_reduced("kmem-program 1\nalloc 0 5000\n", fails_at_13_and_from_200_bytes,
                   "kmem-program 1\nheap page=32 pages=1 growth=0 slots=16\nalloc 0 13\n");
}

static bool fails_at_powers(void *context, const struct program *program) {
    (void)context;
    return has_size(program, 2048, 2048) || has_size(program, 60000, 60000);
}

TEST(a_size_finds_a_boundary_beyond_a_gap) {
    assert_reduced("kmem-program 1\nalloc 0 60000\n", fails_at_powers,
                   "kmem-program 1\nheap page=32 pages=1 growth=0 slots=16\nalloc 0 2048\n");
}

static bool fails_with_two_equal_sizes(void *context, const struct program *program) {
    (void)context;
    return program->operation_count >= 2 &&
           program_operation(program, 0).size.amount == program_operation(program, 1).size.amount &&
           program_operation(program, 0).size.amount >= 17;
}

TEST(equal_sizes_shrink_together) {
    assert_reduced("kmem-program 1\nalloc 0 300\nalloc 1 300\nfree 1\n", fails_with_two_equal_sizes,
                   "kmem-program 1\nheap page=32 pages=1 growth=0 slots=16\nalloc 0 17\nalloc 0 17\n");
}

static bool fails_with_sizes_a_word_apart(void *context, const struct program *program) {
    (void)context;
    return program->operation_count >= 2 &&
           program_operation(program, 0).size.amount == program_operation(program, 1).size.amount + 8;
}

TEST(sizes_that_belong_together_shrink_together) {
    assert_reduced("kmem-program 1\nalloc 0 88\nalloc 1 80\n", fails_with_sizes_a_word_apart,
                   "kmem-program 1\nheap page=32 pages=1 growth=0 slots=16\nalloc 0 8\nalloc 0 0\n");
}

static bool fails_when_something_is_allocated(void *context, const struct program *program) {
    (void)context;
    return count_kind(program, OPERATION_ALLOC) + count_kind(program, OPERATION_ZALLOC) +
               count_kind(program, OPERATION_CALLOC) + count_kind(program, OPERATION_ALIGNED) !=
           0;
}

TEST(kinds_become_simpler) {
    static const char alloc[] = "kmem-program 1\nheap page=32 pages=1 growth=0 slots=16\nalloc 0 0\n";
    assert_reduced("kmem-program 1\nzalloc 4 8\n", fails_when_something_is_allocated, alloc);
    assert_reduced("kmem-program 1\ncalloc 4 7 8\n", fails_when_something_is_allocated, alloc);
    assert_reduced("kmem-program 1\naligned 4 64 8\n", fails_when_something_is_allocated, alloc);
}

static bool fails_with_21_bytes_in_all(void *context, const struct program *program) {
    (void)context;
    for (size_t i = 0; i < program->operation_count; i++) {
        const struct operation operation = program_operation(program, i);
        const uint64_t count = operation.kind == OPERATION_CALLOC ? program_counts[operation.choice] : 1;
        if (operation_takes(operation.kind, OPERAND_SIZE) && count * (uint32_t)operation.size.amount == 21) {
            return true;
        }
    }
    return false;
}

TEST(a_product_becomes_a_size) {
    assert_reduced("kmem-program 1\ncalloc 0 7 3\n", fails_with_21_bytes_in_all,
                   "kmem-program 1\nheap page=32 pages=1 growth=0 slots=16\nalloc 0 21\n");
}

static bool fails_when_misaligned(void *context, const struct program *program) {
    (void)context;
    for (size_t i = 0; i < program->operation_count; i++) {
        const struct operation operation = program_operation(program, i);
        if (operation.kind == OPERATION_ALIGNED && operation.alignment >= 32) {
            return true;
        }
    }
    return false;
}

TEST(an_alignment_becomes_the_least_that_fails) {
    assert_reduced("kmem-program 1\naligned 0 4096 8\n", fails_when_misaligned,
                   "kmem-program 1\nheap page=32 pages=1 growth=0 slots=16\naligned 0 32 0\n");
}

static bool fails_at_a_far_step(void *context, const struct program *program) {
    (void)context;
    return program->operation_count != 0 && program_operation(program, 0).step >= 77;
}

TEST(a_step_becomes_the_least_that_fails_and_the_way_the_plain_one) {
    assert_reduced("kmem-program 1\nmisaligned 3 12345678 realloc\n", fails_at_a_far_step,
                   "kmem-program 1\nheap page=32 pages=1 growth=0 slots=16\ninterior 0 77\n");
}

static bool fails_near_the_maximum(void *context, const struct program *program) {
    (void)context;
    return program->operation_count != 0 && program_operation(program, 0).size.base == SIZE_BASE_MAXIMUM;
}

TEST(a_size_that_no_literal_can_say_keeps_its_base) {
    assert_reduced("kmem-program 1\nalloc 3 max-15\n", fails_near_the_maximum,
                   "kmem-program 1\nheap page=32 pages=1 growth=0 slots=16\nalloc 0 max\n");
}

/* Slots and the heap. */

static bool fails_with_two_slots(void *context, const struct program *program) {
    (void)context;
    return program->operation_count >= 3 &&
           program_operation(program, 0).slot != program_operation(program, 1).slot &&
           program_operation(program, 2).slot == program_operation(program, 0).slot;
}

TEST(slots_are_numbered_in_the_order_of_their_first_use) {
    assert_reduced(
        "kmem-program 1\nheap slots=4096\nalloc 900 1\nalloc 30 1\nalloc 900 1\n", fails_with_two_slots,
        "kmem-program 1\nheap page=32 pages=1 growth=0 slots=16\nalloc 0 0\nalloc 1 0\nalloc 0 0\n");
}

static bool fails_in_a_heap_of_300_bytes(void *context, const struct program *program) {
    (void)context;
    return program->header.page_size * program->header.page_count >= 300 &&
           program->header.growth_limit >= 2 && (program->header.refused_asks & 8) != 0;
}

TEST(a_heap_shrinks_to_the_fewest_bytes_then_pages_growth_and_refusals_that_fail) {
    assert_reduced("kmem-program 1\nheap page=4096 pages=300 growth=63 slots=1024 refuse=1,3,5\n",
                   fails_in_a_heap_of_300_bytes,
                   "kmem-program 1\nheap page=64 pages=5 growth=2 slots=16 refuse=3\n");
}

static bool fails_when_full(void *context, const struct program *program) {
    (void)context;
    const size_t region_size = program->header.page_size * program->header.page_count;
    return program->operation_count != 0 && program->header.page_count >= 2 &&
           (size_t)program_operation(program, 0).size.amount == region_size - 8;
}

TEST(a_region_shrinks_together_with_what_fills_it) {
    assert_reduced("kmem-program 1\nheap page=64 pages=8\nalloc 0 504\n", fails_when_full,
                   "kmem-program 1\nheap page=32 pages=2 growth=0 slots=16\nalloc 0 56\n");
}

/* The contract. */

static bool fails_never(void *context, const struct program *program) {
    (void)context;
    (void)program;
    return false;
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
    static const char *const ascending[] = {
        "kmem-program 1\nheap page=4096 pages=100 growth=60\n",
        "kmem-program 1\nalloc 0 0\n",
        "kmem-program 1\nalloc 1 0\n",
        "kmem-program 1\nalloc 0 1\n",
        "kmem-program 1\nalloc 0 16777215\n",
        "kmem-program 1\nalloc 0 largest\n",
        "kmem-program 1\nalloc 0 largest+1\n",
        "kmem-program 1\nalloc 0 largest-1\n",
        "kmem-program 1\nalloc 0 first\n",
        "kmem-program 1\nfree 0\n",
        "kmem-program 1\ndouble 0\n",
        "kmem-program 1\ndouble 0 realloc\n",
        "kmem-program 1\nheap slots=32\nalloc 0 0\n",
        "kmem-program 1\nheap page=64\nalloc 0 0\n",
        "kmem-program 1\nheap pages=2\nalloc 0 0\n",
        "kmem-program 1\nheap refuse=0\nalloc 0 0\n",
        "kmem-program 1\nheap growth=1\nalloc 0 0\n",
        "kmem-program 1\nnull\nnull\n",
    };
    static uint8_t bytes[LENGTH(ascending)][64];
    struct program programs[LENGTH(ascending)];
    for (size_t i = 0; i < LENGTH(ascending); i++) {
        const struct program program = parse(ascending[i]);
        memcpy(bytes[i], program.bytes, program.size);
        programs[i] = program_decode(bytes[i], program.size);
    }
    for (size_t i = 0; i < LENGTH(ascending); i++) {
        for (size_t j = 0; j < LENGTH(ascending); j++) {
            const int order = reduce_order(&programs[i], &programs[j]);
            assert_int_equal((order > 0) - (order < 0), (i > j) - (i < j));
        }
    }
}
