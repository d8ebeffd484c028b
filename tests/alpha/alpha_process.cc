// SPDX-License-Identifier: Apache-2.0
#include "tests/alpha/alpha_process.h"

#include <sstream>

#include "tests/emulator/argument_table.h"

namespace detachfix::emulator {
namespace {

/// What a DLL can look up by name, beside what it imports.
constexpr const char* kFound[] = {
    "InitializeCriticalSection", "InitializeCriticalSectionAndSpinCount",
    "DeleteCriticalSection", "EnterCriticalSection", "LeaveCriticalSection"};

uint32_t ArgumentsOf(const SystemFunction& function) {
  std::optional<ImportKind> kind = FindImportKind(function.dll, function.name);
  return kind ? kind->bytes / 4 : 0;
}

Call::Kind ToKind(const std::string& word) {
  if (word == "initialise") return Call::Kind::kInitialise;
  return word == "delete" ? Call::Kind::kDelete : Call::Kind::kOther;
}

Call ReadCall(const std::string& text) {
  std::istringstream words(text);
  Call call;
  std::string kind, argument;
  words >> kind >> call.function >> call.returns_to;
  call.kind = ToKind(kind);
  while (words >> argument) call.arguments.push_back(argument);
  return call;
}

/// "image+0x0 0x1 0x0" as the i386 process writes it.
std::string ReadArrival(const std::string& text) {
  std::istringstream words(text);
  std::string module, reason, reserved;
  words >> module >> reason >> reserved;
  return module + ", " + reason + ", " + reserved;
}

}  // namespace

AlphaProcess::AlphaProcess(PreparedImage prepared, uint32_t seed,
                           AlphaHost& host)
    : prepared_(std::move(prepared)), seed_(seed), host_(host) {}

AlphaProcess::~AlphaProcess() {
  host_.Send("unload");
  host_.Answer();
}

Result<std::unique_ptr<DllProcess>> AlphaProcess::Load(
    std::span<const uint8_t> file, const ProcessOptions& options,
    FakeSystem& system, AlphaHost& host) {
  LoadOptions load = options.load;
  load.machine = kMachineAlpha;
  Result<PreparedImage> prepared = PrepareImage(file, load, system);
  if (!prepared) return prepared.error();
  std::unique_ptr<AlphaProcess> process(
      new AlphaProcess(std::move(*prepared), options.seed, host));
  for (const char* name : kFound) system.AddressOf("kernel32.dll", name);
  process->SendImage(options);
  process->SendSystem(system, options.steering);
  host.Send("ready");
  EntryRecord none;
  for (const std::string& line : host.Answer()) process->Take(line, none);
  return std::unique_ptr<DllProcess>(std::move(process));
}

void AlphaProcess::SendImage(const ProcessOptions& options) {
  const LoadedImage& image = prepared_.image;
  const DirectoryEntry& pdata = image.headers.directories[kExceptionDirectory];
  uint32_t entry = options.own_entry.value_or(image.headers.entry);
  host_.Send("image " + Hex(image.base) + " " + Hex(prepared_.bytes.size()) +
             " " + Hex(entry == 0 ? 0 : image.base + entry) + " " +
             Hex(pdata.rva) + " " + Hex(pdata.size / 20));
  host_.Send(std::span<const uint8_t>(prepared_.bytes));
  for (const SectionHeader& section : image.headers.sections) {
    std::string access = "r";
    if (section.writable()) access += "w";
    if (section.executable()) access += "x";
    host_.Send("section " + Hex(section.rva) + " " + Hex(section.end()) + " " +
               access);
  }
}

void AlphaProcess::SendSystem(FakeSystem& system, const Steering& steering) {
  for (const auto& [address, function] : system.functions()) {
    host_.Send("function " + Hex(address) + " " +
               std::to_string(ArgumentsOf(function)) + " " + function.ToText());
  }
  for (const auto& [dll, module] : system.modules()) {
    host_.Send("module " + Hex(module.base) + " " + dll);
  }
  for (const auto& [name, value] : steering.environment) {
    host_.Send("variable " + name + (" " + value));
  }
  for (const auto& [name, value] : steering.returns) {
    host_.Send("result " + name + " " + Hex(value));
  }
  if (steering.everything_fails) host_.Send("fail");
}

void AlphaProcess::Take(const std::string& line, EntryRecord& record) {
  size_t space = line.find(' ');
  std::string kind = line.substr(0, space);
  std::string rest = space == std::string::npos ? "" : line.substr(space + 1);
  if (kind == "call") {
    record.calls.push_back(ReadCall(rest));
  } else if (kind == "arrival") {
    record.entered_with.push_back(ReadArrival(rest));
  } else if (kind == "live") {
    record.live.insert(rest);
  } else if (kind == "result") {
    record.result = static_cast<uint32_t>(std::stoul(rest));
  } else {
    violations_.push_back(kind == "violation" || kind == "crash" ? rest : line);
    crashed_ |= kind != "violation";
  }
}

void AlphaProcess::Call(const char* command, uint32_t address,
                        const std::vector<uint32_t>& arguments,
                        EntryRecord& record) {
  // The same junk at the same entry of a run, whatever happened before.
  std::string line = std::string(command) + " " +
                     Hex(seed_ * 1000 + entries_++) + " " + Hex(address);
  for (uint32_t argument : arguments) line += " " + Hex(argument);
  host_.Send(line);
  for (const std::string& answer : host_.Answer()) Take(answer, record);
}

EntryRecord AlphaProcess::CallEntry(Reason reason, bool reserved) {
  const LoadedImage& image = prepared_.image;
  EntryRecord record;
  record.what = EntryName(reason, reserved);
  record.frees = reason == Reason::kDetach && !reserved;
  const std::vector<uint32_t> arguments = {
      image.base, static_cast<uint32_t>(reason), reserved ? 1u : 0u};
  for (const uint32_t callback : image.tls_callbacks) {
    Call("callback", callback, arguments, record);
    record.live.clear();  // what lives after the last call counts
  }
  Call("call", image.base + image.headers.entry, arguments, record);
  return record;
}

EntryRecord AlphaProcess::CallExport(const std::string& name,
                                     const std::vector<uint32_t>& arguments,
                                     const std::string& convention) {
  (void)convention;  // the machine has one
  EntryRecord record;
  record.what = name;
  Result<uint32_t> rva =
      FindExport(prepared_.image.headers, prepared_.Read(), name);
  if (!rva) {
    violations_.push_back(rva.error().message);
    crashed_ = true;
    return record;
  }
  Call("call", prepared_.image.base + *rva, arguments, record);
  return record;
}

}  // namespace detachfix::emulator
