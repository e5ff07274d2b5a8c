"""The graph of tokens and features:
blocks of it at any depth, from memory or from tiles of the file.
"""
