// SPDX-License-Identifier: Apache-2.0
#include "tests/emulator/process.h"

#include <array>

#include "tests/emulator/argument_table.h"
#include "tests/emulator/import_models.h"

namespace detachfix::emulator {
namespace {

// The stack and the heap lie where NT 4.0 puts them in a small process; below
// the stack nothing is mapped.
constexpr uint32_t kStackBottom = 0x000f0000;
constexpr uint32_t kStackTop = 0x00130000;
constexpr uint32_t kHeapBottom = 0x00140000;
constexpr uint32_t kHeapTop = 0x00240000;
constexpr uint32_t kProcessBlock = 0x7ffdf000;
// Where the DLL returns to: nothing is mapped there, one address a nesting.
constexpr uint32_t kHome = 0x0000de00;

constexpr uint32_t kCanaries = 64;     // words above the arguments
constexpr uint32_t kSpoiled = 0x1000;  // bytes of junk below ESP
constexpr uint32_t kDirectionFlag = 0x400;
constexpr uint32_t kJunkFlags = 0x8d5;   // CF PF AF ZF SF OF
constexpr uint32_t kFixedFlags = 0x202;  // IF and the bit that is always set
constexpr uint32_t kSectionSize = 24;    // RTL_CRITICAL_SECTION on i386
constexpr uint32_t kDebugRecordSize = 32;

constexpr Register kKept[] = {Register::kEbx, Register::kEsi, Register::kEdi,
                              Register::kEbp};
constexpr const char* kKeptNames[] = {"ebx", "esi", "edi", "ebp"};

std::array<uint8_t, kSectionSize> SectionBytes(uint32_t debug_record) {
  std::array<uint8_t, kSectionSize> bytes{};
  for (size_t i = 0; i < 4; ++i) {
    bytes[i] = static_cast<uint8_t>(debug_record >> (8 * i));
    bytes[4 + i] = 0xff;  // LockCount -1
  }
  return bytes;
}

}  // namespace

/// What a callee was given and has to give back.
struct Process::Frame {
  uint32_t esp = 0;  ///< at entry: the return address is there
  uint32_t pops = 0;
  uint32_t home = 0;
  uint32_t arguments = 0;
  std::array<uint32_t, kCanaries> canaries{};
  std::array<uint32_t, 4> kept{};
  uint32_t exception_head = 0;
};

std::string Call::ToText() const {
  std::string text = function + "(";
  for (size_t i = 0; i < arguments.size(); ++i) {
    text += (i == 0 ? "" : ", ") + arguments[i];
  }
  return text + ")";
}

Process::Process(const ProcessOptions& options, FakeSystem& system)
    : machine_(std::make_unique<Machine>()),
      system_(system),
      steering_(options.steering),
      random_(options.seed),
      seed_(options.seed),
      heap_top_(kHeapBottom) {
  machine_->Map({"stack", kStackBottom, kStackTop, kRead | kWrite});
  machine_->Map({"heap", kHeapBottom, kHeapTop, kRead | kWrite});
  machine_->Map(
      {"process block", kProcessBlock, kProcessBlock + kPage, kRead | kWrite});
  machine_->Map(
      {"system data", FakeSystem::kData, FakeSystem::kDataEnd, kRead | kWrite});
}

void Process::PrepareThreadBlock() {
  // TEB fields by offset (winternl.h, NT_TIB of winnt.h).
  uint32_t block = Machine::kThreadBlock;
  uint32_t thread_data = Allocate(0x400);
  machine_->Poke(thread_data, image_.tls_template);
  machine_->Poke32(block + 0x00, 0xffffffff);     // end of the exception chain
  machine_->Poke32(block + 0x04, kStackTop);      // StackBase
  machine_->Poke32(block + 0x08, kStackBottom);   // StackLimit
  machine_->Poke32(block + 0x18, block);          // Self
  machine_->Poke32(block + 0x2c, block + 0x100);  // ThreadLocalStoragePointer
  machine_->Poke32(block + 0x30, kProcessBlock);
  machine_->Poke32(block + 0x104, thread_data);         // of TLS index 1
  machine_->Poke32(kProcessBlock + 0x18, kHeapBottom);  // ProcessHeap
}

Result<std::unique_ptr<Process>> Process::Load(std::span<const uint8_t> file,
                                               const ProcessOptions& options,
                                               FakeSystem& system) {
  std::unique_ptr<Process> process(new Process(options, system));
  Result<LoadedImage> image =
      LoadImage(file, options.load, system, *process->machine_);
  if (!image) return image.error();
  process->image_ = *image;
  process->file_.assign(file.begin(), file.end());
  process->PrepareThreadBlock();
  process->machine_->Watch(image->base +
                           options.own_entry.value_or(image->headers.entry));
  return process;
}

void Process::Violation(const std::string& text) {
  violations_.push_back(text);
}

void Process::Crash(const std::string& text) {
  if (!crashed_) Violation(text);
  crashed_ = true;
}

uint32_t Process::Allocate(uint32_t size) {
  uint64_t end = heap_top_ + RoundUp(uint64_t{size} + 1, 16);
  if (end > kHeapTop) return 0;
  uint32_t address = heap_top_;
  heap_top_ = static_cast<uint32_t>(end);
  blocks_[address] = size;
  return address;
}

bool Process::Free(uint32_t address) {
  if (address == 0 || blocks_.erase(address) != 0) return true;
  Violation("frees " + Normalise(address) + ", which is no allocated block");
  return false;
}

void Process::InitialiseSection(uint32_t address) {
  uint32_t record = Allocate(kDebugRecordSize);
  if (!machine_->Store(address, SectionBytes(record))) {
    return Crash("initialises a critical section at " + Normalise(address) +
                 ", which cannot be written");
  }
  // On a live section this is a leak of its own, not a fault: the debug record
  // of the first life is lost. Who compares sees it in `live` of the entry.
  sections_[address] = 0;
}

void Process::DeleteSection(uint32_t address) {
  auto found = sections_.find(address);
  if (found == sections_.end()) {
    return Violation("deletes " + Normalise(address) +
                     ", which is no initialised critical section");
  }
  if (found->second != 0) {
    Violation("deletes " + Normalise(address) + " while it is entered");
  }
  Free(machine_->Peek32(address).value_or(0));
  sections_.erase(found);
  std::array<uint8_t, kSectionSize> zeros{};
  machine_->Store(address, zeros);
}

void Process::EnterSection(uint32_t address) {
  auto found = sections_.find(address);
  if (found == sections_.end()) {
    return Violation("enters " + Normalise(address) +
                     ", which is no initialised critical section");
  }
  ++found->second;
}

void Process::LeaveSection(uint32_t address) {
  auto found = sections_.find(address);
  if (found == sections_.end() || found->second == 0) {
    return Violation("leaves " + Normalise(address) + ", which is not entered");
  }
  --found->second;
}

std::string Process::ReadText(uint32_t address) {
  std::string text;
  for (uint8_t byte = 0; address != 0 && text.size() < 512;
       text += static_cast<char>(byte)) {
    uint32_t at = address + static_cast<uint32_t>(text.size());
    if (!machine_->Peek(at, std::span(&byte, 1))) {
      Crash("passes " + Normalise(address) + " as a text");
      return "";
    }
    if (byte == 0) break;
  }
  return text;
}

std::string Process::Normalise(uint32_t value) const {
  if (image_.Contains(value)) return "image+" + Hex(value - image_.base);
  if (value >= kStackBottom && value < kStackTop) {
    uint32_t esp = machine_->Get(Register::kEsp);
    return value >= esp ? "stack+" + Hex(value - esp)
                        : "stack-" + Hex(esp - value);
  }
  if (value >= kHeapBottom && value < kHeapTop) {
    return "heap+" + Hex(value - kHeapBottom);
  }
  if (const SystemFunction* function = system_.FunctionAt(value)) {
    return function->ToText();
  }
  std::string module = system_.ModuleAt(value);
  return module.empty() ? Hex(value) : module;
}

Process::Frame Process::PushFrame(const std::vector<uint32_t>& arguments,
                                  bool callee_pops) {
  Frame frame;
  frame.home = kHome + depth_ * 16;
  frame.arguments = static_cast<uint32_t>(arguments.size()) * 4;
  frame.pops = callee_pops ? frame.arguments : 0;
  uint32_t above = depth_ == 0 ? kStackTop : machine_->Get(Register::kEsp);
  uint32_t at = above - kCanaries * 4;
  for (uint32_t i = 0; i < kCanaries; ++i) {
    frame.canaries[i] = Junk();
    machine_->Poke32(at + i * 4, frame.canaries[i]);
  }
  at -= frame.arguments;
  for (uint32_t i = 0; i < arguments.size(); ++i) {
    machine_->Poke32(at + i * 4, arguments[i]);
  }
  frame.esp = at - 4;
  machine_->Poke32(frame.esp, frame.home);
  frame.exception_head = *machine_->Peek32(Machine::kThreadBlock);
  return frame;
}

void Process::FillRegisters(Frame& frame) {
  for (Register name : {Register::kEax, Register::kEcx, Register::kEdx}) {
    machine_->Set(name, Junk());
  }
  for (size_t i = 0; i < std::size(kKept); ++i) {
    frame.kept[i] = Junk();
    machine_->Set(kKept[i], frame.kept[i]);
  }
  machine_->Set(Register::kEsp, frame.esp);
  machine_->set_flags((Junk() & kJunkFlags) | kFixedFlags);
  SpoilBelowStack();
}

void Process::SpoilBelowStack() {
  uint32_t esp = machine_->Get(Register::kEsp);
  if (esp <= kStackBottom + 4 || esp > kStackTop) return;
  uint32_t size = std::min(kSpoiled, esp - kStackBottom);
  std::vector<uint8_t> junk(size);
  for (uint8_t& byte : junk) byte = static_cast<uint8_t>(random_());
  machine_->Poke(esp - size, junk);
}

void Process::CheckReturn(const Frame& frame) {
  uint32_t esp = machine_->Get(Register::kEsp);
  uint32_t expected = frame.esp + 4 + frame.pops;
  if (esp != expected) {
    bool above = esp > expected;
    Crash("returns with esp off by " + std::string(above ? "+" : "-") +
          Hex(above ? esp - expected : expected - esp));
  }
  for (size_t i = 0; i < std::size(kKept); ++i) {
    if (machine_->Get(kKept[i]) != frame.kept[i]) {
      Violation("returns with another " + std::string(kKeptNames[i]));
    }
  }
  if ((machine_->flags() & kDirectionFlag) != 0) {
    Violation("returns with the direction flag set");
  }
  for (uint32_t i = 0; i < kCanaries; ++i) {
    uint32_t at = frame.esp + 4 + frame.arguments + i * 4;
    if (machine_->Peek32(at) != frame.canaries[i]) {
      Violation("changed its caller's stack at " + Hex(uint64_t{i} * 4) +
                " above the arguments");
    }
  }
  if (machine_->Peek32(Machine::kThreadBlock) != frame.exception_head) {
    Violation("returns with another head of the exception chain");
  }
}

std::optional<uint32_t> Process::Invoke(uint32_t address,
                                        const std::vector<uint32_t>& arguments,
                                        bool callee_pops) {
  if (crashed_) return std::nullopt;
  std::array<uint32_t, 4> outer{};
  for (size_t i = 0; i < std::size(kKept); ++i) {
    outer[i] = machine_->Get(kKept[i]);
  }
  uint32_t outer_esp = machine_->Get(Register::kEsp);
  Frame frame = PushFrame(arguments, callee_pops);
  FillRegisters(frame);
  ++depth_;
  bool back = RunUntil(address, frame.home);
  --depth_;
  if (!back) return std::nullopt;
  CheckReturn(frame);
  uint32_t result = machine_->Get(Register::kEax);
  for (size_t i = 0; i < std::size(kKept); ++i) {
    machine_->Set(kKept[i], outer[i]);
  }
  machine_->Set(Register::kEsp, outer_esp);
  return result;
}

bool Process::RunUntil(uint32_t address, uint32_t home) {
  while (true) {
    Stop stop = machine_->Run(address);
    if (stop.kind != Stop::Kind::kLeft) {
      Crash(stop.what + " (" + Normalise(stop.address) + ")");
      return false;
    }
    if (stop.address == home) return true;
    const SystemFunction* function = system_.FunctionAt(stop.address);
    if (!function) {
      Crash("jumps to " + Hex(stop.address) + ", where nothing is");
      return false;
    }
    std::optional<uint32_t> next = AnswerCall(*function);
    if (!next) return false;
    address = *next;
  }
}

/// Does what the function does and returns where it returns to.
std::optional<uint32_t> Process::AnswerCall(const SystemFunction& function) {
  uint32_t esp = machine_->Get(Register::kEsp);
  std::optional<uint32_t> back = machine_->Peek32(esp);
  const Model* model = FindModel(function);
  std::optional<ImportKind> kind = FindImportKind(function.dll, function.name);
  if (!kind || kind->convention == ImportKind::Convention::kData) {
    Crash("calls " + function.ToText() + ", whose arguments are not known");
    return std::nullopt;
  }
  if (!back || (machine_->flags() & kDirectionFlag) != 0) {
    Crash("calls " + function.ToText() + " with a bad stack or direction flag");
    return std::nullopt;
  }
  bool cdecl_call = kind->convention == ImportKind::Convention::kCdecl;
  uint32_t count =
      cdecl_call ? (model ? model->cdecl_arguments : 0) : kind->bytes / 4;
  Call call{function.ToText(),
            {},
            model ? model->kind : Call::Kind::kOther,
            Normalise(*back)};
  std::vector<uint32_t> arguments;
  for (uint32_t i = 0; i < count; ++i) {
    arguments.push_back(machine_->Peek32(esp + 4 + i * 4).value_or(0));
    call.arguments.push_back(Normalise(arguments.back()));
  }
  calls_.push_back(call);
  SpoilBelowStack();
  uint32_t result = model ? model->run(*this, arguments)
                          : DefaultResult(function, steering_.everything_fails);
  if (crashed_) return std::nullopt;
  auto steered = steering_.returns.find(function.ToText());
  if (steered != steering_.returns.end()) result = steered->second;
  machine_->Set(Register::kEax, result);
  machine_->Set(Register::kEcx, Junk());
  machine_->Set(Register::kEdx, Junk());
  machine_->set_flags((Junk() & kJunkFlags) | kFixedFlags);
  machine_->Set(Register::kEsp, esp + 4 + (cdecl_call ? 0 : kind->bytes));
  return back;
}

void Process::FinishEntry(EntryRecord& record, std::optional<uint32_t> result) {
  record.result = result.value_or(0);
  for (const Machine::TopOfStack& words : machine_->TakeArrivals()) {
    record.entered_with.push_back(Normalise(words[1]) + ", " + Hex(words[2]) +
                                  ", " + Hex(words[3]));
  }
  record.calls = std::move(calls_);
  calls_.clear();
  for (const auto& [address, entered] : sections_) {
    record.live.insert(Normalise(address));
  }
}

EntryRecord Process::CallEntry(Reason reason, bool reserved) {
  uint32_t number = static_cast<uint32_t>(reason);
  EntryRecord record;
  record.what = EntryName(reason, reserved);
  record.frees = reason == Reason::kDetach && !reserved;
  // The same junk at the same entry of a run, whatever happened before.
  random_.seed(seed_ * 1000 + entries_++);
  std::vector<uint32_t> arguments = {image_.base, number, reserved ? 1u : 0u};
  std::optional<uint32_t> result = 1;
  for (uint32_t callback : image_.tls_callbacks) {
    Invoke(callback, arguments, true);
  }
  if (image_.headers.entry != 0) {
    result = Invoke(image_.base + image_.headers.entry, arguments, true);
  }
  FinishEntry(record, result);
  return record;
}

EntryRecord Process::CallExport(const std::string& name,
                                const std::vector<uint32_t>& arguments,
                                const std::string& convention) {
  EntryRecord record;
  record.what = name;
  std::vector<uint8_t> bytes = LayOut(image_.headers, file_);
  Result<uint32_t> rva = FindExport(image_.headers, ImageBytes(bytes), name);
  if (!rva) {
    Crash(rva.error().message);
    return record;
  }
  random_.seed(seed_ * 1000 + entries_++);
  FinishEntry(record,
              Invoke(image_.base + *rva, arguments, convention == "stdcall"));
  return record;
}

}  // namespace detachfix::emulator
