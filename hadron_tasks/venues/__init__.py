"""The exchanges: one package each, and the registry that names them."""
