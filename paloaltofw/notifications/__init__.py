"""Who is told of a run: sees outcomes only. What is told when: messages; what was told already: memory."""
