// SPDX-License-Identifier: Apache-2.0
// A chain of comparisons in a frame, one exit.
#include "idiom.inc"
.ent DllEntry
DllEntry:
.frame sp,32,ra,0
    lda     sp, -32(sp)
    stq     s0, 0(sp)
    stq     ra, 8(sp)
.prologue 0
    bis     zero, a0, s0
    cmpeq   a1, 1, t0
    beq     t0, not_attach
    store   s0, SspiModule
    address a0, SspiLock
    call    init_slot
    br      zero, done
not_attach:
    bne     a1, done
#ifdef VENDOR_FIX
    address a0, SspiLock
    call    delete_slot
#endif
    store   zero, SspiModule
done:
    lda     v0, 1(zero)
    ldq     s0, 0(sp)
    ldq     ra, 8(sp)
    lda     sp, 32(sp)
    ret     zero, (ra), 1
.end DllEntry

.bss
.align 2
SspiModule: .long 0
