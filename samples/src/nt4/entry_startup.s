# SPDX-License-Identifier: Apache-2.0
# A start-up function in front of DllMain, as a C runtime brings one: it counts
# attaches, calls DllMain with its own arguments, and calls it again with the
# detach reason when attach fails.
.include "idiom.inc"
    frame
    push ebx
    push esi
    push edi
    mov esi, [ebp+reason]
    mov edi, [ebp+reserved]
    test esi, esi
    jne not_detach
    cmp dword ptr [_SspiAttached], 0
    jne run_main
    xor eax, eax
    jmp done
not_detach:
    cmp esi, 1
    jne run_main
    inc dword ptr [_SspiAttached]
run_main:
    push edi
    push esi
    push dword ptr [ebp+module]
    call dll_main
    mov ebx, eax
    cmp esi, 1
    jne after_attach
    test ebx, ebx
    jne end
    push edi
    push 0
    push dword ptr [ebp+module]
    call dll_main
    jmp end
after_attach:
    test esi, esi
    jne end
    dec dword ptr [_SspiAttached]
end:
    mov eax, ebx
done:
    pop edi
    pop esi
    pop ebx
    pop ebp
    ret 12

    .p2align 4, 0xcc
dll_main:
    frame
    cmp dword ptr [ebp+reason], 1
    jne not_attach
    push offset _SspiLock
    call dword ptr [init_slot]
    jmp main_end
not_attach:
    cmp dword ptr [ebp+reason], 0
    jne main_end
.ifdef VENDOR_FIX
    push offset _SspiLock
    call dword ptr [delete_slot]
.endif
main_end:
    mov eax, 1
    pop ebp
    ret 12

.bss
_SspiAttached: .long 0
