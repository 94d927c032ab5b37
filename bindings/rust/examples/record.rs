//! Records what real Rust code asks of the heap: a program of kmemfuzz for each of the works below, written to a folder.
//!
//! `cargo run --features record --example record -- FOLDER`

#[path = "../tests/host/mod.rs"]
mod host;

use std::collections::{BTreeMap, BinaryHeap, LinkedList, VecDeque};
use std::fmt::{self, Write};
use std::rc::Rc;
use std::sync::{Arc, Mutex};

use kmem::record;

const WORKS: [(&str, &str, fn()); 8] = [
    ("btree_map", "A BTreeMap of 60 keys that loses every other one, is split, and joined again.", btree_map),
    ("vectors_in_turn", "Four vectors that grow in turn by realloc, then shrink to fit.", vectors_in_turn),
    ("text", "A text is split into words, sorted, counted and joined again.", text),
    ("graph", "A tree of counted nodes that is cut down leaf by leaf.", graph),
    ("scheduler", "A queue, a heap of timers and a list of boxed tasks, as a scheduler has.", scheduler),
    ("over_aligned", "DMA descriptors and pages among small blocks: alignments from 16 to 4096.", over_aligned),
    ("threads", "Three threads that box, pass on and free, one at a time.", threads),
    ("refused", "A vector that doubles until it is refused, and goes on with what it has.", refused),
];

fn btree_map() {
    let mut map: BTreeMap<u32, String> = (0..60).map(|i| (i * 37 % 61, "value".repeat(1 + i as usize % 5))).collect();
    map.retain(|key, _| key % 2 == 0);
    let mut upper = map.split_off(&30);
    map.append(&mut upper);
    map.extend((0..10).map(|i| (i * 2 + 1, String::from("again"))));
}

fn vectors_in_turn() {
    let mut vectors: [Vec<u64>; 4] = Default::default();
    for i in 0..200 {
        vectors[i % 4].extend(0..(i as u64 % 4));
    }
    for vector in &mut vectors {
        vector.truncate(vector.len() / 3);
        vector.shrink_to_fit();
    }
    drop(vectors.concat());
}

fn text() {
    let text = "the heap gives the block and the block gives the heap a header and a header gives the size";
    let mut words: Vec<String> = text.split(' ').map(str::to_uppercase).collect();
    words.sort();
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for word in &words {
        *counts.entry(word.clone()).or_default() += 1;
    }
    let lines: Vec<String> = counts.iter().map(|(word, count)| format!("{word:<8}{count:>3}")).collect();
    drop(lines.join("\n"));
}

fn graph() {
    struct Node(Vec<Rc<Node>>, Box<str>);
    fn grow(depth: usize) -> Rc<Node> {
        let children = (0..depth).map(|_| grow(depth - 1)).collect();
        Rc::new(Node(children, "leaf".repeat(depth).into()))
    }
    let root = grow(4);
    let kept = root.0[2].clone();
    drop(root);
    assert_eq!((kept.0.len(), kept.1.len()), (3, 12));
}

fn scheduler() {
    let mut ready: VecDeque<Box<dyn Fn() -> usize>> = VecDeque::new();
    let mut timers = BinaryHeap::new();
    let mut done = LinkedList::new();
    for i in 0..40usize {
        let stack = vec![0u8; 16 * (1 + i * 7 % 13)];
        ready.push_back(Box::new(move || stack.len()));
        timers.push(i * 31 % 41);
        if i % 3 == 2 {
            done.push_back(ready.pop_front().unwrap()());
            timers.pop();
        }
        if done.len() > 5 {
            done.pop_front();
        }
    }
    timers.shrink_to_fit();
}

fn over_aligned() {
    #[repr(align(16))]
    struct Descriptor([u8; 16]);
    #[repr(align(64))]
    struct Line([u8; 64]);
    #[repr(align(4096))]
    struct Page([u8; 4096]);
    let mut ring = Vec::new();
    let mut lines = Vec::new();
    let mut pages = Vec::new();
    for i in 0..24u8 {
        ring.push(Descriptor([i; 16]));
        lines.push(Box::new(Line([i; 64])));
        if i % 8 == 0 {
            pages.push(Box::new(Page([i; 4096])));
        }
        if i % 5 == 4 {
            lines.remove(0);
        }
    }
    pages.truncate(1);
    assert!(ring[3].0[0] + lines[1].0[0] + pages[0].0[0] > 0);
}

fn threads() {
    let shared = Arc::new(Mutex::new(Vec::new()));
    for i in 0..3usize {
        let shared = shared.clone();
        let work = move || (0..10).for_each(|j| shared.lock().unwrap().push(vec![i; 1 + j * 5]));
        std::thread::spawn(work).join().unwrap();
    }
    shared.lock().unwrap().retain(|vector| vector.len() % 2 == 0);
}

fn refused() {
    let mut bytes: Vec<u8> = Vec::new();
    let mut notes = Vec::new();
    while bytes.try_reserve_exact(bytes.capacity() + 100 + ((bytes.len() / 10_000) << 24)).is_ok() {
        bytes.resize(bytes.capacity(), 1);
        notes.push(bytes.len().to_string());
    }
    bytes.truncate(50);
    bytes.shrink_to_fit();
}

struct File(std::fs::File);

impl Write for File {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        std::io::Write::write_all(&mut self.0, text.as_bytes()).map_err(|_| fmt::Error)
    }
}

fn main() {
    let folder = std::env::args().nth(1).expect("usage: record FOLDER");
    std::thread::spawn(|| ()).join().unwrap(); // std keeps some of its first thread
    for (name, what, work) in WORKS {
        record::start();
        work();
        assert!(record::stop(), "{name} makes too many calls");
        host::sound();
        let mut file = File(std::fs::File::create(format!("{folder}/{name}.ops")).expect("the file cannot be made"));
        record::write(&mut file, what).expect("the file cannot be written");
    }
}
