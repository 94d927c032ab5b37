"""What libFuzzer and the sanitizers print, for tests of what reads it; addresses and most of the stacks are left out."""

INITED = "#2\tINITED cov: 8 ft: 8 corp: 1/1b exec/s: 0 rss: 33Mb\n"
NEW = ("#36942\tNEW    cov: 102 ft: 1423 corp: 512/39Kb lim: 1024 exec/s: 18471 rss: 61Mb L: 61/1024 MS: 2 "
       "ShuffleBytes-CrossOver-\n")
REDUCE = "#42\tREDUCE cov: 55 ft: 83 corp: 8/545b lim: 1024 exec/s: 0 rss: 35Mb L: 73/135 MS: 1 EraseBytes-\n"
PULSE = "#65536\tpulse  cov: 102 ft: 1423 corp: 512/39Kb lim: 1024 exec/s: 21845 rss: 62Mb\n"
DONE = "#100000\tDONE   cov: 104 ft: 1501 corp: 544/41Kb lim: 1024 exec/s: 20000 rss: 62Mb\n"
OTHER_LINES = (
    "INFO: Running with entropic power schedule (0xFF, 100).\n", "INFO: -max_len is not provided\n", "",
    "\tNEW_FUNC[1/2]: 0x55b6310ee638 in kmem_free src/kmem.c:347\n", "Done 100000 runs in 5 second(s)\n",
    "    #3 0x55b6310e82bf in violation_FREE_MERGED fuzz/report/violation.c:17:1\n",
    "stat::number_of_executed_units: 100000\n")
SAVED = "artifact_prefix='findings/'; Test unit written to findings/crash-9e52b38f\nBase64: HBwc\n"
ABORT = ("AddressSanitizer:DEADLYSIGNAL\n=====\n"
         "==9860==ERROR: AddressSanitizer: ABRT on unknown address 0x2684 (pc 0x7f)\n"
         "    #3 0x55b6310e82bf in violation_FREE_MERGED fuzz/report/violation.c:17:1\n==9860==ABORTING\n")
VIOLATED = ("VIOLATION free-merged: No two adjacent blocks are both free.\n  heap       13 pages of 32 bytes\n" +
            ABORT + SAVED)
SV39_VIOLATED = ("\nVIOLATION sv39-satp: satp names the mode and the root.\n  operation 0: sv39_init(4 pages)\n" +
                 ABORT + SAVED)
TEXT_VIOLATED = ("\nVIOLATION text-printed-parses: A printed program parses.\n" + ABORT + SAVED)
POISONED = ("=====\n==10841==ERROR: AddressSanitizer: use-after-poison on address 0x7f17cc2002a0 at pc 0x5580\n"
            "WRITE of size 8 at 0x7f17cc2002a0 thread T0\n"
            "    #0 0x5580c421451d in kmem_zalloc src/kmem.c:313:18\n" + SAVED)
UNDEFINED = ("src/kmem.c:313:9: runtime error: store to misaligned address 0x7f17cc2002a1 for type 'uint64_t', which "
             "requires 8 byte alignment\n0x7f17cc2002a1: note: pointer points here\n"
             "SUMMARY: UndefinedBehaviorSanitizer: undefined-behavior src/kmem.c:313:9\n" + SAVED)
UNWRITTEN = ("==1409==WARNING: MemorySanitizer: use-of-uninitialized-value\n"
             "    #0 0x5654f66af4a1 in LLVMFuzzerTestOneInput unwritten.c:8:9\n"
             "SUMMARY: MemorySanitizer: use-of-uninitialized-value unwritten.c:8:9 in LLVMFuzzerTestOneInput\nExiting\n"
             "MS: 0 ; base unit: 0000000000000000000000000000000000000000\n" + SAVED)
TIMED_OUT = ("ALARM: working on the last Unit for 11 seconds\n"
             "       and the timeout value is 10 (use -timeout=N to change)\n"
             "artifact_prefix='findings/'; Test unit written to findings/timeout-1a2b\n"
             "==77== ERROR: libFuzzer: timeout after 11 seconds\nSUMMARY: libFuzzer: timeout\n")
OUT_OF_MEMORY = ("==77== ERROR: libFuzzer: out-of-memory (used: 2056Mb; limit: 2048Mb)\n"
                 "artifact_prefix='findings/'; Test unit written to findings/oom-1a2b\n")
INTERRUPTED = "==10877== libFuzzer: run interrupted; exiting\n"
