//! A kernel's heap as Rust's global allocator. The README says how to use it, `docs/rust.md` of the project why.
#![no_std]
#![warn(missing_docs)]

mod check;
mod error;
pub mod ffi;
mod global;
mod heap;
mod lock;
#[cfg(feature = "record")]
pub mod record;

pub use check::{Census, Violation};
pub use error::{alloc_error, refused_layout, set_alloc_error_hook, set_fault_hook, AllocErrorHook, Error, FaultHook};
pub use global::{check_kernel, hold, init, init_at, page_allocator, OsGlobalAlloc};
pub use heap::Heap;
pub use lock::SpinLock;

/// Every payload is a multiple of it, in bytes.
const LEAST_ALIGNMENT: usize = 8;
