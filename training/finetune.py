"""Fine-tune a LoRA adapter on the training file with TRL and PEFT (paper Eq. 9)."""
