"""What the lab keeps of backups by itself: who asks for them, copies of a stack, and going back to any instant."""
