/* Where the sources of this build are. cmake/embed.cmake makes the rest when the build is configured. */
#ifndef KMEM_PLACES_H
#define KMEM_PLACES_H

extern const char places_tree[];      /* the folder of the tree */
extern const char places_documents[]; /* the URI of its documents, without a slash at the end */

#endif
