// SPDX-License-Identifier: Apache-2.0
// The critical section calls are modelled after the published layout of
// RTL_CRITICAL_SECTION (winnt.h): DebugInfo, LockCount (-1 when free),
// RecursionCount, OwningThread, LockSemaphore, SpinCount; Initialize allocates
// the debug record, Delete frees it and zeroes the structure (ReactOS
// sdk/lib/rtl/critical.c). The others follow their reference pages.
#include "tests/emulator/import_models.h"

#include <map>

#include "tests/emulator/argument_table.h"

namespace detachfix::emulator {
namespace {

using Arguments = std::vector<uint32_t>;

constexpr uint32_t kProcessHeap = 0x00140000;
constexpr uint32_t kProgramBase = 0x00400000;
constexpr uint32_t kErrorEnvironmentVariableNotFound = 203;
constexpr uint32_t kErrorModuleNotFound = 126;
constexpr uint32_t kStatusNoMemory = 0xc0000017;

uint32_t InitializeVoid(Process& process, const Arguments& arguments) {
  process.InitialiseSection(arguments[0]);
  return process.Junk();  // returns nothing: EAX is what it happens to be
}

uint32_t InitializeBool(Process& process, const Arguments& arguments) {
  if (process.steering().everything_fails) return 0;
  process.InitialiseSection(arguments[0]);
  return 1;
}

uint32_t InitializeStatus(Process& process, const Arguments& arguments) {
  if (process.steering().everything_fails) return kStatusNoMemory;
  process.InitialiseSection(arguments[0]);
  return 0;
}

uint32_t DeleteVoid(Process& process, const Arguments& arguments) {
  process.DeleteSection(arguments[0]);
  return process.Junk();
}

uint32_t DeleteStatus(Process& process, const Arguments& arguments) {
  process.DeleteSection(arguments[0]);
  return 0;
}

uint32_t Enter(Process& process, const Arguments& arguments) {
  process.EnterSection(arguments[0]);
  return process.Junk();
}

uint32_t EnterStatus(Process& process, const Arguments& arguments) {
  process.EnterSection(arguments[0]);
  return 0;
}

uint32_t TryEnter(Process& process, const Arguments& arguments) {
  process.EnterSection(arguments[0]);
  return 1;
}

uint32_t Leave(Process& process, const Arguments& arguments) {
  process.LeaveSection(arguments[0]);
  return process.Junk();
}

uint32_t LeaveStatus(Process& process, const Arguments& arguments) {
  process.LeaveSection(arguments[0]);
  return 0;
}

uint32_t AllocateOrFail(Process& process, uint32_t size) {
  return process.steering().everything_fails ? 0 : process.Allocate(size);
}

uint32_t AllocateFirst(Process& process, const Arguments& arguments) {
  return AllocateOrFail(process, arguments[0]);
}

uint32_t AllocateSecond(Process& process, const Arguments& arguments) {
  return AllocateOrFail(process, arguments[1]);
}

uint32_t AllocateThird(Process& process, const Arguments& arguments) {
  return AllocateOrFail(process, arguments[2]);
}

uint32_t AllocateProduct(Process& process, const Arguments& arguments) {
  return AllocateOrFail(process, arguments[0] * arguments[1]);
}

uint32_t FreeFirst(Process& process, const Arguments& arguments) {
  return process.Free(arguments[0]) ? 0 : arguments[0];
}

uint32_t FreeThird(Process& process, const Arguments& arguments) {
  return process.Free(arguments[2]) ? 1 : 0;
}

uint32_t TlsAlloc(Process& process, const Arguments&) {
  if (process.steering().everything_fails) return 0xffffffff;
  process.thread_slots[process.next_thread_slot] = 0;
  return process.next_thread_slot++;
}

uint32_t TlsFree(Process& process, const Arguments& arguments) {
  return static_cast<uint32_t>(process.thread_slots.erase(arguments[0]));
}

uint32_t TlsSetValue(Process& process, const Arguments& arguments) {
  if (process.thread_slots.count(arguments[0]) == 0) return 0;
  process.thread_slots[arguments[0]] = arguments[1];
  return 1;
}

uint32_t TlsGetValue(Process& process, const Arguments& arguments) {
  auto found = process.thread_slots.find(arguments[0]);
  return found == process.thread_slots.end() ? 0 : found->second;
}

/// Adds to the word at the first argument; returns what was there.
uint32_t FetchAdd(Process& process, uint32_t address, uint32_t amount) {
  uint32_t old = process.machine().Peek32(address).value_or(0);
  if (!process.machine().Store32(address, old + amount)) {
    process.Crash("an interlocked function writes " + Hex(address));
  }
  return old;
}

uint32_t Increment(Process& process, const Arguments& arguments) {
  return FetchAdd(process, arguments[0], 1) + 1;
}

uint32_t Decrement(Process& process, const Arguments& arguments) {
  return FetchAdd(process, arguments[0], 0xffffffff) - 1;
}

uint32_t ExchangeAdd(Process& process, const Arguments& arguments) {
  return FetchAdd(process, arguments[0], arguments[1]);
}

uint32_t Exchange(Process& process, const Arguments& arguments) {
  uint32_t old = process.machine().Peek32(arguments[0]).value_or(0);
  return FetchAdd(process, arguments[0], arguments[1] - old);
}

uint32_t CompareExchange(Process& process, const Arguments& arguments) {
  uint32_t old = process.machine().Peek32(arguments[0]).value_or(0);
  uint32_t wanted = old == arguments[2] ? arguments[1] : old;
  return FetchAdd(process, arguments[0], wanted - old);
}

/// GetEnvironmentVariable: the length without the zero when it fits, with it
/// when it does not.
uint32_t GetEnvironmentVariableA(Process& process, const Arguments& arguments) {
  auto found =
      process.steering().environment.find(process.ReadText(arguments[0]));
  if (found == process.steering().environment.end()) {
    process.last_error = kErrorEnvironmentVariableNotFound;
    return 0;
  }
  uint32_t size = static_cast<uint32_t>(found->second.size());
  if (arguments[2] <= size) return size + 1;
  const uint8_t* text = reinterpret_cast<const uint8_t*>(found->second.c_str());
  if (!process.machine().Store(arguments[1], std::span(text, size + 1))) {
    process.Crash("GetEnvironmentVariableA writes " + Hex(arguments[1]));
  }
  return size;
}

uint32_t GetModuleHandleA(Process& process, const Arguments& arguments) {
  if (arguments[0] == 0) return kProgramBase;
  std::string dll = LowerCase(process.ReadText(arguments[0]));
  if (dll.find('.') == std::string::npos) dll += ".dll";
  if (!process.system().IsLoaded(dll) && !IsKnownDll(dll)) {
    process.last_error = kErrorModuleNotFound;
    return 0;
  }
  return process.system().Load(dll).base;
}

uint32_t GetProcAddress(Process& process, const Arguments& arguments) {
  std::string dll = process.system().ModuleAt(arguments[0]);
  if (dll.empty() || process.steering().everything_fails) return 0;
  std::string name = arguments[1] < 0x10000 ? "#" + std::to_string(arguments[1])
                                            : process.ReadText(arguments[1]);
  return process.system().AddressOf(dll, name);
}

uint32_t GetLastError(Process& process, const Arguments&) {
  return process.last_error;
}

uint32_t SetLastError(Process& process, const Arguments& arguments) {
  process.last_error = arguments[0];
  return process.Junk();
}

uint32_t NewHandle(Process& process, const Arguments&) {
  return process.steering().everything_fails ? 0 : process.NextHandle();
}

/// _initterm(first, end): calls each function pointer that is not null.
uint32_t InitTerm(Process& process, const Arguments& arguments) {
  for (uint32_t at = arguments[0]; at < arguments[1]; at += 4) {
    uint32_t function = process.machine().Peek32(at).value_or(0);
    if (function != 0 && !process.Invoke(function, {}, false)) break;
  }
  return 0;
}

uint32_t First(Process&, const Arguments& arguments) { return arguments[0]; }

uint32_t EndsTheProcess(Process& process, const Arguments&) {
  process.Crash("ends the process");
  return 0;
}

uint32_t FillMemory(Process& process, uint32_t address, uint32_t size,
                    uint8_t value) {
  std::vector<uint8_t> bytes(size > 0x100000 ? 0 : size, value);
  if (size != bytes.size() || !process.machine().Store(address, bytes)) {
    process.Crash("fills " + Hex(size) + " bytes at " + Hex(address));
  }
  return address;
}

uint32_t MemSet(Process& process, const Arguments& arguments) {
  return FillMemory(process, arguments[0], arguments[2],
                    static_cast<uint8_t>(arguments[1]));
}

uint32_t ZeroMemory(Process& process, const Arguments& arguments) {
  return FillMemory(process, arguments[0], arguments[1], 0);
}

uint32_t MemCpy(Process& process, const Arguments& arguments) {
  std::vector<uint8_t> bytes(arguments[2] > 0x100000 ? 0 : arguments[2]);
  if (arguments[2] != bytes.size() ||
      !process.machine().Peek(arguments[1], bytes) ||
      !process.machine().Store(arguments[0], bytes)) {
    process.Crash("copies " + Hex(arguments[2]) + " bytes to " +
                  Hex(arguments[0]));
  }
  return arguments[0];
}

uint32_t StrLen(Process& process, const Arguments& arguments) {
  return static_cast<uint32_t>(process.ReadText(arguments[0]).size());
}

template <uint32_t kValue>
uint32_t Constant(Process&, const Arguments&) {
  return kValue;
}

constexpr Call::Kind kInitialise = Call::Kind::kInitialise;
constexpr Call::Kind kDelete = Call::Kind::kDelete;
constexpr Call::Kind kOther = Call::Kind::kOther;

const std::map<std::string, Model>& Models() {
  static const std::map<std::string, Model> models = {
      {"InitializeCriticalSection", {0, kInitialise, InitializeVoid}},
      {"InitializeCriticalSectionAndSpinCount",
       {0, kInitialise, InitializeBool}},
      {"InitializeCriticalSectionEx", {0, kInitialise, InitializeBool}},
      {"RtlInitializeCriticalSection", {0, kInitialise, InitializeStatus}},
      {"RtlInitializeCriticalSectionAndSpinCount",
       {0, kInitialise, InitializeStatus}},
      {"RtlInitializeCriticalSectionEx", {0, kInitialise, InitializeStatus}},
      {"DeleteCriticalSection", {0, kDelete, DeleteVoid}},
      {"RtlDeleteCriticalSection", {0, kDelete, DeleteStatus}},
      {"EnterCriticalSection", {0, kOther, Enter}},
      {"RtlEnterCriticalSection", {0, kOther, EnterStatus}},
      {"TryEnterCriticalSection", {0, kOther, TryEnter}},
      {"RtlTryEnterCriticalSection", {0, kOther, TryEnter}},
      {"LeaveCriticalSection", {0, kOther, Leave}},
      {"RtlLeaveCriticalSection", {0, kOther, LeaveStatus}},
      {"LocalAlloc", {0, kOther, AllocateSecond}},
      {"GlobalAlloc", {0, kOther, AllocateSecond}},
      {"VirtualAlloc", {0, kOther, AllocateSecond}},
      {"HeapAlloc", {0, kOther, AllocateThird}},
      {"RtlAllocateHeap", {0, kOther, AllocateThird}},
      {"malloc", {1, kOther, AllocateFirst}},
      {"calloc", {2, kOther, AllocateProduct}},
      {"LocalFree", {0, kOther, FreeFirst}},
      {"GlobalFree", {0, kOther, FreeFirst}},
      {"free", {1, kOther, FreeFirst}},
      {"HeapFree", {0, kOther, FreeThird}},
      {"RtlFreeHeap", {0, kOther, FreeThird}},
      {"GetProcessHeap", {0, kOther, Constant<kProcessHeap>}},
      {"HeapCreate", {0, kOther, NewHandle}},
      {"TlsAlloc", {0, kOther, TlsAlloc}},
      {"TlsFree", {0, kOther, TlsFree}},
      {"TlsSetValue", {0, kOther, TlsSetValue}},
      {"TlsGetValue", {0, kOther, TlsGetValue}},
      {"InterlockedIncrement", {0, kOther, Increment}},
      {"InterlockedDecrement", {0, kOther, Decrement}},
      {"InterlockedExchange", {0, kOther, Exchange}},
      {"InterlockedExchangeAdd", {0, kOther, ExchangeAdd}},
      {"InterlockedCompareExchange", {0, kOther, CompareExchange}},
      {"GetEnvironmentVariableA", {0, kOther, GetEnvironmentVariableA}},
      {"GetModuleHandleA", {0, kOther, GetModuleHandleA}},
      {"LoadLibraryA", {0, kOther, GetModuleHandleA}},
      {"GetProcAddress", {0, kOther, GetProcAddress}},
      {"GetLastError", {0, kOther, GetLastError}},
      {"SetLastError", {0, kOther, SetLastError}},
      {"GetVersion", {0, kOther, Constant<0x05650004>}},  // 4.0, build 1381
      {"GetCurrentProcess", {0, kOther, Constant<0xffffffff>}},
      {"GetCurrentThread", {0, kOther, Constant<0xfffffffe>}},
      {"GetCurrentProcessId", {0, kOther, Constant<0x4c>}},
      {"GetCurrentThreadId", {0, kOther, Constant<0x50>}},
      {"GetTickCount", {0, kOther, Constant<0x12345>}},
      {"SetUnhandledExceptionFilter", {0, kOther, Constant<0>}},
      {"CreateEventA", {0, kOther, NewHandle}},
      {"CreateEventW", {0, kOther, NewHandle}},
      {"CreateMutexA", {0, kOther, NewHandle}},
      {"CreateMutexW", {0, kOther, NewHandle}},
      {"CreateSemaphoreA", {0, kOther, NewHandle}},
      {"CreateFileMappingA", {0, kOther, NewHandle}},
      {"_initterm", {2, kOther, InitTerm}},
      {"__dllonexit", {3, kOther, First}},
      {"_onexit", {1, kOther, First}},
      {"atexit", {1, kOther, Constant<0>}},
      {"_lock", {1, kOther, Constant<0>}},
      {"_unlock", {1, kOther, Constant<0>}},
      {"memset", {3, kOther, MemSet}},
      {"memcpy", {3, kOther, MemCpy}},
      {"memmove", {3, kOther, MemCpy}},
      {"RtlZeroMemory", {0, kOther, ZeroMemory}},
      {"strlen", {1, kOther, StrLen}},
      {"lstrlenA", {0, kOther, StrLen}},
      {"abort", {0, kOther, EndsTheProcess}},
      {"_amsg_exit", {1, kOther, EndsTheProcess}},
      {"exit", {1, kOther, EndsTheProcess}},
      {"ExitProcess", {0, kOther, EndsTheProcess}},
      {"TerminateProcess", {0, kOther, EndsTheProcess}},
  };
  return models;
}

}  // namespace

const Model* FindModel(const SystemFunction& function) {
  auto found = Models().find(function.name);
  return found == Models().end() ? nullptr : &found->second;
}

uint32_t DefaultResult(const SystemFunction& function, bool fails) {
  bool status = function.dll == "ntdll.dll" || function.dll == "advapi32.dll" ||
                function.dll == "rpcrt4.dll" || function.dll == "netapi32.dll";
  if (status) return fails ? kStatusNoMemory : 0;
  return fails ? 0 : 1;
}

}  // namespace detachfix::emulator
