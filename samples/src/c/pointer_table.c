// SPDX-License-Identifier: Apache-2.0
// A handler for each reason, called through a table of function pointers.
#include "dll.h"

CRITICAL_SECTION g_lock;

static BOOL OnDetach(void) {
  FIX(DeleteCriticalSection(&g_lock));
  return TRUE;
}

static BOOL OnAttach(void) {
  InitializeCriticalSection(&g_lock);
  return TRUE;
}

static BOOL OnThread(void) { return TRUE; }

static BOOL (*const kHandlers[])(void) = {OnDetach, OnAttach, OnThread,
                                          OnThread};

BOOL WINAPI DllMain(HANDLE module, DWORD reason, void* reserved) {
  (void)module, (void)reserved;
  if (reason >= sizeof kHandlers / sizeof kHandlers[0]) return TRUE;
  return kHandlers[reason]();
}

PROBE(&g_lock)
