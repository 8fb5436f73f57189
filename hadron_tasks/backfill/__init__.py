"""Filling the holes of a feed: which can be filled, from where, and whether anything is missing.

``losses`` says what a gap lost and what of it an exchange still tells, ``windows`` which time to
ask for, ``walk`` in which steps, ``failures`` what to do when that fails; ``compare`` whether what
is stored is what the exchange has, ``rounds`` in which parts, ``audit_gaps`` what follows from it:
all pure. ``sources`` fetches; ``plan`` and ``pages`` (of backfills), ``beginning`` and ``audits``
join these with the tables.
"""
