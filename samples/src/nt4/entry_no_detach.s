# SPDX-License-Identifier: Apache-2.0
# Optimised, without a frame, and with no detach case at all.
.include "idiom.inc"
    cmp dword ptr [esp+8], 1
    jne done
    push offset _SspiLock
    call dword ptr [init_slot]
done:
    mov eax, 1
    ret 12
