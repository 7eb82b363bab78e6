"""How weights come in, where their files are, and the register MLflow keeps of them."""
