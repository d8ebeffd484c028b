// SPDX-License-Identifier: Apache-2.0
#include "tests/fuzz/dll_maker.h"

#include <array>
#include <cstdio>
#include <vector>

namespace detachfix::fuzz {

namespace {

using test::PeSpec;
using test::SectionSpec;

constexpr char kKernel[] = "KERNEL32.dll";
constexpr char kNative[] = "NTDLL.dll";

/// Functions that every made DLL imports, but for those that it deletes with.
constexpr const char* kInitialise = "InitializeCriticalSection";
constexpr const char* kDelete = "DeleteCriticalSection";
constexpr const char* kRtlDelete = "RtlDeleteCriticalSection";

/// One entry in the making.
class CodeMaker {
 public:
  explicit CodeMaker(Choices& choices) : choices_(choices) {}
  std::string Make();

 private:
  enum class Frame { kNone, kPointer, kSaved };

  std::string Prologue();
  std::string Dispatch();
  std::string Block(int depth);
  std::string Statement(int depth);
  std::string SectionCall(const char* dll, const char* function);
  std::string Guarded(int depth);
  std::string HelperCall(int depth);
  std::string Loop();
  std::string Epilogue();
  std::string Compare(const char* argument, uint32_t value);
  std::string NewLabel(const char* stem) {
    return stem + std::to_string(labels_++);
  }

  Choices& choices_;
  Frame frame_ = Frame::kNone;
  bool helper_ = false;  ///< in a helper, which has no arguments
  int labels_ = 0;
  std::string helpers_;
};

std::string Hex(uint32_t value, const char* format) {
  std::array<char, 24> text{};
  std::snprintf(text.data(), text.size(), format, value);
  return text.data();
}

std::string Byte(uint32_t value) { return Hex(value & 0xff, "%02x"); }

std::string Data(uint32_t offset) { return "[.data" + Hex(offset, "+0x%x]"); }

std::string CallSlot(const char* dll, const char* function) {
  return std::string("ff 15 [") + dll + "!" + function + "] ";
}

std::string CodeMaker::Prologue() {
  frame_ = static_cast<Frame>(choices_.Below(3));
  if (frame_ == Frame::kPointer) return "55 8bec ";  // push ebp; mov ebp,esp
  if (frame_ == Frame::kSaved) return "53 56 ";      // push ebx; push esi
  return "";
}

/// cmp of an argument ("reason" or "reserved") with a small number.
std::string CodeMaker::Compare(const char* argument, uint32_t value) {
  const uint32_t offset = argument[2] == 'a' ? 8 : 12;
  if (frame_ == Frame::kPointer) {  // cmp dword [ebp+..], imm8
    return "83 7d " + Byte(offset + 4) + " " + Byte(value) + " ";
  }
  const uint32_t pushed = frame_ == Frame::kSaved ? 8 : 0;
  return "83 7c 24 " + Byte(offset + pushed) + " " + Byte(value) + " ";
}

/// Initialises or deletes one of eight sections.
std::string CodeMaker::SectionCall(const char* dll, const char* function) {
  const std::string place = Data(0x10 + 0x18 * choices_.Below(8));
  switch (choices_.Below(3)) {
    case 1:  // mov eax, place; push eax
      return "b8 " + place + " 50 " + CallSlot(dll, function);
    case 2:  // push place; mov eax, [slot]; call eax
      return "68 " + place + " a1 [" + dll + "!" + function + "] ff d0 ";
    default:  // push place; call [slot]
      return "68 " + place + " " + CallSlot(dll, function);
  }
}

/// A block behind a test of a flag in .data, of lpvReserved, or of a result.
std::string CodeMaker::Guarded(int depth) {
  const std::string skip = NewLabel("skip");
  std::string test;
  switch (choices_.Below(3)) {
    case 1:
      test = helper_ ? "31 c0 " : Compare("reserved", 0);
      break;
    case 2:
      test = CallSlot(kKernel, "GetLastError") + "85 c0 ";  // test eax, eax
      break;
    default:  // cmp dword [flag], 0
      test = "83 3d " + Data(4 * choices_.Below(4)) + " 00 ";
      break;
  }
  const char* jump = choices_.Yes() ? "0f 84 {" : "0f 85 {";  // jz, jnz rel32
  return test + jump + skip + "} " + Block(depth + 1) + skip + ": ";
}

std::string CodeMaker::HelperCall(int depth) {
  const std::string name = NewLabel("helper");
  const bool outer = helper_;
  helper_ = true;
  const std::string body = Block(depth + 1);
  helper_ = outer;
  helpers_ += name + ": " + body + "c3 ";
  return "e8 {" + name + "} ";
}

/// Initialises two to four neighbours in a loop.
std::string CodeMaker::Loop() {
  const std::string again = NewLabel("again");
  const uint32_t count = 2 + choices_.Below(3);
  const char* function = choices_.Yes() ? kDelete : kInitialise;
  std::string text = "57 bf " + Data(0x10) + " ";  // push edi; mov edi, place
  text += again + ": 57 " + CallSlot(kKernel, function);
  text += "83 c7 18 ";  // add edi, 18h
  text += "81 ff " + Data(0x10 + 0x18 * count) + " 0f 82 {" + again + "} 5f ";
  return text;
}

std::string CodeMaker::Statement(int depth) {
  const uint32_t kinds = depth < 3 ? 13 : 8;
  switch (choices_.Below(kinds)) {
    case 1:
      return SectionCall(kKernel, kDelete);
    case 2:
      return SectionCall(kNative, kRtlDelete);
    case 3: {  // mov dword [flag], 0 or 1
      const std::string flag = Data(4 * choices_.Below(4));
      return "c7 05 " + flag + " " + Byte(choices_.Below(2)) + " 00 00 00 ";
    }
    case 4:
      return choices_.OneIn(8) ? CallSlot(kKernel, "Unknown_Function")
                               : CallSlot(kKernel, "GetCurrentThreadId");
    case 5:
      return CallSlot(kKernel, "GetLastError");
    case 6:
      return SectionCall(kNative, "RtlInitializeCriticalSection");
    case 8:
      return Guarded(depth);
    case 9:
      return HelperCall(depth);
    case 10:
      return Loop();
    default:
      return SectionCall(kKernel, kInitialise);
  }
}

std::string CodeMaker::Block(int depth) {
  std::string text;
  const uint32_t count = choices_.Below(5);
  for (uint32_t i = 0; i < count && !choices_.empty(); ++i) {
    text += Statement(depth);
  }
  return text;
}

/// if (reason == 1) attach else if (reason == 0) detach, in several orders.
std::string CodeMaker::Dispatch() {
  const uint32_t reasons[] = {1, 0, 1, 2};
  const uint32_t first = reasons[choices_.Below(4)];
  std::string text = Compare("reason", first) + "0f 85 {second} ";
  text += Block(0) + "e9 {out} ";
  text += "second: ";
  if (choices_.Yes()) {
    text += Compare("reason", choices_.Below(4)) + "0f 85 {out} ";
  }
  return text + Block(0) + "out: ";
}

std::string CodeMaker::Epilogue() {
  std::string text;
  switch (choices_.Below(4)) {
    case 1:
      text = "31 c0 ";  // xor eax, eax
      break;
    case 2:
      text = "b0 01 ";  // mov al, 1
      break;
    case 3:
      break;
    default:
      text = "b8 01 00 00 00 ";  // mov eax, 1
  }
  if (frame_ == Frame::kSaved) text += "5e 5b ";
  if (frame_ == Frame::kPointer) text += choices_.Yes() ? "c9 " : "8be5 5d ";
  text += choices_.OneIn(16) ? "c3 " : "c2 0c 00 ";
  return text;
}

std::string CodeMaker::Make() {
  std::string text = "entry: " + Prologue();
  text += Dispatch();  // each step takes its decisions after the one before
  text += Epilogue();
  if (choices_.Yes()) text += "align:16:" + Byte(choices_.Yes() ? 0x90 : 0xcc);
  return text + " " + helpers_;
}

/// Bytes of filling behind the code: none, a few, up to the raw end.
std::string Filling(Choices& choices) {
  const uint32_t kind = choices.Below(4);
  if (kind == 0) return "";
  const uint32_t count = choices.Below(256) * (kind == 1 ? 1 : 2);
  const char* fill = kind == 3 ? ":cc" : ":5a";
  return " fill:" + std::to_string(count) + fill;
}

void AddImports(Choices& choices, PeSpec& spec) {
  test::ImportSpec kernel{kKernel,
                          {kInitialise, kDelete, "GetLastError",
                           "GetCurrentThreadId", "Unknown_Function"}};
  test::ImportSpec native{kNative,
                          {"RtlInitializeCriticalSection", kRtlDelete}};
  // Without a delete function the code that uses it cannot be built.
  if (choices.OneIn(4)) kernel.functions.emplace_back("#115");
  for (test::ImportSpec* import : {&kernel, &native}) {
    if (choices.OneIn(6)) import->bound_stamp = 0x33000000 + choices.Word();
    if (choices.OneIn(8)) import->lookup_table = false;
  }
  spec.imports = {kernel, native};
  spec.iat_directory = !choices.OneIn(4);
}

void AddTables(Choices& choices, PeSpec& spec) {
  if (choices.Yes()) {
    spec.export_name = choices.Yes() ? "SECURITY.dll" : "other.dll";
    spec.exports = {{"InitSecurityInterfaceA", "entry"}};
  }
  if (choices.OneIn(3)) spec.debug_misc = "security.dbg";
  if (choices.OneIn(5)) spec.tls_callbacks = {"entry"};
  if (choices.OneIn(4)) spec.version = {{"InternalName", "security"}};
  spec.relocations = !choices.OneIn(3);
  if (choices.OneIn(4)) spec.overlay.assign(choices.Below(256), 0x4f);
  if (choices.OneIn(6)) spec.certificate = {1, 2, 3};
}

/// Sets one or two fields of the headers or tables to odd values.
void Break(Choices& choices, PeSpec& spec) {
  if (!choices.OneIn(4)) return;
  const std::map<std::string, test::Field> fields = BuildPe(spec).fields;
  const uint32_t count = 1 + choices.Below(2);
  for (uint32_t i = 0; i < count; ++i) {
    auto field = fields.begin();
    std::advance(
        field, (choices.Below(256) * 256 + choices.Below(256)) % fields.size());
    const uint32_t value =
        choices.Yes() ? choices.Word() : 0x200 * choices.Below(64);
    spec.overrides.emplace_back(field->first, value);
  }
}

}  // namespace

std::string MakeCode(Choices& choices) { return CodeMaker(choices).Make(); }

PeSpec MakeDll(Choices& choices) {
  PeSpec spec;
  spec.entry = "entry";
  const uint32_t file_alignments[] = {0x200, 0x200, 0x1000, 0x400};
  spec.file_alignment = file_alignments[choices.Below(4)];
  if (choices.OneIn(8)) spec.section_alignment = 0x2000;
  SectionSpec data{".data", "zero:260", test::kDataFlags};
  if (choices.Yes()) data.virtual_size = 260 + 16 * choices.Below(256);
  if (choices.Yes()) data.content += Filling(choices);
  AddImports(choices, spec);
  AddTables(choices, spec);
  const std::string filling = Filling(choices);
  SectionSpec text{".text", MakeCode(choices) + filling};
  spec.sections = {text, data};
  for (uint32_t i = choices.OneIn(6) ? choices.Below(20) : 0; i > 0; --i) {
    spec.sections.push_back({".s" + std::to_string(i), "zero:8"});
  }
  Break(choices, spec);
  return spec;
}

}  // namespace detachfix::fuzz
