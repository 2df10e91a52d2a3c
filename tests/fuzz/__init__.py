"""Damaged inputs for every reader: `python -m fuzz` in this folder's parent, or `make fuzz`.

mutations.py damages, targets.py names the readers and whole inputs for them, engine.py runs and
judges.
"""
