"""Numbers and amounts formatted for people."""

from __future__ import annotations

MIN_SHOWN_COST = 0.0001
"""The smallest amount in dollars that is shown; a smaller one is shown as "under" it."""


def format_number(number: float) -> str:
    """Return a number without the noise of binary fractions: 0.1 + 0.2 is 0.3."""
    return f"{number + 0.0:.12g}"  # adding zero removes the sign of -0.0


def format_dollars(amount: float) -> str:
    """Return an amount with cents, and with up to four decimals where it is under a dollar."""
    if 0 < amount < MIN_SHOWN_COST:
        return f"under ${MIN_SHOWN_COST}"
    if amount >= 1 or not amount:
        return f"${amount:,.2f}"
    cents, more = f"{amount:.4f}"[:4], f"{amount:.4f}"[4:]
    return f"${cents}{more.rstrip('0')}"
