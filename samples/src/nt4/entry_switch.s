# SPDX-License-Identifier: Apache-2.0
# A switch without optimisation: locals for the reason and the result, the
# cases first, the dispatch through a jump table in the code behind them.
.include "idiom.inc"
    frame
    sub esp, 8
    push ebx
    push esi
    push edi
    mov dword ptr [ebp-8], 1
    mov eax, [ebp+reason]
    mov [ebp-4], eax
    jmp dispatch
on_attach:
    push offset _SspiLock
    call dword ptr [init_slot]
    jmp done
on_detach:
.ifdef VENDOR_FIX
    push offset _SspiLock
    call dword ptr [delete_slot]
.endif
    jmp done
on_thread:
    jmp done
dispatch:
    cmp dword ptr [ebp-4], 3
    ja done
    mov eax, [ebp-4]
    jmp dword ptr [cases+eax*4]
cases:
    .long on_detach, on_attach, on_thread, on_thread
done:
    mov eax, [ebp-8]
    jmp leave_it
leave_it:
    pop edi
    pop esi
    pop ebx
    end_frame
    ret 12
