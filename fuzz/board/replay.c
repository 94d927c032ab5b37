/* The replay image: runs the inputs of the blob one after another, with every oracle asked after every
 * operation, and writes a line about each. An input that faults or hangs is abandoned, and the next one runs.
 *
 *     main -> replay_all -> replay_input -> context_run -> run_program -> the executor
 *                                ^                              |
 *                                +-- context_leave <-- trap ----+      fault, or the watchdog's alarm
 *                                +-- context_leave <-- image_stop     a sanitizer's report
 */
#include "fuzz/board/image.h"
#include "fuzz/board/memory.h"
#include "fuzz/board/profile.h"
#include "fuzz/execute/debug.h"
#include "fuzz/generate/packed.h"
#include "src/riscv/board.h"
#include "src/riscv/context.h"
#include "src/riscv/csr.h"
#include "src/riscv/sanitizer/sanitizer.h"
#include "src/riscv/semihosting.h"
#include "src/riscv/timer.h"
#include "src/riscv/trap.h"

#define FLUSH_TICKS ((uint64_t)50 * TIMER_TICKS_PER_MILLISECOND) /* a progress line is never much older */

int main(void);

extern const struct image_control control_words;
extern const unsigned char blob_start[];

EXECUTOR_TABLES(tables, PROGRAM_SLOT_COUNT_MAXIMUM);

/* What stopped an input. */
struct trap_record {
    uintptr_t cause;
    uintptr_t value;
    uintptr_t program_counter;
    uintptr_t ra;
    uintptr_t sp;
};

/* Why an input did not run to its end: what context_run returns. */
enum stop {
    STOP_NONE, /* it did */
    STOP_TRAP,
    STOP_REPORT, /* of a sanitizer */
};

/* How the image's start has gone, for a trap to know whom it has hit. */
enum phase {
    PHASE_BOOT,    /* nothing can be said to the host yet */
    PHASE_RUNTIME, /* the image's own code */
    PHASE_INPUT,   /* an input runs */
    PHASE_LOST,    /* a trap has already been reported as one of the image's own */
};

static struct {
    struct blob blob;
    struct image_control control;
    struct arena arena;
    void (*restore)(void); /* the executor's */
    struct executor executor;
    struct context context; /* of the current input */
    struct trap_record trap;
    const char *report_letter; /* of the line about a sanitizer's report */
    struct line report;        /* the end of it */
    volatile enum phase phase;
    uint64_t started;   /* when the current input was, in timer ticks */
    uint64_t flushed;   /* when the last was whose line was written at once */
    size_t sound_count; /* inputs by outcome */
    size_t violation_count;
    size_t fault_count;
    size_t hang_count;
    size_t report_count;
} replay;

_Noreturn static void end_with_error(unsigned code, const char *text) {
    const struct line line = line_error(code, text);
    output_line(&line);
    output_flush();
    semihosting_exit(code);
}

/* Traps. */

static void append_place(struct line *line) {
    line_hexadecimal(line, replay.trap.program_counter);
    line_hexadecimal(line, replay.trap.ra);
    line_hexadecimal(line, replay.trap.sp);
    line_text(line, "\n");
}

static struct line describe_fault(const char *start) {
    struct line line = {.size = 0};
    line_text(&line, start);
    line_hexadecimal(&line, replay.trap.cause);
    line_hexadecimal(&line, replay.trap.value);
    append_place(&line);
    return line;
}

/* Only the console can take a message, and a trap has no way back. */
_Noreturn static void end_without_host(void) {
    board_print("ERROR 21 no semihosting: start QEMU with -semihosting-config enable=on,target=native\n");
    board_power_off(IMAGE_NO_SEMIHOSTING);
}

_Noreturn static void end_lost(void) {
    replay.phase = PHASE_LOST;
    const struct line line = describe_fault("TRAP");
    output_line(&line);
    end_with_error(IMAGE_TRAP, "a trap outside of an input");
}

void trap_handle(struct trap_frame *frame) {
    const enum phase phase = replay.phase;
    const uintptr_t cause = CSR_READ(mcause);
    if (cause == TRAP_CAUSE_TIMER && !timer_has_expired()) {
        return;
    }
    replay.trap = (struct trap_record){
        .cause = cause,
        .value = CSR_READ(mtval),
        .program_counter = frame->program_counter,
        .ra = frame->registers[TRAP_REGISTER_RA],
        .sp = frame->registers[TRAP_REGISTER_SP],
    };
    switch (phase) {
    case PHASE_BOOT:
        end_without_host();
    case PHASE_RUNTIME:
        end_lost();
    case PHASE_INPUT:
        replay.phase = PHASE_RUNTIME;
        if (memory_map(replay.trap.cause, replay.trap.value)) {
            replay.phase = PHASE_INPUT;
            return;
        }
        context_leave(&replay.context, STOP_TRAP);
    case PHASE_LOST:
        semihosting_exit(IMAGE_TRAP);
    }
}

void image_stop(const char *letter, const struct line *details) {
    timer_stop(); /* or the alarm would be a trap outside of an input */
    if (replay.phase != PHASE_INPUT) {
        end_with_error(IMAGE_REPORT, "a sanitizer's report outside of an input");
    }
    replay.phase = PHASE_RUNTIME;
    replay.report_letter = letter;
    replay.report = *details;
    context_leave(&replay.context, STOP_REPORT);
}

/* One input. */

struct run {
    struct program program;
    struct verdict verdict;
    size_t index;
};

static void trace_step(void *context, const struct executor *executor, const struct step *step,
                       struct verdict verdict) {
    const struct run *const run = context;
    if (verdict_is_sound(verdict)) {
        const struct line line = line_step(run->index, executor, step);
        output_line(&line);
    }
}

/* Under a debugger: the next operation may be the image's last. */
static void flush_step(void *context, const struct executor *executor, const struct step *step,
                       struct verdict verdict) {
    (void)context, (void)executor, (void)step, (void)verdict;
    output_flush();
}

static const struct observer flushing = {.after = flush_step};

static size_t observer_count(void) {
    if ((replay.control.flags & IMAGE_DEBUG) != 0) {
        return 3;
    }
    return (replay.control.flags & IMAGE_TRACE) != 0 ? 1 : 0;
}

static void run_program(void *argument) {
    struct run *const run = argument;
    run->verdict = executor_run(&replay.executor, &run->program);
}

/* The executor and its arena as new: what a fault leaves of them is unknown. */
static void make_executor(void) {
    const bool first = replay.executor.subject == NULL;
    if (first || (replay.control.flags & IMAGE_KEEP_FRAMES) == 0) {
        sanitizer_start(); /* abandoned frames have left their poison on the stack */
    }
    replay.executor.subject = memory_subject(image_subject());
    replay.executor.arena = replay.arena;
    replay.executor.tables = tables;
    replay.executor.oracles = ORACLE_ALL;
    replay.executor.restore = replay.restore;
    replay.executor.observers.count = 0;
    executor_prepare(&replay.executor);
}

static struct line describe_verdict(const struct run *run) {
    if (verdict_is_sound(run->verdict)) {
        replay.sound_count++;
    } else {
        replay.violation_count++;
    }
    return line_verdict(run->index, &replay.executor, run->verdict);
}

static struct line describe_trap(const struct run *run) {
    const bool hang = replay.trap.cause == TRAP_CAUSE_TIMER;
    struct line line = {.size = 0};
    line_text(&line, hang ? "H" : "F");
    line_decimal(&line, (uint32_t)run->index);
    line_decimal(&line, (uint32_t)replay.executor.operation_count);
    if (!hang) {
        line_hexadecimal(&line, replay.trap.cause);
        line_hexadecimal(&line, replay.trap.value);
    }
    append_place(&line);
    replay.hang_count += hang;
    replay.fault_count += !hang;
    return line;
}

/* A verdict that is still in the buffer when the image dies is lost, and its input run again in the next
 * boot. So that boot must keep none back, and no boot keeps back its first verdict: a boot without one has
 * died of its first input. Otherwise the buffer is written when it is full, or when the host would begin to
 * wonder. */
static bool must_flush(size_t index, bool stopped) {
    const bool is_first = index == replay.control.start;
    return is_first || stopped || (replay.control.flags & IMAGE_FLUSH) != 0 ||
           replay.started - replay.flushed >= FLUSH_TICKS;
}

/* Takes the input's memory away, and says what it has used. */
static void close_memory(size_t index) {
    struct line line = {.size = 0};
    const char *const failure = memory_close_input(index, &line);
    output_line(&line);
    if (failure != NULL) {
        end_with_error(IMAGE_MEMORY, failure);
    }
}

static struct line describe_report(const struct run *run) {
    struct line line = {.size = 0};
    line_text(&line, replay.report_letter);
    line_decimal(&line, (uint32_t)run->index);
    line_decimal(&line, (uint32_t)replay.executor.operation_count);
    line_append(&line, &replay.report);
    replay.report_count++;
    return line;
}

static struct line describe(const struct run *run, enum stop stop) {
    switch (stop) {
    case STOP_TRAP:
        return describe_trap(run);
    case STOP_REPORT:
        return describe_report(run);
    case STOP_NONE:
        break;
    }
    return describe_verdict(run);
}

static void replay_input(size_t index) {
    static uint8_t bytes[BLOB_PROGRAM_SIZE];
    struct run run = {.program = packed_program(&replay.blob, index, bytes), .index = index};
    const struct observer tracing = {.after = trace_step, .context = &run};
    replay.executor.observers = (struct observers){{&tracing, &flushing, &debug_observer}, observer_count()};
    replay.executor.operation_count = 0;
    replay.phase = PHASE_INPUT;
    replay.started = timer_start(replay.control.watchdog);
    memory_enter();
    const enum stop stop = (enum stop)context_run(&replay.context, run_program, &run);
    memory_leave();
    timer_stop();
    replay.phase = PHASE_RUNTIME;
    close_memory(index);
    const struct line line = describe(&run, stop);
    output_line(&line);
    if (must_flush(index, stop != STOP_NONE)) {
        output_flush();
        replay.flushed = replay.started;
    }
    if (stop != STOP_NONE) {
        make_executor();
    }
}

/* All of them. */

static void announce(size_t start, size_t end) {
    struct line line = {.size = 0};
    line_text(&line, "BOOT");
    line_decimal(&line, IMAGE_FORMAT);
    line_decimal(&line, __riscv_xlen);
    line_decimal(&line, replay.blob.input_count);
    line_decimal(&line, (uint32_t)start);
    line_decimal(&line, (uint32_t)end);
    line_text(&line, "\n");
    output_line(&line);
    output_flush();
}

static void conclude(size_t count) {
    struct line line = {.size = 0};
    line_text(&line, "END");
    line_decimal(&line, (uint32_t)count);
    line_decimal(&line, (uint32_t)replay.sound_count);
    line_decimal(&line, (uint32_t)replay.violation_count);
    line_decimal(&line, (uint32_t)replay.fault_count);
    line_decimal(&line, (uint32_t)replay.hang_count);
    line_decimal(&line, (uint32_t)replay.report_count);
    line_text(&line, "\n");
    output_line(&line);
    output_flush();
}

/* Before the END line, which says that everything asked for is there. */
static void save_profile(void) {
    const char *const error = profile_save();
    if (error != NULL) {
        end_with_error(IMAGE_PROFILE, error);
    }
}

static void replay_all(void) {
    const size_t input_count = replay.blob.input_count;
    const size_t start = replay.control.start;
    if (start > input_count) {
        end_with_error(IMAGE_START, "the first input asked for comes after the last");
    }
    const size_t most = input_count - start;
    const size_t count =
        replay.control.count == 0 || replay.control.count > most ? most : replay.control.count;
    announce(start, start + count);
    make_executor();
    for (size_t index = start; index < start + count; index++) {
        replay_input(index);
    }
    save_profile();
    conclude(count);
}

static void find_blob(void) {
    const enum blob_error error = packed_open(blob_start, BLOB_CAPACITY, &replay.blob);
    if (error != BLOB_OK) {
        end_with_error(IMAGE_BLOB + (unsigned)error, blob_error_text(error));
    }
}

int main(void) {
    replay.phase = PHASE_BOOT;
    if (!semihosting_open()) {
        board_print("ERROR 20 the host gives no standard output\n");
        board_power_off(IMAGE_NO_OUTPUT);
    }
    replay.phase = PHASE_RUNTIME;
    guard_memory();
    replay.control = control_words;
    if (replay.control.watchdog == 0) {
        replay.control.watchdog = IMAGE_WATCHDOG;
    }
    find_blob();
    const char *const failure = memory_open(&replay.blob, &replay.arena);
    if (failure != NULL) {
        end_with_error(IMAGE_LAYOUT, failure);
    }
    replay.restore = image_keep_globals();
    replay_all();
    const bool sound =
        replay.violation_count + replay.fault_count + replay.hang_count + replay.report_count == 0;
    semihosting_exit(sound ? IMAGE_SOUND : IMAGE_VIOLATION);
}
