# An exit that cannot be moved: the operand before the return is one that a base
# relocation rewrites. With WORK the detach path also calls the system.
.include "dll.inc"
_DllMain@12:
    mov eax, [esp+reason]
    cmp eax, 1
    jne not_attach
    initialise _g_lock
    jmp leave
not_attach:
.ifdef WORK
    test eax, eax
    jnz leave
    push eax
    call dword ptr [__imp__SetLastError@4]
.endif
leave:
    mov eax, dword ptr [_g_answer]
    ret 12

    probe _g_lock
    .data
_g_answer:
    .long 1
    .text
section _g_lock
