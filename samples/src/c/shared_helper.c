// SPDX-License-Identifier: Apache-2.0
// One function serves attach and detach; what it calls is its argument.
#include "dll.h"

typedef void(WINAPI* OnLock)(CRITICAL_SECTION*);

CRITICAL_SECTION g_locks[2];
DWORD g_calls;

static __attribute__((noinline)) void ForEachLock(OnLock call) {
  for (int i = 0; i < 2; ++i) {
    call(&g_locks[i]);
    ++g_calls;
  }
}

BOOL WINAPI DllMain(HANDLE module, DWORD reason, void* reserved) {
  (void)module, (void)reserved;
  switch (reason) {
    case DLL_PROCESS_ATTACH:
      ForEachLock(InitializeCriticalSection);
      break;
    case DLL_PROCESS_DETACH:
      FIX(ForEachLock(DeleteCriticalSection));
      g_calls = 0;
      break;
  }
  return TRUE;
}

PROBE(&g_locks[1])
