// SPDX-License-Identifier: Apache-2.0
// A TLS callback, which the loader calls before DllMain (PE/COFF
// specification, "TLS Callback Functions"), makes the section.
#include "dll.h"

CRITICAL_SECTION g_lock;

static void WINAPI OnTls(HANDLE module, DWORD reason, void* reserved) {
  (void)module, (void)reserved;
  if (reason == DLL_PROCESS_ATTACH) InitializeCriticalSection(&g_lock);
  if (reason == DLL_PROCESS_DETACH) FIX(DeleteCriticalSection(&g_lock));
}

typedef void(WINAPI* TlsCallback)(HANDLE, DWORD, void*);
DWORD g_tls_index;
const TlsCallback kCallbacks[] = {OnTls, 0};

// IMAGE_TLS_DIRECTORY32 of winnt.h. GNU ld and LINK find it by its name.
const struct {
  const char* start;
  const char* end;
  DWORD* index;
  const TlsCallback* callbacks;
  DWORD size_of_zero_fill;
  DWORD characteristics;
} _tls_used = {0, 0, &g_tls_index, kCallbacks, 0, 0};

BOOL WINAPI DllMain(HANDLE module, DWORD reason, void* reserved) {
  (void)module, (void)reserved;
  if (reason == DLL_PROCESS_DETACH) SetLastError(0);
  return TRUE;
}

PROBE(&g_lock)
