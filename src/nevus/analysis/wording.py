"""The words a person reads where files and tables hold short names."""

from typing import Final

DIAGNOSIS_WORDS: Final = {
    "MEL": "Melanoma",
    "NV": "Melanocytic nevus",
    "BCC": "Basal cell carcinoma",
    "AKIEC": "Actinic keratosis or intraepithelial carcinoma",
    "BKL": "Benign keratosis",
    "DF": "Dermatofibroma",
    "VASC": "Vascular lesion",
}
"""By `nevus.labels.DIAGNOSES`."""

ATTRIBUTE_WORDS: Final = {
    "pigment_network": "Pigment network",
    "negative_network": "Negative network",
    "streaks": "Streaks",
    "milia_like_cyst": "Milia-like cysts",
    "globules": "Globules",
}
"""By `nevus.labels.ATTRIBUTES`."""

COLOUR_WORDS: Final = {
    "white": "white",
    "red": "red",
    "light_brown": "light brown",
    "dark_brown": "dark brown",
    "blue_grey": "blue-grey",
    "black": "black",
}
"""By `nevus.analysis.palette.COLOURS`."""

SEVERITY_WORDS: Final = {"serious": "Photo fault", "warning": "Warning", "info": "Note"}
"""By the severity of a quality flag, worst first."""

FLAG_WORDS: Final = {
    "small_photograph": "Small photograph",
    "blur": "Blurred",
    "under_exposed": "Dark",
    "over_exposed": "Burnt out",
    "dark_corners": "Dark corners",
    "hair": "Hair",
    "no_lesion": "No lesion found",
    "tiny_lesion": "Tiny lesion",
    "lesion_cut_off": "Lesion cut off",
    "off_centre": "Lesion off centre",
}
"""By the code of a quality flag."""
