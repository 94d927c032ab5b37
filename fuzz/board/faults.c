/* The subject of the fault-injection image: kmem, but for the requests that ask for damage. faults.h lists
 * them. What is wrong here is wrong on purpose. */
#include "fuzz/board/faults.h"

#include "fuzz/board/image.h"
#include "fuzz/execute/arena.h"
#include "fuzz/program/blob.h"
#include "src/kmem.h"
#include "src/riscv/csr.h"
#include "src/riscv/semihosting.h"

#define BEHIND_RAM    ((uintptr_t)0x88000000)
#define UNUSED_DEVICE ((uintptr_t)0x10005000)
#define PAGE          ((uintptr_t)4096) /* bytes; the machine's */

extern char text_start[], constants_start[], arena_start[], arena_end[], blob_start[];

static void store(uintptr_t address) {
    *(volatile unsigned char *)address = 0x5a;
}

static void load(uintptr_t address) {
    (void)*(volatile unsigned char *)address;
}

static void jump(uintptr_t address) {
    __asm__ volatile("jalr %0" ::"r"(address) : "ra", "memory");
}

/* Uses a page of stack at every step, cannot be made a loop of, and would end after 2^32 steps. */
__attribute__((noinline)) static unsigned recurse(unsigned depth) {
    volatile unsigned char frame[4096];
    frame[0] = (unsigned char)depth;
    return depth == 0 ? 0 : recurse(depth + 1) + frame[0];
}

__attribute__((noinline)) static void return_nowhere(void) {
    __asm__ volatile("mv ra, %0\n\tret" ::"r"((uintptr_t)0x41414140) : "memory");
}

static void damage_processor(enum fault_kind kind) {
    switch (kind) {
    case FAULT_ATOMIC_MISALIGNED:
        __asm__ volatile("amoadd.w zero, zero, (%0)" ::"r"(arena_end - 4094) : "memory");
        break;
    case FAULT_ILLEGAL_INSTRUCTION:
        __asm__ volatile("unimp");
        break;
    case FAULT_ECALL:
        __asm__ volatile("ecall");
        break;
    case FAULT_EBREAK:
        __asm__ volatile("ebreak");
        break;
    case FAULT_LOOP_DEAF:
        CSR_CLEAR(mstatus, MSTATUS_MIE);
        for (;;) {
            __asm__ volatile("");
        }
    case FAULT_LOOP:
        for (;;) {
            __asm__ volatile("");
        }
    case FAULT_STACK_POINTER:
        __asm__ volatile("li sp, 0x40\n\tsw zero, 0(sp)" ::: "memory");
        break;
    case FAULT_STACK_OVERRUN:
        (void)recurse(1);
        break;
    case FAULT_RETURN_ADDRESS:
        return_nowhere();
        break;
    case FAULT_TRAP_VECTOR:
        CSR_WRITE(mtvec, 0);
        __asm__ volatile("unimp");
        break;
    case FAULT_SEMIHOSTING:
        semihosting_exit(0);
    default:
        break;
    }
}

static void damage_memory(enum fault_kind kind) {
    switch (kind) {
    case FAULT_LOAD_NULL:
        load(0x18);
        break;
    case FAULT_STORE_NULL:
        store(0x18);
        break;
    case FAULT_LOAD_UNMAPPED:
        load(BEHIND_RAM);
        break;
    case FAULT_STORE_UNMAPPED:
        store(BEHIND_RAM + 0x123);
        break;
    case FAULT_CALL_NULL:
        jump(0);
        break;
    case FAULT_JUMP_HEAP:
        jump((uintptr_t)arena_start + 0x2000);
        break;
    case FAULT_STORE_BEFORE:
        store((uintptr_t)arena_start - 1);
        break;
    case FAULT_STORE_PAST:
        store((uintptr_t)arena_end);
        break;
    case FAULT_STORE_TEXT:
        store((uintptr_t)text_start + 0x100);
        break;
    case FAULT_STORE_CONSTANT:
        store((uintptr_t)constants_start);
        break;
    case FAULT_STORE_CORPUS:
        store((uintptr_t)blob_start + BLOB_HEADER_SIZE);
        break;
    case FAULT_STORE_DEVICE:
        store(UNUSED_DEVICE);
        break;
    default:
        damage_processor(kind);
        break;
    }
}

/* The first page that holds nothing of the heap's. */
static uintptr_t page_behind(const struct kmem *heap) {
    return ((uintptr_t)heap->base + kmem_size(heap) + PAGE - 1) / PAGE * PAGE;
}

static void damage(const struct kmem *heap, enum fault_kind kind) {
    switch (kind) {
    case FAULT_HEADER_ZERO:
        *(uint64_t *)(void *)heap->base = 0;
        break;
    case FAULT_GUARD_BYTE:
        store((uintptr_t)heap->base - 1);
        break;
    case FAULT_PAYLOAD_BYTE:
        store((uintptr_t)heap->base + 8);
        break;
    case FAULT_STORE_RESERVED:
        /* Where memory is all there, it stays as it is. */
        *(volatile unsigned char *)page_behind(heap) = ARENA_DIRT;
        break;
    case FAULT_LOAD_RESERVED:
        load(page_behind(heap));
        break;
    default:
        damage_memory(kind);
        break;
    }
}

static void *alloc(size_t size) {
    if (size >= FAULT_REQUEST && size < FAULT_REQUEST + FAULT_COUNT) {
        damage(subject_kmem.view->heap, (enum fault_kind)(size - FAULT_REQUEST));
    }
    return subject_kmem.alloc(size);
}

/* A copy of kmem's table but for alloc, made at run time: a constant cannot be copied in an initialiser. */
static struct subject damaged;

const struct subject *image_subject(void) {
    damaged = subject_kmem;
    damaged.alloc = alloc;
    return &damaged;
}
