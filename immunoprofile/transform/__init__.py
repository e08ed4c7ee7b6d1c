"""transform: display scales of a channel with their inverses, and the checked compensation matrix."""

from immunoprofile.transform._compensation import Compensation, compensation_of
from immunoprofile.transform._defaults import channel_transform, make_transform
from immunoprofile.transform._kinds import Arcsinh, Linear, Log, Logicle, Transform
from immunoprofile.transform._threshold import linear_threshold

__all__ = [
    "Arcsinh",
    "Compensation",
    "Linear",
    "Log",
    "Logicle",
    "Transform",
    "channel_transform",
    "compensation_of",
    "linear_threshold",
    "make_transform",
]
