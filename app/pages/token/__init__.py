"""Token, `/token/{token_id}`, behind `page`; the search for tokens, `/token`, behind `search`."""
