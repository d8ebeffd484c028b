// SPDX-License-Identifier: Apache-2.0
// Where a quick look answers, it answers as a full one: on files, and on
// mutants of them, whose headers and tables have some bytes wrong.
//   compare_quick_look [--mutants N] FILE...
// Prints each difference, and how many were answered. Exit status 1: some
// differ, or there was nothing to compare.
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <vector>

#include "patcher/batch/quick_look.h"
#include "patcher/bytes.h"
#include "patcher/pe_image.h"
#include "patcher/verify_file.h"
#include "tests/support/fake_files.h"

namespace {

using detachfix::Bytes;
using detachfix::FileOutcome;
using detachfix::Look;
using detachfix::PeImage;

constexpr const char* kPath = "/d/file";

struct Count {
  int files = 0;
  int answered = 0;
  int by_tables = 0;  // without running code
  int differ = 0;
};

std::string TextOf(const FileOutcome& outcome) {
  return std::to_string(static_cast<int>(outcome.action)) + ", machine " +
         std::to_string(outcome.machine.value_or(0)) + ", " +
         std::to_string(outcome.size.value_or(0)) + " bytes, " +
         ToText(outcome.diagnosis.verdict) + ": " + outcome.diagnosis.because +
         "; " + outcome.diagnosis.target.value_or("no target: ") +
         outcome.diagnosis.not_target_because + "; " +
         (outcome.error ? outcome.error->message : "no error");
}

// Whether there was an answer.
bool CompareLook(const std::string& name, Look look,
                 detachfix::FakeFiles& files, Count& count) {
  const auto quick = detachfix::LookQuickly(files, kPath, look);
  if (!quick) return false;
  const bool is_target_asked = look == Look::kTarget;
  const FileOutcome full =
      detachfix::VerifyFile(files, kPath,
                            is_target_asked ? detachfix::Scope::kTarget
                                            : detachfix::Scope::kAnyDll)
          .outcome;
  // Damage elsewhere is not seen.
  if (is_target_asked && full.error && quick->machine) return true;
  const std::string expected = TextOf(full);
  const std::string found = TextOf(*quick);
  if (found == expected) return true;
  ++count.differ;
  std::printf("%s, look %d:\n  quick  %s\n  full   %s\n", name.c_str(),
              static_cast<int>(look), found.c_str(), expected.c_str());
  return true;
}

void Compare(const std::string& name, const Bytes& bytes, Count& count) {
  detachfix::FakeFiles files;
  files.Add(kPath, bytes);
  ++count.files;
  const bool answered = CompareLook(name, Look::kCode, files, count);
  const bool by_tables = CompareLook(name, Look::kTables, files, count);
  CompareLook(name, Look::kTarget, files, count);
  count.answered += answered;
  count.by_tables += by_tables;
}

struct Range {
  size_t begin = 0;
  size_t size = 0;
};

// What a quick look may look at: headers and tables.
std::vector<Range> RangesOf(const PeImage& image) {
  std::vector<Range> ranges = {{0, image.size_of_headers}};
  for (const detachfix::DataDirectory& directory : image.directories) {
    const auto offset = ToOffset(image, detachfix::Rva{directory.rva});
    if (directory.rva == 0 || directory.size == 0 || !offset) continue;
    ranges.push_back(
        {offset->value,
         std::min<size_t>(directory.size, image.bytes.size() - offset->value)});
  }
  return ranges;
}

class Mutator {
 public:
  explicit Mutator(const PeImage& image)
      : bytes_(image.bytes), ranges_(RangesOf(image)) {}

  Bytes Next() {
    Bytes mutant = bytes_;
    for (size_t left = 1 + random_() % 3; left > 0; --left) {
      const Range& range = ranges_[random_() % ranges_.size()];
      // Words are at multiples of four in all tables but the relocations.
      const size_t at = range.begin + random_() % range.size / 2 * 2;
      const uint64_t values[] = {0, 1, 0x7f, 0xff, random_() & 0xff};
      mutant[at] = static_cast<uint8_t>(values[random_() % std::size(values)]);
      if (random_() % 4 == 0) mutant[at] ^= 0x80;
    }
    // Files are cut off, too.
    if (random_() % 16 == 0) mutant.resize(random_() % mutant.size());
    return mutant;
  }

 private:
  const Bytes bytes_;
  const std::vector<Range> ranges_;
  std::mt19937 random_{1};
};

void CompareMutants(const std::string& name, const Bytes& bytes, int mutants,
                    Count& count) {
  const auto read = detachfix::ReadPeImage(bytes);
  if (!read || !read->image) return;
  Mutator mutator(*read->image);
  for (int i = 0; i < mutants; ++i) {
    Compare(name + ", mutant " + std::to_string(i), mutator.Next(), count);
  }
}

void Print(const char* what, const Count& count) {
  std::printf(
      "%d %s: %d answered, %d of them by tables, %d otherwise than in full\n",
      count.files, what, count.answered, count.by_tables, count.differ);
}

}  // namespace

int main(int argc, char** argv) {
  int mutants = 0;
  Count files;
  Count broken;
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    if (word == "--mutants" && i + 1 < argc) {
      mutants = std::atoi(argv[++i]);
      continue;
    }
    std::ifstream file(word, std::ios::binary);
    const Bytes bytes{std::istreambuf_iterator<char>(file), {}};
    Compare(word, bytes, files);
    CompareMutants(word, bytes, mutants, broken);
  }
  Print("files", files);
  if (mutants > 0) Print("mutants", broken);
  const bool agree = files.differ + broken.differ == 0;
  return agree && files.answered > 0 ? 0 : 1;
}
