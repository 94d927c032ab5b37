//! Four harts that use the heap at once. Each knows what its payloads hold, and what it does next whatever the others do.
use alloc::alloc::{alloc, alloc_zeroed, dealloc, realloc, Layout};
use core::sync::atomic::{AtomicUsize, Ordering};

use crate::board::{power_off, start_hart, HART_COUNT};
use crate::println;

const ROUND_COUNT: usize = if cfg!(unlocked) { 1000 } else { 3 };
const STEP_COUNT: usize = 5000; // of each hart in a round
const SLOT_COUNT: usize = 32; // of each hart

/// A place for a payload, which is filled with one value.
struct Slot {
    payload: *mut u8, // null: none
    layout: Layout,
}

impl Slot {
    const EMPTY: Slot = Slot { payload: core::ptr::null_mut(), layout: Layout::new::<()>() };

    /// Whether size bytes of the payload hold value.
    fn holds(&self, size: usize, value: u8) -> bool {
        // SAFETY: the payload is live, and no shorter.
        (0..size).all(|index| unsafe { self.payload.add(index).read_volatile() } == value)
    }

    /// Does something to the payload, and counts what is not as it must be.
    fn step(&mut self, value: u8, random: &mut Random) {
        let size = 1 + random.below(400);
        if self.payload.is_null() {
            let layout = Layout::from_size_align(size, 1 << random.below(8)).unwrap();
            let is_zeroed = random.below(2) == 0;
            // SAFETY: the size is not 0.
            self.payload = unsafe {
                if is_zeroed {
                    alloc_zeroed(layout)
                } else {
                    alloc(layout)
                }
            };
            self.layout = layout;
            require(!self.payload.is_null() && (!is_zeroed || self.holds(size, 0)));
        } else {
            require(self.holds(self.layout.size(), value));
            if random.below(2) == 0 {
                return self.clear();
            }
            // SAFETY: the payload is live, and of this layout.
            self.payload = unsafe { realloc(self.payload, self.layout, size) };
            let kept_size = size.min(self.layout.size());
            self.layout = Layout::from_size_align(size, self.layout.align()).unwrap();
            require(!self.payload.is_null() && self.holds(kept_size, value));
        }
        require(self.payload as usize & (self.layout.align() - 1) == 0);
        if !self.payload.is_null() {
            // SAFETY: the payload is live, and of this size.
            unsafe { self.payload.write_bytes(value, size) };
        }
    }

    fn clear(&mut self) {
        if !self.payload.is_null() {
            // SAFETY: the payload is live, and of this layout.
            unsafe { dealloc(self.payload, self.layout) };
        }
        *self = Slot::EMPTY;
    }
}

/// Numbers by xorshift: the same in every run.
struct Random(u32);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 17;
        self.0 ^= self.0 << 5;
        self.0 as usize % end
    }
}

static ROUND: AtomicUsize = AtomicUsize::new(0);
static STARTED: AtomicUsize = AtomicUsize::new(0); // harts, in this round
static ENDED: AtomicUsize = AtomicUsize::new(0); // the same
static WRONG: AtomicUsize = AtomicUsize::new(0); // payloads that were not as they must be, and faults of the heap
static mut SLOTS: [[Slot; SLOT_COUNT]; HART_COUNT] = [const { [Slot::EMPTY; SLOT_COUNT] }; HART_COUNT];

fn require(is_true: bool) {
    if !is_true {
        WRONG.fetch_add(1, Ordering::Relaxed);
    }
}

/// Waits until all harts have been counted.
fn wait(count: &AtomicUsize) {
    while count.load(Ordering::Acquire) != HART_COUNT {
        core::hint::spin_loop(); // every hart comes to count itself
    }
}

/// One hart's part of a round.
extern "C" fn work(hart: usize) {
    STARTED.fetch_add(1, Ordering::AcqRel);
    wait(&STARTED);
    // SAFETY: only this hart uses its slots.
    let slots = unsafe { &mut *core::ptr::addr_of_mut!(SLOTS[hart]) };
    let round = ROUND.load(Ordering::Relaxed);
    if round == ROUND_COUNT {
        slots.iter_mut().for_each(Slot::clear);
    } else {
        let mut random = Random((1 + round * HART_COUNT + hart) as u32);
        for _ in 0..STEP_COUNT {
            let index = random.below(SLOT_COUNT);
            slots[index].step((hart * SLOT_COUNT + index + 1) as u8, &mut random);
        }
    }
    ENDED.fetch_add(1, Ordering::Release);
}

/// Has all harts work, with the checker after each round. Powers off if it or a hart finds something wrong.
pub fn run() {
    kmem::set_fault_hook(|_, _| require(false));
    let taken_before = kmem::check_kernel().expect("a sound heap").taken_count;
    for round in 0..=ROUND_COUNT {
        ROUND.store(round, Ordering::Relaxed);
        STARTED.store(0, Ordering::Relaxed);
        ENDED.store(0, Ordering::Relaxed);
        (1..HART_COUNT).for_each(|hart| start_hart(hart, work));
        work(0);
        wait(&ENDED);
        // SAFETY: the harts wait.
        let slots = unsafe { &*core::ptr::addr_of!(SLOTS) };
        let live_count = slots.iter().flatten().filter(|slot| !slot.payload.is_null()).count();
        match kmem::check_kernel() {
            Err(violation) => end_wrong(format_args!("the checker: {violation}")),
            Ok(census) if census.taken_count != taken_before + live_count => end_wrong(format_args!(
                "{} payloads are live, in {} blocks",
                live_count,
                census.taken_count - taken_before
            )),
            Ok(_) => {}
        }
        match WRONG.load(Ordering::Relaxed) {
            0 if round < ROUND_COUNT => {
                println!("    {} operations: {live_count} payloads are live, and sound", HART_COUNT * STEP_COUNT)
            }
            0 => println!("    all are freed"),
            count => end_wrong(format_args!("{count} payloads were not as their hart had left them, or calls refused")),
        }
    }
}

fn end_wrong(what: core::fmt::Arguments) -> ! {
    println!("    WRONG: {what}");
    power_off(1);
}

/// In the image with the cfg `unlocked` these stand in place of the lock that guards the heap: what the harts do must be
/// seen to go wrong.
#[cfg(unlocked)]
mod unlocked {
    #[no_mangle]
    extern "C" fn __wrap_kmem_rust_spin_lock() {}
    #[no_mangle]
    extern "C" fn __wrap_kmem_rust_spin_unlock() {}
}
