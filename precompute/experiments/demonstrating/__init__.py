"""`functionscope precompute demonstrations`: edits that turn answers, found on some questions and
judged on others.
"""
