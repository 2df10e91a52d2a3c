"""What other toolkits' decoders return, as n-best lists: no files in between.

    from rescorer.adapters import from_pyctcdecode

    lists = from_pyctcdecode(["utt-1"], [decoder.decode_beams(logits)])
    rescorer.rescore(lists, rescorer.load())

Every function takes the ids of the utterances, then the decoder's results, one for each utterance.
None imports the toolkit: results are read by their attributes.
"""

from rescorer.adapters.ctranslate2 import from_ctranslate2
from rescorer.adapters.flashlight import from_flashlight, from_torchaudio
from rescorer.adapters.nemo import from_nemo
from rescorer.adapters.pyctcdecode import from_pyctcdecode
from rescorer.adapters.speechbrain import (
    from_speechbrain_ctc,
    from_speechbrain_seq2seq,
    from_speechbrain_transducer,
)
from rescorer.adapters.transformers import from_transformers

__all__ = [
    "from_ctranslate2",
    "from_flashlight",
    "from_nemo",
    "from_pyctcdecode",
    "from_speechbrain_ctc",
    "from_speechbrain_seq2seq",
    "from_speechbrain_transducer",
    "from_torchaudio",
    "from_transformers",
]
