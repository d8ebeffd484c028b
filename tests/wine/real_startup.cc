// SPDX-License-Identifier: Apache-2.0
// A DLL behind mingw-w64's own start-up code: its entry runs constructors, then
// DllMain; on detach DllMain, then what was registered for the exit.
//   -DIN_CONSTRUCTOR  a static object holds the critical section, else DllMain
//   -DVENDOR_FIX      it is deleted
//   -DSTREAMS         the C++ library's streams are initialised too
//   -DCONTAINERS      attach fills containers, which may throw std::bad_alloc
//   -DHASHES          and a hash table, whose sizes the x87 computes
#include <windows.h>

#ifdef STREAMS
#include <iostream>
#endif
#ifdef CONTAINERS
#include <map>
#include <vector>

static std::vector<DWORD> g_list;
static std::map<DWORD, DWORD> g_map;
#endif

#ifdef HASHES
#include <unordered_map>

static std::unordered_map<DWORD, DWORD> g_hashes;
#endif

extern "C" CRITICAL_SECTION g_lock;
CRITICAL_SECTION g_lock;

#ifdef IN_CONSTRUCTOR
namespace {
struct Lock {
  Lock() { InitializeCriticalSection(&g_lock); }
#ifdef VENDOR_FIX
  ~Lock() { DeleteCriticalSection(&g_lock); }
#endif
} g_holder;
}  // namespace
#endif

extern "C" __declspec(dllexport) int Probe(int number) {
  EnterCriticalSection(&g_lock);
#ifdef STREAMS
  if (number < 0) std::cout << number;
#endif
  LeaveCriticalSection(&g_lock);
  return number * 3 + 7;
}

extern "C" BOOL WINAPI DllMain(HINSTANCE, DWORD reason, LPVOID) {
#ifdef CONTAINERS
  if (reason == DLL_PROCESS_ATTACH) {
    g_list.push_back(reason);
    g_map[reason] = 1;
  }
#endif
#ifdef HASHES
  if (reason == DLL_PROCESS_ATTACH) {
    for (DWORD i = 0; i < 40; ++i) g_hashes[i * i] = i;
  }
#endif
#ifndef IN_CONSTRUCTOR
  if (reason == DLL_PROCESS_ATTACH) InitializeCriticalSection(&g_lock);
#ifdef VENDOR_FIX
  if (reason == DLL_PROCESS_DETACH) DeleteCriticalSection(&g_lock);
#endif
#endif
  return reason <= DLL_THREAD_DETACH;
}
