"""How words sound: lexicons, grapheme-to-phoneme conversion, confusions of phones, and an index of
words by their sound.
"""
