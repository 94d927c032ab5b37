/* The tree of sources this tool was built from, for what of it is used at run time.
 *
 * May be here: finding it. May not: what is done with it. */
#ifndef KMEM_TREE_H
#define KMEM_TREE_H

/* The path of `file`, relative to the top of the tree, from malloc. The tree is where this tool was built
 * from, or where the environment variable KMEM_TREE says it is. Returns NULL, and has said why and what to
 * do, when the file is not there. */
char *tree_find(const char *file);

#endif
