//! The C core as C declares it: `src/kernel.h`, `src/kmem.h`, `src/page.h` and `invariants/invariant.h` say what each
//! function does. What this crate has no name of its own for, such as the page allocator, is used from here.
#![allow(missing_docs)] // the headers have them

use core::ffi::{c_char, c_void};

/// `enum kmem_error`.
pub type Code = u32;
pub const OK: Code = 0;

/// `struct kmem_page_source`.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct PageSource {
    pub extend: Option<unsafe extern "C" fn(context: *mut c_void, page_count: usize) -> bool>,
    pub context: *mut c_void,
    pub page_limit: usize,
}

/// `struct kmem`.
#[repr(C)]
pub struct Kmem {
    pub base: *mut u8,
    pub page_size: usize,
    pub page_count: usize,
    pub taken_count: usize,
    pub taken_size: usize,
    pub source: PageSource,
    pub error: Code,
    pub error_offset: usize,
}

/// `struct page_allocator`.
#[repr(C)]
pub struct PageAllocator {
    pub descriptors: *mut u8,
    pub base: *mut u8,
    pub page_count: usize,
    pub taken_count: usize,
    pub error: u32,
}

/// `struct expectation`.
#[repr(C)]
pub struct Expectation {
    pub base: *const c_void,
    pub page_size: usize,
    pub page_count: usize,
    pub live: *const c_void,
    pub live_count: usize,
}

/// `struct census`.
#[repr(C)]
#[derive(Default)]
pub struct Census {
    pub block_count: usize,
    pub taken_count: usize,
    pub taken_size: u64,
    pub complete: bool,
    pub layout: u64,
}

/// `struct verdict`.
#[repr(C)]
pub struct Verdict {
    pub oracle: u32,
    pub offset: u64,
    pub expected: u64,
    pub observed: u64,
}

/// `INVARIANT_STRUCTURE`: every invariant but the two, 6 and 7, that need a list of what is live.
pub const INVARIANT_STRUCTURE: u64 = 0b1_0011_1110;

pub type FaultHook = unsafe extern "C" fn(error: Code, pointer: *const c_void);
pub type Output = unsafe extern "C" fn(context: *mut c_void, text: *const c_char);

extern "C" {
    pub fn kmem_kernel_init(pages: *mut PageAllocator) -> Code;
    pub fn kmem_kernel_init_at(
        page_table: *mut c_void,
        base: *mut c_void,
        page_count: usize,
        source: *const PageSource,
    ) -> Code;
    pub fn kmem_kernel_set_fault_hook(hook: Option<FaultHook>);
    pub fn kmalloc(size: usize) -> *mut c_void;
    pub fn kzmalloc(size: usize) -> *mut c_void;
    pub fn kcalloc(count: usize, size: usize) -> *mut c_void;
    pub fn kmalloc_aligned(alignment: usize, size: usize) -> *mut c_void;
    pub fn krealloc(pointer: *mut c_void, size: usize) -> *mut c_void;
    pub fn kfree(pointer: *mut c_void);
    pub fn coalesce();
    pub fn kmem_kernel_heap() -> *const Kmem;
    pub fn kmem_kernel_head() -> *const c_void;
    pub fn kmem_kernel_page_count() -> usize;
    pub fn kmem_kernel_page_table() -> *mut c_void;
    pub fn kmem_kernel_usable_size(pointer: *const c_void) -> usize;
    pub fn kmem_kernel_print(output: Output, context: *mut c_void);

    pub fn kmem_init(
        heap: *mut Kmem,
        base: *mut c_void,
        page_count: usize,
        page_size: usize,
        source: *const PageSource,
    ) -> Code;
    pub fn kmem_alloc(heap: *mut Kmem, size: usize) -> *mut c_void;
    pub fn kmem_zalloc(heap: *mut Kmem, size: usize) -> *mut c_void;
    pub fn kmem_alloc_aligned(heap: *mut Kmem, alignment: usize, size: usize) -> *mut c_void;
    pub fn kmem_realloc(heap: *mut Kmem, pointer: *mut c_void, size: usize) -> *mut c_void;
    pub fn kmem_free(heap: *mut Kmem, pointer: *mut c_void) -> Code;
    pub fn kmem_usable_size(heap: *const Kmem, pointer: *const c_void) -> usize;
    pub fn kmem_error_name(error: Code) -> *const c_char;
    pub fn kmem_print(heap: *const Kmem, output: Output, context: *mut c_void);

    pub fn page_init(pages: *mut PageAllocator, memory: *mut c_void, size: usize) -> u32;
    pub fn page_alloc(pages: *mut PageAllocator, count: usize) -> *mut c_void;
    pub fn page_zalloc(pages: *mut PageAllocator, count: usize) -> *mut c_void;
    pub fn page_extend(pages: *mut PageAllocator, pointer: *mut c_void, count: usize) -> u32;
    pub fn page_free(pages: *mut PageAllocator, pointer: *mut c_void) -> u32;
    pub fn page_run_count(pages: *const PageAllocator, pointer: *const c_void) -> usize;

    pub fn invariant_check(
        heap: *const Kmem,
        expectation: *const Expectation,
        mask: u64,
        census: *mut Census,
    ) -> Verdict;
    pub fn invariant_id(invariant: u32) -> *const c_char;
    pub fn invariant_sentence(invariant: u32) -> *const c_char;

    /// `PORT_LOCK()` and `PORT_UNLOCK()`, whichever those are.
    pub fn kmem_rust_lock();
    pub fn kmem_rust_unlock();
    /// `PORT_UNPOISON(base, size)`.
    pub fn kmem_rust_unpoison(base: *mut c_void, size: usize);
}
