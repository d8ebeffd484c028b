// SPDX-License-Identifier: Apache-2.0
// One call for attach and detach: which function it reaches is chosen by
// conditional moves. Without the fix detach has none to call.
#include "idiom.inc"
.ent DllEntry
DllEntry:
.frame sp,16,ra,0
    lda     sp, -16(sp)
    stq     ra, 0(sp)
.prologue 0
    load    t0, init_slot
    bis     zero, zero, t12
    cmpeq   a1, 1, t1
    cmovne  t1, t0, t12
#ifdef VENDOR_FIX
    load    t0, delete_slot
    cmoveq  a1, t0, t12
#endif
    beq     t12, done
    address a0, SspiLock
    jsr     ra, (t12), 0
done:
    lda     v0, 1(zero)
    ldq     ra, 0(sp)
    lda     sp, 16(sp)
    ret     zero, (ra), 1
.end DllEntry
