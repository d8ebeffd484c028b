/* SPDX-License-Identifier: Apache-2.0
   A process of Windows NT on Alpha, in miniature, with one DLL in it. It runs
   under qemu-alpha and does as it is told on standard input (commands.c): it
   maps an image that alpha_process.cc has relocated and snapped, calls its
   entry and its exports as NT does, answers its calls to the system, and writes
   down what it sees.

   What a callee may rely on is all that it gets: R1 to R8, R22 to R25, R27, R28
   and the argument registers without an argument are junk at every entry and,
   with the arguments, after every system call; so is the stack below SP. What
   it must keep is checked: R9 to R15, F2 to F9, R29, SP, and the stack above
   SP. R26 holds the return address again, as `ret` leaves it (Microsoft,
   "Windows NT for Alpha Calling Standard", 2.2 and 3.2). The other
   floating-point registers are left alone. */
#ifndef DETACHFIX_TESTS_ALPHA_HOST_H_
#define DETACHFIX_TESTS_ALPHA_HOST_H_

#include <stdint.h>

enum { kRegisters = 32, kInstruction = 4, kMaxArguments = 6 };
enum { kFirstKeptFloat = 2, kKeptFloats = 8 };
enum { kV0 = 0, kS0 = 9, kFp = 15, kA0 = 16, kRa = 26, kGp = 29, kSp = 30 };

/* Below the image's own bases, where Windows NT has them in a small process. */
enum {
  kStackBottom = 0x000f0000,
  kStackTop = 0x00130000,
  kHeapBottom = 0x00140000,
  kHeapTop = 0x00240000,
  kPageSize = 0x2000,
};

typedef uint32_t Address; /* everything lies below 2 GB */

/* ---- call.S. The layout is known there. */

typedef struct {
  int64_t registers[kRegisters]; /* of the DLL; R31 is not used */
  uint64_t target;               /* what CallDll jumps to */
  uint64_t host_sp;              /* of the host, while the DLL runs */
  uint64_t host_gp;
  uint64_t floats[kKeptFloats]; /* F2 to F9, as bits */
} Context;

extern Context g_context;
/* Loads the DLL's registers, jumps to the target, and comes back when control
   reaches Home. */
void CallDll(void);
extern char Home[];        /* where the DLL returns to */
extern char SystemEntry[]; /* where the stubs of system functions jump to */

/* ---- report.c: what is told, one line each. */

void Tell(const char* kind, const char* format, ...)
    __attribute__((format(printf, 2, 3)));
void Violation(const char* format, ...) __attribute__((format(printf, 1, 2)));
/* A violation after which nothing more is run. Does not return: control goes
   back to RunDll. */
void Crash(const char* format, ...)
    __attribute__((format(printf, 1, 2), noreturn));
/* The address as it is told: image+0x…, stack+0x… from the SP of the call,
   heap+0x…, the name of a function. The result is in one of a few buffers that
   take turns. */
const char* Name(int64_t value);

/* ---- memory.c */

typedef struct {
  Address base;
  uint32_t size;
  Address entry;    /* watched; 0 for none */
  uint32_t pdata;   /* RVA */
  uint32_t entries; /* of .pdata */
} Image;

extern Image g_image;

void MapProcess(void);
/* Maps the image; its sections are made with AddSection, then sealed. */
void MapImage(const unsigned char* bytes);
void AddSection(uint32_t rva, uint32_t end, const char* access,
                const unsigned char* bytes);
void UnmapImage(void);
/* The stub of a system function at this address. */
void WriteStub(Address address);
void UnmapStubs(void);
/* The bytes behind the VirtualSize of a section are as they were, or that is a
   violation. */
void CheckSlack(void);
int IsInImage(int64_t value);
/* The instruction that the DLL has at this address. */
uint32_t InstructionAt(Address address);
/* Where the instruction at the watched entry runs instead. */
Address DisplacedEntry(void);

/* ---- system.c: the functions that DLLs call. */

typedef struct {
  Address address;
  int arguments;
  char name[80]; /* "kernel32.dll!DeleteCriticalSection" */
} Function;

void AddFunction(Address address, int arguments, const char* name);
void AddModule(Address base, const char* dll);
void AddVariable(const char* name, const char* value);
void AddResult(const char* function, int64_t value);
void FailEverything(void);
void ForgetSystem(void);
const Function* FunctionAt(int64_t address);
const char* ModuleAt(int64_t base);
/* Does what the function does, and returns its result. */
int64_t AnswerFunction(const Function* function, const int64_t* arguments);
/* "initialise", "delete" or "other". */
const char* KindOf(const Function* function);
void TellSections(void);

/* ---- unwind.c */

/* Walks from the system call in g_context to Home, by .pdata. */
void CheckUnwinding(void);
/* The table is sorted and inside the image, or that is a violation. */
void CheckFunctionTable(void);

/* ---- run.c */

typedef struct {
  Address sp;
  int64_t kept[kRegisters];
  uint64_t floats[kKeptFloats];
} Frame;

extern Frame g_frame; /* of the call that runs */

uint64_t Junk(void);
void SeedJunk(uint32_t seed);
void InstallHandlers(void);
/* Calls the DLL at `address` and tells what it does. */
void RunDll(Address address, int count, const int64_t* arguments,
            int has_result);
/* Ends the call that runs. */
void LeaveDll(void) __attribute__((noreturn));

#endif /* DETACHFIX_TESTS_ALPHA_HOST_H_ */
