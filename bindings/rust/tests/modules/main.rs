//! Runs the examples for the project's `docs/rust.md` with the kernel's heap as the global allocator.
#![deny(dead_code)] // an example that is not run

extern crate alloc;

mod examples;
#[path = "../host/mod.rs"]
mod host;

use examples::*;

fn main() {
    host::run! {
        alloc borrow boxed btree_map btree_set binary_heap linked_list vec_deque ffi fmt rc slice str string sync task vec
    }
}
