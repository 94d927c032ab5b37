//! The invariant checker: the walk that says whether a heap can be what it claims to be.

use core::fmt;

use crate::error::text;
use crate::ffi;

/// What a walk over a sound heap counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Census {
    /// Blocks, taken and free.
    pub block_count: usize,
    /// Taken blocks.
    pub taken_count: usize,
    /// Bytes in taken blocks, headers included.
    pub taken_size: u64,
}

/// The rule a heap broke, where, and by what values. It prints as a line.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Violation {
    invariant: u32,
    /// Bytes from the heap's base.
    pub offset: u64,
    /// What the rule asks for.
    pub expected: u64,
    /// What was found.
    pub observed: u64,
}

impl Violation {
    /// The rule's name, such as `free-merged`.
    pub fn id(&self) -> &'static str {
        // SAFETY: static, or NULL.
        unsafe { text(ffi::invariant_id(self.invariant)) }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        // SAFETY: static, or NULL.
        let sentence = unsafe { text(ffi::invariant_sentence(self.invariant)) };
        write!(
            formatter,
            "{} at offset {}: expected {}, observed {}. {sentence}",
            self.id(),
            self.offset,
            self.expected,
            self.observed
        )
    }
}

impl fmt::Debug for Violation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

/// Walks heap, which should have begun at base with pages of page_size; None if base is null: it has not been started. How
/// many pages it has is its own word.
///
/// # Safety
/// No one else uses heap meanwhile; the memory that its region has is readable.
pub(crate) unsafe fn check(
    heap: *const ffi::Kmem,
    base: *const u8,
    page_size: usize,
) -> Option<Result<Census, Violation>> {
    if base.is_null() {
        return None;
    }
    let expectation = ffi::Expectation {
        base: base.cast(),
        page_size,
        page_count: (*heap).page_count,
        live: core::ptr::null(),
        live_count: 0,
    };
    let mut census = ffi::Census::default();
    let verdict = ffi::invariant_check(heap, &expectation, ffi::INVARIANT_STRUCTURE, &mut census);
    if verdict.oracle != 0 {
        return Some(Err(Violation {
            invariant: verdict.oracle,
            offset: verdict.offset,
            expected: verdict.expected,
            observed: verdict.observed,
        }));
    }
    Some(Ok(Census { block_count: census.block_count, taken_count: census.taken_count, taken_size: census.taken_size }))
}
