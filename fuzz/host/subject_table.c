/* Faults of tables. subject_table.h is the contract. */
#include "fuzz/host/subject_table.h"

#include <string.h>

#include "fuzz/execute/arena.h"
#include "fuzz/execute/oracle.h"
#include "fuzz/execute/state.h"
#include "fuzz/execute/view.h"

#define LENGTH(array) (sizeof(array) / sizeof(array)[0])

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
    return find_broken(demands, LENGTH(demands));
}

static bool is_oracle(const char *id) {
    unsigned oracle = 1;
    while (oracle < ORACLE_COUNT && strcmp(oracle_id(oracle), id) != 0) {
        oracle++;
    }
    return oracle < ORACLE_COUNT;
}

static bool knows_no_oracle(const struct subject *subject) {
    for (const struct subject_known *known = subject->known; known != NULL && known->oracle != NULL;
         known++) {
        if (!is_oracle(known->oracle)) {
            return true;
        }
    }
    return false;
}

/* All 0 is no policy. */
static bool is_impossible(const struct subject_policy *policy) {
    const size_t grain = policy->grain;
    if (grain == 0) {
        return policy->header_size != 0 || policy->block_least != 0;
    }
    return (grain & (grain - 1)) != 0 || policy->header_size % grain != 0 ||
           policy->block_least % grain != 0 || policy->block_least <= policy->header_size;
}

/* No limit, SIZE_MAX, is what the parameter can say. */
static bool is_too_wide(const struct subject_facts *facts) {
    return facts->size_width != 0 && facts->size_width < 64 && facts->largest_request != SIZE_MAX &&
           (uint64_t)facts->largest_request >> facts->size_width != 0;
}

const char *subject_table_fault(const struct subject *subject) {
    const struct subject_facts *const facts = &subject->facts;
    const struct subject_policy *const first_fit = &facts->first_fit;
    const size_t alignment = facts->alignment;
    const struct demand demands[] = {
        {subject->name == NULL, "has no name"},
        {subject->start == NULL && subject->view == NULL, "has no start"},
        {subject->alloc == NULL, "has no alloc"},
        {subject->free == NULL, "has no free"},
        {(alignment & (alignment - 1)) != 0, "promises an alignment that is no power of two"},
        {facts->region_most != 0 && facts->region_least > facts->region_most,
         "declares a region_least above its region_most"},
        {facts->region_least > ARENA_CAPACITY - PROGRAM_PAGE_SIZE_MAXIMUM,
         "declares a region_least above 2 MiB"},
        {facts->size_width > 64, "declares a size_width of more than 64 bits"},
        {facts->memory == SUBJECT_MEMORY_OWN && (facts->own_memory == NULL || facts->own_size == 0),
         "declares memory of its own and not where it is"},
        {facts->gives_back && subject->realloc == NULL, "promises gives_back and has no realloc"},
        {facts->memory != SUBJECT_MEMORY_OWN && (facts->own_memory != NULL || facts->own_size != 0),
         "says where memory of its own is and does not declare that it uses it (memory)"},
        {facts->memory == SUBJECT_MEMORY_OWN && facts->region_least > facts->own_size,
         "declares a region_least above its own_size"},
        {facts->below_4_gib && facts->memory != SUBJECT_MEMORY_GIVEN,
         "needs memory below 4 GiB and does not use what it is given"},
        {facts->region_most != 0 && facts->metadata >= facts->region_most,
         "declares metadata that leaves nothing of its region_most"},
        {is_too_wide(facts), "declares a largest_request that its size_width cannot say"},
        {(facts->answers &
          ~(unsigned)(SUBJECT_DOUBLE_FREE | SUBJECT_INTERIOR | SUBJECT_MISALIGNED | SUBJECT_FOREIGN)) != 0,
         "answers what is no misuse"},
        {first_fit->grain != 0 && facts->memory == SUBJECT_MEMORY_UNKNOWN,
         "declares a first_fit in memory that is anywhere"},
        {first_fit->grain != 0 && alignment > first_fit->grain,
         "promises an alignment above its first_fit's grain"},
        {is_impossible(first_fit), "declares a first_fit that can be no heap's"},
        {knows_no_oracle(subject), "sets aside what is no oracle"},
        {facts->realloc_null && subject->realloc == NULL, "promises realloc_null and has no realloc"},
        {facts->realloc_zero && subject->realloc == NULL, "promises realloc_zero and has no realloc"},
    };
    const char *const fault = find_broken(demands, LENGTH(demands));
    return fault == NULL && subject->view != NULL ? find_fault_of_view(subject) : fault;
}

struct part {
    bool there;
    const char *name;
};

static void print_lacking(const struct part *parts, size_t count, const char *before, const char *after,
                          FILE *stream) {
    const char *between = before;
    for (size_t i = 0; i < count; i++) {
        if (!parts[i].there) {
            fprintf(stream, "%s%s", between, parts[i].name);
            between = ", ";
        }
    }
    fputs(between == before ? "" : after, stream);
}

static void print_known(const struct subject_known *known, const char *after, FILE *stream) {
    fprintf(stream, "%s%s%s%s%s%s", known->oracle, known->call == NULL ? "" : " in calls of ",
            known->call == NULL ? "" : known->call, known->place == NULL ? "" : " at ",
            known->place == NULL ? "" : known->place, after);
}

void subject_table_print_left_out(const struct subject *subject, FILE *stream) {
    const struct subject_facts *const facts = &subject->facts;
    const struct part members[] = {
        {subject->zalloc != NULL, "zalloc"},
        {subject->calloc != NULL, "calloc"},
        {subject->alloc_aligned != NULL, "alloc_aligned"},
        {subject->realloc != NULL, "realloc"},
        {subject->usable_size != NULL, "usable_size"},
        {subject->check != NULL, "check"},
        {subject->walk != NULL, "walk"},
        {subject->free_bytes != NULL, "free_bytes"},
    };
    const struct part promises[] = {
        {facts->alignment > 1, "alignment"},
        {facts->merges, "merges (so no leak is looked for)"},
        {facts->refits, "refits"},
        {facts->gives_back || subject->realloc == NULL, "gives_back"},
        {facts->answers != 0, "answers (so no misuse is made)"},
        {facts->largest_request != 0, "largest_request"},
    };
    if (subject->view != NULL) {
        return;
    }
    print_lacking(members, LENGTH(members), "not asked, as the table has none: ", "\n", stream);
    print_lacking(promises, LENGTH(promises), "not judged, as the facts do not say: ", "\n", stream);
    if (facts->memory == SUBJECT_MEMORY_UNKNOWN) {
        fputs("not judged, as its memory is anywhere: inside, guards, repeatable, and stores elsewhere than "
              "into live "
              "payloads\n",
              stream);
    }
    if (subject->request_cap != 0) {
        fprintf(stream, "not asked: more than %zu bytes, as the subject's file says\n", subject->request_cap);
    }
    for (const struct subject_known *known = subject->known; known != NULL && known->oracle != NULL;
         known++) {
        fputs("set aside, as the subject's file says: ", stream);
        print_known(known, "\n", stream);
    }
}

void subject_table_print_unmet(const struct subject *subject, uint64_t known_met, FILE *stream) {
    const struct subject_known *const known = subject->known;
    for (size_t i = 0; known != NULL && i < KNOWN_MET_MAXIMUM && known[i].oracle != NULL; i++) {
        if ((known_met >> i & 1) == 0) {
            fputs("known, and not met: ", stream);
            print_known(&known[i], "; is it still needed in the subject's file?\n", stream);
        }
    }
}
