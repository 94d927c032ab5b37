//! The board, whose start, console and harts are those of `src/riscv`.
use core::ffi::{c_char, c_uint, c_void};
use core::fmt;
use core::panic::PanicInfo;

extern "C" {
    fn board_print(text: *const c_char);
    fn board_power_off(exit_code: c_uint) -> !;
    fn hart_start(
        hart: c_uint,
        function: extern "C" fn(hart: usize),
        stack_top: *mut c_void,
        trap_stack_top: *mut c_void,
    );
    static mut free_ram_start: u8;
    static mut free_ram_end: u8;
}

/// What `print!` writes to.
pub struct Console;

impl fmt::Write for Console {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let mut piece = [0; 64]; // ends with a NUL, as C's texts do
        for part in text.as_bytes().chunks(piece.len() - 1) {
            piece[..part.len()].copy_from_slice(part);
            piece[part.len()] = 0;
            // SAFETY: a text with an end.
            unsafe { board_print(piece.as_ptr().cast()) };
        }
        Ok(())
    }
}

#[macro_export]
macro_rules! print {
    ($($text:tt)*) => { { let _ = core::fmt::Write::write_fmt(&mut $crate::board::Console, format_args!($($text)*)); } };
}

#[macro_export]
macro_rules! println {
    ($($text:tt)*) => { { $crate::print!($($text)*); $crate::print!("\n"); } };
}

/// Ends the kernel; the emulator ends with this code.
pub fn power_off(exit_code: u32) -> ! {
    // SAFETY: any code will do.
    unsafe { board_power_off(exit_code) }
}

/// The RAM that nothing uses, and its size.
pub fn free_ram() -> (*mut u8, usize) {
    let (start, end) = (core::ptr::addr_of_mut!(free_ram_start), core::ptr::addr_of_mut!(free_ram_end));
    (start, end as usize - start as usize)
}

/// The stacks of a hart other than 0.
#[repr(C, align(16))]
struct Stacks {
    trap: [u8; 0x1000],
    stack: [u8; 0x8000],
}

pub const HART_COUNT: usize = 4; // what ci/demo gives the board

static mut STACKS: [Stacks; HART_COUNT - 1] =
    [const { Stacks { trap: [0; 0x1000], stack: [0; 0x8000] } }; HART_COUNT - 1];

/// Has a hart that waits, 1 <= hart < HART_COUNT, call function with its number. It waits again when that returns.
pub fn start_hart(hart: usize, function: extern "C" fn(hart: usize)) {
    // SAFETY: each hart has stacks of its own, which no one else uses.
    unsafe {
        let stacks = core::ptr::addr_of_mut!(STACKS[hart - 1]);
        let trap_top = core::ptr::addr_of_mut!((*stacks).trap).add(1);
        let top = core::ptr::addr_of_mut!((*stacks).stack).add(1);
        hart_start(hart as c_uint, function, top.cast(), trap_top.cast());
    }
}

/// What `src/riscv/trap.S` calls: no trap is expected.
#[no_mangle]
extern "C" fn trap_handle(_frame: *mut c_void) {
    println!("a trap");
    power_off(1);
}

/// Where the default handler of a failed allocation leads on stable Rust, among other panics.
#[panic_handler]
fn panic(info: &PanicInfo) -> ! {
    if let Some(layout) = kmem::refused_layout(info) {
        kmem::alloc_error(layout);
    }
    println!("{info}");
    power_off(1);
}
