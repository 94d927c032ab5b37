//! A record of what [`OsGlobalAlloc`](crate::OsGlobalAlloc) asks of the core, written as a program that `kmemfuzz` reads
//! (`docs/programs.md` of the project). It allocates nothing. With the feature `record` only.

use core::cell::UnsafeCell;
use core::ffi::c_void;
use core::fmt;
use core::ptr::null_mut;

use crate::ffi;
use crate::lock::SpinLock;

/// Calls that a record has room for, and payloads that may be live at once. What exceeds either ends the record.
pub const CALL_LIMIT: usize = 16384;
/// As [`CALL_LIMIT`].
pub const SLOT_LIMIT: usize = 1024;

#[derive(Clone, Copy)]
enum Call {
    Alloc { slot: usize, size: usize },
    Zalloc { slot: usize, size: usize },
    Aligned { slot: usize, alignment: usize, size: usize },
    Realloc { slot: usize, size: usize },
    Free { slot: usize },
}

struct Record {
    is_on: bool,
    is_cut: bool, // a limit was exceeded
    calls: [Call; CALL_LIMIT],
    call_count: usize,
    payloads: [*mut c_void; SLOT_LIMIT], // NULL: an empty slot
    slot_count: usize,                   // slots ever used
    size_before: usize,                  // bytes taken when it began
    most_size: usize,                    // bytes taken since, at most
}

struct Recorder {
    lock: SpinLock,
    record: UnsafeCell<Record>,
}

// SAFETY: the record is used under the lock alone.
unsafe impl Sync for Recorder {}

static RECORDER: Recorder = Recorder {
    lock: SpinLock::new(),
    record: UnsafeCell::new(Record {
        is_on: false,
        is_cut: false,
        calls: [Call::Free { slot: 0 }; CALL_LIMIT],
        call_count: 0,
        payloads: [null_mut(); SLOT_LIMIT],
        slot_count: 0,
        size_before: 0,
        most_size: 0,
    }),
};

/// What a slot holds while its payload may be moving: no address of a payload.
const MOVING: *mut c_void = 1 as *mut c_void;

/// Calls work with the record.
fn hold<R>(work: impl FnOnce(&mut Record) -> R) -> R {
    // SAFETY: the lock is held.
    RECORDER.lock.hold(|| work(unsafe { &mut *RECORDER.record.get() }))
}

fn taken_size() -> usize {
    // SAFETY: the heap's lock is held.
    crate::hold(|| unsafe { (*ffi::kmem_kernel_heap()).taken_size })
}

/// Begins a new record. What is live now is not part of it: its frees are left out, and a `realloc` of it counts as an
/// allocation.
pub fn start() {
    hold(|record| {
        record.is_on = true;
        record.is_cut = false;
        record.call_count = 0;
        record.payloads.fill(null_mut());
        record.slot_count = 0;
        record.size_before = taken_size();
        record.most_size = record.size_before;
    });
}

/// Ends the record. Returns false if it has not all that was called.
pub fn stop() -> bool {
    hold(|record| {
        record.is_on = false;
        !record.is_cut
    })
}

/// Writes the record, which has been [stopped](stop), as a program: a comment that says what it is, a heap with a quarter
/// more room than was ever taken, and a line for each call.
pub fn write(output: &mut dyn fmt::Write, what: &str) -> fmt::Result {
    hold(|record| record.write(output, what))
}

impl Record {
    fn slot_of(&self, payload: *mut c_void) -> Option<usize> {
        self.payloads[..self.slot_count].iter().position(|live| *live == payload && !payload.is_null())
    }

    fn add(&mut self, call: Call) {
        if self.is_on && self.call_count < CALL_LIMIT {
            self.calls[self.call_count] = call;
            self.call_count += 1;
            self.most_size = self.most_size.max(taken_size());
        } else if self.is_on {
            self.is_on = false;
            self.is_cut = true;
        }
    }

    /// Adds the call that has put payload into the lowest empty slot.
    fn add_new(&mut self, payload: *mut c_void, call: impl FnOnce(usize) -> Call) {
        let empty = self.payloads[..self.slot_count].iter().position(|live| live.is_null());
        let slot = empty.unwrap_or(self.slot_count);
        if slot == SLOT_LIMIT {
            self.is_cut |= self.is_on;
            self.is_on = false;
            return;
        }
        self.payloads[slot] = payload;
        self.slot_count = self.slot_count.max(slot + 1);
        self.add(call(slot));
    }

    fn write(&self, output: &mut dyn fmt::Write, what: &str) -> fmt::Result {
        let size = (self.most_size - self.size_before) / 4 * 5;
        let page_size = if size <= 256 * 500 { 256 } else { 4096 };
        let page_count = (size / page_size + 1).min(500);
        let slots = self.slot_count.next_power_of_two().max(16);
        writeln!(output, "# {what}")?;
        writeln!(output, "kmem-program 2")?;
        writeln!(output, "heap page={page_size} pages={page_count} growth=4 slots={slots}")?;
        for call in &self.calls[..self.call_count] {
            match *call {
                Call::Alloc { slot, size } => writeln!(output, "alloc {slot} {}", Size(size)),
                Call::Zalloc { slot, size } => writeln!(output, "zalloc {slot} {}", Size(size)),
                Call::Aligned { slot, alignment, size } => {
                    writeln!(output, "aligned {slot} {alignment} {}", Size(size))
                }
                Call::Realloc { slot, size } => writeln!(output, "realloc {slot} {}", Size(size)),
                Call::Free { slot } => writeln!(output, "free {slot}"),
            }?;
        }
        Ok(())
    }
}

/// A size as a program says it: the large ones, which no heap of a program has, by a word.
struct Size(usize);

impl fmt::Display for Size {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            0..=0xff_ffff => self.0.fmt(formatter),
            _ => formatter.write_str("max"),
        }
    }
}

// The calls of ffi that OsGlobalAlloc makes, recorded. The core is not called with the lock held, since it may call a hook.
// So a payload enters the record after the call that returns it, and leaves before the call that frees it.

pub(crate) unsafe fn kmalloc(size: usize) -> *mut c_void {
    let payload = ffi::kmalloc(size);
    hold(|record| record.add_new(payload, |slot| Call::Alloc { slot, size }));
    payload
}

pub(crate) unsafe fn kzmalloc(size: usize) -> *mut c_void {
    let payload = ffi::kzmalloc(size);
    hold(|record| record.add_new(payload, |slot| Call::Zalloc { slot, size }));
    payload
}

pub(crate) unsafe fn kmalloc_aligned(alignment: usize, size: usize) -> *mut c_void {
    let payload = ffi::kmalloc_aligned(alignment, size);
    hold(|record| record.add_new(payload, |slot| Call::Aligned { slot, alignment, size }));
    payload
}

pub(crate) unsafe fn krealloc(pointer: *mut c_void, size: usize) -> *mut c_void {
    let slot = hold(|record| {
        record.slot_of(pointer).map(|slot| {
            record.payloads[slot] = MOVING;
            slot
        })
    });
    let payload = ffi::krealloc(pointer, size);
    hold(|record| match slot {
        Some(slot) => {
            record.payloads[slot] = if payload.is_null() { pointer } else { payload };
            record.add(Call::Realloc { slot, size });
        }
        None => record.add_new(payload, |slot| Call::Alloc { slot, size }),
    });
    payload
}

pub(crate) unsafe fn kfree(pointer: *mut c_void) {
    hold(|record| {
        if let Some(slot) = record.slot_of(pointer) {
            record.payloads[slot] = null_mut();
            record.add(Call::Free { slot });
        }
    });
    ffi::kfree(pointer);
}
