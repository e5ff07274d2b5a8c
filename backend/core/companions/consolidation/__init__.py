"""The companion `consolidation`: what is learned when, along training."""
