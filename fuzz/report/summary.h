/* The result of a recorded run in a few words: the head of every picture of it. */
#ifndef KMEM_SUMMARY_H
#define KMEM_SUMMARY_H

#include "fuzz/host/recording.h"

#define SUMMARY_VALUE_SIZE 256 /* bytes */
#define SUMMARY_FACT_COUNT 9

struct summary_fact {
    const char *name; /* one word, such as "expected" */
    char value[SUMMARY_VALUE_SIZE];
};

struct summary {
    bool sound;
    char title[SUMMARY_VALUE_SIZE];    /* such as "VIOLATION free-merged" */
    char sentence[SUMMARY_VALUE_SIZE]; /* what was broken, or how it died */
    struct summary_fact facts[SUMMARY_FACT_COUNT];
    size_t fact_count;
};

void summary_make(const struct recording *recording, struct summary *summary);

#endif
