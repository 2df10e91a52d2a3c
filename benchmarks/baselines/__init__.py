"""Baselines for LightRNN: the same LSTM and the same trainer with other output layers, and an
n-gram.
"""
