//! Prints what the modules of alloc ask of this heap and take of it, as the table in the project's `docs/rust.md`:
//! `cargo run --example figures`. No clock and no address is in it; sizes of pointers are, and choices of the library.

extern crate alloc;

mod meter;

use alloc::borrow::Cow;
use alloc::boxed::Box;
use alloc::collections::{BTreeMap, BTreeSet, BinaryHeap, LinkedList, VecDeque};
use alloc::ffi::CString;
use alloc::rc::Rc;
use alloc::sync::Arc;
use alloc::task::Wake;
use core::alloc::Layout;
use core::task::Waker;

use meter::{measure, Figures};

const COUNT: usize = 1000; // elements: a u64 each, or a letter
const TEXT: &str = match core::str::from_utf8(&[b'x'; COUNT]) {
    Ok(text) => text,
    Err(_) => unreachable!(),
};

/// The numbers below COUNT in an order that looks like none.
fn scattered() -> impl Iterator<Item = u64> {
    (0..COUNT as u64).map(|i| i * 387 % COUNT as u64)
}

fn ascending() -> core::ops::Range<u64> {
    0..COUNT as u64
}

/// COUNT of what make gives, in an array outside the heap.
fn many<T>(make: impl Fn(u64) -> T) -> [T; COUNT] {
    core::array::from_fn(|i| make(i as u64))
}

fn grow<C>(mut collection: C, push: impl Fn(&mut C, u64)) -> C {
    ascending().for_each(|i| push(&mut collection, i));
    collection
}

/// Memory taken without a type.
struct Raw(*mut u8, Layout);

impl Raw {
    fn new(size: usize, alignment: usize) -> Raw {
        let layout = Layout::from_size_align(size, alignment).unwrap();
        // SAFETY: the size is not 0.
        Raw(unsafe { alloc::alloc::alloc(layout) }, layout)
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        // SAFETY: from alloc, with this layout.
        unsafe { alloc::alloc::dealloc(self.0, self.1) }
    }
}

struct Nothing;

impl Wake for Nothing {
    fn wake(self: Arc<Self>) {}
}

fn main() {
    println!("| 1,000 elements | calls | bytes asked for | blocks | bytes | each | reach | passed |");
    println!("|---|---|---|--:|--:|--:|--:|--:|");
    row("`alloc` of 100 bytes, aligned to 64", 0, || Raw::new(100, 64));
    row("`Cow`, borrowed", COUNT, || Cow::Borrowed(TEXT));
    row("`Cow`, after `to_mut`", COUNT, || {
        let mut text = Cow::Borrowed(TEXT);
        text.to_mut();
        text
    });
    row("`Box<u64>`", COUNT, || many(Box::new));
    row("`BTreeMap<u64, u64>`, ascending", COUNT, || {
        ascending().fold(BTreeMap::new(), |mut map, key| {
            map.insert(key, key);
            map
        })
    });
    row("`BTreeMap<u64, u64>`, scattered", COUNT, || {
        scattered().fold(BTreeMap::new(), |mut map, key| {
            map.insert(key, key);
            map
        })
    });
    row("`BTreeSet<u64>`, scattered", COUNT, || {
        scattered().fold(BTreeSet::new(), |mut set, key| {
            set.insert(key);
            set
        })
    });
    row("`BinaryHeap<u64>`", COUNT, || grow(BinaryHeap::new(), |heap, i| heap.push(i)));
    row("`LinkedList<u64>`", COUNT, || grow(LinkedList::new(), |list, i| list.push_back(i)));
    row("`VecDeque<u64>`", COUNT, || grow(VecDeque::new(), |queue, i| queue.push_back(i)));
    row("`CString::new`", COUNT, || CString::new(TEXT).unwrap());
    row("one `format!`", 0, || format!("hart {} has {} pages", 3, 512));
    row("`Rc<u64>`, each cloned", COUNT, || many(Rc::new).map(|one| (one.clone(), one)));
    row("`sort`", COUNT, || sorted(|numbers| numbers.sort()));
    row("`sort_unstable`", COUNT, || sorted(|numbers| numbers.sort_unstable()));
    row("`to_vec`", COUNT, || many(|i| i).to_vec());
    row("`repeat`", COUNT, || "ab".repeat(COUNT / 2));
    row("`String`", COUNT, || grow(String::new(), |text, _| text.push('x')));
    row("`Arc<u64>`, each cloned", COUNT, || many(Arc::new).map(|one| (one.clone(), one)));
    row("one `Waker`, cloned", 0, || {
        let waker = Waker::from(Arc::new(Nothing));
        (waker.clone(), waker)
    });
    row("`Vec<u64>`", COUNT, || grow(Vec::new(), |numbers, i| numbers.push(i)));
    row("two `Vec<u64>`, in turns", 2 * COUNT, || {
        grow((Vec::new(), Vec::new()), |(left, right), i| {
            left.push(i);
            right.push(i);
        })
    });
    row("`Vec<u64>`, `with_capacity`", COUNT, || grow(Vec::with_capacity(COUNT), |numbers, i| numbers.push(i)));
}

fn sorted(sort: impl Fn(&mut [u64])) -> [u64; COUNT] {
    let mut numbers = many(|i| i * 387 % COUNT as u64);
    sort(&mut numbers);
    numbers
}

/// Measures work, which leaves count elements, and prints a row.
fn row<T>(what: &str, count: usize, work: impl FnOnce() -> T) {
    let figures = measure(work);
    let each = match count {
        0 => String::new(),
        _ => format!("{:.1}", figures.taken_size as f64 / count as f64),
    };
    println!(
        "| {what} | {} | {} | {} | {} | {each} | {} | {} |",
        calls(&figures),
        sizes(&figures),
        thousands(figures.block_count),
        thousands(figures.taken_size),
        thousands(figures.reach),
        thousands(figures.passed_per_call())
    );
}

fn calls(figures: &Figures) -> String {
    let mut kinds = Vec::new();
    let mut add = |count: usize, name| {
        if count != 0 {
            kinds.push(format!("{} {name}", thousands(count)));
        }
    };
    add(figures.alloc_count, "alloc");
    add(figures.realloc_count, "realloc");
    add(figures.free_count, "free");
    let moved = if figures.moved_count != 0 { format!(" ({} moved)", figures.moved_count) } else { String::new() };
    kinds.join(", ") + &moved
}

/// The sizes asked for; of three and more that double, the first two and the last.
fn sizes(figures: &Figures) -> String {
    let sizes: Vec<usize> = figures.sizes.iter().copied().take_while(|size| *size != 0).collect();
    let shown: Vec<String> = sizes.iter().map(|size| thousands(*size)).collect();
    match &shown[..] {
        [first, second, .., last] if sizes.windows(2).all(|pair| pair[1] == 2 * pair[0]) => {
            format!("{first}, {second} … {last}")
        }
        _ => shown.join(", "),
    }
}

fn thousands(number: usize) -> String {
    match number / 1000 {
        0 => number.to_string(),
        rest => format!("{},{:03}", thousands(rest), number % 1000),
    }
}
