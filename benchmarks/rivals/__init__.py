"""The rivals of LightRNN: the same LSTM, the same trainer, other output layers."""
