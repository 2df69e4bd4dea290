"""Fine-tune Transformer encoders in three phases: denoising autoencoder, contrastive learning, classifier.

Reference implementation of "Combining Denoising Autoencoders with Contrastive Learning to fine-tune
Transformer Models" (EMNLP 2023). Importing this package costs nothing: heavy libraries are imported by
the modules that need them.
"""

__version__ = "0.1.0"
