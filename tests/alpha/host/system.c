/* SPDX-License-Identifier: Apache-2.0
   The functions that the samples call. Those of critical sections follow the
   published layout of RTL_CRITICAL_SECTION (winnt.h): DebugInfo, LockCount (-1
   when free), four more words; Initialize allocates the debug record, Delete
   frees it and zeroes the structure (ReactOS, sdk/lib/rtl/critical.c). The
   others follow their reference pages. A function without a row here answers
   with the default. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host.h"

enum { kMost = 64, kSectionWords = 6, kDebugRecordSize = 32 };

typedef struct {
  Address address;
  int entered;
} Live;

typedef struct {
  char name[80];
  char value[80];
  int64_t number;
} Setting;

static Function g_functions[kMost];
static int g_function_count;
static Function g_modules[kMost];
static int g_module_count;
static Setting g_variables[kMost], g_results[kMost];
static int g_variable_count, g_result_count;
static int g_fails;
static Live g_live[kMost];
static int g_live_count;
static Address g_blocks[kMost];
static int g_block_count;
static Address g_heap_top;
static int64_t g_slots[kMost];
static int g_slot_count;

static uint32_t* Words(int64_t address) {
  return (uint32_t*)(uintptr_t)address;
}

/* One more in a table of kMost, or the end. */
static int Take(int* count) {
  if (*count == kMost) {
    fprintf(stderr, "alpha_host: a table is full\n");
    exit(1);
  }
  return (*count)++;
}

static void Copy(char* to, const char* text) { snprintf(to, 80, "%s", text); }

void AddFunction(Address address, int arguments, const char* name) {
  Function* function = &g_functions[Take(&g_function_count)];
  function->address = address;
  function->arguments = arguments;
  Copy(function->name, name);
  WriteStub(address);
}

void AddModule(Address base, const char* dll) {
  Function* module = &g_modules[Take(&g_module_count)];
  module->address = base;
  Copy(module->name, dll);
}

static Setting* AddSetting(Setting* table, int* count, const char* name) {
  Setting* setting = &table[Take(count)];
  Copy(setting->name, name);
  return setting;
}

void AddVariable(const char* name, const char* value) {
  Copy(AddSetting(g_variables, &g_variable_count, name)->value, value);
}

void AddResult(const char* function, int64_t value) {
  AddSetting(g_results, &g_result_count, function)->number = value;
}

void FailEverything(void) { g_fails = 1; }

void ForgetSystem(void) {
  UnmapStubs();
  g_function_count = g_module_count = g_variable_count = g_result_count = 0;
  g_fails = g_live_count = g_block_count = g_slot_count = 0;
  g_heap_top = kHeapBottom;
  memset((void*)(uintptr_t)kHeapBottom, 0, kHeapTop - kHeapBottom);
}

static const Function* Find(const Function* table, int count, int64_t address) {
  for (int i = 0; i < count; ++i) {
    if (table[i].address == address) return &table[i];
  }
  return NULL;
}

const Function* FunctionAt(int64_t address) {
  return Find(g_functions, g_function_count, address);
}

const char* ModuleAt(int64_t base) {
  const Function* module = Find(g_modules, g_module_count, base);
  return module ? module->name : NULL;
}

static const Setting* FindSetting(const Setting* table, int count,
                                  const char* name) {
  for (int i = 0; i < count; ++i) {
    if (strcmp(table[i].name, name) == 0) return &table[i];
  }
  return NULL;
}

/* Of a function that has none. Sign-extended, for a repaired DLL may hand it
   on. */
static int64_t AnyResult(void) { return (int32_t)Junk(); }

/* ---- The heap: blocks are never given out twice. */

static Address AllocateBlock(int64_t size) {
  if (g_fails || size < 0 || size > kHeapTop - (int64_t)g_heap_top - 32) {
    return 0;
  }
  Address block = g_heap_top;
  g_heap_top += ((uint32_t)size + 16) & ~15u;
  g_blocks[Take(&g_block_count)] = block;
  return block;
}

static int FreeBlock(int64_t address) {
  if (address == 0) return 1;
  for (int i = 0; i < g_block_count; ++i) {
    if (g_blocks[i] != address) continue;
    g_blocks[i] = g_blocks[--g_block_count];
    return 1;
  }
  Violation("frees %s, which is no allocated block", Name(address));
  return 0;
}

/* ---- Critical sections. */

static Live* FindLive(int64_t address) {
  for (int i = 0; i < g_live_count; ++i) {
    if (g_live[i].address == address) return &g_live[i];
  }
  return NULL;
}

static Live* WantLive(int64_t address, const char* what) {
  Live* live = FindLive(address);
  if (!live) {
    Violation("%s %s, which is no initialised critical section", what,
              Name(address));
  }
  return live;
}

/* A section that is initialised again keeps its row: the first debug record is
   lost, and who compares runs sees it. */
static void Initialise(int64_t address) {
  int fails = g_fails;
  g_fails = 0;
  Address record = AllocateBlock(kDebugRecordSize);
  g_fails = fails;
  memset(Words(address), 0, kSectionWords * sizeof(uint32_t));
  Words(address)[0] = record;
  Words(address)[1] = 0xffffffff;
  Live* live = FindLive(address);
  if (!live) live = &g_live[Take(&g_live_count)];
  live->address = (Address)address;
  live->entered = 0;
}

static int64_t InitialiseVoid(const int64_t* arguments) {
  Initialise(arguments[0]);
  return AnyResult();
}

static int64_t InitialiseBool(const int64_t* arguments) {
  if (g_fails) return 0;
  Initialise(arguments[0]);
  return 1;
}

enum { kStatusNoMemory = (int32_t)0xc0000017 };

static int64_t InitialiseStatus(const int64_t* arguments) {
  if (g_fails) return kStatusNoMemory;
  Initialise(arguments[0]);
  return 0;
}

static void Delete(int64_t address) {
  Live* live = WantLive(address, "deletes");
  if (!live) return;
  if (live->entered != 0) {
    Violation("deletes %s while it is entered", Name(address));
  }
  FreeBlock(Words(address)[0]);
  *live = g_live[--g_live_count];
  memset(Words(address), 0, kSectionWords * sizeof(uint32_t));
}

static int64_t DeleteVoid(const int64_t* arguments) {
  Delete(arguments[0]);
  return AnyResult();
}

static int64_t DeleteStatus(const int64_t* arguments) {
  Delete(arguments[0]);
  return 0;
}

static int64_t Enter(const int64_t* arguments) {
  Live* live = WantLive(arguments[0], "enters");
  if (live) ++live->entered;
  return 0;
}

static int64_t Leave(const int64_t* arguments) {
  Live* live = FindLive(arguments[0]);
  if (live && live->entered > 0) {
    --live->entered;
  } else {
    Violation("leaves %s, which is not entered", Name(arguments[0]));
  }
  return 0;
}

/* ---- The rest. */

static int64_t LocalAlloc(const int64_t* arguments) {
  return AllocateBlock(arguments[1]);
}

static int64_t LocalFree(const int64_t* arguments) {
  return FreeBlock(arguments[0]) ? 0 : arguments[0];
}

enum { kFirstSlot = 5 };

static int64_t TlsAlloc(const int64_t* arguments) {
  (void)arguments;
  if (g_fails) return -1;
  return kFirstSlot + Take(&g_slot_count);
}

static int IsSlot(int64_t slot) {
  return slot >= kFirstSlot && slot < kFirstSlot + g_slot_count;
}

static int64_t TlsFree(const int64_t* arguments) {
  return IsSlot(arguments[0]);
}

static int64_t TlsSetValue(const int64_t* arguments) {
  if (!IsSlot(arguments[0])) return 0;
  g_slots[arguments[0] - kFirstSlot] = arguments[1];
  return 1;
}

static int64_t SetLastError(const int64_t* arguments) {
  (void)arguments;
  return AnyResult();
}

static int64_t GetEnvironmentVariableA(const int64_t* arguments) {
  const char* name = (const char*)(uintptr_t)arguments[0];
  const Setting* variable = FindSetting(g_variables, g_variable_count, name);
  if (!variable) return 0;
  size_t size = strlen(variable->value);
  if (arguments[2] <= (int64_t)size) return (int64_t)size + 1;
  memcpy((void*)(uintptr_t)arguments[1], variable->value, size + 1);
  return (int64_t)size;
}

static int64_t GetModuleHandleA(const int64_t* arguments) {
  const char* name = (const char*)(uintptr_t)arguments[0];
  for (int i = 0; i < g_module_count; ++i) {
    if (strcmp(g_modules[i].name, name) == 0) return g_modules[i].address;
  }
  return 0;
}

static int64_t GetProcAddress(const int64_t* arguments) {
  const char* module = ModuleAt(arguments[0]);
  char wanted[80];
  if (!module || g_fails) return 0;
  snprintf(wanted, sizeof wanted, "%s!%s", module,
           (const char*)(uintptr_t)arguments[1]);
  for (int i = 0; i < g_function_count; ++i) {
    if (strcmp(g_functions[i].name, wanted) == 0) {
      return g_functions[i].address;
    }
  }
  return 0;
}

static int64_t GetCurrentThreadId(const int64_t* arguments) {
  (void)arguments;
  return 0x50;
}

typedef struct {
  const char* name; /* without the DLL */
  const char* kind;
  int64_t (*answer)(const int64_t* arguments);
} Model;

static const Model kModels[] = {
    {"InitializeCriticalSection", "initialise", InitialiseVoid},
    {"InitializeCriticalSectionAndSpinCount", "initialise", InitialiseBool},
    {"InitializeCriticalSectionEx", "initialise", InitialiseBool},
    {"RtlInitializeCriticalSection", "initialise", InitialiseStatus},
    {"RtlInitializeCriticalSectionAndSpinCount", "initialise",
     InitialiseStatus},
    {"RtlInitializeCriticalSectionEx", "initialise", InitialiseStatus},
    {"DeleteCriticalSection", "delete", DeleteVoid},
    {"RtlDeleteCriticalSection", "delete", DeleteStatus},
    {"EnterCriticalSection", "other", Enter},
    {"RtlEnterCriticalSection", "other", Enter},
    {"LeaveCriticalSection", "other", Leave},
    {"RtlLeaveCriticalSection", "other", Leave},
    {"LocalAlloc", "other", LocalAlloc},
    {"LocalFree", "other", LocalFree},
    {"TlsAlloc", "other", TlsAlloc},
    {"TlsFree", "other", TlsFree},
    {"TlsSetValue", "other", TlsSetValue},
    {"SetLastError", "other", SetLastError},
    {"GetEnvironmentVariableA", "other", GetEnvironmentVariableA},
    {"GetModuleHandleA", "other", GetModuleHandleA},
    {"GetProcAddress", "other", GetProcAddress},
    {"GetCurrentThreadId", "other", GetCurrentThreadId},
};

static const Model* FindModel(const Function* function) {
  const char* name = strchr(function->name, '!');
  for (size_t i = 0; name && i < sizeof kModels / sizeof kModels[0]; ++i) {
    if (strcmp(kModels[i].name, name + 1) == 0) return &kModels[i];
  }
  return NULL;
}

const char* KindOf(const Function* function) {
  const Model* model = FindModel(function);
  return model ? model->kind : "other";
}

int64_t AnswerFunction(const Function* function, const int64_t* arguments) {
  const Model* model = FindModel(function);
  const Setting* steered =
      FindSetting(g_results, g_result_count, function->name);
  if (!model && !steered) {
    Crash("calls %s, which has no model", function->name);
  }
  int64_t result = model ? model->answer(arguments) : 0;
  return steered ? steered->number : result;
}

void TellSections(void) {
  for (int i = 0; i < g_live_count; ++i) {
    Tell("live", "%s", Name(g_live[i].address));
  }
}
