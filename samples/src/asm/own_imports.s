# An entry that brings its own import tables, in a section of its own, so that
# they can have any shape (PE/COFF specification, "The .idata Section"):
#   NO_LOOKUP   descriptors without lookup tables
#   SLOTS_LAST  the slots end with the section's part of the file, so that the
#               zero behind them is in memory only
#   READ_ONLY   the section may not be written
.intel_syntax noprefix
.text
.globl _DllMain@12
_DllMain@12:
    mov eax, [esp+8]
    cmp eax, 1
    jne done
    push offset _g_lock
    call dword ptr [slot_initialise]
done:
    mov eax, 1
    ret 12

    .globl _Probe
_Probe:
    push offset _g_lock
    call dword ptr [slot_enter]
    push offset _g_lock
    call dword ptr [slot_leave]
    mov eax, [esp+4]
    lea eax, [eax+eax*2+7]
    ret

    .section .drectve, "yni"
    .ascii " -export:Probe"

.ifdef READ_ONLY
    .section .imports, "dr"
.else
    .section .imports, "dw"
.endif
    .globl _import_directory, _import_directory_end
    .globl _address_table, _address_table_end
_import_directory:
.ifdef NO_LOOKUP
    .long 0
.else
    .rva lookup
.endif
    .long 0, 0
    .rva dll_name, _address_table
    .long 0, 0, 0, 0, 0
_import_directory_end:
.ifndef NO_LOOKUP
lookup:
    .rva name_enter, name_initialise, name_leave
    .long 0
.endif
.macro slots
_address_table:
slot_enter:
    .rva name_enter
slot_initialise:
    .rva name_initialise
slot_leave:
    .rva name_leave
.endm
.ifndef SLOTS_LAST
    slots
    .long 0
_address_table_end:
.endif
name_enter:
    .asciz "\0\0EnterCriticalSection"
    .p2align 1
name_initialise:
    .asciz "\0\0InitializeCriticalSection"
    .p2align 1
name_leave:
    .asciz "\0\0LeaveCriticalSection"
dll_name:
    .asciz "kernel32.dll"
.ifdef SLOTS_LAST
    .org 0x200 - 12
    slots
_address_table_end:
.endif

    .globl _g_lock
    .lcomm _g_lock, 24, 4
