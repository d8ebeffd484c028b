// SPDX-License-Identifier: Apache-2.0
// Thread reasons do something that a caller can see.
#include "dll.h"

CRITICAL_SECTION g_lock;

BOOL WINAPI DllMain(HANDLE module, DWORD reason, void* reserved) {
  (void)module, (void)reserved;
  if (reason == DLL_PROCESS_ATTACH) {
    InitializeCriticalSection(&g_lock);
  } else if (reason == DLL_THREAD_ATTACH) {
    SetLastError(0x20000002);
  } else if (reason == DLL_THREAD_DETACH) {
    SetLastError(0x20000003);
  } else {
    FIX(DeleteCriticalSection(&g_lock));
  }
  return TRUE;
}

PROBE(&g_lock)
