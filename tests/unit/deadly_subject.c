/* The subject that kills. deadly_subject.h says how. Compiled as the core is, so that sanitizers watch it. */
#include "tests/unit/deadly_subject.h"

#undef NDEBUG
#include <assert.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

#include "src/port.h"

#define RANGE       ((size_t)100)       /* bytes */
#define FLOOD_COUNT ((size_t)32 * 1024) /* kilobytes */
#define FLOOD_TAKEN ((off_t)16 << 20)   /* bytes */

int deadly_leash[2] = {-1, -1};

/* So that no compiler sees what comes of it. */
static volatile unsigned sink;
static volatile uintptr_t nowhere = 16;

__attribute__((noinline)) static void read_nowhere(void) {
    sink = *(volatile unsigned char *)nowhere;
}

__attribute__((noinline)) static void read_nowhere_else(void) {
    sink = *(volatile unsigned char *)(nowhere + 8);
}

__attribute__((noinline)) static void read_poison(const volatile unsigned char *byte) {
#if PORT_ADDRESS_SANITIZER
    sink = *byte;
#else
    (void)byte;
    raise(SIGSEGV);
#endif
}

__attribute__((noinline)) static int overflow(int value) {
    return value + 1;
}

__attribute__((noinline)) static unsigned recurse(volatile unsigned depth) {
    volatile unsigned char frame[256];
    frame[0] = (unsigned char)depth;
    return depth == UINT_MAX ? 0 : recurse(depth + 1) + frame[0];
}

/* Computes for ever. What is left of the processor time allowed is cut down to next to nothing, so that the
 * limit strikes here and no machine is too slow; a process without a limit ends with status 8. */
static void hang(void) {
    struct itimerval left;
    if (getitimer(ITIMER_PROF, &left) != 0 || (left.it_value.tv_sec == 0 && left.it_value.tv_usec == 0)) {
        exit(8);
    }
    left.it_value = (struct timeval){.tv_usec = 1};
    (void)setitimer(ITIMER_PROF, &left, NULL);
    for (;;) {
        sink++;
    }
}

static void flood(void) {
    static const char line[1024] = "a kilobyte of output";
    struct stat file;
    for (size_t i = 0; i < FLOOD_COUNT; i++) {
        (void)!write(STDOUT_FILENO, line, sizeof line);
    }
    if (fstat(STDOUT_FILENO, &file) != 0 || file.st_size > FLOOD_TAKEN) {
        abort();
    }
}

static void die(enum death death, const unsigned char *freed) {
    switch (death) {
    case DEATH_SIGNAL:
        read_nowhere();
        break;
    case DEATH_OTHER_SIGNAL:
        read_nowhere_else();
        break;
    case DEATH_HANG:
        hang();
        break;
    case DEATH_SLEEP:
        for (;;) {
            pause();
        }
    case DEATH_EXIT:
        exit(7);
    case DEATH_POISON:
        read_poison(freed);
        break;
    case DEATH_UNDEFINED:
        sink = (unsigned)overflow(INT_MAX - (int)(sink & 0));
        break;
    case DEATH_STACK:
        sink = recurse(0);
        break;
    case DEATH_MEMORY:
        for (char *memory = malloc((size_t)1 << 26); memory != NULL; memory = malloc((size_t)1 << 26)) {
            memset(memory, 1, 4096);
        }
        abort();
    case DEATH_NOISE:
        printf("printed by the subject\n");
        fprintf(stderr, "and said by it\n");
        abort();
    case DEATH_TRAP:
        __builtin_trap();
    case DEATH_ORPHAN:
        if (fork() == 0) {
            char none;
            close(deadly_leash[1]);
            (void)!read(deadly_leash[0], &none, 1);
            _exit(0);
        }
        exit(7);
    case DEATH_FLOOD:
        flood();
        break;
    case DEATH_ASSERTION:
        assert(sink == UINT_MAX && "it holds");
        break;
    case DEATH_KILL:
        (void)raise(SIGKILL);
        break;
    case DEATH_ABORT:
    case DEATH_COUNT:
        abort();
    }
}

static void *alloc(size_t size) {
    if (size >= DEADLY_SIZE && size < DEADLY_SIZE + RANGE * DEATH_COUNT) {
        unsigned char *const freed = subject_kmem.alloc(16);
        if (freed != NULL) {
            subject_kmem.free(freed);
        }
        die((enum death)((size - DEADLY_SIZE) / RANGE), freed);
    }
    return size >= DEADLY_WRONG_SIZE ? NULL : subject_kmem.alloc(size);
}

struct subject deadly_subject(void) {
    struct subject subject = subject_kmem;
    subject.alloc = alloc;
    return subject;
}
