// SPDX-License-Identifier: Apache-2.0
// Three sections, as Iphlpapi.dll had in KB Q241480; none is deleted.
#include "dll.h"

CRITICAL_SECTION g_lock;
CRITICAL_SECTION g_adapter_lock;
CRITICAL_SECTION g_route_lock;

BOOL WINAPI DllMain(HANDLE module, DWORD reason, void* reserved) {
  (void)module, (void)reserved;
  switch (reason) {
    case DLL_PROCESS_ATTACH:
      InitializeCriticalSection(&g_lock);
      InitializeCriticalSection(&g_adapter_lock);
      InitializeCriticalSection(&g_route_lock);
      break;
    case DLL_PROCESS_DETACH:
      SetLastError(0);
      FIX(DeleteCriticalSection(&g_lock));
      FIX(DeleteCriticalSection(&g_adapter_lock));
      FIX(DeleteCriticalSection(&g_route_lock));
      break;
  }
  return TRUE;
}

PROBE(&g_route_lock)
