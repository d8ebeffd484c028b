// SPDX-License-Identifier: Apache-2.0
// A C runtime's entry in front of DllMain, in miniature: it counts attaches,
// runs a table of initialisers, lets them register functions to be run at the
// end, calls DllMain, and runs that list from its end when it detaches
// (Microsoft's _CRT_INIT, _initterm and _onexit tables work so, as their
// documentation describes them).
#include "dll.h"

typedef void (*Function)(void);
enum { kMostAtExit = 8 };

CRITICAL_SECTION g_lock;
CRITICAL_SECTION g_runtime_lock;  // the runtime's own, and it deletes it
static Function g_at_exit[kMostAtExit];
static Function* g_at_exit_end = g_at_exit;
static int g_attached;

static __attribute__((noinline)) BOOL AtExit(Function function) {
  if (g_at_exit_end == g_at_exit + kMostAtExit) return FALSE;
  *g_at_exit_end++ = function;
  return TRUE;
}

static void DeleteRuntimeLock(void) { DeleteCriticalSection(&g_runtime_lock); }

static void MakeRuntimeLock(void) {
  InitializeCriticalSection(&g_runtime_lock);
  AtExit(DeleteRuntimeLock);
}

// The DLL's own static objects, which register their ends likewise.
static void DropObject(void) {
  SetLastError(1);
  FIX(DeleteCriticalSection(&g_lock));
}

static void MakeObject(void) {
  InitializeCriticalSection(&g_lock);
  AtExit(DropObject);
}

static Function volatile g_initialisers[] = {0, MakeRuntimeLock, 0, MakeObject};

static __attribute__((noinline)) void InitTerm(Function volatile* begin,
                                               Function volatile* end) {
  for (; begin != end; ++begin) {
    if (*begin) (*begin)();
  }
}

static __attribute__((noinline)) BOOL OnReason(HANDLE module, DWORD reason) {
  (void)module;
  return reason <= DLL_THREAD_DETACH;
}

BOOL WINAPI DllMain(HANDLE module, DWORD reason, void* reserved) {
  (void)reserved;
  if (reason == DLL_PROCESS_ATTACH) {
    ++g_attached;
    g_at_exit_end = g_at_exit;
    InitTerm(g_initialisers, g_initialisers + 4);
  }
  if (reason == DLL_PROCESS_DETACH && g_attached <= 0) return FALSE;
  OnReason(module, reason);
  if (reason == DLL_PROCESS_DETACH) {
    --g_attached;
    while (g_at_exit_end != g_at_exit) (*--g_at_exit_end)();
  }
  return TRUE;
}

PROBE(&g_lock)
