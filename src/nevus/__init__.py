"""nevus: dermoscopy toolkit for lesion segmentation, attributes and diagnosis (ISIC 2018).

Research use only. Not a medical device. Not for diagnosis or treatment decisions.
"""

__version__ = "0.1.0"
