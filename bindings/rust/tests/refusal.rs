//! Where there is no memory, and where a program misuses it: what can be caught is, and what cannot ends the program.

mod host;

use std::alloc::Layout;
use std::collections::{TryReserveError, VecDeque};
use std::os::unix::process::ExitStatusExt;

use host::{child, sound, CHILD, REGION_SIZE};
use kmem::{alloc_error, refused_layout, set_alloc_error_hook, set_fault_hook, Error};

const SIGABRT: i32 = 6;

fn try_reserve_reports_and_changes_nothing() {
    let mut bytes = vec![1u8; 100];
    let before = sound();
    let error: TryReserveError = bytes.try_reserve(REGION_SIZE).unwrap_err();
    assert!(format!("{error}").contains("the memory allocator returned an error"), "{error}");
    assert!(String::new().try_reserve_exact(REGION_SIZE).is_err());
    assert!(VecDeque::<u64>::new().try_reserve(usize::MAX / 64).is_err());
    assert!(bytes.iter().all(|byte| *byte == 1));

    assert_eq!(sound(), before);
}

fn a_full_heap_serves_again_what_is_freed() {
    let mut live: Vec<Vec<u8>> = Vec::with_capacity(REGION_SIZE / 65536);
    while live.len() < live.capacity() {
        let mut bytes = Vec::new();
        if bytes.try_reserve_exact(65536).is_err() {
            break;
        }
        live.push(bytes);
    }
    let count = live.len();
    assert!(count >= REGION_SIZE / 65536 * 9 / 10 && count < live.capacity(), "{count}");
    sound();
    live.truncate(count - 1);
    assert!(Vec::<u8>::new().try_reserve_exact(65536).is_ok());
}

fn a_collection_that_must_have_memory_ends_the_program() {
    let (output, status) = child("exhaust");
    assert!(output.contains("memory allocation of ") && output.contains(" bytes failed"), "{output}");
    assert_eq!(status.signal(), Some(SIGABRT));
}

fn alloc_error_reports_the_layout_through_its_hook() {
    let (output, status) = child("hook");
    assert_eq!(output, "the hook got 96 bytes aligned to 32\n");
    assert_eq!(status.code(), Some(42));
}

fn alloc_error_without_a_hook_panics_with_the_layout() {
    let (output, status) = child("no hook");
    assert!(output.contains("out of memory: 96 bytes aligned to 32 were refused"), "{output}");
    assert_eq!(status.code(), Some(101));
}

fn a_double_free_calls_the_fault_hook_and_changes_nothing() {
    let (output, status) = child("fault");
    assert_eq!(output, "double-free\nsound\n");
    assert_eq!(status.code(), Some(0));
}

fn a_double_free_without_a_hook_ends_the_program_by_name() {
    let (output, status) = child("no fault hook");
    assert!(output.contains("kmem: double-free at 0x"), "{output}");
    assert_eq!(status.signal(), Some(SIGABRT));
}

fn a_fault_hook_that_panics_ends_the_program() {
    let (output, status) = child("panicking hook");
    assert!(output.contains("the hook panics"), "{output}");
    assert_eq!(status.signal(), Some(SIGABRT));
}

fn free_twice() {
    let pointer = Box::into_raw(Box::new([0u64; 50]));
    // SAFETY: none; that is the point.
    unsafe {
        drop(Box::from_raw(pointer));
        drop(Box::from_raw(pointer));
    }
}

fn as_child(what: &str) {
    let layout = Layout::from_size_align(96, 32).unwrap();
    match what {
        "exhaust" => {
            let mut bytes = vec![0u8; 1000];
            loop {
                bytes.extend_from_within(..);
            }
        }
        "hook" => {
            set_alloc_error_hook(|layout| {
                eprintln!("the hook got {} bytes aligned to {}", layout.size(), layout.align());
                std::process::exit(42)
            });
            alloc_error(layout)
        }
        "no hook" => alloc_error(layout),
        // Under AddressSanitizer these two end here: copying is the C library's.
        "overflow" => unsafe {
            let pointer = std::alloc::alloc(layout);
            pointer.copy_from_nonoverlapping([1u8; 97].as_ptr(), std::hint::black_box(97));
        },
        "use after free" => unsafe {
            let pointer = std::alloc::alloc(layout);
            std::alloc::dealloc(pointer, layout);
            pointer.copy_from_nonoverlapping([1u8; 97].as_ptr(), std::hint::black_box(96));
        },
        "fault" => {
            set_fault_hook(|error: Error, _| eprintln!("{error}"));
            free_twice();
            sound();
            eprintln!("sound");
        }
        "no fault hook" => {
            // std's own prints a backtrace, which needs more memory than there is.
            std::panic::set_hook(Box::new(|info| eprintln!("{info}")));
            drop(std::panic::catch_unwind(free_twice));
        }
        "panicking hook" => {
            std::panic::set_hook(Box::new(|info| eprintln!("{info}")));
            set_fault_hook(|_, _| panic!("the hook panics"));
            drop(std::panic::catch_unwind(free_twice));
        }
        _ => panic!("a child does not know what to do"),
    }
}

fn main() {
    let _: fn(&core::panic::PanicInfo) -> Option<Layout> = refused_layout; // examples/hosted_kernel.rs calls it
    if let Ok(what) = std::env::var(CHILD) {
        return as_child(&what);
    }
    a_full_heap_serves_again_what_is_freed(); // so that it has grown as far as it can before blocks are counted
    host::run! {
        try_reserve_reports_and_changes_nothing
        a_full_heap_serves_again_what_is_freed
        a_collection_that_must_have_memory_ends_the_program
        alloc_error_reports_the_layout_through_its_hook
        alloc_error_without_a_hook_panics_with_the_layout
        a_double_free_calls_the_fault_hook_and_changes_nothing
        a_double_free_without_a_hook_ends_the_program_by_name
        a_fault_hook_that_panics_ends_the_program
    }
}
