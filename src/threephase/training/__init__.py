"""What a phase hands to the training loop, the loop, and what is kept of a training."""
