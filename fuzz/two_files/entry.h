/* The calls of kmemfuzz.c, which kmemfuzz.h has besides the subject's header: to run programs on
 * subject_under_test in a firmware, a unit test or a fuzz target of your own.
 *
 *     kmemfuzz two-files .
 *     cc -c my_heap.c heap.c kmemfuzz.c         and link them with what calls these
 *
 * kmemfuzz.c needs C11 or C++11, and no library. Of the macros that you may define when you compile it, the
 * first three say how much static memory it takes: programs that need more are skipped.
 *
 *     KMEMFUZZ_MEMORY     bytes that heaps are made in. 8192 are enough for most that a fuzzer finds;
 *                         without it there are 6 MiB, enough for all
 *     KMEMFUZZ_ALIGNMENT  bytes, a power of two: of those, the first multiple of it on is used. A larger
 *                         alignment is not asked for, unless the memory has no more bytes than this;
 *                         without it 4096, or 4 MiB where there is memory for all programs
 *     KMEMFUZZ_SLOTS      payloads that a program holds at once, a multiple of 64, about 70 bytes each;
 *                         without it 4096
 *     KMEMFUZZ_PROGRAM    bytes that a program made of a seed has at most; without it 1024. Blobs that hold a
 *                         seed need 2048
 *     KMEMFUZZ_SETJMP     1: there is a setjmp.h, and subject_failed, for a heap's own assertions, ends a
 *                         call, which is a violation. 0: it prints a line, and ends everything; without it
 *                         1 where there is a C library
 *     KMEMFUZZ_STOP()     how everything ends; without it by abort, or in a loop without end
 *     KMEMFUZZ_LIBFUZZER  1: LLVMFuzzerTestOneInput is there too, for clang -fsanitize=fuzzer,address, and
 *                         the mutator that makes programs for it
 *
 * A heap with variables of its own outside its memory needs `reset`: nothing here knows where those are.
 * Every program is run twice, of a fuzz target one in sixteen, and one that is answered differently the
 * second time breaks the oracle `repeatable`. */
#ifndef KMEMFUZZ_ENTRY_H
#define KMEMFUZZ_ENTRY_H

#ifdef __cplusplus
extern "C" {
#endif

enum kmemfuzz_result {
    KMEMFUZZ_SOUND,     /* every program was run, and none accuses the heap */
    KMEMFUZZ_VIOLATION, /* one does */
    KMEMFUZZ_SKIPPED,   /* none does, but at least one was skipped: there is too little memory for it, or no
                         * heap starts in its region */
    KMEMFUZZ_UNUSABLE,  /* nothing was run: something is wrong with the blob, the table or the memory */
};

/* Takes a character of output, '\n' at the end of a line: such as what a UART is given. */
typedef void kmemfuzz_put(char character);

/* Replays the corpus that kmemfuzz pack has made, size bytes at blob, a multiple of 8. Every character of the
 * output is passed to put: the lines of kmemfuzz replay between a first one, which says how many there will
 * be, and a last one, which says that it is. kmemfuzz board --log judges them, also when some are lost at the
 * end. */
enum kmemfuzz_result kmemfuzz_replay(const void *blob, size_t size, kmemfuzz_put *put);

/* What stopped a program: letter is 'F' for a fault, such as a trap, and 'H' for a hang. The others are
 * printed. */
struct kmemfuzz_stop {
    char letter;
    uint64_t cause; /* as the machine says it; of a fault only, as the next */
    uint64_t value;
    uint64_t program_counter;
    uint64_t return_address;
    uint64_t stack_pointer;
};

/* Runs run(context), a program of a replay. Define it if you have a trap handler or a watchdog that can come
 * back here, by longjmp or a way of your own: then it returns false and fills *stop, and the replay goes on
 * with the next program. There is one already, for those who do not: it just makes the call, and returns
 * true. */
bool kmemfuzz_call(void (*run)(void *context), void *context, struct kmemfuzz_stop *stop);

/* A program that accuses the heap. */
struct kmemfuzz_failure {
    size_t index;           /* of the program, from 0 */
    const char *oracle;     /* the id of the rule that is broken, such as "alignment" */
    const char *sentence;   /* the rule */
    uint64_t offset;        /* where it is broken, most often bytes from the start of the memory */
    uint64_t expected;      /* what the rule asks for */
    uint64_t observed;      /* what was found */
    const uint8_t *program; /* its bytes, which kmemfuzz run takes as a file; valid until the next call */
    size_t size;            /* bytes of it */
};

/* Runs program_count small programs that the seed alone decides on, up to the first that accuses the heap,
 * which is described in *failure, without the operations that it does not need. Those that need more memory
 * than there is, or in whose regions no heap starts, are passed over: KMEMFUZZ_SKIPPED, if all are. */
enum kmemfuzz_result kmemfuzz_smoke(size_t program_count, uint64_t seed, struct kmemfuzz_failure *failure);

/* Prints such a program and what is wrong in a few lines of text, with the command that runs it again on a
 * host. */
void kmemfuzz_print(const struct kmemfuzz_failure *failure, kmemfuzz_put *put);

#if defined(KMEMFUZZ_LIBFUZZER) && KMEMFUZZ_LIBFUZZER
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
#endif

#ifdef __cplusplus
}
#endif

#endif
