"""Questions about the stored documents of a feed: lists, search, and how far each sink has them."""
