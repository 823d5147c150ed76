"""What a stranger's photograph may be, checked before anything is decoded."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """Largest and smallest photographs that are read.

    Attributes:
        max_bytes: File size in bytes.
        max_pixels: Height times width.
        min_side: Shorter side, pixels.
        max_aspect: Longer side over shorter side.
        max_scans: Scans of a progressive JPEG: each costs a pass over the whole picture.
    """

    max_bytes: int = 32 * 2**20
    max_pixels: int = 50_000_000
    min_side: int = 32
    max_aspect: float = 20.0
    max_scans: int = 64


DEFAULT_LIMITS = Limits()
