"""Feature, `/feature/{sae_id}/{feature_index}`. The door is `page`."""
