// SPDX-License-Identifier: Apache-2.0
// record_sections [--env NAME=VALUE] [--use USER] DLL: loads a DLL, unloads it,
// loads it again and lets the process end, and prints each critical section
// inside the DLL's image that is initialised or deleted on the way, as it
// happens, one JSON object a line. USER is another DLL, which works with the
// first one while it is loaded: its function Use is handed the module, and
// gives 0 if all went well.
//
// All names for it in kernel32 and kernelbase lead to four functions of ntdll.
// A breakpoint (int3) at the first byte of each stops every caller, however it
// came by the address. A vectored handler notes the arguments, puts the byte
// back, lets the processor take one step and sets the breakpoint again.
//
// Lines: {"event": "initialise" or "delete", "phase": P, "rva": N, "caller":
// N}, with the section and the return address as RVAs of the DLL (null where
// they lie outside; both outside is not printed); {"event": "load", "phase": P,
// "error": N}; {"event": "use", "phase": P, "result": N}; {"event": "free",
// "gone": true or false}; {"event": "exception", "phase": P, "code": N, "rva":
// N}, with where it was raised. The phases are "attach", in which after a
// failed attach the detach is too, "use", "detach", "attach again" and "exit".
// For GetCurrentThreadStackLimits.
#define _WIN32_WINNT 0x0602
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <windows.h>

#define INT3 0xcc
#define TRAP_FLAG 0x100

typedef struct {
  const char* name;
  const char* event;
  unsigned char* address;
  unsigned char first_byte;
} Breakpoint;

static Breakpoint g_breakpoints[] = {
    {"RtlInitializeCriticalSection", "initialise", NULL, 0},
    {"RtlInitializeCriticalSectionAndSpinCount", "initialise", NULL, 0},
    {"RtlInitializeCriticalSectionEx", "initialise", NULL, 0},
    {"RtlDeleteCriticalSection", "delete", NULL, 0},
};
enum { kBreakpoints = sizeof g_breakpoints / sizeof g_breakpoints[0] };

typedef struct {
  DWORD base;
  DWORD size;
} Image;

static Image g_dll, g_ntdll;
static WCHAR g_base_name[MAX_PATH];  // of the DLL, with extension
static const char* g_phase;
static Breakpoint* g_stepping;

// What LdrRegisterDllNotification hands over (LDR_DLL_LOADED_NOTIFICATION_DATA
// of the Windows documentation; the headers at hand lack it).
typedef struct {
  USHORT length;  // in bytes
  USHORT capacity;
  const WCHAR* characters;
} UnicodeString;
typedef struct {
  ULONG flags;
  const UnicodeString* full_name;
  const UnicodeString* base_name;
  void* base;
  ULONG size;
} DllNotification;
typedef VOID(CALLBACK* NotifyFunction)(ULONG, const DllNotification*, void*);
typedef LONG(WINAPI* RegisterFunction)(ULONG, NotifyFunction, void*, void**);
enum { kDllLoaded = 1 };

typedef DWORD(CDECL* UseFunction)(HMODULE);

// Written at once and past the C runtime, so that nothing is lost when the
// process ends.
static void PrintLine(const char* line) {
  DWORD written;
  WriteFile(GetStdHandle(STD_OUTPUT_HANDLE), line, (DWORD)strlen(line),
            &written, NULL);
}

static void Die(const char* what) {
  fprintf(stderr, "record_sections: %s: error %lu\n", what, GetLastError());
  fflush(stderr);
  TerminateProcess(GetCurrentProcess(), 1);
}

static int IsIn(const Image* image, DWORD address) {
  return image->size != 0 && address - image->base < image->size;
}

static const char* RvaText(DWORD address, char* text) {
  if (IsIn(&g_dll, address))
    sprintf(text, "%lu", address - g_dll.base);
  else
    strcpy(text, "null");
  return text;
}

// The return address into the DLL: some of kernelbase's functions are not jumps
// to ntdll's but calls, made from a frame with a frame pointer.
static DWORD CallerInDll(DWORD caller, DWORD frame) {
  ULONG_PTR low, high;
  GetCurrentThreadStackLimits(&low, &high);
  for (int depth = 0; depth < 4 && !IsIn(&g_dll, caller); ++depth) {
    if (frame < low || frame > high - 8) break;
    caller = ((const DWORD*)frame)[1];
    frame = ((const DWORD*)frame)[0];
  }
  return caller;
}

static void PrintCall(const char* event, const CONTEXT* context) {
  char line[160], section_text[16], caller_text[16];
  // At the first instruction of a stdcall function: return address, section.
  const DWORD* stack = (const DWORD*)context->Esp;
  DWORD caller = stack[0], section = stack[1];
  // One of the four that calls another of them.
  if (IsIn(&g_ntdll, caller)) return;
  caller = CallerInDll(caller, context->Ebp);
  if (!IsIn(&g_dll, section) && !IsIn(&g_dll, caller)) return;
  sprintf(line,
          "{\"event\": \"%s\", \"phase\": \"%s\", \"rva\": %s, "
          "\"caller\": %s}\n",
          event, g_phase, RvaText(section, section_text),
          RvaText(caller, caller_text));
  PrintLine(line);
}

static void WriteByte(unsigned char* address, unsigned char byte) {
  *(volatile unsigned char*)address = byte;
  FlushInstructionCache(GetCurrentProcess(), address, 1);
}

static LONG AtBreakpoint(Breakpoint* breakpoint, CONTEXT* context) {
  PrintCall(breakpoint->event, context);
  WriteByte(breakpoint->address, breakpoint->first_byte);
  g_stepping = breakpoint;
  context->Eip = (DWORD)breakpoint->address;
  context->EFlags |= TRAP_FLAG;
  return EXCEPTION_CONTINUE_EXECUTION;
}

static LONG WINAPI OnException(EXCEPTION_POINTERS* exception) {
  DWORD code = exception->ExceptionRecord->ExceptionCode;
  if (code == EXCEPTION_SINGLE_STEP && g_stepping) {
    WriteByte(g_stepping->address, INT3);
    g_stepping = NULL;
    return EXCEPTION_CONTINUE_EXECUTION;
  }
  for (int i = 0; code == EXCEPTION_BREAKPOINT && i < kBreakpoints; ++i)
    if (exception->ExceptionRecord->ExceptionAddress ==
        g_breakpoints[i].address)
      return AtBreakpoint(&g_breakpoints[i], exception->ContextRecord);
  if (code >> 30 == 3) {  // severity "error"
    char line[128], place[16];
    DWORD address = (DWORD)exception->ExceptionRecord->ExceptionAddress;
    sprintf(line,
            "{\"event\": \"exception\", \"phase\": \"%s\", \"code\": %lu, "
            "\"rva\": %s}\n",
            g_phase, code, RvaText(address, place));
    PrintLine(line);
  }
  return EXCEPTION_CONTINUE_SEARCH;
}

// Runs before the DLL's entry does, each time that the DLL is mapped.
static VOID CALLBACK OnNotification(ULONG reason, const DllNotification* data,
                                    void* context) {
  (void)context;
  size_t length = wcslen(g_base_name);
  if (reason != kDllLoaded ||
      data->base_name->length != length * sizeof(WCHAR) ||
      _wcsnicmp(data->base_name->characters, g_base_name, length) != 0)
    return;
  g_dll.base = (DWORD)data->base;
  g_dll.size = data->size;
}

static void SetBreakpoint(HMODULE ntdll, Breakpoint* breakpoint) {
  DWORD old;
  unsigned char* address =
      (unsigned char*)GetProcAddress(ntdll, breakpoint->name);
  if (!address) Die(breakpoint->name);
  if (!VirtualProtect(address, 1, PAGE_EXECUTE_READWRITE, &old))
    Die("making ntdll writable");
  breakpoint->address = address;
  breakpoint->first_byte = *address;
  WriteByte(address, INT3);
}

static void Prepare(const char* dll) {
  HMODULE ntdll = GetModuleHandleA("ntdll");
  const IMAGE_DOS_HEADER* dos = (const IMAGE_DOS_HEADER*)ntdll;
  const IMAGE_NT_HEADERS32* nt =
      (const IMAGE_NT_HEADERS32*)((const char*)ntdll + dos->e_lfanew);
  g_ntdll.base = (DWORD)ntdll;
  g_ntdll.size = nt->OptionalHeader.SizeOfImage;
  const char* slash = strrchr(dll, '\\');
  if (!MultiByteToWideChar(CP_ACP, 0, slash ? slash + 1 : dll, -1, g_base_name,
                           MAX_PATH))
    Die("the DLL's name");
  RegisterFunction notify = (RegisterFunction)(void*)GetProcAddress(
      ntdll, "LdrRegisterDllNotification");
  void* cookie;
  if (!notify || notify(0, OnNotification, NULL, &cookie) != 0)
    Die("LdrRegisterDllNotification");
  if (!AddVectoredExceptionHandler(1, OnException)) Die("the handler");
  SetErrorMode(SEM_FAILCRITICALERRORS | SEM_NOGPFAULTERRORBOX);
  for (int i = 0; i < kBreakpoints; ++i)
    SetBreakpoint(ntdll, &g_breakpoints[i]);
}

static HMODULE Load(const char* dll, const char* phase) {
  g_phase = phase;
  HMODULE module = LoadLibraryA(dll);
  char line[96];
  sprintf(line, "{\"event\": \"load\", \"phase\": \"%s\", \"error\": %lu}\n",
          phase, module ? 0 : GetLastError());
  PrintLine(line);
  return module;
}

static UseFunction FindUser(const char* user) {
  HMODULE module = LoadLibraryA(user);
  UseFunction use =
      module ? (UseFunction)(void*)GetProcAddress(module, "Use") : NULL;
  if (!use) Die("the user's function Use");
  return use;
}

static void Use(UseFunction use, HMODULE module) {
  char line[96];
  g_phase = "use";
  sprintf(line, "{\"event\": \"use\", \"phase\": \"use\", \"result\": %lu}\n",
          use(module));
  PrintLine(line);
}

static void Free(HMODULE module) {
  MEMORY_BASIC_INFORMATION memory;
  g_phase = "detach";
  if (!FreeLibrary(module)) Die("FreeLibrary");
  if (!VirtualQuery(module, &memory, sizeof memory)) Die("VirtualQuery");
  // Wine calls some unused memory reserved, so that not being free says little.
  int stays = memory.Type == MEM_IMAGE && memory.AllocationBase == module;
  PrintLine(stays ? "{\"event\": \"free\", \"gone\": false}\n"
                  : "{\"event\": \"free\", \"gone\": true}\n");
}

static int Usage(void) {
  fprintf(stderr,
          "usage: record_sections [--env NAME=VALUE] [--use USER] DLL\n");
  return 64;
}

int main(int argc, char** argv) {
  const char* user = NULL;
  int at = 1;
  for (; at + 2 < argc; at += 2) {
    char* equals = strchr(argv[at + 1], '=');
    if (!strcmp(argv[at], "--use")) {
      user = argv[at + 1];
    } else if (!strcmp(argv[at], "--env") && equals) {
      *equals = 0;
      if (!SetEnvironmentVariableA(argv[at + 1], equals + 1))
        Die("the variable");
    } else {
      return Usage();
    }
  }
  if (at + 1 != argc) return Usage();
  const char* dll = argv[at];
  UseFunction use = user ? FindUser(user) : NULL;
  Prepare(dll);
  HMODULE module = Load(dll, "attach");
  if (module && use) Use(use, module);
  if (module) Free(module);
  Load(dll, "attach again");
  g_phase = "exit";
  return 0;
}
