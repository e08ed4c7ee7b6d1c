"""interchange: samples to and from FlowKit, fitted strategies as Gating-ML 2.0."""

from immunoprofile.interchange._flowkit import from_flowkit, to_flowkit
from immunoprofile.interchange._gatingml import gatingml_of
from immunoprofile.interchange._write import write_gatingml

__all__ = ["from_flowkit", "gatingml_of", "to_flowkit", "write_gatingml"]
