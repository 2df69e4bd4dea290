"""Encoders: base models made ready, their tokens, and the engines that compute their vectors."""
