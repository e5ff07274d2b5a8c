"""From corpus text to a published build:
each module a stage, each stage a pure function of a shard.
"""
