/* SPDX-License-Identifier: Apache-2.0
   The border between the host and the DLL. The program is linked below 2 GB
   (--taso), so that stubs can reach it by LDAH and LDA from zero, as NT's code
   would. There is no global pointer on this side: addresses are read from words
   that stand in the code, behind the branch that leaves their place in the
   register. */
    .set noat
    .set noreorder

#define SIZE(index) ((index) * 8)
#define TARGET SIZE(32)
#define HOST_SP SIZE(33)
#define HOST_GP SIZE(34)
#define KEPT_F2 SIZE(35) /* to F9 */

/* All registers but the base, which is $28; `what` is stq or ldq. */
.macro all_registers what
    .irp n, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,29,30
    \what   $\n, SIZE(\n)($28)
    .endr
.endm

/* The return address and the registers that are the caller's, to or from the
   frame. */
.macro kept_registers what
    \what   $26, 0($30)
    .irp n, 9,10,11,12,13,14,15
    \what   $\n, SIZE(\n - 8)($30)
    .endr
.endm

/* F2 to F9, from `base` up; `what` is stt or ldt. */
.macro kept_floats what, offset, base
    .irp n, 2,3,4,5,6,7,8,9
    \what   $f\n, \offset + SIZE(\n - 2)(\base)
    .endr
.endm

/* The address of `symbol`; the word has to be aligned. */
.macro address register, symbol
    .align  3
    bis     $31, $31, $31
    br      \register, 9f
    .quad   \symbol
9:  ldq     \register, 0(\register)
.endm

    .text
    .align 4
    .globl CallDll
    .ent CallDll
CallDll:
    .frame $30, 128, $26, 0
    lda     $30, -128($30)
    kept_registers stq
    .prologue 0
    kept_floats stt, 64, $30
    address $28, g_context
    stq     $30, HOST_SP($28)
    stq     $29, HOST_GP($28)
    kept_floats ldt, KEPT_F2, $28
    all_registers ldq
    ldq     $28, TARGET($28)
    jmp     $31, ($28), 0

    .globl Home
Home:
    address $28, g_context
    all_registers stq
    kept_floats stt, KEPT_F2, $28
    ldq     $30, HOST_SP($28)
    ldq     $29, HOST_GP($28)
    kept_floats ldt, 64, $30
    kept_registers ldq
    lda     $30, 128($30)
    ret     $31, ($26), 1
    .end CallDll

/* A stub comes here with its own address in $27 and everything else as the DLL
   left it. AnswerSystemCall finds that address where R28's place is: R28 is
   nobody's across a call. */
    .align 4
    .globl SystemEntry
SystemEntry:
    address $28, g_context
    all_registers stq
    stq     $27, SIZE(28)($28)
    ldq     $30, HOST_SP($28)
    ldq     $29, HOST_GP($28)
    bis     $28, $28, $9
    address $27, AnswerSystemCall
    jsr     $26, ($27), 0
    bis     $9, $9, $28
    all_registers ldq
    ldq     $28, SIZE(28)($28)
    ret     $31, ($26), 1

    .section .note.GNU-stack, "", @progbits
