//! The heap as the global allocator of a program on the host: it starts before Rust does, since std allocates before main.
#![allow(dead_code)] // each test uses a part

use std::cell::UnsafeCell;

use kmem::{Census, OsGlobalAlloc};

#[global_allocator]
static HEAP: OsGlobalAlloc = OsGlobalAlloc;

pub const REGION_SIZE: usize = 16 << 20; // bytes

#[repr(align(4096))]
struct Region(UnsafeCell<[u8; REGION_SIZE]>);

// SAFETY: only the heap uses it.
unsafe impl Sync for Region {}

static REGION: Region = Region(UnsafeCell::new([0; REGION_SIZE]));

#[used]
#[link_section = ".init_array"]
static START: extern "C" fn() = start;

extern "C" fn start() {
    // SAFETY: called once, before main.
    unsafe { kmem::init(REGION.0.get().cast(), REGION_SIZE) }.unwrap();
}

/// The heap's census, which must be sound.
pub fn sound() -> Census {
    kmem::check_kernel().unwrap()
}

/// Does address lie in the heap's region?
pub fn is_ours<T>(address: *const T) -> bool {
    (address as usize).wrapping_sub(REGION.0.get() as usize) < REGION_SIZE
}
