//! A kernel in Rust that uses `alloc` on this heap: it boots on the board, shows the heap after each step, lets four harts
//! loose on it, and runs out of memory, which is how it has to end. `./ci/demo rust` runs it.
//!
//! Each statement of interest stands in the output, with the heap after it: a cell for each block, # taken, . free, its size
//! in bytes with its header. The exit code is 0 when memory ran out as it had to, otherwise 1 after a line that says why.
#![no_std]
#![no_main]

extern crate alloc;

mod board;
mod harts;

use alloc::boxed::Box;
use alloc::collections::{BTreeMap, VecDeque};
use alloc::format;
use alloc::rc::Rc;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::alloc::Layout;
use core::ffi::{c_char, c_void, CStr};
use core::sync::atomic::{AtomicBool, Ordering};

#[global_allocator]
static HEAP: kmem::OsGlobalAlloc = kmem::OsGlobalAlloc;

/// A type that asks for more than its size.
#[repr(align(4096))]
struct Page(#[allow(dead_code)] [u8; 4096]);

/// Whether running out of memory is what has to come next.
static IS_END_EXPECTED: AtomicBool = AtomicBool::new(false);

/// Prints a statement, does it, and prints the heap it leaves.
macro_rules! show {
    ($($statement:tt)*) => {
        println!("{}", stringify!($($statement)*));
        $($statement)*;
        print_picture();
    };
}

fn print_picture() {
    print!("    |");
    kmem::hold(|| {
        // SAFETY: the lock is held, and the heap is sound.
        unsafe {
            let heap = &*kmem::ffi::kmem_kernel_heap();
            let mut header = heap.base;
            let end = header.add(heap.page_count * heap.page_size);
            while header < end {
                let word = header.cast::<u64>().read(); // src/block.h
                let size = word & !(1 << 63);
                print!("{}{size}|", if word == size { "." } else { "#" });
                header = header.add(size as usize);
            }
        }
    });
    println!("");
}

/// Ends the kernel if the heap is not sound.
fn check() -> kmem::Census {
    kmem::check_kernel().unwrap_or_else(|violation| panic!("{violation}"))
}

fn start() {
    let (memory, size) = board::free_ram();
    println!("{} pages of RAM are free. The heap starts with 512 of them, as one free block.", size / 4096);
    // SAFETY: nothing else uses this memory, and no one the heap yet.
    unsafe { kmem::init(memory, size) }.expect("a heap");
    kmem::set_alloc_error_hook(end_out_of_memory);
    print_picture();
}

fn collections() {
    println!("\nA Box is a block. One that asks for more alignment leaves a gap in front.");
    show!(let answer = Box::new(42_u64));
    show!(let page = Box::new(Page([1; 4096])));
    println!("\nA Vec has no block while it is empty, and one twice as large each time it is full.");
    show!(let mut numbers = Vec::new());
    show!(numbers.push(1_u32));
    show!((2..=9).for_each(|number| numbers.push(number)));
    show!(numbers.shrink_to_fit());
    println!("\nA String is a Vec of bytes; format! makes one.");
    show!(let name = format!("{} numbers", numbers.len()));
    println!("\nAn Rc or Arc is a block with two counters in front; a clone takes none.");
    show!(let shared = Rc::new(numbers.len()));
    show!(let counted = (Rc::clone(&shared), Arc::new([0_u8; 32])));
    println!("\nA BTreeMap takes a block for up to 11 entries and one above them, a VecDeque one for all.");
    show!(let mut squares = BTreeMap::new());
    show!(squares.extend(numbers.iter().map(|number| (*number, number * number))));
    show!(squares.extend((10..=12).map(|number| (number, number * number))));
    show!(let queue = VecDeque::from(["one", "two"].map(String::from)));
    println!("\nThe block table.");
    // SAFETY: print_text takes any text.
    unsafe { kmem::ffi::kmem_kernel_print(print_text, core::ptr::null_mut()) };
    let census = check();
    println!(
        "The checker: {} blocks, {} taken, {} bytes in them: sound.",
        census.block_count, census.taken_count, census.taken_size
    );
    println!("\nWhat goes out of scope is freed, and merges.");
    show!(drop((queue, squares)));
    show!(drop((numbers, name, counted, shared)));
    show!(drop((page, answer)));
}

/// What `kmem_kernel_print` prints with.
unsafe extern "C" fn print_text(_context: *mut c_void, text: *const c_char) {
    // SAFETY: its caller gives it a text with an end.
    print!("{}", unsafe { CStr::from_ptr(text) }.to_str().unwrap_or("?"));
}

fn exhaust() -> ! {
    println!("\nMemory runs out. What asks by try_reserve gets an answer; what cannot do without ends in alloc_error.");
    let mut bytes = Vec::<u8>::new();
    println!("bytes.try_reserve(1 << 30).is_err()");
    println!("    {}", bytes.try_reserve(1 << 30).is_err());
    println!("loop {{ frames.push(Vec::<Page>::with_capacity(256)) }}");
    let mut frames = Vec::new();
    IS_END_EXPECTED.store(true, Ordering::Relaxed);
    loop {
        frames.push(Vec::<Page>::with_capacity(256));
    }
}

/// What alloc_error calls.
fn end_out_of_memory(layout: Layout) -> ! {
    let census = check();
    println!(
        "    alloc_error: {} bytes aligned to {} were refused, with {} blocks taken",
        layout.size(),
        layout.align(),
        census.taken_count
    );
    board::power_off(if IS_END_EXPECTED.load(Ordering::Relaxed) { 0 } else { 1 })
}

#[no_mangle]
extern "C" fn main() -> ! {
    start();
    collections();
    println!("\nFour harts allocate, resize and free at once, and look at every byte of theirs.");
    harts::run();
    print_picture();
    exhaust()
}
