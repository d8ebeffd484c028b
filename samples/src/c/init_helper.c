// SPDX-License-Identifier: Apache-2.0
// Initialised in a helper, which is also where the vendor's fix lies.
#include "dll.h"

CRITICAL_SECTION g_lock;
DWORD g_users;

static __attribute__((noinline)) BOOL SetUp(HANDLE module) {
  if (!module) return FALSE;
  InitializeCriticalSection(&g_lock);
  g_users = 1;
  return TRUE;
}

static __attribute__((noinline)) void TearDown(void) {
  g_users = 0;
  FIX(DeleteCriticalSection(&g_lock));
}

BOOL WINAPI DllMain(HANDLE module, DWORD reason, void* reserved) {
  (void)reserved;
  switch (reason) {
    case DLL_PROCESS_ATTACH:
      return SetUp(module);
    case DLL_PROCESS_DETACH:
      TearDown();
      break;
  }
  return TRUE;
}

PROBE(&g_lock)
