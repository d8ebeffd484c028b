// SPDX-License-Identifier: Apache-2.0
// Two sections; the slot is loaded once and called twice through a register.
#include "idiom.inc"
.ent DllEntry
DllEntry:
.frame sp,32,ra,0
    lda     sp, -32(sp)
    stq     s0, 0(sp)
    stq     s1, 8(sp)
    stq     ra, 16(sp)
.prologue 0
    beq     a1, on_detach
    subl    a1, 1, t0
    bne     t0, done
    load    s0, init_slot
    address s1, SspiLock
    bis     zero, s1, a0
    jsr     ra, (s0), 0
    address a0, SspiListLock
    jsr     ra, (s0), 0
    br      zero, done
on_detach:
#ifdef VENDOR_FIX
    load    s0, delete_slot
    address s1, SspiLock
    address a0, SspiListLock
    jsr     ra, (s0), 0
    bis     zero, s1, a0
    jsr     ra, (s0), 0
#endif
done:
    lda     v0, 1(zero)
    ldq     s0, 0(sp)
    ldq     s1, 8(sp)
    ldq     ra, 16(sp)
    lda     sp, 32(sp)
    ret     zero, (ra), 1
.end DllEntry

.bss
.globl SspiListLock
.align 2
SspiListLock: .space 24
