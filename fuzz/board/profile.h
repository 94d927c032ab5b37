/* The coverage profile of an image: how often each part of the core and the checkers has run. profile.c
 * writes it in the presets that measure; profile_none.c is for all others. */
#ifndef KMEM_TARGET_PROFILE_H
#define KMEM_TARGET_PROFILE_H

/* Writes all counts so far into a file on the host, in the raw format that llvm-profdata reads: the file F
 * that the image's argument "profile=F" names, replacing it. Returns NULL when it is written, or when nothing
 * is measured, and otherwise a sentence that says what is wrong; the file may then be truncated. Costs about
 * ten requests to the host. */
const char *profile_save(void);

#endif
