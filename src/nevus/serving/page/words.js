// The words of nevus.analysis; a test holds them equal, so this is plain JSON after the sign.
export const WORDS = {
  "notice": "Research use only. Not a medical device. Not for diagnosis or treatment decisions.",
  "diagnoses": {
    "MEL": "Melanoma",
    "NV": "Melanocytic nevus",
    "BCC": "Basal cell carcinoma",
    "AKIEC": "Actinic keratosis or intraepithelial carcinoma",
    "BKL": "Benign keratosis",
    "DF": "Dermatofibroma",
    "VASC": "Vascular lesion"
  },
  "attributes": {
    "pigment_network": "Pigment network",
    "negative_network": "Negative network",
    "streaks": "Streaks",
    "milia_like_cyst": "Milia-like cysts",
    "globules": "Globules"
  },
  "colours": {
    "white": "white",
    "red": "red",
    "light_brown": "light brown",
    "dark_brown": "dark brown",
    "blue_grey": "blue-grey",
    "black": "black"
  },
  "severities": {
    "serious": "Photo fault",
    "warning": "Warning",
    "info": "Note"
  },
  "notAssessed": [
    "ABCD rule (Stolz et al. 1994): no total dermoscopy score is computed. Its asymmetry also weighs colours and structures, here it is the outline's alone.",
    "ABCD rule: the abrupt ending of pigment in eight segments of the border is not measured; compactness and solidity describe the outline's shape, not its sharpness.",
    "ABCD rule: of the five differential structures, network, streaks and globules are looked for; dots and homogeneous areas are not.",
    "Seven-point checklist (Argenziano et al. 1998): whether a network is typical or atypical, and whether streaks, globules and pigmentation are regular, is not judged.",
    "Seven-point checklist: blue-whitish veil, regression structures and the vascular pattern are not assessed; the colours blue-grey and white alone do not tell them.",
    "Evolution, symptoms, age, site and the patient's other lesions are not known to nevus."
  ],
  "definitions": [
    {
      "name": "asymmetry_major",
      "letter": "A",
      "formula": "|M xor M'| / (2 |M|): M the lesion, M' its mirror image at the longer principal axis of its second moments, through the centre of mass",
      "unit": "share, 0 (symmetric) to 1",
      "source": "Stoecker, Li, Moss 1992, automatic detection of asymmetry in skin tumors"
    },
    {
      "name": "asymmetry_minor",
      "letter": "A",
      "formula": "as asymmetry_major, at the shorter principal axis",
      "unit": "share, 0 (symmetric) to 1",
      "source": "Stoecker, Li, Moss 1992, automatic detection of asymmetry in skin tumors"
    },
    {
      "name": "asymmetry",
      "letter": "A",
      "formula": "mean of asymmetry_major and asymmetry_minor",
      "unit": "share, 0 to 1",
      "source": "Stoecker, Li, Moss 1992, automatic detection of asymmetry in skin tumors"
    },
    {
      "name": "perimeter_pixels",
      "letter": "B",
      "formula": "pi / 8 (crossings of rows and columns + crossings of diagonals / sqrt 2), the lesion's box reduced to 256 pixels at most",
      "unit": "pixels of the photograph",
      "source": "Legland, Kieu, Devaux 2007, Minkowski measures on 2D and 3D binary images"
    },
    {
      "name": "compactness",
      "letter": "B",
      "formula": "perimeter^2 / (4 pi area)",
      "unit": "1 (disc) and more",
      "source": "Legland, Kieu, Devaux 2007, Minkowski measures on 2D and 3D binary images"
    },
    {
      "name": "solidity",
      "letter": "B",
      "formula": "area / area of the convex hull",
      "unit": "share, above 0 to 1 (convex)",
      "source": "elementary geometry"
    },
    {
      "name": "colour_shares",
      "letter": "C",
      "formula": "share of lesion pixels whose nearest of six reference colours in CIELAB is within 25 (CIE 1976 difference), after a shift that gives the skin around a* = b* = 14",
      "unit": "share, 0 to 1, per colour",
      "source": "colour names: Stolz et al. 1994, ABCD rule of dermatoscopy; references: nevus"
    },
    {
      "name": "colours",
      "letter": "C",
      "formula": "the colours whose share is at least 0.05",
      "unit": "names, 0 to 6 of them",
      "source": "colour names: Stolz et al. 1994, ABCD rule of dermatoscopy; references: nevus"
    },
    {
      "name": "feret_pixels",
      "letter": "D",
      "formula": "longest distance between two points of the lesion, corners of pixels included",
      "unit": "pixels; feret_mm in mm with a scale",
      "source": "elementary geometry"
    },
    {
      "name": "equal_area_pixels",
      "letter": "D",
      "formula": "2 sqrt(area / pi), the diameter of the disc of the same area",
      "unit": "pixels; equal_area_mm in mm with a scale",
      "source": "elementary geometry"
    },
    {
      "name": "area_share",
      "letter": "",
      "formula": "lesion pixels / all pixels",
      "unit": "share, 0 to 1",
      "source": "elementary geometry"
    }
  ]
};
