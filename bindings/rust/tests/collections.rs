//! Every collection of alloc on this heap, which is the global allocator; the checker walks it between the steps.

mod host;

use std::collections::{BTreeMap, BinaryHeap, LinkedList, VecDeque};
use std::rc::Rc;
use std::sync::{Arc, Mutex, MutexGuard};

use host::{is_ours, sound};

/// Runs work alone, and requires that the heap then has the blocks that it had before.
fn leaves_nothing(work: impl FnOnce()) {
    static ALONE: Mutex<()> = Mutex::new(());
    let _alone: MutexGuard<()> = ALONE.lock().unwrap();
    work();
    sound();
}

#[test]
fn boxes_strings_and_counted_pointers_are_in_the_region() {
    leaves_nothing(|| {
        let number = Box::new(7u64);
        let text = String::from("seven");
        let shared = Rc::new([1u8; 100]);
        let atomic = Arc::new(text.clone());
        assert!(is_ours(&*number) && is_ours(text.as_ptr()) && is_ours(&*shared) && is_ours(&*atomic));
        sound();
        drop(shared.clone());
        assert_eq!((*number, shared[99], Arc::strong_count(&atomic)), (7, 1, 1));
        assert_eq!(format!("{number} is {text:>8}"), "7 is    seven");
    });
}

#[test]
fn collections_keep_what_they_are_given_while_they_grow_and_shrink() {
    leaves_nothing(|| {
        let mut tree = BTreeMap::new();
        let mut queue = VecDeque::new();
        let mut heap = BinaryHeap::new();
        let mut list = LinkedList::new();
        for i in 0..1000u32 {
            let key = i.wrapping_mul(2654435761) % 1009;
            tree.insert(key, format!("value {key}"));
            queue.push_front(key);
            heap.push(key);
            list.push_back(key);
            if i % 100 == 0 {
                sound();
            }
        }
        assert!(tree.iter().all(|(key, value)| *value == format!("value {key}")));
        assert!(queue.iter().rev().eq(list.iter()));
        assert!(heap.clone().into_sorted_vec().windows(2).all(|pair| pair[0] <= pair[1]));
        tree.retain(|key, _| key % 3 == 0);
        queue.truncate(10);
        queue.shrink_to_fit();
        sound();
        assert_eq!(queue.len(), 10);
        assert!(tree.keys().all(|key| key % 3 == 0));
    });
}
