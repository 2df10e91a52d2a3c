"""Take some utterances out of Kaldi n-best archives: `python split.py ARCHIVES REFERENCES OUTPUT`.

Of every file in the folder ARCHIVES the lines `UTTERANCE-N …` go to OUTPUT whose utterance is in REFERENCES.
"""

from __future__ import annotations

import sys
from pathlib import Path


def main() -> None:
    if len(sys.argv) != 4:
        sys.exit("usage: split.py ARCHIVES REFERENCES OUTPUT")
    archives, references, output = map(Path, sys.argv[1:])
    wanted = {line.split()[0] for line in references.read_text(encoding="utf-8").splitlines() if line.strip()}
    output.mkdir(parents=True, exist_ok=True)
    for archive in sorted(archives.iterdir()):
        lines = archive.read_text(encoding="utf-8").splitlines(keepends=True)
        kept = [line for line in lines if line.split()[0].rpartition("-")[0] in wanted]
        found = {line.split()[0].rpartition("-")[0] for line in kept}
        if missing := sorted(wanted - found):
            sys.exit(f"error: {archive} has nothing of {missing[0]} ({len(missing)} in all), which {references} names")
        (output / archive.name).write_text("".join(kept), encoding="utf-8")


if __name__ == "__main__":
    main()
