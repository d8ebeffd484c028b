// SPDX-License-Identifier: Apache-2.0
#include "patcher/batch/go_on.h"

#include <gtest/gtest.h>

namespace detachfix {
namespace {

TEST(GoOnText, NamesTheLedgerWhereOneWasGiven) {
  BatchHead head;
  head.command = "batch";
  head.run = "20001224-1";
  Options options;
  EXPECT_EQ(GoOnText(head, options),
            "to go on: detachfix batch --resume 20001224-1");
  options.batch.ledger = "/srv/l.sqlite";
  EXPECT_EQ(
      GoOnText(head, options),
      "to go on: detachfix batch --resume 20001224-1 --ledger /srv/l.sqlite");
  options.batch.ledger = "Bob's ledger";
  EXPECT_EQ(GoOnText(head, options),
            "to go on: detachfix batch --resume 20001224-1 --ledger "
            "'Bob'\\''s ledger'");
}

TEST(GoOnText, GivesARevertAgain) {
  BatchHead head;
  head.command = "revert";
  head.run = "20001225-2";  // its own, which is no use
  Options options;
  options.words = {"--run=20001224-1", "--only", "**/sp3/**", ""};
  EXPECT_EQ(GoOnText(head, options),
            "to go on, give the same again: detachfix revert --run=20001224-1 "
            "--only '**/sp3/**' ''");
}

}  // namespace
}  // namespace detachfix
