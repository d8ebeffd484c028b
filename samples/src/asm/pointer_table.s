# SPDX-License-Identifier: Apache-2.0
# A handler for each reason behind a pointer in writable data; the handlers take
# DllMain's arguments as they stand on the stack and return for it.
.include "dll.inc"
_DllMain@12:
    mov eax, [esp+reason]
    and eax, 3
    jmp dword ptr [_g_handlers+eax*4]

on_detach:
    delete _g_lock
    mov eax, 1
    ret 12
on_attach:
    initialise _g_lock
    mov eax, 1
    ret 12
on_thread:
    mov eax, 1
    ret 12

    probe _g_lock
    .data
    .p2align 2
_g_handlers:
    .long on_detach, on_attach, on_thread, on_thread
    .text
section _g_lock
