/* The names of failures. failure.h is the contract. */
#include "fuzz/host/failure.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "fuzz/execute/oracle.h"
#include "fuzz/text/shown.h"

bool failure_is_same(const struct failure *left, const struct failure *right) {
    return left->kind == right->kind && left->verdict.oracle == right->verdict.oracle &&
           left->number == right->number && strcmp(left->name, right->name) == 0 &&
           strcmp(left->place, right->place) == 0;
}

/* The signals a subject dies of. */
static const struct {
    int number;
    const char *name;
} signals[] = {{SIGSEGV, "SIGSEGV"}, {SIGBUS, "SIGBUS"},   {SIGILL, "SIGILL"},  {SIGFPE, "SIGFPE"},
               {SIGABRT, "SIGABRT"}, {SIGTRAP, "SIGTRAP"}, {SIGKILL, "SIGKILL"}};

static void name_signal(int number, char name[FAILURE_NAME_SIZE]) {
    snprintf(name, FAILURE_NAME_SIZE, "signal %d", number);
    for (size_t i = 0; i < sizeof signals / sizeof signals[0]; i++) {
        if (signals[i].number == number) {
            snprintf(name, FAILURE_NAME_SIZE, "%s", signals[i].name);
        }
    }
}

const char *failure_text(const struct failure *failure, char buffer[FAILURE_TEXT_SIZE]) {
    char name[FAILURE_NAME_SIZE] = "sound";
    switch (failure->kind) {
    case FAILURE_NONE:
        break;
    case FAILURE_VERDICT:
        snprintf(name, sizeof name, "%s", oracle_id(failure->verdict.oracle));
        break;
    case FAILURE_SANITIZER:
        snprintf(name, sizeof name, "%s", failure->name);
        break;
    case FAILURE_SIGNAL:
        name_signal(failure->number, name);
        break;
    case FAILURE_HANG:
        snprintf(name, sizeof name, "hang");
        break;
    case FAILURE_EXIT:
        snprintf(name, sizeof name, "exit %d", failure->number);
        break;
    }
    snprintf(buffer, FAILURE_TEXT_SIZE, "%s%s%s", name, failure->place[0] == '\0' ? "" : " in ",
             shown(failure->place));
    return buffer;
}
