// SPDX-License-Identifier: Apache-2.0
// Attach returns FALSE when the environment asks for it: before the section is
// initialised or, with FAIL_LATE, after.
#include "idiom.inc"
.macro make_section
    address a0, SspiLock
    call    init_slot
    lda     t0, 1(zero)
    store   t0, SspiReady
.endm

.ent DllEntry
DllEntry:
.frame sp,16,ra,0
    lda     sp, -16(sp)
    stq     ra, 0(sp)
.prologue 0
    beq     a1, on_detach
    subl    a1, 1, t0
    bne     t0, done
#ifdef FAIL_LATE
    make_section
#endif
    address a0, variable
    bis     zero, zero, a1
    bis     zero, zero, a2
    call    __imp_GetEnvironmentVariableA
    bne     v0, fail
#ifndef FAIL_LATE
    make_section
#endif
    br      zero, done
fail:
    bis     zero, zero, v0
    br      zero, leave_it
on_detach:
#ifdef VENDOR_FIX
    load    t0, SspiReady
    beq     t0, done
    address a0, SspiLock
    call    delete_slot
    store   zero, SspiReady
#endif
done:
    lda     v0, 1(zero)
leave_it:
    ldq     ra, 0(sp)
    lda     sp, 16(sp)
    ret     zero, (ra), 1
.end DllEntry

.section .rdata, "a"
variable: .asciz "DETACHFIX_FAIL_ATTACH"
.bss
.align 2
SspiReady: .long 0
