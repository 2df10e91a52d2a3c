"""How fast archives of Kaldi's lattices are read on one core: unpacked, parsed and assembled.

    OMP_NUM_THREADS=1 python -m benchmarks.lattice_reading ARCHIVE... [--symbols words.txt]
                                                           [--repeats 3]

Each archive is read as a stream, one lattice at a time. The time includes reading the symbol table.
"""

from __future__ import annotations

import time
from pathlib import Path

from benchmarks.machine import machine
from benchmarks.results import Column, Measurement, make_parser
from rescorer.recognition.formats import kaldi_lattice
from rescorer.recognition.formats.parsing import ErrorCollector

COLUMNS = (
    Column("archive", "archive"),
    Column("kind", "kind"),
    Column("lattices", "lattices", ",d"),
    Column("arcs", "arcs", ",d"),
    Column("seconds", "processor seconds", ".2f"),
    Column("arcs_per_second", "arcs/s", ",.0f"),
)


def read(path: Path, symbols: Path | None) -> tuple[int, int, str]:
    """Read an archive; returns the number of lattices and of arcs, and the kind of archive."""
    lattices, arcs, kind = 0, 0, ""
    for lattice in kaldi_lattice.read(path, symbols, ErrorCollector()):
        lattices += 1
        arcs += lattice.arcs
        kind = f"{lattice.header['type']} {'text' if lattice.header['text'] else 'binary'}"
    return lattices, arcs, kind


def main() -> None:
    parser = make_parser(__doc__)
    parser.add_argument("archives", type=Path, nargs="+")
    parser.add_argument("--symbols", type=Path)
    parser.add_argument("--repeats", type=int, default=3)
    arguments = parser.parse_args()
    measured = Measurement(
        __file__,
        arguments,
        "Lattices: reading Kaldi archives",
        "How many arcs a second are read from Kaldi's archives?",
        COLUMNS,
        machine("cpu", "scipy"),
    )
    for path in arguments.archives:
        times = []
        for _ in range(arguments.repeats):
            began = time.process_time()
            lattices, arcs, kind = read(path, arguments.symbols)
            times.append(time.process_time() - began)
        least = min(times)
        measured.add(
            archive=path.name,
            kind=kind,
            lattices=lattices,
            arcs=arcs,
            seconds=least,
            arcs_per_second=arcs / least,
        )
    measured.note(
        f"The least of {arguments.repeats} runs, from the packed file to assembled lattices."
    )
    measured.finish()


if __name__ == "__main__":
    main()
