// SPDX-License-Identifier: Apache-2.0
// Initialised by the function that NT 4.0 SP3 brought. It can fail, and attach
// passes that on.
#include "dll.h"

CRITICAL_SECTION g_lock;

BOOL WINAPI DllMain(HANDLE module, DWORD reason, void* reserved) {
  (void)module, (void)reserved;
  switch (reason) {
    case DLL_PROCESS_ATTACH:
      return InitializeCriticalSectionAndSpinCount(&g_lock, 4000);
    case DLL_PROCESS_DETACH:
      FIX(DeleteCriticalSection(&g_lock));
      break;
  }
  return TRUE;
}

PROBE(&g_lock)
