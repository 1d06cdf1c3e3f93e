"""Inside the user's training loop; the only importer of torch."""
