# SPDX-License-Identifier: Apache-2.0
"""Collects what was compared and what was wrong."""


class Findings:
    def __init__(self):
        self.compared = 0
        self.wrong = []

    def equal(self, subject, what, found, expected, source=""):
        """Compares; `source` says where the expected value is published."""
        self.compared += 1
        if found != expected:
            cited = f" ({source})" if source else ""
            self.wrong.append(f"{subject}: {what} is {_text(found)}, "
                              f"expected {_text(expected)}{cited}")

    def true(self, subject, what, holds, source=""):
        self.equal(subject, what, bool(holds), True, source)


def _text(value):
    is_number = isinstance(value, int) and not isinstance(value, bool)
    return hex(value) if is_number else repr(value)
