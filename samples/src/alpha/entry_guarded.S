// SPDX-License-Identifier: Apache-2.0
// Deletes when the process lives on (lpvReserved is NULL), as Microsoft asks.
#include "idiom.inc"
.ent DllEntry
DllEntry:
.frame sp,16,ra,0
    lda     sp, -16(sp)
    stq     ra, 0(sp)
.prologue 0
    beq     a1, on_detach
    cmpeq   a1, 1, t0
    beq     t0, done
    address a0, SspiLock
    call    init_slot
    br      zero, done
on_detach:
    bne     a2, done
    address a0, SspiLock
    call    delete_slot
done:
    lda     v0, 1(zero)
    ldq     ra, 0(sp)
    lda     sp, 16(sp)
    ret     zero, (ra), 1
.end DllEntry
