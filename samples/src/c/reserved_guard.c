// SPDX-License-Identifier: Apache-2.0
// Deletes only when the process lives on (lpvReserved is NULL), as Microsoft
// asks of DllMain. With WRONG_WAY it is the other way round, and so it leaks.
#include "dll.h"

CRITICAL_SECTION g_lock;

BOOL WINAPI DllMain(HANDLE module, DWORD reason, void* reserved) {
  (void)module;
  switch (reason) {
    case DLL_PROCESS_ATTACH:
      InitializeCriticalSection(&g_lock);
      break;
    case DLL_PROCESS_DETACH:
#ifdef WRONG_WAY
      if (reserved) DeleteCriticalSection(&g_lock);
#else
      if (!reserved) DeleteCriticalSection(&g_lock);
#endif
      break;
  }
  return TRUE;
}

PROBE(&g_lock)
