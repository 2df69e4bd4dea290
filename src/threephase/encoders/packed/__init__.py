"""The fast engine: BERT and RoBERTa over batches without padding."""
