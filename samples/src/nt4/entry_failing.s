# SPDX-License-Identifier: Apache-2.0
# Attach returns FALSE when the environment asks for it: before the section is
# initialised or, with FAIL_LATE, after.
.include "idiom.inc"
    frame
    mov eax, [ebp+reason]
    sub eax, 0
    je on_detach
    dec eax
    jne done
.ifdef FAIL_LATE
    push offset _SspiLock
    call dword ptr [init_slot]
    mov dword ptr [_SspiReady], 1
.endif
    push 0
    push 0
    push offset variable
    call dword ptr ["__imp__GetEnvironmentVariableA@12"]
    test eax, eax
    jne fail
.ifndef FAIL_LATE
    push offset _SspiLock
    call dword ptr [init_slot]
    mov dword ptr [_SspiReady], 1
.endif
    jmp done
fail:
    xor eax, eax
    pop ebp
    ret 12
on_detach:
.ifdef VENDOR_FIX
    cmp dword ptr [_SspiReady], 0
    je done
    push offset _SspiLock
    call dword ptr [delete_slot]
    mov dword ptr [_SspiReady], 0
.endif
done:
    mov eax, 1
    pop ebp
    ret 12

.section .rdata, "dr"
variable: .asciz "DETACHFIX_FAIL_ATTACH"
.bss
    .p2align 2
_SspiReady: .long 0
