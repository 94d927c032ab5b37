//! A program without std, as a kernel is one, on a host: it fills its heap, and ends by `alloc_error` when there is no more.
//!
//! `cargo run --features panic-handler --example hosted_kernel`
#![no_std]
#![no_main]

extern crate alloc;

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::alloc::Layout;
use core::ffi::{c_int, c_void};
use core::panic::PanicInfo;

use kmem::OsGlobalAlloc;

#[global_allocator]
static HEAP: OsGlobalAlloc = OsGlobalAlloc;

static mut MEMORY: [u8; 4 << 20] = [0; 4 << 20];

// What a kernel's console and power switch are.
#[link(name = "c")]
extern "C" {
    fn write(file: c_int, bytes: *const c_void, size: usize) -> isize;
    fn _exit(code: c_int) -> !;
}

fn print(text: &str) {
    unsafe { write(1, text.as_ptr().cast(), text.len()) };
}

/// A line on the stack, for where there is no memory.
struct Line([u8; 200], usize);

impl core::fmt::Write for Line {
    fn write_str(&mut self, text: &str) -> core::fmt::Result {
        let end = self.1 + text.len();
        self.0.get_mut(self.1..end).ok_or(core::fmt::Error)?.copy_from_slice(text.as_bytes());
        self.1 = end;
        Ok(())
    }
}

fn print_line(text: core::fmt::Arguments<'_>) {
    let mut line = Line([0; 200], 0);
    let _ = core::fmt::write(&mut line, format_args!("{text}\n"));
    print(core::str::from_utf8(&line.0[..line.1]).unwrap_or("?\n"));
}

fn out_of_memory(layout: Layout) -> ! {
    print_line(format_args!("alloc_error: {} bytes aligned to {}", layout.size(), layout.align()));
    print_line(format_args!("the heap is sound: {}", kmem::check_kernel().is_ok()));
    unsafe { _exit(42) }
}

#[panic_handler]
fn panic(info: &PanicInfo) -> ! {
    if let Some(layout) = kmem::refused_layout(info) {
        kmem::alloc_error(layout)
    }
    print_line(format_args!("{info}"));
    unsafe { _exit(101) }
}

// alloc, as it comes for a host, was built to unwind; here nothing does.
#[no_mangle]
extern "C" fn rust_eh_personality() {}
#[no_mangle]
extern "C" fn _Unwind_Resume() {}

#[repr(align(64))]
struct Line64(#[allow(dead_code)] [u8; 64]);

#[no_mangle]
extern "C" fn main() -> c_int {
    unsafe { kmem::init(core::ptr::addr_of_mut!(MEMORY).cast(), 4 << 20) }.unwrap();
    kmem::set_alloc_error_hook(out_of_memory);
    let squares: BTreeMap<u32, String> = (1..=3).map(|i| (i, format!("{i} * {i} = {}", i * i))).collect();
    squares.values().for_each(|line| print_line(format_args!("{line}")));
    drop(squares);
    print_line(format_args!("{} blocks taken", kmem::check_kernel().unwrap().taken_count));
    let mut lines = Vec::new();
    loop {
        lines.push(Line64([1; 64]));
    }
}
