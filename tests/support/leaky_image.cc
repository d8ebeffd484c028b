// SPDX-License-Identifier: Apache-2.0
#include "tests/support/leaky_image.h"

namespace detachfix::test {

std::string LeakyCode(const std::string& exit) {
  return "entry: 83 7c 24 08 01 75 (out)  ; cmp dword ptr [esp+8], 1; jne out\n"
         "68 [.data+0x10]                 ; push offset section\n"
         "ff 15 [KERNEL32.dll!InitializeCriticalSection]\n"
         "out: " +
         exit;
}

PeSpec LeakySpec() {
  PeSpec spec;
  spec.entry = "entry";
  spec.sections = {
      {".text", LeakyCode("31 c0 40 c2 0c 00  ; xor eax,eax; inc eax; ret 12")},
      {".data", "zero:64", kDataFlags},
  };
  spec.imports = {
      {"KERNEL32.dll", {"InitializeCriticalSection", "GetLastError"}}};
  spec.export_name = "SECURITY.dll";
  spec.exports = {{"InitSecurityInterfaceA", "entry"}};
  return spec;
}

PeSpec LeakySpecWithDelete() {
  PeSpec spec = LeakySpec();
  spec.imports[0].functions.push_back("DeleteCriticalSection");
  return spec;
}

PeSpec ClrSpec(const std::string& native, const std::string& flags) {
  PeSpec spec = LeakySpec();
  spec.sections[0].content =
      "start: ff 25 [mscoree.dll!_CorDllMain]\n"
      "nothing: 31 c0 40 c2 0c 00\n" +
      LeakyCode("31 c0 40 c2 0c 00") + "\nheader: zero:16 " + flags + " <" +
      native + "> zero:48";
  spec.imports.push_back({"mscoree.dll", {"_CorDllMain"}});
  spec.entry = "start";
  const uint32_t header = BuildPe(spec).places.at("header");
  spec.overrides = {{"Directory[14].Rva", header}, {"Directory[14].Size", 72}};
  return spec;
}

Diagnosis LeakAt(Rva section, Rva ret) {
  Diagnosis diagnosis;
  diagnosis.verdict = Verdict::kLeaks;
  CriticalSection leaked;
  leaked.rva = section;
  leaked.initialised_by = {"kernel32.dll", "InitializeCriticalSection",
                           std::nullopt};
  leaked.leaked = true;
  diagnosis.critical_sections = {leaked};
  TraceExit exit;
  exit.site = ret;
  exit.stack_balanced = true;
  exit.arguments_intact = true;
  exit.sections[section].live = true;
  Trace trace;
  trace.complete = true;
  trace.exits = {exit};
  diagnosis.traces = EntryTraces{trace, trace, trace, trace, trace};
  return diagnosis;
}

}  // namespace detachfix::test
