// SPDX-License-Identifier: Apache-2.0
// The reason counted down to zero, an exit for each case.
#include "idiom.inc"
.ent DllEntry
DllEntry:
.frame sp,16,ra,0
    lda     sp, -16(sp)
    stq     ra, 0(sp)
.prologue 0
    beq     a1, on_detach
    subl    a1, 1, t0
    beq     t0, on_attach
#ifdef THREADS
    subl    t0, 1, t0
    beq     t0, on_thread_attach
    subl    t0, 1, t0
    beq     t0, on_thread_detach
#endif
done:
    lda     v0, 1(zero)
    ldq     ra, 0(sp)
    lda     sp, 16(sp)
    ret     zero, (ra), 1
#ifdef THREADS
on_thread_attach:
    ldah    a0, 0x2000(zero)
    lda     a0, 2(a0)
    br      zero, tell
on_thread_detach:
    ldah    a0, 0x2000(zero)
    lda     a0, 3(a0)
tell:
    call    __imp_SetLastError
    br      zero, done
#endif
on_attach:
    address a0, SspiLock
    call    init_slot
    lda     v0, 1(zero)
    ldq     ra, 0(sp)
    lda     sp, 16(sp)
    ret     zero, (ra), 1
on_detach:
#ifdef VENDOR_FIX
    address a0, SspiLock
    call    delete_slot
#endif
    lda     v0, 1(zero)
    ldq     ra, 0(sp)
    lda     sp, 16(sp)
    ret     zero, (ra), 1
.end DllEntry
