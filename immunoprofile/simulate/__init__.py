"""simulate: trials as real FCS files, with the truth of every event."""

from immunoprofile.simulate._sample import sample
from immunoprofile.simulate._trial import trial

__all__ = ["sample", "trial"]
