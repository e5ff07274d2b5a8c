"""What is asked of the model on the live pages: conversations, and sets of prompts."""
