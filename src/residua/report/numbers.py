"""Numbers as a reader wants them: rounded, with their unit, and never rounded into a lie."""

import math

SPACE = "\N{NO-BREAK SPACE}"


def percent(fraction: float, digits: int = 1) -> str:
    """Write a fraction as a percentage; only exactly all is 100 % and only exactly none is 0 %.

    >>> percent(0.9996).replace(SPACE, " "), percent(1).replace(SPACE, " ")
    ('99.9 %', '100 %')
    """
    if fraction in (0, 1):
        return f"{fraction:.0%}".replace("%", f"{SPACE}%")
    smallest = 10.0**-digits
    return f"{min(max(100 * fraction, smallest), 100 - smallest):.{digits}f}{SPACE}%"


def count(number: int) -> str:
    """Write a whole number with commas.

    >>> count(272474)
    '272,474'
    """
    return f"{number:,}"


def compact(number: float) -> str:
    """Write a large number with three figures and a suffix.

    >>> compact(40_813_184).replace(SPACE, " ")
    '40.8 M'
    """
    for size, suffix in ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")):
        if number >= size:
            return f"{number / size:.3g}{SPACE}{suffix}"
    return f"{number:.3g}"


def plain(number: float) -> str:
    """Write a number with three figures, without an exponent where that is shorter to read.

    >>> plain(0.000123), plain(1234.5), plain(3e-9)
    ('0.000123', '1,234', '3e-09')
    """
    if number == 0 or not math.isfinite(number):
        return f"{number:g}"
    if abs(number) >= 1000:
        return f"{number:,.0f}"
    decimals = 2 - math.floor(math.log10(abs(number)))
    return f"{number:.3g}" if decimals > 7 else f"{number:.{decimals}f}"


def duration(seconds: float) -> str:
    """Write a length of time in its two largest units.

    >>> duration(94).replace(SPACE, " "), duration(3.21).replace(SPACE, " ")
    ('1 min 34 s', '3.2 s')
    """
    if seconds < 10:
        return f"{seconds:.2g}{SPACE}s"
    minutes, rest = divmod(round(seconds), 60)
    if not minutes:
        return f"{rest}{SPACE}s"
    hours, minutes = divmod(minutes, 60)
    if not hours:
        return f"{minutes}{SPACE}min {rest}{SPACE}s"
    return f"{hours}{SPACE}h {minutes}{SPACE}min"


def along(share: float) -> str:
    """Write how far along something lies, as CSS and SVG take it.

    >>> along(1 / 3)
    '33.33%'
    """
    return f"{100 * share:.2f}%"


def wilson(right: float, samples: int) -> tuple[float, float]:
    """Return the 95 % interval of a rate of which `right` of `samples` were seen, by Wilson's score.

    Unlike the normal approximation it stays inside 0-1 and is honest where nothing, or everything, is right.
    Source: E. B. Wilson, 1927, "Probable inference, the law of succession, and statistical inference".

    >>> [round(end, 3) for end in wilson(353, 360)]
    [0.96, 0.991]
    """
    z = 1.959963984540054
    rate = right / samples
    scale = 1 + z * z / samples
    centre = (rate + z * z / (2 * samples)) / scale
    half = z / scale * math.sqrt(rate * (1 - rate) / samples + z * z / (4 * samples * samples))
    # Exact at the ends, where rounding would leave the interval short of them.
    return (centre - half if right else 0.0), (centre + half if right < samples else 1.0)
