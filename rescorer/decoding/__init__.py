"""From audio to n-best lists and lattices, with the recognisers that Python packages bring."""
