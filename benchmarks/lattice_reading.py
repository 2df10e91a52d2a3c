"""How fast archives of Kaldi's lattices are read: unpacked, taken apart and assembled, on one core.

    OMP_NUM_THREADS=1 python -m benchmarks.lattice_reading ARCHIVE... [--symbols words.txt] [--repeats 3]

Each archive is read as a stream, one lattice at a time; the table of words is read each time too, and its time counts.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

from benchmarks.machine import machine
from rescorer.recognition.formats import kaldi_lattice
from rescorer.recognition.formats.parsing import Faults


def read(path: Path, symbols: Path | None) -> tuple[int, int, str]:
    """(lattices, arcs, what they are) of an archive, which is read through."""
    lattices, arcs, kind = 0, 0, ""
    for lattice in kaldi_lattice.read(path, symbols, Faults()):
        lattices += 1
        arcs += lattice.arcs
        kind = f"{lattice.header['type']} {'text' if lattice.header['text'] else 'binary'}"
    return lattices, arcs, kind


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("archives", type=Path, nargs="+")
    parser.add_argument("--symbols", type=Path)
    parser.add_argument("--repeats", type=int, default=3)
    arguments = parser.parse_args()
    print(machine("cpu", "scipy"))
    print(f"{'archive':<20} {'kind':<16} {'lattices':>8} {'arcs':>9} {'CPU s':>8} {'arcs/s':>10}")
    for path in arguments.archives:
        times = []
        for _ in range(arguments.repeats):
            began = time.process_time()
            lattices, arcs, kind = read(path, arguments.symbols)
            times.append(time.process_time() - began)
        least = min(times)
        print(f"{path.name:<20} {kind:<16} {lattices:>8} {arcs:>9} {least:>8.2f} {arcs / least:>10.0f}")
    print(f"least of {arguments.repeats} runs")


if __name__ == "__main__":
    main()
