// SPDX-License-Identifier: Apache-2.0
#ifndef DETACHFIX_PATCHER_RENDER_DOT_H_
#define DETACHFIX_PATCHER_RENDER_DOT_H_

#include <string>

#include "patcher/plan.h"
#include "patcher/result.h"

namespace detachfix {

/// The picture of a DOT text as SVG, drawn by Graphviz's program `dot`. Fails
/// when that is not installed, or fails itself.
Result<Bytes> RenderSvg(const std::string& dot_text);

}  // namespace detachfix

#endif  // DETACHFIX_PATCHER_RENDER_DOT_H_
