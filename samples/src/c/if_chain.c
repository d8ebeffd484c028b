// SPDX-License-Identifier: Apache-2.0
// The reason is told apart by a chain of ifs that return early.
#include "dll.h"

CRITICAL_SECTION g_lock;
HANDLE g_module;

BOOL WINAPI DllMain(HANDLE module, DWORD reason, void* reserved) {
  (void)reserved;
  if (reason == DLL_PROCESS_ATTACH) {
    g_module = module;
    InitializeCriticalSection(&g_lock);
    return TRUE;
  }
  if (reason == DLL_PROCESS_DETACH) {
    FIX(DeleteCriticalSection(&g_lock));
    g_module = 0;
    return TRUE;
  }
  return TRUE;
}

PROBE(&g_lock)
