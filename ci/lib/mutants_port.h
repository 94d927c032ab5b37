/* The platform that mutants are made for and compared on: every hook is a call to something unknown, so that
 * a mutant which only changes what a hook is given, or when it is called, is one. */
#ifndef MUTANTS_PORT_H
#define MUTANTS_PORT_H

#include <stddef.h>

void PORT_POISON(const volatile void *address, size_t size);
void PORT_UNPOISON(const volatile void *address, size_t size);
void PORT_LOCK(void);
void PORT_UNLOCK(void);
void PORT_FAULT(int error, const void *pointer);
#define PORT_POISON   PORT_POISON
#define PORT_UNPOISON PORT_UNPOISON
#define PORT_LOCK     PORT_LOCK
#define PORT_UNLOCK   PORT_UNLOCK
#define PORT_FAULT    PORT_FAULT

#endif
