"""The paper's study: its baselines, ablations and sensitivities on folders of noisy files."""
