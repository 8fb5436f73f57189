"""What every exchange's REST client shares: requests, errors, pages, values, the rate limit."""
