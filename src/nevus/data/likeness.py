"""Whether two pictures show the same thing, whichever way they are turned, however lit.

Three passes, each seeing finer detail of fewer pairs: a correlation of coarse structure over all
pairs and the eight turns and flips; one that lets the pictures slide over each other; one of fine
detail that also lets them turn by 5 degrees and grow by 9 percent. Skin lesions are dark blobs on
a light ground, so that coarse structure alone pairs many that are merely alike; hairs, dots and
outlines tell lesions apart.

The thresholds were set by looking at pairs of ISIC 2018 photographs. Of 2,076,
30 pairs come out and by eye all of them show one lesion; one such pair seen while looking is
missed. With 3 percent cut off two neighbouring sides every photograph is found again, with 5
percent 35 of 42, with 8 percent 8 of 42.
"""

import math
from collections.abc import Callable, Iterator
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy import fft
from scipy.ndimage import affine_transform, gaussian_filter

from nevus.imaging.resizing import resize_image

SIDE = 96
COARSE, SLIDING, FINE = 0.65, 0.66, 0.63
TURNS = 8

_BLOCK = 512
_SLIDE = 8
_PROMISING = 0.5
# Degrees and shares: a coarse grid, then finer ones around the best so far.
_STEPS = tuple(
    ((-angle, 0.0, angle), (-scale, 0.0, scale))
    for angle, scale in ((3.0, 0.05), (1.5, 0.025), (0.75, 0.0125))
)

Kind = TypeVar("Kind", bound=np.generic)
Pictures = NDArray[np.float32]
Thumbnails = NDArray[np.uint8]
Candidates = NDArray[np.int64]
Spectra = NDArray[np.complex64]


def make_thumbnail(pixels: NDArray[np.uint8]) -> Thumbnails:
    """Return (96, 96) uint8, the grey thumbnail by which (H, W, 3) pixels are compared."""
    grey: Pictures = resize_image(pixels, (SIDE, SIDE)).mean(axis=2, dtype=np.float32)
    return grey.round().astype(np.uint8)


def find_alike(
    thumbnails: Thumbnails, progress: Callable[[int, int], None] | None = None
) -> list[tuple[int, int]]:
    """Return pairs (a, b), a < b, of positions that show the same thing, sorted.

    Args:
        thumbnails: (N, 96, 96) uint8.
        progress: Called with (done, total), not photographs but parts of the work.
    """
    if len(thumbnails) < 2:
        return []
    spectra = _spectra(thumbnails)
    found: set[tuple[int, int]] = set()
    blocks = math.ceil(len(thumbnails) / _BLOCK)
    for turn in range(TURNS):
        turned = _turned_spectra(spectra, turn)
        for block, candidates in enumerate(_find_candidates(thumbnails, turn)):
            if progress is not None:
                progress(turn * blocks + block, TURNS * blocks)
            for a, b in _let_slide(spectra, turned, candidates):
                if (a, b) not in found and match(thumbnails[a], thumbnails[b], turn) > FINE:
                    found.add((a, b))
    return sorted(found)


def _find_candidates(thumbnails: Thumbnails, turn: int) -> Iterator[Candidates]:
    coarse = _detail(_shrink(thumbnails, 4), 0.4, 2.0)
    window = _window(coarse.shape[1])
    upright = _normalise(coarse * window)
    turned = _normalise(_turn(coarse, turn) * window)
    for start in range(0, len(coarse), _BLOCK):
        # Pairs below the diagonal were met in the block of the other picture.
        alike = upright[start : start + _BLOCK] @ turned[start:].T
        rows, columns = np.nonzero(alike > COARSE)
        above = rows < columns
        yield np.stack((rows[above], columns[above]), axis=1) + start


def _spectra(thumbnails: Thumbnails) -> Spectra:
    parts = [
        fft.rfft2(_even_pictures(_shrink(block, 2), 0.6, 2.0, 4.0)) for block in _blocks(thumbnails)
    ]
    return np.concatenate(parts)


def _turned_spectra(spectra: Spectra, turn: int) -> Spectra:
    side = spectra.shape[1]
    parts = [
        fft.rfft2(np.ascontiguousarray(_turn(fft.irfft2(block, s=(side, side)), turn)))
        for block in _blocks(spectra)
    ]
    return np.concatenate(parts)


def _let_slide(spectra: Spectra, turned: Spectra, candidates: Candidates) -> Iterator[list[int]]:
    for block in _blocks(candidates):
        best = _best_slide(spectra[block[:, 0]], turned[block[:, 1]], _SLIDE // 2)
        yield from block[best > SLIDING].tolist()


def match(first: Thumbnails, second: Thumbnails, turn: int) -> float:
    """Return the highest correlation of fine detail over slides, small angles and scales.

    Args:
        first: (96, 96) uint8.
        second: (96, 96) uint8.
        turn: 0 to 7, how `second` is turned and flipped.
    """
    spectrum = fft.rfft2(_fine_detail(first[None].astype(np.float32)))
    turned = _turn(second[None].astype(np.float32), turn)[0]
    best, angle, scale = -1.0, 0.0, 1.0
    for step, (angles, scales) in enumerate(_STEPS):
        if step and best < _PROMISING:
            break
        variants = [(angle + a, scale + s) for a in angles for s in scales]
        warped = np.stack([_warp(turned, *variant) for variant in variants])
        likeness = _best_slide(spectrum, fft.rfft2(_fine_detail(warped)), _SLIDE)
        if likeness.max() > best:
            best = float(likeness.max())
            angle, scale = variants[int(likeness.argmax())]
    return best


def _best_slide(first: Spectra, second: Spectra, reach: int) -> Pictures:
    """Return the highest correlation over slides of up to `reach` pixels each way."""
    slides = np.arange(-reach, reach + 1)
    # Only near rows go through the second half of the transform. Matrix products would do it in
    # fewer operations, but so thin that threads mostly wait for each other.
    rows = fft.ifft(first * np.conj(second), axis=1)[:, slides]
    surface = fft.irfft(rows, n=first.shape[1], axis=2)[:, :, slides]
    best: Pictures = surface.max(axis=(1, 2))
    return best


def _warp(picture: Pictures, angle: float, scale: float) -> Pictures:
    radians = np.deg2rad(angle)
    cosine, sine = np.cos(radians) / scale, np.sin(radians) / scale
    matrix = np.array([[cosine, -sine], [sine, cosine]])
    centre = np.full(2, (SIDE - 1) / 2)
    offset = centre - matrix @ centre
    warped: Pictures = affine_transform(picture, matrix, offset, order=1, mode="nearest")
    return warped


def _even_pictures(pictures: Pictures, fine: float, coarse: float, spread: float) -> Pictures:
    """Return windowed detail of even contrast and norm 1: its product sum is a correlation."""
    detail = _detail(pictures, fine, coarse)
    power = gaussian_filter(detail * detail, (0, spread, spread))
    # The constant keeps noise and compression blocks of flat skin from being blown up.
    even = detail / (np.sqrt(power) + 1.5) * _window(pictures.shape[1])
    return _normalise(even).reshape(pictures.shape)


def _fine_detail(pictures: Pictures) -> Pictures:
    return _even_pictures(pictures, 0.8, 2.0, 6.0)


def _detail(pictures: Pictures, fine: float, coarse: float) -> Pictures:
    sharp = gaussian_filter(pictures, (0, fine, fine))
    detail: Pictures = sharp - gaussian_filter(pictures, (0, coarse, coarse))
    return detail


def _shrink(thumbnails: Thumbnails, factor: int) -> Pictures:
    side = SIDE // factor
    blocks = thumbnails.reshape(len(thumbnails), side, factor, side, factor)
    means: Pictures = blocks.mean(axis=(2, 4), dtype=np.float32)
    return means


def _window(side: int) -> Pictures:
    # The rim is where lens, ruler and crop differ between two photographs of one lesion.
    profile = np.cos(np.linspace(-1, 1, side) * np.pi / 2)
    return np.clip(np.outer(profile, profile) * 1.6, 0, 1).astype(np.float32)


def _turn(pictures: Pictures, turn: int) -> Pictures:
    turned = np.rot90(pictures, turn % 4, (1, 2))
    return turned[:, :, ::-1] if turn >= 4 else turned


def _normalise(pictures: Pictures) -> Pictures:
    flat = pictures.reshape(len(pictures), -1)
    centred = flat - flat.mean(axis=1, keepdims=True)
    norms: Pictures = np.linalg.norm(centred, axis=1, keepdims=True)
    return np.asarray(centred / np.maximum(norms, 1e-6), np.float32)


def _blocks(rows: NDArray[Kind]) -> Iterator[NDArray[Kind]]:
    for start in range(0, len(rows), _BLOCK):
        yield rows[start : start + _BLOCK]
