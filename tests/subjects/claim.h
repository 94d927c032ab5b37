/* The assertions of the heaps of this folder, which have no library to bring any. */
#ifndef KMEM_CLAIM_H
#define KMEM_CLAIM_H

#include "fuzz/execute/subject.h"

#define CLAIM(what) ((what) ? (void)0 : subject_failed(#what, __FILE__, __LINE__))

#endif
