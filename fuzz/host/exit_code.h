/* The exit codes of every program of the harness; docs/reference.md explains them. */
#ifndef KMEM_EXIT_CODE_H
#define KMEM_EXIT_CODE_H

enum exit_code {
    EXIT_SOUND = 0,       /* all was well */
    EXIT_VIOLATION = 1,   /* an oracle or a sanitizer found the subject at fault */
    EXIT_USAGE = 2,       /* a wrong argument, or a file whose contents cannot be used */
    EXIT_ENVIRONMENT = 3, /* a missing file, memory or tool */
    EXIT_INTERNAL = 4,    /* a bug of the harness */
    EXIT_CODE_COUNT,
};

#endif
