/* kmem_misuse FILE: runs one program against the subject that misuses memory on demand, for comparison of
 * this build's sanitizers with a board's. What they report ends the process. */
#include <stdio.h>

#include "fuzz/host/exit_code.h"
#include "fuzz/host/host.h"
#include "fuzz/host/input.h"
#include "fuzz/report/report.h"
#include "fuzz/subjects/misuse.h"

int main(int argument_count, char **arguments) {
    if (argument_count != 2) {
        fprintf(stderr, "Usage: kmem_misuse FILE\n");
        return EXIT_USAGE;
    }
    struct input input;
    const enum exit_code outcome = input_open(arguments[1], false, &input);
    if (outcome != EXIT_SOUND) {
        return (int)outcome;
    }
    struct executor *const executor = host_executor(PROGRAM_SLOT_COUNT_MAXIMUM);
    executor->subject = subject_misuse();
    executor->stores = NULL; /* which boards have none of, and sanitizers are compared here */
    const struct verdict verdict = executor_run(executor, &input.program);
    const bool sound = verdict_is_sound(verdict);
    if (sound) {
        printf("sound\n");
    } else {
        (void)report_violation(executor, &input.program, "kmem_misuse FILE", stdout);
    }
    input_close(&input);
    return sound ? EXIT_SOUND : EXIT_VIOLATION;
}
