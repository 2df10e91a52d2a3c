"""The names of all formats, for the help of commands, which starts without reading any.

A test holds that these are the names of the tables.
"""

from __future__ import annotations

NBEST_FORMATS = (
    *("kaldi", "jsonl", "text", "one-best", "mlm-scoring", "hyporadise"),
    *("espnet", "nemo", "nemo-tsv", "wenet", "wenet-json", "icefall", "vosk", "srilm"),
    *("aws", "google", "azure"),
)
WRITTEN_FORMATS = (
    *("kaldi", "jsonl", "text", "mlm-scoring", "hyporadise"),
    *("espnet", "nemo", "wenet", "srilm"),
)
LATTICE_FORMATS = ("kaldi-lattice", "k2", "htk")
REFERENCE_FORMATS = (
    *("text", "trn", "stm", "ctm", "jsonl", "nemo", "lhotse"),
    *("icefall", "mlm-scoring", "hyporadise"),
)
