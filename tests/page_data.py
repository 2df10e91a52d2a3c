"""What HTML pages of reports hold."""

from __future__ import annotations

import base64
import gzip
import json
import re
from pathlib import Path
from typing import Any


def block(path: Path, name: str) -> Any:
    """The value that an element of the page holds."""
    text = path.read_text(encoding="utf-8")
    (packed,) = re.findall(f'<script id="{name}" type="text/plain">([^<]*)</script>', text)
    return json.loads(gzip.decompress(base64.b64decode(packed)))
