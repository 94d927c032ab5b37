/* From an operation to a call: what its operands mean in the heap's present state. No operation on random
 * bytes is wasted: an operand that names nothing suitable picks the next that is, and where there is none the
 * operation becomes the nearest one that makes sense. docs/programs.md says the same to users. */
#include "fuzz/execute/resolve.h"

#include "fuzz/execute/damage.h"
#include "fuzz/execute/slots.h"

#define WORD ((size_t)8) /* bytes: an allocation's alignment that asks for none; a damaged header */
/* Bytes asked for on a damaged heap at most. A request that no size_t can round up is refused before any
 * header is read: what is one must not depend on the machine. */
#define LARGEST_DAMAGED ((uint64_t)INT32_MAX)

#define FOREIGN_SPREAD UINT32_C(4096) /* grains beyond the region a foreign pointer may be */

static uint64_t add(uint64_t base, int32_t amount) {
    if (amount >= 0) {
        return base + (uint64_t)amount;
    }
    const uint64_t less = (uint64_t)-(int64_t)amount;
    return base < less ? 0 : base - less;
}

/* The same for a heap that shows nothing of itself: what was seen of it stands for what is free, and the
 * powers of two are those at which narrower sizes end. */
static uint64_t resolve_seen(const struct executor *executor, struct size_operand size, size_t slot) {
    static const unsigned half_bits[4] = {15, 31, 63, 47};
    static const unsigned word_bits[2] = {16, 32};
    const struct seen *const seen = &executor->seen;
    const size_t region_size = executor->given_pages * executor->model.page_size;
    const size_t live = executor_next_live(executor, slot);
    switch (size.base) {
    case SIZE_BASE_LARGEST:
        return add(seen->least_refused == 0 ? region_size : seen->least_refused, size.amount);
    case SIZE_BASE_FIRST:
        return add(seen->freed_size == 0 ? seen->largest_granted : seen->freed_size, size.amount);
    case SIZE_BASE_TAIL:
        return add(region_size - (seen->live_size < region_size ? seen->live_size : region_size),
                   size.amount);
    case SIZE_BASE_USABLE:
        return add(live == executor->slot_count ? 0 : executor->tables.slots[live].size, size.amount);
    case SIZE_BASE_HALF:
        return add(UINT64_C(1) << half_bits[slot % 4], size.amount);
    default:
        return add(UINT64_C(1) << word_bits[slot % 2], size.amount);
    }
}

/* Bytes a size operand means now. */
static uint64_t resolve_size(const struct executor *executor, struct size_operand size, size_t slot) {
    if (executor->subject->view == NULL && size.base != SIZE_BASE_LITERAL && size.base != SIZE_BASE_MAXIMUM) {
        return resolve_seen(executor, size, slot);
    }
    switch (size.base) {
    case SIZE_BASE_LITERAL:
        return (uint64_t)size.amount;
    case SIZE_BASE_LARGEST:
        return add(model_largest_payload(&executor->model), size.amount);
    case SIZE_BASE_FIRST:
        return add(model_first_payload(&executor->model), size.amount);
    case SIZE_BASE_TAIL:
        return add(model_tail_payload(&executor->model), size.amount);
    case SIZE_BASE_USABLE: {
        const size_t live = executor_next_live(executor, slot);
        if (live == executor->slot_count) {
            return add(0, size.amount);
        }
        const size_t block_size = model_block_size(&executor->model, executor->tables.slots[live].offset);
        const size_t header_size = executor->model.policy.header_size;
        return add(block_size < header_size ? 0 : block_size - header_size, size.amount);
    }
    case SIZE_BASE_MAXIMUM:
        return add(SIZE_MAX, size.amount);
    case SIZE_BASE_HALF:
        return add(UINT64_C(1) << 63, size.amount);
    case SIZE_BASE_WORD:
        return add(UINT64_C(1) << 32, size.amount);
    case SIZE_BASE_COUNT:
        break;
    }
    return 0;
}

static void pass_null(struct step *step, enum call call) {
    step->call = call;
    step->null_pointer = true;
}

static void pass_live(struct step *step, const struct executor *executor, enum call call, size_t slot) {
    step->call = call;
    step->slot = slot;
    step->pointer_offset = executor->tables.slots[slot].offset;
}

/* A call that frees: of the next live slot, of NULL when there is none. */
static void resolve_free(struct step *step, const struct executor *executor) {
    const size_t live = executor_next_live(executor, step->operation.slot);
    if (live == executor->slot_count) {
        pass_null(step, CALL_FREE);
    } else {
        pass_live(step, executor, CALL_FREE, live);
    }
}

/* A call that allocates: into the next empty slot; when all are full it frees instead. */
static void resolve_alloc(struct step *step, const struct executor *executor, enum call call) {
    const size_t slot_count = executor->slot_count;
    const size_t empty =
        slots_find_circular(executor->tables.live_bits, slot_count, step->operation.slot, false);
    if (empty == slot_count) {
        resolve_free(step, executor);
        return;
    }
    step->call = call;
    step->slot = empty;
    step->size = resolve_size(executor, step->operation.size, step->operation.slot);
}

/* A call that resizes: the next live slot; when there is none, NULL into the slot named, which allocates. */
static void resolve_realloc(struct step *step, const struct executor *executor) {
    const size_t live = executor_next_live(executor, step->operation.slot);
    step->size = resolve_size(executor, step->operation.size, step->operation.slot);
    if (live == executor->slot_count) {
        pass_null(step, CALL_REALLOC);
        step->slot = step->operation.slot;
    } else {
        pass_live(step, executor, CALL_REALLOC, live);
    }
}

/* The next live slot's payload grows where it is, if it is asked to grow. */
static void resolve_extend(struct step *step, const struct executor *executor) {
    const size_t live = executor_next_live(executor, step->operation.slot);
    step->size = resolve_size(executor, step->operation.size, step->operation.slot);
    if (live == executor->slot_count) {
        resolve_realloc(step, executor);
    } else if (step->size > executor->tables.slots[live].size) {
        pass_live(step, executor, CALL_EXTEND, live);
    }
}

/* Of the two ways to resize, the other where the subject lacks the one asked for. */
static void resolve_resize(struct step *step, const struct executor *executor) {
    const struct subject *const subject = executor->subject;
    const bool asked = step->operation.kind == OPERATION_EXTEND;
    if (subject->extend != NULL && (asked || subject->realloc == NULL)) {
        resolve_extend(step, executor);
    } else {
        resolve_realloc(step, executor);
    }
}

/* Misuses. */

static enum call call_through(const struct step *step) {
    static const enum call calls[THROUGH_COUNT] = {
        [THROUGH_FREE] = CALL_FREE, [THROUGH_REALLOC] = CALL_REALLOC, [THROUGH_USABLE] = CALL_USABLE};
    return calls[step->operation.through];
}

static void pass_bad(struct step *step, const struct executor *executor, size_t offset) {
    step->call = call_through(step);
    step->size = resolve_size(executor, step->operation.size, step->operation.slot);
    step->pointer_offset = offset;
}

/* NULL, which is no misuse. What realloc then allocates goes into the lowest empty slot; when all are full
 * NULL is freed instead. */
static void resolve_null(struct step *step, const struct executor *executor) {
    pass_null(step, call_through(step));
    if (step->call == CALL_REALLOC) {
        const size_t empty = slots_find(executor->tables.live_bits, executor->slot_count, 0, false);
        const bool full = empty == executor->slot_count;
        step->call = full ? CALL_FREE : CALL_REALLOC;
        step->slot = full ? STEP_NO_SLOT : empty;
        step->size = resolve_size(executor, step->operation.size, step->operation.slot);
    }
}

/* The next live slot's payload; NULL when none is live. */
static void resolve_usable(struct step *step, const struct executor *executor) {
    const size_t live = executor_next_live(executor, step->operation.slot);
    if (live == executor->slot_count) {
        pass_null(step, CALL_USABLE);
    } else {
        pass_live(step, executor, CALL_USABLE, live);
    }
}

/* What a slot once held, if that is not a live payload now; else of the next slot with such a pointer. */
static void resolve_double(struct step *step, const struct executor *executor) {
    const struct executor_tables *const tables = &executor->tables;
    size_t slot = step->operation.slot;
    for (size_t tried = 0; tried < executor->slot_count; tried++) {
        slot = slots_find_circular(tables->stale_bits, executor->slot_count, slot, true);
        if (slot == executor->slot_count) {
            break;
        }
        const size_t offset = tables->slots[slot].stale_offset;
        if (model_judge_pointer(&executor->model, offset) != REFUSAL_NONE) {
            pass_bad(step, executor, offset);
            return;
        }
        slot = (slot + 1) % executor->slot_count;
    }
    pass_null(step, CALL_FREE);
}

/* A grain of the next live slot's block other than its payload's first; NULL when it has no other.
 *
 *     grain     0        1                2       3
 *            | header | payload starts |       |       |
 */
static void resolve_interior(struct step *step, const struct executor *executor) {
    const size_t live = executor_next_live(executor, step->operation.slot);
    if (live == executor->slot_count) {
        pass_null(step, CALL_FREE);
        return;
    }
    const size_t payload = executor->tables.slots[live].offset;
    const struct subject_policy *const policy = &executor->model.policy;
    const size_t other_count = model_block_size(&executor->model, payload) / policy->grain - 1;
    if (other_count == 0) {
        pass_null(step, CALL_FREE);
        return;
    }
    const size_t choice = step->operation.step % other_count;
    const size_t first = policy->header_size / policy->grain;
    pass_bad(step, executor,
             payload - policy->header_size + (choice < first ? choice : choice + 1) * policy->grain);
}

static void resolve_misaligned(struct step *step, const struct executor *executor) {
    const size_t live = executor_next_live(executor, step->operation.slot);
    const struct subject_policy *const policy = &executor->model.policy;
    const size_t payload =
        live == executor->slot_count ? policy->header_size : executor->tables.slots[live].offset;
    pass_bad(step, executor, payload + 1 + step->operation.step % (policy->grain - 1));
}

static void resolve_foreign(struct step *step, const struct executor *executor) {
    const size_t end = model_region_size(&executor->model);
    const size_t grain = executor->model.policy.grain;
    const size_t beyond = grain * (1 + step->operation.step / 4 % FOREIGN_SPREAD);
    const size_t start = executor->model.first;
    const size_t offsets[4] = {end, start - grain, end + beyond, start - beyond};
    pass_bad(step, executor, offsets[step->operation.step % 4]);
}

/* Is there a live payload at this offset, or one that it lies inside of? */
static bool is_live(const struct executor *executor, size_t offset) {
    for (size_t slot = 0; slot < executor->slot_count; slot++) {
        const struct slot *const other = &executor->tables.slots[slot];
        if (executor_slot_is_live(executor, slot) && offset - other->offset <= other->size) {
            return true;
        }
    }
    return false;
}

/* A misuse of a heap that shows nothing of itself: from the live payloads, given to free, and only what it
 * promises to answer. */
static void resolve_seen_misuse(struct step *step, const struct executor *executor) {
    const unsigned answers = executor->subject->facts.answers;
    const struct operation *const operation = &step->operation;
    const size_t live = executor_next_live(executor, operation->slot);
    const struct slot *const slot = &executor->tables.slots[live == executor->slot_count ? 0 : live];
    const size_t start = live == executor->slot_count ? 0 : slot->offset;
    const size_t size = live == executor->slot_count ? 0 : slot->size;
    size_t offset = MODEL_NOTHING;
    if (operation->kind == OPERATION_DOUBLE && (answers & SUBJECT_DOUBLE_FREE) != 0) {
        const size_t stale =
            slots_find_circular(executor->tables.stale_bits, executor->slot_count, operation->slot, true);
        if (stale != executor->slot_count && !is_live(executor, executor->tables.slots[stale].stale_offset)) {
            offset = executor->tables.slots[stale].stale_offset;
        }
    } else if (operation->kind == OPERATION_INTERIOR && (answers & SUBJECT_INTERIOR) != 0 && size > WORD) {
        offset = start + WORD * (1 + operation->step % ((size - 1) / WORD));
    } else if (operation->kind == OPERATION_MISALIGNED && (answers & SUBJECT_MISALIGNED) != 0 &&
               size >= WORD) {
        offset = start + 1 + operation->step % (WORD - 1);
    } else if (operation->kind == OPERATION_FOREIGN && (answers & SUBJECT_FOREIGN) != 0) {
        const size_t beyond = WORD * (1 + operation->step / 2 % FOREIGN_SPREAD);
        const size_t end = executor->given_pages * executor->model.page_size;
        offset = operation->step % 2 == 0 ? end + beyond : 0 - beyond;
    }
    if (offset != MODEL_NOTHING) {
        step->call = CALL_FREE;
        step->pointer_offset = offset;
    }
}

static void resolve_misuse(struct step *step, const struct executor *executor) {
    if (executor->subject->view == NULL) {
        resolve_seen_misuse(step, executor);
        return;
    }
    if (!executor->exact) {
        return; /* without the model nothing defines what would be a misuse */
    }
    switch (step->operation.kind) {
    case OPERATION_DOUBLE:
        resolve_double(step, executor);
        break;
    case OPERATION_INTERIOR:
        resolve_interior(step, executor);
        break;
    case OPERATION_MISALIGNED:
        resolve_misaligned(step, executor);
        break;
    default:
        resolve_foreign(step, executor);
        break;
    }
}

/* Damage. */

/* The step: bits 0 and 1 the header, bits 2 to 6 a bit of it, bits 7 and 8 what becomes of that bit's
 * neighbours. */

/* The slot's own block, the one that follows, the region's first, and its last. */
static size_t damaged_header(const struct executor *executor, const struct step *step) {
    const struct model *const model = &executor->model;
    const size_t end = model_region_size(model);
    const size_t own = step->pointer_offset - WORD;
    const size_t next = own + model_block_size(model, step->pointer_offset);
    const struct live_block *const last_live = &model->live[model->live_count - 1];
    const size_t after = last_live->offset + (size_t)last_live->size;
    const size_t headers[4] = {own, next < end ? next : own, 0, after < end ? after : last_live->offset};
    return headers[step->operation.step & 3];
}

/* Bits 16 to 47 of a header are left out: what they make of a size, the 15 above them do as well. */
static uint64_t damage_mask(uint32_t step) {
    const unsigned number = step >> 2 & 31;
    const unsigned bit = number < 16 ? number : number + 32;
    const uint64_t masks[4] = {
        UINT64_C(1) << bit,
        UINT64_MAX << bit,
        UINT64_MAX >> bit,
        UINT64_C(1) << 63 | UINT64_C(1) << bit,
    };
    return masks[step >> 7 & 3];
}

/* A coalesce looks at all headers, a free and a resize at their block's and the next; an allocation that no
 * region can hold looks nowhere. */
static bool needs_header(const struct executor *executor, const struct step *step, size_t header_offset) {
    const size_t own = step->pointer_offset - WORD;
    switch (step->damage.call) {
    case CALL_ALLOC:
        return step->size != 0 && step->size < model_region_size(&executor->model);
    case CALL_FREE:
    case CALL_REALLOC:
        return header_offset == own ||
               header_offset == own + model_block_size(&executor->model, step->pointer_offset);
    default:
        return true;
    }
}

/* The grain in front of the slot's block, the one behind, or one of its own. */
static size_t damaged_grain(const struct executor *executor, const struct step *step) {
    const struct model *const model = &executor->model;
    const size_t grain = model->policy.grain;
    const size_t own = step->pointer_offset;
    const size_t size = model_block_size(model, own);
    const size_t any = own + (step->operation.step >> 10) % (size / grain) * grain;
    const size_t end = own + size;
    const size_t grains[4] = {any, own > model->first ? own - grain : any,
                              end < model_region_size(model) ? end : any, any};
    return grains[step->operation.step & 3];
}

/* An allocation looks at every grain up to those it takes; what is given a payload, at that and the grain in
 * front; what grows, at the grain behind, too. */
static bool needs_grain(const struct executor *executor, const struct step *step, size_t offset) {
    const size_t own = step->pointer_offset;
    const size_t size = model_block_size(&executor->model, own);
    if (step->damage.call == CALL_ALLOC) {
        return step->size != 0;
    }
    return offset != own + size || (step->damage.call == CALL_EXTEND && step->size > size);
}

/* A heap that describes each grain in a byte: through what it has. The step: bits 0 and 1 the grain, bit 2
 * whether the lowest two bits are damaged or any, bits 3 to 9 which, bits 10 and more which grain of the
 * block. */
static void resolve_descriptor_damage(struct step *step, const struct executor *executor) {
    static const enum call calls[THROUGH_COUNT] = {
        [THROUGH_FREE] = CALL_FREE,   [THROUGH_REALLOC] = CALL_EXTEND,  [THROUGH_USABLE] = CALL_FREE,
        [THROUGH_ALLOC] = CALL_ALLOC, [THROUGH_COALESCE] = CALL_EXTEND,
    };
    const uint32_t number = step->operation.step >> 3;
    const uint64_t mask = 1 + ((step->operation.step & 4) != 0 ? number % 3 : number & 127);
    step->damage = (struct damage){
        .call = calls[step->operation.through], .header_offset = damaged_grain(executor, step), .mask = mask};
    step->damage.needed = needs_grain(executor, step, step->damage.header_offset);
}

/* Without the model, or in a region too large to be saved, nothing is damaged: nothing could judge it. */
static void resolve_damage(struct step *step, const struct executor *executor) {
    static const enum call calls[THROUGH_COUNT] = {
        [THROUGH_FREE] = CALL_FREE,   [THROUGH_REALLOC] = CALL_REALLOC,   [THROUGH_USABLE] = CALL_USABLE,
        [THROUGH_ALLOC] = CALL_ALLOC, [THROUGH_COALESCE] = CALL_COALESCE,
    };
    const struct operation *const operation = &step->operation;
    const size_t live = executor_next_live(executor, operation->slot);
    if (!executor_is_shown(executor) || !executor->subject->view->answers_damage ||
        live == executor->slot_count ||
        (executor->subject->view->descriptor == NULL &&
         model_region_size(&executor->model) > DAMAGE_REGION_MAXIMUM)) {
        return;
    }
    pass_live(step, executor, CALL_DAMAGED, live);
    step->size = resolve_size(executor, operation->size, operation->slot);
    if (step->size > LARGEST_DAMAGED) {
        step->size = LARGEST_DAMAGED;
    }
    if (executor->subject->view->descriptor != NULL) {
        resolve_descriptor_damage(step, executor);
        return;
    }
    step->damage = (struct damage){.call = calls[operation->through],
                                   .header_offset = damaged_header(executor, step),
                                   .mask = damage_mask(operation->step)};
    step->damage.needed = needs_header(executor, step, step->damage.header_offset);
}

void resolve(const struct executor *executor, const struct operation *operation, struct step *step) {
    *step = (struct step){.index = executor->operation_count,
                          .call = CALL_NONE,
                          .slot = STEP_NO_SLOT,
                          .alignment = WORD,
                          .offset = MODEL_NOTHING};
    step->operation = *operation; /* not above: there it would be copied twice, and byte by byte */
    switch (operation->kind) {
    case OPERATION_ALLOC:
        resolve_alloc(step, executor, CALL_ALLOC);
        break;
    case OPERATION_ZALLOC:
        resolve_alloc(step, executor, CALL_ZALLOC);
        break;
    case OPERATION_CALLOC:
        step->count = program_counts[operation->choice];
        resolve_alloc(step, executor, CALL_CALLOC);
        break;
    case OPERATION_ALIGNED:
        /* What a size_t cannot say becomes the most it can, for the model as for the subject. */
        step->alignment = operation->alignment > SIZE_MAX ? SIZE_MAX : operation->alignment;
        resolve_alloc(step, executor, CALL_ALLOC_ALIGNED);
        break;
    case OPERATION_REALLOC:
    case OPERATION_EXTEND:
        resolve_resize(step, executor);
        break;
    case OPERATION_FREE:
        resolve_free(step, executor);
        break;
    case OPERATION_COALESCE:
        step->call = CALL_COALESCE;
        break;
    case OPERATION_NULL_FREE:
        resolve_null(step, executor);
        break;
    case OPERATION_USABLE:
        resolve_usable(step, executor);
        break;
    case OPERATION_DAMAGE:
        resolve_damage(step, executor);
        break;
    case OPERATION_REFUSE:
    case OPERATION_KIND_COUNT:
        break;
    case OPERATION_DOUBLE:
    case OPERATION_INTERIOR:
    case OPERATION_MISALIGNED:
    case OPERATION_FOREIGN:
        resolve_misuse(step, executor);
        break;
    }
}
