"""Pretrained causal language models of Hugging Face transformers, as scorers of sentences."""
