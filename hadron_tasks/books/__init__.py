"""Order books as they stood: rebuilt from what was recorded, with a statement of trust."""
