"""What prices say about each other: fees, relationships, arbitrage. Pure logic, no I/O.

Everything found here is stored and logged; nothing is ever traded.
"""
