"""Vector quantisation: tokenisers of responses and particles, and the prior that draws tokens."""
