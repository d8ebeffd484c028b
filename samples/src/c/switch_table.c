// SPDX-License-Identifier: Apache-2.0
// A switch with work in each case, dense enough for a jump table (the flags ask
// for one: gcc alone would want five cases).
#include "dll.h"

CRITICAL_SECTION g_lock;
DWORD g_slot;

BOOL WINAPI DllMain(HANDLE module, DWORD reason, void* reserved) {
  (void)module, (void)reserved;
  switch (reason) {
    case DLL_PROCESS_DETACH:
      TlsFree(g_slot);
      FIX(DeleteCriticalSection(&g_lock));
      break;
    case DLL_PROCESS_ATTACH:
      g_slot = TlsAlloc();
      InitializeCriticalSection(&g_lock);
      break;
    case DLL_THREAD_ATTACH:
      TlsSetValue(g_slot, &g_lock);
      break;
    case DLL_THREAD_DETACH:
      TlsSetValue(g_slot, 0);
      break;
  }
  return TRUE;
}

PROBE(&g_lock)
