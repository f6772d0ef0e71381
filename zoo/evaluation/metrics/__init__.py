"""One measure a file: distances between distributions, errors per event, spread per particle."""
