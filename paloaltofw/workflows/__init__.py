"""One story a file: from a command's options to what became of it."""
