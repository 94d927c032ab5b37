/* What the tests of reports share: faults, on top of what runs need, and text caught in memory. */
#ifndef KMEM_REPORT_FIXTURE_H
#define KMEM_REPORT_FIXTURE_H

#include "fuzz/host/picture.h"
#include "fuzz/report/report.h"
#include "tests/unit/caught.h"
#include "tests/unit/executor_fixture.h"
#include "tests/unit/faulty_subject.h"

static inline void use_fault(const char *fault) {
    make_executor(&subject_faulty, first_arena, ORACLE_ALL);
    faulty_subject_fault = fault_of(fault);
}

#endif
