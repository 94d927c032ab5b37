/* The platform of test_kernel_threads.c: the lock is a mutex of the C library's threads. */
#ifndef KMEM_THREADS_PORT_H
#define KMEM_THREADS_PORT_H

void threads_lock(void);
void threads_unlock(void);

#define PORT_LOCK()   threads_lock()
#define PORT_UNLOCK() threads_unlock()

#endif
