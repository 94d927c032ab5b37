/* Ends by signals and sanitizers. death.h is the contract. */
#include "fuzz/tool/death.h"

#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "fuzz/host/exit_code.h"
#include "fuzz/host/isolated.h"
#include "fuzz/host/sanitizer.h"
#include "fuzz/report/report.h"
#include "src/port.h"

static pid_t watched;    /* children have ends of their own */
static bool is_expected; /* of the subject, which runs */
static bool is_at_end;

/* stdio is not made for signal handlers, but the process is lost anyway, and what it has to say is wanted. */
__attribute__((noreturn)) static void end(const char *what) {
    fflush(stdout);
    if (is_expected) {
        report_last_words(stderr);
        _exit(EXIT_VIOLATION);
    }
    fprintf(stderr,
            "kmemfuzz: internal error, a bug of ours: %s outside the subject; please report it with the "
            "command\n",
            what);
    _exit(EXIT_INTERNAL);
}

#if PORT_ADDRESS_SANITIZER
/* Of the runtime. What it finds at its own start (a bad option, no symbolizer, no memory) ends with this
 * code. Looking for leaks reads all of this program's memory, which takes nine times as long as to start it:
 * it is done when ASAN_OPTIONS asks for it. */
const char *__asan_default_options(void);
void __sanitizer_set_death_callback(void (*callback)(void));

const char *__asan_default_options(void) {
    return "detect_leaks=0:exitcode=3:handle_abort=1:handle_sigill=1:handle_sigtrap=1";
}

_Static_assert(EXIT_ENVIRONMENT == 3, "the options say so");

static void die(void) {
    if (getpid() != watched) {
        return;
    }
    if (sanitizer_has_reported() || is_at_end) {
        end("the sanitizer's report");
    }
}

static void watch_deaths(void) {
    __sanitizer_set_death_callback(die);
}
#else
static void die(int number) {
    char what[64];
    if (getpid() != watched) {
        (void)signal(number, SIG_DFL);
        (void)raise(number);
        return;
    }
    (void)snprintf(what, sizeof what, "signal %d (%s)", number, strsignal(number));
    if (is_expected) {
        fprintf(stderr, "\nSignal %d: the subject %s\n", number,
                number == SIGABRT ? "has aborted" : "was stopped by the processor");
    }
    end(what);
}

static void watch_deaths(void) {
    static const int deadly[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGTRAP};
    for (size_t i = 0; i < sizeof deadly / sizeof deadly[0]; i++) {
        signal(deadly[i], die);
    }
}
#endif

static void hang(int number) {
    (void)number;
    fprintf(stderr, "\nHang: an operation did not return, or the whole run took far too long\n");
    end("a hang");
}

void death_watch(void) {
    watched = getpid();
    watch_deaths();
}

void death_expect(size_t operation_count) {
    is_expected = true;
    sigaction(SIGPROF, &(struct sigaction){.sa_handler = hang}, NULL);
    isolated_set_alarm(3 * (ISOLATED_LIMIT_MILLISECONDS + (unsigned)operation_count));
}

void death_expect_none(void) {
    isolated_set_alarm(0);
    sigaction(SIGPROF, &(struct sigaction){.sa_handler = SIG_DFL}, NULL); /* as children want it */
    is_expected = false;
}

void death_at_end(void) {
    is_at_end = true;
}
