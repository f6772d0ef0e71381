"""A gallery of the shelf as web pages that need no network; made of cards and the files beside them."""
