"""Why does my loss not go down? Root causes, evidence and remedies for PyTorch training runs."""
