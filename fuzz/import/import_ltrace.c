/* What ltrace -e malloc+free+realloc+calloc writes:
 *
 *     [THREAD] [CALLER->]malloc(24)                = 0x559fc121f2a0
 *     [THREAD] [CALLER->]realloc(0x559fc121f2a0, 100 <unfinished ...>
 *     [THREAD] <... realloc resumed> )             = 0x559fc121f300
 *     +++ exited (status 0) +++          --- SIGCHLD (Child exited) ---
 *
 * THREAD is a number, or [pid NUMBER]; with ltrace -f alone. */
#include "fuzz/import/import_format.h"

#include <string.h>

#define RESULT     " = "
#define UNFINISHED "<unfinished ...>"
#define RESUMED    "resumed>"

/* Takes the thread off the front of a line; empty when none is named. */
static struct import_text read_thread(struct import_text *line) {
    struct import_text rest = *line;
    struct import_text thread = import_word(&rest);
    uint64_t number;
    if (import_equals(thread, "[pid")) {
        thread = import_word(&rest);
    } else if (!import_number(thread, &number)) {
        return (struct import_text){.start = line->start, .size = 0};
    }
    *line = rest;
    return thread;
}

static void skip_blanks(struct import_text *text) {
    while (text->size != 0 && (*text->start == ' ' || *text->start == '\t')) {
        text->start++;
        text->size--;
    }
}

/* Takes what precedes the next `end`, and that, off the front; all of the text when there is none. */
static struct import_text read_until(struct import_text *text, const char *end) {
    const char *const at = import_find(*text, end);
    const struct import_text before = {.start = text->start, .size = (size_t)(at - text->start)};
    const size_t skipped = before.size == text->size ? before.size : before.size + strlen(end);
    *text = (struct import_text){.start = text->start + skipped, .size = text->size - skipped};
    return before;
}

static struct import_text trimmed(struct import_text text) {
    skip_blanks(&text);
    while (text.size != 0 && (text.start[text.size - 1] == ' ' || text.start[text.size - 1] == '\r')) {
        text.size--;
    }
    return text;
}

/* Is it a line such as "--- SIGCHLD (Child exited) ---", and nothing more? */
static bool is_mark(struct import_text line) {
    const bool exited = import_starts_with(line, "+++ ");
    const struct import_text end = {.start = line.start + line.size - 4, .size = 4};
    return (exited || import_starts_with(line, "--- ")) && line.size > 8 &&
           import_equals(end, exited ? " +++" : " ---");
}

bool import_is_ltrace(struct import_text line) {
    (void)read_thread(&line);
    skip_blanks(&line);
    const char *const end = line.start + line.size;
    return is_mark(line) || import_starts_with(line, "<... ") || import_find(line, "(") != end;
}

/* Calls that another thread's lines interrupt. */

static bool is_same(struct import_text left, struct import_text right) {
    return left.size == right.size && (left.size == 0 || memcmp(left.start, right.start, left.size) == 0);
}

static struct import_event begin_call(struct import_state *state, struct import_text thread,
                                      struct import_text call, char message[IMPORT_MESSAGE_SIZE]) {
    if (state->call_count == IMPORT_CALL_LIMIT) {
        return import_broken(message, "more than %d calls are unfinished", IMPORT_CALL_LIMIT);
    }
    state->calls[state->call_count].thread = thread;
    state->calls[state->call_count].call = call;
    state->call_count++;
    return (struct import_event){.kind = IMPORT_NOTHING};
}

/* The beginning of the call that a thread began last; empty when there is none. */
static struct import_text end_call(struct import_state *state, struct import_text thread) {
    for (size_t i = state->call_count; i-- > 0;) {
        if (is_same(state->calls[i].thread, thread)) {
            const struct import_text call = state->calls[i].call;
            state->calls[i] = state->calls[--state->call_count];
            return call;
        }
    }
    return (struct import_text){.start = thread.start, .size = 0};
}

/* Calls. */

static struct import_event parse_call(struct import_text call, struct import_text result,
                                      char message[IMPORT_MESSAGE_SIZE]) {
    struct import_text rest = call;
    struct import_text function = read_until(&rest, "(");
    const char *const arrow = import_find(function, "->");
    if (arrow != function.start + function.size) {
        (void)read_until(&function, "->");
    }
    function = trimmed(function);
    struct import_text arguments = read_until(&rest, ")");
    const struct import_text first = trimmed(read_until(&arguments, ","));
    const bool has_second = arguments.size != 0;
    const struct import_text second = trimmed(read_until(&arguments, ","));
    uint64_t number = 0;
    uint64_t count = 1;
    struct import_event event = {.kind = IMPORT_NOTHING};
    if (import_equals(function, "free")) {
        event.kind = IMPORT_FREE;
    } else if (import_equals(function, "malloc")) {
        event.kind = IMPORT_ALLOC;
        number = import_number(first, &event.size);
    } else if (import_equals(function, "realloc")) {
        event.kind = IMPORT_RESIZE;
        number = import_number(second, &event.size);
    } else if (import_equals(function, "calloc")) {
        event.kind = IMPORT_ZALLOC;
        number = import_number(first, &count) && import_number(second, &event.size);
        if (number != 0 && __builtin_mul_overflow(count, event.size, &event.size)) {
            event.size = UINT64_MAX; /* too large for any heap, and reported as that */
        }
    } else {
        return import_broken(message, "'%.*s' is none of malloc, free, realloc and calloc",
                             IMPORT_SHOWN(function));
    }
    const bool takes_two = event.kind == IMPORT_RESIZE || event.kind == IMPORT_ZALLOC;
    const struct import_text after = trimmed(rest);
    if (arguments.size != 0 || has_second != takes_two || (after.size != 0 && !import_equals(after, ")"))) {
        return import_broken(message, "this is more, or less, than one call of %.*s", IMPORT_SHOWN(function));
    }
    const bool takes_pointer = event.kind == IMPORT_FREE || event.kind == IMPORT_RESIZE;
    if (takes_pointer && !import_pointer(first, &event.id)) {
        return import_broken(message, "'%.*s' is no pointer", IMPORT_SHOWN(first));
    }
    if (event.kind == IMPORT_FREE) {
        return import_equals(result, "<void>") ? event
                                               : import_broken(message, "only ' = <void>' may follow a free");
    }
    if (number == 0) {
        return import_broken(message, "the arguments of %.*s are no sizes", IMPORT_SHOWN(function));
    }
    if (!import_pointer(result, &event.new_id)) {
        return import_broken(message, "what %.*s returned is missing: a pointer must follow ' = '",
                             IMPORT_SHOWN(function));
    }
    return event;
}

struct import_event import_parse_ltrace(struct import_state *state, struct import_text line,
                                        char message[IMPORT_MESSAGE_SIZE]) {
    const struct import_text thread = read_thread(&line);
    line = trimmed(line);
    if (line.size == 0 || is_mark(line)) {
        return (struct import_event){.kind = IMPORT_NOTHING};
    }
    const char *const end = line.start + line.size;
    struct import_text call = line;
    if (import_starts_with(line, "<... ")) {
        call = end_call(state, thread);
        if (call.size == 0) {
            return import_broken(message, "this thread has begun no call that could be resumed");
        }
        const struct import_text name = read_until(&line, RESUMED);
        if (import_find(name, "(") != name.start + name.size) {
            return import_broken(message, "there is another call before '%s'", RESUMED);
        }
    } else if (import_find(line, "(") == end) {
        return import_broken(message, "this is no call: NAME(ARGUMENTS) = RESULT belongs here");
    }
    struct import_text result = line;
    const struct import_text before = read_until(&result, RESULT);
    if (import_find(line, UNFINISHED) != end) {
        call = read_until(&line, UNFINISHED);
        return line.size == 0
                   ? begin_call(state, thread, call, message)
                   : import_broken(message, "'%.*s' follows an unfinished call", IMPORT_SHOWN(line));
    }
    if (call.start == line.start) {
        call = before;
    } else if (trimmed(before).size != 0 && !import_equals(trimmed(before), ")")) {
        return import_broken(message, "'%.*s' stands in a resumed call", IMPORT_SHOWN(before));
    }
    return parse_call(call, trimmed(result), message);
}
