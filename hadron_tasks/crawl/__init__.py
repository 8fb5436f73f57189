"""The crawl: what exchanges tell of their instruments over REST, fetched and kept up to date."""
