/* The coverage profile of an image: how often each part of the core and the checkers has run.
 *
 * May be here: what replay.c calls. profile.c does it in the presets that measure, profile_none.c in all
 * others. */
#ifndef KMEM_TARGET_PROFILE_H
#define KMEM_TARGET_PROFILE_H

/* Writes all counts so far into a file of the host's, in the raw format llvm-profdata reads: the file F that
 * the image's argument "profile=F" names, made anew. Returns NULL when it is written, or when nothing is
 * measured, and otherwise a sentence that says what is wrong; the file may then be cut short. Costs about ten
 * requests to the host. */
const char *profile_save(void);

#endif
