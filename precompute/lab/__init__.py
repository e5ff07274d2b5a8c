"""The lab model: what it was trained on and asked, beside the files that are shipped of it."""
