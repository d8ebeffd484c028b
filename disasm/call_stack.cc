// SPDX-License-Identifier: Apache-2.0
#include "disasm/call_stack.h"

#include <algorithm>
#include <cassert>
#include <utility>

#include "disasm/memory.h"

namespace detachfix {
namespace {

bool SameRound(const Loop& a, const Loop& b) {
  return a.head == b.head && a.round == b.round;
}

}  // namespace

uint64_t CallStack::Node::HashIn(size_t loops) const {
  // FNV-1a over words.
  uint64_t sum = caller ? caller->hash : 0xcbf29ce484222325;
  const auto add = [&sum](uint64_t word) {
    sum = (sum ^ word) * 0x100000001b3;
  };
  add(return_va);
  for (size_t i = 0; i < loops; ++i) {
    add(frame.loops[i].head + frame.loops[i].round);
  }
  return sum;
}

void CallStack::Node::Update() {
  depth = caller ? caller->depth + 1 : 0;
  hash = HashIn(frame.loops.size());
  filter = caller ? caller->filter : SymbolFilter();
  filter.Add(frame.stack);
  for (const Value& value : frame.preserved) filter.Add(value);
}

void CallStack::EnterFirst(const Frame& frame) {
  Clear();
  Push(0, frame);
}

void CallStack::Push(uint64_t return_va, const Frame& frame) {
  Link added(new Node);
  Node& node = added.Own();
  node.return_va = return_va;
  node.frame = frame;
  node.caller = std::move(top_);
  node.Update();
  top_ = std::move(added);
}

void CallStack::Pop() {
  Link caller = top_->caller;
  top_ = std::move(caller);
}

Frame& CallStack::CallersFrame() {
  assert(depth() > 0);
  return top_.Own().caller.Own().frame;
}

bool CallStack::CallerBeganAt(const Value& stack) const {
  const Node* node = top_.get();
  if (depth() > 0) node = node->caller.get();
  for (; node != nullptr; node = node->caller.get()) {
    if (node->frame.stack == stack) return true;
  }
  return false;
}

std::optional<int64_t> CallStack::ReturnBelow(int64_t offset) const {
  std::optional<int64_t> below;
  for (const Node* node = top_.get(); node != nullptr;
       node = node->caller.get()) {
    const Value& stack = node->frame.stack;
    if (!stack.IsSymbolic() || stack.symbol != kStackSymbol) continue;
    const int64_t begin = static_cast<int32_t>(stack.bits);
    if (begin > offset) break;
    below = begin;
  }
  return below;
}

bool CallStack::ReturnsTo(uint64_t va) const {
  for (const Node* node = top_.get(); node != nullptr && node->depth > 0;
       node = node->caller.get()) {
    if (node->return_va == va) return true;
  }
  return false;
}

bool CallStack::SameReturns(const CallStack& other) const {
  if (depth() != other.depth() || hash() != other.hash()) return false;
  const Node* a = top_.get();
  const Node* b = other.top_.get();
  for (; a != b; a = a->caller.get(), b = b->caller.get()) {
    if (a == nullptr || b == nullptr || a->return_va != b->return_va ||
        !std::ranges::equal(a->frame.loops, b->frame.loops, SameRound)) {
      return false;
    }
  }
  return true;
}

void CallStack::AddHashes(std::unordered_set<uint64_t>& hashes) const {
  for (const Node* node = top_.get();
       node != nullptr && hashes.insert(node->hash).second;
       node = node->caller.get()) {
    for (size_t loops = 0; loops < node->frame.loops.size(); ++loops) {
      hashes.insert(node->HashIn(loops));
    }
  }
}

bool CallStack::Mentions(Symbol symbol) const {
  SymbolFilter filter;
  filter.Add(symbol);
  const auto speaks = [symbol](const Value& value) {
    return value.HasSymbol() && value.symbol == symbol;
  };
  for (const Node* node = top_.get();
       node != nullptr && node->filter.MayMeet(filter);
       node = node->caller.get()) {
    if (speaks(node->frame.stack) ||
        std::ranges::any_of(node->frame.preserved, speaks)) {
      return true;
    }
  }
  return false;
}

void CallStack::SubstituteIn(Link& link, Symbol symbol, const Value& base,
                             uint8_t width) {
  SymbolFilter filter;
  filter.Add(symbol);
  if (!link || !link->filter.MayMeet(filter)) return;
  Node& node = link.Own();
  SubstituteIn(node.caller, symbol, base, width);
  Frame& frame = node.frame;
  frame.stack = detachfix::SubstituteIn(frame.stack, symbol, base, width);
  for (Value& value : frame.preserved) {
    value = detachfix::SubstituteIn(value, symbol, base, width);
  }
  node.Update();
}

void CallStack::Substitute(Symbol symbol, const Value& base, uint8_t width) {
  SubstituteIn(top_, symbol, base, width);
}

void CallStack::JoinIn(Link& link, const Link& other) {
  if (link.get() == other.get()) return;
  Node& node = link.Own();
  JoinIn(node.caller, other->caller);
  Frame& frame = node.frame;
  for (size_t i = 0; i < frame.loops.size(); ++i) {
    Loop& loop = frame.loops[i];
    loop.turn = std::max(loop.turn, other->frame.loops[i].turn);
    loop.may_end |= other->frame.loops[i].may_end;
    loop.comes_nearer &= other->frame.loops[i].comes_nearer;
  }
  frame.stack = JoinValues(frame.stack, other->frame.stack);
  for (size_t i = 0; i < Frame::kMaxPreserved; ++i) {
    frame.preserved[i] =
        JoinValues(frame.preserved[i], other->frame.preserved[i]);
  }
  node.Update();
}

void CallStack::Join(const CallStack& other) {
  assert(SameReturns(other));
  JoinIn(top_, other.top_);
}

}  // namespace detachfix
