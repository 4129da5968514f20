"""What a run keeps on the disk: the state folder and the forms of its files."""
