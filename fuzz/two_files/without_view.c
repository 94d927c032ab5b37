/* What is asked only of heaps with a view (fuzz/execute/view.h), which kmemfuzz.h cannot give one. */
#include "fuzz/execute/bad_start.h"
#include "fuzz/execute/copy.h"
#include "fuzz/execute/damage.h"
#include "fuzz/execute/judge.h"
#include "fuzz/execute/stores.h"

struct verdict judge_bad_starts(const struct executor *executor) {
    (void)executor;
    return verdict_sound();
}

struct verdict judge_poison(const struct executor *executor) {
    (void)executor;
    return verdict_sound();
}

bool poison_holds(const struct executor *executor, const struct step *step) {
    (void)executor, (void)step;
    return true;
}

struct verdict damage_perform(struct executor *executor, struct step *step) {
    (void)executor, (void)step;
    return verdict_sound();
}

void copy_take(struct executor *executor) {
    (void)executor;
}

bool copy_holds(struct executor *executor, const struct step *step) {
    (void)executor, (void)step;
    return false;
}

void stores_note_start(struct stores *stores, const void *own, size_t own_size) {
    (void)stores, (void)own, (void)own_size;
}

bool stores_explain(const struct executor *executor, const struct step *step) {
    (void)executor, (void)step;
    return false;
}

bool stores_headers_hold(const struct executor *executor, const struct step *step) {
    (void)executor, (void)step;
    return false;
}

struct verdict stores_judge(const struct executor *executor, const struct step *step) {
    (void)executor, (void)step;
    return verdict_sound();
}
