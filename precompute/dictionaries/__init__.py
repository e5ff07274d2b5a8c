"""`functionscope precompute dictionaries`: would another SAE on the same layer say the same?"""
