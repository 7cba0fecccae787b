"""The final model: predict, save, load, export; scikit-learn and skops are imported on demand."""

from __future__ import annotations

from metaauto.model.build import assemble_model, pack_members
from metaauto.model.final import FinalModel, Member
from metaauto.model.save import read_manifest

__all__ = ["FinalModel", "Member", "assemble_model", "pack_members", "read_manifest"]
