//! `GlobalAlloc` itself, of the kernel's heap and of a heap of one's own: each size at each alignment.

mod host;

use std::alloc::{GlobalAlloc, Layout};
use std::mem::MaybeUninit;

use kmem::{Error, Heap, OsGlobalAlloc};

const SIZES: [usize; 9] = [1, 7, 8, 9, 16, 100, 4095, 4096, 5000];

fn alignments() -> impl Iterator<Item = usize> {
    (0..=13).map(|power| 1 << power)
}

fn layouts() -> impl Iterator<Item = Layout> {
    SIZES.iter().flat_map(|size| alignments().map(|alignment| Layout::from_size_align(*size, alignment).unwrap()))
}

/// Is pointer aligned as layout says, and are its first bytes all byte?
unsafe fn holds(pointer: *const u8, layout: Layout, size: usize, byte: u8) -> bool {
    pointer as usize % layout.align() == 0 && (0..size).all(|i| *pointer.add(i) == byte)
}

/// Calls work with both allocators. The heap of one's own is in a region that nothing divides, and is then as before.
fn with_each(work: impl Fn(&dyn GlobalAlloc)) {
    work(&OsGlobalAlloc);
    let mut region = vec![MaybeUninit::new(0x5a_u8); 100_001];
    let heap = Heap::new(&mut region[1..]).unwrap();
    let before = heap.check().unwrap();
    work(&&heap);
    assert_eq!(heap.check().unwrap(), before);
}

fn every_layout_is_honoured() {
    with_each(|allocator| unsafe {
        // All at once, so that they would overlap if their sizes were not honoured.
        let live: Vec<_> = layouts()
            .filter(|layout| layout.size() <= 100)
            .enumerate()
            .map(|(i, layout)| {
                let pointer = allocator.alloc(layout);
                assert!(!pointer.is_null(), "{layout:?}");
                pointer.write_bytes(i as u8, layout.size());
                (pointer, layout, i as u8)
            })
            .collect();
        for (pointer, layout, byte) in live {
            assert!(holds(pointer, layout, layout.size(), byte), "{layout:?}");
            allocator.dealloc(pointer, layout);
        }
    });
}

fn zeroed_is_zero_at_every_alignment_in_a_dirty_heap() {
    with_each(|allocator| unsafe {
        for layout in layouts() {
            let dirty = allocator.alloc(layout);
            dirty.write_bytes(0xff, layout.size());
            allocator.dealloc(dirty, layout);
            let zeroed = allocator.alloc_zeroed(layout);
            assert!(holds(zeroed, layout, layout.size(), 0), "{layout:?}");
            allocator.dealloc(zeroed, layout);
        }
    });
}

fn realloc_keeps_alignment_and_contents() {
    with_each(|allocator| unsafe {
        for layout in layouts() {
            for new_size in SIZES {
                let old = allocator.alloc(layout);
                old.write_bytes(0xa5, layout.size());
                let wall = Layout::new::<u64>(); // after the block, so that it has to move where it grows
                let wall_pointer = allocator.alloc(wall);
                let new = allocator.realloc(old, layout, new_size);
                assert!(holds(new, layout, layout.size().min(new_size), 0xa5), "{layout:?} to {new_size}");
                new.write_bytes(1, new_size);
                allocator.dealloc(new, Layout::from_size_align(new_size, layout.align()).unwrap());
                allocator.dealloc(wall_pointer, wall);
            }
        }
    });
}

fn a_size_of_zero_takes_no_block() {
    with_each(|allocator| unsafe {
        for alignment in alignments() {
            let empty = Layout::from_size_align(0, alignment).unwrap();
            let one = Layout::from_size_align(1, alignment).unwrap();
            assert_eq!(allocator.alloc(empty) as usize, alignment);
            assert_eq!(allocator.alloc_zeroed(empty) as usize, alignment);
            allocator.dealloc(allocator.alloc(empty), empty);
            let grown = allocator.realloc(allocator.alloc(empty), empty, 1);
            assert!(grown as usize % alignment == 0 && grown as usize != alignment);
            assert_eq!(allocator.realloc(grown, one, 0) as usize, alignment);
        }
    });
}

fn what_cannot_fit_is_refused_and_changes_nothing() {
    with_each(|allocator| unsafe {
        let layout = Layout::from_size_align(64, 64).unwrap();
        let kept = allocator.alloc(layout);
        kept.write_bytes(3, 64);
        for size in [host::REGION_SIZE, isize::MAX as usize - 63] {
            let huge = Layout::from_size_align(size, 64).unwrap();
            assert!(allocator.alloc(huge).is_null() && allocator.alloc_zeroed(huge).is_null());
            assert!(allocator.realloc(kept, layout, size).is_null());
        }
        assert!(holds(kept, layout, 64, 3));
        allocator.dealloc(kept, layout);
    });
}

fn a_heap_of_ones_own_answers_misuse_by_name() {
    let mut region = [MaybeUninit::uninit(); 1000];
    let heap = Heap::new(&mut region).unwrap();
    let layout = Layout::from_size_align(100, 8).unwrap();
    let payload = heap.alloc(layout).unwrap();
    assert!(heap.size() > 900 && heap.usable_size(payload.as_ptr()) >= 100);
    let census = heap.check().unwrap();
    unsafe {
        for (step, error) in
            [(8, Error::INTERIOR_POINTER), (1, Error::MISALIGNED_POINTER), (2000, Error::FOREIGN_POINTER)]
        {
            let wrong = std::ptr::NonNull::new(payload.as_ptr().wrapping_add(step)).unwrap();
            assert_eq!(heap.dealloc(wrong, layout), Err(error));
            assert_eq!(heap.realloc(wrong, layout, 50), Err(error));
            assert_eq!(heap.realloc(wrong, Layout::from_size_align(100, 64).unwrap(), 500), Err(error));
        }
        assert_eq!(heap.check().unwrap(), census);
        assert_eq!(heap.dealloc(payload, layout), Ok(()));
        assert_eq!(heap.dealloc(payload, layout).unwrap_err().name(), "double-free");
    }
    assert_eq!(heap.usable_size(payload.as_ptr()), 0);
}

fn a_heap_without_a_region_refuses_until_it_has_one() {
    let heap = Heap::empty();
    assert_eq!(heap.alloc(Layout::new::<u64>()), Err(Error::EXHAUSTED));
    assert!(std::panic::catch_unwind(|| Heap::empty().check().is_ok()).is_err(), "nothing is there to be sound");
    assert_eq!(Heap::new(&mut [MaybeUninit::uninit(); 15]).err(), Some(Error::BAD_REGION));
    let mut region = [MaybeUninit::<u8>::uninit(); 256];
    unsafe { heap.start(region.as_mut_ptr().cast(), region.len()) }.unwrap();
    assert!(heap.alloc(Layout::new::<u64>()).is_ok());
}

fn the_checker_names_what_a_stray_write_broke() {
    let mut region = [MaybeUninit::<u8>::uninit(); 256];
    let start = region.as_mut_ptr().cast::<u8>();
    let heap = Heap::new(&mut region).unwrap();
    let layout = Layout::new::<u64>();
    let payload = heap.alloc(layout).unwrap().as_ptr();
    // SAFETY: in the region, at the header after the payload's block.
    unsafe { payload.add(8).cast::<u64>().write_unaligned(24 + 1) };
    let violation = heap.check().unwrap_err();
    assert_eq!((violation.id(), violation.offset, violation.observed), ("block-size", 16, 25));
    assert!(violation.to_string().starts_with("block-size at offset 16: expected"), "{violation}");
    assert!(payload as usize - start as usize <= 16);
}

fn main() {
    host::run! {
        every_layout_is_honoured
        zeroed_is_zero_at_every_alignment_in_a_dirty_heap
        realloc_keeps_alignment_and_contents
        a_size_of_zero_takes_no_block
        what_cannot_fit_is_refused_and_changes_nothing
        a_heap_of_ones_own_answers_misuse_by_name
        a_heap_without_a_region_refuses_until_it_has_one
        the_checker_names_what_a_stray_write_broke
    }
}
