//! A heap of one's own, in a region of one's own.

use core::alloc::{GlobalAlloc, Layout};
use core::cell::UnsafeCell;
use core::ffi::c_void;
use core::marker::PhantomData;
use core::mem::MaybeUninit;
use core::ptr::{self, null_mut, NonNull};

use crate::check::{check, Census, Violation};
use crate::error::{self, Error};
use crate::ffi::{self, Kmem};
use crate::global::dangling;
use crate::lock::SpinLock;
use crate::LEAST_ALIGNMENT;

/// A heap in a region that it borrows, with a spin lock of its own. It does not grow.
///
/// ```
/// use core::alloc::Layout;
/// use core::mem::MaybeUninit;
///
/// let mut region = [MaybeUninit::uninit(); 4096];
/// let heap = kmem::Heap::new(&mut region).unwrap();
/// let layout = Layout::from_size_align(100, 64).unwrap();
/// let payload = heap.alloc(layout).unwrap();
/// assert_eq!(payload.as_ptr() as usize % 64, 0);
/// unsafe { heap.dealloc(payload, layout) }.unwrap();
/// assert_eq!(heap.check().unwrap().taken_count, 0);
/// ```
///
/// A reference to one is a `GlobalAlloc`, so that a heap that starts empty can be the global allocator:
///
/// ```ignore
/// static HEAP: kmem::Heap = kmem::Heap::empty();
/// #[global_allocator]
/// static ALLOCATOR: &kmem::Heap = &HEAP;
/// // at boot
/// unsafe { HEAP.start(region, size) }.unwrap();
/// ```
///
/// Layouts are honoured as by [`OsGlobalAlloc`](crate::OsGlobalAlloc), those of size 0 as well.
pub struct Heap<'region> {
    lock: SpinLock,
    kmem: UnsafeCell<Kmem>,
    region: PhantomData<&'region UnsafeCell<[MaybeUninit<u8>]>>, // &mut is for const fn since 1.83 only
}

impl Drop for Heap<'_> {
    fn drop(&mut self) {
        let heap = self.kmem.get_mut();
        // SAFETY: the region is still the heap's.
        unsafe { ffi::kmem_rust_unpoison(heap.base.cast(), heap.page_count * PAGE_SIZE) };
    }
}

// SAFETY: the heap is used under its lock alone, and its region belongs to no thread.
unsafe impl Sync for Heap<'_> {}
unsafe impl Send for Heap<'_> {}

/// Bytes: so small that little of the region is left over, and the heap never asks for pages.
const PAGE_SIZE: usize = 16;

impl<'region> Heap<'region> {
    /// A heap without a region, which refuses everything until [`start`](Self::start).
    pub const fn empty() -> Heap<'region> {
        Heap {
            lock: SpinLock::new(),
            kmem: UnsafeCell::new(Kmem {
                base: null_mut(),
                page_size: 0,
                page_count: 0,
                taken_count: 0,
                taken_size: 0,
                source: ffi::PageSource { extend: None, context: null_mut(), page_limit: 0 },
                error: ffi::OK,
                error_offset: 0,
            }),
            region: PhantomData,
        }
    }

    /// A heap in as much of region as is a multiple of 16 bytes from its first address divisible by 8.
    /// [`Error::BAD_REGION`] if that is nothing.
    pub fn new(region: &'region mut [MaybeUninit<u8>]) -> Result<Heap<'region>, Error> {
        let heap = Heap::empty();
        // SAFETY: the region is borrowed for as long as the heap lives.
        unsafe { heap.start(region.as_mut_ptr().cast(), region.len()) }?;
        Ok(heap)
    }

    /// Starts an [`empty`](Self::empty) heap in size bytes at memory, as [`new`](Self::new) does.
    ///
    /// # Safety
    /// The memory is readable and writable, and no one else's for as long as `'region`. Nothing is allocated in this heap.
    pub unsafe fn start(&self, memory: *mut u8, size: usize) -> Result<(), Error> {
        let gap = memory.align_offset(LEAST_ALIGNMENT);
        let page_count = size.saturating_sub(gap) / PAGE_SIZE;
        if page_count == 0 {
            return Err(Error::BAD_REGION);
        }
        let base = memory.add(gap).cast();
        self.hold(|heap| Error::check(ffi::kmem_init(heap, base, page_count, PAGE_SIZE, ptr::null())))
    }

    fn hold<R>(&self, work: impl FnOnce(*mut Kmem) -> R) -> R {
        self.lock.hold(|| work(self.kmem.get()))
    }

    /// What work, a call of the core, returns for layout; if that is NULL, why.
    fn ask(&self, layout: Layout, work: impl FnOnce(*mut Kmem) -> *mut c_void) -> Result<NonNull<u8>, Error> {
        // SAFETY: hold gives the heap itself.
        let (payload, code) = self.hold(|heap| (work(heap), unsafe { (*heap).error }));
        if let Some(payload) = NonNull::new(payload.cast()) {
            return Ok(payload);
        }
        let error = Error::check(code).err().unwrap_or(Error::EXHAUSTED);
        if error == Error::EXHAUSTED {
            error::note_refused(layout);
        }
        Err(error)
    }

    /// A payload for layout, its contents undefined. [`Error::EXHAUSTED`] if there is no room, [`Error::CORRUPT`] if the
    /// walk meets a header that cannot be.
    pub fn alloc(&self, layout: Layout) -> Result<NonNull<u8>, Error> {
        if layout.size() == 0 {
            return Ok(dangling(layout));
        }
        // SAFETY: the lock is held, and a started heap has its region.
        self.ask(layout, |heap| unsafe { ffi::kmem_alloc_aligned(heap, layout.align(), layout.size()) })
    }

    /// The same, its bytes 0.
    pub fn alloc_zeroed(&self, layout: Layout) -> Result<NonNull<u8>, Error> {
        if layout.size() == 0 || layout.align() > LEAST_ALIGNMENT {
            let payload = self.alloc(layout)?;
            // SAFETY: it is ours, and so long.
            unsafe { payload.as_ptr().write_bytes(0, layout.size()) };
            return Ok(payload);
        }
        // SAFETY: as in alloc.
        self.ask(layout, |heap| unsafe { ffi::kmem_zalloc(heap, layout.size()) })
    }

    /// Frees a payload. A pointer that is no live payload is refused by name, and nothing changes.
    ///
    /// # Safety
    /// If it is one, its layout was this one, and no one uses it any more.
    pub unsafe fn dealloc(&self, payload: NonNull<u8>, layout: Layout) -> Result<(), Error> {
        if layout.size() == 0 {
            return Ok(());
        }
        self.hold(|heap| Error::check(ffi::kmem_free(heap, payload.as_ptr().cast())))
    }

    /// A payload of new_size bytes with the same alignment and the same bytes up to the smaller size; payload is freed, or
    /// is the same. An error, and payload untouched, if there is no room, or if payload is no live one.
    ///
    /// # Safety
    /// As [`dealloc`](Self::dealloc), and new_size rounded up to the layout's alignment is at most `isize::MAX`.
    pub unsafe fn realloc(&self, payload: NonNull<u8>, layout: Layout, new_size: usize) -> Result<NonNull<u8>, Error> {
        let new_layout = Layout::from_size_align_unchecked(new_size, layout.align());
        if layout.size() == 0 || new_size == 0 {
            let moved = self.alloc(new_layout)?;
            return self.dealloc(payload, layout).map(|()| moved);
        }
        let old = payload.as_ptr().cast();
        self.ask(new_layout, |heap| {
            // As in OsGlobalAlloc::realloc. The core itself refuses a pointer that is no payload.
            let in_place = || {
                let usable_size = ffi::kmem_usable_size(heap, old);
                usable_size == 0 || new_size <= usable_size
            };
            if layout.align() <= LEAST_ALIGNMENT || in_place() {
                return ffi::kmem_realloc(heap, old, new_size);
            }
            let moved = ffi::kmem_alloc_aligned(heap, layout.align(), new_size);
            if !moved.is_null() {
                ptr::copy_nonoverlapping(old.cast::<u8>(), moved.cast(), layout.size());
                ffi::kmem_free(heap, old);
            }
            moved
        })
    }

    /// Bytes that the payload may hold, the requested and the slack; 0 if it is no live one.
    pub fn usable_size(&self, payload: *const u8) -> usize {
        // SAFETY: as in alloc; the pointer is only compared.
        self.hold(|heap| unsafe { ffi::kmem_usable_size(heap, payload.cast()) })
    }

    /// Bytes in the region that blocks fill.
    pub fn size(&self) -> usize {
        // SAFETY: the lock is held.
        self.hold(|heap| unsafe { (*heap).page_count * PAGE_SIZE })
    }

    /// Walks the heap and says whether it is sound.
    ///
    /// # Panics
    /// If the heap has not been started: there is nothing to judge.
    pub fn check(&self) -> Result<Census, Violation> {
        // SAFETY: the lock is held. No call of the core changes the base.
        self.hold(|heap| unsafe { check(heap, (*heap).base, PAGE_SIZE) }).expect("the heap has not been started")
    }
}

/// What a `GlobalAlloc` returns: null if there is no memory, or after a fault.
fn answer(result: Result<NonNull<u8>, Error>, pointer: *mut u8) -> *mut u8 {
    result.map(NonNull::as_ptr).unwrap_or_else(|error| {
        if error != Error::EXHAUSTED {
            error::fault(error, pointer);
        }
        null_mut()
    })
}

// SAFETY: as for OsGlobalAlloc.
unsafe impl GlobalAlloc for &Heap<'_> {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        answer(Heap::alloc(self, layout), null_mut())
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        answer(Heap::alloc_zeroed(self, layout), null_mut())
    }

    unsafe fn dealloc(&self, payload: *mut u8, layout: Layout) {
        if let Err(error) = Heap::dealloc(self, NonNull::new_unchecked(payload), layout) {
            error::fault(error, payload);
        }
    }

    unsafe fn realloc(&self, payload: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        answer(Heap::realloc(self, NonNull::new_unchecked(payload), layout, new_size), payload)
    }
}
