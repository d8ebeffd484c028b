// SPDX-License-Identifier: Apache-2.0
// A TLS callback, which the loader calls before DllMain (PE/COFF
// specification, "TLS Callback Functions"), makes the section.
#include "dll.h"

CRITICAL_SECTION g_lock;
DWORD g_tls_index;

__attribute__((used)) static void WINAPI OnTls(HANDLE module, DWORD reason,
                                               void* reserved) {
  (void)module, (void)reserved;
  if (reason == DLL_PROCESS_ATTACH) InitializeCriticalSection(&g_lock);
  if (reason == DLL_PROCESS_DETACH) FIX(DeleteCriticalSection(&g_lock));
}

// IMAGE_TLS_DIRECTORY32 of winnt.h. GNU ld, LINK and alpha_c_build.py find it
// by its name.
#ifdef __alpha__
// gcc's pointers have 64 bits there, the directory's have 32.
__asm__(
    ".pushsection .rdata,\"a\",@progbits\n"
    ".align 2\n"
    ".globl _tls_used\n"
    "_tls_used: .long 0, 0, g_tls_index, kCallbacks, 0, 0\n"
    "kCallbacks: .long OnTls, 0\n"
    ".popsection\n");
#else
typedef void(WINAPI* TlsCallback)(HANDLE, DWORD, void*);
const TlsCallback kCallbacks[] = {OnTls, 0};

const struct {
  const char* start;
  const char* end;
  DWORD* index;
  const TlsCallback* callbacks;
  DWORD size_of_zero_fill;
  DWORD characteristics;
} _tls_used = {0, 0, &g_tls_index, kCallbacks, 0, 0};
#endif

BOOL WINAPI DllMain(HANDLE module, DWORD reason, void* reserved) {
  (void)module, (void)reserved;
  if (reason == DLL_PROCESS_DETACH) SetLastError(0);
  return TRUE;
}

PROBE(&g_lock)
