"""A shop with one defect."""


def price_each(total: float, number: int) -> float:
    """Return what one of them costs."""
    return total / number
