// SPDX-License-Identifier: Apache-2.0
// A switch through a table of addresses, which lies in the code.
#include "idiom.inc"
.ent DllEntry
DllEntry:
.frame sp,32,ra,0
    lda     sp, -32(sp)
    stq     s0, 0(sp)
    stq     ra, 16(sp)
.prologue 0
    lda     s0, 1(zero)
    zapnot  a1, 15, t0
    cmpule  t0, 3, t1
    beq     t1, done
    address t1, cases
    s4addl  a1, t1, t1
    ldl     t1, 0(t1)
    jmp     zero, (t1), 0
on_attach:
    address a0, SspiLock
    call    init_slot
    br      zero, done
on_detach:
#ifdef VENDOR_FIX
    address a0, SspiLock
    call    delete_slot
#endif
    br      zero, done
on_thread:
done:
    bis     zero, s0, v0
    ldq     s0, 0(sp)
    ldq     ra, 16(sp)
    lda     sp, 32(sp)
    ret     zero, (ra), 1
.end DllEntry
cases:
    .long on_detach, on_attach, on_thread, on_thread
