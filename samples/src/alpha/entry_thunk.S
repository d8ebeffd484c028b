// SPDX-License-Identifier: Apache-2.0
// Imports are called through functions in the image that jump to them.
#include "idiom.inc"
.ent DllEntry
DllEntry:
.frame sp,16,ra,0
    lda     sp, -16(sp)
    stq     ra, 0(sp)
.prologue 0
    cmpeq   a1, 1, t0
    beq     t0, not_attach
    address a0, SspiLock
    bsr     ra, init_thunk
    br      zero, done
not_attach:
    bne     a1, done
#ifdef VENDOR_FIX
    address a0, SspiLock
    bsr     ra, delete_thunk
#endif
done:
    lda     v0, 1(zero)
    ldq     ra, 0(sp)
    lda     sp, 16(sp)
    ret     zero, (ra), 1
.end DllEntry
