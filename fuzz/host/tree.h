/* Finds the tree of sources this tool was built from, for files of it that are used at run time. */
#ifndef KMEM_TREE_H
#define KMEM_TREE_H

/* The path of `file`, relative to the top of the tree, from malloc. The tree is the one this tool was built
 * from, or the environment variable KMEM_TREE names it. Returns NULL, after printing why and what to do, when
 * the file is missing. */
char *tree_find(const char *file);

#endif
