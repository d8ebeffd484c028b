// SPDX-License-Identifier: Apache-2.0
// The import slot that the injected code calls: one that is there, or one that
// is added to the import tables.
#ifndef DETACHFIX_PATCHER_IMPORT_EDIT_H_
#define DETACHFIX_PATCHER_IMPORT_EDIT_H_

#include <optional>
#include <string>

#include "patcher/draft.h"

namespace detachfix {

/// A slot that the loader fills with the function that deletes a section.
struct DeleteSlot {
  ImportName name;
  Rva slot;
};

/// The slot of DeleteCriticalSection or RtlDeleteCriticalSection that `image`
/// imports by name already; the one from the DLL that `initialised_by` comes
/// from where there are both, since they are one object's two names.
std::optional<DeleteSlot> ImportedDelete(const PeImage& image,
                                         const ImportName& initialised_by);

/// Adds to `draft` the import of the delete function that belongs to
/// `initialised_by`. Fails, with `draft` in no particular state, when the
/// loader could not be relied on to fill a new slot, or for want of room.
Result<DeleteSlot> AddDeleteImport(Draft& draft,
                                   const ImportName& initialised_by);

/// Makes the loader look every import up by name: clears the bound import
/// directory and the descriptors' stamps. Fails, changing nothing, where a
/// bound descriptor has no lookup table to fall back on.
Result<void> ClearBindings(Draft& draft);

}  // namespace detachfix

#endif  // DETACHFIX_PATCHER_IMPORT_EDIT_H_
