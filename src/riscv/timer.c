/* The timer. timer.h is the contract. */
#include "timer.h"

#include "board.h"
#include "csr.h"

_Static_assert(TIMER_TICKS_PER_MILLISECOND == BOARD_TIMER_RATE / 1000, "the board's rate");

/* Halves, so that a 32-bit machine does the same as a 64-bit one. */
#define MTIMECMP_LOW  ((volatile uint32_t *)(BOARD_CLINT + 0x4000))
#define MTIMECMP_HIGH ((volatile uint32_t *)(BOARD_CLINT + 0x4004))
#define MTIME_LOW     ((volatile uint32_t *)(BOARD_CLINT + 0xbff8))
#define MTIME_HIGH    ((volatile uint32_t *)(BOARD_CLINT + 0xbffc))

static uint64_t deadline;           /* when the milliseconds are over */
static uint64_t alarm = UINT64_MAX; /* as it is in the device */

uint64_t timer_now(void) {
    uint32_t high = *MTIME_HIGH;
    uint32_t low = *MTIME_LOW;
    if (high != *MTIME_HIGH) { /* the low half has just wrapped, and will not again for minutes */
        high = *MTIME_HIGH;
        low = *MTIME_LOW;
    }
    return (uint64_t)high << 32 | low;
}

static void set_alarm(uint64_t ticks) {
    *MTIMECMP_HIGH = UINT32_MAX; /* no alarm between the two halves */
    *MTIMECMP_LOW = (uint32_t)ticks;
    *MTIMECMP_HIGH = (uint32_t)(ticks >> 32);
    alarm = ticks;
}

uint64_t timer_start(uint32_t milliseconds) {
    const uint64_t now = timer_now();
    deadline = now + (uint64_t)milliseconds * TIMER_TICKS_PER_MILLISECOND;
    if (alarm > deadline) {
        set_alarm(deadline);
    }
    CSR_SET(mie, MIE_MTIE);
    CSR_SET(mstatus, MSTATUS_MIE);
    return now;
}

bool timer_has_expired(void) {
    if (timer_now() >= deadline) {
        return true;
    }
    set_alarm(deadline);
    return false;
}

void timer_stop(void) {
    CSR_CLEAR(mstatus, MSTATUS_MIE);
}
