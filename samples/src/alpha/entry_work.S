// SPDX-License-Identifier: Apache-2.0
// Detach has work of its own: a buffer and a TLS index.
#include "idiom.inc"
.ent DllEntry
DllEntry:
.frame sp,32,ra,0
    lda     sp, -32(sp)
    stq     s0, 0(sp)
    stq     s1, 8(sp)
    stq     ra, 16(sp)
.prologue 0
    lda     s1, 1(zero)
    beq     a1, on_detach
    cmpeq   a1, s1, t0
    bne     t0, on_attach
    cmpeq   a1, 2, t0
    bne     t0, on_thread_attach
done:
    bis     zero, s1, v0
    ldq     s0, 0(sp)
    ldq     s1, 8(sp)
    ldq     ra, 16(sp)
    lda     sp, 32(sp)
    ret     zero, (ra), 1
on_attach:
    call    __imp_TlsAlloc
    store   v0, SspiTlsIndex
    lda     a0, 0x40(zero)
    lda     a1, 0x400(zero)
    call    __imp_LocalAlloc
    store   v0, SspiBuffer
    address a0, SspiLock
    call    init_slot
    br      zero, done
on_thread_attach:
    load    a0, SspiTlsIndex
    bis     zero, zero, a1
    call    __imp_TlsSetValue
    br      zero, done
on_detach:
#ifdef VENDOR_FIX
    address a0, SspiLock
    call    delete_slot
#endif
    load    s0, SspiBuffer
    beq     s0, no_buffer
    bis     zero, s0, a0
    call    __imp_LocalFree
    store   zero, SspiBuffer
no_buffer:
    load    a0, SspiTlsIndex
    call    __imp_TlsFree
    br      zero, done
.end DllEntry

.bss
.align 2
SspiBuffer: .long 0
SspiTlsIndex: .long 0
