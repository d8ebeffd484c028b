// SPDX-License-Identifier: Apache-2.0
// A DLL for Alpha in a process: prepared by the emulator's loader, run by the
// host under qemu-alpha.
#ifndef DETACHFIX_TESTS_ALPHA_ALPHA_PROCESS_H_
#define DETACHFIX_TESTS_ALPHA_ALPHA_PROCESS_H_

#include <memory>
#include <string>
#include <vector>

#include "tests/alpha/alpha_host.h"
#include "tests/emulator/dll_process.h"

namespace detachfix::emulator {

class AlphaProcess final : public DllProcess {
 public:
  static Result<std::unique_ptr<DllProcess>> Load(std::span<const uint8_t> file,
                                                  const ProcessOptions& options,
                                                  FakeSystem& system,
                                                  AlphaHost& host);
  ~AlphaProcess() override;

  EntryRecord CallEntry(Reason reason, bool reserved) override;
  EntryRecord CallExport(const std::string& name,
                         const std::vector<uint32_t>& arguments,
                         const std::string& convention) override;
  const LoadedImage& image() const override { return prepared_.image; }
  const std::vector<std::string>& violations() const override {
    return violations_;
  }
  bool crashed() const override { return crashed_; }

 private:
  AlphaProcess(PreparedImage prepared, uint32_t seed, AlphaHost& host);
  void SendImage(const ProcessOptions& options);
  void SendSystem(FakeSystem& system, const Steering& steering);
  /// `command` is "call", or "callback" for what returns nothing.
  void Call(const char* command, uint32_t address,
            const std::vector<uint32_t>& arguments, EntryRecord& record);
  void Take(const std::string& line, EntryRecord& record);

  PreparedImage prepared_;
  std::vector<std::string> violations_;
  bool crashed_ = false;
  uint32_t seed_;
  uint32_t entries_ = 0;
  AlphaHost& host_;
};

}  // namespace detachfix::emulator

#endif  // DETACHFIX_TESTS_ALPHA_ALPHA_PROCESS_H_
