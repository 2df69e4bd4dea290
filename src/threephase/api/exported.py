"""The names of what an exported model's folder holds beside the model."""

CARD = "README.md"
ONNX = "onnx"  # the folder of the graph
