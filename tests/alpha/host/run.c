/* SPDX-License-Identifier: Apache-2.0
   One call into the DLL, and the calls to the system that it makes. */
#define _GNU_SOURCE
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <ucontext.h>

#include "host.h"

enum {
  kCanaries = 64,    /* quadwords above SP */
  kSpoiled = 0x1000, /* bytes of junk below SP */
  kSeconds = 2,      /* of the processor, that a call may take */
};

Context g_context;
Frame g_frame;

static uint64_t g_junk;
static sigjmp_buf g_way_out;
static volatile sig_atomic_t g_running;
static uint64_t g_canaries[kCanaries];

/* xorshift64* (Vigna, "An experimental exploration of Marsaglia's xorshift
   generators"). */
uint64_t Junk(void) {
  g_junk ^= g_junk >> 12;
  g_junk ^= g_junk << 25;
  g_junk ^= g_junk >> 27;
  return g_junk * 0x2545f4914f6cdd1dull;
}

void SeedJunk(uint32_t seed) { g_junk = 0x9e3779b97f4a7c15ull ^ seed; }

static uint64_t* Stack(int64_t address) {
  return (uint64_t*)(uintptr_t)address;
}

static void SpoilBelowStack(void) {
  int64_t sp = g_context.registers[kSp];
  for (int64_t at = sp - kSpoiled; at < sp; at += 8) {
    if (at >= kStackBottom) *Stack(at) = Junk();
  }
}

/* What a callee may change. */
static void SpoilRegisters(void) {
  static const int kScratch[] = {1,  2,  3,  4,  5,  6,  7,  8,  16, 17,
                                 18, 19, 20, 21, 22, 23, 24, 25, 27, 28};
  for (size_t i = 0; i < sizeof kScratch / sizeof kScratch[0]; ++i) {
    g_context.registers[kScratch[i]] = (int64_t)Junk();
  }
}

static void PrepareFrame(int count, const int64_t* arguments) {
  g_frame.sp = kStackTop - kCanaries * 8;
  for (int i = 0; i < kCanaries; ++i) {
    g_canaries[i] = Stack(g_frame.sp)[i] = Junk();
  }
  SpoilRegisters();
  g_context.registers[kV0] = (int64_t)Junk();
  for (int i = 0; i < count; ++i) {
    g_context.registers[kA0 + i] = arguments[i];
  }
  for (int i = kS0; i <= kFp; ++i) {
    g_frame.kept[i] = g_context.registers[i] = (int64_t)Junk();
  }
  g_frame.kept[kGp] = g_context.registers[kGp] = (int64_t)Junk();
  g_frame.kept[kRa] = g_context.registers[kRa] = (int64_t)(uintptr_t)Home;
  g_frame.kept[kSp] = g_context.registers[kSp] = g_frame.sp;
  for (int i = 0; i < kKeptFloats; ++i) {
    g_frame.floats[i] = g_context.floats[i] = Junk();
  }
  SpoilBelowStack();
}

static void CheckReturn(void) {
  static const int kKept[] = {9, 10, 11, 12, 13, 14, 15, 26, 29, 30};
  for (size_t i = 0; i < sizeof kKept / sizeof kKept[0]; ++i) {
    int n = kKept[i];
    if (g_context.registers[n] != g_frame.kept[n]) {
      Violation("returns with another R%d", n);
    }
  }
  for (int i = 0; i < kKeptFloats; ++i) {
    if (g_context.floats[i] != g_frame.floats[i]) {
      Violation("returns with another F%d", kFirstKeptFloat + i);
    }
  }
  for (int i = 0; i < kCanaries; ++i) {
    if (Stack(g_frame.sp)[i] != g_canaries[i]) {
      Violation("changed its caller's stack at 0x%x", i * 8);
    }
  }
}

static int IsSignExtended(int64_t value) { return value == (int32_t)value; }

/* The line of a call: kind, function, where it returns to, arguments. */
static void TellCall(const Function* function, const int64_t* arguments) {
  char text[400] = "";
  size_t length = 0;
  for (int i = 0; i < function->arguments; ++i) {
    length += (size_t)snprintf(text + length, sizeof text - length, " %s",
                               Name(arguments[i]));
    if (!IsSignExtended(arguments[i])) {
      Violation("passes to %s a value that is not sign-extended: %#lx",
                function->name, (unsigned long)arguments[i]);
    }
  }
  Tell("call", "%s %s %s%s", KindOf(function), function->name,
       Name(g_context.registers[kRa]), text);
}

/* Called by SystemEntry. R28's place holds the address behind the stub. */
void AnswerSystemCall(void) {
  enum { kStubSize = 3 * kInstruction };
  int64_t* registers = g_context.registers;
  const Function* function = FunctionAt(registers[28] - kStubSize);
  int64_t sp = registers[kSp];
  if (!function) Crash("reaches a stub that is none");
  if (sp % 16 != 0) {
    Violation("calls %s with SP not a multiple of 16", function->name);
  }
  if (sp < kStackBottom || sp > (int64_t)g_frame.sp) {
    Crash("calls %s with SP outside its stack", function->name);
  }
  if (function->arguments > kMaxArguments) {
    Crash("calls %s, whose arguments are on the stack", function->name);
  }
  TellCall(function, &registers[kA0]);
  CheckUnwinding();
  SpoilBelowStack();
  int64_t arguments[kMaxArguments];
  memcpy(arguments, &registers[kA0], sizeof arguments);
  int64_t result = AnswerFunction(function, arguments);
  SpoilRegisters();
  registers[kV0] = result;
}

void LeaveDll(void) { siglongjmp(g_way_out, 1); }

static const char* WhatHappened(int number, int code, Address at, Address pc) {
  switch (number) {
    case SIGVTALRM:
      return "does not return";
    case SIGILL:
      return "executes what is no instruction for it";
    case SIGSEGV:
      if (at == pc) return "executes what may not be executed";
      return code == SEGV_ACCERR ? "touches protected memory"
                                 : "touches unmapped memory";
    case SIGBUS:
      return "touches memory out of alignment";
    default:
      return "is stopped by the processor";
  }
}

static void OnFault(int number, siginfo_t* info, void* user) {
  ucontext_t* context = user;
  Address pc = (Address)context->uc_mcontext.sc_pc;
  Address at = (Address)(uintptr_t)info->si_addr;
  if (!g_running) {
    fprintf(stderr, "alpha_host: signal %d at %#x\n", number, pc);
    _Exit(1);
  }
  g_context.registers[kSp] = context->uc_mcontext.sc_regs[kSp];
  const char* what = WhatHappened(number, info->si_code, at, pc);
  if (number == SIGSEGV && at != pc) {
    Crash("%s at %s (%s)", what, Name(at), Name(pc));
  }
  Crash("%s (%s)", what, Name(pc));
}

/* The breakpoint at the DLL's own entry (memory.c). */
static void OnTrap(int number, siginfo_t* info, void* user) {
  ucontext_t* context = user;
  Address pc = (Address)context->uc_mcontext.sc_pc;
  if (g_image.entry == 0 || pc != g_image.entry + kInstruction) {
    return OnFault(number, info, user);
  }
  const long* registers = context->uc_mcontext.sc_regs;
  Tell("arrival", "%s 0x%x 0x%x", Name(registers[kA0]),
       (unsigned)registers[kA0 + 1], (unsigned)registers[kA0 + 2]);
  context->uc_mcontext.sc_pc = DisplacedEntry();
}

void InstallHandlers(void) {
  static const int kFaults[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGVTALRM};
  static char stack[0x10000];
  stack_t signals = {.ss_sp = stack, .ss_size = sizeof stack};
  struct sigaction action;
  memset(&action, 0, sizeof action);
  sigaltstack(&signals, NULL);
  action.sa_flags = SA_SIGINFO | SA_ONSTACK;
  action.sa_sigaction = OnFault;
  for (size_t i = 0; i < sizeof kFaults / sizeof kFaults[0]; ++i) {
    sigaction(kFaults[i], &action, NULL);
  }
  action.sa_sigaction = OnTrap;
  sigaction(SIGTRAP, &action, NULL);
}

static void SetTimer(int seconds) {
  struct itimerval timer = {.it_value.tv_sec = seconds};
  setitimer(ITIMER_VIRTUAL, &timer, NULL);
}

static void TellResult(int64_t result) {
  if (!IsSignExtended(result)) Violation("returns what is not sign-extended");
  Tell("result", "%u", (unsigned)result);
}

void RunDll(Address address, int count, const int64_t* arguments,
            int has_result) {
  PrepareFrame(count, arguments);
  g_context.target = address;
  if (sigsetjmp(g_way_out, 1) == 0) {
    g_running = 1;
    SetTimer(kSeconds);
    CallDll();
    g_running = 0;
    CheckReturn();
    CheckSlack();
    if (has_result) TellResult(g_context.registers[kV0]);
  }
  g_running = 0;
  SetTimer(0);
  TellSections();
}
