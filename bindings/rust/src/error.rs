//! What can go wrong: the errors of the core, what a misuse calls, and where a kernel ends that has no memory left.

use core::alloc::Layout;
use core::ffi::{c_char, c_void, CStr};
use core::fmt;
use core::mem::{forget, transmute};
use core::panic::PanicInfo;
use core::ptr::null_mut;
use core::sync::atomic::{AtomicPtr, AtomicUsize, Ordering};

use crate::ffi;
use crate::global::hold;

/// How the core refused: an `enum kmem_error` other than `KMEM_OK`. It prints as its name, such as `double-free`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Error(ffi::Code);

#[allow(missing_docs)] // src/kmem.h says what each is
impl Error {
    pub const EXHAUSTED: Error = Error(1);
    pub const BAD_ALIGNMENT: Error = Error(2);
    pub const BAD_REGION: Error = Error(3);
    pub const FOREIGN_POINTER: Error = Error(4);
    pub const MISALIGNED_POINTER: Error = Error(5);
    pub const INTERIOR_POINTER: Error = Error(6);
    pub const DOUBLE_FREE: Error = Error(7);
    pub const CORRUPT: Error = Error(8);
    pub const CORRUPT_PAGES: Error = Error(9);

    /// `Ok` for `KMEM_OK`.
    pub(crate) fn check(code: ffi::Code) -> Result<(), Error> {
        match code {
            ffi::OK => Ok(()),
            code => Err(Error(code)),
        }
    }

    /// Its name, as C prints it.
    pub fn name(self) -> &'static str {
        // SAFETY: any code has a name, which is static.
        unsafe { text(ffi::kmem_error_name(self.0)) }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

/// A text of C's.
///
/// # Safety
/// It is static, or NULL.
pub(crate) unsafe fn text(text: *const c_char) -> &'static str {
    if text.is_null() {
        return "?";
    }
    CStr::from_ptr(text).to_str().unwrap_or("?")
}

/// Called with each misuse (a pointer that is no live payload) and with each impossible header, and the pointer passed, or
/// null. No lock is held.
pub type FaultHook = fn(error: Error, pointer: *const u8);

static FAULT_HOOK: AtomicPtr<()> = AtomicPtr::new(null_mut());

/// Sets what a misuse or a damaged heap calls. Without a hook it is a panic: the heap is as it was, but the program is
/// wrong. Neither this panic nor one of the hook unwinds: the program ends.
pub fn set_fault_hook(hook: FaultHook) {
    FAULT_HOOK.store(hook as *mut (), Ordering::Release);
}

pub(crate) fn fault(error: Error, pointer: *const u8) {
    // A second panic while the first unwinds ends the program: nothing may unwind out of an allocator, nor out of a hook.
    struct Bomb;
    impl Drop for Bomb {
        fn drop(&mut self) {
            panic!("a fault of the heap cannot be caught");
        }
    }
    let bomb = Bomb;
    let hook = FAULT_HOOK.load(Ordering::Acquire);
    if hook.is_null() {
        panic!("kmem: {error} at {pointer:p}");
    }
    // SAFETY: only set_fault_hook stores here.
    unsafe { transmute::<*mut (), FaultHook>(hook)(error, pointer) }
    forget(bomb);
}

pub(crate) unsafe extern "C" fn kernel_fault(error: ffi::Code, pointer: *const c_void) {
    fault(Error(error), pointer.cast());
}

/// Called when an allocation that cannot be done without has failed. It reports, and stops.
pub type AllocErrorHook = fn(Layout) -> !;

static ALLOC_ERROR_HOOK: AtomicPtr<()> = AtomicPtr::new(null_mut());

/// Sets what [`alloc_error`] calls.
pub fn set_alloc_error_hook(hook: AllocErrorHook) {
    ALLOC_ERROR_HOOK.store(hook as *mut (), Ordering::Release);
}

/// Ends a kernel that has run out of memory: calls the hook or, if none is set, panics with the size and the alignment.
///
/// Three ways lead here:
///
/// - On stable Rust, a collection that gets no memory calls `handle_alloc_error`, which in a program without `std` panics
///   (since 1.68). The kernel's panic handler recognises that panic by [`refused_layout`] and calls this function.
/// - With the unstable `#![feature(alloc_error_handler)]`, the function with `#[alloc_error_handler]` calls this one.
/// - Code that calls `alloc::alloc::alloc` itself, and gets null, calls it as well.
pub fn alloc_error(layout: Layout) -> ! {
    let hook = ALLOC_ERROR_HOOK.load(Ordering::Acquire);
    if hook.is_null() {
        panic!("out of memory: {} bytes aligned to {} were refused", layout.size(), layout.align());
    }
    // SAFETY: only set_alloc_error_hook stores here.
    unsafe { transmute::<*mut (), AllocErrorHook>(hook)(layout) }
}

/// The layout last refused: what the panic of `alloc` does not tell is the alignment. Guarded by the lock of the kernel
/// layer, which interrupt handlers may take where that is the kernel's own.
struct Refused {
    size: AtomicUsize,
    alignment: AtomicUsize,
}

static REFUSED: Refused = Refused { size: AtomicUsize::new(0), alignment: AtomicUsize::new(1) };

/// Notes that layout was refused.
#[cold]
pub(crate) fn note_refused(layout: Layout) {
    hold(|| {
        REFUSED.size.store(layout.size(), Ordering::Relaxed);
        REFUSED.alignment.store(layout.align(), Ordering::Relaxed);
    });
}

/// The layout that could not be allocated, if that is what the panic is about; None for any other panic. The size is in
/// the panic's message. The alignment is that of the last request of this size that a heap of this crate refused; when
/// the last refusal had another size, by then another hart's, it is unknown, and 1.
///
/// For the kernel's panic handler:
///
/// ```ignore
/// #[panic_handler]
/// fn panic(info: &PanicInfo) -> ! {
///     if let Some(layout) = kmem::refused_layout(info) {
///         kmem::alloc_error(layout)
///     }
///     // any other panic
/// }
/// ```
pub fn refused_layout(info: &PanicInfo<'_>) -> Option<Layout> {
    layout_in(info)
}

/// refused_layout, of any text.
fn layout_in(message: &dyn fmt::Display) -> Option<Layout> {
    let mut search = Search::default();
    let _ = fmt::write(&mut search, format_args!("{message}"));
    if search.matched != BEFORE.len() + AFTER.len() {
        return None;
    }
    let (size, alignment) = hold(|| (REFUSED.size.load(Ordering::Relaxed), REFUSED.alignment.load(Ordering::Relaxed)));
    Layout::from_size_align(search.size, if size == search.size { alignment } else { 1 }).ok()
}

/// What stands before and after the size in the panic of the default handler, `__rdl_oom` of the alloc crate.
const BEFORE: &[u8] = b"memory allocation of ";
const AFTER: &[u8] = b" bytes failed";

/// Looks for the two in a text that comes in pieces.
#[derive(Default)]
struct Search {
    matched: usize, // bytes of BEFORE and AFTER
    digits: bool,   // one at least
    size: usize,
}

impl Search {
    fn take(&mut self, byte: u8) {
        if self.matched == BEFORE.len() && byte.is_ascii_digit() {
            self.size = self.size.wrapping_mul(10).wrapping_add(usize::from(byte - b'0'));
            self.digits = true;
        } else if Some(&byte) == BEFORE.iter().chain(AFTER).nth(self.matched)
            && (self.matched != BEFORE.len() || self.digits)
        {
            self.matched += 1;
        } else if self.matched < BEFORE.len() + AFTER.len() {
            *self = Search { matched: usize::from(byte == BEFORE[0]), ..Search::default() };
        }
    }
}

impl fmt::Write for Search {
    fn write_str(&mut self, piece: &str) -> fmt::Result {
        piece.bytes().for_each(|byte| self.take(byte));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_panic_of_alloc_is_recognised_in_the_words_of_old_and_new_compilers() {
        note_refused(Layout::from_size_align(96, 32).unwrap());
        for (text, size, alignment) in [
            ("panicked at 'memory allocation of 96 bytes failed', library/alloc/src/alloc.rs:418:9", 96, 32), // to 1.72
            ("panicked at library/alloc/src/alloc.rs:440:9:\nmemory allocation of 96 bytes failed", 96, 32),
            ("memory allocation of 97 bytes failed", 97, 1), // not the last that was refused
        ] {
            let layout = layout_in(&text).unwrap();
            assert_eq!((layout.size(), layout.align()), (size, alignment));
        }
        for text in ["memory allocation of  bytes failed", "memory allocation of 96 bytes", "index out of bounds", ""] {
            assert_eq!(layout_in(&text), None, "{text}");
        }
    }
}
