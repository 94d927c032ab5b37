/* REQUIRE(condition): a contract between two parts that call each other. When it does not hold, one of them
 * has a bug.
 *
 * Where KMEM_REQUIRE is 1 (the presets dev, fuzz and everything-instrumented) it is checked as the C
 * library's assert does: the condition and its place are printed, and the program aborts. Elsewhere it is not
 * even evaluated. What an allocator promises its callers is no contract in this sense: that is for oracles to
 * judge. A kernel may define REQUIRE as its own panic. */
#ifndef KMEM_REQUIRE_H
#define KMEM_REQUIRE_H

#ifndef REQUIRE
#if defined(KMEM_REQUIRE) && KMEM_REQUIRE
#ifdef __cplusplus
extern "C" {
#endif
/* The C library's own, of which no header is needed. NOLINTNEXTLINE(bugprone-reserved-identifier) */
void __assert_fail(const char *condition, const char *file, unsigned line, const char *function)
    __attribute__((noreturn, nothrow));
#ifdef __cplusplus
}
#endif
#define REQUIRE(condition) ((condition) ? (void)0 : __assert_fail(#condition, __FILE__, __LINE__, __func__))
#else
#define REQUIRE(condition) ((void)0)
#endif
#endif

#endif
