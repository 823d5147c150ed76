"""Files to arrays and back: photographs, masks, overlays. No torch."""
