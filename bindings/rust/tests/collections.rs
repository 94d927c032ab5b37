//! Every collection of alloc, in the heap as the global allocator. The checker walks the heap between the steps.

mod host;

use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap, LinkedList, VecDeque};
use std::fmt::Debug;
use std::rc::{Rc, Weak};
use std::sync::Arc;

use host::{is_ours, sound};

fn boxes_lie_in_the_region_and_own_what_they_hold() {
    let number = Box::new(7u64);
    let slice: Box<[u16]> = vec![1, 2, 3].into_boxed_slice();
    let object: Box<dyn Debug> = Box::new([1u8; 5]);
    let closure: Box<dyn Fn(u64) -> u64> = Box::new(move |n| n + *number);
    assert!(is_ours(slice.as_ptr()) && is_ours(&*object as *const dyn Debug as *const u8));
    sound();
    assert_eq!((closure(1), slice.len(), format!("{object:?}")), (8, 3, "[1, 1, 1, 1, 1]".into()));
    let leaked = Box::into_raw(Box::new(String::from("raw")));
    // SAFETY: it was a box.
    assert_eq!(*unsafe { Box::from_raw(leaked) }, "raw");
}

fn vectors_grow_and_shrink_with_their_contents() {
    let mut numbers = Vec::new();
    for i in 0..10_000u32 {
        numbers.push(i);
        if i.is_power_of_two() {
            sound();
        }
    }
    assert!(is_ours(numbers.as_ptr()));
    for length in [9_000, 5_000, 100, 3, 0] {
        numbers.truncate(length);
        numbers.shrink_to_fit();
        assert_eq!(numbers.capacity(), length);
        assert!(numbers.iter().copied().eq(0..length as u32));
        sound();
    }
    let mut halves = vec![vec![1u8; 1000], vec![2u8; 3000]];
    halves.insert(1, vec![3u8; 17]);
    halves.swap_remove(0);
    assert_eq!(halves.concat().len(), 3017);
    let mut unsorted: Vec<u64> = (0..3000).map(|i| i * 7919 % 3001).collect();
    unsorted.sort(); // takes a buffer
    assert!(unsorted.windows(2).all(|pair| pair[0] <= pair[1]));
}

fn strings_are_built_formatted_and_borrowed() {
    let mut text = String::new();
    for i in 0..500 {
        text += &format!("{i:>5},");
    }
    sound();
    assert_eq!(text.len(), 3000);
    let words: Vec<String> = text.split(',').map(|word| word.trim().to_string()).collect();
    assert_eq!(words.join("-").replace("49", "forty-nine").matches("forty-nine").count(), 15);
    assert!(matches!(String::from_utf8_lossy(&[b'a', 0xff]), Cow::Owned(owned) if owned == "a\u{fffd}"));
    let shared: Arc<str> = text.clone().into();
    assert_eq!(*shared, *text.to_uppercase());
    assert!(is_ours(shared.as_ptr()));
}

fn counted_pointers_free_at_the_last_owner() {
    #[derive(Default)]
    struct Node {
        parent: RefCell<Weak<Node>>,
        children: RefCell<Vec<Rc<Node>>>,
    }
    let root = Rc::new(Node::default());
    for _ in 0..100 {
        let child = Rc::new(Node::default());
        *child.parent.borrow_mut() = Rc::downgrade(&root);
        root.children.borrow_mut().push(child);
    }
    sound();
    let child = root.children.borrow()[50].clone();
    assert!(Rc::ptr_eq(&child.parent.borrow().upgrade().unwrap(), &root));
    drop(root);
    assert!(child.parent.borrow().upgrade().is_none());
    let mut shared = Arc::new([0u8; 100]);
    let kept = shared.clone();
    Arc::make_mut(&mut shared)[0] = 1; // copies
    assert_eq!((kept[0], shared[0], Arc::strong_count(&kept)), (0, 1, 1));
}

fn trees_keep_their_order_while_nodes_split_and_merge() {
    let mut map = BTreeMap::new();
    for i in 0..2000u32 {
        let key = i.wrapping_mul(2_654_435_761) % 2003;
        map.insert(key, format!("value {key}"));
        if i % 100 == 0 {
            sound();
        }
    }
    assert!(map.iter().all(|(key, value)| *value == format!("value {key}")));
    let mut upper = map.split_off(&1000);
    map.retain(|key, _| key % 7 == 0);
    sound();
    assert!(map.keys().all(|key| key % 7 == 0 && *key < 1000) && upper.keys().all(|key| *key >= 1000));
    map.append(&mut upper);
    let set: BTreeSet<u32> = map.into_keys().collect();
    assert!(set.range(..1000).all(|key| key % 7 == 0));
}

fn queues_heaps_and_lists_give_back_what_they_got() {
    let mut queue = VecDeque::new();
    let mut heap = BinaryHeap::new();
    let mut list = LinkedList::new();
    for i in 0..1000u32 {
        let key = i * 7919 % 1009;
        queue.push_front(key);
        heap.push(key);
        list.push_back(key);
        if i % 100 == 0 {
            sound();
        }
    }
    assert!(queue.iter().rev().eq(list.iter()));
    queue.rotate_left(300);
    queue.make_contiguous().sort_unstable();
    assert!(queue.iter().eq(heap.into_sorted_vec().iter()));
    let mut rest = list.split_off(400);
    assert_eq!((list.len(), rest.pop_back().is_some(), rest.len()), (400, true, 599));
    queue.truncate(10);
    queue.shrink_to_fit();
    sound();
    assert_eq!(queue.len(), 10);
}

fn types_aligned_up_to_a_page_lie_where_they_must() {
    macro_rules! aligned {
        ($($alignment:literal)*) => {$({
            #[derive(Clone)]
            #[repr(align($alignment))]
            struct Aligned(u8);
            let one = Box::new(Aligned(1));
            let mut many = Vec::new();
            for i in 0..20 {
                many.push(Aligned(i)); // grows by realloc, which must keep the alignment
                assert_eq!(many.as_ptr() as usize % $alignment, 0);
            }
            many.truncate(5);
            many.shrink_to_fit();
            let shared = Arc::new(many[4].clone());
            for address in [&*one as *const Aligned, &*shared, many.as_ptr()] {
                assert!(address as usize % $alignment == 0 && is_ours(address));
            }
            assert!(many.iter().map(|aligned| aligned.0).eq(0..5));
            assert_eq!((one.0, shared.0), (1, 4));
            sound();
        })*};
    }
    aligned!(2 4 8 16 32 64 128 256 512 1024 2048 4096);
    let wide: Vec<u128> = (0..100).collect();
    assert_eq!(wide.as_ptr() as usize % std::mem::align_of::<u128>(), 0);
}

fn types_without_a_size_take_no_block() {
    let before = sound();
    let units = Vec::from([(); 1_000_000]);
    let boxed: Box<[u64; 0]> = Box::new([]);
    let none = Vec::<u64>::with_capacity(0);
    assert_eq!((units.len(), boxed.len(), none.capacity()), (1_000_000, 0, 0));
    assert_eq!(sound(), before);
}

fn main() {
    host::run! {
        boxes_lie_in_the_region_and_own_what_they_hold
        vectors_grow_and_shrink_with_their_contents
        strings_are_built_formatted_and_borrowed
        counted_pointers_free_at_the_last_owner
        trees_keep_their_order_while_nodes_split_and_merge
        queues_heaps_and_lists_give_back_what_they_got
        types_aligned_up_to_a_page_lie_where_they_must
        types_without_a_size_take_no_block
    }
}
