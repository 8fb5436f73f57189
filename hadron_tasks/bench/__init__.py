"""``hadron bench``: floors, Hadron, and what people use instead, measured in one run.

Machines differ and are noisy, so what counts are the ratios: every figure is the median of rounds
that alternate with the rounds of what it is compared with.
"""
