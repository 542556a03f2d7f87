"""Sets of RobustFT's own, drawn by rules: what is asked, and what is right by construction."""
