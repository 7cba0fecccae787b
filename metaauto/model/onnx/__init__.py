"""Export of an ensemble to ONNX."""

from metaauto.model.onnx.export import onnx_model

__all__ = ["onnx_model"]
