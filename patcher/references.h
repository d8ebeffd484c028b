// SPDX-License-Identifier: Apache-2.0
// Every place of an image that something seems to lead to: what must not be
// overwritten in the middle. Errs on the side of too many.
#ifndef DETACHFIX_PATCHER_REFERENCES_H_
#define DETACHFIX_PATCHER_REFERENCES_H_

#include <optional>
#include <string>
#include <vector>

#include "patcher/pe_image.h"

namespace detachfix {

/// See above; made once an image.
class References {
 public:
  explicit References(const PeImage& image);

  struct Found {
    Rva target;
    std::string text;  ///< "a branch at 0x1234", "a pointer at …", "export X"
  };

  /// The lowest reference to a byte of [begin, begin + size).
  std::optional<Found> Into(Rva begin, uint32_t size) const;

  /// A word that leads to `target`.
  struct Pointer {
    Rva source;
    Rva target;
  };
  /// Those that base relocations tell, ascending by target.
  std::vector<Pointer> Pointers() const;

  /// Whether base relocations tell every pointer of the image: they are there,
  /// and all of the kinds that i386 and Alpha use (HIGHLOW, HIGHADJ, LOW).
  bool pointers_known() const { return pointers_known_; }

 private:
  enum class Kind : uint8_t { kBranch, kPointer, kExport, kEntry };
  struct Reference {
    Rva target;
    Kind kind;
    uint32_t source;  ///< RVA, or index of the export
  };

  void AddBranches(const PeImage& image);
  void AddX86Branches(const PeImage& image, const Section& section);
  void AddAlphaBranches(const PeImage& image, const Section& section);
  void AddBranch(const PeImage& image, uint32_t source, Rva target);
  void AddPointers(const PeImage& image);
  void AddPointer(const PeImage& image, Rva source, uint32_t va);
  std::string Describe(const Reference& reference) const;

  std::vector<Reference> references_;  ///< ascending by target
  std::vector<std::string> export_names_;
  bool pointers_known_ = false;
};

/// The first base relocation that rewrites a byte of [begin, begin + size).
std::optional<Rva> RelocationIn(const PeImage& image, Rva begin, uint32_t size);

}  // namespace detachfix

#endif  // DETACHFIX_PATCHER_REFERENCES_H_
