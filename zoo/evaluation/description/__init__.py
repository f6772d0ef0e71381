"""What a data set is like, and what about it will not work; arrays in, numbers and findings out."""
