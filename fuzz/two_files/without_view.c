/* What is asked only of heaps with a view (fuzz/execute/view.h), which kmemfuzz.h cannot give one. */
#include "fuzz/execute/bad_start.h"
#include "fuzz/execute/damage.h"
#include "fuzz/execute/judge.h"

struct verdict judge_bad_starts(const struct executor *executor) {
    (void)executor;
    return verdict_sound();
}

struct verdict judge_poison(const struct executor *executor) {
    (void)executor;
    return verdict_sound();
}

struct verdict damage_perform(struct executor *executor, struct step *step) {
    (void)executor, (void)step;
    return verdict_sound();
}
