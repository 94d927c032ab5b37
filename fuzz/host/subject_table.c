/* Faults of tables. subject_table.h is the contract. */
#include "fuzz/host/subject_table.h"

#include "fuzz/execute/view.h"

struct demand {
    bool broken;
    const char *fault;
};

/* The fault of the first that is broken; NULL: none is. */
static const char *find_broken(const struct demand *demands, size_t count) {
    for (size_t i = 0; i < count; i++) {
        if (demands[i].broken) {
            return demands[i].fault;
        }
    }
    return NULL;
}

static const char *find_fault_of_view(const struct subject *subject) {
    const struct subject_view *const view = subject->view;
    const struct demand demands[] = {
        {view->start == NULL, "has a view without start"},
        {view->last_refusal == NULL, "has a view without last_refusal"},
        {view->last_returned == NULL, "has a view without last_returned"},
        {view->check == NULL, "has a view without check"},
        {view->walk == NULL, "has a view without walk"},
        {view->heap_size > VIEW_HEAP_SIZE, "has a view with a heap_size above VIEW_HEAP_SIZE"},
        {subject->usable_size == NULL, "has a view and no usable_size"},
    };
    return find_broken(demands, sizeof demands / sizeof demands[0]);
}

const char *subject_table_fault(const struct subject *subject) {
    const struct subject_facts *const facts = &subject->facts;
    const size_t alignment = facts->alignment;
    const struct demand demands[] = {
        {subject->name == NULL, "has no name"},
        {subject->start == NULL && subject->view == NULL, "has no start"},
        {subject->alloc == NULL, "has no alloc"},
        {subject->free == NULL, "has no free"},
        {(alignment & (alignment - 1)) != 0, "promises an alignment that is no power of two"},
        {facts->realloc_null && subject->realloc == NULL, "promises realloc_null and has no realloc"},
        {facts->realloc_zero && subject->realloc == NULL, "promises realloc_zero and has no realloc"},
    };
    const char *const fault = find_broken(demands, sizeof demands / sizeof demands[0]);
    return fault == NULL && subject->view != NULL ? find_fault_of_view(subject) : fault;
}
