/* Skipping a test: the reason is printed, where ./ci/test finds it. */
#ifndef TESTS_UNIT_SKIP_FIXTURE_H
#define TESTS_UNIT_SKIP_FIXTURE_H

/* cmocka.h does not include what it needs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* Ends the test. */
#define SKIP(reason)                                                                                         \
    do {                                                                                                     \
        print_message("skipped: %s\n", reason);                                                              \
        skip();                                                                                              \
    } while (0)

#endif
