/* Starting a word in Python. package.h is the contract. */
#include "fuzz/tool/package.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fuzz/host/tree.h"

#define IN_TREE   "fuzz/kmemfuzz/__main__.py"
#define INSTALLED "../lib/kmemfuzz/__main__.py" /* from the tool's folder */
#define SELF      "/proc/self/exe"

static char python[] = "/usr/bin/python3";
static char other_python[] = "python3";

/* The path of the package's main file, from malloc; NULL, and why has been said. */
static char *find_main(const char *tool) {
    const size_t folder = (size_t)(strrchr(tool, '/') - tool) + 1; /* the path is in full */
    char *const path = malloc(folder + sizeof INSTALLED);
    if (path == NULL) {
        abort(); /* a path */
    }
    memcpy(path, tool, folder);
    memcpy(path + folder, INSTALLED, sizeof INSTALLED);
    if (access(path, R_OK) == 0) {
        return path;
    }
    free(path);
    return tree_find(IN_TREE);
}

enum exit_code package_start(char *const *arguments) {
    char tool[PATH_MAX] = "";
    if (readlink(SELF, tool, sizeof tool - 1) < 0) {
        fprintf(stderr, "kmemfuzz: %s does not say where this program is: %s\n", SELF, strerror(errno));
        return EXIT_ENVIRONMENT;
    }
    char *const main_file = find_main(tool);
    if (main_file == NULL) {
        return EXIT_ENVIRONMENT;
    }
    size_t count = 0;
    while (arguments[count] != NULL) {
        count++;
    }
    char **const words = calloc(count + 3, sizeof *words); /* Python, its file, the end */
    if (words == NULL) {
        abort(); /* a few pointers */
    }
    words[0] = python;
    words[1] = main_file;
    memcpy(words + 2, arguments, count * sizeof *words);
    (void)setenv("KMEMFUZZ", tool, 1);
    (void)execv(python, words);
    words[0] = other_python;
    (void)execvp(other_python, words);
    fprintf(stderr, "kmemfuzz %s: Python 3 cannot be started: %s; install the Debian package python3\n",
            arguments[0], strerror(errno));
    free(words);
    free(main_file);
    return EXIT_ENVIRONMENT;
}
