//! An example for each module of alloc, and for each collection. `docs/rust.md` says what each is for.

pub fn alloc() {
    use alloc::alloc::{alloc_zeroed, dealloc, handle_alloc_error, Layout};

    // A ring that a device reads: it begins at a multiple of its size.
    let layout = Layout::from_size_align(1024, 1024).unwrap();
    let ring = unsafe { alloc_zeroed(layout) };
    if ring.is_null() {
        handle_alloc_error(layout);
    }
    assert_eq!(ring as usize % 1024, 0);
    unsafe { dealloc(ring, layout) };
}

pub fn borrow() {
    use alloc::borrow::Cow;

    fn tidy(path: &str) -> Cow<'_, str> {
        if path.contains("//") {
            Cow::Owned(path.replace("//", "/"))
        } else {
            Cow::Borrowed(path) // no block
        }
    }
    assert!(matches!(tidy("/dev/uart"), Cow::Borrowed(_)));
    assert_eq!(tidy("/dev//uart"), "/dev/uart");
}

pub fn boxed() {
    use alloc::boxed::Box;

    trait Driver {
        fn interrupt(&self) -> u32;
    }
    struct Clock; // of size 0: its Box takes no block
    struct Uart {
        interrupt: u32,
    }
    impl Driver for Clock {
        fn interrupt(&self) -> u32 {
            7
        }
    }
    impl Driver for Uart {
        fn interrupt(&self) -> u32 {
            self.interrupt
        }
    }
    let drivers: [Box<dyn Driver>; 2] = [Box::new(Clock), Box::new(Uart { interrupt: 10 })];
    assert!(drivers.iter().map(|driver| driver.interrupt()).eq([7, 10]));
}

pub fn btree_map() {
    use alloc::collections::BTreeMap;

    // Which mapping is an address in? The last one that begins at it or before.
    let mappings = BTreeMap::from([(0x1000, ("text", 0x3000)), (0x8000, ("stack", 0x1000))]);
    let find = |address| {
        let (start, (name, size)) = mappings.range(..=address).next_back()?;
        (address - start < *size).then_some(*name)
    };
    assert_eq!(find(0x3fff), Some("text"));
    assert_eq!(find(0x4000), None);
}

pub fn btree_set() {
    use alloc::collections::BTreeSet;

    // Process ids that are free: the lowest is used first.
    let mut free = BTreeSet::from([3, 4, 5, 6]);
    assert_eq!(free.pop_first(), Some(3));
    free.insert(1);
    assert_eq!(free.pop_first(), Some(1));
}

pub fn binary_heap() {
    use alloc::collections::BinaryHeap;
    use core::cmp::Reverse;

    // Timers: the earliest deadline is on top.
    let mut timers = BinaryHeap::with_capacity(16);
    timers.push(Reverse((300, "flush")));
    timers.push(Reverse((100, "tick")));
    let now = 200;
    while timers.peek().map_or(false, |Reverse((deadline, _))| *deadline <= now) {
        let Reverse((_, name)) = timers.pop().unwrap();
        assert_eq!(name, "tick");
    }
    assert_eq!(timers.len(), 1);
}

pub fn linked_list() {
    use alloc::collections::LinkedList;

    // One list behind another, however long they are: no call of the allocator, and nothing is copied.
    let mut ready = LinkedList::from(["shell"]);
    let mut woken = LinkedList::from(["editor", "mail"]);
    ready.append(&mut woken);
    assert!(woken.is_empty());
    assert!(ready.iter().eq(&["shell", "editor", "mail"]));
}

pub fn vec_deque() {
    use alloc::collections::VecDeque;

    // What a terminal has received: of fixed capacity, so that the interrupt handler never allocates.
    let mut received = VecDeque::with_capacity(16);
    let capacity = received.capacity();
    for byte in *b"a line that is too long" {
        if received.len() < capacity {
            received.push_back(byte);
        } // else the byte is lost
    }
    assert_eq!(received.capacity(), capacity);
    assert_eq!(received.pop_front(), Some(b'a'));
}

pub fn ffi() {
    use alloc::ffi::CString;

    let name = CString::new("init").unwrap();
    assert_eq!(name.as_bytes_with_nul(), b"init\0"); // name.as_ptr() is what C takes
    assert!(CString::new("in\0it").is_err());
}

pub fn fmt() {
    use alloc::format;
    use core::fmt::{Result, Write};

    let line = format!("hart {} has {} pages", 3, 512); // a block

    // What a kernel prints needs none: write! sends it piece by piece.
    struct Console([u8; 80], usize);
    impl Write for Console {
        fn write_str(&mut self, piece: &str) -> Result {
            for byte in piece.bytes() {
                *self.0.get_mut(self.1).ok_or(core::fmt::Error)? = byte;
                self.1 += 1;
            }
            Ok(())
        }
    }
    let mut console = Console([0; 80], 0);
    write!(console, "hart {} has {} pages", 3, 512).unwrap();
    assert_eq!(&console.0[..console.1], line.as_bytes());
}

pub fn rc() {
    use alloc::rc::{Rc, Weak};
    use core::cell::RefCell;

    struct Folder {
        parent: Weak<Folder>, // keeps no one alive: two Rc in a circle would never be freed
        names: RefCell<[&'static str; 2]>,
    }
    let root = Rc::new(Folder { parent: Weak::new(), names: RefCell::new(["bin", "dev"]) });
    let bin = Rc::new(Folder { parent: Rc::downgrade(&root), names: RefCell::default() });
    bin.parent.upgrade().unwrap().names.borrow_mut()[0] = "sbin";
    assert_eq!(root.names.borrow()[0], "sbin");
    drop(root);
    assert!(bin.parent.upgrade().is_none());
}

pub fn slice() {
    let mut pages = [(7, "heap"), (2, "stack"), (7, "code")];
    pages.sort_unstable(); // in place
    assert_eq!(pages[0], (2, "stack"));

    let kept = pages[1..].to_vec(); // one block, exactly as long
    assert_eq!(kept.capacity(), 2);
    assert_eq!([[1, 2], [3, 4]].concat(), [1, 2, 3, 4]);
}

pub fn str() {
    let line = "  mount /dev/disk /home ";
    let mut words = line.split_whitespace(); // no block: each word is a piece of the line
    assert_eq!(words.next(), Some("mount"));

    let kept = words.next().unwrap().to_owned(); // a block, to keep it when the line is gone
    assert_eq!(kept.replace("disk", "flash"), "/dev/flash");
}

pub fn string() {
    use alloc::string::String;

    let mut path = String::with_capacity(64); // does not have to grow from 8
    for name in ["usr", "bin", "sh"] {
        path.push('/');
        path.push_str(name);
    }
    assert_eq!(path, "/usr/bin/sh");
    assert_eq!(path.capacity(), 64);
}

pub fn sync() {
    use alloc::sync::Arc;
    use core::sync::atomic::{AtomicU32, Ordering};

    let interrupts = Arc::new(AtomicU32::new(0));
    let harts = [0; 4].map(|_| {
        let interrupts = Arc::clone(&interrupts); // counts, and takes no block
        std::thread::spawn(move || interrupts.fetch_add(1, Ordering::Relaxed)) // stands for a hart
    });
    for hart in harts {
        hart.join().unwrap();
    }
    assert_eq!(interrupts.load(Ordering::Relaxed), 4);
}

pub fn task() {
    use alloc::boxed::Box;
    use alloc::sync::Arc;
    use alloc::task::Wake;
    use core::future::Future;
    use core::pin::Pin;
    use core::sync::atomic::{AtomicBool, Ordering};
    use core::task::{Context, Poll};

    struct Ready(AtomicBool);
    impl Wake for Ready {
        fn wake(self: Arc<Self>) {
            self.0.store(true, Ordering::Release);
        }
    }

    // A task is two blocks: what it knows between two steps, and what wakes it.
    let mut task: Pin<Box<dyn Future<Output = u32>>> = Box::pin(async { 6 * 7 });
    let ready = Arc::new(Ready(AtomicBool::new(true)));
    let waker = ready.clone().into();
    let mut result = Poll::Pending;
    while ready.0.swap(false, Ordering::Acquire) {
        result = task.as_mut().poll(&mut Context::from_waker(&waker));
    }
    assert_eq!(result, Poll::Ready(42));
}

pub fn vec() {
    use alloc::vec::Vec;

    let mut harts = Vec::new();
    if harts.try_reserve_exact(4).is_err() {
        return; // no memory: the kernel decides, and nothing panics
    }
    harts.extend([0, 1, 2]);
    assert_eq!(harts.capacity(), 4);
    harts.shrink_to_fit(); // stays where it is, and gives back what is behind
    assert_eq!(harts.capacity(), 3);
}
