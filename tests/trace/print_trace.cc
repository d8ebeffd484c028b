// SPDX-License-Identifier: Apache-2.0
// Runs TraceEntry over an image that standard input describes, a word list a
// line, and prints the traces asked for. All numbers are hexadecimal RVAs.
//
//   base 400000
//   region 1000 200 x code.bin     begin, size, flags of "xw", content or "-"
//   slot 40000 kernel32.dll!Sleep
//   callback 1010
//   entry 1000
//   setting ordinary               what imports answer (trace.h)
//   run attach                     attach, detach, process-exit, ...

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <iostream>
#include <iterator>
#include <list>
#include <sstream>
#include <string>

#include "disasm/trace.h"

namespace detachfix {
namespace {

struct Input {
  CodeView view;
  std::list<std::vector<uint8_t>> contents;
  Rva entry;
  std::vector<Rva> callbacks;
  std::vector<std::string> runs;
  Setting setting = Setting::kAny;
};

[[noreturn]] void Fail(const std::string& why) {
  std::cerr << "print_trace: " << why << "\n";
  std::exit(1);
}

uint32_t ReadNumber(std::istream& line) {
  uint32_t number = 0;
  if (!(line >> std::hex >> number)) Fail("a number is missing");
  return number;
}

std::string ReadWord(std::istream& line) {
  std::string word;
  if (!(line >> word)) Fail("a word is missing");
  return word;
}

void ReadRegion(std::istream& line, Input& input) {
  CodeRegion region;
  region.begin = Rva{ReadNumber(line)};
  region.size = ReadNumber(line);
  const std::string flags = ReadWord(line);
  region.executable = flags.find('x') != std::string::npos;
  region.writable = flags.find('w') != std::string::npos;
  const std::string path = ReadWord(line);
  if (path != "-") {
    std::ifstream file(path, std::ios::binary);
    if (!file) Fail("cannot read " + path);
    input.contents.emplace_back(std::istreambuf_iterator<char>(file),
                                std::istreambuf_iterator<char>());
    region.content = input.contents.back();
  }
  input.view.image_size = region.begin.value + region.size;
  input.view.regions.push_back(region);
}

void ReadSlot(std::istream& line, Input& input) {
  const Rva rva{ReadNumber(line)};
  const std::string text = ReadWord(line);
  const size_t mark = text.find('!');
  if (mark == std::string::npos) Fail("no ! in " + text);
  ImportName import{text.substr(0, mark), text.substr(mark + 1), std::nullopt};
  if (import.name.starts_with('#')) {
    import.ordinal = static_cast<uint16_t>(std::stoul(import.name.substr(1)));
    import.name.clear();
  }
  input.view.import_slots[rva] = import;
}

Input ReadInput() {
  Input input;
  input.view.machine = kMachineI386;
  std::string text;
  while (std::getline(std::cin, text)) {
    std::istringstream line(text);
    const std::string what = ReadWord(line);
    if (what == "base") {
      input.view.image_base = ReadNumber(line);
    } else if (what == "region") {
      ReadRegion(line, input);
    } else if (what == "slot") {
      ReadSlot(line, input);
    } else if (what == "entry") {
      input.entry = Rva{ReadNumber(line)};
    } else if (what == "callback") {
      input.callbacks.push_back(Rva{ReadNumber(line)});
    } else if (what == "callback_list") {
      input.view.callback_list = Rva{ReadNumber(line)};
    } else if (what == "resources") {
      input.view.resources = Rva{ReadNumber(line)};
    } else if (what == "cookie") {
      input.view.security_cookie = Rva{ReadNumber(line)};
    } else if (what == "export") {
      const Rva rva{ReadNumber(line)};
      input.view.exports[ReadWord(line)] = rva;
    } else if (what == "setting") {
      const std::string name = ReadWord(line);
      if (name != "ordinary" && name != "memory") {
        Fail("does not know the setting");
      }
      input.setting = name == "memory" ? Setting::kMemory : Setting::kOrdinary;
    } else if (what == "run") {
      input.runs.push_back(ReadWord(line));
    } else {
      Fail("does not know \"" + what + "\"");
    }
  }
  return input;
}

std::string Hex(uint32_t value) {
  std::ostringstream out;
  out << "0x" << std::hex << value;
  return out.str();
}

std::string Sites(const std::set<Rva>& sites) {
  std::string text;
  for (const Rva site : sites) {
    text += (text.empty() ? "" : ", ") + Hex(site.value);
  }
  return text;
}

std::string ToText(const TraceExit& exit) {
  std::string text = "  exit at " + Hex(exit.site.value) + ": returns ";
  text += exit.returns_nonzero ? "nonzero" : exit.returns_zero ? "0" : "?";
  if (!exit.stack_balanced) {
    text += "; stack not balanced";
  } else if (!exit.arguments_intact) {
    text += "; arguments changed";
  }
  for (const auto& [rva, section] : exit.sections) {
    text += "; " + Hex(rva.value);
    if (section.live) {
      text += " live, made at " + Sites(section.initialised_at);
    } else {
      text += " gone, deleted at " + Sites(section.deleted_at);
    }
  }
  if (exit.leaves_other_section) text += "; another section live";
  return text;
}

void Print(const std::string& name, const Trace& trace, bool with_origin) {
  std::cout << name << (trace.complete ? ": complete" : ": incomplete")
            << (trace.assumes_memory ? ", where there is memory\n" : "\n");
  for (const std::string& why : trace.incomplete_because) {
    std::cout << "  because: " << why << "\n";
  }
  for (const CallRecord& call : trace.calls) {
    std::cout << "  call at " << Hex(call.site.value) << ": " << call.text
              << "\n";
  }
  for (const Rva site : trace.open_branches) {
    std::cout << "  open branch at " << Hex(site.value) << "\n";
  }
  if (const std::optional<Rva> reader = trace.reads_section_at) {
    std::cout << "  may read a section at " << Hex(reader->value) << "\n";
  }
  std::vector<std::string> exits;
  for (const TraceExit& exit : trace.exits) {
    const std::string origin =
        with_origin ? " after attach exit " + std::to_string(exit.origin) : "";
    exits.push_back(ToText(exit) + origin);
  }
  // Attach's exits are numbered by their order; elsewhere it says nothing.
  if (with_origin) std::ranges::sort(exits);
  for (const std::string& exit : exits) std::cout << exit << "\n";
  for (const std::string& other : trace.other_sections) {
    std::cout << "  other: " << other << "\n";
  }
}

void PrintRuns(const Input& input) {
  const EntryTraces traces = TraceEntry(
      input.view, input.entry, input.callbacks, Runs::kAll, input.setting);
  const bool with_origin = traces.attach.exits.size() > 1;
  for (const std::string& run : input.runs) {
    if (run == "attach") {
      Print(run, traces.attach, false);
    } else if (run == "detach") {
      Print(run, traces.detach, with_origin);
    } else if (run == "process-exit") {
      Print(run, traces.process_exit, with_origin);
    } else if (run == "thread-attach") {
      Print(run, traces.thread_attach, with_origin);
    } else if (run == "thread-detach") {
      Print(run, traces.thread_detach, with_origin);
    } else {
      Fail("does not know the run \"" + run + "\"");
    }
  }
}

}  // namespace
}  // namespace detachfix

int main() {
  const detachfix::Input input = detachfix::ReadInput();
  detachfix::PrintRuns(input);
  return 0;
}
