"""The lab: every claim of the theory of residual networks, measured, drawn and judged.

One file a claim. `variance.py` is the model to follow; each file has, from top to bottom:

1. A docstring: the claim, its source, what theory says, and what trap the set-up avoids.
2. `XRow`: a frozen dataclass, one line of what was measured. A mean over seeds stands beside its deviation.
3. `X(Claim)`: a frozen dataclass with `rows`, `seeds` and whatever else was measured; all of it goes to
   JSON. It says `checks` (the numbers that must come out), `finding` (one clause with the numbers), `table`
   (few lines) and `draw` (on an empty figure). `holds`, `verdict`, `plot()`, `json()` and the notebook view
   come from `Claim` and are final.
4. `x(*, seeds=..., quick=False, device="cpu", ...) -> X`: it measures. `quick` makes it smaller and keeps the
   bounds. Networks and random draws begin with `with seeded(seed):`; what is measured, an instrument of
   `residua.look` measures. What must be trained goes through `on_all_cores`.
5. Small helpers, each below the one that calls it.

Then one line in the table of `claims.py`, in the order of the chapter, and a section in `docs/chapter.md`.

Figures: `panels(figure, "message", "message")`, one message a panel; units on the axes; plain nets in
`PLAIN`, residual ones in `RESIDUAL`, theory as a dashed line in `INK`; no ground. Look at each on white and
on black.

claims      the table
claim       `Claim`, `Check`, `Table`: what a claim gives back
cores       trainings side by side, one on each core
drawing     how figures look; `save` and `svg`
fitting     a short training, and the error after it
page        the claims as one HTML page
seeds       random draws that are the same each time
theory      closed forms and recursions, drawn beside what is measured
"""
