// SPDX-License-Identifier: Apache-2.0
// Fuzz target: any bytes as a packed file of install media.
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "patcher/batch/media_names.h"
#include "patcher/batch/packing.h"
#include "tests/fuzz/require.h"

namespace detachfix::fuzz {

namespace {

/// Small, so that what the limit is for is tried often.
constexpr uint64_t kMaxSize = 200'000;

void CheckExpanded(const Expanded& expanded) {
  Require(expanded.packing != Packing::kNone, "what is expanded was packed");
  Require(expanded.image.size() <= kMaxSize, "the limit holds");
  const Result<std::string> name = UnpackedName("Security.dl_", expanded.form);
  Require(!name || (name->starts_with("Security.dl") && name->size() == 12 &&
                    name->find('/') == name->npos),
          "a name leads out of no folder");
  // Repack compares what it packed with the image; "something else" would be a
  // mistake of ours.
  const Result<Bytes> again = Repack(expanded.form, expanded.image);
  Require(again || again.error().message.find("what was packed") ==
                       std::string::npos,
          "what is packed again expands to the same");
}

}  // namespace

void CheckUnpack(const std::vector<uint8_t>& bytes) {
  const Result<Expanded> expanded = Expand(bytes, {kMaxSize});
  if (expanded) {
    CheckExpanded(*expanded);
  } else {
    Require(!expanded.error().message.empty(), "an error says what is wrong");
  }
}

}  // namespace detachfix::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  detachfix::fuzz::CheckUnpack({data, data + size});
  return 0;
}
