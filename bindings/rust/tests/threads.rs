//! Several threads in one heap. After every join the checker walks it, and each thread finds its payloads as it left them.

mod host;

use std::alloc::Layout;
use std::mem::MaybeUninit;
use std::sync::mpsc::channel;
use std::thread;

use kmem::Heap;

const THREADS: u64 = 6;
const STEPS: u64 = 4_000;

/// A generator of numbers (xorshift), so that each run asks for the same.
fn next(state: &mut u64) -> usize {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    (*state >> 8) as usize
}

fn threads_share_the_global_heap() {
    let work = |seed: u64| {
        let mut state = seed + 1;
        let mut live: Vec<Vec<u8>> = Vec::new();
        for _ in 0..STEPS {
            let length = next(&mut state) % 300;
            match next(&mut state) % 4 {
                0 | 1 => live.push(vec![length as u8; length]),
                2 if !live.is_empty() => {
                    let i = next(&mut state) % live.len();
                    let last = live.swap_remove(i);
                    assert!(last.iter().all(|byte| Some(byte) == last.first()));
                }
                _ => {
                    if let Some(last) = live.last_mut() {
                        let byte = last.first().copied().unwrap_or(9);
                        last.resize(length, byte);
                        last.shrink_to_fit();
                        assert!(last.iter().all(|held| *held == byte));
                    }
                }
            }
        }
        live
    };
    let threads: Vec<_> = (0..THREADS).map(|seed| thread::spawn(move || work(seed))).collect();
    for thread in threads {
        let live = thread.join().unwrap();
        host::sound();
        // What one thread has allocated another frees.
        assert!(live.iter().all(|bytes| bytes.iter().all(|byte| Some(byte) == bytes.first())));
    }
    host::sound();
}

fn threads_pass_boxes_to_each_other() {
    let (sender, receiver) = channel::<Box<[u64; 20]>>();
    let senders: Vec<_> = (0..THREADS)
        .map(|seed| {
            let sender = sender.clone();
            thread::spawn(move || (0..500).for_each(|i| sender.send(Box::new([seed * 1000 + i; 20])).unwrap()))
        })
        .collect();
    drop(sender);
    // In a thread of its own: what std keeps of one that has waited goes with it.
    let receiver =
        thread::spawn(move || receiver.iter().filter(|numbers| numbers.iter().all(|n| *n == numbers[0])).count());
    for thread in senders {
        thread.join().unwrap();
        host::sound();
    }
    assert_eq!(receiver.join().unwrap(), THREADS as usize * 500);
}

fn threads_share_a_heap_of_ones_own() {
    let mut region = vec![MaybeUninit::uninit(); 1 << 18];
    let heap = Heap::new(&mut region).unwrap();
    let work = |seed: u64| {
        let mut state = seed + 1;
        let mut live = Vec::new();
        for _ in 0..STEPS {
            let layout = Layout::from_size_align(1 + next(&mut state) % 500, 1 << (next(&mut state) % 8)).unwrap();
            if let Ok(payload) = heap.alloc(layout) {
                unsafe { payload.as_ptr().write_bytes(seed as u8, layout.size()) };
                live.push((payload, layout));
            }
            if live.len() > 40 {
                let (payload, layout) = live.swap_remove(next(&mut state) % 40);
                let bytes = unsafe { std::slice::from_raw_parts(payload.as_ptr(), layout.size()) };
                assert!(bytes.iter().all(|byte| *byte == seed as u8));
                unsafe { heap.dealloc(payload, layout) }.unwrap();
            }
        }
        live.iter().for_each(|(payload, layout)| unsafe { heap.dealloc(*payload, *layout) }.unwrap());
    };
    thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS).map(|seed| scope.spawn(move || work(seed))).collect();
        for thread in threads {
            thread.join().unwrap();
            heap.check().unwrap();
        }
    });
    assert_eq!(heap.check().unwrap().block_count, 1);
}

fn main() {
    thread::spawn(|| ()).join().unwrap(); // what std keeps of its first thread is no leak
    host::run! {
        threads_share_the_global_heap
        threads_pass_boxes_to_each_other
        threads_share_a_heap_of_ones_own
    }
}
