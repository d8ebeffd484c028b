// SPDX-License-Identifier: Apache-2.0
// A counted pointer to a node of a structure whose copies share what they have
// in common. Not std::shared_ptr: a node knows its count, so that its only
// owner may change it in place, and the count is not atomic. States of a run
// never leave the thread that traces.
#ifndef DETACHFIX_DISASM_SHARED_NODE_H_
#define DETACHFIX_DISASM_SHARED_NODE_H_

#include <cstdint>
#include <utility>

namespace detachfix {

/// `Node` has a member `uint32_t references`, 0 in a new one. Copying a node
/// gives a new one.
template <typename Node>
class SharedNode {
 public:
  SharedNode() = default;
  explicit SharedNode(Node* node) : node_(node) { Add(); }
  SharedNode(const SharedNode& other) : node_(other.node_) { Add(); }
  SharedNode(SharedNode&& other) noexcept
      : node_(std::exchange(other.node_, nullptr)) {}
  SharedNode& operator=(SharedNode other) noexcept {
    std::swap(node_, other.node_);
    return *this;
  }
  ~SharedNode() {
    if (node_ != nullptr && --node_->references == 0) delete node_;
  }

  const Node* get() const { return node_; }
  const Node* operator->() const { return node_; }
  const Node& operator*() const { return *node_; }
  explicit operator bool() const { return node_ != nullptr; }

  /// The node to be changed: a copy of it where others have it too.
  Node& Own() {
    if (node_->references > 1) *this = SharedNode(new Node(*node_));
    return *node_;
  }

 private:
  void Add() {
    if (node_ != nullptr) ++node_->references;
  }

  Node* node_ = nullptr;
};

/// The count of a node; a copy of the node has one of its own.
struct ReferenceCount {
  uint32_t references = 0;

  ReferenceCount() = default;
  ReferenceCount(const ReferenceCount&) {}
  ReferenceCount& operator=(const ReferenceCount&) { return *this; }
};

}  // namespace detachfix

#endif  // DETACHFIX_DISASM_SHARED_NODE_H_
