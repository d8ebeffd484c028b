// SPDX-License-Identifier: Apache-2.0
// The reason is told apart by a switch.
#include "dll.h"

CRITICAL_SECTION g_lock;

BOOL WINAPI DllMain(HANDLE module, DWORD reason, void* reserved) {
  (void)module, (void)reserved;
  switch (reason) {
    case DLL_PROCESS_ATTACH:
      InitializeCriticalSection(&g_lock);
      break;
    case DLL_PROCESS_DETACH:
      FIX(DeleteCriticalSection(&g_lock));
      break;
    case DLL_THREAD_ATTACH:
    case DLL_THREAD_DETACH:
      break;
  }
  return TRUE;
}

PROBE(&g_lock)
