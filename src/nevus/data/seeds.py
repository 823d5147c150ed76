"""Seeds that are pure functions of what they are for."""

import hashlib


def mix_seed(*parts: int | str) -> int:
    """Return a 63-bit seed that is a pure function of its parts."""
    digest = hashlib.blake2b(repr(parts).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "little") >> 1
