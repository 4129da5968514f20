"""What files say."""
