"""The jobs: corpus text in, one build out.

Each module is one stage, each stage a pure function of a shard.
"""
