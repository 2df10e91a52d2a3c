"""Phonetic classes of ARPAbet phones, and how alike two phones are by them.

Shapes: P phones of a set.
"""

from __future__ import annotations

import numpy as np

from rescorer.pronunciation.phones import PhoneSet, without_position, without_stress

# Distinctive features after Chomsky and Halle (1968), those that tell ARPAbet's phones apart.
_CLASSES = """
P  obstruent stop labial
B  obstruent stop labial voiced
T  obstruent stop coronal
D  obstruent stop coronal voiced
K  obstruent stop velar
G  obstruent stop velar voiced
CH obstruent stop fricative coronal palatal sibilant
JH obstruent stop fricative coronal palatal sibilant voiced
F  obstruent fricative labial
V  obstruent fricative labial voiced
TH obstruent fricative coronal
DH obstruent fricative coronal voiced
S  obstruent fricative coronal sibilant
Z  obstruent fricative coronal sibilant voiced
SH obstruent fricative coronal palatal sibilant
ZH obstruent fricative coronal palatal sibilant voiced
HH obstruent fricative glottal
M  sonorant nasal labial voiced
N  sonorant nasal coronal voiced
NG sonorant nasal velar voiced
L  sonorant approximant coronal lateral voiced
R  sonorant approximant coronal rhotic voiced
W  sonorant approximant labial round glide voiced
Y  sonorant approximant palatal glide voiced
IY vowel front high tense
IH vowel front high
EY vowel front mid tense upglide
EH vowel front mid
AE vowel front low
AA vowel back low
AO vowel back low round
OW vowel back mid round tense upglide
UH vowel back high round
UW vowel back high round tense
AH vowel central mid
ER vowel central mid rhotic
AY vowel central low upglide
AW vowel central low upglide round
OY vowel back low round upglide
"""
_CLASSES_OF = {
    phone: frozenset(classes)
    for phone, *classes in (line.split() for line in _CLASSES.strip().splitlines())
}


def class_distances(phones: PhoneSet) -> np.ndarray | None:
    """float64[P, P] number of classes that hold one of two phones and not the other.

    Stress digits and Kaldi's positions in the word (`AH0_B`) do not count. None for a phone set
    that is not ARPAbet.
    """
    bases = [without_stress(without_position(symbol)) for symbol in phones.symbols]
    if not _CLASSES_OF.keys() >= set(bases):
        return None
    classes = [_CLASSES_OF[base] for base in bases]
    return np.array([[len(one ^ other) for other in classes] for one in classes], np.float64)
