/* The tree of sources. tree.h is the contract. */
#include "fuzz/host/tree.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fuzz/host/places.h"

#include "fuzz/text/shown.h"

char *tree_find(const char *file) {
    const char *const moved = getenv("KMEM_TREE");
    const char *const tree = moved != NULL && *moved != '\0' ? moved : places_tree;
    const size_t size = strlen(tree) + strlen(file) + 2; /* the slash, the end */
    char *const path = malloc(size);
    if (path == NULL) {
        abort(); /* a path */
    }
    (void)snprintf(path, size, "%s/%s", tree, file);
    if (access(path, R_OK) == 0) {
        return path;
    }
    fprintf(stderr,
            "kmemfuzz: there is no %s in the tree %s; say where the tree is with KMEM_TREE=FOLDER, or build "
            "kmemfuzz there again\n",
            file, shown(tree));
    free(path);
    return NULL;
}
