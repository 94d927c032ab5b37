/* The two files on a host: host smoke COUNT SEED, and host replay, of the corpus that is compiled in. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kmemfuzz.h"

extern const unsigned long kmemfuzz_blob_size;
extern const unsigned char kmemfuzz_blob[];

static void put(char character) {
    putchar(character);
}

int main(int argument_count, char **arguments) {
    if (argument_count == 4 && strcmp(arguments[1], "smoke") == 0) {
        struct kmemfuzz_failure failure;
        const enum kmemfuzz_result result =
            kmemfuzz_smoke(strtoul(arguments[2], NULL, 10), strtoul(arguments[3], NULL, 10), &failure);
        if (result == KMEMFUZZ_VIOLATION) {
            kmemfuzz_print(&failure, put);
        }
        return (int)result;
    }
    return (int)kmemfuzz_replay(kmemfuzz_blob, kmemfuzz_blob_size, put);
}
