// SPDX-License-Identifier: Apache-2.0
// The packed files of install media (`Security.dl_`): what they are, what is in
// them, and what must be kept to write them back.
#ifndef DETACHFIX_PATCHER_BATCH_PACKING_H_
#define DETACHFIX_PATCHER_BATCH_PACKING_H_

#include <cstdint>
#include <span>
#include <string>
#include <variant>

#include "patcher/batch/batch_item.h"
#include "patcher/pe_image.h"
#include "patcher/plan.h"
#include "patcher/result.h"
#include "patcher/sniff_packing.h"

namespace detachfix {

/// What an SZDD file holds besides its content.
struct SzddForm {
  bool qbasic = false;  ///< the variant without a missing character
  /// The last character of the name, which `_` replaces on the disk; 0: not
  /// stored.
  uint8_t missing_char = 0;
};

/// The same of a KWAJ file.
struct KwajForm {
  uint16_t method = 0;  ///< 0 none, 1 xor, 2 LZSS, 3 LZ and Huffman, 4 MSZIP
  uint16_t flags = 0;   ///< which of the optional headers are there
  std::string name;     ///< as stored, with its extension; or empty
};

/// The same of a cabinet with one member in one folder.
struct CabinetForm {
  std::string name;          ///< of the member, as stored
  uint16_t date = 0;         ///< CFFILE.date, MS-DOS format
  uint16_t time = 0;         ///< CFFILE.time
  uint16_t attributes = 0;   ///< CFFILE.attribs
  uint16_t compression = 0;  ///< CFFOLDER.typeCompress
  uint32_t reserved = 0;     ///< bytes of reserved areas, e.g. for a signature
  uint64_t trailing = 0;     ///< bytes of the file after the cabinet
};

using PackedForm = std::variant<SzddForm, KwajForm, CabinetForm>;

struct Expanded {
  Packing packing = Packing::kNone;
  Bytes image;
  PackedForm form;
};

struct ExpandLimits {
  uint64_t max_size = kMaxFileSize;  ///< of the expanded image, bytes
};

/// What is packed in `bytes`, which SniffPacking takes for packed. Touches no
/// disk. Fails, with numbers, when the expanded size would pass the limit
/// (nothing more is expanded then) or is not the one that the header says, when
/// a cabinet has not exactly one member or continues another one, and when the
/// packed data are damaged or cut off.
Result<Expanded> Expand(std::span<const uint8_t> bytes,
                        const ExpandLimits& limits = {});

/// `image` packed in the form that `form` describes. Fails for what cannot be
/// written back: KWAJ, the QBasic variant of SZDD, a cabinet folder compressed
/// by Quantum or LZX, a cabinet with reserved areas or trailing bytes (a
/// signature, which would be lost). What is given has been expanded again and
/// compared.
Result<Bytes> Repack(const PackedForm& form, const Bytes& image);

}  // namespace detachfix

#endif  // DETACHFIX_PATCHER_BATCH_PACKING_H_
