/* What the file that describes a heap to kmemfuzz includes. The kmemfuzz.h written with kmemfuzz.c has the
 * same, and what firmware and unit tests call besides. */
#ifndef KMEMFUZZ_H
#define KMEMFUZZ_H

#include "../execute/subject.h"

#endif
