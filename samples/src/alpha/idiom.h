// SPDX-License-Identifier: Apache-2.0
// Shared by the entries: the registers by the names that Windows NT's compilers
// and debuggers give them (Microsoft, "Alpha AXP Calling Standard", 2.2), and
// the few sequences that all code for the machine is made of (Raymond Chen,
// "The Alpha AXP", parts 8 and 13, devblogs.microsoft.com/oldnewthing): an
// address in two halves, a word at a fixed place, a call through a slot.
//
// What an entry can use:
//   SspiLock                       the critical section of body.c
//   init_slot, delete_slot         import slots of the chosen pair of functions
//   init_thunk, delete_thunk       functions that jump through them
// With VENDOR_FIX defined an entry is its own repaired counterpart.
//
// maker/alpha_assembly.py makes entries of .pdata from .ent, .frame, .prologue
// and .end.
#define v0 $0
#define t0 $1
#define t1 $2
#define s0 $9
#define s1 $10
#define s2 $11
#define a0 $16
#define a1 $17
#define a2 $18
#define ra $26
#define t12 $27
#define at $28
#define sp $30
#define zero $31

.macro address register, name
    ldah    \register, \name(zero) !gprelhigh
    lda     \register, \name(\register) !gprellow
.endm

.macro load register, name
    ldah    \register, \name(zero) !gprelhigh
    ldl     \register, \name(\register) !gprellow
.endm

// The address is built in `at`, which is there for that.
.macro store register, name
    ldah    at, \name(zero) !gprelhigh
    stl     \register, \name(at) !gprellow
.endm

.macro call slot
    load    t12, \slot
    jsr     ra, (t12), 0
.endm

// The entry is where the code begins.
.set noat
.section .text.entry, "ax"
.globl DllEntry
