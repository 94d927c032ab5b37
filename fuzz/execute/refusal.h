/* Why an operation failed, in the harness's own words, which the model predicts and every subject translates
 * its errors into. */
#ifndef KMEM_REFUSAL_H
#define KMEM_REFUSAL_H

#define REFUSAL_LIST(X)                                                                                      \
    X(NONE, "none")                                                                                          \
    X(EXHAUSTED, "exhausted")                                                                                \
    X(BAD_ALIGNMENT, "bad-alignment")                                                                        \
    X(FOREIGN, "foreign-pointer")                                                                            \
    X(MISALIGNED, "misaligned-pointer")                                                                      \
    X(INTERIOR, "interior-pointer")                                                                          \
    X(DOUBLE_FREE, "double-free")                                                                            \
    X(CORRUPT, "corrupt") /* never predicted: no program corrupts a sound heap */

enum refusal {
#define REFUSAL_ENUMERATOR(name, text) REFUSAL_##name,
    REFUSAL_LIST(REFUSAL_ENUMERATOR)
#undef REFUSAL_ENUMERATOR
    REFUSAL_COUNT
};

#endif
