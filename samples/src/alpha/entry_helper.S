// SPDX-License-Identifier: Apache-2.0
// Attach and detach are functions of their own; attach answers a BOOL.
#include "idiom.inc"
.ent DllEntry
DllEntry:
.frame sp,16,ra,0
    lda     sp, -16(sp)
    stq     ra, 0(sp)
.prologue 0
    beq     a1, on_detach
    lda     v0, 1(zero)
    subl    a1, 1, t0
    bne     t0, done
    bsr     ra, set_up
    br      zero, done
on_detach:
    bsr     ra, tear_down
    lda     v0, 1(zero)
done:
    ldq     ra, 0(sp)
    lda     sp, 16(sp)
    ret     zero, (ra), 1
.end DllEntry

.align 4
.ent set_up
set_up:
.frame sp,16,ra,0
    lda     sp, -16(sp)
    stq     ra, 0(sp)
.prologue 0
    bis     zero, zero, v0
    beq     a0, set_up_end
    address a0, SspiLock
    call    init_slot
    lda     v0, 1(zero)
    store   v0, SspiReady
set_up_end:
    ldq     ra, 0(sp)
    lda     sp, 16(sp)
    ret     zero, (ra), 1
.end set_up

.align 4
.ent tear_down
tear_down:
.frame sp,16,ra,0
    lda     sp, -16(sp)
    stq     ra, 0(sp)
.prologue 0
    load    t0, SspiReady
    beq     t0, tear_down_end
#ifdef VENDOR_FIX
    address a0, SspiLock
    call    delete_slot
#endif
    store   zero, SspiReady
tear_down_end:
    ldq     ra, 0(sp)
    lda     sp, 16(sp)
    ret     zero, (ra), 1
.end tear_down

.bss
.align 2
SspiReady: .long 0
