/* The lock of the kernel layer, as this crate gives it: the spin lock of src/lock.rs. build.rs compiles the
 * core with this file, or with the one that KMEM_PORT_HEADER names, which may define the kernel's own lock.
 */
#ifndef KMEM_RUST_PORT_H
#define KMEM_RUST_PORT_H

void kmem_rust_spin_lock(void);
void kmem_rust_spin_unlock(void);

#define PORT_LOCK()   kmem_rust_spin_lock()
#define PORT_UNLOCK() kmem_rust_spin_unlock()

#endif
