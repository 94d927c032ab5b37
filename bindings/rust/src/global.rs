//! The kernel's one heap as Rust's global allocator.

use core::alloc::{GlobalAlloc, Layout};
use core::cell::UnsafeCell;
use core::ptr::{self, null_mut, NonNull};

#[cfg(not(feature = "record"))]
use crate::ffi as calls;
#[cfg(feature = "record")]
use crate::record as calls;

use crate::check::{check, Census, Violation};
use crate::error::{self, Error};
use crate::ffi::{self, PageAllocator};
use crate::LEAST_ALIGNMENT;

/// The kernel's heap as a global allocator:
///
/// ```ignore
/// #[global_allocator]
/// static HEAP: kmem::OsGlobalAlloc = kmem::OsGlobalAlloc;
/// ```
///
/// It has no state: [`init`] starts the heap, and until then every request is refused. Any number of threads or harts may
/// use it.
///
/// Every layout gets its size at its alignment, whatever power of two that is. A layout of size 0 takes no block: its
/// pointer is no address of the heap, but its alignment as an address, and freeing it does nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct OsGlobalAlloc;

/// What the pointer of a layout of size 0 is.
pub(crate) fn dangling(layout: Layout) -> NonNull<u8> {
    // SAFETY: no alignment is 0.
    unsafe { NonNull::new_unchecked(layout.align() as *mut u8) }
}

// SAFETY: the core gives each payload its own block until it is freed, refuses by NULL, and does not unwind. The lock of the
// kernel layer keeps threads apart.
unsafe impl GlobalAlloc for OsGlobalAlloc {
    /// # Safety
    /// As [`GlobalAlloc::alloc`], except that a size of 0 is allowed.
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if layout.size() == 0 {
            return dangling(layout).as_ptr();
        }
        let payload = if layout.align() <= LEAST_ALIGNMENT {
            calls::kmalloc(layout.size())
        } else {
            calls::kmalloc_aligned(layout.align(), layout.size())
        };
        answer(payload.cast(), layout)
    }

    /// # Safety
    /// As [`alloc`](Self::alloc).
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        if layout.size() == 0 || layout.align() > LEAST_ALIGNMENT {
            // No call of the core both aligns and zeroes.
            let payload = self.alloc(layout);
            if !payload.is_null() {
                ptr::write_bytes(payload, 0, layout.size());
            }
            return payload;
        }
        answer(calls::kzmalloc(layout.size()).cast(), layout)
    }

    /// # Safety
    /// pointer is from this allocator, with this layout, and not freed since.
    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        if layout.size() != 0 {
            calls::kfree(pointer.cast());
        }
    }

    /// # Safety
    /// As [`dealloc`](Self::dealloc), and new_size rounded up to the layout's alignment is at most `isize::MAX`. If the
    /// result is not null, pointer is freed, also when it is the same. A new_size of 0 is allowed.
    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        let new_layout = Layout::from_size_align_unchecked(new_size, layout.align());
        // krealloc keeps the address if the request fits where it is, so whenever the block shrinks; a payload that it
        // moves is aligned to 8 alone.
        let keeps_alignment = || {
            layout.align() <= LEAST_ALIGNMENT
                || new_size <= layout.size()
                || new_size <= ffi::kmem_kernel_usable_size(pointer.cast())
        };
        if layout.size() != 0 && new_size != 0 && keeps_alignment() {
            return answer(calls::krealloc(pointer.cast(), new_size).cast(), new_layout);
        }
        let payload = self.alloc(new_layout);
        if !payload.is_null() {
            ptr::copy_nonoverlapping(pointer, payload, layout.size().min(new_size));
            self.dealloc(pointer, layout);
        }
        payload
    }
}

/// payload, and if there is none a note of what was refused.
fn answer(payload: *mut u8, layout: Layout) -> *mut u8 {
    if payload.is_null() {
        error::note_refused(layout);
    }
    payload
}

/// The page allocator below the heap. Guarded by the lock of the kernel layer.
struct Pages(UnsafeCell<PageAllocator>);

// SAFETY: init writes it, as its contract says alone; afterwards only the C core uses it, under its lock.
unsafe impl Sync for Pages {}

static PAGES: Pages = Pages(UnsafeCell::new(PageAllocator {
    descriptors: null_mut(),
    base: null_mut(),
    page_count: 0,
    taken_count: 0,
    error: 0,
}));

/// Starts the heap in size bytes at memory: a page allocator over all of it, of which the heap takes 512 zeroed pages
/// (2 MiB) and one for the root page table, and grows by those that follow. Refused without a change if that is
/// too little memory.
///
/// # Safety
/// The memory is readable and writable, and from now on no one else's, for ever. Called once, while no one uses the heap.
pub unsafe fn init(memory: *mut u8, size: usize) -> Result<(), Error> {
    let pages = PAGES.0.get();
    if ffi::page_init(pages, memory.cast(), size) != 0 {
        return Err(Error::BAD_REGION);
    }
    ffi::kmem_kernel_set_fault_hook(Some(error::kernel_fault));
    Error::check(ffi::kmem_kernel_init(pages))
}

/// The page allocator that [`init`] has made, for the `page_` functions of [`ffi`]. Hold the kernel layer's lock
/// ([`hold`]) while you use it.
pub fn page_allocator() -> *mut PageAllocator {
    PAGES.0.get()
}

/// Starts the heap in page_count pages of 4096 bytes at base, which it never grows beyond. They need not be zeroed.
///
/// # Safety
/// As [`init`].
pub unsafe fn init_at(base: *mut u8, page_count: usize) -> Result<(), Error> {
    ffi::kmem_kernel_set_fault_hook(Some(error::kernel_fault));
    Error::check(ffi::kmem_kernel_init_at(null_mut(), base.cast(), page_count, ptr::null()))
}

/// Calls work with the heap's lock held: nothing in it may allocate or free.
pub fn hold<R>(work: impl FnOnce() -> R) -> R {
    // SAFETY: taken and released once.
    unsafe { ffi::kmem_rust_lock() };
    let result = work();
    unsafe { ffi::kmem_rust_unlock() };
    result
}

/// Walks the heap that [`init`] has started, with its lock held, and says whether it is sound.
///
/// # Panics
/// If none has been started: there is nothing to judge.
pub fn check_kernel() -> Result<Census, Violation> {
    // SAFETY: the lock is held. The base was given to init, and no call changes it.
    hold(|| unsafe {
        let heap = ffi::kmem_kernel_heap();
        check(heap, (*heap).base, (*heap).page_size)
    })
    .expect("the heap has not been started")
}
