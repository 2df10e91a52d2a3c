"""Time and memory of very large lattices: chains of two parallel arcs a step, and other shapes.

    OMP_NUM_THREADS=1 python -m benchmarks.great_lattices [--steps 31250 62500 125000 250000]

Each row is a process of its own. A Kaldi text archive holds one large lattice and then 1,000 small
ones. It is read, and the large lattice is rescored with a bigram model, which itself takes little
time. `wide` has the arcs of the chain in 250 steps. The small lattices are also read from an
archive of their own.
"""

from __future__ import annotations

import argparse
import multiprocessing
import random
import resource
import tempfile
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

from benchmarks.machine import machine
from benchmarks.results import record
from rescorer.models.ngram import Ngram
from rescorer.recognition.formats import read_lattices, write_lattices
from rescorer.rescoring.lattice import rescore_lattices

WORDS = tuple(f"word{number}" for number in range(1000))
SMALL = 1000
COLUMNS = {
    "shape": "shape",
    "states": "states",
    "arcs": "arcs",
    "read": "read, CPU s",
    "rescored": "rescored, CPU s",
    "microseconds": "rescored, µs an arc",
    "best": "best path, CPU s",
    "written": "written, CPU s",
    "small": "1,000 small lattices after it, CPU s",
    "alone": "the same alone, CPU s",
    "peak": "peak memory, MiB",
    "later": "memory after the small ones, MiB",
}


def lattice(name: str, steps: int, states: int, arcs: int, draw: random.Random) -> Iterator[str]:
    """A lattice as text, of `steps` steps of states and arcs; each state leads to the next step."""
    yield f"{name} \n"
    for step in range(steps):
        for arc in range(arcs):
            source = 0 if step == 0 else (step - 1) * states + 1 + arc % states
            target = step * states + 1 + (arc // states + arc) % states
            costs = f"{draw.uniform(0, 5):.4f},{draw.uniform(0, 90):.4f}"
            yield f"{source} {target} {draw.randrange(1, len(WORDS) + 1)} {costs},1_2_3\n"
    for state in range(states):
        yield f"{(steps - 1) * states + 1 + state} 0.5,0,\n"
    yield "\n"


def write_inputs(folder: Path, steps: int, states: int, arcs: int) -> None:
    """The archives, words.txt and a bigram model."""
    draw = random.Random(0)
    (folder / "words.txt").write_text(
        "".join(f"{word} {id}\n" for id, word in enumerate(("<eps>", *WORDS)))
    )
    small = [line for number in range(SMALL) for line in lattice(f"small-{number}", 40, 1, 2, draw)]
    (folder / "small.txt").write_text("".join(small))
    with (folder / "great.txt").open("w") as file:
        file.writelines(lattice("great", steps, states, arcs, draw))
        file.writelines(small)
    unigrams = "".join(f"-3\t{word}\t-0.3\n" for word in WORDS)
    bigrams = "".join(f"-{draw.uniform(0.2, 2):.3f}\t{one} {draw.choice(WORDS)}\n" for one in WORDS)
    (folder / "bigram.arpa").write_text(
        f"\\data\\\nngram 1={len(WORDS) + 3}\nngram 2={len(WORDS)}\n\n"
        "\\1-grams:\n-4\t<unk>\t0\n0\t<s>\t-0.3\n-2\t</s>\t0\n"
        f"{unigrams}\n\\2-grams:\n{bigrams}\n\\end\\\n"
    )


def memory() -> int:
    """The present size of this process in MiB."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize() >> 20


def measure(shape: str, steps: int, states: int, arcs: int) -> dict[str, object]:
    """One row."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_inputs(folder, steps, states, arcs)
        model = Ngram.load(folder / "bigram.arpa")
        began = time.process_time()
        for _ in read_lattices(folder / "small.txt", folder / "words.txt"):
            pass
        alone = time.process_time() - began
        source = read_lattices(folder / "great.txt", folder / "words.txt")
        times = [time.process_time()]
        great = next(source)
        times.append(time.process_time())
        (result,) = rescore_lattices([great], model)
        times.append(time.process_time())
        result.best()
        times.append(time.process_time())
        write_lattices(folder / "out.gz", [result.as_first_pass("graph")], "kaldi-lattice")
        times.append(time.process_time())
        states, arcs = great.states, great.arcs
        del great, result
        for _ in source:
            pass
        times.append(time.process_time())
        read, rescored, best, written, small = (round(b - a, 2) for a, b in pairwise(times))
        return {
            "shape": shape,
            "states": states,
            "arcs": arcs,
            "read": read,
            "rescored": rescored,
            "microseconds": round(1e6 * rescored / arcs),
            "best": best,
            "written": written,
            "small": small,
            "alone": round(alone, 2),
            "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10,
            "later": memory(),
        }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--steps", type=int, nargs="+", default=[31_250, 62_500, 125_000, 250_000])
    arguments = parser.parse_args()
    most = max(arguments.steps)
    jobs = [("chain", steps, 1, 2) for steps in arguments.steps] + [
        ("wide", 250, 40, 2 * most // 250)
    ]
    rows = []
    for job in jobs:
        with multiprocessing.get_context("spawn").Pool(1) as pool:
            rows.append(pool.apply(measure, job))
        print(rows[-1], flush=True)
    path = record(
        name="great_lattices",
        title="Great lattices",
        question="Do time and memory go with the arcs of the lattice at hand, whatever its shape?",
        command="OMP_NUM_THREADS=1 python -m benchmarks.great_lattices",
        machine=machine("cpu", "scipy", "torch"),
        measures=[
            "rescorer/rescoring/expansion.py",
            "rescorer/rescoring/trellis.py",
            "rescorer/recognition/lattice.py",
            "rescorer/recognition/lattice_assembly.py",
            "rescorer/recognition/graph.py",
            "rescorer/recognition/formats/byte_stream.py",
            "rescorer/recognition/formats/kaldi_lattice_text.py",
        ],
        settings={
            "order": 4,
            "beam": 16,
            "max_histories": 32,
            "memory_mib": 1024,
            "model": "bigram, 1,000 words",
        },
        columns=COLUMNS,
        rows=rows,
        notes=[
            "A chain has a level of the search for each state, and every level costs some "
            "50 calls of NumPy: that is most of its time."
        ],
    )
    print(path)


if __name__ == "__main__":
    main()
