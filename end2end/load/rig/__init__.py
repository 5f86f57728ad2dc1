"""What a measurement stands on: a private Redis, the dashboard's process, senders and clocks."""

import sys
from pathlib import Path

END2END = Path(__file__).resolve().parents[2]
ROOT = END2END.parent

# Processes are started and ended by the stack's own supervisor.
sys.path.append(str(END2END / "stack"))


class LoadError(Exception):
    """A measurement that could not be made, said in one sentence."""
