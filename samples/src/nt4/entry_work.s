# SPDX-License-Identifier: Apache-2.0
# Detach has work of its own: it frees the buffer and the TLS index that attach
# took, and threads set their slot.
.include "idiom.inc"
    frame
    push esi
    mov eax, [ebp+reason]
    sub eax, 0
    je on_detach
    dec eax
    je on_attach
    dec eax
    je on_thread_attach
done:
    mov eax, 1
    pop esi
    pop ebp
    ret 12
on_attach:
    call dword ptr ["__imp__TlsAlloc@0"]
    mov [_SspiTlsIndex], eax
    push 0x400
    push 0x40
    call dword ptr ["__imp__LocalAlloc@8"]
    mov [_SspiBuffer], eax
    push offset _SspiLock
    call dword ptr [init_slot]
    jmp done
on_thread_attach:
    push 0
    mov eax, [_SspiTlsIndex]
    push eax
    call dword ptr ["__imp__TlsSetValue@8"]
    jmp done
on_detach:
.ifdef VENDOR_FIX
    push offset _SspiLock
    call dword ptr [delete_slot]
.endif
    mov esi, [_SspiBuffer]
    test esi, esi
    je no_buffer
    push esi
    call dword ptr ["__imp__LocalFree@4"]
    mov dword ptr [_SspiBuffer], 0
no_buffer:
    mov eax, [_SspiTlsIndex]
    push eax
    call dword ptr ["__imp__TlsFree@4"]
    jmp done

.bss
_SspiBuffer: .long 0
_SspiTlsIndex: .long 0
