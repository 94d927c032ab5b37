# The first instruction, at the start of RAM.
.section .text.start
.global _start
_start:
    la sp, stack_end
    call main
1:  wfi
    j 1b
