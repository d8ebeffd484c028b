// SPDX-License-Identifier: Apache-2.0
#ifndef DETACHFIX_PATCHER_BATCH_USUAL_FORM_H_
#define DETACHFIX_PATCHER_BATCH_USUAL_FORM_H_

#include "patcher/pe_image.h"

namespace detachfix {

/// Whether the headers, imports and base relocations of `image`, all read, have
/// the form that linkers give them, so that LIEF reads them as we do. Of any
/// other form the two are known, or must be feared, to say different things:
/// tables behind the end of a section, in the headers, of an odd length.
bool HasUsualForm(const PeImage& image);

/// The same of headers and sections alone.
bool HasUsualOutline(const PeImage& image);

}  // namespace detachfix

#endif  // DETACHFIX_PATCHER_BATCH_USUAL_FORM_H_
