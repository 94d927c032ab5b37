/* The words of kmemfuzz that are written in Python: where their package is, and how one starts.
 *
 * The package is fuzz/kmemfuzz in the tree, lib/kmemfuzz next to an installed tool's bin/. */
#ifndef KMEM_PACKAGE_H
#define KMEM_PACKAGE_H

#include "fuzz/host/exit_code.h"

/* Becomes the process of a word: the first of `arguments`, which end with NULL, and are passed on as they
 * are. In its environment KMEMFUZZ is the path of this tool. Returns EXIT_ENVIRONMENT, having said why, when
 * the package or Python is missing. Python is /usr/bin/python3, for which Debian's modules are installed, or
 * else the PATH's. */
enum exit_code package_start(char *const *arguments);

#endif
