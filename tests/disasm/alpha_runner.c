/* SPDX-License-Identifier: Apache-2.0
 * Runs pieces of Alpha code on the processor that qemu-alpha is: reads cases
 * from standard input, runs each, writes what it left to standard output.
 *
 * Everything lies at addresses that the test knows (alpha_execution_test.cc):
 * a case is the code, which saves the registers itself and then jumps to the
 * address in `way_back`, and the page of registers and data that it works on. */
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

#define CODE_SIZE 0x400
#define DATA_SIZE 0x600

struct memory {
  uint64_t stack_pointer; /* 0x50000000 */
  uint64_t way_back;      /* 0x50000008 */
  uint64_t unused[510];
  uint8_t code[CODE_SIZE]; /* 0x50001000 */
  uint8_t gap[0x2000 - 0x1000 - CODE_SIZE];
  uint8_t data[DATA_SIZE]; /* 0x50002000 */
};

static int whole(int (*one)(uint8_t *, size_t), uint8_t *bytes, size_t size) {
  while (size > 0) {
    int done = one(bytes, size);
    if (done <= 0) return 0;
    bytes += done;
    size -= (size_t)done;
  }
  return 1;
}
static int get(uint8_t *b, size_t n) { return (int)read(0, b, n); }
static int put(uint8_t *b, size_t n) { return (int)write(1, b, n); }

/* Everything that the calling standard preserves is saved on the stack, whose
 * address is kept where the code finds nothing else. */
void run(void *code);
__asm__(
    ".text\n.globl run\n.ent run\nrun:\n"
    "  .frame $30,96,$26\n"
    "  lda $30,-96($30)\n"
    "  stq $26,0($30)\n  stq $9,8($30)\n  stq $10,16($30)\n"
    "  stq $11,24($30)\n  stq $12,32($30)\n  stq $13,40($30)\n"
    "  stq $14,48($30)\n  stq $15,56($30)\n  stq $29,64($30)\n"
    "  ldah $28,0x5000($31)\n"
    "  stq $30,0($28)\n"
    "  br $1,1f\n"
    "  br $31,2f\n" /* where the code comes back to */
    "1: stq $1,8($28)\n"
    "  call_pal 0x86\n" /* imb: the code is new */
    "  jmp $31,($16),0\n"
    "2: ldah $28,0x5000($31)\n"
    "  ldq $30,0($28)\n"
    "  ldq $26,0($30)\n  ldq $9,8($30)\n  ldq $10,16($30)\n"
    "  ldq $11,24($30)\n  ldq $12,32($30)\n  ldq $13,40($30)\n"
    "  ldq $14,48($30)\n  ldq $15,56($30)\n  ldq $29,64($30)\n"
    "  lda $30,96($30)\n"
    "  ret $31,($26),1\n"
    ".end run\n");

int main(void) {
  struct memory *m = mmap((void *)0x50000000, 0x10000,
                          PROT_READ | PROT_WRITE | PROT_EXEC,
                          MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
  if (m == MAP_FAILED) return 2;
  while (whole(get, m->code, CODE_SIZE)) {
    if (!whole(get, m->data, DATA_SIZE)) return 3;
    run(m->code);
    if (!whole(put, m->data, DATA_SIZE)) return 4;
  }
  return 0;
}
