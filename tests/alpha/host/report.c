/* SPDX-License-Identifier: Apache-2.0
   Lines for alpha_process.cc: a word that says what follows, a space, the rest
   of the line. */
#include <stdarg.h>
#include <stdio.h>

#include "host.h"

static void TellList(const char* kind, const char* format, va_list list) {
  fputs(kind, stdout);
  fputc(' ', stdout);
  vprintf(format, list);
  fputc('\n', stdout);
}

void Tell(const char* kind, const char* format, ...) {
  va_list list;
  va_start(list, format);
  TellList(kind, format, list);
  va_end(list);
}

void Violation(const char* format, ...) {
  va_list list;
  va_start(list, format);
  TellList("violation", format, list);
  va_end(list);
}

void Crash(const char* format, ...) {
  va_list list;
  va_start(list, format);
  TellList("crash", format, list);
  va_end(list);
  LeaveDll();
}

const char* Name(int64_t value) {
  enum { kBuffers = 16, kLength = 100 };
  static char buffers[kBuffers][kLength];
  static int next;
  char* text = buffers[next++ % kBuffers];
  int64_t sp = g_context.registers[kSp];
  const Function* function = FunctionAt(value);
  const char* module = ModuleAt(value);
  if (IsInImage(value)) {
    snprintf(text, kLength, "image+0x%lx", (long)(value - g_image.base));
  } else if (value >= kStackBottom && value < kStackTop) {
    snprintf(text, kLength, value >= sp ? "stack+0x%lx" : "stack-0x%lx",
             (long)(value >= sp ? value - sp : sp - value));
  } else if (value >= kHeapBottom && value < kHeapTop) {
    snprintf(text, kLength, "heap+0x%lx", (long)(value - kHeapBottom));
  } else if (function || module) {
    snprintf(text, kLength, "%s", function ? function->name : module);
  } else {
    snprintf(text, kLength, "0x%x", (unsigned)value);
  }
  return text;
}
