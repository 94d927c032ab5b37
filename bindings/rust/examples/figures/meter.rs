//! A global allocator that counts what is asked of a heap that one measurement has to itself. All else comes from the system.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::UnsafeCell;
use std::sync::Mutex;

use kmem::Heap;

const REGION_SIZE: usize = 256 << 10; // bytes
const HEADER_SIZE: usize = 8; // bytes

#[repr(align(4096))]
struct Region(UnsafeCell<[u8; REGION_SIZE]>);

// SAFETY: only the heap uses it, under its lock.
unsafe impl Sync for Region {}

static REGION: Region = Region(UnsafeCell::new([0; REGION_SIZE]));
static HEAP: Heap = Heap::empty();

#[global_allocator]
static METER: Meter = Meter;

/// What a measurement has counted so far.
#[derive(Clone, Copy, Default)]
pub struct Figures {
    pub alloc_count: usize,
    pub realloc_count: usize,
    pub moved_count: usize, // of the reallocations
    pub free_count: usize,
    /// The sizes asked for, in order, without repetition: only so many are kept.
    pub sizes: [usize; 12],
    pub taken_size: usize, // bytes, headers included
    /// Bytes from the heap's base to the end of the last block that was ever taken.
    pub reach: usize,
    pub block_count: usize,
    passed_count: usize, // blocks in front of those that were taken, resized or freed
}

static FIGURES: Mutex<Option<Figures>> = Mutex::new(None);

impl Figures {
    /// Blocks that a call walks past, on average and rounded.
    pub fn passed_per_call(&self) -> usize {
        let calls = (self.alloc_count + self.realloc_count + self.free_count).max(1);
        (self.passed_count + calls / 2) / calls
    }

    fn ask(&mut self, size: usize) {
        if !self.sizes.contains(&size) {
            let unused = self.sizes.iter_mut().find(|kept| **kept == 0);
            *unused.expect("more than 12 different sizes") = size;
        }
    }

    fn take(&mut self, payload: *const u8) {
        assert!(!payload.is_null(), "the region is too small");
        self.taken_size += block_size(payload);
        let end = payload as usize + HEAP.usable_size(payload);
        self.reach = self.reach.max(end - REGION.0.get() as usize);
        self.passed_count += blocks_before(payload);
    }
}

fn block_size(payload: *const u8) -> usize {
    HEAP.usable_size(payload) + HEADER_SIZE
}

/// Blocks in front of a payload's.
fn blocks_before(payload: *const u8) -> usize {
    let mut header = REGION.0.get().cast::<u8>().cast_const();
    let mut count = 0;
    while header < payload.wrapping_sub(HEADER_SIZE) {
        // SAFETY: each header has the size of its block below the taken bit, and that of a live payload is among them.
        header = header.wrapping_add(unsafe { header.cast::<u64>().read() & !(1 << 63) } as usize);
        count += 1;
    }
    count
}

struct Meter;

// SAFETY: HEAP and System are what they should be, and a payload goes back where it came from.
unsafe impl GlobalAlloc for Meter {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        match FIGURES.lock().unwrap().as_mut() {
            None => System.alloc(layout),
            Some(figures) => {
                let payload = GlobalAlloc::alloc(&&HEAP, layout);
                figures.alloc_count += 1;
                figures.ask(layout.size());
                figures.take(payload);
                payload
            }
        }
    }

    unsafe fn dealloc(&self, payload: *mut u8, layout: Layout) {
        let mut figures = FIGURES.lock().unwrap();
        if HEAP.usable_size(payload) == 0 {
            return System.dealloc(payload, layout);
        }
        if let Some(figures) = figures.as_mut() {
            figures.free_count += 1;
            figures.taken_size -= block_size(payload);
            figures.passed_count += blocks_before(payload);
        }
        GlobalAlloc::dealloc(&&HEAP, payload, layout)
    }

    unsafe fn realloc(&self, payload: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        let mut figures = FIGURES.lock().unwrap();
        let Some(figures) = figures.as_mut().filter(|_| HEAP.usable_size(payload) != 0) else {
            return System.realloc(payload, layout, new_size);
        };
        let old_size = block_size(payload);
        let passed_count = blocks_before(payload);
        let new = GlobalAlloc::realloc(&&HEAP, payload, layout, new_size);
        let is_moved = new != payload;
        figures.realloc_count += 1;
        figures.moved_count += usize::from(is_moved);
        figures.ask(new_size);
        figures.taken_size -= old_size;
        figures.take(new);
        figures.passed_count += if is_moved { passed_count } else { 0 };
        new
    }
}

/// What work asks of an empty heap, and has taken of it when it returns. What it returns has to free all of that.
pub fn measure<T>(work: impl FnOnce() -> T) -> Figures {
    // SAFETY: nothing is allocated in the heap, as the census after each measurement shows.
    unsafe { HEAP.start(REGION.0.get().cast(), REGION_SIZE) }.unwrap();
    *FIGURES.lock().unwrap() = Some(Figures::default());
    let result = work();
    let mut figures = FIGURES.lock().unwrap().take().unwrap();
    let census = HEAP.check().unwrap();
    assert_eq!(census.taken_size, figures.taken_size as u64);
    figures.block_count = census.taken_count;
    drop(result);
    assert_eq!(HEAP.check().unwrap().taken_count, 0);
    figures
}
