"""Experiments as data: what a task file holds (`rows`), how it is read (`file`), and its prompts as
token ids.
"""

from backend.core.tasks.fields import TaskError
from backend.core.tasks.file import read_tasks
from backend.core.tasks.rows import Question, Tasks, Trait, Wrapper

__all__ = ["Question", "TaskError", "Tasks", "Trait", "Wrapper", "read_tasks"]
