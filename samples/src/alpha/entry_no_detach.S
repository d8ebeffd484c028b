// SPDX-License-Identifier: Apache-2.0
// No detach case: everything but attach returns at once.
#include "idiom.inc"
.ent DllEntry
DllEntry:
.frame sp,16,ra,0
    lda     sp, -16(sp)
    stq     ra, 0(sp)
.prologue 0
    cmpeq   a1, 1, t0
    blbc    t0, done
    address a0, SspiLock
    call    init_slot
done:
    lda     v0, 1(zero)
    ldq     ra, 0(sp)
    lda     sp, 16(sp)
    ret     zero, (ra), 1
.end DllEntry
