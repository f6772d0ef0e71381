"""Channel sums straight from the particle, without a response in between (FM paper, appendix E)."""
