"""What holds for every test: random cases are judged by their result, not by how busy the machine was, and processes
that a test starts find the same modules as the test, however pytest itself was started."""

import os
import sys
from pathlib import Path

from hypothesis import settings

settings.register_profile("house", deadline=None, print_blob=True)
settings.load_profile("house")

ROOT = Path(__file__).parents[1]
_FOUND = [str(ROOT), str(ROOT / "src")]
sys.path[:] = [*sys.path, *(path for path in _FOUND if path not in sys.path)]
os.environ["PYTHONPATH"] = os.pathsep.join([*_FOUND, *filter(None, [os.environ.get("PYTHONPATH")])])
