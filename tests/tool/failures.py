"""Programs that fail under a planted bug in the middle of much that has nothing to do with it, what is left of them when they
are reduced, and changes to the core that kill it. No tests here."""

HISTORY = "alloc 0 24\nzalloc 1 largest-64\nrealloc 0 40\ncoalesce\nfree 1\nalloc 3 17\nnull\ncalloc 5 3 8\n"

# Under merge-right-forgotten.
UNMERGED = f"kmem-program 1\nheap page=64 pages=8 growth=3 slots=64\n{HISTORY}free 3\nfree 0\nalloc 9 8\n"
UNMERGED_REDUCED = "kmem-program 1\nheap page=32 pages=1 growth=0 slots=16\nalloc 0 1\n"

# Under zalloc-clears-one-word-more.
ZEROED = f"kmem-program 1\nheap page=64 pages=8\n{HISTORY}zalloc 9 56\nfree 0\n"
ZEROED_REDUCED = "kmem-program 1\nheap page=32 pages=1 growth=0 slots=16\nzalloc 0 1\n"

# Under walk-stands-still.
HANGING = "kmem-program 1\nheap pages=4\nalloc 0 24\nalloc 1 24\nnull\nfree 0\nfree 1\n"

# In one place of src/kmem.c: what it says, and what it is made to say. Both fail in a zalloc of 40 bytes.
WRITES_TO_NULL = ("    block_word *const words = payload;\n",
                  "    block_word *const words = usable_size == 40 ? (uint64_t *)8 : payload;\n")
HANGS = ("    block_word *const words = payload;\n",
         "    block_word *const words = payload;\n    while (*(volatile size_t *)&usable_size == 40) {\n    }\n")
