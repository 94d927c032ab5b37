/* Specification: the board's memory functions (src/riscv/memory.c), compiled for the host under other names.
 */

#define memcpy  board_memcpy
#define memmove board_memmove
#define memset  board_memset
#define memcmp  board_memcmp
#include "src/riscv/memory.c"
#include "tests/unit/test.h"

#define SIZE ((size_t)256) /* bytes; more than any vector register has */

_Alignas(64) static unsigned char bytes[2 * SIZE];

static void fill(void) {
    for (size_t i = 0; i < sizeof bytes; i++) {
        bytes[i] = (unsigned char)(i * 7 + i / 251);
    }
}

static unsigned char filled(size_t i) {
    return (unsigned char)(i * 7 + i / 251);
}

static void check_move(size_t to, size_t from, size_t size) {
    fill();
    assert_ptr_equal(board_memmove(bytes + to, bytes + from, size), bytes + to);
    for (size_t i = 0; i < sizeof bytes; i++) {
        assert_int_equal(bytes[i], filled(i >= to && i < to + size ? i - to + from : i));
    }
}

TEST(memmove_moves_overlapping_bytes_by_any_distance_either_way) {
    for (size_t distance = 0; distance <= 40; distance++) {
        check_move(64, 64 + distance, SIZE);
        check_move(64 + distance, 64, SIZE);
        check_move(64, 64 + distance, 61);
        check_move(64 + distance, 64, 61);
    }
}

TEST(memcpy_and_memset_write_what_they_are_told_and_no_more) {
    for (size_t skew = 0; skew < 9; skew++) {
        for (size_t size = 0; size < 40; size++) {
            fill();
            assert_ptr_equal(board_memcpy(bytes + skew, bytes + SIZE, size), bytes + skew);
            assert_int_equal(board_memcmp(bytes + skew, bytes + SIZE, size), 0);
            assert_int_equal(bytes[skew + size], filled(skew + size));
            assert_ptr_equal(board_memset(bytes + skew, 0xc3, size), bytes + skew);
            for (size_t i = 0; i < SIZE; i++) {
                assert_int_equal(bytes[i], i >= skew && i < skew + size ? 0xc3 : filled(i));
            }
        }
    }
}

TEST(memcmp_says_which_comes_first_by_the_first_byte_that_differs) {
    assert_int_equal(board_memcmp("abz", "acb", 3), -1);
    assert_int_equal(board_memcmp("\xff", "\x01", 1), 1);
    assert_int_equal(board_memcmp("abz", "acb", 1), 0);
}
