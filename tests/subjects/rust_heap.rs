//! A heap in Rust, as a static library without std: next fit, whose search merges free neighbours as it meets them. 8-byte
//! alignment, headers of a word: a block's size, whose lowest bit says that it is taken.
//!
//!     | size | payload | size | payload ...
//!                        ^ rover: where the next search begins
#![no_std]
#![allow(non_camel_case_types)]
#![allow(unsafe_op_in_unsafe_fn)]

use core::ffi::{c_int, c_void};
use core::ptr::null_mut;

#[derive(Clone, Copy)]
#[repr(i32)]
#[allow(dead_code)] // no one asks for the first
enum Defect {
    RUST_HEAP_SOUND,
    RUST_HEAP_WRAPS,             // a huge size, with its header, is a small one
    RUST_HEAP_CUTS_TOO_LOW,      // a remainder begins in the payload before it
    RUST_HEAP_ZEROES_WORDS,      // zalloc leaves out the bytes after the last whole word
    RUST_HEAP_MOVES_A_WORD,      // realloc copies no more
    RUST_HEAP_ALIGNS_THE_HEADER, // and not the payload
}
use Defect::*;

const WORD: usize = core::mem::size_of::<usize>();
const UNIT: usize = 8; // bytes: of sizes and addresses
const HEADER: usize = 8;
const LEAST: usize = 16; // bytes: the smallest block

extern "C" {
    static subject_defect: c_int;
    fn abort() -> !;
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo) -> ! {
    unsafe { abort() }
}

unsafe fn is(defect: Defect) -> bool {
    subject_defect == defect as c_int
}

static mut MEMORY: *mut u8 = null_mut();
static mut SIZE: usize = 0;
static mut ROVER: usize = 0; // an offset, as are blocks below

unsafe fn load(block: usize) -> usize {
    MEMORY.add(block).cast::<usize>().read()
}

unsafe fn store(block: usize, size: usize, is_taken: bool) {
    MEMORY.add(block).cast::<usize>().write(size | usize::from(is_taken));
}

unsafe fn size_of(block: usize) -> usize {
    load(block) & !1
}

unsafe fn is_taken(block: usize) -> bool {
    load(block) & 1 != 0
}

unsafe fn block_of(payload: *const c_void) -> usize {
    payload as usize - MEMORY as usize - HEADER
}

unsafe fn payload_of(block: usize) -> *mut c_void {
    MEMORY.add(block + HEADER).cast()
}

/// Merges a free block with those that follow it.
unsafe fn merge(block: usize) {
    let mut end = block + size_of(block);
    while end < SIZE && !is_taken(end) {
        end += size_of(end);
    }
    store(block, end - block, false);
    if ROVER > block && ROVER < end {
        ROVER = block;
    }
}

/// The first free block of this size from one offset to another.
unsafe fn search(from: usize, to: usize, need: usize) -> Option<usize> {
    let mut block = from;
    while block < to {
        if !is_taken(block) {
            merge(block);
            if size_of(block) >= need {
                return Some(block);
            }
        }
        block += size_of(block);
    }
    None
}

/// Cuts a block in two, if the second can be one.
unsafe fn cut(block: usize, size: usize) {
    let rest = size_of(block) - size;
    if rest >= LEAST {
        let low = if is(RUST_HEAP_CUTS_TOO_LOW) { UNIT } else { 0 };
        store(block + size - low, rest + low, false);
        store(block, size, true);
    }
}

#[no_mangle]
unsafe extern "C" fn rust_heap_start(memory: *mut c_void, size: usize) -> bool {
    if size < LEAST || WORD > HEADER {
        return false;
    }
    MEMORY = memory.cast();
    SIZE = size & !(UNIT - 1);
    ROVER = 0;
    store(0, SIZE, false);
    true
}

#[no_mangle]
unsafe extern "C" fn rust_heap_alloc(size: usize) -> *mut c_void {
    if size == 0 || (size > SIZE && !is(RUST_HEAP_WRAPS)) {
        return null_mut();
    }
    let need = (size.wrapping_add(HEADER + UNIT - 1) & !(UNIT - 1)).max(LEAST);
    let start = ROVER;
    let Some(block) = search(start, SIZE, need).or_else(|| search(0, start, need)) else {
        return null_mut();
    };
    store(block, size_of(block), true);
    cut(block, need);
    ROVER = block + size_of(block);
    if ROVER == SIZE {
        ROVER = 0;
    }
    payload_of(block)
}

#[no_mangle]
unsafe extern "C" fn rust_heap_free(payload: *mut c_void) {
    if !payload.is_null() {
        let block = block_of(payload);
        store(block, size_of(block), false);
    }
}

#[no_mangle]
unsafe extern "C" fn rust_heap_usable_size(payload: *const c_void) -> usize {
    size_of(block_of(payload)) - HEADER
}

#[no_mangle]
unsafe extern "C" fn rust_heap_zalloc(size: usize) -> *mut c_void {
    let payload = rust_heap_alloc(size);
    if !payload.is_null() {
        payload.cast::<u8>().write_bytes(0, if is(RUST_HEAP_ZEROES_WORDS) { size & !7 } else { size });
    }
    payload
}

/// Takes enough for the worst case; what lies in front is a free block.
#[no_mangle]
unsafe extern "C" fn rust_heap_alloc_aligned(alignment: usize, size: usize) -> *mut c_void {
    if alignment <= UNIT {
        return rust_heap_alloc(size);
    }
    if size == 0 || size > SIZE || alignment > SIZE {
        return null_mut();
    }
    let payload = rust_heap_alloc(size + alignment + LEAST);
    if payload.is_null() {
        return payload;
    }
    let block = block_of(payload);
    let address = payload as usize - if is(RUST_HEAP_ALIGNS_THE_HEADER) { HEADER } else { 0 };
    let mut front = address.wrapping_neg() & (alignment - 1);
    if front == 0 {
        return payload;
    }
    if front < LEAST {
        front += alignment;
    }
    store(block + front, size_of(block) - front, true);
    store(block, front, false);
    payload_of(block + front)
}

#[no_mangle]
unsafe extern "C" fn rust_heap_realloc(payload: *mut c_void, size: usize) -> *mut c_void {
    if !payload.is_null() && size <= rust_heap_usable_size(payload) && size != 0 {
        return payload;
    }
    let moved = rust_heap_alloc(size);
    if !payload.is_null() && !moved.is_null() {
        let old_size = rust_heap_usable_size(payload);
        moved.cast::<u8>().copy_from(payload.cast(), if is(RUST_HEAP_MOVES_A_WORD) { 8 } else { old_size });
    }
    if size == 0 || !moved.is_null() {
        rust_heap_free(payload);
    }
    moved
}
