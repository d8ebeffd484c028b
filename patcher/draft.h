// SPDX-License-Identifier: Apache-2.0
// A plan in the making: free space that is handed out and edits that are
// collected. A value: copy it to try something and keep the copy that worked.
#ifndef DETACHFIX_PATCHER_DRAFT_H_
#define DETACHFIX_PATCHER_DRAFT_H_

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "patcher/cave.h"
#include "patcher/plan.h"

namespace detachfix {

/// What a piece of new content asks of the memory it will lie in. Pieces are
/// readable at run time in any case.
struct Need {
  uint32_t size = 0;       ///< bytes
  uint32_t alignment = 1;  ///< of the RVA, a power of two
  bool executable = false;
  bool writable = false;  ///< and not shared between processes
  std::optional<size_t> section = std::nullopt;  ///< nowhere else
  Rva lowest = Rva{0};                           ///< nowhere below
  bool load_only = false;  ///< the loader alone reads it, at the load
};

/// Bytes that were handed out.
struct Piece {
  CaveKind kind = CaveKind::kSlack;
  size_t section = 0;
  FileOffset offset;
  Rva rva;
  uint32_t size = 0;
  std::string text;  ///< of the cave
};

/// See above. Its pieces never overlap.
class Draft {
 public:
  /// `image` must outlive the draft. Caves are used in the given order.
  Draft(const PeImage& image, std::vector<Cave> caves);

  const PeImage& image() const { return *image_; }

  /// The first free bytes that meet `need`, now taken; nothing if there are
  /// none.
  std::optional<Piece> Take(const Need& need);

  /// Fills a piece from its start. `content` is at most as long as the piece.
  void Fill(const Piece& piece, Bytes content, const std::string& why);

  /// Sees to it that the section's VirtualSize covers these bytes, which may
  /// have no place in the file.
  void Cover(Rva begin, uint32_t size);

  /// Replaces what stands in the file. No edit results where nothing changes,
  /// and one where the same is asked twice.
  void Replace(FileOffset offset, Bytes after, const std::string& why);

  /// All edits, ascending, with those that the pieces entail: VirtualSize
  /// raised, or a section header and the fields that count sections. Bytes
  /// behind the end of the file are one last edit, padded to FileAlignment.
  std::vector<Edit> Finish() const;

  /// Bytes at the end of that last edit that nothing was put into; 0 without.
  uint32_t padding() const;

 private:
  bool Serves(const Cave& cave, const Need& need) const;
  void RaiseVirtualSizes(std::vector<Edit>& edits) const;
  void AddSection(std::vector<Edit>& edits) const;

  const PeImage* image_;
  std::vector<Cave> caves_;
  std::vector<Edit> edits_;
  std::vector<Piece> pieces_;
  std::vector<std::pair<Rva, uint32_t>> covered_;
  Bytes appended_;  ///< content of the new section
  bool appended_code_ = false;
  bool appended_writable_ = false;
};

/// The edit that replaces the bytes of `image` at `offset`.
Edit MakeEdit(const PeImage& image, FileOffset offset, Bytes after,
              const std::string& why);

/// Where the entry of a data directory stands, and its eight bytes.
FileOffset DirectoryOffset(const PeImage& image, Directory d);
Bytes DirectoryBytes(uint32_t rva, uint32_t size);

}  // namespace detachfix

#endif  // DETACHFIX_PATCHER_DRAFT_H_
