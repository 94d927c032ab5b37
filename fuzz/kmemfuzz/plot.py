"""Draws a line over time as SVG, for an HTML page whose style sheet has the colours (fuzz/kmemfuzz/site/style.css).

A plot is 480 units wide and uses the page's font. Time begins at 0. The value axis does too unless the caller says otherwise;
then the plot's description says where it begins."""

import math

from kmemfuzz.markup import element, join

WIDTH, HEIGHT = 480, 230
LEFT, RIGHT, TOP, BOTTOM = 72, 18, 30, 40  # what the ticks and, above, the unit and the last value take
DOTS = 40  # with more samples than this they are not marked one by one
TICKS = 5  # at most so many steps on an axis
TIME_STEPS = (1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200, 10800, 21600, 43200, 86400, 172800, 604800)


def thousands(value):
    """A figure in full: 12,345; 0.5."""
    return f"{value:,}"


def tenths(value):
    """Seconds, whose decimals stand below one another: 2.0; 12.5."""
    return f"{value:,.1f}"


def short(value):
    """A round figure of an axis: 500, 20k, 1.5M."""
    for unit, size in (("G", 10**9), ("M", 10**6), ("k", 10**3)):
        if abs(value) >= size:
            return f"{value / size:.10g}{unit}"
    return f"{value:.10g}"


def duration(seconds):
    """A time in words: 20.0 s, 1 min 30 s, 2 h 5 min."""
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    parts = [f"{number} {unit}" for number, unit in ((hours, "h"), (minutes, "min"), (rest, "s")) if number]
    return " ".join(parts[:2])


def round_step(span, whole):
    """The smallest of 1, 2, 5, 10, 20 ... that goes into span at most TICKS times; whole: not below 1."""
    rough = span / TICKS
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough * (1 - 1e-9))
    return max(round(step), 1) if whole or step >= 1 else step


def value_axis(values, from_zero, whole):
    """(first tick, step, number of steps) of the axis for these values."""
    low, high = (0 if from_zero else min(values)), max(values)
    if low == high:  # a line in the middle, and not on the edge, of what has no height
        low, high = (0, 1) if high == 0 else (low, high) if from_zero else (max(0, low - 1), high + 1)
    step = round_step(max(high - low, 1 if whole else 1e-9), whole)
    first = math.floor(low / step) * step
    return first, step, max(1, math.ceil((high - first) / step - 1e-9))


def time_axis(seconds):
    """(step, unit in seconds, its name) of the axis for a campaign this long."""
    step = next((step for step in TIME_STEPS if seconds / step <= TICKS + 1), None)
    if step is None:
        step = math.ceil(seconds / TICKS / 604800) * 604800
    if seconds < 1:
        return round_step(seconds, False) if seconds > 0 else 1, 1, "seconds"
    unit, name = next((pair for pair in ((86400, "days"), (3600, "hours"), (60, "minutes")) if step >= pair[0]),
                      (1, "seconds"))
    return step, unit, name


def runs_of(points):
    """The points in runs without a gap: one where the value is None."""
    runs, run = [], []
    for point in [*points, (0, None)]:
        if point[1] is not None:
            run.append(point)
        elif run:
            runs.append(run)
            run = []
    return runs


def line(name, title, points, unit, from_zero=True, marks=()):
    """A plot. name is its id in the page; points are (seconds, value), in order, at least one with a value; unit says what
    is counted; marks are the seconds at which something was found."""
    present = [point for point in points if point[1] is not None]
    values = [value for _, value in present]
    whole = all(isinstance(value, int) for value in values)
    first, step, count = value_axis(values, from_zero, whole)
    end = max(points[-1][0], 0.001)
    time_step, time_unit, time_name = time_axis(end)

    def x(seconds):
        return round(LEFT + (WIDTH - LEFT - RIGHT) * seconds / end, 2)

    def y(value):
        return round(HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * (value - first) / (step * count), 2)

    bottom = HEIGHT - BOTTOM
    drawn = []
    for index in range(count + 1):
        value = first + step * index
        drawn.append(element("line", class_="axis" if index == 0 else "grid", x1=LEFT, x2=WIDTH - RIGHT, y1=y(value),
                             y2=y(value)))
        drawn.append(element("text", short(value), class_="tick value", x=LEFT - 8, y=y(value) + 4, text_anchor="end",
                             data_value=f"{value:.10g}", data_at=y(value)))
    for index in range(math.floor(end / time_step + 1e-9) + 1):
        seconds = time_step * index
        drawn.append(element("line", class_="axis", x1=x(seconds), x2=x(seconds), y1=bottom, y2=bottom + 4))
        drawn.append(element("text", f"{seconds / time_unit:.10g}", class_="tick time", x=x(seconds), y=bottom + 17,
                             text_anchor="middle", data_value=f"{seconds:.10g}", data_at=x(seconds)))
    drawn.append(element("text", time_name, class_="unit", x=WIDTH - RIGHT, y=HEIGHT - 6, text_anchor="end"))
    drawn.append(element("text", unit, class_="unit", x=LEFT, y=18))
    for seconds in marks:
        drawn.append(element("line", class_="mark", x1=x(seconds), x2=x(seconds), y1=TOP, y2=bottom))
    for run in runs_of(points):
        drawn.append(element("polyline", class_="line", points=" ".join(f"{x(a)},{y(b)}" for a, b in run)))
    dotted = present if len(present) <= DOTS else present[-1:]
    drawn += [element("circle", class_="dot", cx=x(seconds), cy=y(value), r=3) for seconds, value in dotted]
    last_seconds, last = present[-1]
    drawn.append(element("text", thousands(last), class_="last", x=WIDTH - RIGHT, y=18, text_anchor="end"))
    description = f"{title}: {thousands(values[0])} after {duration(present[0][0])}, {thousands(last)} after " \
                  f"{duration(last_seconds)}; at least {thousands(min(values))}, at most {thousands(max(values))}."
    if first != 0:
        description += f" The axis begins at {thousands(first)}."
    return element("svg", element("title", title, id=f"{name}-title"), element("desc", description, id=f"{name}-desc"),
                   join(drawn), class_="plot", role="img", viewBox=f"0 0 {WIDTH} {HEIGHT}",
                   aria_labelledby=f"{name}-title", aria_describedby=f"{name}-desc")
