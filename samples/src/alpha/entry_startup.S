// SPDX-License-Identifier: Apache-2.0
// A start-up function in front of DllMain: it counts attaches, does nothing on
// a detach without one, and detaches again when DllMain's attach fails.
#include "idiom.inc"
.ent DllEntry
DllEntry:
.frame sp,48,ra,0
    lda     sp, -48(sp)
    stq     s0, 0(sp)
    stq     s1, 8(sp)
    stq     s2, 16(sp)
    stq     ra, 24(sp)
.prologue 0
    bis     zero, a0, s0
    bis     zero, a1, s1
    bis     zero, a2, s2
    load    t0, SspiAttached
    bne     s1, not_detach
    bis     zero, zero, v0
    beq     t0, leave_it
    br      zero, run_main
not_detach:
    cmpeq   s1, 1, t1
    beq     t1, run_main
    addl    t0, 1, t0
    store   t0, SspiAttached
run_main:
    bsr     ra, dll_main
    cmpeq   s1, 1, t1
    beq     t1, after_attach
    bne     v0, leave_it
    bis     zero, s0, a0
    bis     zero, zero, a1
    bis     zero, s2, a2
    bsr     ra, dll_main
    bis     zero, zero, v0
    br      zero, leave_it
after_attach:
    bne     s1, leave_it
    load    t0, SspiAttached
    subl    t0, 1, t0
    store   t0, SspiAttached
leave_it:
    ldq     s0, 0(sp)
    ldq     s1, 8(sp)
    ldq     s2, 16(sp)
    ldq     ra, 24(sp)
    lda     sp, 48(sp)
    ret     zero, (ra), 1
.end DllEntry

.align 4
.ent dll_main
dll_main:
.frame sp,16,ra,0
    lda     sp, -16(sp)
    stq     ra, 0(sp)
.prologue 0
    cmpeq   a1, 1, t0
    beq     t0, not_attach
    address a0, SspiLock
    call    init_slot
    br      zero, main_end
not_attach:
    bne     a1, main_end
#ifdef VENDOR_FIX
    address a0, SspiLock
    call    delete_slot
#endif
main_end:
    lda     v0, 1(zero)
    ldq     ra, 0(sp)
    lda     sp, 16(sp)
    ret     zero, (ra), 1
.end dll_main

.bss
.align 2
SspiAttached: .long 0
