"""The companion `features`: histograms, examples and neighbours of every feature."""
