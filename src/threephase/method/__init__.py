"""Section 3 of the paper, a module for each part.

| section, equation | what | module |
|---|---|---|
| 3.1 | noise X → X~: words that go | `noise`, on token ids `noised_tokens` |
| 3.1, eq. 1 | L_dae, reconstruction from one vector | `losses.ReconstructionLoss` |
| 3.2, eq. 2 | pairs of texts and the share of labels that they have in common | `pairs` |
| 3.2, eq. 3 | L_cl, cosine against that share | `losses.SiameseLoss` |
| 3.2.1, eqs. 4 to 7 | how far a small class grows | `imbalance` |
| 3.2.1 | noise on the copies by which it grows | `stop_words` |
| 3.3, eqs. 8 to 10 | the head of two layers, softmax and L_ft | `classifier` |
| 3.3.1, eq. 11 | L_dae + L_cl | `losses.JointLoss` |
| 4.3 | accuracy, precision, recall, F1 | `metrics` |
"""
