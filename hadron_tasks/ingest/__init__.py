"""From raw frames to committed rows: decode, normalise, resolve, write, acknowledge."""
