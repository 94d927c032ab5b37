//! The spin lock that guards a heap.

use core::sync::atomic::{AtomicBool, Ordering};

/// A lock that waits by asking again. It leaves interrupts on: what an interrupt handler may take, the code it interrupts
/// must not hold. A kernel whose handlers allocate compiles the core with a lock of its own (`KMEM_PORT_HEADER`).
#[derive(Debug, Default)]
pub struct SpinLock {
    taken: AtomicBool,
}

impl SpinLock {
    /// A lock that no one holds.
    pub const fn new() -> SpinLock {
        SpinLock { taken: AtomicBool::new(false) }
    }

    /// Waits until no one holds the lock, and takes it. The last holder's writes are visible afterwards. The thread or
    /// hart that holds it waits for ever.
    pub fn lock(&self) {
        while self.taken.compare_exchange_weak(false, true, Ordering::Acquire, Ordering::Relaxed).is_err() {
            // Reading alone leaves the cache line to the holder.
            while self.taken.load(Ordering::Relaxed) {
                core::hint::spin_loop();
            }
        }
    }

    /// Releases the lock, which the caller holds.
    pub fn unlock(&self) {
        self.taken.store(false, Ordering::Release);
    }

    /// Calls `work` with the lock held.
    pub fn hold<R>(&self, work: impl FnOnce() -> R) -> R {
        self.lock();
        let result = work();
        self.unlock();
        result
    }
}

/// The lock of [`OsGlobalAlloc`](crate::OsGlobalAlloc)'s heap, unless the kernel has its own.
static KERNEL: SpinLock = SpinLock::new();

#[no_mangle]
extern "C" fn kmem_rust_spin_lock() {
    KERNEL.lock();
}

#[no_mangle]
extern "C" fn kmem_rust_spin_unlock() {
    KERNEL.unlock();
}
