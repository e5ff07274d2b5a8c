"""Token, `/token/{token_id}`. The door is `page`."""
