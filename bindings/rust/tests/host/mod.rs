//! The heap as the global allocator of a program on the host: it starts before Rust does, since std allocates before main.
#![allow(unused)] // each program uses a part

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

/// Runs tests one after the other in the only thread, so that the heap's blocks are theirs alone: each must leave the heap as
/// it was. Like cargo's own, it prints a line for each, and takes a part of their names. They run in this program, not under
/// cargo's harness, whose threads allocate as well.
pub fn run_all(tests: &[(&str, fn())]) {
    std::env::set_var("RUST_BACKTRACE", "0"); // which allocates ten thousand blocks
    let part = std::env::args().skip(1).find(|argument| !argument.starts_with('-')).unwrap_or_default();
    let chosen = || tests.iter().filter(|(name, _)| name.contains(&part));
    println!("\nrunning {} tests", chosen().count());
    for (name, test) in chosen() {
        let before = sound();
        test();
        assert_eq!(sound(), before, "{name} left the heap other than it was");
        println!("test {name} ... ok");
    }
    println!("\ntest result: ok. {} passed; 0 failed; 0 ignored", chosen().count());
}

/// run_all, of functions.
macro_rules! run {
    ($($name:ident)*) => {
        crate::host::run_all(&[$((stringify!($name), $name as fn())),*])
    };
}
pub(crate) use run;

/// This program again, with a variable that says what to do; what it wrote on standard error, and how it ended.
pub fn child(what: &str) -> (String, std::process::ExitStatus) {
    let me = std::env::current_exe().unwrap();
    let output = std::process::Command::new(me).env(CHILD, what).env("RUST_BACKTRACE", "0").output().unwrap();
    (String::from_utf8(output.stderr).unwrap(), output.status)
}

pub const CHILD: &str = "KMEM_TEST_CHILD";
